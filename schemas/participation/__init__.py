"""
Participation: what a young person is doing after 16, as the authority's caseload system knows it; attendance is not.

Fields and code lists are those of the National Client Caseload Information System (NCCIS, the Department for
Education's management information requirement): young person, current activity, characteristics, September Guarantee.
Two facts that policies ask for stand here because they are worked out from others, and are held against them: whether
the young person was 16, on the day that the record speaks of, and whether the activity is one of none.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hub.gates import of_age
from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Address, Code, Day, EthnicityCode, LaCode, LocalId, Name, Phone, Sex, Uln, Upn

# fmt: off
ActivityCode = Literal[
    "210", "220", "230", "240", "250", "260", "270", "280", "290",          # learning; 290 in custody
    "310", "320", "330", "340", "350", "360", "380", "381",                 # apprenticeship, work
    "410", "430", "440", "450", "460", "530", "540", "550",                 # training, and on the way to it
    "610", "615", "616", "619", "620", "630", "640", "650", "660", "670", "680",  # none: neither of these
    "710",                                                                  # custody
    "810", "820", "830",                                                    # not known
]
"""NCCIS, ActivityCode."""

NEET: Final = frozenset({"540", "610", "615", "616", "619", "620", "630", "640", "650", "660", "670", "680"})
"""The activities that count as not in education, employment or training; 540 is work, but not for reward."""

CohortStatus = Literal["P", "G", "A", "L", "T", "E", "M", "D"]
"""NCCIS, CohortStatus: P and G belong to the cohort; all others have left it, and are reported once."""

Characteristic = Literal["110", "120", "130", "140", "150", "160", "170", "180", "190"]
"""NCCIS, CharacteristicCode: looked after, parent, refugee, carer, substances, care leaver, youth offending, pregnant,
parent who does not care for the child."""
# fmt: on

LevelOfNeed = Literal["1", "2", "3"]
"""NCCIS, LevelOfNeedCode: intensive, extra or minimum support."""


def _ukprn(value: str) -> str:
    if not re.fullmatch(r"[0-9]{8}", value, re.ASCII):
        raise PydanticCustomError("ukprn_form", "a provider's reference number is eight digits")
    return value


class YoungPerson(Event):
    """A young person of the authority's cohort (NCCIS young person and individual characteristic)."""

    id: Annotated[
        LocalId, Field(description="YoungPersonsID: the caseload system's own number."), Sensitivity.IDENTIFIER
    ]
    upn: Annotated[Upn | None, Field(description="Unique pupil number."), Sensitivity.IDENTIFIER] = None
    case_id: Annotated[
        LocalId | None, Field(description="The number in the authority's case system."), Sensitivity.IDENTIFIER
    ] = None
    uln: Annotated[
        Uln | None,
        Field(description="Unique learner number."),
        Sensitivity.IDENTIFIER,
    ] = None
    surname: Annotated[Name, Field(description="FamilyName."), Sensitivity.PERSONAL]
    forename: Annotated[Name, Field(description="GivenName."), Sensitivity.PERSONAL]
    sex: Annotated[Sex | None, Field(description="Gender."), Sensitivity.PERSONAL] = None
    born: Annotated[Day, Field(description="Date of birth."), Sensitivity.PERSONAL]
    sixteen: Annotated[
        bool, Field(description="Whether the young person was 16 or more when the period ended."), Sensitivity.PERSONAL
    ]
    address: Annotated[Address | None, Field(description="Home address."), Sensitivity.CONTACT] = None
    phone: Annotated[Phone | None, Field(description="Telephone."), Sensitivity.CONTACT] = None
    ethnicity: Annotated[
        EthnicityCode | None, Field(description="Ethnicity by the CIN census's list."), Sensitivity.SPECIAL
    ] = None
    lead_la: Annotated[
        LaCode | None, Field(description="LeadLEA: the authority that answers for the young person."), Sensitivity.OPEN
    ] = None
    educated_la: Annotated[
        LaCode | None, Field(description="EducatedLEA: the authority in which they learn."), Sensitivity.CONTACT
    ] = None
    level_of_need: Annotated[
        LevelOfNeed | None, Field(description="How much support they need."), Sensitivity.PERSONAL
    ] = None
    ehcp: Annotated[
        bool | None, Field(description="SENDFlag: has an education, health and care plan."), Sensitivity.SPECIAL
    ] = None
    sen_support: Annotated[
        bool | None, Field(description="SENSupportFlag: has support for special needs."), Sensitivity.SPECIAL
    ] = None
    characteristics: Annotated[
        tuple[Characteristic, ...],
        Field(max_length=9, description="What else bears on their way, such as care, caring or custody."),
        Sensitivity.CRIMINAL,
    ] = ()

    @model_validator(mode="after")
    def _findable(self) -> Self:
        # An opt-out is found by one of these: without, nobody could tell whether there is one.
        if self.upn is None and self.case_id is None:
            raise PydanticCustomError("nobody", "say whose it is: a UPN or a case number")
        return self


