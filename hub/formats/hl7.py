"""HL7 v2: the bytes of messages and batches become addressed text; what the text means is `hl7_values`' affair."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from hub.agency import Saying
from hub.errors import NotForUs, Unreadable
from hub.formats import Item, hl7_batch

LONGEST_MESSAGE = 256 * 1024  # bytes
MOST_SEGMENTS = 500
MOST_REPETITIONS = 200
NULL = '""'  # the sender says: delete what you have; an empty field says: no change (HL7 UK A.3 §2.3.3)

# MSH-18 by HL7 table 0211. 8859/1 is read as Windows-1252, which has the same letters: senders who say 8859/1 and
# send curly apostrophes exist. UNICODE is what ITK senders write for UTF-8.
CHARSETS = {
    "ASCII": "ascii",
    "8859/1": "cp1252",
    "8859/15": "iso8859-15",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
}
_DEFAULTS = {"utf-8": "utf-8", "iso-8859-1": "cp1252", "ascii": "ascii"}

# MSH-11 by HL7 table 0103, and its processing mode by table 0207: what is restored, archived or loaded for the first
# time happened long ago. Whoever says nothing, or something of neither list, is taken at his word for real.
_NOT_FOR_REAL = {"T": "hl7.training", "D": "hl7.debugging"}
_NOT_NOW = frozenset("ARI")

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_PATH = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,3})(?:\.(\d{1,2}))?(?:\.(\d{1,2}))?")
_HEADERS = ("MSH", "FHS", "BHS")


class Separators(NamedTuple):
    """What MSH-1 and MSH-2 declare; *truncation* is the fifth encoding character of HL7 2.7 and may be empty."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    truncation: str = ""


class Segment:
    """One segment; paths within it are `field[.component[.subcomponent]]`, counted from 1 as HL7 does."""

    __slots__ = ("_charset", "_separators", "fields", "name")

    def __init__(self, line: str, separators: Separators, charset: str) -> None:
        self.name = line[:3]
        self.fields = line.split(separators.field)
        if self.name in _HEADERS:
            self.fields.insert(1, separators.field)  # MSH-1 is the separator itself
        self._separators = separators
        self._charset = charset

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """The value of the field's first repetition, its escapes resolved; '' where it is absent or null."""
        return self._plain(self._piece(field, component, subcomponent))

    def is_null(self, field: int, component: int = 1, subcomponent: int = 1) -> bool:
        """Whether the sender asks for deletion of this field or part of one."""
        whole = self.fields[field] if field < len(self.fields) else ""
        return NULL in (whole, self._piece(field, component, subcomponent))

    def repetitions(self, field: int) -> list[list[str]]:
        """Each repetition as its components (the first subcomponent of each), escapes resolved."""
        whole = self.fields[field] if field < len(self.fields) else ""
        if whole in ("", NULL):
            return []
        parts = self._separators
        return [
            [self._plain(_nth(component, parts.subcomponent, 1)) for component in one.split(parts.component)]
            for one in whole.split(parts.repetition)
            if one
        ]

    def _piece(self, field: int, component: int, subcomponent: int) -> str:
        if field >= len(self.fields):
            return ""
        whole = self.fields[field]
        if field <= 2 and self.name in _HEADERS:
            return whole
        parts = self._separators
        first = _nth(whole, parts.repetition, 1)
        return _nth(_nth(first, parts.component, component), parts.subcomponent, subcomponent)

    def _plain(self, piece: str) -> str:
        if piece == NULL:
            return ""
        if self._separators.escape in piece:
            return unescape(piece, self._separators, self._charset)
        return piece


