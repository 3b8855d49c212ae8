"""Explanations: what one agency hears of one event, field by field and rule by rule, in an officer's words."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hub.catalog import Catalog
from hub.disclosure import NOT_GRANTED, Verdict
from hub.document import near
from hub.envelope import Record
from hub.errors import CatalogError, NotUnderstood
from hub.following import Following
from hub.keys import Keys
from hub.outbound import Desk
from hub.policy import Grant, cite
from hub.stream import Stream
from hub.sync import as_synced
from hub.view import View
from hub.wire import record_of

RULES = {
    "view.doubt": "something said of the child's wishes or safety could not be read, and doubt withholds",
    "sealed.adoption": "the child was adopted: nothing that names them as they were before is told to anyone",
    "sealed.legal-hold": "a court or legal adviser has stopped all sharing about this child",
    "sealed.conflict": "the person of whom the child is in danger works there",
    "sealed.restricted": "the record is marked sensitive, or is not said not to be: nobody hears it from the hub",
    "trial": "the agency is on trial: it is tested, and sent nothing",
    "expires": "the agreement has ended",
    "hears": "no policy lets this agency hear this stream",
    "gate.consent.absent": "nobody recorded that the family agreed",
    "gate.consent.refused": "the family said no",
    "gate.consent.withdrawn": "the family took its agreement back",
    "gate.consent.not-sought": "the family was not asked",
    "gate.consent.sought": "the family was asked and has not answered",
    "gate.consent.unknown": "what the family answered is none of the words there are for it",
    "gate.consent.not-yet": "the answer is dated in the future",
    "gate.consent.lapsed": "the family's agreement was given until a day that has passed",
    "gate.consent.by-nobody": "it is not recorded who agreed",
    "gate.consent.not-by-young-person": "the young person is 16 or more, and has not agreed themselves",
    "gate.consent.age-unknown": "a parent agreed, and it is not known whether the child is under 16",
    "gate.restriction": "the family had the use of the data restricted (UK GDPR article 18)",
    "gate.objection.raised": "the family objected (UK GDPR article 21), and nobody has answered yet",
    "gate.objection.upheld": "the family objected (UK GDPR article 21), and the objection was upheld",
    "gate.opt-out.unknown": "it is not said whose event it is, so that nobody knows whether they opted out",
    "gate.opt-out.opted-out": "the family opted out, and nothing is left of what may be told all the same",
    "gate.contact-stage.past": "the case is past the point of contact, where MASH partners may hear of it",
    "gate.contact-stage.absent": "the event does not say that it is at the point of contact",
    "gate.contact-stage.no-consent-nor-override":
        "no agreement is recorded, and no decision to share without it with reason, author and time",
    "gate.significant-harm.unrecorded": "no decision to share without agreement is recorded",
    "gate.significant-harm.no-reason": "the decision to share without agreement gives no reason",
    "gate.significant-harm.no-author": "the decision to share without agreement names no author",
    "gate.significant-harm.no-recorded": "the decision to share without agreement has no time",
    "gate.significant-harm.not-yet": "the decision to share without agreement is dated in the future",
    "unreadable": "the event could not be read: it is in quarantine",
    "error": "something went wrong while deciding, and doubt withholds",
}  # fmt: skip
LIMITS = {
    "address": "where the child is may not be told, or nobody said that it may",
    "opt-out": "the family opted out of more than name, address and date of birth",
    "match.probable": "it is probable, not certain, who the child is",
    "match.possible": "it is possible, not certain, who the child is",
    "match.unknown": "it is not said how certain it is who the child is",
    "text.unapproved": "no named person released this text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision with its ground, and what became of each field, with the sentence that describes the field."""

    agency: str
    stream: str
    released: bool
    rule: str
    why: str
    relied: str
    grant: Grant | None
    ground: str
    fields: tuple[tuple[str, str, str], ...]


