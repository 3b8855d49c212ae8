"""Reasons: who did what people answer for, and why, in a sentence without personal data; not what was done."""

from __future__ import annotations

import re
from typing import NamedTuple

from hub.approvals import person
from hub.errors import HubError

FEWEST_WORDS, FEWEST_LETTERS, MOST_LETTERS = 5, 25, 2_000
LONGEST_NAME = 120
PERSONAL = {
    "an NHS number": re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)", re.ASCII),
    "a unique pupil number": re.compile(r"\b[A-Z]\d{11}[0-9A-Z]\b", re.ASCII | re.IGNORECASE),
    "a postcode": re.compile(r"\b[A-Z]{1,2}\d[A-Z0-9]? ?\d[A-Z]{2}\b", re.ASCII | re.IGNORECASE),
    "an e-mail address": re.compile(r"\S@\S+\.\S"),
}  # fmt: skip
"""What a reason must not hold, as far as it can be known by its looks."""


class NotAnswered(HubError):
    """Nobody is named, or no reason is given that can be kept; *say* says what is missing, *option* of which answer."""

    def __init__(self, say: str, option: str = "") -> None:
        self.say, self.option = say, option
        super().__init__(f"--{option}: {say}" if option else say)


class Reason(NamedTuple):
    """*by* whom, and *because* of what."""

    by: str
    because: str


def reason(
    by: str, because: str, *, did: str = "does it", rests: str = "it rests on", verified: bool = False
) -> Reason:
    """
    Who answers for something and why, as it is kept for years.

    *did* and *rests* are the words in which the one who writes is asked. Raises NotAnswered where nobody is named,
    where *because* is no sentence, or where either looks as if it held personal data: a name cannot be known by its
    looks, and is the writer's to leave out. A *verified* name is an account's, and may be an e-mail address.
    """
    if not person(by) or len(by) > LONGEST_NAME or not by.isprintable():
        raise NotAnswered(f"name who {did}, by first and last name", "by")
    text = because.strip()
    if len(text) < FEWEST_LETTERS or len(text.split()) < FEWEST_WORDS:
        raise NotAnswered(f"say in a sentence what {rests}", "because")
    if len(text) > MOST_LETTERS or not text.isprintable():
        raise NotAnswered(f"one paragraph of at most {MOST_LETTERS} letters, without control characters", "because")
    for what, pattern in PERSONAL.items():
        if pattern.search(text) or (not verified and pattern.search(by)):
            raise NotAnswered(f"that holds what looks like {what}: say why it was decided, and nothing of the child")
    return Reason(by.strip(), text)
