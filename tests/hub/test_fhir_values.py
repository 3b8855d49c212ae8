"""What UK Core resources say of a person and a place is read as it was meant, and made no more exact than it was."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from fhir.resources.R4B.organization import Organization
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.period import Period
from fhir.resources.R4B.reference import Reference

from hub.errors import NotUnderstood
from hub.formats import fhir_values as values

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
NHS = "https://fhir.nhs.uk/Id/nhs-number"


def patient(**said: Any) -> Patient:
    return Patient.model_validate(said)


def status(code: str | None) -> dict[str, Any]:
    coding = [{"code": code}] if code else []
    return {
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": coding, "text": "x"},
    }


@pytest.mark.parametrize(("code", "traced"), [("01", True), ("02", False), ("08", False), (None, None)])
def test_an_nhs_number_is_traced_only_where_it_says_so(code: str | None, traced: bool | None) -> None:
    """By the extension of UK Core; what is not said is not known."""
    one = patient(identifier=[{"system": NHS, "value": "999 000 0018", "extension": [status(code)]}])
    assert values.nhs_numbers(one) == [("9990000018", traced)]
    assert values.nhs_numbers(patient(identifier=[{"system": NHS, "value": "9990000018"}])) == [("9990000018", None)]


def test_numbers_of_other_systems_are_no_nhs_numbers() -> None:
    """Each different one counts once, and one without a value not at all."""
    said = [(NHS, "9990000018"), (NHS, "9990000018"), (NHS, "9990000026"), (NHS, None), ("urn:x", "9990000034")]
    one = patient(identifier=[{"system": system, "value": value} for system, value in said])
    assert [number for number, _ in values.nhs_numbers(one)] == ["9990000018", "9990000026"]


def test_the_hospitals_own_number_is_the_medical_record_number() -> None:
    """Before others of its own, with who assigned it; national numbers are none."""
    ods = {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RZZ"}}
    record = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    one = patient(
        identifier=[
            {"system": NHS, "value": "9990000018"},
            {"system": "https://gwh.example/ae", "value": "A1"},
            {"system": "https://gwh.example/mrn", "value": "4711", "type": record, "assigner": ods},
        ]
    )
    assert values.local_id(one) == ("4711", "RZZ")
    assert values.local_id(patient(identifier=[{"system": NHS, "value": "9990000018"}])) == (None, None)


@pytest.mark.parametrize(
    ("labels", "restricted"),
    [
        ([], None),
        ([(CONFIDENTIALITY, "U")], False),
        ([(CONFIDENTIALITY, "N")], False),
        ([(CONFIDENTIALITY, "R")], True),
        ([(CONFIDENTIALITY, "V")], True),
        ([(CONFIDENTIALITY, "U"), (CONFIDENTIALITY, "R")], True),
        ([(CONFIDENTIALITY, "CANARY")], True),
        ([(CONFIDENTIALITY, None)], True),
        ([("urn:x", "R")], None),
    ],
)
def test_a_record_is_sensitive_unless_it_is_plainly_not(
    labels: list[tuple[str, str | None]], restricted: bool | None
) -> None:
    """Doubt is taken for a yes; silence is not known."""
    one = patient(meta={"security": [{"system": system, "code": code, "display": "x"} for system, code in labels]})
    assert values.restricted(one) == restricted
    assert values.restricted(patient()) is None


def test_the_name_and_the_address_of_now_are_read() -> None:
    """The official name, the home that is not an old one."""
    one = patient(
        name=[{"use": "nickname", "given": ["Zo"]}, {"use": "official", "family": "O'Dare", "given": ["Zoë", "Ann"]}],
        address=[
            {"use": "old", "postalCode": "ZZ9 1AA"},
            {"use": "temp", "postalCode": "ZZ9 2AA"},
            {"use": "home", "postalCode": "ZZ9 9ZZ"},
        ],
    )
    assert values.name(one) == ("O'Dare", "Zoë")
    assert values.postcode(one) == "ZZ9 9ZZ"
    assert values.name(patient()) == (None, None)
    assert values.postcode(patient(address=[{"use": "old", "postalCode": "ZZ9 1AA"}])) is None


@pytest.mark.parametrize(
    ("gender", "sex"), [("male", "M"), ("female", "F"), ("other", "U"), ("unknown", "U"), (None, None)]
)
def test_sex_is_told_in_the_letters_of_the_census(gender: str | None, sex: str | None) -> None:
    """What is neither is unknown, and what is not said is not there."""
    assert values.sex(patient(gender=gender)) == sex


@pytest.mark.parametrize("text", ["2019", "2019-05"])
def test_a_day_is_not_invented(text: str) -> None:
    """A year or a month is not its first day."""
    with pytest.raises(NotUnderstood, match=r"fhir\.imprecise at Patient\.birthDate"):
        values.day(patient(birthDate=text).birthDate, "Patient.birthDate")
    assert values.day(patient(birthDate="2019-05-14").birthDate, "") == date(2019, 5, 14)
    assert values.day(None, "") is None


def test_a_moment_is_not_invented() -> None:
    """A day is not its midnight, unless its first instant is asked for, and that is the United Kingdom's."""
    period = Period.model_validate({"start": "2026-07-04", "end": "2026-07-04T19:20:00+01:00"})
    with pytest.raises(NotUnderstood, match=r"fhir\.imprecise at Encounter\.period"):
        values.moment(period.start, "Encounter.period")
    assert values.moment(period.end, "") == datetime(2026, 7, 4, 18, 20, tzinfo=UTC)
    assert values.moment(None, "") is None
    assert values.start_of_day(period.start) == datetime(2026, 7, 3, 23, tzinfo=UTC)
    assert values.start_of_day("2026") is None


def test_an_organisation_is_known_by_its_ods_code() -> None:
    """By the reference itself, or by the resource it leads to; a site only where a site is asked for."""
    site = {"system": "https://fhir.nhs.uk/Id/ods-site-code", "value": "RZZ01"}
    trust = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RZZ"}
    led_to = Organization.model_validate({"identifier": [site, trust]})
    assert values.ods_code(Reference.model_validate({"identifier": trust}), None) == "RZZ"
    assert values.ods_code(Reference.model_validate({"reference": "x"}), led_to) == "RZZ01"
    assert values.ods_code(Reference.model_validate({"reference": "x"}), led_to, values.ODS_ORGANISATION) == "RZZ"
    assert values.ods_code(Reference.model_validate({"identifier": trust}), None, values.ODS_SITE) is None
    assert values.ods_code(None, None) is None
