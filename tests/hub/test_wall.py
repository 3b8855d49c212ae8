"""The wall: what names a closed identifier comes in nowhere, quarantine included; everything else is left as it was."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from hub.catalog import Catalog
from hub.inbound import Line, Outcome, Queried, Refusal, SetAside, Understood
from hub.stream import Event
from hub.wall import CLOSED, holds, let_in
from schemas.adoption_case import AdoptionCaseChanged
from schemas.sharing_status import SharingStatusRecorded

SHUT = frozenset({("nhs_number", "9990000018"), ("upn", "A866012020017"), ("case_id", "P-100482")})
ORDERED = date(2026, 9, 1)


@pytest.fixture(scope="module")
def status_line(catalog: Catalog) -> Line:
    """The line on which social care says how children stand."""
    return catalog.line("social_care", "sharing_status")


@pytest.fixture(scope="module")
def adoptions_line(catalog: Catalog) -> Line:
    """A line that says other things too."""
    return catalog.line("social_care", "adoptions")


def understood(line: Line, event: Event) -> Outcome:
    stream = next(one for one in line.streams if one.event is type(event))
    return Understood(3, "an id", stream, event)


def refused(raw: bytes, code: str = "day.unknown") -> Refusal:
    return Refusal(3, code, "column DOB", "mend it", raw, readable=True)


def test_who_is_not_closed_comes_in(adoptions_line: Line) -> None:
    """As does what nobody's event is, and what was refused and names nobody of them; with nothing closed, all."""
    case = understood(adoptions_line, AdoptionCaseChanged(
        child={"local_id": "P-100483", "surname": "Sampler"}, adoption_decided=True, decided=ORDERED))  # fmt: skip
    for one in (case, Queried(1, "code.unknown", "SEX"), SetAside(1, "hl7.oru-r01"), refused(b"P-100483,9990000026")):
        assert let_in(adoptions_line, one, SHUT) is one
    named = refused(b"P-100482")
    assert let_in(adoptions_line, named, frozenset()) is named


def test_who_is_closed_does_not_come_in(adoptions_line: Line) -> None:
    """The refusal keeps the place in the file, and nothing of what was said."""
    case = AdoptionCaseChanged(child={"local_id": "P-100482"}, adoption_decided=True, decided=ORDERED)
    found = let_in(adoptions_line, understood(adoptions_line, case), SHUT)
    assert isinstance(found, Refusal)
    assert (found.position, found.code, found.raw, found.readable) == (3, CLOSED, b"", True)


@pytest.mark.parametrize(
    ("said", "comes_in"),
    [
        ({"nhs_number": "9990000018", "adopted": ORDERED}, True),
        ({"nhs_number": "9990000018", "case_id": "P-100482", "adopted": ORDERED}, True),
        ({"nhs_number": "9990000018"}, False),
        ({"nhs_number": "9990000026", "case_id": "P-100482", "adopted": ORDERED}, False),
        ({"nhs_number": "9990000026", "adopted": ORDERED}, True),
    ],
)
def test_that_it_is_closed_may_be_said_again(status_line: Line, said: dict[str, object], comes_in: bool) -> None:
    """As long as no identifier stands beside it that is not closed."""
    one = understood(status_line, SharingStatusRecorded.model_validate(said))
    assert (let_in(status_line, one, SHUT) is one) == comes_in


def test_what_was_refused_and_names_a_closed_identifier_is_not_kept(adoptions_line: Line) -> None:
    """Whatever it was refused for: nobody knows what stands beside it."""
    found = let_in(adoptions_line, refused(b'{"pers_person_id": "P-100482", "dob": "never"}'), SHUT)
    assert isinstance(found, Refusal)
    assert (found.code, found.raw) == (CLOSED, b"")


def test_a_refused_word_on_an_adoption_is_not_kept(status_line: Line, adoptions_line: Line) -> None:
    """On the line of statuses somebody may write the new identity beside the old before either is closed."""
    path = Path(__file__).parents[2] / "connectors/social_care/examples/sharing_status/says_the_new_identity_too.json"
    both = refused(path.read_bytes())
    found = let_in(status_line, both, frozenset())
    assert isinstance(found, Refusal)
    assert (found.code, found.raw) == (CLOSED, b"")
    assert let_in(adoptions_line, both, frozenset()) is both
    other = refused(b'{"id": "S-1", "legal_hold": "yes"}')
    assert let_in(status_line, other, frozenset()) is other


@pytest.mark.parametrize(
    "raw",
    [b"x,9990000018,y", b"999 000 0018", b"NHS 999-000-0018.", b"PID|||9990000018^^^NHS", b'"a866012020017"',
     b"p-100482;", "9990000018".encode("utf-16-le"), b"\xff\xfe 9990000018"],
)  # fmt: skip
def test_a_closed_identifier_is_found_however_it_is_written(raw: bytes) -> None:
    """In groups of digits, in small letters, in bytes that are no text."""
    assert holds(raw, SHUT)


@pytest.mark.parametrize(
    "raw", [b"", b"99900000180", b"19990000018", b"P-1004821", b"P,100482", b"100482 P", b"9990000026"]
)
def test_what_only_looks_like_it_is_not_found(raw: bytes) -> None:
    """A longer number is another number, and what others say stays in quarantine for whoever must mend it."""
    assert not holds(raw, SHUT)
