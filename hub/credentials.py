"""Credentials: a folder with one random password for each principal; none is ever shown."""

from __future__ import annotations

import secrets
from pathlib import Path

from hub.errors import CatalogError
from hub.transports.issuing import write

BYTES = 24
"""Of randomness in a password: no guessing gets through 192 bits, whatever the salt and the iterations."""


class Passwords:
    """
    The files *name*`.password` of *folder*, each to be read by its owner only.

    A new password lies under *name*`.password.next` until the cluster has it, so that whoever is stopped half way has
    lost none: the same again goes on with it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def of(self, name: str) -> str:
        """The password of *name*, made where there is none; raises CatalogError where the folder cannot be used."""
        path = self._path(name)
        if not path.exists():
            self._make(path)
        return self._read(path)

    def begin(self, name: str) -> str:
        """The password that *name* is to have next; the one that was begun, where a change was not ended."""
        path = self._path(name).with_suffix(".password.next")
        if not path.exists():
            self._make(path)
        return self._read(path)

    def end(self, name: str) -> Path:
        """The cluster has the next password: from now on it is the one; returns its file."""
        path = self._path(name)
        path.with_suffix(".password.next").replace(path)
        return path

    def has(self, name: str) -> bool:
        """Whether there is one."""
        return self._path(name).exists()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.password"

    def _make(self, path: Path) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write(path, secrets.token_hex(BYTES).encode(), 0o600)
        except OSError as error:
            raise CatalogError([f"{path.parent}: no password can be kept there: {error.strerror}"]) from None

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogError([f"{path}: {getattr(error, 'strerror', None) or 'holds no password'}"]) from None
