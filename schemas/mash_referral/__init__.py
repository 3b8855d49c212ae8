"""
MASH referral: somebody told the front door of a worry about a child; what a plan or an episode is, is elsewhere.

The shape is that of the Standard Safeguarding Dataset (SSD, `ssd_contacts`), with the fields that a referral form
asks for; the two code lists are the CIN census's ReferralSource and AssessmentFactors.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.gates import Approval, Consent, Override
from hub.stream import Event, Sensitivity, Stream
from schemas.fields import (
    Address,
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

# fmt: off
ReferralSource = Literal[
    "1A", "1B", "1C", "1D",              # family; acquaintance; self; other
    "2A", "2B",                          # school; education services
    "3A", "3B", "3C", "3D", "3E", "3F",  # GP; health visitor; school nurse; other primary; A&E; other health
    "4",                                 # housing
    "5A", "5B", "5C", "5D",              # adult care; other internal; another authority; early help
    "6", "7", "8", "9", "10",            # police; other legal; other; anonymous; unknown
]
"""CIN census, ReferralSource."""

FactorCode = Literal[
    "1A", "1B", "1C", "2A", "2B", "2C", "3A", "3B", "3C", "4A", "4B", "4C", "5A", "5B", "5C", "6A", "6B", "6C",
    "7A", "8B", "8C", "8D", "8E", "8F", "9A", "10A", "11A", "12A", "13A", "14A", "15A", "16A", "17A",
    "18A", "18B", "18C", "19A", "19B", "19C", "20", "21", "22A", "23A", "24A",
]
"""CIN census 2026, AssessmentFactors, and the two retired ones that case systems still send."""
# fmt: on

RETIRED_FACTORS: Final = frozenset({"18A", "19A"})
"""Replaced by 18B/18C and 19B/19C: accepted, and worth a query."""

Rag = Literal["red", "amber", "green", "blue"]
"""How urgent the front door rates it; the hours of each are local."""


class Child(Event):
    """The child the worry is about, who may be unborn, unnamed or unknown to every system."""

    nhs_number: Annotated[NhsNumber | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    upn: Annotated[Upn | None, Field(description="Unique pupil number."), Sensitivity.IDENTIFIER] = None
    local_id: Annotated[
        LocalId | None, Field(description="The child's number in the case system."), Sensitivity.IDENTIFIER
    ] = None
    surname: Annotated[Name | None, Field(description="Surname."), Sensitivity.PERSONAL] = None
    forenames: Annotated[Name | None, Field(description="All forenames."), Sensitivity.PERSONAL] = None
    known_as: Annotated[Name | None, Field(description="Other names in use."), Sensitivity.PERSONAL] = None
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    expected: Annotated[
        Day | None, Field(description="Expected date of delivery, for an unborn child."), Sensitivity.SPECIAL
    ] = None
    sex: Annotated[Sex | None, Field(description="Sex."), Sensitivity.PERSONAL] = None
    ethnicity: Annotated[
        EthnicityCode | None, Field(description="Ethnicity by the CIN census's list."), Sensitivity.SPECIAL
    ] = None
    first_language: Annotated[
        Name | None, Field(description="The language first learnt at home."), Sensitivity.SPECIAL
    ] = None
    interpreter_needed: Annotated[
        bool | None, Field(description="Whether an interpreter is needed."), Sensitivity.PERSONAL
    ] = None
    address: Annotated[Address | None, Field(description="Home address."), Sensitivity.CONTACT] = None
    current_address: Annotated[
        Address | None, Field(description="Where the child stays now, if not at home."), Sensitivity.CONTACT
    ] = None
    reason_for_residence: Annotated[
        Words | None,
        Field(description="Why the child stays elsewhere; shows private fostering."),
        Sensitivity.NARRATIVE,
    ] = None
    school_urn: Annotated[Urn | None, Field(description="The school the child attends."), Sensitivity.CONTACT] = None
    gp_ods: Annotated[
        OdsCode | None, Field(description="The practice the child is registered with."), Sensitivity.CONTACT
    ] = None
    address_confidential: Annotated[
        bool | None,
        Field(description="Whether nobody may learn where the child is, as in a refuge; what is not said is a yes."),
        Sensitivity.SPECIAL,
    ] = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.born is not None and self.expected is not None:
            raise PydanticCustomError("born_and_expected", "a child is born or expected, not both")
        if self.born is None and self.expected is None and self.surname is None:
            raise PydanticCustomError("nobody", "a child needs a surname, a date of birth or an expected date")
        return self


class HouseholdMember(Event):
    """Somebody who lives with the child or visits regularly."""

    surname: Annotated[Name, Field(description="Surname."), Sensitivity.PERSONAL]
    forenames: Annotated[Name, Field(description="All forenames."), Sensitivity.PERSONAL]
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    relationship: Annotated[Name, Field(description="What they are to the child."), Sensitivity.PERSONAL]
    parental_responsibility: Annotated[
        bool | None, Field(description="Whether they hold parental responsibility."), Sensitivity.SPECIAL
    ] = None
    alleged_perpetrator: Annotated[
        bool | None, Field(description="Whether harm is alleged against them."), Sensitivity.CRIMINAL
    ] = None


class Referrer(Event):
    """Who told; an anonymous referrer's name goes no further than the person who took the call."""

    name: Annotated[Name | None, Field(description="Who told."), Sensitivity.PERSONAL] = None
    role: Annotated[Name | None, Field(description="In what post or role."), Sensitivity.PERSONAL] = None
    organisation: Annotated[Name | None, Field(description="For which organisation."), Sensitivity.PERSONAL] = None
    relationship: Annotated[Name | None, Field(description="What they are to the child."), Sensitivity.PERSONAL] = None
    anonymous: Annotated[bool, Field(description="Whether they asked not to be named."), Sensitivity.PERSONAL]

    @model_validator(mode="after")
    def _stays_anonymous(self) -> Self:
        if self.anonymous and self.name is not None:
            raise PydanticCustomError("anonymous_but_named", "leave out the name of a referrer who is anonymous")
        return self


