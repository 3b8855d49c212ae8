"""The CP-IS upload: valid against the official schemas, and no File that is wrong leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from connectors.cpis.outbound import cpis_flag_as_xml
from connectors.cpis.upload_check import faults, sound
from hub.errors import NotUnderstood
from hub.outbound import Run
from tests.connectors.cpis_letters import AT, SWINDON, letter, nhs_numbers, thousand
from tests.connectors.cpis_messages import errors, official

RUN = Run(412, AT)
V3 = "{urn:hl7-org:v3}"
MOTHER = {"plan": "unborn_child_protection", "ended": "2026-10-31T23:59:59Z"}


@pytest.fixture(scope="session")
def schema(public_data):
    """The official schema of the upload, built once."""
    return official(public_data, "REPC_MT000002GB01")


def tree(*letters: Any, run: Run = RUN) -> Any:
    """The File that comes of letters."""
    return etree.fromstring(cpis_flag_as_xml(letters, run).body)


def values(file: Any, path: str) -> list[str]:
    """The `value` of all elements of a name."""
    return [one.get("value") for one in file.iter(f"{V3}{path}")]


def date_of(file: Any, name: str) -> list[str]:
    """The dates under an element of a name."""
    return [one.find(f"{V3}value").get("value") for one in file.iter(f"{V3}{name}")]


def test_a_thousand_records_are_valid(schema):
    """Against the official schema, with 0 errors, and within some seconds."""
    letters = thousand()

    started = time.perf_counter()
    made = cpis_flag_as_xml(letters, RUN)
    built = time.perf_counter() - started
    found = errors(schema, made.body)

    assert found == []
    assert sorted(made.records) == list(range(1, 1001))
    assert made.body.count(b"<CP-ISRecord>") == 1000
    assert built < 10, f"{built:.1f} s"  # a tenth of that alone on a small machine


def test_a_file_says_whose_it_is_and_how_many_records_it_has():
    """Number, time with its offset, both telephones without spaces."""
    file = tree(letter(), letter(nhs_numbers(2)[1]))

    assert file.find(f"{V3}id").attrib == {"extension": "412"}
    assert file.find(f"{V3}creationTime").get("value") == "20260915103000+0100"
    assert file.find(f"{V3}transmissionQuantity").get("value") == "2"
    assert [(one.get("use"), one.get("value")) for one in file.iter(f"{V3}telecom")] == [
        ("WP", "tel:01632960101"),
        ("EC", "tel:01632960102"),
    ]


def test_the_same_letters_and_run_are_the_same_bytes():
    """At every attempt."""
    assert cpis_flag_as_xml(thousand()[:50], RUN) == cpis_flag_as_xml(thousand()[:50], RUN)


@pytest.mark.parametrize(
    ("moment", "digits"),
    [
        ("2025-06-30T23:00:00Z", "202507010000"),  # midnight in summer
        ("2026-01-05T00:00:00Z", "202601050000"),
        ("2026-06-30T22:59:59Z", "202606302359"),  # the end of a day stays in it
    ],
)
def test_dates_are_twelve_digits_of_the_clock_on_the_wall(moment, digits):
    """A plan of 1 July begins on 1 July."""
    assert date_of(tree(letter(started=moment)), "cPPStartDate") == [digits]


def test_in_the_hour_that_occurs_twice_no_plan_ends_before_it_starts():
    """From 01:30 in summer time to 01:10 in winter time, forty minutes later."""
    file = tree(letter(started="2026-10-25T00:30:00Z", ended="2026-10-25T01:10:00Z"))

    assert date_of(file, "cPPStartDate") == date_of(file, "cPPEndDate") == ["202610250130"]


def test_one_person_has_one_record_with_the_newest_word_on_each_plan():
    """Whatever the order in which the letters lie."""
    care = letter(plan="looked_after", started="2026-03-01T09:00:00Z")
    ended = letter(ended="2026-05-01T09:00:00Z", said=AT + timedelta(hours=2))
    runs = letter(said=AT + timedelta(hours=1))

    made = cpis_flag_as_xml([ended, care, runs], RUN)
    file = etree.fromstring(made.body)

    assert made.records == (1, 1, 1)
    assert date_of(file, "cPPEndDate") == ["202605011000"]
    assert len(list(file.iter(f"{V3}pertinentInformation"))) == 2
    assert len(list(file.iter(f"{V3}subject"))) == 1


def test_a_plan_that_ended_and_one_that_started_again_are_two_records_the_newer_last():
    """A record cannot hold two plans of a kind; with the last one stands whatever else is true now."""
    before = letter(started="2024-01-08T09:00:00Z", ended="2025-02-01T09:00:00Z")
    again = letter(started="2026-02-02T10:15:00Z")
    care = letter(plan="looked_after", started="2025-12-01T09:00:00Z")

    made = cpis_flag_as_xml([again, before, care], RUN)

    assert made.records == (2, 1, 2)
    assert date_of(etree.fromstring(made.body), "cPPStartDate") == ["202401080900", "202602021015"]


def test_a_pregnant_girl_on_a_plan_herself_is_child_and_unborn_childs_mother():
    """Two subjects of one record, by one NHS number."""
    file = tree(letter(), letter(**MOTHER))

    assert [one[1].tag for one in file.iter(f"{V3}subject")] == [
        f"{V3}COCT_TP145101GB01.Child",
        f"{V3}COCT_TP145100GB01.UnbornChild",
    ]
    assert date_of(file, "uCPEndDate") == ["202610312359"]


def test_what_was_withdrawn_goes_with_its_delete_date_and_is_no_end():
    """Uploaded in error is another thing than over."""
    file = tree(letter(deleted="2026-03-01T11:20:45Z"))

    assert date_of(file, "cPPDeleteDate") == ["202603011120"]
    assert date_of(file, "cPPEndDate") == []


def test_a_local_number_says_whose_it_is():
    """The ODS code, a colon and the name."""
    ids = next(tree(letter()).iter(f"{V3}COCT_TP145101GB01.Child")).findall(f"{V3}id")

    assert [dict(one.attrib) for one in ids] == [
        {"root": "2.16.840.1.113883.2.1.4.1", "extension": "9990000018"},
        {
            "root": "2.16.840.1.113883.2.1.3.2.4.18.24",
            "extension": "900001",
            "assigningAuthorityName": "866X:Swindon Borough Council",
        },
    ]


def test_another_authoritys_flag_cannot_be_in_our_upload():
    """It is refused by the field's name, and nothing of it is told."""
    other = letter(authority={**SWINDON, "name": "Sampleham Council", "ods_code": "803"})

    with pytest.raises(NotUnderstood) as caught:
        cpis_flag_as_xml([letter(), other], RUN)

    assert (caught.value.code, caught.value.place) == ("cpis.authorities", "authority.ods_code")
    assert "Sampleham" not in str(caught.value)


