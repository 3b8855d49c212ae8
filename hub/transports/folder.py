"""
Folder: the few things that are done to the files of one folder, so that nobody can lead them elsewhere meanwhile.

All of it happens below an open descriptor and follows no link: who may write into a folder could otherwise swap a
file or a folder for a link between the look and the deed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from hub.transports.naming import names_like

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Mark(NamedTuple):
    """What changes when a file does."""

    device: int
    inode: int
    size: int
    changed: int

    @property
    def label(self) -> str:
        """The inode, which stays the same where the file is moved."""
        return str(self.inode)

    @classmethod
    def of(cls, found: os.stat_result) -> Mark:
        """The mark of a file by its stat."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@contextmanager
def opened(folder: Path | str, above: int | None = None) -> Iterator[int]:
    """A folder's descriptor: all that happens in it then happens in this folder, whatever its name becomes."""
    descriptor = os.open(folder, _FOLDER, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def files(folder: int) -> dict[str, Mark]:
    """The regular files of a folder; links, pipes and folders are none."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    found[entry.name] = Mark.of(status)
    return found


def read(folder: int, name: str, most: int) -> tuple[bytes, Mark | None] | None:
    """
    The bytes of a file, one more than *most* where it holds more, or None where there is no such file.

    The mark is None where the file changed while it was read, or is no regular file.
    """
    try:
        file = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as stream:
        before = os.fstat(file)
        if not stat.S_ISREG(before.st_mode):
            return b"", None
        data = stream.read(most + 1)
        mark = Mark.of(before)
        return data, mark if mark == Mark.of(os.fstat(file)) else None


def write(folder: int, name: str, content: bytes, *, new: bool = False) -> None:
    """Write a whole file and see it on disk; with *new* raises FileExistsError where the name is taken."""
    how = _NEW | (os.O_EXCL if new else os.O_TRUNC)
    with os.fdopen(os.open(name, how, 0o640, dir_fd=folder), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def reserve(folder: int, name: str) -> str:
    """Make an empty file under *name*, or the next free name like it, and return that name."""
    for free in names_like(name):
        with suppress(FileExistsError):
            write(folder, free, b"", new=True)
            return free
    raise AssertionError  # there is always another name


def remove(folder: int, name: str) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def forget(folder: int, before: float) -> int:
    """Delete the files whose status changed before a time (seconds since 1970), as by a move; returns how many."""
    gone = 0
    with os.scandir(folder) as entries:
        for entry in list(entries):
            with suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_ctime < before:
                    os.unlink(entry.name, dir_fd=folder)
                    gone += 1
    return gone


def move(here: int, name: str, there: int, kept: str) -> Mark:
    """Move a file over *kept*, a reserved name, and tell what was moved; raises FileNotFoundError where it is gone."""
    os.rename(name, kept, src_dir_fd=here, dst_dir_fd=there)
    return Mark.of(os.stat(kept, dir_fd=there, follow_symlinks=False))
