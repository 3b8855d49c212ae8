"""Folders on a partner's server: the few things that are done to their files, each within its time."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, TypeVar

import asyncssh

T = TypeVar("T")
_READ, _NEW = asyncssh.FXF_READ, asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
_BLOCK = 256 * 1024  # bytes read or written within the time for one thing


class Mark(NamedTuple):
    """What changes when a file does, as far as a server tells; version 3 of the protocol knows whole seconds only."""

    size: int
    changed: int

    @property
    def label(self) -> str:
        """The second it was written in and its size, by which it is found on the server."""
        return f"{self.changed // 1_000_000_000}.{self.size}"


class Folder:
    """
    One folder of an open session; paths are relative to it, and nothing here follows a link where it can be helped.

    All raise the library's own errors and TimeoutError, which the session makes ours.
    """

    def __init__(self, client: asyncssh.SFTPClient, path: str, seconds: float) -> None:
        self._client, self._path, self._seconds = client, path.encode(), seconds

    async def files(self, below: str = "") -> dict[str, Mark]:
        """The regular files; links, pipes and folders are none, and neither is a name that would lead elsewhere."""
        found = {}
        for entry in await self._within(self._client.readdir(self._at(below) if below else self._path)):
            name = entry.filename if isinstance(entry.filename, bytes) else entry.filename.encode()
            mark = _mark(entry.attrs)
            if mark is not None and name not in (b"", b".", b"..") and not set(name) & set(b"/\x00"):
                found[name.decode("utf-8", "surrogateescape")] = mark
        return found

    async def mark(self, name: str) -> Mark | None:
        """A file's mark, or None where there is none; raises `SFTPFailure` where it is no regular file."""
        try:
            attrs = await self._within(self._client.lstat(self._at(name)))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return None
        if (mark := _mark(attrs)) is None:
            raise asyncssh.SFTPFailure("not a regular file")
        return mark

    async def read(self, name: str, most: int) -> bytes:
        """The bytes of a file, and some more than *most* where it holds more."""
        data = bytearray()
        async with self._opened(name, _READ) as file:
            while len(data) <= most and (block := await self._within(file.read(_BLOCK, len(data)))):
                data += block if isinstance(block, bytes) else block.encode()
        return bytes(data)

    async def write(self, name: str, content: bytes) -> None:
        """A new file, seen on the server's disk where it can do that; fails where the name is taken."""
        async with self._opened(name, _NEW) as file:
            for start in range(0, len(content), _BLOCK):
                await self._within(file.write(content[start : start + _BLOCK], start))
            with suppress(asyncssh.SFTPOpUnsupported):
                await self._within(file.fsync())

    async def move(self, name: str, to: str) -> None:
        """
        Give a file another name; fails where that is taken.

        This is the protocol's plain rename, which never overwrites. The extension `posix-rename` does, and would put
        our file in the place of one that came between our look and the deed.
        """
        await self._within(self._client.rename(self._at(name), self._at(to)))

    async def touch(self, name: str) -> None:
        """Set a file's time to now, where the server lets us."""
        now = time.time()
        with suppress(asyncssh.SFTPError):
            await self._within(self._client.utime(self._at(name), (now, now), follow_symlinks=False))

    async def remove(self, name: str) -> None:
        """Remove a file, or a link itself, if it is there."""
        with suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            await self._within(self._client.remove(self._at(name)))

    async def make(self, name: str) -> None:
        """Make a folder below this one, if it is not there; its parent is never made."""
        if await self._within(self._client.isdir(self._at(name))):
            return
        with suppress(asyncssh.SFTPFailure):  # made by another meanwhile: what follows would tell otherwise
            await self._within(self._client.mkdir(self._at(name), asyncssh.SFTPAttrs(permissions=0o770)))

    async def full(self) -> bool:
        """Whether the server says that its disk has no room; False where it says nothing."""
        try:
            return (await self._within(self._client.statvfs(self._path))).bavail == 0
        except asyncssh.SFTPError:
            return False

    @asynccontextmanager
    async def _opened(self, name: str, how: int) -> AsyncIterator[asyncssh.SFTPClientFile]:
        """An open file, closed within its time; after a fault the session that it belongs to ends, and it as well."""
        attrs = asyncssh.SFTPAttrs(permissions=0o640) if how == _NEW else asyncssh.SFTPAttrs()
        file = await self._within(self._client.open(self._at(name), how, attrs, encoding=None))
        yield file
        await self._within(file.close())

    async def _within(self, asked: Awaitable[T]) -> T:
        async with asyncio.timeout(self._seconds):
            return await asked

    def _at(self, name: str) -> bytes:
        return self._path + b"/" + name.encode("utf-8", "surrogateescape")


def _mark(attrs: asyncssh.SFTPAttrs) -> Mark | None:
    regular = attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
    if attrs.permissions is not None and stat.S_IFMT(attrs.permissions):
        regular = stat.S_ISREG(attrs.permissions)
    if not regular or attrs.size is None:
        return None
    return Mark(attrs.size, (attrs.mtime or 0) * 1_000_000_000 + (attrs.mtime_ns or 0))
