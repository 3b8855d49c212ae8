"""What the MASH front door says: one contact about one child, in the format of referral.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from connectors.mash_front_door.referral import Child, Referral
from hub.errors import NotUnderstood
from hub.inbound import Query
from hub.stream import Event
from schemas.fields import upn_check_letter_holds
from schemas.mash_referral import RETIRED_FACTORS, ContactReceived
from schemas.mash_referral.told import Overridden

SSD_NAMES: Mapping[str, str] = {
    "pers_person_id": "local_id",
    "pers_common_child_id": "nhs_number",
    "pers_upn": "upn",
    "pers_surname": "surname",
    "pers_forename": "forenames",
    "pers_dob": "born",
    "pers_expected_dob": "expected",
    "pers_sex": "sex",
    "pers_ethnicity": "ethnicity",
}


def referrals(message: dict[str, Any]) -> Iterator[Event | Query]:
    """
    A contact was received, or moved on (SSD `ssd_contacts`).

    Raises `pydantic.ValidationError` for what is not in the format or breaks a rule of the stream, and
    `NotUnderstood` for an anonymous referrer who is named and for a child born after the contact.
    """
    referral = Referral.model_validate(message)
    contact, child, teller = referral.contact, referral.child, referral.referrer
    if contact.cont_contact_source_code == "9" and teller.name is not None:
        raise NotUnderstood("referrer.named", "referrer.name", "source 9 is anonymous: leave out the name")
    if child.pers_dob is not None and child.pers_dob > _day_of(contact.cont_contact_date):
        raise NotUnderstood(
            "born.after-contact", "child.pers_dob", "give an unborn child's expected date as pers_expected_dob"
        )
    yield ContactReceived.model_validate(
        {
            "contact_id": contact.cont_contact_id,
            "received_at": contact.cont_contact_date,
            "stage": contact.stage,
            "source_code": contact.cont_contact_source_code,
            "child": _child(child),
            "household": [one.model_dump() for one in referral.household],
            "factors": referral.factors,
            "rag": contact.rag,
            "immediate_protection": contact.immediate_protection,
            "concern": contact.concern,
            "voice_of_child": contact.voice_of_child,
            "referrer": teller.model_dump(),
            "parents_know": contact.parents_know,
            "police_reference": contact.police_reference,
            "outcome": {
                name.lower(): flag == "Y" for name, flag in contact.cont_contact_outcome_json.model_dump().items()
            },
            "consent": referral.consent.model_dump() if referral.consent is not None else {"status": "not_sought"},
            "override": referral.override.model_dump() if referral.override is not None else None,
            "conflicts": referral.conflicts or None,
            "approvals": [one.model_dump() for one in referral.approvals] or None,
        }
    )
    yield from _queries(referral)


def _day_of(moment: datetime) -> date:
    """The day in England, an hour ahead of UTC at most: a worry may concern a birth just past midnight."""
    return (moment + timedelta(hours=1)).date()


def _child(child: Child) -> dict[str, Any]:
    """The SSD's names give way to the stream's; the rest are the same already."""
    values = child.model_dump()
    return {SSD_NAMES.get(name, name): value for name, value in values.items()}


def _queries(referral: Referral) -> Iterator[Query]:
    """What stands, and wants a person's look all the same; places are the sender's own words."""
    # Retired in the CIN census and still sent: validators elsewhere warn of them and do not refuse.
    if RETIRED_FACTORS.intersection(referral.factors):
        yield Query("factor.retired", "factors")
    # Many real UPNs fail their check letter, so that a refusal would lose the contact.
    if referral.child.pers_upn is not None and not upn_check_letter_holds(referral.child.pers_upn):
        yield Query("upn.check-letter", "child.pers_upn")
    if referral.override is not None and not _complete(referral.override):
        yield Query("override.incomplete", "override")


def _complete(override: Overridden) -> bool:
    """Whether a gate would accept the decision: a reason, an author and a time (hub.gates)."""
    return None not in (override.reason, override.author, override.recorded_at)
