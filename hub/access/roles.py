"""Roles: what the groups that a provider's token lists are here; who is in none may nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from hub.access.caller import Caller, Role
from hub.access.denied import Denied
from hub.access.signed import Claims

_OURS: Final[frozenset[Role]] = frozenset(get_args(Role)) - {"partner"}
_LONGEST_NAME: Final = 120  # as audits keep it


class Roles:
    """
    *claim* is where the token lists them (`a.b` for `b` inside `a`), *meanings* what each is here, and *name* the claim
    by which people are known, where they have it; else it is `sub`.

    A meaning is `ops`, `governance`, or `partner:` and an agency's key; raises ValueError for another one.
    """

    def __init__(self, claim: str, meanings: Mapping[str, str], name: str = "preferred_username") -> None:
        self._path, self._name = claim.split("."), name
        self._meanings: dict[str, tuple[Role, str]] = {}
        for theirs, meaning in meanings.items():
            role, _, agency = meaning.partition(":")
            if role == "partner" and agency.isidentifier():
                self._meanings[theirs] = "partner", agency
            elif meaning in _OURS:
                self._meanings[theirs] = next(one for one in _OURS if one == meaning), ""
            else:
                raise ValueError(f"{meaning!r} is none of ops, governance and partner:<agency>")

    @property
    def agencies(self) -> frozenset[str]:
        """The agencies that some group is a partner of."""
        return frozenset(agency for role, agency in self._meanings.values() if role == "partner")

    def caller(self, claims: Claims) -> Caller:
        """Who *claims* are of; raises `Denied` for somebody without a role, or with roles that do not go together."""
        held = {self._meanings[one] for one in self._listed(claims) if one in self._meanings}
        roles, agencies = frozenset(role for role, _ in held), {agency for _, agency in held if agency}
        if not roles:
            raise Denied(403, "no-role", "have your account put in a group that the hub knows")
        if len(agencies) > 1 or (agencies and len(roles) > 1):
            raise Denied(403, "roles-clash", "an account is one agency's, or of the authority's own people")
        return Caller(_name(claims, self._name), roles, *agencies)

    def _listed(self, claims: Claims) -> list[str]:
        said: object = claims
        for part in self._path:
            said = said.get(part) if isinstance(said, Mapping) else None
        listed = [said] if isinstance(said, str) else said
        return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


def _name(claims: Claims, wanted: str) -> str:
    """By what name audits know them: what people call them, else what the provider does."""
    for claim in (wanted, "sub"):
        said = claims.get(claim)
        if isinstance(said, str) and said.strip() and said.isprintable():
            return said.strip()[:_LONGEST_NAME]
    raise Denied(401, "token.claims", "sub must say who it is")
