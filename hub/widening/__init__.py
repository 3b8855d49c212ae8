"""
Widenings: what one set of policies would disclose that another does not; whatever is not provably less is more.

To be proven is, for every event: whoever hears it after the change heard it before, and what they hear of it follows
from what they heard. Where that cannot be shown the change wants a second person (`hub.approvals`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.approvals import Approvals
from hub.document import Document
from hub.policy import Grant, Policy
from hub.stream import Stream
from hub.widening.change import About, Change
from hub.widening.grants import COMPARED, either, heard, ways
from hub.widening.whole import freed

__all__ = ["Change", "approved", "compare", "unapproved"]

Policies = Mapping[str, Policy]


def compare(
    old: Policies, new: Policies, streams: Mapping[str, Stream], documents: Mapping[str, Document] | None = None
) -> list[Change]:
    """
    Every change from the policies *old* to the policies *new*, agency by agency, over the same *streams*.

    *documents*, today's by their places as a catalog has them, give the changes their lines.
    """
    found: list[Change] = []
    for agency in sorted({*old, *new}):
        about = About(agency, document=(documents or {}).get(f"connectors/{agency}/policy.yaml"))
        found += _policies(old.get(agency), new.get(agency), streams, about)
    return found


def unapproved(
    old: Policies,
    new: Policies,
    streams: Mapping[str, Stream],
    approvals: Mapping[str, Approvals],
    documents: Mapping[str, Document] | None = None,
) -> dict[str, list[Change]]:
    """The widenings, agency by agency, of the policies of *new* that no second person approved as they stand."""
    found: dict[str, list[Change]] = {}
    for change in compare(old, new, streams, documents):
        if change.widens and not approved(change.agency, new, approvals):
            found.setdefault(change.agency, []).append(change)
    return found


def approved(agency: str, policies: Policies, approvals: Mapping[str, Approvals]) -> bool:
    """Whether two persons approved the policy of *agency* as it stands in *policies*."""
    policy, known = policies.get(agency), approvals.get(agency)
    return policy is not None and known is not None and known.of(policy.version) is not None


def _policies(old: Policy | None, new: Policy | None, streams: Mapping[str, Stream], about: About) -> Iterator[Change]:
    if old is None:
        yield about.change("agency-new", "hears from the hub for the first time", "agreement", widens=True)
    elif new is None:
        yield about.change("agency-gone", "hears nothing from the hub any more", widens=False)
    else:
        yield from _agreements(old, new, about)
    before, after = (one.hears if one is not None else {} for one in (old, new))
    for name in sorted({*before, *after}):
        yield from _grants(
            before.get(name), after.get(name), streams.get(name), About(about.agency, name, about.document)
        )


def _agreements(old: Policy, new: Policy, about: About) -> Iterator[Change]:
    """What a policy says of all that it grants: `hears` is compared by itself, and `version` only names the file."""
    for name in type(new).model_fields:
        was, is_now = getattr(old, name, None), getattr(new, name)
        if was == is_now or name in ("hears", "version"):
            continue
        if name == "expires":
            later = new.expires > old.expires
            what = f"the agreement ends {'later' if later else 'earlier'}: {new.expires}, and was {old.expires}"
            yield about.change("expires", what, "expires", widens=later)
        elif name == "agreement":
            yield about.change("agreement", f"the agreement is {is_now}, and was {was}", "agreement", widens=True)
        else:
            yield about.unknown(name)


def _grants(old: Grant | None, new: Grant | None, stream: Stream | None, about: About) -> Iterator[Change]:
    if new is None:
        yield about.change("stream-gone", "is not heard any more", widens=False)
    elif old is None:
        only = "".join(f", where {path} is {either(values)}" for path, values in new.where.items())
        yield about.change("stream-new", f"is newly heard, by the gate {new.gate}{only}", "gate", widens=True)
        yield from heard({}, ways(new), about, new)
    else:  # not only where old != new: Python calls True and 1 equal, and `where` does not
        for name in type(new).model_fields:
            compared = COMPARED.get(name)
            if compared is not None:
                yield from compared(old, new, about)
            elif getattr(old, name, None) != getattr(new, name):
                yield about.unknown(name)
        if stream is not None:
            yield from freed(old, new, stream, about)
