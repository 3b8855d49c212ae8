"""
Child demographics: who a child is, where they live and which school they attend, as it now is; no case matters.

The fields are those of the NHS school-move extract and of the class and cohort lists that schools give to school
health teams. A record whose `child.restricted` is not said to be False goes to nobody.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import (
    Address,
    Code,
    Day,
    DfeNumber,
    Email,
    EthnicityCode,
    LocalId,
    Name,
    NhsNumber,
    Phone,
    Sex,
    Upn,
    Urn,
)


class Child(Event):
    """A child as a school or the authority knows them (NHS school-move extract)."""

    nhs_number: Annotated[NhsNumber | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    upn: Annotated[Upn | None, Field(description="Unique pupil number."), Sensitivity.IDENTIFIER] = None
    local_id: Annotated[
        LocalId | None, Field(description="The child's number in the sender's system."), Sensitivity.IDENTIFIER
    ] = None
    surname: Annotated[Name, Field(description="Legal surname."), Sensitivity.PERSONAL]
    forename: Annotated[Name, Field(description="Legal forename."), Sensitivity.PERSONAL]
    preferred_forename: Annotated[
        Name | None, Field(description="The forename in daily use."), Sensitivity.PERSONAL
    ] = None
    sex: Annotated[Sex | None, Field(description="Sex."), Sensitivity.PERSONAL] = None
    born: Annotated[Day, Field(description="Date of birth."), Sensitivity.PERSONAL]
    address: Annotated[Address | None, Field(description="Home address."), Sensitivity.CONTACT] = None
    ethnicity: Annotated[
        EthnicityCode | None, Field(description="Ethnicity by the CIN census's list."), Sensitivity.SPECIAL
    ] = None
    ethnicity_description: Annotated[
        Name | None, Field(description="Ethnicity in the family's words."), Sensitivity.SPECIAL
    ] = None
    restricted: Annotated[
        bool | None,
        Field(description="Whether the record is sensitive: an S-flag, a refuge, a protected identity."),
        Sensitivity.SPECIAL,
    ] = None


class School(Event):
    """Where the child is on roll (Get Information About Schools; class list)."""

    urn: Annotated[Urn | None, Field(description="Unique reference number."), Sensitivity.CONTACT] = None
    name: Annotated[Name | None, Field(description="The school's name."), Sensitivity.CONTACT] = None
    dfe_number: Annotated[
        DfeNumber | None,
        Field(description="Authority and establishment number, seven digits."),
        Sensitivity.CONTACT,
    ] = None
    year_group: Annotated[Code | None, Field(description="National curriculum year."), Sensitivity.PERSONAL] = None
    registration: Annotated[Name | None, Field(description="Class or registration group."), Sensitivity.CONTACT] = None
    started: Annotated[Day | None, Field(description="First day on roll."), Sensitivity.PERSONAL] = None


class Parent(Event):
    """A parent or carer whom a school health team may ask for consent (class list)."""

    name: Annotated[Name | None, Field(description="Full name."), Sensitivity.PERSONAL] = None
    relationship: Annotated[Name | None, Field(description="What they are to the child."), Sensitivity.PERSONAL] = None
    email: Annotated[Email | None, Field(description="E-mail address."), Sensitivity.CONTACT] = None
    phone: Annotated[Phone | None, Field(description="Telephone."), Sensitivity.CONTACT] = None


class DemographicsChanged(Event):
    """Who a child is, where they live and learn, whole, as it now is (NHS school-move extract)."""

    child: Annotated[Child, Field(description="The child."), Sensitivity.SPECIAL]
    school: Annotated[School | None, Field(description="Where the child is on roll."), Sensitivity.CONTACT] = None
    parents: Annotated[
        tuple[Parent, ...], Field(max_length=10, description="Parents and carers."), Sensitivity.CONTACT
    ] = ()


stream = Stream(
    name="child_demographics",
    event=DemographicsChanged,
    key=("child.nhs_number", "child.upn", "child.local_id"),
    subject=(("nhs_number", "child.nhs_number"), ("upn", "child.upn"), ("case_id", "child.local_id")),
    born="child.born",
    keep="days",
    steward="health",
    restricted="child.restricted",
)
