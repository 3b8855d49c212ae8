"""An SFTP server for tests: asyncssh's own, on loopback, below a folder of the test's, with faults on request."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh

from hub.transports.sftp import Account

Fault = Callable[["Files", str], None]


class Files(asyncssh.SFTPServer):
    """The usual server below one folder; *after* and *before* are asked around each thing it does."""

    def __init__(self, channel: asyncssh.SSHServerChannel, partner: Partner) -> None:
        self.partner = partner
        super().__init__(channel, chroot=os.fsencode(partner.root))

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open a file."""
        self.partner.before(self, "write" if pflags & asyncssh.FXF_WRITE else "read")
        return super().open(path, pflags, attrs)

    def rename(self, oldpath: bytes, newpath: bytes) -> object:
        """Rename a file, never over another."""
        self.partner.before(self, "rename")
        done = super().rename(oldpath, newpath)
        self.partner.after(self, "rename")
        return done

    def fsync(self, file_obj: Any) -> object:
        """See a file on the disk."""
        self.partner.before(self, "fsync")
        return super().fsync(file_obj)

    def statvfs(self, path: bytes) -> Any:
        """How much room there is."""
        found = super().statvfs(path)
        if self.partner.full:
            return asyncssh.SFTPVFSAttrs(bsize=4096, frsize=4096, blocks=100, bfree=0, bavail=0)
        return found


class Partner(asyncssh.SSHServer):
    """One partner's server: its folder, who may log in, and what goes wrong with it."""

    def __init__(self, root: Path, keep: Path) -> None:
        self.root, self.keep = root, keep
        self.port = 0
        self.full = False
        self.logins = 0
        self.before: Fault = lambda _files, _what: None
        self.after: Fault = lambda _files, _what: None
        self.connections: list[asyncssh.SSHServerConnection] = []

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember it, so that a test can break it."""
        self.connections.append(conn)

    def auth_completed(self) -> None:
        """Count who was let in."""
        self.logins += 1

    def password_auth_supported(self) -> bool:
        """Passwords are taken too."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """One account has one."""
        return (username, password) == ("hub", "a password of four words")

    def break_off(self) -> None:
        """As a network does: every connection is gone."""
        for connection in self.connections:
            connection.abort()
        self.connections.clear()

    def account(self, **other: Any) -> Account:
        """The account as the hub's settings would name it."""
        settings = {"known_hosts": self.keep / "known_hosts", "key": self.keep / "id"} | other
        return Account("127.0.0.1", self.port, "hub", **settings)


@asynccontextmanager
async def partner(folder: Path, port: int = 0):
    """A running server; its files are below `folder/server`, the keys that belong to it beside that."""
    root, keep = folder / "server", folder / "keys"
    root.mkdir(exist_ok=True)
    keep.mkdir(exist_ok=True)
    if not (keep / "host").exists():
        for name in ("host", "id"):
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(keep / name)
        (keep / "authorized").write_bytes(asyncssh.read_private_key(keep / "id").export_public_key())
    served = Partner(root, keep)
    listener = await asyncssh.listen(
        "127.0.0.1",
        port,
        server_factory=lambda: served,
        server_host_keys=[keep / "host"],
        authorized_client_keys=str(keep / "authorized"),
        sftp_factory=lambda channel: Files(channel, served),
    )
    served.port = listener.get_port()
    public = asyncssh.read_private_key(keep / "host").export_public_key().decode()
    (keep / "known_hosts").write_text(f"[127.0.0.1]:{served.port} {public}", encoding="ascii")
    try:
        yield served
    finally:
        listener.close()
        served.break_off()
        await listener.wait_closed()
