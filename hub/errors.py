"""
What can go wrong, by what happens next; no error carries the content of a message.

* HubError
  x CatalogError      ours: the hub does not start; `hub check` shows it first
  x MessageError      theirs: this message is set aside in quarantine, the stream goes on
    - Unreadable        the bytes are not what the format says
    - NotUnderstood     read, but it makes no valid event
  x TransportError    the world's: tried again, nothing lost, nothing skipped
    - Refused           the partner said no for good: parked, and someone must look

NotForUs is not an error: the message is sound and nobody here needs it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError


class HubError(Exception):
    """Anything the hub itself raises."""


class CatalogError(HubError):
    """The catalog has faults; *findings* are their printable lines, all of them."""

    def __init__(self, findings: Iterable[object]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class MessageError(HubError):
    """A message is refused: *code* says why (a closed word), *place* where, *mend* what to do."""

    def __init__(self, code: str, place: str = "", mend: str = "") -> None:
        self.code = code
        self.place = place
        self.mend = mend
        super().__init__(" ".join(part for part in (code, f"at {place}" if place else "", mend) if part))


class Unreadable(MessageError):
    """The bytes are not what the format says."""


class NotUnderstood(MessageError):
    """The message was read, but makes no valid event."""

    @classmethod
    def from_validation(cls, error: ValidationError, prefix: str = "") -> NotUnderstood:
        """The first fault pydantic found, by kind and place; the value stays out of it."""
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # The name of a field that we do not know is the sender's own words, and could be anything.
        known = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
        place = ".".join(str(part) for part in known)
        return cls(f"invalid.{first['type'].replace('_', '-')}", prefix + place, first["msg"])


class NotForUs(HubError):
    """Sound, but nobody here needs it: counted by *code*, and kept out of quarantine."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class TransportError(HubError):
    """The world did not answer as it should: tried again."""


class Refused(TransportError):
    """The partner answered that it will never take this message: parked for a person."""
