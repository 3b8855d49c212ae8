"""
Files: folders that are watched, and folders that are filled; what the files hold is nobody's business here.

File names are chosen by people and may name children: they stay in the folder and out of every log. A log line
tells the inode instead, which `find -inum` leads back to the file wherever it was moved.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import random
import re
import stat
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from hub.errors import Refused, TransportError
from hub.log import note
from hub.transports import Answer, Delivery, Receive
from hub.transports.aside import aside
from hub.transports.folder import Mark, files, move, opened, read, remove, reserve, write

DONE, REFUSED = "done", "refused"
_DELETED = re.compile(r"deleted-\d+(\.\d+)?")
_UNFINISHED = (".part", ".filepart", ".tmp", ".crdownload", "~")


@dataclass(slots=True)
class _Seen:
    """One file of a watched folder, between looks: unchanged since when, and when it may be tried (monotonic)."""

    mark: Mark
    since: float
    looks: int = 1
    failures: int = 0
    not_before: float = 0.0


class FolderSource:
    """
    Watches one folder for each line; *lines* gives the folder of (agency, line), below *root*.

    A file is taken once its size and time of change stayed the same over two looks and *settle* seconds (a sender
    that writes `name.part` and renames it is safe at any speed). What was understood goes to `done/`, what could
    not be read to `refused/`; where anything was refused, `<name>.why.json` beside it says what to do. Both moves
    come after the answer: a file that is still there after a crash is read again, which makes no new events. A file
    that must not be kept is deleted, and what is left in `refused/` is a report that tells neither its content nor
    its name, which may say the same.
    While the hub cannot commit, a line waits at its oldest file, so that files are taken in the order they came.
    """

    def __init__(
        self,
        root: Path,
        lines: Mapping[tuple[str, str], str],
        *,
        every: float = 0.2,
        settle: float = 1.0,
        backoff: tuple[float, float] = (0.5, 30.0),
        most_bytes: int = 50_000_000,
    ) -> None:
        for folder in lines.values():
            if PurePath(folder).is_absolute() or ".." in PurePath(folder).parts:
                raise ValueError("a line's folder lies below the root")
        self._folders = {line: root / folder for line, folder in lines.items()}
        self._every, self._settle, self._backoff, self._most = every, settle, backoff, most_bytes
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, receive: Receive) -> None:
        """Make the folders where they are missing, and begin to watch; raises OSError where that cannot be."""
        for folder in self._folders.values():
            for part in (folder, folder / DONE, folder / REFUSED):
                part.mkdir(mode=0o770, parents=True, exist_ok=True)
            with opened(folder / REFUSED) as refused:
                for name in files(refused):
                    if _DELETED.fullmatch(name):  # a process that was killed between the move and the deed
                        remove(refused, name)
        self._tasks = [
            asyncio.create_task(self._watch(line, folder, receive), name=f"files {'/'.join(line)}")
            for line, folder in self._folders.items()
        ]

    async def stop(self) -> None:
        """Stop watching; the file that was received last is answered and put away first."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    def forget(self, before: float) -> int:
        """Delete what was put away before a time (seconds since 1970); returns how many files that were."""
        gone = 0
        for folder in self._folders.values():
            for part in (folder / DONE, folder / REFUSED):
                for path in part.iterdir():
                    with suppress(FileNotFoundError):
                        found = path.lstat()
                        if stat.S_ISREG(found.st_mode) and found.st_ctime < before:  # when it was moved here
                            path.unlink()
                            gone += 1
        return gone

    async def _watch(self, line: tuple[str, str], folder: Path, receive: Receive) -> None:
        seen: dict[str, _Seen] = {}
        failures = 0
        while not self._stopping.is_set():
            pause = self._every
            try:
                for name, one in await asyncio.to_thread(_look, folder, seen, self._settle):
                    if self._stopping.is_set():
                        break
                    await self._one(line, folder, name, one, receive)
                failures = 0
            except (TransportError, OSError) as error:
                pause = self._pause(failures)
                failures += 1
                _note("tried again", line, logging.WARNING, kind=type(error).__name__, seconds=round(pause, 1))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _one(self, line: tuple[str, str], folder: Path, name: str, one: _Seen, receive: Receive) -> None:
        """Take one file; only a TransportError leaves here: what is wrong with one file does not stop the others."""
        try:
            data = await asyncio.to_thread(_take, folder, name, one.mark, self._most)
            if data is None:
                return
            if len(data) > self._most:
                mend = f"send at most {self._most // 1_000_000} MB in one file"
                answer = Answer("files.too-large", "", mend, refused=1, readable=False)
            else:
                answer = await receive(*line, data)
            await asyncio.to_thread(_put_away, folder, name, one.mark, answer)
        except TransportError:
            raise
        except Exception as error:  # noqa: BLE001  one odd file, or a fault of ours: the line goes on, and it is told
            pause = self._pause(one.failures)
            one.failures += 1
            one.not_before = time.monotonic() + pause
            keys = {"file": one.mark.inode, "kind": type(error).__name__, "seconds": round(pause, 1)}
            _note("a file makes trouble", line, logging.ERROR, **keys)
        else:
            counts = {"events": answer.events, "set_aside": answer.set_aside, "refused": answer.refused}
            _note("received", line, logging.INFO, file=one.mark.inode, code=answer.code, **counts)

    def _pause(self, failures: int) -> float:
        """Exponential with full jitter, so that lines that failed together do not come back together."""
        first, most = self._backoff
        return random.uniform(first / 2, max(first, min(most, first * 2.0 ** min(failures, 30))))  # noqa: S311


