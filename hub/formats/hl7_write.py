"""HL7 v2 written: acknowledgements, and messages that hl7apy has checked; what they say is decided elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hub.errors import Unreadable
from hub.formats.hl7 import CHARSETS, Separators, separators_of
from hub.formats.hl7_values import time_text

Outcome = Literal["accepted", "error", "rejected", "unkept"]
"""All of it taken; read and kept, but refused; not readable; or nothing of it kept: the sender still has it."""
Part = str | int | None
Repetition = Part | tuple[Part, ...]
Fields = Mapping[int, Repetition | list[Repetition]]

USUAL = Separators("|", "^", "~", "\\", "&")
ERRORS = {100: "Segment sequence error", 102: "Data type error", 207: "Application internal error"}  # HL7 table 0357
MOST_SHAPES = 10_000
LONGEST_FIELD = 250  # characters of the sender's own that are given back to it

_LETTERS: Mapping[Outcome, str] = {"accepted": "A", "error": "E", "rejected": "R", "unkept": "E"}
_FIGURES = re.compile(r"[0-9]+")
_IDS = re.compile(r"\b[A-Z2-7]{20}\b")  # of twenty characters, as MSH-10 ends in 2.4, in base32
_TIMES = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_WORDS = re.compile(r"[^\W\d_](?:[^\W\d_]|['\u2019 -]){0,19}")  # no type of HL7's for free text is shorter than that
_sound: set[str] = set()
"""Shapes of messages of which hl7apy found one to be sound."""
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})(?:-(\d{1,3}))?.*")


@dataclass(frozen=True, slots=True)
class Header:
    """What can be made out of an MSH, however broken the rest: fields as they were sent, in their own separators."""

    line: bytes
    separators: Separators
    fields: tuple[str, ...]

    def at(self, number: int) -> str:
        """The field of this HL7 number; '' where there is none."""
        return self.fields[number - 1] if number <= len(self.fields) else ""

    @property
    def version(self) -> tuple[int, ...]:
        """MSH-12 as numbers that compare; 2.4 where it says nothing readable."""
        said = re.match(r"2\.\d+", self.at(12))
        return tuple(int(part) for part in said[0].split(".")) if said else (2, 4)


def header(raw: bytes) -> Header:
    """The MSH of *raw*; never raises."""
    line = re.split(rb"[\r\n]", raw.lstrip(b"\x0b\r\n")[:4096], maxsplit=1)[0]
    try:
        if not line.startswith(b"MSH"):
            return Header(line, USUAL, ())
        separators = separators_of(line)
    except Unreadable:
        return Header(line, USUAL, ())
    # Latin-1 gives every byte back as it came, whatever it means
    fields = re.sub(r"[\x00-\x1f\x7f]", "", line.decode("latin-1")).split(separators.field)[1:]
    return Header(line, separators, (separators.field, *(field[:LONGEST_FIELD] for field in fields)))


def answer_codes(head: Header, outcome: Outcome) -> tuple[str, ...]:
    """
    MSA-1 of each acknowledgement that the sender wants of an outcome, in the order in which they are sent.

    Original mode (MSH-15 and MSH-16 empty) answers once, AA, AE or AR. In enhanced mode (HL7 2.4 chapter 2; HL7 UK
    A.3) MSH-15 says when the accept level is wanted, always, never, on error or on success, and MSH-16 says so of the
    application level. Accepted is what was kept: CA goes before an AE as well, since a message that is refused
    is in safe storage and sending it again mends nothing. What was not kept or could not be read has one answer, at
    the accept level if that is wanted and else at the other. So has an error of which MSH-16 wants no word: CE,
    so that it is told at all. An acknowledgement is never acknowledged.
    """
    if head.at(9).split(head.separators.component)[0].upper() in ("ACK", "MCF"):
        return ()
    letter = _LETTERS[outcome]
    accept, application = head.at(15).upper(), head.at(16).upper()
    if not accept and not application:
        return (f"A{letter}",)
    good, bad = ("AL", "SU"), ("AL", "ER")
    wanted = good if outcome == "accepted" else bad
    if outcome in ("accepted", "error") and application in wanted:
        return (*(["CA"] if accept in good else []), f"A{letter}")
    if accept in wanted:
        return (f"C{letter}",)
    return (f"A{letter}",) if application in wanted else ()


def acknowledge(
    raw: bytes, code: str, *, at: datetime, error: int = 207, reason: str = "", place: str = "", mend: str = ""
) -> bytes:
    """
    The acknowledgement of *raw* with *code* in MSA-1 (AA AE AR CA CE CR), without framing.

    Sender and receiver change places and MSA-2 echoes MSH-10, in the sender's own separators, as far as *raw* can be
    read. Other than for acceptance, ERR and MSA-3 carry *reason* (a code word), *place* (such as `PID-3`), *mend*
    and *error* (a number of HL7 table 0357). MSH-10 follows from the message's header and *code*, so that a
    message sent twice gets the same answer.
    """
    head = header(raw)
    marks = head.separators
    own_id = "A" + hashlib.sha256(code.encode() + b"\x00" + head.line).hexdigest()[:19]  # 20 is the limit in 2.4
    trigger = head.at(9).split(marks.component)[1:2]
    kind = ["ACK", *trigger, *(["ACK"] if trigger and head.version >= (2, 4) else [])]
    msh = ["MSH", "".join(marks[1:]), head.at(5), head.at(6), head.at(3), head.at(4), time_text(at), ""]
    msh += [
        marks.component.join(kind),
        own_id,
        head.at(11) or "P",
        head.at(12) or "2.4",
        "",
        "",
        "",
        "",
        "",
        head.at(18),
    ]
    text = " ".join(part for part in (reason, f"at {place}" if place else "", mend) if part)
    msa = ["MSA", code, head.at(10), escape(text, marks)[:80]]
    lines = [msh, msa]
    if reason:
        lines.append(_err(head, error, reason, place, mend))
    return b"".join(marks.field.join(line).rstrip(marks.field).encode("latin-1", "replace") + b"\r" for line in lines)


def _err(head: Header, error: int, reason: str, place: str, mend: str) -> list[str]:
    marks = head.separators
    where = _PLACE.fullmatch(place)
    segment, field = (where[1], where[2] or "") if where else ("", "")
    if head.version < (2, 5):
        coded = marks.subcomponent.join((str(error), ERRORS[error], "HL70357"))
        return ["ERR", marks.component.join((segment, "1" if segment else "", field, coded))]
    location = marks.component.join((segment, "1", field)).rstrip(marks.component) if segment else ""
    coded = marks.component.join((str(error), ERRORS[error], "HL70357"))
    return ["ERR", "", location, coded, "E", escape(reason, marks), "", "", escape(mend, marks)[:LONGEST_FIELD]]


def render(segments: Sequence[tuple[str, Fields]]) -> bytes:
    """
    A whole message, MSH first, valid HL7 by hl7apy's model of the version in MSH-12 and the structure in MSH-9.

    A field is text, a tuple of components, or a list of repetitions; MSH-1 and MSH-2 are filled in. Text is escaped
    here. Bytes are as MSH-18 says, ASCII where it says nothing (HL7 UK A.3). Raises ValueError, without the
    message's content, where hl7apy finds a fault, or would drop or move any of it; Z-segments, of which it knows
    nothing, are written but not checked.
    """
    lines = [_line(name, fields) for name, fields in segments]
    _conform("\r".join(_unbroken(line) for line in lines if not line.startswith("Z")))
    said = dict(segments[0][1]).get(18)
    codec = CHARSETS.get(str(said).upper(), "") if said else "ascii"
    try:
        return ("\r".join(lines) + "\r").encode(codec)
    except (UnicodeEncodeError, LookupError):
        raise ValueError("hl7.charset at MSH-18: it does not have all characters of the message") from None


def escape(text: str, separators: Separators = USUAL) -> str:
    """*text* with separators and line breaks as HL7 escape sequences; other control characters become spaces."""
    mark = separators.escape
    table = {
        separators.field: f"{mark}F{mark}",
        separators.component: f"{mark}S{mark}",
        separators.repetition: f"{mark}R{mark}",
        separators.escape: f"{mark}E{mark}",
        separators.subcomponent: f"{mark}T{mark}",
        "\n": f"{mark}.br{mark}",
    }
    plain = re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", " ", re.sub(r"\r\n?", "\n", text))
    return "".join(table.get(character, character) for character in plain)


def _line(name: str, fields: Fields) -> str:
    if name == "MSH":
        fields = {**fields, 1: "", 2: ""}
    texts = [""] * (max(fields, default=0) + 1)
    for number, value in fields.items():
        texts[number] = USUAL.repetition.join(map(_repetition, value if isinstance(value, list) else [value]))
    texts[0] = name
    if name == "MSH":
        texts[1:3] = ["".join(USUAL[1:])]
    return USUAL.field.join(texts).rstrip(USUAL.field)


def _repetition(value: Repetition) -> str:
    parts = value if isinstance(value, tuple) else (value,)
    return USUAL.component.join("" if part is None else escape(str(part)) for part in parts).rstrip(USUAL.component)


def _unbroken(line: str) -> str:
    """Without `.br` sequences, which hl7apy takes for text with backslashes in it."""
    return re.sub(r"\\([^\\]*)\\", lambda sequence: " " if sequence[1] == ".br" else sequence[0], line)


def _conform(text: str) -> None:
    """
    Have hl7apy look at one message of each shape; raises ValueError where it finds a fault.

    It takes some tens of milliseconds, and an alert must not wait for the fifty before it. What it looks at is in the
    shape: which segments and parts there are and in what order, every code, every length, and whether a day exists.
    """
    shape = _shape(text)
    if shape in _sound:
        return
    _check(text)
    if len(_sound) >= MOST_SHAPES:
        _sound.clear()
    _sound.add(shape)


def _shape(text: str) -> str:
    """*text* with any figure for each, any id for ours, and of a person's own words roughly how long they are."""
    lines = _FIGURES.sub(_any_figures, _IDS.sub("X" * 20, text)).split("\r")
    return "\r".join(_WORDS.sub("A", line) if line.startswith("PID|") else line for line in lines)


