"""
Hospital attendance: somebody came to, was moved in or left a hospital, or their record there changed; not why.

Fields follow the HL7 v2 ADT events as the HL7 UK standard (A.3) and the NHS ITK ADT specifications use them. No
reason, complaint or diagnosis is carried: the hub needs to know that a child came, not what ails them.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.identified import Identified
from hub.stream import Event, Local, Sensitivity, Stream
from schemas.fields import Code, Day, LocalId, Moment, Name, NhsNumber, OdsCode, Postcode, Sex

Happening = Literal[
    "arrived",  # A04
    "admitted",  # A01
    "discharged",  # A03
    "updated",  # A08
    "admission_cancelled",  # A11
    "discharge_cancelled",  # A13
    "person_added",  # A28
    "person_updated",  # A31
    "person_merged",  # A40
]


class Patient(Event):
    """Who came, as the hospital knows them (HL7 v2 PID)."""

    nhs_number: Annotated[NhsNumber | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    nhs_number_verified: Annotated[
        bool | None, Field(description="Whether the NHS number was traced and verified."), Sensitivity.PERSONAL
    ] = None
    hospital_number: Annotated[
        LocalId | None, Field(description="The hospital's own number."), Sensitivity.IDENTIFIER
    ] = None
    hospital_number_authority: Annotated[
        Code | None, Field(description="Who gave that number, as an ODS code or a local name."), Sensitivity.OPEN
    ] = None
    surname: Annotated[Name | None, Field(description="Surname."), Sensitivity.PERSONAL] = None
    forename: Annotated[Name | None, Field(description="Forename."), Sensitivity.PERSONAL] = None
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    sex: Annotated[Sex | None, Field(description="Sex."), Sensitivity.PERSONAL] = None
    postcode: Annotated[Postcode | None, Field(description="Home postcode."), Sensitivity.CONTACT] = None
    restricted: Annotated[
        bool | None, Field(description="Whether the record is sensitive (S-flag)."), Sensitivity.SPECIAL
    ] = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.nhs_number is None and self.hospital_number is None:
            raise PydanticCustomError("no_identifier", "a patient needs an NHS number or a hospital number")
        return self


class AttendanceReported(Event):
    """A hospital reported one event of a patient's stay or record (HL7 v2 ADT, HL7 UK A.3)."""

    patient: Annotated[Patient, Field(description="Who came."), Sensitivity.SPECIAL]
    happened: Annotated[Happening, Field(description="What happened."), Sensitivity.SPECIAL]
    at: Annotated[Moment, Field(description="When it happened."), Sensitivity.SPECIAL]
    recorded_at: Annotated[Moment | None, Field(description="When the hospital recorded it."), Sensitivity.PERSONAL] = (
        None
    )
    organisation_ods: Annotated[OdsCode | None, Field(description="The trust."), Sensitivity.OPEN] = None
    site_ods: Annotated[OdsCode | None, Field(description="The site."), Sensitivity.SPECIAL] = None
    location: Annotated[
        Name | None, Field(description="Ward or department, which can tell of an illness."), Sensitivity.SPECIAL
    ] = None
    patient_class: Annotated[
        Code | None, Field(description="Emergency, inpatient, outpatient (HL7 table 0004)."), Sensitivity.SPECIAL
    ] = None
    visit_number: Annotated[
        LocalId | None, Field(description="The attendance's or admission's number."), Sensitivity.IDENTIFIER
    ] = None
    admission_method: Annotated[
        Code | None, Field(description="NHS Data Dictionary, ADMISSION METHOD."), Sensitivity.SPECIAL
    ] = None
    source_of_admission: Annotated[
        Code | None, Field(description="NHS Data Dictionary, SOURCE OF ADMISSION."), Sensitivity.SPECIAL
    ] = None
    discharge_destination: Annotated[
        Code | None, Field(description="NHS Data Dictionary, DISCHARGE DESTINATION."), Sensitivity.SPECIAL
    ] = None
    discharged_at: Annotated[Moment | None, Field(description="When the patient left."), Sensitivity.SPECIAL] = None
    former_nhs_number: Annotated[
        NhsNumber | None, Field(description="The NHS number that a merge discards."), Sensitivity.IDENTIFIER
    ] = None
    former_hospital_number: Annotated[
        LocalId | None, Field(description="The hospital number that a merge discards."), Sensitivity.IDENTIFIER
    ] = None
    identified: Annotated[
        Identified | None,
        Field(description="By which NHS number it is carried, where that is not the one that was sent."),
        Sensitivity.IDENTIFIER,
    ] = None

    former_hospital_number_authority: Annotated[
        Code | None,
        Field(description="Who gave the number that a merge discards, as an ODS code or a local name."),
        Sensitivity.OPEN,
    ] = None

    @model_validator(mode="after")
    def _merge_names_both(self) -> Self:
        former = self.former_nhs_number is not None or self.former_hospital_number is not None
        if self.happened == "person_merged" and not former:
            raise PydanticCustomError("merge_of_one", "a merge needs the number that is discarded")
        return self


stream = Stream(
    name="hospital_attendance",
    event=AttendanceReported,
    subject=(
        ("nhs_number", "patient.nhs_number"),
        ("nhs_number", "former_nhs_number"),
        ("nhs_number", "identified.nhs_number"),
    ),
    also=(
        Local("hospital_number", "patient.hospital_number", ("patient.hospital_number_authority", "organisation_ods")),
        Local("hospital_number", "former_hospital_number", ("former_hospital_number_authority", "organisation_ods")),
    ),
    verified="patient.nhs_number_verified",
    merged=(
        ("former_nhs_number", "patient.nhs_number"),
        ("former_hospital_number", "patient.hospital_number"),
    ),
    identified="identified",
    born="patient.born",
    key=(
        "identified.nhs_number",
        "patient.nhs_number",
        "organisation_ods/patient.hospital_number",
        "patient.hospital_number",
    ),
    keep="days",
    steward="health",
    lane="urgent",
)
