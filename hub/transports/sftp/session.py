"""Sessions: one kept connection to a partner's server, and what a fault of it is called; no file is named here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncssh

from hub.errors import TransportError

# The library tells every path at its lower levels, and a path may name a child.
asyncssh.set_log_level(logging.WARNING)
asyncssh.set_sftp_log_level(logging.WARNING)


class Account(NamedTuple):
    """
    Where a partner's server is and who we are there.

    *known_hosts* is a file as OpenSSH writes it, and the only one that counts: a key that it does not name is refused.
    We show the private *key*, or the *password*; each is the path of a file, read at every new connection.
    """

    host: str
    port: int
    user: str
    known_hosts: Path
    key: Path | None = None
    password: Path | None = None


class Limits(NamedTuple):
    """How long is waited, in seconds: for the server, for the login, and for each thing asked of it."""

    connect: float = 10.0
    login: float = 15.0
    each: float = 20.0


USUAL = Limits()


class Session:
    """A connection that is made when it is needed, used by one at a time, kept while all is well, dropped on doubt."""

    def __init__(self, account: Account, limits: Limits = USUAL) -> None:
        self.limits = limits
        self._account = account
        self._lock = asyncio.Lock()
        self._open: tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient] | None = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """
        The server's files, for one user at a time; names are bytes, since a server's may be anything.

        Raises `TransportError`, with a code and what to do, for every fault of the connection or the server. After
        one, and whenever the user is interrupted, the next use makes a new connection.
        """
        async with self._lock:
            try:
                if self._open is not None and self._open[0].is_closed():
                    await self._drop()
                if self._open is None:
                    self._open = await self._connect()
                yield self._open[1]
            except (asyncssh.Error, OSError) as error:
                await self._drop()
                raise fault(error) from None
            except BaseException:  # whatever the user was doing, its last answer may still be on its way
                await self._drop()
                raise

    async def close(self) -> None:
        """Let go of the connection."""
        async with self._lock:
            await self._drop()

    async def _connect(self) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
        account, limits = self._account, self.limits
        connection = await asyncssh.connect(
            account.host, account.port, options=await asyncio.to_thread(self._options), config=None
        )
        try:
            async with asyncio.timeout(limits.login):
                return connection, await connection.start_sftp_client(path_encoding=None)
        except BaseException:
            connection.abort()
            raise

    def _options(self) -> asyncssh.SSHClientConnectionOptions:
        """How we show who we are: nothing is taken from the settings, keys or agent of whoever runs the hub."""
        account, shown = self._account, dict[str, Any](client_keys=None, password=None)
        try:
            asyncssh.read_known_hosts(str(account.known_hosts))
        except (OSError, ValueError):
            raise TransportError("sftp.known-hosts: the file of known host keys cannot be read") from None
        try:
            if account.key is not None:
                shown["client_keys"] = [asyncssh.read_private_key(account.key)]
            if account.password is not None:
                shown["password"] = account.password.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError, asyncssh.KeyImportError):
            raise TransportError("sftp.own-key: our private key or password cannot be read from its file") from None
        return asyncssh.SSHClientConnectionOptions(
            username=account.user,
            known_hosts=str(account.known_hosts),
            agent_path=None,
            gss_host=None,
            disable_trivial_auth=True,
            connect_timeout=self.limits.connect,
            login_timeout=self.limits.login,
            keepalive_interval=15,
            config=None,
            **shown,
        )

    async def _drop(self) -> None:
        if self._open is not None:
            connection, _ = self._open
            self._open = None
            connection.abort()


def fault(error: BaseException) -> TransportError:
    """The error as ours: a code and what to do. The server's own text stays out of it, since it may repeat a name."""
    for kinds, said in _FAULTS:
        if isinstance(error, kinds):
            return TransportError(said)
    return TransportError(f"sftp.failed: {type(error).__name__}; ask the partner what their server's log says")


_FAULTS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (asyncssh.HostKeyNotVerifiable,),
        "sftp.host-key: the server shows another key than the file of known hosts names; ask the partner by telephone "
        "before you change that file",
    ),
    ((asyncssh.PermissionDenied,), "sftp.login: the server knows neither our key nor our password; ask the partner"),
    (
        (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded),
        "sftp.disk-full: the partner's server has no room left; ask them to make some",
    ),
    (
        (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect),
        "sftp.no-permission: our account may not list, read, write and rename there; ask the partner for these rights",
    ),
    (
        (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath),
        "sftp.no-folder: the folder is not there, or a file of it went away meanwhile; look at the folder's setting",
    ),
    (
        (asyncssh.SFTPFailure,),
        "sftp.failed: the server says no more than that; often its disk is full or the folder is not ours",
    ),
    ((TimeoutError,), "sftp.too-slow: the server did not answer in time; tried again"),
    (
        (OSError, asyncssh.DisconnectError, asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost),
        "sftp.no-connection: the server cannot be reached; look at its address, the network and the firewall",
    ),
)
