"""Inbox: what each sender was answered, so that the same message again gets the same answer again."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Engine, bindparam, delete, select

from hub.keys import Keys
from hub.store import create, insert, reading, writing
from hub.store.tables import inbox, metadata

_ANSWERED = select(inbox.c.box).where(
    inbox.c.agency == bindparam("of_agency"),
    inbox.c.line == bindparam("of_line"),
    inbox.c.own_id == bindparam("of_id"),
)


class Remembered(NamedTuple):
    """What was answered the first time, as JSON, and whether the content now is the content then."""

    answer: str
    same: bool


class Inbox:
    """
    The answers by agency, line and the sender's own message id.

    Of the id only a keyed digest is kept, and the rest sealed: what strangers call a message may say anything
    about anyone, and the plain hash of a short message can be guessed.
    """

    def __init__(self, store: Engine, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._first = insert(store, inbox).on_conflict_do_nothing().returning(inbox.c.own_id)
        create(store, metadata)

    def recall(self, agency: str, line: str, own_id: str, content: bytes) -> Remembered | None:
        """What was answered to this id before, None where nothing was."""
        name = self._name(agency, line, own_id)
        with reading(self._store) as connection:
            asked = {"of_agency": agency, "of_line": line, "of_id": name}
            box = connection.execute(_ANSWERED, asked).scalar_one_or_none()
        if box is None:
            return None
        kept = json.loads(self._keys.unseal("inbox", box, name))
        return Remembered(kept["answer"], kept["content"] == hashlib.sha256(content).hexdigest())

    def remember(
        self, agency: str, line: str, own_id: str, content: bytes, answer: str, *, now: datetime
    ) -> Remembered:
        """Keep *answer*, unless there is one already: the first stands, and is returned."""
        if self.settle(agency, line, own_id, hashlib.sha256(content).hexdigest(), answer, now=now):
            return Remembered(answer, same=True)
        return self.recall(agency, line, own_id, content) or Remembered(answer, same=True)

    def settle(self, agency: str, line: str, own_id: str, content: str, answer: str, *, now: datetime) -> bool:
        """
        The same, for content of which only the SHA-256 is known: what was refused, and was replayed since.

        Returns whether it is kept; False where there is an answer already.
        """
        name = self._name(agency, line, own_id)
        kept = json.dumps({"content": content, "answer": answer}).encode()
        row = {"agency": agency, "line": line, "own_id": name, "created": now}
        row["box"] = self._keys.seal("inbox", kept, name)
        with writing(self._store) as connection:
            return connection.execute(self._first, row).scalar_one_or_none() is not None

    def prune(self, before: datetime) -> int:
        """Forget what was answered before a moment; returns how many answers that were."""
        with writing(self._store) as connection:
            return connection.execute(delete(inbox).where(inbox.c.created < before)).rowcount

    def _name(self, agency: str, line: str, own_id: str) -> str:
        return self._keys.event_id(agency, line, own_id, -1)  # positions start at 0, so this is no event's id
