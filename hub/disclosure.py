"""Disclosures: what was decided for whom and why, provable afterwards; no personal data, only ids and rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from hub.avro import Codec
from hub.envelope import Record
from hub.narrow import number

TOPIC = "disclosures.v1"
NOT_GRANTED = "not-granted"


class Verdict(NamedTuple):
    """
    What became of one field: `released`, `coarsened` or `withheld`.

    *rule* is the word by which it was coarsened, or what kept it back: `not-granted`, the rule that withheld the whole
    event, or the limit that kept back this field.
    """

    path: str
    verdict: str
    rule: str


class Outcome(NamedTuple):
    """
    How one agency fared with an event: the same for every event that fared alike.

    *policy* is the hash of the policy file that decided, *agreement* what it is made under, *relied* what opened the
    gate (`statute`, `consent` or `override`), *fields* every field of the stream.
    """

    stream: str
    agency: str
    verdict: str
    rule: str
    policy: str
    agreement: str
    gate: str
    relied: str
    notice: str
    basis: str
    fields: tuple[Verdict, ...]


class Receipt(NamedTuple):
    """
    One decision: *event* for one agency, with its *outcome*.

    *standing* are the ids of the events that said what was known of the child; *message* is the recipient's message
    id and *sent* the SHA-256 of the value published, both empty where none was; *at* is when it was decided; of an
    event about nobody (a canary's) it is *synthetic*.
    """

    event: str
    outcome: Outcome
    standing: tuple[str, ...]
    message: str
    sent: str
    at: str
    synthetic: bool = False

    @property
    def stream(self) -> str:
        """The stream it was on."""
        return self.outcome.stream

    @property
    def agency(self) -> str:
        """Who could have heard it."""
        return self.outcome.agency

    @property
    def verdict(self) -> str:
        """`released` or `withheld`."""
        return self.outcome.verdict

    @property
    def kept_back(self) -> frozenset[str]:
        """The limits by which fields of a released event were kept back all the same."""
        if self.outcome.verdict != "released":
            return frozenset()
        return frozenset(one.rule for one in self.outcome.fields if one.verdict == "withheld") - {NOT_GRANTED}

    @property
    def rule(self) -> str:
        """What kept it back; empty where it was released."""
        return self.outcome.rule


def _strings(*fields: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "type": "string", "doc": doc} for name, doc in fields]


def _list(name: str, items: Any, doc: str) -> dict[str, Any]:
    return {"name": name, "type": {"type": "array", "items": items}, "doc": doc}


def _record(name: str, doc: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "record", "name": name, "doc": doc, "fields": fields}


VERDICT = _record(
    "Verdict",
    "What became of one field.",
    _strings(
        ("path", "The field."),
        ("verdict", "released, coarsened or withheld."),
        ("rule", "The word by which it was coarsened, or what kept it back; empty where released."),
    ),
)
OUTCOME = _record(
    "Outcome",
    "How an agency fared, the same for every event that fared alike.",
    [
        *_strings(
            ("stream", "The stream it was on."),
            ("agency", "Who could have heard it."),
            ("verdict", "released or withheld."),
            ("rule", "What kept it back; empty where released."),
            ("policy", "Hash of the policy file that decided."),
            ("agreement", "The information sharing agreement."),
            ("gate", "The gate that was asked."),
            ("relied", "What opened it: statute, consent or override; empty where withheld."),
            ("notice", "The section of the privacy notice."),
            ("basis", "The legal ground."),
        ),
        _list("fields", VERDICT, "Every field of the stream."),
    ],
)
RECEIPT = _record(
    "Receipt",
    "One event and one agency.",
    [
        {"name": "event", "type": "string", "doc": "The event's id."},
        {"name": "outcome", "type": "int", "doc": "Which of the page's outcomes, from 0."},
        _list("standing", "string", "Ids of the events that said what was known of the child."),
        *_strings(
            ("message", "The recipient's message id; empty where none."),
            ("sent", "SHA-256 of the value published; empty where none."),
            ("at", "When it was decided, RFC 3339 in UTC."),
        ),
        {"name": "synthetic", "type": "boolean", "doc": "Whether the event is about nobody: a canary."},
    ],
)
SCHEMA: dict[str, Any] = {
    **_record(
        "DisclosurePage",
        "Receipts of one transaction of the relay: one for each event and each agency that a policy names.",
        [_list("outcomes", OUTCOME, "What the receipts refer to."), _list("receipts", RECEIPT, "The receipts.")],
    ),
    "namespace": "hub.disclosures.v1",
}
PAGE = 250


def pages(receipts: Sequence[Receipt], codec: Codec) -> Iterable[Record]:
    """
    Receipts as records for the disclosures topic.

    Some hundreds share a record, and each page says but once what is the same for many: a receipt weighs as much as
    what it attests, and a record each would halve the relay's rate (`make bench`).
    """
    for start in range(0, len(receipts), PAGE):
        page = receipts[start : start + PAGE]
        numbers: dict[int, int] = {}  # by identity: a route makes each of its outcomes once
        outcomes: list[bytes] = []
        lines: list[bytes] = []
        for event, outcome, standing, message, sent, at, synthetic in page:
            place = numbers.get(id(outcome))
            if place is None:
                place = numbers[id(outcome)] = len(numbers)
                outcomes.append(_outcome(outcome))
            lines += (_text(event), number(place), _many(standing), _text(message), _text(sent), _once(at))
            lines.append(b"\x01" if synthetic else b"\x00")
        body = (codec.prefix, number(len(outcomes)), *outcomes, b"\x00", number(len(page)), *lines, b"\x00")
        yield Record(TOPIC, None, b"".join(body), (("content-type", b"application/avro"),))


def _text(text: str) -> bytes:
    """One string as Avro writes it."""
    spelt = text.encode()
    return number(len(spelt)) + spelt


_once = lru_cache(maxsize=64)(_text)


def _many(texts: tuple[str, ...]) -> bytes:
    return b"".join((number(len(texts)), *map(_text, texts), b"\x00")) if texts else b"\x00"


@lru_cache(maxsize=1_024)
def _outcome(outcome: Outcome) -> bytes:
    *texts, fields = outcome
    parts = [*map(_text, texts), number(len(fields))]
    parts += [_text(text) for field in fields for text in field]
    return b"".join((*parts, b"\x00" if fields else b""))


def receipts_of(value: bytes, codec: Codec) -> list[Receipt]:
    """The receipts in one record of the disclosures topic."""
    page = codec.decode(value)
    outcomes = [
        Outcome(**{**one, "fields": tuple(Verdict(**field) for field in one["fields"])}) for one in page["outcomes"]
    ]
    return [
        Receipt(**{**one, "outcome": outcomes[one["outcome"]], "standing": tuple(one["standing"])})
        for one in page["receipts"]
    ]
