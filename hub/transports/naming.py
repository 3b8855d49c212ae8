"""Naming: what files are called on the roads on which whole files go, and what is written beside them; no disk."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Protocol

from hub.errors import Refused
from hub.transports import Answer, Delivery

DONE, REFUSED = "done", "refused"
ROOM = 200  # bytes of a name, so that a number and .why.json fit within the usual 255

_UNFINISHED = (".part", ".filepart", ".tmp", ".crdownload", "~")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,180}(\.[A-Za-z0-9]{1,8}){1,3}")


class Mark(Protocol):
    """What changes when a file does; two marks of one file are equal as long as nobody touched it."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def changed(self) -> int:
        """When it was written last, in nanoseconds since 1970."""

    @property
    def label(self) -> str:
        """What a log may call the file: digits that lead back to it, and nothing of its name."""


def finished(name: str) -> bool:
    """Whether a file of this name is whole, by what senders use to call one that is not."""
    return not name.startswith((".", "~")) and not name.lower().endswith(_UNFINISHED)


def folder_name(name: str, road: str) -> str:
    """*name*, where it names a folder and leads nowhere else; raises `Refused` with a code of the *road*."""
    if not _FOLDER.fullmatch(name):
        raise Refused(f"{road}.address: the address is not the name of a folder; letters, digits, - and _ are")
    return name


def file_name(delivery: Delivery, road: str) -> str:
    """
    The name its standard prescribes, else `<stream>-<message id><suffix>`: the same at every attempt.

    Raises `Refused` with a code of the *road* where that is not fit for a file name.
    """
    name = delivery.name or f"{delivery.stream}-{delivery.message_id}{delivery.suffix}"
    if not _NAME.fullmatch(name) or not finished(name):
        raise Refused(f"{road}.name: the stream, the message id or the suffix is not fit for a file name")
    return name


def names_like(name: str) -> Iterator[str]:
    """*name*, then others that show where they come from; a name that is too long gives way to a hash of it."""
    if len(os.fsencode(name)) > ROOM:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32] + PurePath(name).suffix[:20]
    parts = PurePath(name)
    for number in itertools.count(1):
        yield name if number == 1 else f"{parts.stem}.{number}{parts.suffix}"


def put_away_as(name: str, mark: Mark, answer: Answer) -> tuple[str, str]:
    """The folder and the name under which a file is put away; one that must not be kept goes without its name."""
    folder = DONE if answer.readable and answer.kept else REFUSED
    return folder, name if answer.kept else f"deleted-{mark.label}"


def reasons(answer: Answer, mark: Mark) -> bytes:
    """What lies beside a file of which something was refused: why, where and what to do; JSON."""
    told: dict[str, object] = {"code": answer.code, "place": answer.place, "mend": answer.mend}
    told |= {"events": answer.events, "set_aside": answer.set_aside, "refused": answer.refused}
    if not answer.kept:
        written = datetime.fromtimestamp(mark.changed / 1e9, UTC).isoformat(timespec="seconds")
        told |= {"file": "deleted, and its name with it", "bytes": mark.size, "written": written}
    return json.dumps(told, indent=2).encode() + b"\n"
