"""One attendance event from what a message says, without those of its values that are not sound; of no format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from hub.errors import NotUnderstood
from hub.inbound import Query
from hub.stream import Event
from schemas.fields import nhs_number_check_digit_holds
from schemas.hospital_attendance import AttendanceReported

HAPPENED: Final[Mapping[str, str]] = {
    "A01": "admitted",
    "A03": "discharged",
    "A04": "arrived",
    "A06": "admitted",  # an outpatient, or who was in the emergency department, becomes an inpatient
    "A08": "updated",
    "A11": "admission_cancelled",
    "A13": "discharge_cancelled",
    "A28": "person_added",
    "A31": "person_updated",
    "A34": "person_merged",
    "A40": "person_merged",
}
"""HL7 UK A.3. A34 is what senders of HL7 2.3 merge by; A40 took its place. README.md says why no others."""

CODES: Final[Mapping[str, str]] = {
    "nhs_number_check_digit": "nhs-number.check-digit",
    "nhs_number_form": "nhs-number.form",
}


def sound(values: dict[str, Any], places: Mapping[str, str], queries: list[Query]) -> Iterator[Event | Query]:
    """
    The event of *values*, without those of them that are not sound and can be spared, and then *queries*, each once.

    *places* are the values that an event can do without, and where each comes from: a child's arrival must not be
    lost for a postcode, and a person is asked to look. Raises `NotUnderstood` where nobody could tell who came, or a
    merge does not say who was discarded, and ValidationError for what else cannot be.
    """
    yield _sound(_without_blanks(values), places, queries)
    yield from dict.fromkeys(queries)


def the_number(said: list[tuple[str, bool | None]], place: str, queries: list[Query]) -> tuple[str | None, bool | None]:
    """
    The one NHS number of those that were *said*, and whether it was traced.

    A sound one comes before an impossible one. Of two children's numbers on one arrival neither: to pick one could
    tell of the wrong child.
    """
    good = [one for one in said if nhs_number_check_digit_holds(one[0])]
    if len(good) > 1:
        queries.append(Query("nhs-number.several", place))
        return None, None
    if good and said[0] != good[0]:
        queries.append(Query("nhs-number.check-digit", place))
        return good[0]
    return said[0] if said else (None, None)


def _without_blanks(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_blanks(value) if isinstance(value, dict) else None if value == "" else value
        for name, value in values.items()
    }


def _sound(values: dict[str, Any], places: Mapping[str, str], queries: list[Query]) -> AttendanceReported:
    while True:  # each turn takes at least one value away, or ends
        try:
            return AttendanceReported.model_validate(values)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False, include_context=False):
                path = ".".join(str(part) for part in fault["loc"])
                if fault["type"] == "no_identifier":
                    raise _nobody(places["patient.nhs_number"], queries) from None
                if fault["type"] == "merge_of_one":
                    place = places["former_nhs_number"]
                    raise NotUnderstood("merge.nobody-discarded", place, f"say in {place} who was merged") from None
                if path not in places:
                    raise
                code = CODES.get(fault["type"], f"invalid.{fault['type'].replace('_', '-')}")
                queries.append(Query(code, places[path]))
                record, name = (values["patient"], path.removeprefix("patient.")) if "." in path else (values, path)
                record[name] = None
                if name == "nhs_number":
                    record["nhs_number_verified"] = None


def _nobody(place: str, queries: list[Query]) -> NotUnderstood:
    said = next((one.code for one in queries if one.code.startswith("nhs-number")), "identifiers.none")
    return NotUnderstood(said, place, "send a sound NHS number, or the hospital's own number of type MR")
