"""Doors: which road and address each agency is reached by, and which roads are listened on, from the settings."""

from __future__ import annotations

from hub.agency import Agency, Door
from hub.doors.sinks import Sinks
from hub.doors.sources import sources, tokens
from hub.errors import CatalogError
from hub.settings import Settings

__all__ = ["Sinks", "door_for", "sources", "tokens"]


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
