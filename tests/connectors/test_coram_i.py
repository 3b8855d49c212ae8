"""Coram-i can tell children apart from quarter to quarter, and can tell nobody who they are."""

from __future__ import annotations

import csv as plain
import io
from dataclasses import replace
from datetime import date, timedelta

import pytest

from hub.envelope import Envelope, Record, traceparent
from hub.keys import digest
from hub.outbound import Desk, Run, open_letter, render
from schemas.adoption_case import AdoptionCaseChanged, Child


@pytest.fixture(scope="module")
def begun(catalog):
    """The catalog as it is once the agreement is signed."""
    live = catalog.agencies["coram_i"].model_copy(update={"status": "live"})
    return replace(catalog, agencies={**catalog.agencies, "coram_i": live})


def sent(catalog, keys, now, *cases):
    """What each agency's topic holds of *cases*, by agency."""
    stream = catalog.streams["adoption_case"]
    desk, found = Desk(catalog, stream, keys), {}
    for number, case in enumerate(cases):
        event_id = digest(b"tests", str(number))
        papers = Envelope(event_id, "/tests", stream.topic, now + timedelta(days=number), traceparent(event_id))
        values = case.model_dump()
        key = keys.subject(stream, values, otherwise=event_id).encode()
        record = Record(stream.topic, key, catalog.codec(stream).encode(values), papers.headers())
        for one in desk.carry(record, now=now).records:
            found.setdefault(one.topic.rpartition(".")[2], []).append(one)
    return found


def rows(catalog, records, now):
    """The file that comes of *records*."""
    agency, stream = catalog.agencies["coram_i"], catalog.streams["adoption_case"]
    (door,) = agency.hears[stream.name].doors
    letters = [open_letter(catalog, one.value, one.headers, one.key.decode()) for one in records]
    body = render(catalog, stream, agency, door, letters, Run(1, now)).body
    return body, list(plain.DictReader(io.StringIO(body.decode(), newline="")))


def case(local_id="900004", **more):
    child = Child(local_id=local_id, surname="Sampler", forename="Jude", born=date(2023, 1, 15))
    return AdoptionCaseChanged(child=child, adoption_decided=True, decided=date(2025, 1, 10), whole=True, **more)


def test_a_child_has_the_same_pseudonym_in_every_quarter_and_no_other_child_has(begun, keys, now):
    """Rows of two quarters can be joined; siblings are a row each."""
    records = sent(begun, keys, now, case(), case("900005"), case(matched=date(2025, 6, 1)))["coram-i"]
    first, sibling, later = (row["perm_person_id"] for row in rows(begun, records, now)[1])
    assert first == later != sibling
    assert len(first) == 32


def test_the_pseudonym_is_nobody_elses(begun, keys, now):
    """What Adopt Thames Valley holds cannot be joined with what Coram-i holds, but by the days themselves."""
    found = sent(begun, keys, now, case())
    assert {one.key for one in found["coram-i"]} & {one.key for one in found["adopt-thames-valley"]} == set()


def test_nothing_names_the_child(begun, keys, now):
    """No name, no case number, no day of birth is in the file, nor in what the hub keeps for it."""
    records = sent(begun, keys, now, case(placed=date(2025, 7, 1)))["coram-i"]
    body, (row,) = rows(begun, records, now)
    assert row["pers_month_of_birth"] == "2023-01"
    for word in (b"900004", b"Sampler", b"Jude", b"2023-01-15"):
        assert word not in body
        assert word not in records[0].value


def test_what_there_is_not_is_blank(begun, keys, now):
    """Never `n/a`, and never a nought: the collection reads a blank as nothing to say."""
    (row,) = rows(begun, sent(begun, keys, now, case())["coram-i"], now)[1]
    said = {"perm_person_id", "pers_month_of_birth", "perm_adm_decision_date"}
    assert {column for column, cell in row.items() if cell} == said


def test_nothing_goes_before_the_agreement_is_signed(catalog, keys, now):
    """The collection is voluntary: until then the agency is on trial, and hears nothing."""
    assert catalog.agencies["coram_i"].status == "trial"
    assert "coram-i" not in sent(catalog, keys, now, case())
