"""What Great Western Hospital's messages come to, counted to the unit, and how fast."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hl7apy.parser import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.great_western_hospital.encounter import PERSONS
from connectors.great_western_hospital.inbound import HAPPENED, adt
from hub.agency import Agency, Saying
from hub.envelope import Envelope
from hub.errors import NotForUs, NotUnderstood
from hub.formats import hl7
from hub.inbound import Line, Queried, Query, Refusal, SetAside, Understood, read
from hub.keys import Keys
from schemas.hospital_alert.watch import judge, remember
from schemas.hospital_attendance import stream

ROOT = Path(__file__).parents[2]
SAYING = Saying(format="hl7", by="mllp", into=("hospital_attendance",))
SIMULATED = SAYING.model_copy(update={"processing": ("P", "T")})  # every message of the simulator says T
VISIT = "PV1|1|E" + "|" * 42 + "20260704191500"  # PV1-44, admitted
EXAMPLES = ROOT / "connectors/great_western_hospital/examples/adt"


@pytest.fixture(scope="module")
def simulated():
    """The messages of google/simhospital; public, and read where they lie."""
    folder = Path(os.environ.get("HUB_TEST_DATA") or ROOT.parent / "shared/data")
    file = folder / "hl7v2-simhospital/messages.out"
    if not file.exists():
        pytest.skip(f"no public test data: set HUB_TEST_DATA to a folder with {file.relative_to(folder)}")
    return file.read_bytes()


@pytest.fixture(scope="module")
def line():
    """The line as the catalog makes it."""
    agency = Agency(name="Hospital", steward="a@b.example", says={"adt": SAYING}, key="great_western_hospital")
    return Line(agency, "adt", adt, (stream,))


@pytest.fixture(scope="module")
def training():
    """The line as a hub for training has it."""
    agency = Agency(name="Hospital", steward="a@b.example", says={"adt": SIMULATED}, key="great_western_hospital")
    return Line(agency, "adt", adt, (stream,))


def arrival(**fields):
    """An arrival, with fields of its segments replaced."""
    parts = {
        "MSH": "MSH|^~\\&|PAS|RZZ|HUB|SBC|20260704192205||ADT^A04|M1|P|2.4",
        "EVN": "EVN|A04|20260704192201",
        "PID": "PID|1||9990000018^^^NHS^NH~7^^^RZZ^MR||Dare^Zo||20190514|F",
        "PV1": "PV1|1|E",
    } | fields
    return hl7.read("\r".join(part for part in parts.values() if part).encode())


def understood(message):
    """The one event, and the queries beside it."""
    event, *queries = adt(message)
    assert all(isinstance(query, Query) for query in queries)
    return event, queries


def test_no_simulated_message_is_taken_for_a_child(simulated, line):
    """Each says of itself that it is for training (MSH-11 T): all of them are put aside, and nobody is alarmed."""
    outcomes = list(read(line, simulated, Keys(bytes(32))))
    assert Counter((type(one), one.code) for one in outcomes) == {(SetAside, "hl7.training"): 1013}


def test_every_simulated_message_is_accounted_for(simulated, training):
    """
    Of 1,013 messages 400 admissions and a merge are understood, 610 results and 2 documents are not for us.

    Each of the 401 is about a patient with both numbers, and none was refused or needs a person to look.
    """
    outcomes = list(read(training, simulated, Keys(bytes(32))))
    assert Counter(type(one) for one in outcomes) == {Understood: 401, SetAside: 612}
    assert [one.position for one in outcomes] == list(range(1013))
    assert Counter(one.code for one in outcomes if isinstance(one, SetAside)) == {"hl7.oru-r01": 610, "hl7.mdm-t02": 2}
    events = [one.event for one in outcomes if isinstance(one, Understood)]
    assert Counter(event.happened for event in events) == {"admitted": 400, "person_merged": 1}
    assert all(event.patient.nhs_number and event.patient.hospital_number and event.patient.born for event in events)
    assert len({one.id for one in outcomes if isinstance(one, Understood)}) == 401


def test_a_message_twice_is_the_same_event(line):
    """What a sender repeats for want of an answer has the same ids; what another message says has others."""
    data, other = arrival().raw, arrival(MSH="MSH|^~\\&|PAS|RZZ|HUB|SBC|20260704192205||ADT^A04|M2|P|2.4").raw
    ids = [one.id for raw in (data, data, other) for one in read(line, raw, Keys(bytes(32)))]
    assert ids[0] == ids[1] != ids[2]


def test_reading_and_understanding_keeps_up(simulated):
    """At least 2,000 admissions a second on one core, and ten times what hl7apy needs for parsing alone."""
    raws = [item.raw for item in hl7.parse(simulated, SIMULATED) if item.message.type[0] == "ADT"]

    def seconds(work, inputs):
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            for one in inputs:
                work(one)
            best = min(best, (time.process_time() - start) / len(inputs))
        return best

    ours = seconds(lambda raw: [list(adt(item.message)) for item in hl7.parse(raw, SIMULATED)], raws)
    theirs = seconds(lambda raw: parse_message(raw.decode(), find_groups=False), raws[:20])
    assert 1 / ours >= 2_000, f"{1 / ours:.0f} messages a second"
    assert theirs / ours >= 10, f"{theirs / ours:.1f} times hl7apy"


def test_each_event_that_is_understood_has_an_example():
    """The contract suite says whether it becomes what stands beside it."""
    files = [file.with_name(file.name.replace(".events.json", ".hl7")) for file in EXAMPLES.glob("*.events.json")]
    triggers = {item.message.type[1] for file in files for item in hl7.parse(file.read_bytes(), SAYING)}
    assert triggers == HAPPENED.keys()


def test_each_event_of_a_stay_that_comes_by_fhir_has_an_example():
    """All that ADT messages say of a stay; what is about a person comes by HL7 v2 alone."""
    files = (EXAMPLES.parent / "encounters").glob("*.events.json")
    heads = [
        json.loads(one.with_name(one.name.replace(".events.", ".fhir.")).read_bytes())["entry"][0] for one in files
    ]
    assert {head["resource"]["eventCoding"]["code"] for head in heads} == HAPPENED.keys() - PERSONS


def test_an_arrival_says_the_same_by_either_standard():
    """What is known of a child who came does not hang on how the hospital writes."""
    by_adt, by_fhir = (
        json.loads((EXAMPLES.parent / line / "arrived_in_the_emergency_department.events.json").read_bytes())[0][
            "event"
        ]
        for line in ("adt", "encounters")
    )
    for event in (by_adt, by_fhir):
        event["location"] = event["location"][: len("ED, MAJORS")]
        del event["recorded_at"], event["patient"]["postcode"]
    assert by_adt == by_fhir


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"EVN": "EVN|A04|20260704192201||||20260704192000", "PV1": VISIT}, "18:20:00"),
        ({"PV1": VISIT}, "18:15:00"),
        ({}, "18:22:01"),
        ({"EVN": "EVN|A04"}, "18:22:05"),
        ({"EVN": None}, "18:22:05"),
        ({"EVN": "EVN|A04|20260704192201||||soon"}, "18:22:01"),
    ],
)
def test_the_best_time_that_is_given_is_taken(fields, at):
    """As occurred, else from the visit, else as recorded, else as sent."""
    event, queries = understood(arrival(**fields))
    assert event.at.strftime("%H:%M:%S") == at
    assert queries == ([Query("hl7.time", "EVN-6")] if "soon" in (fields.get("EVN") or "") else [])


@pytest.mark.parametrize(
    ("fields", "queries"),
    [
        ({"PID": "PID|1||9990000019^^^NHS^NH~7^^^RZZ^MR"}, [Query("nhs-number.check-digit", "PID-3")]),
        ({"PID": "PID|1||99900000^^^NHS^NH~7^^^RZZ^MR"}, [Query("nhs-number.form", "PID-3")]),
        ({"PID": "PID|1||9999999999^^^NHS^NH~7^^^RZZ^MR"}, [Query("nhs-number.check-digit", "PID-3")]),
        ({"PID": "PID|1||9990000018^^^NHS^NH~9990000026^^^NHS^HN~7^^^RZZ^MR"}, [Query("nhs-number.several", "PID-3")]),
        ({"PID": "PID|1||7^^^RZZ^MR||Dare\\.br\\x^Zo"}, [Query("invalid.hidden-character", "PID-5.1")]),
        ({"PID": "PID|1||7^^^RZZ^MR||Dare^Zo||18000101"}, [Query("invalid.implausible-day", "PID-7")]),
        ({"PID": "PID|1||7^^^RZZ^MR||Dare^Zo||tomorrow"}, [Query("hl7.time", "PID-7")]),
        (
            {"PID": "PID|1||7^^^RZZ^MR", "PV1": f"PV1|1|{'E' * 30}||{'2' * 30}"},
            [Query("invalid.string-too-long", "PV1-2"), Query("invalid.string-too-long", "PV1-4")],
        ),
    ],
)
def test_an_arrival_is_not_lost_for_a_detail(fields, queries):
    """What is not sound is left out and a person is asked to look; the patient is still one somebody knows."""
    event, asked = understood(arrival(**fields))
    assert asked == queries
    assert (event.patient.nhs_number, event.patient.nhs_number_verified) == (None, None)
    assert (event.happened, event.patient.hospital_number) == ("arrived", "7")


def test_a_sound_number_is_taken_before_an_impossible_one():
    """The impossible one is a thing to look at, whichever came first."""
    event, queries = understood(arrival(PID="PID|1||9990000019^^^NHS^NH~9990000026^^^NHS^NH"))
    assert (event.patient.nhs_number, queries) == ("9990000026", [Query("nhs-number.check-digit", "PID-3")])


@pytest.mark.parametrize(
    ("fields", "code", "place"),
    [
        ({"PID": "PID|1||||Dare^Zo"}, "identifiers.none", "PID-3"),
        ({"PID": None}, "identifiers.none", "PID-3"),
        ({"PID": "PID|1||9990000019^^^NHS^NH"}, "nhs-number.check-digit", "PID-3"),
        ({"PID": "PID|1||9990000018^^^NHS^NH~9990000026^^^NHS^NH"}, "nhs-number.several", "PID-3"),
        ({"MSH": "MSH|^~\\&|PAS|RZZ|||soon||ADT^A04|M1|P|2.4", "EVN": None}, "time.none", "EVN-6"),
    ],
)
def test_an_event_about_nobody_or_of_no_time_is_refused(fields, code, place):
    """With what to mend, and without what was sent."""
    with pytest.raises(NotUnderstood) as caught:
        list(adt(arrival(**fields)))
    assert (caught.value.code, caught.value.place) == (code, place)
    assert caught.value.mend
    assert "999000" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ADT^A02", "hl7.adt-a02"),
        ("ADT^A07", "hl7.adt-a07"),
        ("ADT^A10", "hl7.adt-a10"),
        ("ADT^A12", "hl7.adt-a12"),
        ("ADT^A23", "hl7.adt-a23"),
        ("ADT^A38", "hl7.adt-a38"),
        ("ADT^A52", "hl7.adt-a52"),
        ("ORU^R01", "hl7.oru-r01"),
        ("ADT", "hl7.other-type"),
        ("Zo Dare^A01", "hl7.other-type"),
    ],
)
def test_what_nobody_needs_is_put_aside(kind, code):
    """By a code that holds no more of the message than its type."""
    with pytest.raises(NotForUs) as caught:
        list(adt(arrival(MSH=f"MSH|^~\\&|PAS|RZZ|||20260704||{kind}|M1|P|2.4")))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("flag", "restricted"), [("", None), ("N", False), ("S", True), ("Y", True), ("?", True), ('""', None)]
)
def test_a_sensitive_record_is_marked(flag, restricted):
    """Only a plain no opens it, and what is not said is not known."""
    event, _ = understood(arrival(PV1=f"PV1|1|E{'|' * 14}{flag}"))
    assert event.patient.restricted is restricted


def test_the_survivor_of_a_merge_is_the_one_in_pid():
    """MRG-1 names who is discarded, by each kind of number."""
    message = arrival(MSH="MSH|^~\\&|PAS|RZZ|||20260704||ADT^A40|M1|P|2.4", PV1="MRG|9990000026^^^NHS^NH~8^^^RZZ^MR")
    event, queries = understood(message)
    assert (event.patient.nhs_number, event.patient.hospital_number) == ("9990000018", "7")
    assert (event.former_nhs_number, event.former_hospital_number, queries) == ("9990000026", "8", [])


def test_a_message_may_merge_many():
    """Each group of it is an event of its own."""
    pairs = ("PID|||1^^^RZZ^MR", "MRG|2^^^RZZ^MR", "PID|||3^^^RZZ^MR", "MRG|4^^^RZZ^MR")
    header = "MSH|^~\\&|PAS|RZZ|||20260704||ADT^A40|M1|P|2.4"
    events = list(adt(hl7.read("\r".join((header, *pairs)).encode())))
    assert [(one.patient.hospital_number, one.former_hospital_number) for one in events] == [("1", "2"), ("3", "4")]


def test_a_refused_message_of_a_file_does_not_stop_the_others(line):
    """In = understood + set aside + refused."""
    data = b"\r".join(
        [arrival().raw, arrival(PID=None).raw, arrival(MSH="MSH|^~\\&|P|R|||20260704||ORU^R01|M3|P|2.4").raw, b"MSH|||"]
    )
    outcomes = list(read(line, data, Keys(bytes(32))))
    assert [type(one) for one in outcomes] == [Understood, Refusal, SetAside, Refusal]
    assert not any(isinstance(one, Queried) for one in outcomes)


# --- order -----------------------------------------------------------------------------------------------------


def visit():
    """One stay as it happened: arrival, a correction of the name, admission, discharge, that discharge cancelled."""
    said = [
        ("A04", "20260704192000", "Dare"),
        ("A08", "20260704200000", "O'Dare"),
        ("A01", "20260704210000", "O'Dare"),
        ("A03", "20260705090000", "O'Dare"),
        ("A13", "20260705091500", "O'Dare"),
    ]
    return [
        arrival(
            MSH=f"MSH|^~\\&|PAS|RZZ|HUB|SBC|20260705120000||ADT^{trigger}|V{number}|P|2.4",
            EVN=f"EVN|{trigger}|20260705120000||||{at}",
            PID=f"PID|1||9990000018^^^NHS^NH||{surname}^Zo||20190514|F",
        ).raw
        for number, (trigger, at, surname) in enumerate(said)
    ]


FLAG = {
    "subject": {"nhs_number": "9990000018", "born": date(2019, 5, 14)},
    "plan": "looked_after",
    "started": datetime(2026, 1, 5, tzinfo=UTC),
    "ended": None,
    "deleted": None,
    "authority": {
        "name": "Borough",
        "ods_code": "XZZ",
        "office_phone": "01632960101",
        "emergency_phone": "01632960102",
    },
    "worker_id": "SW-1",
}


def come_to(line, messages):
    """What came of the messages in the order in which they came, and the verdicts that followed."""
    state, now = remember(None, FLAG, datetime(2026, 7, 1, tzinfo=UTC)), datetime(2026, 7, 5, 11, tzinfo=UTC)
    events = [one for raw in messages for one in read(line, raw, Keys(bytes(32)))]
    papers = [Envelope(one.id, "/hub", "hospital-attendance.v1", now, "") for one in events]
    verdicts = [
        alert
        for one, about in zip(events, papers, strict=True)
        for alert in judge(one.event.model_dump(), state, about, now=now, caught_up=True)
    ]
    return {one.id: one.event for one in events}, {one.attendance_id: one for one in verdicts}


@given(st.permutations(range(5)), st.lists(st.integers(0, 4), max_size=3))
@settings(deadline=None)
def test_order_and_repetition_change_nothing_of_what_is_said(order, again):
    """
    Each message is an event with its own times, not a new state of the visit: none overwrites another.

    However an older correction comes after a newer one, or an arrival after its discharge, the same events come of
    it under the same ids, and the same verdicts on the arrival and on the admission.
    """
    line = Line(
        Agency(name="Hospital", steward="a@b.example", says={"adt": SAYING}, key="great_western_hospital"),
        "adt", adt, (stream,),
    )  # fmt: skip
    messages = visit()

    as_it_happened = come_to(line, messages)
    as_it_came = come_to(line, [messages[number] for number in [*order, *again]])

    assert as_it_came == as_it_happened
    events, verdicts = as_it_came
    assert sorted(one.at for one in events.values()) == [one.at for one in come_to(line, messages)[0].values()]
    assert sorted(one.happened for one in verdicts.values()) == ["admitted", "arrived"]
    assert {one.verdict for one in verdicts.values()} == {"flagged"}
