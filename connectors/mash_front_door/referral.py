"""The referral format: what the front door's JSON may hold, field by field; what it means is in inbound.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, model_validator

from hub.formats.part import Part
from schemas.fields import (
    Day,
    EthnicityCode,
    LocalId,
    Moment,
    Name,
    Narrative,
    NhsNumber,
    OdsCode,
    Sex,
    Upn,
    Urn,
    Words,
)
from schemas.mash_referral import Rag, ReferralSource
from schemas.mash_referral.told import Agreed, Factor, Overridden, Place

YesNo = Literal["Y", "N", ""]
"""A flag of the SSD: every key is always there, and an empty string is what its extracts write for no."""


class Outcome(Part):
    """The ten flags of the SSD's `cont_contact_outcome_json`: all ten, always."""

    NEW_REFERRAL_FLAG: Annotated[YesNo, Field(description="Became a new referral.")]
    EXISTING_REFERRAL_FLAG: Annotated[YesNo, Field(description="Joined an open referral.")]
    CP_ENQUIRY_FLAG: Annotated[YesNo, Field(description="Led to a child protection enquiry.")]
    NFA_FLAG: Annotated[YesNo, Field(description="No further action.")]
    NON_AGENCY_ADOPTION_FLAG: Annotated[YesNo, Field(description="Concerns an adoption outside an agency.")]
    PRIVATE_FOSTERING_FLAG: Annotated[YesNo, Field(description="Concerns private fostering.")]
    ADVICE_FLAG: Annotated[YesNo, Field(description="Information and advice given.")]
    MISSING_FLAG: Annotated[YesNo, Field(description="The child is missing.")]
    OLA_CP_FLAG: Annotated[YesNo, Field(description="On another authority's child protection plan.")]
    OTHER_OUTCOMES_EXIST_FLAG: Annotated[YesNo, Field(description="There are outcomes outside this list.")]

    @model_validator(mode="before")
    @classmethod
    def _blank_is_absent(cls, values: Any) -> Any:
        """Here an empty string is an answer, and stays."""
        return values


class Contact(Part):
    """What was told, when, by what kind of person, and how urgent it is (SSD `ssd_contacts`)."""

    cont_contact_id: Annotated[LocalId, Field(description="The contact's number in the case system.")]
    cont_contact_date: Annotated[Moment, Field(description="When it was received; the decision clock starts here.")]
    cont_contact_source_code: Annotated[
        ReferralSource, Field(description="What kind of person or body told, by the CIN census's ReferralSource.")
    ]
    cont_contact_outcome_json: Annotated[
        Outcome, Field(description="What came of it so far: all ten flags, each `Y`, `N` or empty.")
    ]
    stage: Annotated[
        Literal["contact", "referral", "assessment", "closed"],
        Field(description="How far the case has come; partners hear of it at `contact` only."),
    ]
    rag: Annotated[Rag, Field(description="How urgent it is rated: `red`, `amber`, `green` or `blue`.")]
    immediate_protection: Annotated[StrictBool, Field(description="Whether the child must be protected at once.")]
    concern: Annotated[Narrative | None, Field(description="The cause for concern in the teller's words.")] = None
    voice_of_child: Annotated[Narrative | None, Field(description="What the child said or showed.")] = None
    parents_know: Annotated[StrictBool | None, Field(description="Whether the parents know of the contact.")] = None
    police_reference: Annotated[LocalId | None, Field(description="The police's occurrence number.")] = None


