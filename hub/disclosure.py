"""Disclosures: what was decided for whom and why, provable afterwards; no personal data, only ids and rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from hub.avro import Codec
from hub.envelope import Record
from hub.narrow import number

TOPIC = "disclosures.v1"
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "DisclosurePage",
    "namespace": "hub.disclosures.v1",
    "doc": "Receipts of one transaction of the relay: one for each event and each agency that a policy names.",
    "fields": [
        {
            "name": "receipts",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Receipt",
                    "fields": [
                        {"name": "event", "type": "string", "doc": "The event's id."},
                        {"name": "stream", "type": "string", "doc": "The stream it was on."},
                        {"name": "agency", "type": "string", "doc": "Who could have heard it."},
                        {"name": "verdict", "type": "string", "doc": "released or withheld."},
                        {"name": "rule", "type": "string", "doc": "What kept it back; empty where released."},
                        {"name": "policy", "type": "string", "doc": "Hash of the policy file that decided."},
                        {"name": "gate", "type": "string", "doc": "The gate that was asked."},
                        {"name": "notice", "type": "string", "doc": "The section of the privacy notice."},
                        {"name": "message", "type": "string", "doc": "The recipient's message id; empty where none."},
                        {
                            "name": "sent",
                            "type": "string",
                            "doc": "SHA-256 of the bytes published; empty where none.",
                        },
                        {"name": "at", "type": "string", "doc": "When it was decided, RFC 3339 in UTC."},
                    ],
                },
            },
        }
    ],
}


class Receipt(NamedTuple):
    """One decision: *event* for *agency*, *verdict* by *rule*, under the policy whose hash is *policy*."""

    event: str
    stream: str
    agency: str
    verdict: str
    rule: str
    policy: str
    gate: str
    notice: str
    message: str
    sent: str
    at: str


PAGE = 250


def pages(receipts: Sequence[Receipt], codec: Codec) -> Iterable[Record]:
    """
    Receipts as records for the disclosures topic.

    Some hundreds share a record: a receipt weighs as much as what it attests, and a record each would halve the
    relay's rate (`make bench`). What is the same for one rule of one route is spelt once.
    """
    for start in range(0, len(receipts), PAGE):
        page = receipts[start : start + PAGE]
        parts = [codec.prefix, number(len(page))]
        for event, stream, agency, verdict, rule, policy, gate, notice, message, sent, at in page:
            parts += (
                _text(event),
                _texts(stream, agency, verdict, rule, policy, gate, notice),
                _text(message),
                _text(sent),
                _once(at),
            )
        parts.append(b"\x00")
        yield Record(TOPIC, None, b"".join(parts), (("content-type", b"application/avro"),))


def _text(text: str) -> bytes:
    """One string as Avro writes it."""
    spelt = text.encode()
    return number(len(spelt)) + spelt


_once = lru_cache(maxsize=64)(_text)


@lru_cache(maxsize=4_096)
def _texts(*texts: str) -> bytes:
    return b"".join(map(_text, texts))


def receipts_of(value: bytes, codec: Codec) -> list[Receipt]:
    """The receipts in one record of the disclosures topic."""
    return [Receipt(**one) for one in codec.decode(value)["receipts"]]
