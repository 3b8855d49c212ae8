"""Reviews: what somebody found of each disclosure that was made without consent; no word about the child."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from hub.approvals import person
from hub.disclosure import Receipt
from hub.envelope import Record, stamp
from hub.errors import HubError, Unreadable

TOPIC = "reviews.v1"
REVIEW_DAYS = 7
"""
In how many days an override is reviewed: five working days, so that a second pair of eyes sees it while the case is
open and whoever decided still knows why. No statute names a figure; the authority sets its own (HUB_REVIEW_DAYS).
"""
OVERRIDE = "override"
Finding = Literal["justified", "not-justified"]
FINDINGS: tuple[Finding, ...] = get_args(Finding)
FEWEST_WORDS, FEWEST_LETTERS, MOST_LETTERS = 5, 25, 2_000
PERSONAL = {
    "an NHS number": re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)", re.ASCII),
    "a unique pupil number": re.compile(r"\b[A-Z]\d{11}[0-9A-Z]\b", re.ASCII | re.IGNORECASE),
    "a postcode": re.compile(r"\b[A-Z]{1,2}\d[A-Z0-9]? ?\d[A-Z]{2}\b", re.ASCII | re.IGNORECASE),
    "an e-mail address": re.compile(r"\S@\S+\.\S"),
}  # fmt: skip
"""What a review must not hold, as far as it can be known by its looks."""


class NotReviewed(HubError):
    """A review is refused, and the message says why."""


class Review(NamedTuple):
    """One review: *message* is the recipient's message id, *by* who reviewed, *at* when, RFC 3339 in UTC."""

    event: str
    agency: str
    message: str
    finding: str
    by: str
    because: str
    at: str


class Due(NamedTuple):
    """A disclosure that nobody reviewed yet, how old it is, and whether it should have been reviewed by now."""

    receipt: Receipt
    age: timedelta
    overdue: bool


def overrides(receipts: Iterable[Receipt]) -> dict[tuple[str, str], Receipt]:
    """Of *receipts* those of what was shared without consent, the first of each event and agency."""
    found: dict[tuple[str, str], Receipt] = {}
    for one in receipts:
        if one.verdict == "released" and one.outcome.relied == OVERRIDE:
            place = one.event, one.agency
            if place not in found or one.at < found[place].at:
                found[place] = one
    return found


def due(shared: Iterable[Receipt], reviewed: Collection[tuple[str, str]], now: datetime, days: int) -> list[Due]:
    """Those of the disclosures *shared* that are not *reviewed*, the oldest first; each is overdue after *days*."""
    waiting = sorted((one for one in shared if (one.event, one.agency) not in reviewed), key=lambda one: one.at)
    ages = [now - datetime.fromisoformat(one.at) for one in waiting]
    return [Due(one, age, age > timedelta(days=days)) for one, age in zip(waiting, ages, strict=True)]


def review(
    receipt: Receipt | None, before: Review | None, *, by: str, finding: Finding, because: str, at: datetime,
    again: bool = False,
) -> Record:  # fmt: skip
    """
    The record of one review of the disclosure that *receipt* attests; *before* is the newest review of it, if any.

    Raises NotReviewed where there is no such disclosure, where it was reviewed and *again* is not said, where nobody is
    named, and where *because* is no sentence, or looks as if it held personal data.
    """
    if receipt is None:
        raise NotReviewed("nothing was shared by an override under that event and agency: see `hub reviews`")
    if before is not None and not again:
        raise NotReviewed(f"{before.by} found it {before.finding} at {before.at}: add --again to review it once more")
    by, text = grounds(by, because)
    said = Review(receipt.event, receipt.agency, receipt.message, finding, by, text, stamp(at))
    body = json.dumps(said._asdict(), ensure_ascii=False, sort_keys=True).encode()
    return Record(TOPIC, f"{said.event}/{said.agency}".encode(), body, (("content-type", b"application/json"),))


def grounds(by: str, because: str) -> tuple[str, str]:
    """
    Who decided, and on what that rests, fit to be kept.

    Raises NotReviewed where nobody is named, and where *because* is no sentence, or looks as if it held personal data.
    """
    if not person(by) or len(by) > 120 or not by.isprintable():
        raise NotReviewed("--by: name who decided, by first and last name")
    text = because.strip()
    if len(text) < FEWEST_LETTERS or len(text.split()) < FEWEST_WORDS:
        raise NotReviewed("--because: say in a sentence what that rests on")
    if len(text) > MOST_LETTERS or not text.isprintable():
        raise NotReviewed(f"--because: one paragraph of at most {MOST_LETTERS} letters, without control characters")
    for what, pattern in PERSONAL.items():
        if pattern.search(text) or pattern.search(by):
            raise NotReviewed(f"that holds what looks like {what}: it is about the decision, not the child")
    return by.strip(), text


def read(record: Record) -> Review:
    """A record of the topic; raises Unreadable where it is no review."""
    try:
        said = json.loads(record.value or b"")
        found = Review(**{name: str(said[name]) for name in Review._fields})
    except (ValueError, KeyError, TypeError):
        raise Unreadable("reviews.unreadable", TOPIC, "it was not written by `hub reviews record`") from None
    if f"{found.event}/{found.agency}".encode() != record.key:
        raise Unreadable("reviews.key", TOPIC, "its key is another disclosure's")
    return found