def test_an_upload_without_a_record_is_none():
    """The schema asks for one at least."""
    with pytest.raises(NotUnderstood, match=r"cpis\.no-record"):
        cpis_flag_as_xml([], RUN)


@pytest.mark.parametrize(
    ("part", "value", "code", "field"),
    [
        ("started", datetime(2100, 1, 1, tzinfo=UTC), "cpis.date", "cPPStartDate/value@value"),
        ("subject", {"surname": "Tester\ufffe"}, "cpis.character", "family"),
    ],
)
def test_what_cannot_be_written_is_told_by_its_field(part, value, code, field):
    """A year that the schema does not know, a character that XML does not: no flag is let in with one."""
    one = letter()
    odd = {**one.values[part], **value} if isinstance(value, dict) else value
    with pytest.raises(NotUnderstood) as caught:
        cpis_flag_as_xml([one._replace(values={**one.values, part: odd})], RUN)

    assert caught.value.code == code
    assert caught.value.place.endswith(field)
    assert "Tester" not in str(caught.value)


def changed(name: str, attribute: str, value: str | None, *, nth: int = 0) -> Callable[[Any], None]:
    """Set an attribute of the nth element of a name, or take it away."""

    def change(file: Any) -> None:
        element = list(file.iter(f"{V3}{name}"))[nth]
        if value is None:
            del element.attrib[attribute]
        else:
            element.set(attribute, value)

    return change


def without(name: str, *, nth: int = 0) -> Callable[[Any], None]:
    """Take the nth element of a name out."""

    def change(file: Any) -> None:
        element = list(file.iter(f"{V3}{name}"))[nth]
        element.getparent().remove(element)

    return change


def twice(name: str) -> Callable[[Any], None]:
    """Write the first element of a name a second time, behind it."""

    def change(file: Any) -> None:
        element = next(file.iter(f"{V3}{name}"))
        element.addnext(etree.fromstring(etree.tostring(element, with_tail=False)))

    return change


