"""Folder trial: whether files can be put into a folder, found out with one that is gone again before anyone looks."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from hub.transports import Reached
from hub.transports.folder import opened, remove, write
from hub.transports.knocking import Unreached

LITTLE = 100 * 1024 * 1024  # bytes


def tried(folder: Path) -> list[Reached]:
    """
    A file whose name begins with a dot, which no watcher takes, is written and removed.

    Raises `Unreached`: files.missing, files.not-a-folder, files.not-allowed, files.full or files.disk.
    """
    reached: list[Reached] = []
    name = f".connect-{secrets.token_hex(8)}.part"
    try:
        with opened(folder.resolve()) as here:
            reached.append(Reached("folder", f"{folder} is there"))
            try:
                write(here, name, b"connect\n", new=True)
            finally:
                remove(here, name)
            reached.append(Reached("rights", "a file could be written and removed"))
            found = os.fstatvfs(here)
    except OSError as error:
        raise _unreached(error, folder, reached) from None
    free = found.f_bavail * found.f_frsize
    if free < LITTLE:
        mend = "make room: what cannot be written waits, and is not lost"
        raise Unreached("room", "files.full", f"{free // 1024:,} KB are free on its disk", mend, reached)
    return [*reached, Reached("room", f"{free // 1024**3:,} GB are free on its disk")]


def _unreached(error: OSError, folder: Path, reached: list[Reached]) -> Unreached:
    match error.errno:
        case errno.ENOENT:
            mend = "make it, or mount the share; it is never made by a delivery"
            return Unreached("folder", "files.missing", f"{folder} is not there", mend, reached)
        case errno.ENOTDIR:
            return Unreached("folder", "files.not-a-folder", f"{folder} is no folder", "mend the setting", reached)
        case errno.EACCES | errno.EPERM | errno.EROFS:
            mend = "let the account that the hub runs as write there"
            return Unreached("rights", "files.not-allowed", f"{folder} may not be written to", mend, reached)
        case errno.ENOSPC | errno.EDQUOT:
            return Unreached("room", "files.full", "its disk is full", "make room, or raise the quota", reached)
    code = errno.errorcode.get(error.errno or 0, "EIO")
    return Unreached("folder", "files.disk", f"{folder} answers {code}", "look at the share and its disk", reached)
