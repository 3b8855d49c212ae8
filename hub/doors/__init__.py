"""Doors: which road and address each agency is reached by, and which roads are listened on, from the settings."""

from __future__ import annotations

from hub.agency import Agency, Door
from hub.doors.callers import tokens
from hub.doors.sinks import Sinks
from hub.doors.sources import sources
from hub.errors import CatalogError
from hub.settings import Settings

__all__ = ["Sinks", "door_for", "first_number", "sources", "tokens"]


def door_for(agency: Agency, stream: str) -> Door:
    """
    The door by which *stream* goes to *agency*: the first, or the one whose road `HUB_<AGENCY>_<STREAM>_DOOR` names.

    Raises CatalogError where no door has that road.
    """
    doors = agency.hears[stream].doors
    wanted = Settings.endpoint(agency.key, stream, "DOOR")
    chosen = next((door for door in doors if door.by == wanted), None) if wanted else doors[0]
    if chosen is None:
        roads = ", ".join(door.by for door in doors)
        name = f"HUB_{agency.key}_{stream}_DOOR".upper()
        raise CatalogError([f"{name}={wanted}: {agency.name} takes {stream} by {roads} only"])
    return chosen


def first_number(agency: str, stream: str) -> int:
    """
    The number of the first file that the hub sends: 1, or what `HUB_<AGENCY>_<STREAM>_FIRST_NUMBER` says.

    For a partner who was sent files before; raises CatalogError where the setting is no number from 1.
    """
    said = Settings.endpoint(agency, stream, "FIRST_NUMBER")
    if not said:
        return 1
    if said.isascii() and said.isdigit() and 0 < int(said) < 2**53:
        return int(said)
    raise CatalogError([
        f"{f'HUB_{agency}_{stream}_FIRST_NUMBER'.upper()}: {said!r} is no number from 1: write the one that comes "
        "after the last file which that partner was sent"
    ])  # fmt: skip