class Message:
    """
    One message: its own bytes, and its text by path, such as `message["PID-5.1"]`.

    Segments are split when first asked for, so that a message which is not for us costs next to nothing. All
    segments are kept, those that no standard knows (Z-segments) too.
    """

    __slots__ = ("_charset", "_lines", "_segments", "raw", "separators")

    def __init__(self, raw: bytes, lines: list[str], separators: Separators, charset: str) -> None:
        self.raw = raw
        self.separators = separators
        self._lines = lines
        self._charset = charset
        self._segments: dict[str, list[Segment]] = {}

    @property
    def charset(self) -> str:
        """What its bytes were read as, by Python's name."""
        return self._charset

    @property
    def names(self) -> list[str]:
        """The names of its segments, in order."""
        return [line[:3] for line in self._lines]

    def segments(self, name: str) -> list[Segment]:
        """All segments of this name, in order."""
        found = self._segments.get(name)
        if found is None:
            found = [Segment(line, self.separators, self._charset) for line in self._lines if line.startswith(name)]
            self._segments[name] = found
        return found

    def __getitem__(self, path: str) -> str:
        """The text at `SEG-field[.component[.subcomponent]]`, in the first such segment and first repetition."""
        name, *where = _address(path)
        found = self.segments(name)
        return found[0].text(*where) if found else ""

    def is_null(self, path: str) -> bool:
        """Whether the sender wrote `""` there: delete what you have."""
        name, *where = _address(path)
        found = self.segments(name)
        return bool(found) and found[0].is_null(*where)

    def repetitions(self, path: str) -> list[list[str]]:
        """All repetitions of a field of the first such segment, each as its components."""
        name, field, *_ = _address(path)
        found = self.segments(name)
        return found[0].repetitions(field) if found else []

    def groups(self, name: str) -> list[Message]:
        """
        A message for each group that *name* begins, with the segments before the first one in all of them.

        One message may merge many patients: `{PID [PD1] MRG [PV1]}` repeats in ADT_A39.
        """
        starts = [number for number, line in enumerate(self._lines) if line.startswith(name)]
        if len(starts) < 2:
            return [self]
        head = self._lines[: starts[0]]
        return [
            Message(self.raw, head + self._lines[start:end], self.separators, self._charset)
            for start, end in zip(starts, [*starts[1:], len(self._lines)], strict=True)
        ]

    @property
    def type(self) -> tuple[str, str]:
        """Message code and trigger event, such as `("ADT", "A01")`."""
        return self["MSH-9.1"], self["MSH-9.2"]

    @property
    def control_id(self) -> str:
        """MSH-10, the sender's own id for the message."""
        return self["MSH-10"]


def parse(data: bytes, saying: Saying) -> Iterator[Item]:
    """
    Read one message, or a file of many, with or without HL7 batch envelopes and MLLP framing.

    Messages begin at each MSH that begins a line. Segments end in CR, LF or both. Bytes mean what MSH-18 says, else
    what *saying* says. In a file of many, a message that cannot be read is an Item that holds its `Unreadable`; one
    whose MSH-11 says that it is none of those *saying* acts upon (training, debugging) holds a `NotForUs`.
    Raises `Unreadable` where the only message cannot be read, or where a batch's own count shows that some of it
    is missing: then nothing of it is taken.
    """
    parts = hl7_batch.split(data.removeprefix(b"\xef\xbb\xbf"))
    raws = [part for kind, part in parts if kind == b"MSH"]
    if len(parts) == 1 and raws:
        return iter((_item(raws[0], saying),))
    if len(raws) < len(parts):
        hl7_batch.check(parts)
    return _each(raws, saying)


def read(raw: bytes, charset: str = "utf-8") -> Message:
    """
    One message without framing; *charset* is what bytes mean where MSH-18 does not say.

    Raises `Unreadable` with the code of the first rule that it breaks.
    """
    if len(raw) > LONGEST_MESSAGE:
        raise Unreadable("hl7.too-long", "", f"send at most {LONGEST_MESSAGE} bytes in a message")
    separators = separators_of(raw)
    codec = _charset(raw, separators, charset)
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError as fault:
        raise Unreadable("hl7.charset", "MSH-18", f"the bytes are not {codec}; say in MSH-18 what they are") from fault
    if (found := _CONTROLS.search(text)) is not None:
        number = len(re.findall(r"[\r\n]+", text[: found.start()])) + 1
        raise Unreadable("hl7.control-character", f"segment {number}", "send no control characters in fields")
    lines = _lines(text, separators)
    message = Message(raw, lines, separators, codec)
    if not message["MSH-9"]:
        raise Unreadable("hl7.type", "MSH-9", "say what the message is")
    return message


def unescape(text: str, separators: Separators, charset: str = "utf-8") -> str:
    """
    Resolve escape sequences (HL7 2.4 chapter 2): separators, line breaks, highlighting (dropped), hexadecimal.

    A sequence that is unknown, or that would bring in a control character, stands as it was sent.
    """

    def resolve(match: re.Match[str]) -> str:
        word = match[1]
        if word in plain:
            return plain[word]
        try:
            meant = bytes.fromhex(word[1:]).decode(charset)
        except ValueError:
            return match[0]
        return match[0] if _CONTROLS.search(meant) else meant

    plain = {
        "F": separators.field,
        "S": separators.component,
        "R": separators.repetition,
        "E": separators.escape,
        "T": separators.subcomponent,
        "P": separators.truncation or "#",
        ".br": "\n",
        "H": "",
        "N": "",
    }
    return _escapes(separators.escape).sub(resolve, text)


