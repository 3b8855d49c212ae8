"""Changes: one difference between two policies, as a value that says what it is and whether it tells more."""

from __future__ import annotations

from dataclasses import dataclass

from hub.document import Document


@dataclass(frozen=True, slots=True)
class Change:
    """
    One difference in what *agency* hears of *stream*, which is empty where it is about all that the agency hears.

    *what* says it in plain words; *path* is the field that it is about, where it is about one; *line* is where it
    stands in today's policy.yaml, 0 where it does not.
    """

    agency: str
    stream: str
    kind: str
    what: str
    widens: bool
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class About:
    """Where some changes belong: one agency's grant of one stream, or its policy; *document* is today's policy.yaml."""

    agency: str
    stream: str = ""
    document: Document | None = None

    def change(self, kind: str, what: str, *place: str | int, widens: bool, path: str = "") -> Change:
        """A change at *place* in the grant, or in the policy where it is about no stream."""
        above = ("hears", self.stream) if self.stream else ()
        line = self.document.line((*above, *place)) if place and self.document is not None else 0
        return Change(self.agency, self.stream, kind, what, widens, path, line)

    def unknown(self, name: str) -> Change:
        """A change of an entry that nothing here knows how to compare: it could be anything."""
        what = f"`{name}` was changed, and nobody taught this comparison what that means"
        return self.change("unknown", what, name, widens=True)
