"""What schools' files come to, counted to the unit, and what must never come of them."""

from __future__ import annotations

import csv as plain
import io
from collections import Counter
from pathlib import Path

import pytest

from hub import seals
from hub.case import Case
from hub.envelope import Envelope, Record, traceparent
from hub.inbound import Outcome, Queried, Refusal, SetAside, Understood, read
from hub.outbound import Desk, Run, open_letter, render
from schemas.child_demographics import stream as child_demographics
from schemas.school_attendance import STATISTICAL_CLASS

UNDATED = ("cell.blank", "CHILD_DATE_OF_BIRTH")
INSTRUCTIONS = {"csv.instruction-row": 1}

# By file: rows, events, set aside, refused, queried. Rows without any content do not count as rows.
CLASS_LISTS = {
    "duplicates.csv": (3, 3, {}, {}, {}),
    "empty.csv": (0, 0, {}, {}, {}),
    "invalid_fields.csv": (
        16, 12, {},
        {
            ("cell.blank", "CHILD_FIRST_NAME"): 1, ("cell.blank", "CHILD_LAST_NAME"): 1, UNDATED: 1,
            ("day.form", "CHILD_DATE_OF_BIRTH"): 1,
        },
        {
            ("email.form", "PARENT_1_EMAIL"): 1, ("phone.form", "PARENT_1_PHONE"): 1,
            ("postcode.form", "CHILD_POSTCODE"): 1, ("nhs-number.invalid", "CHILD_NHS_NUMBER"): 1,
        },
    ),
    "invalid_instruction_row.csv": (2, 0, INSTRUCTIONS, {UNDATED: 1}, {}),
    "invalid_minimal.csv": (1, 0, {}, {UNDATED: 1}, {}),
    "malformed.csv": (1, 0, {}, {("csv.delimiter", "line 1"): 1}, {}),  # semicolons: the file counts as one
    "pds_extravaganza.csv": (1, 1, {}, {}, {}),
    "review_one.csv": (4, 4, {}, {}, {}),
    "review_one_new_patient.csv": (1, 1, {}, {}, {}),
    "review_two.csv": (5, 5, {}, {}, {}),
    "valid.csv": (4, 4, {}, {}, {}),
    "valid_extra_fields.csv": (3, 3, {}, {}, {}),
    "valid_instruction_row.csv": (2, 1, INSTRUCTIONS, {}, {}),
    "valid_minimal.csv": (1, 1, {}, {}, {}),
    "valid_with_bom.csv": (1, 1, {}, {}, {}),
}  # fmt: skip
COHORT_LISTS = {
    "duplicate_except_postcode.csv": (1, 1, {}, {}, {}),
    "duplicate_nhs_numbers.csv": (2, 2, {}, {}, {}),
    "empty.csv": (0, 0, {}, {}, {}),
    "invalid_fields.csv": (
        20, 14, {},
        {
            ("cell.blank", "CHILD_SCHOOL_URN"): 1, ("cell.blank", "CHILD_FIRST_NAME"): 1,
            ("cell.blank", "CHILD_LAST_NAME"): 1, UNDATED: 1, ("cell.blank", "CHILD_POSTCODE"): 1,
            ("day.form", "CHILD_DATE_OF_BIRTH"): 1,
        },
        {
            ("school-urn.form", "CHILD_SCHOOL_URN"): 1, ("email.form", "PARENT_1_EMAIL"): 1,
            ("phone.form", "PARENT_1_PHONE"): 1, ("postcode.form", "CHILD_POSTCODE"): 1,
            ("nhs-number.invalid", "CHILD_NHS_NUMBER"): 1, ("name.sign", "CHILD_FIRST_NAME"): 1,
            ("name.sign", "CHILD_LAST_NAME"): 1,
        },
    ),
    "invalid_instruction_row.csv": (2, 0, INSTRUCTIONS, {UNDATED: 1}, {}),
    "invalid_iso_8859_1_encoding.csv": (1, 0, {}, {("csv.ragged", "line 2"): 1}, {}),  # 16 cells below 21 names
    "invalid_minimal.csv": (1, 0, {}, {UNDATED: 1}, {}),
    "malformed.csv": (1, 0, {}, {("csv.delimiter", "line 1"): 1}, {}),
    "pds_extravaganza.csv": (10, 10, {}, {}, {}),
    "pds_extravaganza_invalid.csv": (12, 12, {}, {}, {}),  # what is invalid there is that two rows stand twice
    "valid.csv": (3, 3, {}, {}, {}),
    "valid_extra_fields.csv": (3, 3, {}, {}, {}),
    "valid_instruction_row.csv": (2, 1, INSTRUCTIONS, {}, {}),
    "valid_iso_8859_1_encoding.csv": (16, 16, {}, {}, {("postcode.form", "CHILD_POSTCODE"): 1}),
    "valid_minimal.csv": (1, 1, {}, {}, {}),
    "valid_unknown_school.csv": (2, 2, {}, {}, {}),
    "valid_with_bom.csv": (1, 1, {}, {}, {}),
    "valid_with_changes.csv": (1, 1, {}, {}, {}),
    "valid_with_duplicates.csv": (4, 4, {}, {}, {}),
}  # fmt: skip


