"""The Standard Safeguarding Dataset's tables that are taken, ssd_person and ssd_permanence: their columns and codes."""

from __future__ import annotations

from collections.abc import Mapping

from hub.table import Table
from schemas.adoption_case import AdoptionCaseChanged
from schemas.child_demographics import DemographicsChanged

ORDERS: Mapping[str, str] = {
    "adoption": "adoption",
    "sgo": "special_guardianship",
    "special guardianship order": "special_guardianship",
    "cao": "child_arrangements",
    "ro": "child_arrangements",
    "cao/ro": "child_arrangements",
}
"""SSD `perm_permanence_order_type`."""

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
        "placed_foster_carer": "perm_placed_foster_carer_date",
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

PERSON = Table(
    DemographicsChanged,
    {
        "child.nhs_number": "pers_common_child_id",
        "child.upn": "pers_upn",
        "child.local_id": "pers_person_id",
        "child.surname": "pers_surname",
        "child.forename": "pers_forename",
        "child.sex": "pers_sex",
        "child.born": "pers_dob",
    },
    doubtful={"child.nhs_number": "nhs-number.invalid", "child.upn": "upn.form", "child.sex": "code.unknown"},
)