class Activity(Event):
    """What the young person is doing, or not (NCCIS current activity)."""

    code: Annotated[
        ActivityCode,
        Field(description="ActivityCode; some name an illness, a pregnancy, a belief or custody."),
        Sensitivity.CRIMINAL,
    ]
    neet: Annotated[
        bool,
        Field(description="Whether that is neither education, nor employment, nor training."),
        Sensitivity.PERSONAL,
    ]
    started: Annotated[Day | None, Field(description="StartDate."), Sensitivity.PERSONAL] = None
    ascertained: Annotated[
        Day | None, Field(description="DateAscertained: when the authority heard of it."), Sensitivity.PERSONAL
    ] = None
    verified: Annotated[
        Day | None, Field(description="DateVerified: when it was last made sure of."), Sensitivity.PERSONAL
    ] = None
    lapses: Annotated[
        Day | None, Field(description="DueToLapseDate: when it counts as not known again."), Sensitivity.PERSONAL
    ] = None
    lapsed: Annotated[
        bool | None, Field(description="CurrencyLapsed: whether it does already."), Sensitivity.PERSONAL
    ] = None
    establishment: Annotated[
        Code | None, Field(description="EstablishmentNumber: where they learn."), Sensitivity.CONTACT
    ] = None
    establishment_name: Annotated[Name | None, Field(description="EstablishmentName."), Sensitivity.CONTACT] = None
    ukprn: Annotated[
        Annotated[str, AfterValidator(_ukprn)] | None,
        Field(description="UKProviderReferenceNumber: with whom they learn."),
        Sensitivity.CONTACT,
    ] = None
    ends: Annotated[Day | None, Field(description="PredictedEndDate."), Sensitivity.PERSONAL] = None
    review: Annotated[Day | None, Field(description="ReviewDate."), Sensitivity.PERSONAL] = None
    neet_since: Annotated[Day | None, Field(description="NEETStartDate."), Sensitivity.PERSONAL] = None

    @model_validator(mode="after")
    def _means_what_its_code_means(self) -> Self:
        if self.neet != (self.code in NEET):
            raise PydanticCustomError("neet_against_code", "the activity's code says otherwise")
        if self.started is not None and self.ends is not None and self.ends < self.started:
            raise PydanticCustomError("ended_before_it_started", "the end lies before the start")
        return self


class Guarantee(Event):
    """The September Guarantee: the offer of a place for every young person of 16 and 17 (NCCIS)."""

    status: Annotated[
        Code | None, Field(description="GuaranteeStatusIndicator: whether an offer was made."), Sensitivity.PERSONAL
    ] = None
    destination: Annotated[
        Code | None, Field(description="IntendedDestinationYr11: where they mean to go."), Sensitivity.PERSONAL
    ] = None


class ParticipationRecorded(Event):
    """The authority recorded what one young person is doing, whole, as it was when the period ended (NCCIS return)."""

    period_ended: Annotated[Day, Field(description="PeriodEnd: the last day it speaks of."), Sensitivity.OPEN]
    cohort: Annotated[
        CohortStatus,
        Field(description="Whether the young person belongs to the cohort, or left it."),
        Sensitivity.PERSONAL,
    ]
    young_person: Annotated[YoungPerson, Field(description="Who it is about."), Sensitivity.CRIMINAL]
    activity: Annotated[Activity, Field(description="What they are doing."), Sensitivity.CRIMINAL]
    guarantee: Annotated[
        Guarantee | None, Field(description="What they were offered for September."), Sensitivity.PERSONAL
    ] = None

    @model_validator(mode="after")
    def _sixteen_by_the_date_of_birth(self) -> Self:
        if self.young_person.sixteen != of_age(self.young_person.born, self.period_ended):
            raise PydanticCustomError("sixteen_against_birth", "the date of birth says otherwise")
        return self


stream = Stream(
    name="participation",
    event=ParticipationRecorded,
    key=("young_person.upn", "young_person.case_id"),
    subject=(("upn", "young_person.upn"), ("case_id", "young_person.case_id")),
    born="young_person.born",
    keep="days",
    steward="education",
)
