"""The sink: leaves each delivery as a file in a folder of a partner's server, whole and once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import asyncssh

from hub.errors import Refused, TransportError
from hub.transports import Delivery, Reached
from hub.transports.naming import file_name, folder_name
from hub.transports.sftp.folder import Folder
from hub.transports.sftp.session import USUAL, Account, Limits, Session, fault


class SftpSink:
    """
    Fills `<folder>/[<address>/]`, by `naming.file_name`; *folder* itself is never made.

    A file is written as `<name>.part`, read back, and renamed; a `.part` that an attempt left behind is written anew.
    Before each attempt is looked: what lies there under the name with the same content was delivered, by an attempt
    whose end we did not hear. A partner's job that takes files away at once is no fault.
    """

    def __init__(self, account: Account, folder: str, limits: Limits = USUAL) -> None:
        self._session = Session(account, limits)
        self._path = folder

    async def deliver(self, delivery: Delivery) -> str:
        """
        Leave the file, and return its name once it lies there whole; the same delivery again changes nothing.

        Raises `Refused` where the address or the name could lead elsewhere, and where another content lies under the
        name; `TransportError` for everything that may get better.
        """
        name = file_name(delivery, "sftp")
        below = f"{folder_name(delivery.address, 'sftp')}/" if delivery.address else ""
        async with self._session.use() as client:
            folder = Folder(client, self._path, self._session.limits.each)
            if below:
                await folder.make(below.rstrip("/"))
            if not await _lies_there(folder, below + name, delivery.body):
                await _leave(folder, below + name, delivery.body)
        return name

    async def reach(self) -> Sequence[Reached]:
        """Connect, log in and list the folder; raises `TransportError` at the first that fails."""
        steps = []
        async with self._session.use() as client:
            steps.append(Reached("connection", "the server shows the key that we know it by"))
            steps.append(Reached("credentials", "the server lets us in"))
            found = await Folder(client, self._path, self._session.limits.each).files()
            steps.append(Reached("folder", f"it can be listed, and holds {len(found)} files"))
        return steps

    async def close(self) -> None:
        """Let go of the connection."""
        await self._session.close()


async def _lies_there(folder: Folder, name: str, body: bytes) -> bool:
    """Whether *body* was delivered before; raises `Refused` where something else lies under its name."""
    try:
        mark = await folder.mark(name)
    except asyncssh.SFTPFailure:
        mark, same = None, False
    else:
        if mark is None:
            return False
        same = mark.size == len(body) and await folder.read(name, len(body)) == body
    if not same:
        raise Refused("sftp.other-content: another content lies under this message's name; see who changed it")
    return True


async def _leave(folder: Folder, name: str, body: bytes) -> None:
    part = f"{name}.part"
    await folder.remove(part)
    try:
        await folder.write(part, body)
    except asyncssh.SFTPFailure:  # all that version 3 of the protocol can say of a full disk
        if await folder.full():
            raise fault(asyncssh.SFTPNoSpaceOnFilesystem("")) from None
        raise
    if await folder.read(part, len(body)) != body:
        raise TransportError("sftp.damaged: what lies on the server is not what was sent; tried again")
    try:
        await folder.move(part, name)
    except asyncssh.SFTPFailure:  # perhaps another was quicker: then it says whether that was the same
        if not await _lies_there(folder, name, body):
            raise
        await folder.remove(part)
    with suppress(asyncssh.SFTPFailure):
        mark = await folder.mark(name)
        if mark is not None and mark.size != len(body):
            raise TransportError("sftp.damaged: what lies on the server is not what was sent; tried again")
