"""What CP-IS and MESH send is understood: every code leads somewhere, every look and every number is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cpis import inbound
from connectors.cpis.response import FILES, RECORDS, RETRACE
from hub.errors import NotForUs, NotUnderstood, Unreadable
from hub.formats import xml
from hub.inbound import Query, Refusal, Understood, read
from tests.connectors.cpis_messages import (
    FILE_CODES,
    device,
    errors,
    inactive,
    notification,
    official,
    person,
    query,
    response,
)

ANSWER = "REPC_MT000003GB01"
PLACE = "/File/record[{}]/CP-ISRecord"


def said(function, document):
    """The events and the queries that come of a document."""
    found = list(function(xml.document(document)))
    return [one for one in found if not isinstance(one, Query)], [one.code for one in found if isinstance(one, Query)]


def answer(*codes, **given):
    """The one acknowledgement, and the queries beside it."""
    ((event,), queries) = said(inbound.acknowledgement, response(*codes, **given))
    return event, queries


def verdicts(event):
    """What became of single records."""
    return {one.record: one.verdict for one in event.records}


# --- they are what CP-IS would send -------------------------------------------------------------------------------


@pytest.mark.parametrize("code", FILE_CODES)
def test_each_acknowledgement_here_is_one_by_the_official_schema(code, public_data):
    """Otherwise the tests would show nothing."""
    records = [(one, PLACE.format(number)) for number, one in enumerate(RECORDS, 1)]

    assert errors(official(public_data, ANSWER), response(code, quantity=7, failed=6, records=records)) == []


def test_each_notification_here_is_one_by_the_official_schema(public_data):
    """Persons and systems; one new number, none and several."""
    looks = notification(
        [query(person())], [query(device("<given>Alex</given><family>Example</family>")), query(device(), nhs=None)]
    )
    numbers = inactive(("9990000018", ["9990000026"]), ("9990000034", []), ("9990000042", ["9990000050", "9990000069"]))

    assert errors(official(public_data, "REPC_MT000004GB01"), looks) == []
    assert errors(official(public_data, "REPC_MT000005GB01"), numbers) == []


# --- acknowledgements ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("CPF01", "refused"),
        ("CPF02", "accepted"),
        ("CPF03", "accepted"),
        ("CPF04", "refused"),
        ("CPF05", "again"),
        ("CPF06", "refused"),
    ],
)
def test_each_file_code_leads_somewhere(code, verdict):
    """By the number of the upload."""
    event, queries = answer(code)

    assert (event.number, event.verdict, event.code, queries) == (412, verdict, code, [])
    assert set(FILES) == set(FILE_CODES)


@pytest.mark.parametrize("code", RECORDS)
def test_each_record_code_leads_somewhere(code):
    """One was loaded, the others are for a person; two of them want the person traced anew."""
    failed = 0 if code == "CPR06" else 1
    event, queries = answer("CPF03", failed=failed, records=[(code, PLACE.format(2))])

    assert verdicts(event) == ({} if code == "CPR06" else {2: "refused"})
    assert queries == (["cpis.retrace"] if code in RETRACE else [])
    assert sorted(RETRACE) == ["CPR02", "CPR05"]


def test_a_code_that_is_new_is_for_a_person():
    """Of a file and of a record alike, it is never taken for loaded."""
    assert (answer("CPF99")[0].verdict, answer("CPF99")[1]) == ("refused", ["cpis.file-code-unknown"])
    event, queries = answer("CPF03", failed=1, records=[("CPR99", PLACE.format(1))])
    assert (verdicts(event), queries) == ({1: "refused"}, ["cpis.record-code-unknown"])


@pytest.mark.parametrize(
    ("codes", "verdict"),
    [
        (("CPF02", "CPF05"), "again"),
        (("CPF04", "CPF05"), "again"),
        (("CPF05", "CPF01"), "refused"),
        (("CPF02", "CPF03"), "accepted"),
        (("CPF02", "CPF99"), "refused"),
    ],
)
def test_of_several_file_codes_the_one_that_asks_most_counts(codes, verdict):
    """In whatever order they stand."""
    assert answer(*codes)[0].verdict == answer(*reversed(codes))[0].verdict == verdict


@pytest.mark.parametrize(
    "location",
    [
        "/File/record[3]",
        "/File[1]/record[3]/CP-ISRecord[1]",
        "File/record[3]/CP-ISRecord",
        "/hl7:File/hl7:record[3]/hl7:CP-ISRecord",
        "/*[local-name()='File']/*[local-name()='record'][3]/*[local-name()='CP-ISRecord']",
        "/*[local-name()='File' and namespace-uri()='urn:hl7-org:v3']/*[local-name()=\"record\" and 1=1][3]",
        "//record[position()=3]/CP-ISRecord/subject[1]",
        " /File/record[ 3 ]\n",
    ],
)
def test_an_xpath_leads_to_the_record(location):
    """However it is written."""
    event, queries = answer("CPF03", failed=1, records=[("CPR01", location)])

    assert (event.verdict, verdicts(event), queries) == ("accepted", {3: "refused"}, [])


@pytest.mark.parametrize("location", ["", "/File", "/File/CP-ISRecord[3]", "/File/record[0]", "/File/record[4]", "Ada"])
def test_a_record_that_nobody_can_find_puts_all_in_doubt(location):
    """Of three records one was refused: until a person has looked, none that is not named counts as loaded."""
    event, queries = answer("CPF03", failed=2, records=[("CPR06", PLACE.format(2)), ("CPR01", location)])

    assert event.verdict == "refused"
    assert verdicts(event) == {2: "accepted"}
    assert queries == ["cpis.location", "cpis.count"]


def test_a_file_of_one_record_needs_no_number():
    """There is no other that it could be."""
    event, _ = answer("CPF03", quantity=1, failed=1, records=[("CPR01", "/File/record/CP-ISRecord")])

    assert verdicts(event) == {1: "refused"}


@pytest.mark.parametrize("failed", [0, 2, -1])
def test_counts_that_do_not_agree_put_all_in_doubt(failed):
    """One record is named, and another number is said to have failed."""
    event, queries = answer("CPF03", failed=failed, records=[("CPR01", PLACE.format(1))])

    assert (event.verdict, verdicts(event), queries) == ("refused", {1: "refused"}, ["cpis.count"])


def test_of_two_words_on_one_record_the_worse_counts():
    """In whatever order."""
    records = [("CPR06", PLACE.format(1)), ("CPR03", PLACE.format(1))]

    for order in (records, records[::-1]):
        assert verdicts(answer("CPF03", failed=1, records=order)[0]) == {1: "refused"}


def test_where_nothing_was_loaded_no_record_counts_as_loaded():
    """Whatever is said of it; why the others were refused is kept."""
    event, _ = answer("CPF04", failed=3, records=[("CPR06", PLACE.format(1)), ("CPR01", PLACE.format(2))])

    assert (event.verdict, verdicts(event)) == ("refused", {2: "refused"})


def test_where_the_file_is_asked_for_again_no_record_has_a_verdict_of_its_own():
    """All of it goes once more, under the same number."""
    assert verdicts(answer("CPF05", failed=1, records=[("CPR01", PLACE.format(2))])[0]) == {}


@pytest.mark.parametrize(("number", "code"), [("-1", "cpis.file-unknown"), ("", "cpis.number"), ("x", "cpis.number")])
def test_an_answer_to_nobody_knows_which_file_is_for_a_person(number, code):
    """It goes to quarantine, where it can be read."""
    with pytest.raises(NotUnderstood) as caught:
        answer("CPF01", number=number)

    assert caught.value.code == code


def test_two_answers_to_one_file_are_two_messages(catalog, keys):
    """The number in them is the file's, not theirs: first the national register is away, then all is loaded."""
    line = catalog.line("cpis", "acknowledgement")
    found = [one for code in ("CPF05", "CPF02") for one in read(line, response(code), keys)]

    assert [one.event.verdict for one in found] == ["again", "accepted"]
    assert len({one.id for one in found}) == 2
    assert xml.own_id(xml.document(response("CPF02"))) is None
    assert xml.own_id(xml.document(notification())) == "7C2C7E7A-0D65-4B62-9C1B-3A6F3C1F0A01"