def counted(outcomes: list[Outcome]) -> tuple[int, int, dict, dict, dict]:
    """Rows, events, set aside, refused and queried; with one event a row, the first is the sum of the next three."""
    events = sum(isinstance(one, Understood) for one in outcomes)
    aside = Counter(one.code for one in outcomes if isinstance(one, SetAside))
    refused = Counter((one.code, one.place) for one in outcomes if isinstance(one, Refusal))
    queried = Counter((one.code, one.place) for one in outcomes if isinstance(one, Queried))
    rows = {one.position for one in outcomes}
    assert len(rows) == events + aside.total() + refused.total()
    return len(rows), events, dict(aside), dict(refused), dict(queried)


@pytest.mark.parametrize(
    ("line", "folder", "name", "expected"),
    [("class_lists", "chis-class-lists", *one) for one in CLASS_LISTS.items()]
    + [("cohort_lists", "chis-cohort-lists", *one) for one in COHORT_LISTS.items()],
)
def test_every_public_list_is_accounted_for(catalog, keys, public_data, line, folder, name, expected):
    """Each row of each list is an event, set aside or refused, for just the reason that can be read in it."""
    data = (public_data / folder / name).read_bytes()
    assert counted(list(read(catalog.line("schools", line), data, keys))) == expected


@pytest.mark.parametrize(("folder", "known"), [("chis-class-lists", CLASS_LISTS), ("chis-cohort-lists", COHORT_LISTS)])
def test_no_public_list_is_left_out(public_data, folder, known):
    """A list that is added to the public inputs must be accounted for too."""
    assert {path.name for path in (public_data / folder).iterdir()} == set(known)


def test_the_census_of_a_term_is_accounted_for(catalog, keys, public_data):
    """
    All 39,953 rows: the marks that were retired in 2024 are refused, and counts that are not there.

    The extract has 3,775 rows with H and 1,421 with Y. Of its 365 blank counts 56 stand beside one of these.
    """
    data = (public_data / "school-census" / "2024_autumn_termlysessiondetailsonroll.csv").read_bytes()
    outcomes = list(read(catalog.line("schools", "census_sessions"), data, keys))
    refused = {("attendance-code.retired", "attendancereason"): 5_196, ("cell.blank", "sessions"): 309}
    assert counted(outcomes) == (39_953, 34_448, {}, refused, {})


def test_accents_survive_the_windows_character_set(catalog, keys, public_data):
    """The list that was saved in ISO 8859-1 gives the name as its family writes it."""
    data = (public_data / "chis-cohort-lists" / "valid_iso_8859_1_encoding.csv").read_bytes()
    names = [
        one.event.child.surname
        for one in read(catalog.line("schools", "cohort_lists"), data, keys)
        if isinstance(one, Understood)
    ]
    assert "Jalape\u00f1o-P\u00e9rez" in names


def test_no_list_of_a_school_opens_the_seal(catalog, keys, public_data, now):
    """A school cannot know whether a record is restricted, so what comes of its lists is sealed from everyone."""
    sealed = Counter(
        seals.ask(Case(one.event.model_dump(), child_demographics, "chis", "", now, now))
        for line, folder in (("class_lists", "chis-class-lists"), ("cohort_lists", "chis-cohort-lists"))
        for path in sorted((public_data / folder).glob("*.csv"))
        for one in read(catalog.line("schools", line), path.read_bytes(), keys)
        if isinstance(one, Understood)
    )
    assert sealed == {"restricted": sum(events for _, events, *_ in [*CLASS_LISTS.values(), *COHORT_LISTS.values()])}


