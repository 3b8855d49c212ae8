"""The source: fetches what partners leave in folders of their servers, and puts away there what was answered."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from contextlib import suppress

import asyncssh

from hub.errors import HubError, TransportError
from hub.log import note
from hub.transports import Answer, Receive
from hub.transports.naming import DONE, REFUSED, names_like, put_away_as, reasons
from hub.transports.sftp.folder import Folder, Mark
from hub.transports.sftp.session import USUAL, Account, Limits, Session
from hub.transports.watching import Pace, Watch, code_of

_DELETED = re.compile(r"deleted-\d+\.\d+")
# Where one file is touched, these can be that file's own trouble; all others are the connection's or the server's.
_OWN = frozenset({"sftp.no-permission", "sftp.no-folder", "sftp.failed"})


class FileFault(HubError):
    """One file makes trouble that is not the line's."""


class SftpSource:
    """
    Watches one remote folder for each line; *lines* gives the account and the folder of (agency, line).

    A file is taken once two looks, *every* seconds apart, found it the same, and *settle* seconds went by.
    As in a watched folder of our own, what was understood goes to `done/`, what could not be read to `refused/`, with
    `<name>.why.json` beside it where anything was refused, and what must not be kept is deleted. Each line has a
    connection of its own, so that a server that is away delays nobody else's files.
    """

    def __init__(
        self,
        lines: Mapping[tuple[str, str], tuple[Account, str]],
        *,
        every: float = 60.0,
        settle: float = 0.0,
        backoff: tuple[float, float] = (5.0, 300.0),
        most_bytes: int = 50_000_000,
        limits: Limits = USUAL,
    ) -> None:
        self._places = {line: _Place(Session(account, limits), path) for line, (account, path) in lines.items()}
        self._pace, self._most = Pace(every, settle, backoff), most_bytes
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, receive: Receive) -> None:
        """Begin to watch; a server that is away now is tried again."""
        self._tasks = [
            asyncio.create_task(watch.run(receive, self._stopping), name=f"sftp {'/'.join(line)}")
            for line, place in self._places.items()
            for watch in (Watch("sftp", line, place, self._pace, self._most),)
        ]

    async def stop(self) -> None:
        """Stop watching; the file that was received last is answered and put away first."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        for place in self._places.values():
            await place.session.close()

    async def forget(self, before: float) -> int:
        """Delete what was put away before a time (seconds since 1970); returns how many files that were."""
        gone = 0
        for (agency, line), place in self._places.items():
            try:
                gone += await place.forget(before)
            except TransportError as error:
                keys = {"agency": agency, "line": line, "code": code_of(error)}
                note("sftp", "not forgotten yet", level=logging.WARNING, **keys)
        return gone


class _Place:
    """A folder on a partner's server."""

    def __init__(self, session: Session, path: str) -> None:
        self.session, self._path = session, path
        self._made = False

    async def files(self) -> Mapping[str, Mark]:
        async with self.session.use() as client:
            folder = self._folder(client)
            if not self._made:
                for part in (DONE, REFUSED):
                    await folder.make(part)
                for name in await folder.files(REFUSED):
                    if _DELETED.fullmatch(name):  # a process that was killed between the move and the deed
                        await folder.remove(f"{REFUSED}/{name}")
                self._made = True
            return await folder.files()

    async def take(self, name: str, mark: Mark, most: int) -> bytes | None:
        try:
            async with self.session.use() as client:
                folder = self._folder(client)
                if await _mark(folder, name) != mark:
                    return None
                data = await folder.read(name, most)
                return data if await _mark(folder, name) == mark else None
        except TransportError as error:
            raise _own(error) from None

    async def put_away(self, name: str, mark: Mark, answer: Answer) -> None:
        try:
            async with self.session.use() as client:
                await _put_away(self._folder(client), name, mark, answer)
        except TransportError as error:
            raise _own(error) from None

    async def forget(self, before: float) -> int:
        async with self.session.use() as client:
            folder, gone = self._folder(client), 0
            for part in (DONE, REFUSED):
                for name, mark in (await folder.files(part)).items():
                    if mark.changed < before * 1e9:
                        await folder.remove(f"{part}/{name}")
                        gone += 1
            return gone

    def _folder(self, client: asyncssh.SFTPClient) -> Folder:
        return Folder(client, self._path, self.session.limits.each)


def _own(error: TransportError) -> HubError:
    return FileFault(str(error)) if code_of(error) in _OWN else error


async def _mark(folder: Folder, name: str) -> Mark | None:
    """A file's mark; None where there is no such file, and where it has become a link or a folder."""
    try:
        return await folder.mark(name)
    except asyncssh.SFTPFailure:
        return None


async def _put_away(folder: Folder, name: str, mark: Mark, answer: Answer) -> None:
    """
    Move a file that was answered, never over another; whatever replaced it in the meantime is put back.

    The reasons are written first: a crash in between leaves reasons without a file, never a refused file without.
    """
    where, wanted = put_away_as(name, mark, answer)
    for free in names_like(wanted):
        kept = f"{where}/{free}"
        if await _taken(folder, kept):
            continue
        why = "" if answer.accepted else f"{kept}.why.json"
        if why:
            await folder.remove(why)
            await folder.write(why, reasons(answer, mark))
        try:
            await folder.move(name, kept)
        except asyncssh.SFTPError as error:
            if why:
                await folder.remove(why)
            if isinstance(error, asyncssh.SFTPNoSuchFile):  # the sender took it back
                return
            if isinstance(error, asyncssh.SFTPFailure) and await _taken(folder, kept):
                continue
            raise
        break
    if await _mark(folder, kept) != mark:
        if why:
            await folder.remove(why)
        with suppress(asyncssh.SFTPFailure):  # the sender was quick once more: then what it sent last lies there
            await folder.move(kept, name)
    elif not answer.kept:
        await folder.remove(kept)
    else:
        await folder.touch(kept)  # from now on is counted how long it is kept


async def _taken(folder: Folder, name: str) -> bool:
    try:
        return await folder.mark(name) is not None
    except asyncssh.SFTPFailure:
        return True
