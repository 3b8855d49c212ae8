"""Backup: what the hub alone knows, copied while it runs, put back elsewhere; Kafka's records and secrets stay out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from hub import __version__, cluster, principals
from hub.catalog import Catalog
from hub.doors import door_for
from hub.errors import HubError
from hub.settings import Settings
from hub.supervise import announced
from hub.transports.kafka import seek_group

MANIFEST = "backup.json"
FORM = 1
_LIVE = "live"


class Made(NamedTuple):
    """A backup: its *files* by name with their SHA-256, how many groups' *places* it holds, and *elsewhere*."""

    folder: Path
    files: dict[str, str]
    places: int
    elsewhere: str


class Place(NamedTuple):
    """Where one of the couriers' groups was in one partition: the next offset it would have read."""

    group: str
    topic: str
    partition: int
    offset: int


def backup(settings: Settings, folder: Path, catalog: Catalog | None = None, bootstrap: str = "") -> Made:
    """
    Copy every SQLite store and the policies that last held into *folder*, which is made and must hold nothing yet.

    With *bootstrap* the couriers' places in Kafka are written down first: what they had read by then is in the stores
    that are copied after it, so that whoever reads on from those places misses nothing. Each store is one moment of
    its own, whole, and is checked; the hub goes on writing meanwhile. A folder without `backup.json`, which is written
    last, is no backup. Raises HubError where the folder is in use or a store is damaged.
    """
    if folder.exists() and any(folder.iterdir()):
        raise HubError(f"{folder} holds something already: name a folder that is new")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    places = list(_places(catalog, settings, bootstrap)) if catalog is not None and bootstrap else []
    for store in sorted(settings.path().glob("*.db")):
        _copy(store, folder / store.name)
    if (live := settings.path(_LIVE)).is_dir():
        shutil.copytree(live, folder / _LIVE)
    files = {str(path.relative_to(folder)): _digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    said = {
        "form": FORM, "hub": __version__, "at": datetime.now(UTC).isoformat(timespec="seconds"), "files": files,
        "places": [place._asdict() for place in places],
    }  # fmt: skip
    part = folder / f"{MANIFEST}.part"
    part.write_text(json.dumps(said, indent=1), encoding="utf-8")
    part.replace(folder / MANIFEST)
    elsewhere = "PostgreSQL holds the store: back it up with pg_dump" if settings.store_url else ""
    return Made(folder, files, len(places), elsewhere)


def restore(settings: Settings, folder: Path) -> list[Place]:
    """
    Put the backup in *folder* into the state folder, and return the couriers' places of then.

    Nothing is written over: raises HubError where a store is there already, where a process of the hub runs, and where
    a file of the backup is not, to the byte, what was written.
    """
    said = _manifest(folder)
    for name in said["files"]:
        if settings.path(name).exists():
            raise HubError(f"{settings.path(name)} is there: move it away first, nothing is written over")
    for path in settings.path("run").glob("*.json"):
        if announced(settings, path.stem) is not None:
            raise HubError(f"{path.stem} runs: stop the hub first")
    for name, digest in said["files"].items():
        source = folder / name
        if not source.is_file() or _digest(source) != digest:
            raise HubError(f"{source} is not what the backup wrote: take another backup")
    for name in said["files"]:
        target = settings.path(name)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = target.with_name(f"{target.name}.part")
        shutil.copyfile(folder / name, part)
        part.chmod(0o600)
        part.replace(target)
    return places_of(folder)


def places_of(folder: Path) -> list[Place]:
    """The couriers' places that the backup in *folder* holds."""
    return [Place(**one) for one in _manifest(folder)["places"]]


def rewind(settings: Settings, bootstrap: str, places: list[Place], catalog: Catalog) -> Iterator[tuple[Place, str]]:
    """
    Have each stopped group go on where it was at the backup; yields each place with what hinders it, empty where none.

    What goes out a second time has the id that it had, and the ledger knows those that it holds.
    """
    for place in places:
        try:
            own = settings.acting_as(principals.reader(catalog, place.group))  # on a secured cluster nobody else may
            seek_group(bootstrap, *place, own.kafka())
        except HubError as error:
            yield place, str(error)
        else:
            yield place, ""


def _places(catalog: Catalog, settings: Settings, bootstrap: str) -> Iterator[Place]:
    relays = cluster.relay_groups(catalog)
    for row in cluster.behind(catalog, settings, bootstrap, door_for):
        if row.group not in relays and row.committed is not None:
            yield Place(row.group, row.topic, row.partition, row.committed)


def _copy(store: Path, target: Path) -> None:
    """One store as it is at one moment, by SQLite's own backup; another process may write meanwhile."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(store, timeout=15.0)) as held, closing(sqlite3.connect(target)) as copied:
            held.backup(copied)
            copied.execute("PRAGMA journal_mode=DELETE")  # one file, without what was not yet written back
            found = copied.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        raise HubError(f"{store} could not be copied: {error}") from error
    if found != "ok":
        raise HubError(f"{store} is damaged: {found}; restore an older backup")


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise HubError(f"{folder} is no backup, or one that was not ended: it has no {MANIFEST}") from None
    if said.get("form") != FORM:
        raise HubError(f"{folder} was written by another version of the hub ({said.get('hub')}): use that one")
    return said


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
