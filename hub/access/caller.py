"""Callers: somebody whose word was checked, and the roles in which they call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["ops", "governance", "partner"]
"""*ops* sees how the hub fares and works on quarantine; *governance* also who was told what; *partner* its own only."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: *name* as the token says it, for audits; *agency* is set for a partner, and is all that it may see."""

    name: str
    roles: frozenset[Role]
    agency: str = ""

    def may(self, *roles: Role) -> bool:
        """Whether they call in any of *roles*."""
        return not self.roles.isdisjoint(roles)
