"""Keys: keyed pseudonyms and message ids, so that no identifier stands in the open, and the box for bytes at rest."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.stream import Stream, pick

NATIONAL = frozenset({"nhs_number", "upn"})
"""Identifiers that name the same person whoever says them; only these join what is said on different streams."""


class Keys:
    """
    Everything derived from the hub's one *secret* (at least 32 bytes).

    Pseudonyms are HMAC-SHA-256 truncated to 128 bits, in hexadecimal: 32 ASCII characters. The hub's own topics use
    one key; each recipient has another, so that two recipients cannot join what they hear.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the hub's secret must be at least 32 bytes; make one with: openssl rand -out FILE 32")
        self._secret = secret
        self._subject = self._derive("subject")
        self._event = self._derive("event")
        self._identity = self._derive("identity")
        self._enclave = self._derive("adoption enclave")
        self._recipients: dict[str, tuple[bytes, bytes]] = {}
        self._boxes: dict[str, AESGCM] = {}

    def _derive(self, purpose: str) -> bytes:
        return HKDF(SHA256(), 32, salt=b"sharing-hub", info=purpose.encode()).derive(self._secret)

    def subject(self, stream: Stream, values: Mapping[str, Any], otherwise: str) -> str:
        """
        The Kafka key of an event on the hub's own topics.

        The first of the stream's keys that is present names the subject, together with the *kind* of identifier (the
        last part of its path). A national identifier gives the same key on every stream; any other is somebody's
        own, and the same number said elsewhere is another child's. Where none is present the event stands alone
        under *otherwise*, its own id.
        """
        for key in stream.key:
            said = [pick(values, path) for path in key.split("/")]
            if all(said):
                return self.subject_by(stream, key, *map(str, said))
        return digest(self._subject, f"alone\x00{otherwise}")

    def subject_by(self, stream: Stream, key: str, *said: str) -> str:
        """The Kafka key of an event of which *key*, one of the stream's, is the first present, and says so much."""
        kind = key.rpartition("/")[2].rpartition(".")[2]
        return self.pseudonym(kind if kind in NATIONAL else f"{stream.name}\x00{key}", "\x00".join(said))

    def pseudonym(self, kind: str, value: str) -> str:
        """The key of one identifier, such as `nhs_number`."""
        return digest(self._subject, f"{kind}\x00{value}")

    def identity(self, *parts: str) -> str:
        """The name of an identifier, or of what is said of some, in the identity index."""
        return digest(self._identity, "\x00".join(parts))

    def enclave(self, *parts: str) -> str:
        """The mark of an identifier that an adoption order closed: another key, so that no name there leads here."""
        return digest(self._enclave, "\x00".join(parts))

    def event_id(self, agency: str, line: str, own_id: str, position: int) -> str:
        """The same input twice is the same event: derived from the sender, its message id and the position."""
        return digest(self._event, "\x00".join((agency, line, own_id, str(position))))

    def recipient(self, agency: str) -> tuple[bytes, bytes]:
        """The two keys of one recipient: for its subjects' pseudonyms and for its message ids."""
        pair = self._recipients.get(agency)
        if pair is None:
            pair = (
                self._derive(f"recipient\x00{agency}\x00subject"),
                self._derive(f"recipient\x00{agency}\x00id"),
            )
            self._recipients[agency] = pair
        return pair

    def trace(self, agency: str) -> bytes:
        """What hides from one recipient which trace its messages belong to (`hub.route.hidden`)."""
        return self._derive(f"recipient\x00{agency}\x00trace")

    def seal(self, purpose: str, content: bytes, bound_to: str) -> bytes:
        """Encrypt *content* at rest; it opens only for the same *purpose* and *bound_to*."""
        nonce = os.urandom(12)
        return nonce + self._box(purpose).encrypt(nonce, content, bound_to.encode())

    def unseal(self, purpose: str, box: bytes, bound_to: str) -> bytes:
        """The content of a box; raises `cryptography.exceptions.InvalidTag` where anything does not fit."""
        return self._box(purpose).decrypt(box[:12], box[12:], bound_to.encode())

    def _box(self, purpose: str) -> AESGCM:
        """What seals for one *purpose*; worked out once, since that takes longer than to seal."""
        box = self._boxes.get(purpose)
        if box is None:
            box = self._boxes[purpose] = AESGCM(self._derive(f"box\x00{purpose}"))
        return box


def digest(key: bytes, text: str | bytes) -> str:
    """HMAC-SHA-256 of *text* truncated to 128 bits, as 32 hexadecimal characters."""
    return hmac.digest(key, text.encode() if isinstance(text, str) else text, "sha256")[:16].hex()