def text_of(name: str, text: str) -> Callable[[Any], None]:
    """Write another text in the first element of a name."""

    def change(file: Any) -> None:
        next(file.iter(f"{V3}{name}")).text = text

    return change


def moved(name: str) -> Callable[[Any], None]:
    """Put the first element of a name at the end of its parent."""

    def change(file: Any) -> None:
        element = next(file.iter(f"{V3}{name}"))
        element.getparent().append(element)

    return change


START = "cPPStartDate/value@value"
# What is made wrong; the code and the end of the place by which our own check tells it; whether the schema sees it too.
WRONG = {
    "a day without a time": (changed("value", "value", "20260202"), "cpis.date", START, True),
    "seconds": (changed("value", "value", "20260202101500"), "cpis.date", START, True),
    "an offset": (changed("value", "value", "202602021015+0000"), "cpis.date", START, True),
    "a day that is not in the calendar": (changed("value", "value", "202602301015"), "cpis.date", START, False),
    "no start": (without("cPPStartDate"), "cpis.missing", "component/cPPStartDate", True),
    "an unborn child's plan without an end": (
        without("component1"), "cpis.missing", "COCT_TP146102GB01.UCPInformation/component1", True,
    ),
    "an end before the start": (
        changed("value", "value", "201912312359", nth=2), "cpis.end-before-start", "record[1]/uCPEndDate", False,
    ),
    "a telephone with a space": (
        changed("telecom", "value", "tel:01632 960101"), "cpis.phone", "organisation/telecom[1]@value", True,
    ),
    "a telephone without a number": (
        changed("telecom", "value", "tel:"), "cpis.phone", "organisation/telecom[1]@value", False,
    ),
    "one telephone": (without("telecom"), "cpis.missing", "organisation/telecom[2]", False),
    "two telephones for office hours": (
        changed("telecom", "use", "WP", nth=1), "cpis.phone-use", "organisation/telecom[2]@use", False,
    ),
    "no telephone use": (changed("telecom", "use", None), "cpis.missing", "organisation/telecom[1]@use", True),
    "a root of the file's number": (changed("id", "root", "1.2.3"), "cpis.prohibited", "id@root", True),
    "no number of the file": (changed("id", "extension", None), "cpis.missing", "id@extension", True),
    "a number of the file in words": (changed("id", "extension", "first"), "cpis.number", "id@extension", False),
    "no date of birth": (without("birthTime"), "cpis.missing", "childPerson/birthTime", True),
    "a year of birth": (changed("birthTime", "value", "2011"), "cpis.birth", "childPerson/birthTime@value", False),
    "a record that is said and not there": (
        changed("transmissionQuantity", "value", "2"), "cpis.quantity", "transmissionQuantity@value", False,
    ),
    "an NHS number of nine digits": (
        changed("id", "extension", "999000001", nth=2), "cpis.nhs-number", "Child/id@extension", False,
    ),
    "an NHS number whose check digit fails": (
        changed("id", "extension", "9990000019", nth=2), "cpis.nhs-number", "Child/id@extension", False,
    ),
    "no NHS number": (
        changed("id", "root", "2.16.840.1.113883.2.1.3.2.4.18.24", nth=2), "cpis.nhs-number", "Child/id", False,
    ),
    "a root of nobody": (changed("id", "root", "1.2.3", nth=2), "cpis.root", "id[1]@root", True),
    "a local number of nobody": (
        changed("id", "assigningAuthorityName", None, nth=3), "cpis.missing", "Child/id@assigningAuthorityName", False,
    ),
    "two people in one record": (
        changed("id", "extension", "9990000026", nth=4), "cpis.two-people", "record[1]/subject[2]", False,
    ),
    "two plans of one kind in one record": (
        twice("pertinentInformation"), "cpis.twice", "COCT_TP146101GB01.CPPInformation", False,
    ),
    "one plan in two records": (twice("record"), "cpis.twice", "record[2]/COCT_TP146101GB01.CPPInformation", False),
    "an unborn child's plan without its mother": (
        without("subject", nth=1),
        "cpis.subject", "COCT_TP145100GB01.UnbornChild", False,
    ),
    "a child without a plan": (
        without("pertinentInformation"), "cpis.subject", "COCT_TP145101GB01.Child", False,
    ),
    "no forename": (without("given"), "cpis.missing", "name/given", True),
    "an empty surname": (text_of("family", " "), "cpis.name", "name/family", False),
    "an element that is not in the layout": (
        lambda file: etree.SubElement(next(file.iter(f"{V3}childPerson")), f"{V3}gender"),
        "cpis.unexpected", "childPerson/gender", True,
    ),
    "elements in another order": (moved("birthTime"), "cpis.order", "childPerson/birthTime", True),
    "a fixed code on the wire": (
        changed("CP-ISRecord", "classCode", "ACTN"), "cpis.prohibited", "CP-ISRecord@classCode", False,
    ),
    "another template than is named": (
        lambda file: next(file.iter("{NPFIT:HL7:Localisation}contentId")).set(
            "extension", "COCT_TP146100GB01#LACInformation"
        ),
        "cpis.content-id", "contentId@extension", False,
    ),
    "an organisation that is none": (
        changed("id", "root", "1.2.3", nth=1), "cpis.root", "organisation/id@root", True,
    ),
    "a creation time without its offset": (
        changed("creationTime", "value", "20260915103000"), "cpis.creation-time", "creationTime@value", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_caught_with_the_field_named(name, schema):
    """By our own check, always; by the official schema where it can."""
    change, code, field, seen = WRONG[name]
    file = tree(letter(), letter(**MOTHER))
    assert list(faults(file)) == []
    change(file)

    found = list(faults(file))

    assert any(fault.code == code and fault.place.endswith(field) for fault in found), found
    assert bool(errors(schema, etree.tostring(file))) == seen
    with pytest.raises(NotUnderstood):
        sound(file)


def test_a_fault_says_nothing_of_the_person():
    """Neither name nor number stands in what is told."""
    file = tree(letter())
    changed("id", "extension", "9990000019", nth=2)(file)

    told = " ".join(" ".join(fault) for fault in faults(file))

    assert "nhs-number" in told
    assert not any(word in told for word in ("9990000019", "Tester", "Ada", "900001"))


def test_another_document_is_no_upload():
    """The check is of a File."""
    (fault,) = faults(etree.fromstring("<File/>"))

    assert fault.code == "cpis.root"


# --- for all letters ----------------------------------------------------------------------------------------------

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")), min_size=1, max_size=20
).filter(lambda text: text.strip())
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  its argument
PEOPLE = nhs_numbers(4)


@st.composite
def flags(draw: st.DrawFn) -> Any:
    """One letter of a flag that is valid."""
    plan = draw(st.sampled_from(["child_protection", "looked_after", "unborn_child_protection"]))
    started = draw(MOMENTS | st.sampled_from([AT, AT - timedelta(days=400)]))
    lasted = draw(st.timedeltas(timedelta(0), timedelta(days=2000)) | st.none())
    ended = started + (lasted or timedelta(0)) if lasted is not None or plan == "unborn_child_protection" else None
    ended = None if ended is None else min(ended, datetime(2099, 12, 31, 23, 59, tzinfo=UTC))
    return letter(
        draw(st.sampled_from(PEOPLE)),
        said=draw(MOMENTS),
        plan=plan,
        started=started,
        ended=ended,
        deleted=draw(MOMENTS | st.none()),
        subject={
            "surname": draw(NAMES), "forename": draw(NAMES), "local_id": draw(NAMES | st.none()),
            "born": draw(st.dates(datetime(1960, 1, 1).date(), datetime(2030, 1, 1).date())),  # noqa: DTZ001  a day
        },
    )  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(letters=st.lists(flags(), min_size=1, max_size=12), number=st.integers(0, 10**9))
def test_any_valid_flags_make_a_valid_file_and_each_letter_is_in_one_record(schema, letters, number):
    """Our check and the official schema accept it, and each letter's record tells of its person and plan."""
    made = cpis_flag_as_xml(letters, Run(number, AT))

    file = etree.fromstring(made.body)
    assert list(faults(file)) == []
    assert errors(schema, made.body) == []
    records = file.findall(f"{V3}record")
    assert len(made.records) == len(letters)
    assert set(made.records) == set(range(1, len(records) + 1))
    for place, one in zip(made.records, letters, strict=True):
        record = records[place - 1]
        national = {it.get("extension") for it in record.iter(f"{V3}id") if it.get("root", "").endswith(".2.1.4.1")}
        assert national == {one.values["subject"]["nhs_number"]}
        kind = {"child_protection": "CPP", "looked_after": "LAC", "unborn_child_protection": "UCP"}[one.values["plan"]]
        assert f"{kind}Information" in etree.tostring(record).decode()
