"""What the participation team says: the caseload system's monthly extract for NCCIS, one row for each young person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from hub.errors import NotUnderstood
from hub.formats import cells
from hub.formats.csv import Row
from hub.gates import of_age
from hub.inbound import Query
from hub.stream import Event
from hub.table import Table
from schemas.fields import upn_check_letter_holds
from schemas.participation import NEET, Characteristic, ParticipationRecorded

CCIS = Table(
    ParticipationRecorded,
    {
        "period_ended": "PeriodEnd",
        "cohort": "CohortStatus",
        "young_person.id": "YoungPersonsID",
        "young_person.upn": "UniquePupilNumber",
        "young_person.case_id": "CaseSystemID",
        "young_person.uln": "UniqueLearnerNo",
        "young_person.surname": "FamilyName",
        "young_person.forename": "GivenName",
        "young_person.sex": "Gender",
        "young_person.born": "DOB",
        "young_person.address.line_1": "AddressLine1",
        "young_person.address.line_2": "AddressLine2",
        "young_person.address.line_3": "AddressLine3",
        "young_person.address.town": "Town",
        "young_person.address.county": "County",
        "young_person.address.postcode": "Postcode",
        "young_person.phone": "Telephone",
        "young_person.ethnicity": "Ethnicity",
        "young_person.lead_la": "LeadLEA",
        "young_person.educated_la": "EducatedLEA",
        "young_person.level_of_need": "LevelOfNeedCode",
        "young_person.ehcp": "SENDFlag",
        "young_person.sen_support": "SENSupportFlag",
        "activity.code": "ActivityCode",
        "activity.started": "StartDate",
        "activity.ascertained": "DateAscertained",
        "activity.verified": "DateVerified",
        "activity.lapses": "DueToLapseDate",
        "activity.lapsed": "CurrencyLapsed",
        "activity.establishment": "EstablishmentNumber",
        "activity.establishment_name": "EstablishmentName",
        "activity.ukprn": "UKProviderReferenceNumber",
        "activity.ends": "PredictedEndDate",
        "activity.review": "ReviewDate",
        "activity.neet_since": "NEETStartDate",
        "guarantee.status": "GuaranteeStatusIndicator",
        "guarantee.destination": "IntendedDestinationYr11",
    },
    doubtful={
        "young_person.uln": "uln.invalid",
        "young_person.sex": "code.unknown",
        "young_person.address.postcode": "postcode.form",
        "young_person.phone": "phone.form",
        "young_person.ethnicity": "code.unknown",
        "young_person.lead_la": "la-code.form",
        "young_person.educated_la": "la-code.form",
        "young_person.level_of_need": "code.unknown",
        "young_person.ehcp": "truth.form",
        "young_person.sen_support": "truth.form",
        "activity.lapsed": "truth.form",
        "activity.ukprn": "ukprn.form",
    },
)


def ccis(row: Row) -> Iterator[Event | Query]:
    """
    What one young person was doing when the period ended (NCCIS: young person, current activity, guarantee).

    Whether they were 16 is told by two columns of the row itself, never by a clock: a row says the same on any day.
    """
    for column in ("DOB", "PeriodEnd"):
        if not row[column]:
            raise NotUnderstood("cell.blank", column, "fill it in")
    born, ended = cells.day(row["DOB"], "DOB"), cells.day(row["PeriodEnd"], "PeriodEnd")
    said = row["CharacteristicCode"].replace(";", " ").split()
    known = dict.fromkeys(code for code in said if code in get_args(Characteristic))
    given: dict[str, Any] = {
        "young_person.sixteen": of_age(born, ended),
        "young_person.characteristics": tuple(known),
        "activity.neet": row["ActivityCode"] in NEET,
    }
    third, fourth = row["AddressLine3"], row["AddressLine4"]
    if third and fourth:
        given["young_person.address.line_3"] = f"{third}, {fourth}"
    elif fourth:
        given["young_person.address.line_3"] = fourth
    yield from CCIS.event(row, given)
    if any(code not in known for code in said):
        yield Query("code.unknown", "CharacteristicCode")
    upn = row["UniquePupilNumber"].upper()
    if len(upn) == 13 and not upn_check_letter_holds(upn):
        yield Query("upn.check-letter", "UniquePupilNumber")
