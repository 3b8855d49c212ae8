"""What children's social care says: three extracts and a status of its own, in README.md, and four files of SSDA903."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from connectors.social_care.status import SharingStatus
from hub.errors import NotUnderstood
from hub.formats.csv import Row
from hub.inbound import Query
from hub.stream import Event
from hub.table import Table
from schemas.adoption_case import AdoptionCaseChanged
from schemas.child_demographics import DemographicsChanged
from schemas.cpis_flag import FlagChanged
from schemas.fields import upn_check_letter_holds
from schemas.looked_after_child import LookedAfterRecorded
from schemas.sharing_status import SharingStatusRecorded

PLANS: Mapping[str, str] = {"CPP": "child_protection", "LAC": "looked_after", "UCP": "unborn_child_protection"}
"""The three cohorts as CP-IS abbreviates them (DCB1609)."""

ORDERS: Mapping[str, str] = {
    "adoption": "adoption",
    "sgo": "special_guardianship",
    "special guardianship order": "special_guardianship",
    "cao": "child_arrangements",
    "ro": "child_arrangements",
    "cao/ro": "child_arrangements",
}
"""SSD `perm_permanence_order_type`."""

SEXES: Mapping[str, str] = {"1": "M", "2": "F", "M": "M", "F": "F", "U": "U"}
"""SSDA903 SEX: 1 and 2 until 2024, letters since."""

ADOPTED = frozenset({"E11", "E12"})
"""SSDA903 REC: adopted, unopposed or with consent dispensed with; the episode's last day is that of the order."""

OTHER_NUMBERS = "adoption.other-numbers"
"""These files know no NHS number and no UPN: somebody must say, by a sharing status, that those are closed too."""

FLAGS = Table(
    FlagChanged,
    {
        "subject.nhs_number": "NHS_NUMBER",
        "subject.local_id": "CHILD_ID",
        "subject.surname": "SURNAME",
        "subject.forename": "FORENAME",
        "subject.born": "DOB",
        "plan": "PLAN",
        "started": "STARTED",
        "ended": "ENDED",
        "deleted": "DELETED",
        "authority.name": "AUTHORITY",
        "authority.ods_code": "ODS_CODE",
        "authority.office_phone": "OFFICE_PHONE",
        "authority.emergency_phone": "EMERGENCY_PHONE",
        "worker_id": "WORKER_ID",
    },
    ends=("ended",),
)

ADOPTIONS = Table(
    AdoptionCaseChanged,
    {
        "child.local_id": "perm_person_id",
        "child.surname": "pers_surname",
        "child.forename": "pers_forename",
        "child.born": "pers_dob",
        "decided": "perm_adm_decision_date",
        "ffa_decided": "perm_ffa_cp_decision_date",
        "placement_order": "perm_placement_order_date",
        "matched": "perm_matched_date",
        "placed": "perm_placed_for_adoption_date",
        "placed_ffa": "perm_placed_ffa_cp_date",
        "reversed_on": "perm_decision_reversed_date",
        "reversal_reason": "perm_decision_reversed_reason",
        "ordered": "perm_permanence_order_date",
        "order_type": "perm_permanence_order_type",
        "adopted_by_foster_carer": "perm_adopted_by_carer_flag",
        "adopters": "perm_number_of_adopters",
        "adopters_sex": "perm_adopter_sex",
        "adopters_legal_status": "perm_adopter_legal_status",
        "siblings_group": "perm_part_of_sibling_group",
        "siblings_together": "perm_siblings_placed_together",
        "siblings_apart": "perm_siblings_placed_apart",
    },
    doubtful={
        "reversal_reason": "code.unknown",
        "adopters_sex": "code.unknown",
        "adopters_legal_status": "code.unknown",
    },
)

DEMOGRAPHICS = Table(
    DemographicsChanged,
    {
        "child.nhs_number": "NHS_NUMBER",
        "child.upn": "UPN",
        "child.local_id": "CHILD_ID",
        "child.surname": "SURNAME",
        "child.forename": "FORENAME",
        "child.preferred_forename": "PREFERRED_FORENAME",
        "child.sex": "SEX",
        "child.born": "DOB",
        "child.address.line_1": "ADDRESS_1",
        "child.address.line_2": "ADDRESS_2",
        "child.address.line_3": "ADDRESS_3",
        "child.address.town": "TOWN",
        "child.address.county": "COUNTY",
        "child.address.postcode": "POSTCODE",
        "child.ethnicity": "ETHNICITY",
        "child.ethnicity_description": "ETHNICITY_DESCRIPTION",
        "child.restricted": "RESTRICTED",
        "school.urn": "SCHOOL_URN",
        "school.name": "SCHOOL_NAME",
        "school.dfe_number": "DFE_NUMBER",
        "school.year_group": "YEAR_GROUP",
        "school.started": "SCHOOL_STARTED",
    },
    # `restricted` too: what is neither yes nor no is not known, and the seal keeps such a record from everyone
    doubtful={
        "child.nhs_number": "nhs-number.invalid",
        "child.upn": "upn.form",
        "child.sex": "code.unknown",
        "child.address.postcode": "postcode.form",
        "child.ethnicity": "code.unknown",
        "child.restricted": "restricted.unknown",
        "school.urn": "school-urn.form",
        "school.dfe_number": "dfe-number.form",
    },
)

