"""Tokens: the secret words by which agencies are known, one each; kept as digests, and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

SHORTEST: Final = 16  # characters of a token that somebody keeps in a file


class Tokens:
    """
    Each agency's own token; while it changes to a new one both, on two lines.

    Raises ValueError for more than two of one, for one that is short, and for one that two agencies have.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        known = [(agency, token) for agency, words in tokens.items() for token in words.split()]
        if any(not 1 <= len(words.split()) <= 2 for words in tokens.values()):
            raise ValueError("an agency has one token, or two on two lines while it changes from one to the other")
        if any(len(token) < SHORTEST for _, token in known):
            raise ValueError(f"a token is at least {SHORTEST} characters; make one with: openssl rand -hex 32")
        if len({token for _, token in known}) != len(known):
            raise ValueError("two agencies have the same token; give each its own")
        self._known = [(agency, _digest(token)) for agency, token in known]

    def agency_of(self, shown: str) -> str:
        """Whose token it is, empty where nobody's; every token is compared, each in constant time."""
        digest = _digest(shown)
        return next(iter([agency for agency, own in self._known if hmac.compare_digest(own, digest)]), "")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
