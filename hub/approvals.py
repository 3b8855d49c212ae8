"""
Approvals: who proposed and who approved what a policy newly discloses; the shape of approvals.yaml, beside policy.yaml.

That two names are written proves no more than that. Who may write them is decided where the repository is kept: the
file changes in the same reviewed commit as the policy.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated

from pydantic import Field

from hub.policy import Sentence, Shape

FILE = "approvals.yaml"
Name = Annotated[str, Field(min_length=3, max_length=120)]


class Approved(Shape):
    """One version of a policy.yaml, whatever it discloses, approved by a second person."""

    policy: Annotated[
        str, Field(pattern=r"^[0-9a-f]{16}$", description="The version of policy.yaml, as `hub policy diff` says it.")
    ]
    proposed_by: Annotated[Name, Field(description="Who wrote the change.")]
    approved_by: Annotated[Name, Field(description="Who else read it, and answers for it.")]
    approved_on: Annotated[date, Field(description="The day on which it was approved.")]
    because: Annotated[Sentence, Field(description="Why it is right that this is heard, in a sentence.")]

    @property
    def by_two(self) -> bool:
        """Whether both are named, and are not one person."""
        return different(self.proposed_by, self.approved_by)


class Approvals(Shape):
    """The shape of approvals.yaml: every version of one policy that was approved, oldest first."""

    approved: Annotated[tuple[Approved, ...], Field(max_length=500, description="One entry for each version.")]

    def of(self, version: str) -> Approved | None:
        """The newest approval of just this *version* by two persons, or None."""
        return next((one for one in reversed(self.approved) if version and one.policy == version and one.by_two), None)


def person(name: str) -> tuple[str, ...]:
    """
    What tells one person from another, whatever way the name is written; empty where nobody is named.

    Case, accents, full stops, spaces and the order of the words tell nobody apart: `Smith, Zoë` is `zoe smith`. In
    doubt two spellings are one person, who then needs another.
    """
    letters = "".join(
        letter if letter.isalnum() else "" if unicodedata.category(letter) in ("Mn", "Cf") else " "
        for letter in unicodedata.normalize("NFKD", name.casefold())
    )
    return tuple(sorted(letters.casefold().split()))


def different(one: str, other: str) -> bool:
    """Whether these are the names of two persons; `TODO` is nobody's."""
    who = (person(one), person(other))
    return who[0] != who[1] and all(name and "todo" not in name for name in who)
