"""The public protection notice: what the force's JSON may hold, field by field; what it means is in inbound.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hub.formats.part import Part
from schemas.fields import Day, EthnicityCode, LocalId, Moment, Name, Narrative, OdsCode, Sex, Urn, Words
from schemas.mash_referral.told import Agreed, Factor, Overridden, Place

Grade = Literal["High", "Medium", "Low"]
Reference = Annotated[LocalId, StringConstraints(max_length=32)]
Circumstances = Annotated[Narrative, StringConstraints(max_length=8_000)]


class Incident(Part):
    """What the officers were called to."""

    at: Annotated[Moment, Field(description="Date and time of the incident, with its offset.")]
    location: Annotated[Words | None, Field(description="Where it happened.")] = None


class Regrade(Part):
    """The central safeguarding team's own grade, which takes the place of the officer's."""

    grade: Annotated[Grade, Field(description="The grade that counts.")]
    rationale: Annotated[Words, Field(description="Why it was changed.")]


class Officer(Part):
    """Who reports."""

    name: Annotated[Name | None, Field(description="The reporting officer.")] = None
    role: Annotated[Name, Field(description="Rank or post.")]


class Relationship(Part):
    """What a subject is to one child of the notice."""

    child: Annotated[StrictInt, Field(ge=1, description="The number of the child.")]
    relationship: Annotated[Name, Field(description="What the subject is to that child: mother, stepfather, brother.")]
    parental_responsibility: Annotated[
        StrictBool | None, Field(description="Whether they hold it for that child; left out where not known.")
    ] = None


class Subject(Part):
    """Somebody whom the notice is about."""

    number: Annotated[
        StrictInt, Field(ge=1, le=999, description="The notice's own number of the subject; it never moves.")
    ]
    role: Annotated[
        Literal["victim", "suspect", "child", "other"],
        Field(description="What part they had. A child who is a victim or a suspect is told by the date of birth."),
    ]
    surname: Annotated[Name | None, Field(description="Surname.")] = None
    forenames: Annotated[Name | None, Field(description="All forenames.")] = None
    known_as: Annotated[Name | None, Field(description="Other names in use.")] = None
    born: Annotated[Day | None, Field(description="Date of birth.")] = None
    expected: Annotated[
        Day | None, Field(description="Expected date of delivery, for an unborn child: a subject of their own.")
    ] = None
    sex: Annotated[Sex | None, Field(description="`M`, `F` or `U`.")] = None
    ethnicity: Annotated[
        EthnicityCode | None, Field(description="A child's ethnicity, by the CIN census's list; missed is queried.")
    ] = None
    address: Annotated[Place | None, Field(description="A child's home address.")] = None
    school_urn: Annotated[
        Urn | None, Field(description="A child's school, by its URN; missed is queried, never refused.")
    ] = None
    gp_ods: Annotated[OdsCode | None, Field(description="A child's practice, by its ODS code.")] = None
    present: Annotated[StrictBool | None, Field(description="Whether the child was there at the incident.")] = None
    seen: Annotated[StrictBool | None, Field(description="Whether an officer saw the child.")] = None
    spoken_to: Annotated[StrictBool | None, Field(description="Whether an officer spoke to the child.")] = None
    voice_of_child: Annotated[Narrative | None, Field(description="What the child said or showed.")] = None
    relationships: Annotated[
        tuple[Relationship, ...], Field(max_length=50, description="What they are to each child of the notice.")
    ] = ()


class Notice(Part):
    """One public protection notice: a document of its own, or an element of an array."""

    id: Annotated[LocalId, Field(description="The force's own id of this message: the same id is the same message.")]
    reference: Annotated[Reference, Field(description="The notice's own reference in the force.")]
    occurrence_number: Annotated[LocalId, Field(description="The occurrence it belongs to.")]
    sent_at: Annotated[Moment, Field(description="When the force sent it; the decision clock starts here.")]
    type: Annotated[
        Literal["child", "domestic_abuse", "adult"], Field(description="Which form of notice the officer filled in.")
    ]
    incident: Annotated[Incident, Field(description="What the officers were called to.")]
    grade: Annotated[
        Grade | None, Field(description="The officer's grade: `High`, `Medium` or `Low`; without one it is refused.")
    ] = None
    regrade: Annotated[
        Regrade | None, Field(description="The central safeguarding team's grade, where it changed the officer's.")
    ] = None
    immediate_protection: Annotated[StrictBool, Field(description="Whether a child must be protected at once.")]
    circumstances: Annotated[Circumstances, Field(description="What happened, at most 8,000 characters.")]
    factors: Annotated[
        tuple[Factor, ...],
        Field(
            max_length=44, description="What bears on the children, by the CIN census's AssessmentFactors; any case."
        ),
    ] = ()
    reporting_officer: Annotated[Officer, Field(description="Who reports.")]
    subjects: Annotated[
        tuple[Subject, ...], Field(min_length=1, max_length=50, description="Everybody whom the notice is about.")
    ]
    parents_know: Annotated[StrictBool | None, Field(description="Whether the parents know that it is sent.")] = None
    consent: Annotated[
        Agreed | None, Field(description="What the family answered; left out, it counts as not sought.")
    ] = None
    override: Annotated[
        Overridden | None, Field(description="The decision to share without consent, where one was taken.")
    ] = None

    @model_validator(mode="after")
    def _numbers_tell_subjects_apart(self) -> Notice:
        numbers = {subject.number for subject in self.subjects}
        if len(numbers) < len(self.subjects):
            raise PydanticCustomError("number_twice", "two subjects have the same number")
        named = {one.child for subject in self.subjects for one in subject.relationships}
        if not named <= numbers:
            raise PydanticCustomError("no_such_subject", "a relationship names a child that the notice does not have")
        return self
