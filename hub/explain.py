"""Explanations: what one agency hears of one event, field by field and rule by rule, in an officer's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hub.agency import Agency, Hearing
from hub.catalog import Catalog
from hub.document import near
from hub.errors import CatalogError, NotUnderstood
from hub.policy import Grant, Withheld, decide
from hub.stream import pick
from hub.topology import cite

RULES = {
    "sealed.restricted": "the record is marked sensitive, or is not said not to be: nobody hears it from the hub",
    "trial": "the agency is on trial: it is tested, and sent nothing",
    "expires": "the agreement has ended",
    "hears": "no policy lets this agency hear this stream",
    "gate.consent.absent": "nobody recorded that the family agreed",
    "gate.consent.refused": "the family said no",
    "gate.consent.withdrawn": "the family took its agreement back",
    "gate.consent.not-sought": "the family was not asked",
    "gate.contact-stage.past": "the case is past the point of contact, where MASH partners may hear of it",
    "gate.contact-stage.absent": "the event does not say that it is at the point of contact",
    "gate.contact-stage.no-consent-nor-override":
        "no agreement is recorded, and no decision to share without it with reason, author and time",
    "gate.significant-harm.unrecorded": "no decision to share without agreement is recorded",
    "gate.significant-harm.no-reason": "the decision to share without agreement gives no reason",
    "gate.significant-harm.no-author": "the decision to share without agreement names no author",
    "gate.significant-harm.no-recorded": "the decision to share without agreement has no time",
    "error": "something went wrong while deciding, and doubt withholds",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision with its ground, and what became of each field, with the sentence that describes the field."""

    agency: str
    stream: str
    released: bool
    rule: str
    why: str
    grant: Grant | None
    ground: str
    fields: tuple[tuple[str, str, str], ...]


def explain(catalog: Catalog, agency: str, stream: str, event: Path, *, now: datetime) -> Explanation:
    """
    Decide the event in the file *event* as the relay would at *now*.

    Raises CatalogError for an agency or stream that is not there, NotUnderstood for a file that is no such event.
    """
    if agency not in catalog.agencies:
        raise CatalogError([f"no agency {agency!r}; {near(agency, catalog.agencies)}"])
    if stream not in catalog.streams:
        raise CatalogError([f"no stream {stream!r}; {near(stream, catalog.streams)}"])
    said, policy = catalog.streams[stream], catalog.policies.get(agency)
    try:
        values = said.event.model_validate(json.loads(event.read_text(encoding="utf-8"))).model_dump()
    except ValidationError as error:
        raise NotUnderstood.from_validation(error) from None
    except (ValueError, RecursionError):
        raise NotUnderstood("json.unreadable", str(event), "the file is not JSON") from None
    decision = decide(values, policy, said, now=now)
    grant = policy.hears.get(stream) if policy is not None else None
    known = catalog.agencies[agency]
    rule = decision.rule if isinstance(decision, Withheld) else _undelivered(known, known.hears.get(stream), values)
    released = not rule
    fields = tuple(
        (fact.name, _verdict(fact.name, grant, released), fact.sentence) for fact in said.facts() if fact.record is None
    )
    ground = f"{cite(grant)}; privacy notice, section “{grant.notice}”" if grant is not None else ""
    return Explanation(agency, stream, released, rule, in_words(rule, grant), grant, ground, fields)


def _undelivered(agency: Agency, hearing: Hearing | None, values: Mapping[str, Any]) -> str:
    """The rule that keeps back what the policy would release, or nothing."""
    if agency.status == "trial":
        return "trial"
    if hearing is None:
        return "hears"
    if hearing.addressed_by is not None and not (pick(values, hearing.addressed_by) or hearing.otherwise):
        return f"address.{hearing.addressed_by}"
    return ""


def _verdict(path: str, grant: Grant | None, released: bool) -> str:
    if not released or grant is None:
        return "withheld"
    if path in grant.coarse:
        return f"coarsened to {grant.coarse[path]}"
    return "released" if path in grant.fields else "withheld: the policy does not name it"


def in_words(rule: str, grant: Grant | None) -> str:
    """A rule's name in an officer's words."""
    if rule.startswith("where.") and grant is not None:
        path = rule.removeprefix("where.")
        wanted = " or ".join(str(value) for value in grant.where.get(path, ()))
        return f"{path} is not {wanted}"
    if rule.startswith("address."):
        return f"{rule.removeprefix('address.')} is empty, so nobody is named to receive it"
    if rule.startswith("fields."):
        return "the second check, or an error, stopped it after the policy had released it"
    return RULES.get(rule, "")