# --- reports ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "verdict", "queries"),
    [
        ("14", "again", []),
        ("12", "refused", []),
        ("17", "refused", []),
        ("06", "refused", []),
        ("7", "refused", []),
        ("08", "refused", []),
        ("99", "refused", ["mesh.code-unknown"]),
    ],
)
def test_each_report_leads_somewhere(code, verdict, queries):
    """By the id of the delivery; its text is not kept."""
    report = {"localId": "a" * 32, "messageId": "M1", "statusCode": code, "statusDescription": "Ada Tester"}
    *doubts, event = inbound.reports(report)

    assert (event.message_id, event.number, event.verdict) == ("a" * 32, None, verdict)
    assert event.code == f"MESH-{code.zfill(2)}"
    assert [one.code for one in doubts] == queries
    assert "Ada" not in event.model_dump_json()


# --- accesses -----------------------------------------------------------------------------------------------------


def test_each_look_is_an_event_of_its_own():
    """By a person, and by a system with those who answer for it; nobody's user id is taken along."""
    looks = notification(
        [query(person()), query(device("<given>Alex</given><family>Example</family>"), number=2)],
        [query(device(), nhs="9990000026", local=None, number=3)],
    )
    events, queries = said(inbound.access_notification, looks)

    assert queries == []
    assert [(one.nhs_number, one.local_id, one.upload_number) for one in events] == [
        ("9990000018", "900001", 412),
        ("9990000018", "900001", 412),
        ("9990000026", None, 412),
    ]
    first, second, third = (one.by for one in events)
    assert (first.organisation, first.organisation_ods, first.system) == ("Exampleton General Hospital", "RZZ", None)
    assert [(one.role_code, one.role, one.name) for one in first.people] == [
        ("R0670", "Midwife - Sister/Charge Nurse", "Ms Sam Sample")
    ]
    assert (second.organisation_ods, second.system) == ("RYZ", "200000000115")
    assert [one.name for one in second.people] == ["Alex Example"]
    assert third.people == ()
    assert events[0].at.isoformat() == "2026-07-04T18:20:00+00:00"
    assert all("999000000011" not in one.model_dump_json() for one in events)