def _note(what: str, line: tuple[str, str], level: int, **keys: object) -> None:
    note("files", what, level=level, agency=line[0], line=line[1], **keys)


def _look(folder: Path, seen: dict[str, _Seen], settle: float) -> list[tuple[str, _Seen]]:
    """The files that are ready, oldest first; *seen* is brought up to date with what is there now."""
    now = time.monotonic()
    with opened(folder) as here:
        there = {name: mark for name, mark in files(here).items() if _finished(name)}
    for name in seen.keys() - there.keys():
        del seen[name]
    for name, mark in there.items():
        if name in seen and seen[name].mark == mark:
            seen[name].looks += 1
        else:
            seen[name] = _Seen(mark, now)
    ready = [
        (name, one)
        for name, one in seen.items()
        if one.looks > 1 and now - one.since >= settle and now >= one.not_before
    ]
    return sorted(ready, key=lambda pair: (pair[1].mark.changed, pair[0]))


def _finished(name: str) -> bool:
    return not name.startswith((".", "~")) and not name.lower().endswith(_UNFINISHED)


def _take(folder: Path, name: str, mark: Mark, most: int) -> bytes | None:
    """The bytes of a file, or None where it is not as it was."""
    with opened(folder) as here:
        found = read(here, name, most)
    return found[0] if found is not None and found[1] == mark else None


def _put_away(folder: Path, name: str, mark: Mark, answer: Answer) -> None:
    """
    Move a file that was answered, never over another; whatever replaced it in the meantime is put back.

    The move comes first and the look at what was moved second: the other way round a file could slip in between.
    """
    with opened(folder) as here, opened(DONE if answer.readable and answer.kept else REFUSED, here) as there:
        reserved = [reserve(there, name if answer.kept else f"deleted-{mark.inode}")]
        try:
            if not answer.accepted:
                reserved.append(reserve(there, f"{reserved[0]}.why.json"))
                write(there, reserved[1], _reasons(answer, mark))
            moved = move(here, name, there, reserved[0])
        except OSError as error:
            for one in reserved:
                remove(there, one)
            if isinstance(error, FileNotFoundError):  # the sender took it back
                return
            raise
        if moved != mark:
            move(there, reserved[0], here, reserve(here, name))
            for one in reserved[1:]:
                remove(there, one)
        elif not answer.kept:
            remove(there, reserved[0])


def _reasons(answer: Answer, mark: Mark) -> bytes:
    told: dict[str, object] = {"code": answer.code, "place": answer.place, "mend": answer.mend}
    told |= {"events": answer.events, "set_aside": answer.set_aside, "refused": answer.refused}
    if not answer.kept:
        written = datetime.fromtimestamp(mark.changed / 1e9, UTC).isoformat(timespec="seconds")
        told |= {"file": "deleted, and its name with it", "bytes": mark.size, "written": written}
    return json.dumps(told, indent=2).encode() + b"\n"


MOST_HANGING = 4

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,180}(\.[a-z0-9]{1,8}){1,3}")


class FolderSink:
    """
    Fills `<root>/<agency>/[<address>/]<stream>-<message id><suffix>`; a file appears whole or not at all.

    *root* itself is never made: where it is missing a share is not mounted, and that is tried again. A share that hangs
    holds at most `MOST_HANGING` threads of this sink's own: nobody else waits for them, the end of the process neither.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._room = asyncio.Semaphore(MOST_HANGING)

    async def deliver(self, delivery: Delivery) -> str:
        """
        Write the file, and return its name once it is on disk; the same delivery again changes nothing.

        Raises `Refused` where the address or a name could lead elsewhere, and where another content lies under the
        name; `TransportError` where the disk says no.
        """
        try:
            return await aside(self._room, lambda: self._deliver(delivery))
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, "EIO")
            raise TransportError(f"files: {code}: look at the folder, its disk and its rights") from None

    async def close(self) -> None:
        """Nothing stays open between deliveries."""

    def _deliver(self, delivery: Delivery) -> str:
        folders = (delivery.agency, delivery.address) if delivery.address else (delivery.agency,)
        if not all(_PART.fullmatch(folder) for folder in folders):
            raise Refused("files: the address is not the name of a folder; letters, digits, - and _ are")
        name = f"{delivery.stream}-{delivery.message_id}{delivery.suffix}"
        if not _NAME.fullmatch(name):
            raise Refused("files: the stream, the message id or the suffix is not fit for a file name")
        with ExitStack() as stack:
            here = stack.enter_context(opened(self._root.resolve()))
            for folder in folders:
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o770, dir_fd=here)
                    os.fsync(here)
                here = stack.enter_context(opened(folder, here))
            if not _lies_there(here, name, delivery.body):
                write(here, f"{name}.part", delivery.body)
                move(here, f"{name}.part", here, name)
            os.fsync(here)
        return name


def _lies_there(folder: int, name: str, body: bytes) -> bool:
    """Whether *body* was delivered before; raises `Refused` where something else lies under its name."""
    found = read(folder, name, len(body))
    if found is None:
        return False
    if found[0] == body and found[1] is not None:
        return True
    raise Refused("files: another content lies under this message's name; see who changed it")