@lru_cache(maxsize=16)
def _escapes(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(rf"{mark}([FSRETPHN]|\.br|X(?:[0-9A-Fa-f]{{2}})+){mark}")


@lru_cache(maxsize=1024)
def _address(path: str) -> tuple[str, int, int, int]:
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"{path}: paths are SEG-field, SEG-field.component or SEG-field.component.subcomponent")
    return match[1], int(match[2]), int(match[3] or 1), int(match[4] or 1)


def _nth(text: str, separator: str, number: int) -> str:
    if number == 1:
        return text.partition(separator)[0]
    pieces = text.split(separator, number)
    return pieces[number - 1] if len(pieces) >= number else ""


def _item(raw: bytes, saying: Saying) -> Item:
    message = read(raw, saying.charset)
    kind, mode = message["MSH-11"].upper(), message["MSH-11.2"].upper()
    aside = None
    if kind in _NOT_FOR_REAL and kind not in saying.processing:
        aside = NotForUs(_NOT_FOR_REAL[kind])
    elif mode in _NOT_NOW:
        aside = NotForUs("hl7.not-current")
    elif kind == "P" and "P" not in saying.processing:
        aside = NotForUs("hl7.production")
    return Item(raw, message.control_id or None, aside or message)


def _each(raws: list[bytes], saying: Saying) -> Iterator[Item]:
    for raw in raws:
        try:
            yield _item(raw, saying)
        except Unreadable as fault:
            yield Item(raw, None, fault)


def separators_of(raw: bytes) -> Separators:
    """What MSH declares; raises `Unreadable` where nothing could be told apart by it."""
    field = raw[3:4]
    said = raw[4:11].split(field)[0] if field else b""
    marks = [chr(byte) for byte in field + said]
    sound = len(said) in (4, 5) and len(set(marks)) == len(marks)
    # Letters and digits would make every name a row of fields; a quote would make the null unreadable.
    if not sound or any(not 0x20 < ord(mark) < 0x7F or mark.isalnum() or mark == '"' for mark in marks):
        raise Unreadable("hl7.separators", "MSH-2", "declare four or five different punctuation marks, as in ^~\\&")
    return Separators(marks[0], *marks[1:])


def _charset(raw: bytes, separators: Separators, otherwise: str) -> str:
    header = re.split(rb"[\r\n]", raw, maxsplit=1)[0].decode("latin-1").split(separators.field)
    said = header[17].partition(separators.repetition)[0].strip() if len(header) > 17 else ""
    if not said or said == NULL:
        return _DEFAULTS[otherwise]
    codec = CHARSETS.get(said.upper())
    if codec is None:
        raise Unreadable("hl7.charset", "MSH-18", f"say one of {', '.join(CHARSETS)}")
    return codec


def _lines(text: str, separators: Separators) -> list[str]:
    """
    The segments' text.

    Where CR ends segments, a lone LF belongs to the text of a field, unless what follows it looks like a segment:
    then nobody can say which is meant, and a guess could lose a segment or take one from somebody's free text.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\r")
        if re.search(rf"\n[A-Z][A-Z0-9]{{2}}{re.escape(separators.field)}", text):
            raise Unreadable("hl7.segment-ends", "", "end all segments alike, with CR")
        lines = [line for line in text.split("\r") if line.strip("\n")]
    else:
        lines = [line for line in text.split("\n") if line]
    if len(lines) > MOST_SEGMENTS:
        raise Unreadable("hl7.too-many-segments", "", f"send at most {MOST_SEGMENTS} segments in a message")
    for number, line in enumerate(lines, 1):
        if _SEGMENT.match(line) is None or line[3:4] not in ("", separators.field):
            raise Unreadable("hl7.segment", f"segment {number}", "begin each segment with its three-letter name")
    if text.count(separators.repetition) >= MOST_REPETITIONS:
        for line in lines:
            if any(one.count(separators.repetition) >= MOST_REPETITIONS for one in line.split(separators.field)):
                raise Unreadable(
                    "hl7.too-many-repetitions", line[:3], f"repeat a field at most {MOST_REPETITIONS} times"
                )
    return lines
