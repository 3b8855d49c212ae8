"""The files of the children looked after return (SSDA903) that are taken: which column fills which field, and codes."""

from __future__ import annotations

from collections.abc import Mapping

from hub.table import Table
from schemas.adoption_case import AdoptionCaseChanged
from schemas.looked_after_child import LookedAfterRecorded

SEXES: Mapping[str, str] = {"1": "M", "2": "F", "M": "M", "F": "F", "U": "U"}
"""SSDA903 SEX: 1 and 2 until 2024, letters since."""

ADOPTED = frozenset({"E11", "E12"})
"""SSDA903 REC: adopted, unopposed or with consent dispensed with; the episode's last day is that of the order."""

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