def test_a_look_whose_number_cannot_be_is_told_by_the_local_one():
    """With a query, so that somebody finds out."""
    ((event,), queries) = said(inbound.access_notification, notification([query(person(), nhs="9990000019")]))

    assert (event.nhs_number, event.local_id, queries) == (None, "900001", ["nhs-number.unknown"])


def test_what_of_the_viewer_cannot_be_is_left_out_and_the_look_is_told():
    """A code of no organisation and a name longer than any."""
    name = f"<given>{'Sam ' * 100}</given>"
    ((event,), _) = said(inbound.access_notification, notification([query(person(name, ods="not a code"))]))

    assert event.by.organisation_ods is None
    assert event.by.people[0].name.startswith("Ms Sam Sam")
    assert len(event.by.people[0].name) <= 120


def test_fewer_records_than_are_said_is_a_query_and_none_is_nobodys():
    """What is there stands."""
    events, queries = said(inbound.access_notification, notification([query(person())], total=5))
    assert (len(events), queries) == (1, ["cpis.count"])
    with pytest.raises(NotForUs):
        said(inbound.access_notification, notification())


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "told", "queries"),
    [
        (["9990000026"], ("9990000026",), []),
        ([], (), ["nhs-number.no-successor"]),
        (["9990000026", "9990000034"], ("9990000026", "9990000034"), ["nhs-number.successors"]),
        (["9990000026", "9990000026"], ("9990000026",), []),
        (["9990000026", "9990000027"], (), ["nhs-number.invalid"]),  # one less would look like the only one
    ],
)
def test_only_one_new_number_says_who_the_person_is(new, told, queries):
    """None, several, or one that cannot be are for a person."""
    ((event,), doubts) = said(inbound.inactive_nhs_number, inactive(("9990000018", new)))

    assert (event.old.nhs_number, event.old.local_id, event.new) == ("9990000018", "900001", told)
    assert (event.said_by, doubts) == ("cpis", queries)


# --- whatever comes -----------------------------------------------------------------------------------------------

DOCUMENTS = [
    response("CPF03", failed=1, records=[("CPR05", PLACE.format(2))]),
    notification([query(person()), query(device("<given>Alex</given>"))]),
    inactive(("9990000018", ["9990000026"]), ("9990000034", [])),
]


@given(data=st.data())
def test_a_mutilated_document_is_understood_or_refused(data, catalog, keys):
    """No error is an unforeseen one, and none says what stood there."""
    document = data.draw(st.sampled_from(DOCUMENTS))
    start = data.draw(st.integers(0, len(document)))
    end = data.draw(st.integers(start, min(len(document), start + 60)))
    broken = document[:start] + data.draw(st.binary(max_size=8) | st.just(b"")) + document[end:]

    for line in ("acknowledgement", "access_notification", "inactive_nhs_number"):
        for one in read(catalog.line("cpis", line), broken, keys):
            if isinstance(one, Refusal):
                assert not one.code.startswith("error."), (one.code, one.place)
            if isinstance(one, Understood):
                assert one.stream.name in catalog.agencies["cpis"].says[line].into


def test_what_is_no_xml_is_not_read():
    """The reader says why, by the line."""
    with pytest.raises(Unreadable):
        xml.document(b"CPF02")