class ContactOutcome(Event):
    """What came of the contact: the ten flags of the SSD's `cont_contact_outcome_json`."""

    new_referral_flag: Annotated[bool, Field(description="Became a new referral."), Sensitivity.SPECIAL] = False
    existing_referral_flag: Annotated[bool, Field(description="Joined an open referral."), Sensitivity.SPECIAL] = False
    cp_enquiry_flag: Annotated[bool, Field(description="Led to a child protection enquiry."), Sensitivity.SPECIAL] = (
        False
    )
    nfa_flag: Annotated[bool, Field(description="No further action."), Sensitivity.SPECIAL] = False
    non_agency_adoption_flag: Annotated[
        bool, Field(description="Concerns an adoption outside an agency."), Sensitivity.SPECIAL
    ] = False
    private_fostering_flag: Annotated[bool, Field(description="Concerns private fostering."), Sensitivity.SPECIAL] = (
        False
    )
    advice_flag: Annotated[bool, Field(description="Information and advice given."), Sensitivity.SPECIAL] = False
    missing_flag: Annotated[bool, Field(description="The child is missing."), Sensitivity.SPECIAL] = False
    ola_cp_flag: Annotated[
        bool, Field(description="On another authority's child protection plan."), Sensitivity.SPECIAL
    ] = False
    other_outcomes_exist_flag: Annotated[
        bool, Field(description="There are outcomes outside this list."), Sensitivity.SPECIAL
    ] = False


class ContactReceived(Event):
    """A contact came in or moved on (SSD `ssd_contacts`); asked of its own record whether it may be shared."""

    contact_id: Annotated[
        LocalId, Field(description="The contact's number where it was taken."), Sensitivity.IDENTIFIER
    ]
    received_at: Annotated[
        Moment, Field(description="When it was received; the decision clock starts here."), Sensitivity.PERSONAL
    ]
    stage: Annotated[
        Literal["contact", "referral", "assessment", "closed"],
        Field(description="How far the case has come."),
        Sensitivity.SPECIAL,
    ]
    source_code: Annotated[ReferralSource, Field(description="What kind of person or body told."), Sensitivity.PERSONAL]
    child: Annotated[Child, Field(description="The child it is about."), Sensitivity.NARRATIVE]
    household: Annotated[
        tuple[HouseholdMember, ...],
        Field(max_length=50, description="Who lives with the child or visits."),
        Sensitivity.CRIMINAL,
    ] = ()
    factors: Annotated[
        tuple[FactorCode, ...],
        Field(max_length=44, description="What bears on the child, by the CIN census's AssessmentFactors."),
        Sensitivity.SPECIAL,
    ] = ()
    rag: Annotated[Rag, Field(description="How urgent it is rated."), Sensitivity.SPECIAL]
    immediate_protection: Annotated[
        bool, Field(description="Whether the child must be protected at once."), Sensitivity.SPECIAL
    ]
    concern: Annotated[
        Narrative | None, Field(description="The cause for concern in the teller's words."), Sensitivity.NARRATIVE
    ] = None
    voice_of_child: Annotated[
        Narrative | None, Field(description="What the child said or showed."), Sensitivity.NARRATIVE
    ] = None
    referrer: Annotated[Referrer, Field(description="Who told."), Sensitivity.PERSONAL]
    parents_know: Annotated[bool | None, Field(description="Whether the parents know of it."), Sensitivity.SPECIAL] = (
        None
    )
    police_reference: Annotated[
        LocalId | None, Field(description="The police's occurrence number."), Sensitivity.CRIMINAL
    ] = None
    outcome: Annotated[ContactOutcome, Field(description="What came of it so far."), Sensitivity.SPECIAL]
    consent: Annotated[Consent, Field(description="Whether sharing was agreed to."), Sensitivity.PERSONAL]
    override: Annotated[
        Override | None, Field(description="Why it is shared without consent."), Sensitivity.SPECIAL
    ] = None
    conflicts: Annotated[
        tuple[Name, ...] | None,
        Field(max_length=50, description="Agencies that must not hear: whom the child is in danger of works there."),
        Sensitivity.CRIMINAL,
    ] = None
    approvals: Annotated[
        tuple[Approval, ...] | None,
        Field(max_length=20, description="Which pieces of free text were released, and by whom."),
        Sensitivity.OPEN,
    ] = None

    @model_validator(mode="after")
    def _no_factors_stands_alone(self) -> Self:
        if "21" in self.factors and len(self.factors) > 1:
            raise PydanticCustomError("no_factors_and_factors", "factor 21 says that there is none; it stands alone")
        return self


stream = Stream(
    name="mash_referral",
    event=ContactReceived,
    key=("child.nhs_number", "child.upn", "child.local_id"),
    subject=(("nhs_number", "child.nhs_number"), ("upn", "child.upn"), ("case_id", "child.local_id")),
    born="child.born",
    expected="child.expected",
    conflicts="conflicts",
    confidential="child.address_confidential",
    approvals="approvals",
    keep="days",
    steward="safeguarding",
    lane="urgent",
    stage="stage",
    consent="consent",
    override="override",
)
