"""What children's social care says: three extracts of its own, laid out in README.md, and four files of SSDA903."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    yield from ADOPTIONS.event(
        row,
        {
            "order_type": ORDERS.get(order),
            "adoption_decided": bool(row["perm_adm_decision_date"] or row["perm_ffa_cp_decision_date"]),
        },
    )


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
    yield from EPISODES.event(row)


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