def test_a_list_that_lacks_a_column_is_told_which_and_not_to_go_elsewhere(catalog, keys):
    """A cohort list without its postcodes has all that a class list needs, and is a cohort list all the same."""
    heading = b"CHILD_FIRST_NAME,CHILD_LAST_NAME,CHILD_DATE_OF_BIRTH,CHILD_SCHOOL_URN\r\n"
    (refusal,) = read(catalog.line("schools", "cohort_lists"), heading + b"Ada,Sampler,04/11/2013,990001\r\n", keys)
    assert (refusal.code, refusal.place) == ("csv.column-missing", "CHILD_POSTCODE")


def test_nothing_of_a_refused_row_is_in_the_refusal(catalog, keys):
    """A refusal tells code, place and what to do; what was written stays in the quarantined bytes."""
    heading = b"CHILD_FIRST_NAME,CHILD_LAST_NAME,CHILD_DATE_OF_BIRTH\r\n"
    (refusal,) = read(catalog.line("schools", "class_lists"), heading + b"Zebedee,Quagmire,31/02/2014\r\n", keys)
    told = " ".join((refusal.code, refusal.place, refusal.mend))
    assert refusal.raw == heading + b"Zebedee,Quagmire,31/02/2014\r\n"
    assert not [word for word in ("Zebedee", "Quagmire", "31/02") if word in told]


def test_the_same_file_twice_is_the_same_events(catalog, keys):
    """A folder that is read again after a crash makes no new events."""
    example = Path("connectors/schools/examples/attendance/present_in_the_morning.csv")
    data = (Path(__file__).parents[2] / example).read_bytes()
    line = catalog.line("schools", "attendance")
    assert [one.id for one in read(line, data, keys)] == [one.id for one in read(line, data, keys)]


def register(mark: str, session: str) -> bytes:
    """A register of one pupil in care, marked once."""
    heading = "UPN,IN_CARE_OF,REGISTERED_URN,SCHOOL_URN,DATE,SESSION,MARK"
    return f"{heading}\r\nX866400115001,866,990001,990002,15/09/2026,{session},{mark}\r\n".encode()


@pytest.mark.parametrize("mark", sorted(STATISTICAL_CLASS))
def test_every_mark_comes_in_and_goes_out_as_the_regulations_spell_it(catalog, keys, now, mark):
    """A backslash, a hash, a C1 beside a C: no reader or writer on the way may take one for something else."""
    session = "PM" if mark == "\\" else "AM"
    (said,) = read(catalog.line("schools", "attendance"), register(mark, session), keys)
    assert isinstance(said, Understood)
    assert (said.event.mark, said.event.statistical_class) == (mark, STATISTICAL_CLASS[mark])

    stream, agency = said.stream, catalog.agencies["schools"]
    papers = Envelope(said.id, "/tests", stream.topic, now, traceparent(said.id))
    values = said.event.model_dump()
    key = keys.subject(stream, values, otherwise=said.id).encode()
    record = Record(stream.topic, key, catalog.codec(stream).encode(values), papers.headers())
    (sent,) = [
        one
        for one in Desk(catalog, stream, keys).carry(record, now=now).records
        if one.topic == stream.topic_to("schools")
    ]
    (door,) = agency.hears[stream.name].doors
    letter = open_letter(catalog, sent.value, sent.headers)
    body = render(catalog, stream, agency, door, [letter], Run(1, now)).body
    (row,) = plain.DictReader(io.StringIO(body.decode(), newline=""))
    assert (row["MARK"], row["SESSION"], row["CLASS"]) == (mark, session.lower(), STATISTICAL_CLASS[mark])


@pytest.mark.parametrize("mark", ["H", "J", "Y", "h", "y"])
def test_a_mark_that_was_retired_in_2024_is_refused(catalog, keys, mark):
    """What has become of it is for the school to say."""
    (refusal,) = read(catalog.line("schools", "attendance"), register(mark, "AM"), keys)
    assert (refusal.code, refusal.place) == ("attendance-code.retired", "MARK")


@pytest.mark.parametrize("mark", ["C3", "C 1", "Y8", "/\\", "##", "1", "present", "\uff0f"])
def test_a_mark_of_no_list_is_refused_and_not_guessed_at(catalog, keys, mark):
    """Two marks in one cell, a code of before, a sign that only looks like one."""
    (refusal,) = read(catalog.line("schools", "attendance"), register(mark, "AM"), keys)
    assert (refusal.code, refusal.place) == ("attendance-code.unknown", "MARK")
