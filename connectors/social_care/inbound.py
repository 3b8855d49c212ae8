"""What children's social care says: extracts and a status of its own, tables of the SSD, and files of SSDA903."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, get_args

from connectors.social_care.extracts import DEMOGRAPHICS, FLAGS, PLANS
from connectors.social_care.ssd import ADOPTIONS, ORDERS, PERSON
from connectors.social_care.ssda903 import AD1, ADOPTED, EPISODES, HEADER, PLACED, SEXES
from connectors.social_care.status import SharingStatus
from hub.errors import NotForUs, NotUnderstood
from hub.formats.csv import Row
from hub.inbound import Query
from hub.stream import Event
from schemas.adoption_case import AdoptionCaseChanged
from schemas.fields import upn_check_letter_holds
from schemas.looked_after_child import LookedAfterRecorded, ReasonEnded
from schemas.sharing_status import SharingStatusRecorded

OTHER_NUMBERS = "adoption.other-numbers"
"""These files know no NHS number and no UPN: somebody must say, by a sharing status, that those are closed too."""
NOT_CLOSED_YET = "adoption.order-not-said"
"""The child was adopted and the file does not say when: the episodes do, or somebody must, by a sharing status."""


def flags(row: Row) -> Iterator[Event | Query]:
    """A child protection plan or care status began, changed, ended or was withdrawn (DCB1609)."""
    plan = PLANS.get(row["PLAN"].upper())
    if plan is None:
        raise NotUnderstood("plan.unknown", "PLAN", "write CPP, LAC or UCP")
    yield from FLAGS.event(row, {"plan": plan})


def adoptions(row: Row) -> Iterator[Event | Query]:
    """How far a child's way to adoption, or to another permanent order, has come (SSD `ssd_permanence`)."""
    order = row["perm_permanence_order_type"].lower()
    if order and order not in ORDERS:
        raise NotUnderstood("order.unknown", "perm_permanence_order_type", "write Adoption, SGO or CAO/RO")
    if row["perm_permanence_order_date"] and not order:
        mend = "write Adoption, SGO or CAO/RO: an adoption order closes the child's identifiers"
        raise NotUnderstood("order.unsaid", "perm_permanence_order_type", mend)
    decided = bool(row["perm_adm_decision_date"] or row["perm_ffa_cp_decision_date"])
    given = {"order_type": ORDERS.get(order), "adoption_decided": decided, "whole": True}
    for one in ADOPTIONS.event(row, given):
        yield one
        if isinstance(one, AdoptionCaseChanged) and one.order_type == "adoption" and one.ordered is not None:
            yield _closed(one.child.local_id, one.ordered)
            yield Query(OTHER_NUMBERS, "perm_person_id")


def demographics(row: Row) -> Iterator[Event | Query]:
    """Who a child is, where they live and learn, and whether the record is restricted."""
    yield from DEMOGRAPHICS.event(row)
    yield from _doubtful_upn(row, "UPN")


def ssd_person(row: Row) -> Iterator[Event | Query]:
    """
    Which NHS number, UPN and case number are of one child (SSD `ssd_person`).

    The table cannot say whether the record is restricted, so nobody hears of what comes of it: it serves the hub's own
    matching. Of a child who is not born yet there is no number, and of one who died nobody is to be written to.
    """
    if not row["pers_dob"] and row["pers_expected_dob"]:
        raise NotForUs("person.unborn")
    if row["pers_death_date"]:
        raise NotForUs("person.died")
    yield from PERSON.event(row)
    yield from _doubtful_upn(row, "pers_upn")


def ssda903_header(row: Row) -> Iterator[Event | Query]:
    """A child looked after in the year (SSDA903 header)."""
    given: dict[str, Any] = {}
    if row["UPN"].upper().startswith("UN"):  # the column also holds UN1 to UN5: why there is no number
        given |= {"child.upn": None, "child.upn_unknown_reason": row["UPN"].upper()}
    if row["SEX"] in SEXES:
        given["child.sex"] = SEXES[row["SEX"]]
    yield from HEADER.event(row, given)
    yield from _doubtful_upn(row, "UPN")


def ssda903_episodes(row: Row) -> Iterator[Event | Query]:
    """
    One episode of a child looked after (SSDA903 episodes).

    A reason why it ended that is in no list is refused: it may be an adoption, which closes the child's identifiers.
    """
    ended = row["REC"].upper()
    if ended and ended not in get_args(ReasonEnded):
        raise NotUnderstood("code.unknown", "REC", "write a code of the year's guide: it may be that of an adoption")
    for one in EPISODES.event(row, {"episode.reason_ended": ended} if ended else {}):
        yield one
        episode = one.episode if isinstance(one, LookedAfterRecorded) else None
        if isinstance(one, LookedAfterRecorded) and episode is not None and episode.reason_ended in ADOPTED:
            yield _closed(one.child.local_id, episode.ended or episode.started)
            yield Query(OTHER_NUMBERS, "CHILD")


def sharing_status(message: dict[str, Any]) -> Iterator[Event | Query]:
    """
    What a child, and those who speak for them, have said on being told of (UK GDPR articles 7, 18 and 21).

    Raises `pydantic.ValidationError` for what is not in the format, or names nobody.
    """
    said = SharingStatus.model_validate(message).model_dump()
    said.pop("id")
    yield SharingStatusRecorded.model_validate(said)


def _closed(case_id: str, ordered: date) -> SharingStatusRecorded:
    """An adoption order closes the identifiers that the child had: the hub tells nobody of them again."""
    return SharingStatusRecorded(case_id=case_id, adopted=ordered)


def ssda903_placed_for_adoption(row: Row) -> Iterator[Event | Query]:
    """It was decided that a child should be placed for adoption, or no longer (SSDA903 placed_for_adoption)."""
    if not row["DATE_PLACED"]:
        raise NotUnderstood("cell.blank", "DATE_PLACED", "fill it in: without the decision there is nothing to tell")
    yield from PLACED.event(row, {"adoption_decided": True})


def ssda903_ad1(row: Row) -> Iterator[Event | Query]:
    """
    A child was adopted in the year: when it was decided, when matched, and by whom (SSDA903 ad1).

    When the order was made is not in this file but in the episodes, whose last day it is. Where those do not come,
    somebody must close the child's identifiers by a sharing status.
    """
    yield from AD1.event(row, {"adoption_decided": True})
    yield Query(NOT_CLOSED_YET, "CHILD")


def _doubtful_upn(row: Row, column: str) -> Iterator[Query]:
    """Many real numbers fail their check letter: refusing them would lose the child (DfE, UPN guide)."""
    upn = row[column].upper()
    if len(upn) == 13 and not upn_check_letter_holds(upn):
        yield Query("upn.check-letter", column)
