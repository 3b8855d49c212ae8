"""The extracts whose layout was agreed for this hub, CP-IS flags and demographics: which column fills which field."""

from __future__ import annotations

from collections.abc import Mapping

from hub.table import Table
from schemas.child_demographics import DemographicsChanged
from schemas.cpis_flag import FlagChanged

PLANS: Mapping[str, str] = {"CPP": "child_protection", "LAC": "looked_after", "UCP": "unborn_child_protection"}
"""The three cohorts as CP-IS abbreviates them (DCB1609)."""

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