class Child(Part):
    """The child the contact is about (SSD `ssd_person`)."""

    pers_person_id: Annotated[LocalId | None, Field(description="The child's number in the case system.")] = None
    pers_common_child_id: Annotated[NhsNumber | None, Field(description="NHS number.")] = None
    pers_upn: Annotated[Upn | None, Field(description="Unique pupil number.")] = None
    pers_surname: Annotated[Name | None, Field(description="Surname.")] = None
    pers_forename: Annotated[Name | None, Field(description="All forenames.")] = None
    known_as: Annotated[Name | None, Field(description="Other names in use.")] = None
    pers_dob: Annotated[Day | None, Field(description="Date of birth; never an expected one.")] = None
    pers_expected_dob: Annotated[
        Day | None, Field(description="Expected date of delivery, for an unborn child, in place of `pers_dob`.")
    ] = None
    pers_sex: Annotated[Sex | None, Field(description="`M`, `F` or `U`.")] = None
    pers_ethnicity: Annotated[
        EthnicityCode | None, Field(description="Ethnicity as the family gave it, by the CIN census's list.")
    ] = None
    first_language: Annotated[Name | None, Field(description="The language first learnt at home.")] = None
    interpreter_needed: Annotated[StrictBool | None, Field(description="Whether an interpreter is needed.")] = None
    address: Annotated[Place | None, Field(description="Home address.")] = None
    current_address: Annotated[Place | None, Field(description="Where the child stays now, if not at home.")] = None
    reason_for_residence: Annotated[
        Words | None, Field(description="Why the child stays elsewhere; shows private fostering.")
    ] = None
    address_confidential: Annotated[
        StrictBool | None,
        Field(description="Whether nobody may learn where the child is, as in a refuge; left out, nobody does."),
    ] = None
    school_urn: Annotated[Urn | None, Field(description="The school the child attends, by its URN.")] = None
    gp_ods: Annotated[OdsCode | None, Field(description="The practice the child is registered with.")] = None


class Member(Part):
    """Somebody who lives with the child or visits regularly."""

    surname: Annotated[Name, Field(description="Surname.")]
    forenames: Annotated[Name, Field(description="All forenames.")]
    born: Annotated[Day | None, Field(description="Date of birth.")] = None
    relationship: Annotated[Name, Field(description="What they are to the child.")]
    parental_responsibility: Annotated[
        StrictBool | None, Field(description="Whether they hold parental responsibility; left out where not known.")
    ] = None
    alleged_perpetrator: Annotated[
        StrictBool | None, Field(description="Whether harm is alleged against them; left out where not known.")
    ] = None


class Teller(Part):
    """Who told."""

    name: Annotated[Name | None, Field(description="Who told; left out for an anonymous referrer.")] = None
    role: Annotated[Name | None, Field(description="In what post or role.")] = None
    organisation: Annotated[Name | None, Field(description="For which organisation.")] = None
    relationship: Annotated[Name | None, Field(description="What they are to the child.")] = None
    anonymous: Annotated[StrictBool, Field(description="Whether they asked not to be named.")]


class Approved(Part):
    """One piece of free text that a named person released to those whom a policy lets hear it."""

    field: Annotated[Literal["concern", "voice_of_child"], Field(description="Which: `concern` or `voice_of_child`.")]
    by: Annotated[Name, Field(description="Who released it.")]
    approved_at: Annotated[Moment, Field(description="When.")]


class Referral(Part):
    """One contact about one child: a document of its own, or an element of an array."""

    id: Annotated[
        LocalId, Field(description="The sender's own id of this message: the same id again is the same message.")
    ]
    contact: Annotated[Contact, Field(description="What was told, and how urgent it is.")]
    child: Annotated[Child, Field(description="The child it is about; one document for each child.")]
    factors: Annotated[
        tuple[Factor, ...],
        Field(max_length=44, description="What bears on the child, by the CIN census's AssessmentFactors; any case."),
    ] = ()
    household: Annotated[
        tuple[Member, ...], Field(max_length=50, description="Who lives with the child or visits regularly.")
    ] = ()
    referrer: Annotated[Teller, Field(description="Who told.")]
    consent: Annotated[
        Agreed | None, Field(description="What the family answered; left out, it counts as not sought.")
    ] = None
    override: Annotated[
        Overridden | None, Field(description="The decision to share without consent, where one was taken.")
    ] = None
    conflicts: Annotated[
        tuple[Name, ...],
        Field(
            max_length=50,
            description="Agencies, by their names in the hub, that must not hear: the person of whom the child is in "
            "danger works there.",
        ),
    ] = ()
    approvals: Annotated[
        tuple[Approved, ...], Field(max_length=20, description="Pieces of free text that may be passed on.")
    ] = ()