def explain(
    catalog: Catalog, agency: str, stream: str, event: Path, *, now: datetime, standing: Path | None = None
) -> Explanation:
    """
    Decide the event in the file *event* as the relay would at *now*, with what the file *standing* says of the child.

    The standing is taken as known since the day before. Raises CatalogError for an agency or stream that is not there,
    NotUnderstood for a file that is no such event.
    """
    catalog = _named(catalog, agency, stream)
    said, keys = catalog.streams[stream], Keys(secrets.token_bytes(32))
    record = _record(catalog, said, keys, event, now)
    following = Following(catalog)
    if standing is not None:
        following.take(_record(catalog, catalog.standing[0], keys, standing, now - timedelta(days=1)))
    return explain_record(catalog, agency, stream, record, keys, following.view, now=now)


def explain_record(
    catalog: Catalog, agency: str, stream: str, record: Record, keys: Keys, view: View, *, now: datetime
) -> Explanation:
    """The same of an event as it lies on its topic, with what is known of children in *view*."""
    catalog = _named(catalog, agency, stream)
    said = catalog.streams[stream]
    policy = catalog.policies.get(agency)
    grant = policy.hears.get(stream) if policy is not None else None
    receipts = Desk(catalog, said, keys).carry(record, now=now, view=view).receipts
    outcome = next((one.outcome for one in receipts if one.agency == agency), None)
    rule = outcome.rule if outcome is not None else "trial" if catalog.agencies[agency].status == "trial" else "hears"
    verdicts = {one.path: one for one in outcome.fields} if outcome is not None else {}
    fields = tuple(
        (fact.name, _verdict(verdicts.get(fact.name)), fact.sentence) for fact in said.facts() if fact.record is None
    )
    ground = f"{cite(grant)}; privacy notice, section “{grant.notice}”" if grant is not None else ""
    relied = outcome.relied if outcome is not None else ""
    return Explanation(agency, stream, not rule, rule, in_words(rule, grant), relied, grant, ground, fields)


def _named(catalog: Catalog, agency: str, stream: str) -> Catalog:
    """The catalog as it would be once synced, where it has both; raises CatalogError where it has not."""
    if agency not in catalog.agencies:
        raise CatalogError([f"no agency {agency!r}; {near(agency, catalog.agencies)}"])
    if stream not in catalog.streams:
        raise CatalogError([f"no stream {stream!r}; {near(stream, catalog.streams)}"])
    return as_synced(catalog)


def _record(catalog: Catalog, stream: Stream, keys: Keys, path: Path, now: datetime) -> Record:
    """The event in a file, as the gateway would put it on its topic at *now*."""
    (values,) = events_in(path, stream, several=False)
    return record_of(
        catalog, keys, stream, values, keys.event_id("explain", stream.name, path.name, 0), "/explain", now
    )


def events_in(path: Path, stream: Stream, *, several: bool) -> list[dict[str, Any]]:
    """
    The values of the event of *stream* that the JSON file *path* holds, or of *several* in a list.

    Raises NotUnderstood where it holds no such event.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        listed = said if several and isinstance(said, list) else [said]
        return [stream.event.model_validate(one).model_dump() for one in listed]
    except ValidationError as error:
        raise NotUnderstood.from_validation(error) from None
    except (ValueError, RecursionError):
        raise NotUnderstood("json.unreadable", str(path), "the file is not JSON") from None


def _verdict(said: Verdict | None) -> str:
    if said is None:
        return "withheld"
    if said.verdict == "coarsened":
        return f"coarsened to {said.rule}"
    if said.verdict == "released":
        return "released"
    if said.rule == NOT_GRANTED:
        return "withheld: the policy does not name it"
    return f"withheld: {LIMITS[said.rule]}" if said.rule in LIMITS else "withheld"


def in_words(rule: str, grant: Grant | None) -> str:
    """A rule's name in an officer's words."""
    if rule.startswith("where.") and grant is not None:
        path = rule.removeprefix("where.")
        wanted = " or ".join(str(value) for value in grant.where.get(path, ()))
        return f"{path} is not {wanted}"
    if rule.startswith("address."):
        return f"{rule.removeprefix('address.')} is empty, so nobody is named to receive it"
    if rule.startswith("fields.") and (limit := rule.removeprefix("fields.")) in LIMITS:
        return f"{LIMITS[limit]}, and what is left does not make a message"
    if rule.startswith("match."):
        return LIMITS.get(rule, "it is not certain who the child is")
    if rule.startswith("fields."):
        return "the second check, or an error, stopped it after the policy had released it"
    return RULES.get(rule, "")