HEADER = Table(
    LookedAfterRecorded,
    {
        "child.local_id": "CHILD",
        "child.sex": "SEX",
        "child.born": "DOB",
        "child.ethnicity": "ETHNIC",
        "child.upn": "UPN",
        "child.mother": "MOTHER",
        "child.mothers_child_born": "MC_DOB",
    },
    doubtful={"child.sex": "code.unknown", "child.ethnicity": "code.unknown", "child.upn": "upn.form"},
)

EPISODES = Table(
    LookedAfterRecorded,
    {
        "child.local_id": "CHILD",
        "episode.started": "DECOM",
        "episode.reason_started": "RNE",
        "episode.legal_status": "LS",
        "episode.need": "CIN",
        "episode.placement": "PLACE",
        "episode.provider": "PLACE_PROVIDER",
        "episode.ended": "DEC",
        "episode.reason_ended": "REC",
        "episode.reason_changed": "REASON_PLACE_CHANGE",
        "episode.home_postcode": "HOME_POST",
        "episode.placement_postcode": "PL_POST",
        "episode.ofsted_urn": "URN",
    },
    doubtful={
        "episode.provider": "code.unknown",
        "episode.reason_ended": "code.unknown",
        "episode.reason_changed": "code.unknown",
        "episode.home_postcode": "postcode.form",
        "episode.placement_postcode": "postcode.form",
        "episode.ofsted_urn": "ofsted-urn.form",
    },
)

PLACED = Table(
    AdoptionCaseChanged,
    {
        "child.local_id": "CHILD",
        "child.born": "DOB",
        "decided": "DATE_PLACED",
        "reversed_on": "DATE_PLACED_CEASED",
        "reversal_reason": "REASON_PLACED_CEASED",
    },
    doubtful={"reversal_reason": "code.unknown"},
)

AD1 = Table(
    AdoptionCaseChanged,
    {
        "child.local_id": "CHILD",
        "child.born": "DOB",
        "decided": "DATE_INT",
        "matched": "DATE_MATCH",
        "adopted_by_foster_carer": "FOSTER_CARE",
        "adopters": "NB_ADOPTR",
        "adopters_sex": "SEX_ADOPTR",
        "adopters_legal_status": "LS_ADOPTR",
    },
    doubtful={"adopters_sex": "code.unknown", "adopters_legal_status": "code.unknown"},
)


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
    decided = bool(row["perm_adm_decision_date"] or row["perm_ffa_cp_decision_date"])
    for one in ADOPTIONS.event(row, {"order_type": ORDERS.get(order), "adoption_decided": decided}):
        yield one
        if isinstance(one, AdoptionCaseChanged) and one.order_type == "adoption" and one.ordered is not None:
            yield _closed(one.child.local_id, one.ordered)
            yield Query(OTHER_NUMBERS, "perm_person_id")


def demographics(row: Row) -> Iterator[Event | Query]:
    """Who a child is, where they live and learn, and whether the record is restricted."""
    yield from DEMOGRAPHICS.event(row)
    yield from _doubtful_upn(row)


def ssda903_header(row: Row) -> Iterator[Event | Query]:
    """A child looked after in the year (SSDA903 header)."""
    given: dict[str, Any] = {}
    if row["UPN"].upper().startswith("UN"):  # the column also holds UN1 to UN5: why there is no number
        given |= {"child.upn": None, "child.upn_unknown_reason": row["UPN"].upper()}
    if row["SEX"] in SEXES:
        given["child.sex"] = SEXES[row["SEX"]]
    yield from HEADER.event(row, given)
    yield from _doubtful_upn(row)


def ssda903_episodes(row: Row) -> Iterator[Event | Query]:
    """One episode of a child looked after (SSDA903 episodes)."""
    for one in EPISODES.event(row):
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
    """A child was adopted in the year: when it was decided, when matched, and by whom (SSDA903 ad1)."""
    yield from AD1.event(row, {"adoption_decided": True})


def _doubtful_upn(row: Row) -> Iterator[Query]:
    """Many real numbers fail their check letter: refusing them would lose the child (DfE, UPN guide)."""
    upn = row["UPN"].upper()
    if len(upn) == 13 and not upn_check_letter_holds(upn):
        yield Query("upn.check-letter", "UPN")
