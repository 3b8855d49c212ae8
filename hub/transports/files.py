"""
Files: folders that are watched, and folders that are filled; what the files hold is nobody's business here.

File names are chosen by people and may name children: they stay in the folder and out of every log. A log line
tells the inode instead, which `find -inum` leads back to the file wherever it was moved.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path, PurePath

from hub.errors import Refused, TransportError
from hub.log import note
from hub.transports import Answer, Delivery, Reached, Receive
from hub.transports.aside import aside
from hub.transports.folder import Mark, files, forget, move, opened, read, remove, reserve, write
from hub.transports.folder_trial import tried
from hub.transports.naming import DONE, REFUSED, file_name, folder_name, put_away_as, reasons
from hub.transports.watching import Pace, Watch

_DELETED = re.compile(r"deleted-\d+(\.\d+)?")


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
        self._pace, self._most = Pace(every, settle, backoff), most_bytes
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, receive: Receive) -> None:
        """
        Make the folders where they are missing, and begin to watch; raises OSError where a line's cannot be made.

        What is wrong within one line's folder, such as a link in the place of `done/`, is told and holds up that line.
        """
        for (agency, line), folder in self._folders.items():
            folder.mkdir(mode=0o770, parents=True, exist_ok=True)
            try:
                _prepare(folder)
            except OSError as error:
                said = {"agency": agency, "line": line, "kind": type(error).__name__}
                note("files", "a folder is not as it should be", level=logging.ERROR, **said)
        self._tasks = [
            asyncio.create_task(watch.run(receive, self._stopping), name=f"files {'/'.join(line)}")
            for line, folder in self._folders.items()
            for watch in (Watch("files", line, _Place(folder), self._pace, self._most),)
        ]

    async def stop(self) -> None:
        """Stop watching; the file that was received last is answered and put away first."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    async def forget(self, before: float) -> int:
        """Delete what was put away before a time (seconds since 1970); returns how many files that were."""
        return await asyncio.to_thread(self._forget, before)

    def _forget(self, before: float) -> int:
        gone = 0
        for (agency, line), folder in self._folders.items():
            for part in (DONE, REFUSED):
                try:
                    with opened(folder) as here, opened(part, here) as there:
                        gone += forget(there, before)
                except OSError as error:
                    said = {"agency": agency, "line": line, "kind": type(error).__name__}
                    note("files", "files are not forgotten", level=logging.ERROR, **said)
        return gone


def _prepare(folder: Path) -> None:
    """A line's own folders, without what a process left that was killed between a move and its deed."""
    for part in (DONE, REFUSED):
        (folder / part).mkdir(mode=0o770, exist_ok=True)
    with opened(folder) as here, opened(DONE, here), opened(REFUSED, here) as refused:
        for name in files(refused):
            if _DELETED.fullmatch(name):
                remove(refused, name)


class _Place:
    """A folder on a disk of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def files(self) -> Mapping[str, Mark]:
        return await asyncio.to_thread(_look, self._folder)

    async def take(self, name: str, mark: Mark, most: int) -> bytes | None:
        return await asyncio.to_thread(_take, self._folder, name, mark, most)

    async def put_away(self, name: str, mark: Mark, answer: Answer) -> None:
        await asyncio.to_thread(_put_away, self._folder, name, mark, answer)


def _look(folder: Path) -> dict[str, Mark]:
    with opened(folder) as here:
        return files(here)


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
    where, kept = put_away_as(name, mark, answer)
    with opened(folder) as here, opened(where, here) as there:
        reserved = [reserve(there, kept)]
        try:
            if not answer.accepted:
                reserved.append(reserve(there, f"{reserved[0]}.why.json"))
                write(there, reserved[1], reasons(answer, mark))
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


MOST_HANGING = 4


class FolderSink:
    """
    Fills `<root>/<agency>/[<address>/]`, by `naming.file_name`; a file appears whole or not at all.

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

    async def reach(self) -> Sequence[Reached]:
        """Whether the folder is there, may be written to and has room; raises `Unreached` at the step that fails."""
        return await asyncio.to_thread(tried, self._root)

    async def close(self) -> None:
        """Nothing stays open between deliveries."""

    def _deliver(self, delivery: Delivery) -> str:
        folders = [folder_name(one, "files") for one in (delivery.agency, *filter(None, [delivery.address]))]
        name = file_name(delivery, "files")
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
    raise Refused("files.other-content: another content lies under this file's name; see who changed it")