def _any_figures(found: re.Match[str]) -> str:
    """As many noughts; but a row of figures that would be a time, and is none, stays as it is, for hl7apy to refuse."""
    run = found[0]
    if (form := _TIMES.get(len(run))) is not None:
        try:
            datetime.strptime(run, form)  # noqa: DTZ007  only whether there is such a time
        except ValueError:
            return run
    return "0" * len(run)


def _check(text: str) -> None:
    """hl7apy drops and moves what does not fit without a word, so it must also give the text back as it was."""
    from hl7apy.consts import VALIDATION_LEVEL  # noqa: PLC0415  slow to import, and the gateway renders nothing
    from hl7apy.exceptions import HL7apyException  # noqa: PLC0415
    from hl7apy.parser import parse_message  # noqa: PLC0415
    from hl7apy.validation import Validator  # noqa: PLC0415

    try:
        model = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
        Validator.validate(model)
    except (HL7apyException, ValueError) as fault:
        named = re.search(r"\b[A-Z][A-Z0-9]{2}(?:_[A-Z0-9]+)?\.?[A-Z0-9]*_?[0-9]*\b", str(fault))
        place = f" at {named[0]}" if named and "_" in named[0] else ""
        raise ValueError(f"hl7.invalid{place}: hl7apy says {type(fault).__name__}") from None
    if model.to_er7() != text:
        raise ValueError("hl7.invalid: a segment or a part is not where the structure in MSH-9 has it")
