"""Doors: which road and address each agency is reached by, and which roads are listened on, from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.errors import CatalogError
from hub.settings import Settings, given
from hub.transports import Sink, Source
from hub.transports.files import FolderSink, FolderSource
from hub.transports.https import HttpsSink, HttpsSource
from hub.transports.mllp import MllpSink, MllpSource
from hub.transports.tls import client_context, make_local_ca, server_context


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


class Sinks:
    """Makes the sink of each door, from the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, agency: Agency, stream: str, door: Door) -> Sink:
        """The sink; raises CatalogError where a setting that it needs is missing, and says which."""
        if door.by == "files":
            if self._settings.outbox is None:  # our own folder; one that a setting names is a share, and may be away
                self._settings.outbox_folder.mkdir(parents=True, exist_ok=True)
            return FolderSink(self._settings.outbox_folder)
        if door.by == "https":
            token = self._secret(agency.key, stream)
            context = client_context(self._settings.tls_ca) if self._settings.tls_ca else None
            return HttpsSink(self._needed(agency.key, stream, "URL"), token, context)
        if door.by == "mllp":
            host = Settings.endpoint(agency.key, stream, "HOST") or "127.0.0.1"
            return MllpSink(host, _port(agency.key, stream, self._needed(agency.key, stream, "PORT")))
        raise CatalogError([f"{agency.key}: {stream} goes by {door.by}, which no courier serves"])

    def _needed(self, agency: str, stream: str, what: str) -> str:
        value = Settings.endpoint(agency, stream, what)
        if not value:
            name = f"HUB_{agency}_{stream}_{what}".upper()
            raise CatalogError([f"{name} is not set: where does {agency} take {stream}?"])
        return value

    @staticmethod
    def _secret(agency: str, stream: str) -> str | None:
        path = Settings.endpoint(agency, stream, "TOKEN_FILE")
        return given(Path(path), f"HUB_{agency}_{stream}_TOKEN_FILE".upper()).decode().strip() if path else None


def sources(catalog: Catalog, settings: Settings) -> Mapping[str, Source]:
    """Every road on which agencies speak, by a name for it."""
    found: dict[str, Source] = {}
    lines = {by: _lines(catalog, by) for by in ("files", "mllp", "https")}
    if lines["files"]:
        folders = {(agency, line): f"{agency}/{line}" for agency, line in lines["files"]}
        found["files"] = FolderSource(settings.inbox_folder, folders)
    for index, (agency, line) in enumerate(lines["mllp"]):
        said = Settings.endpoint(agency, line, "PORT")
        port = _port(agency, line, said) if said else settings.mllp_port + index if settings.mllp_port else 0
        found[f"mllp {agency}/{line}"] = MllpSource(settings.listen_host, port, agency, line)
    if lines["https"]:
        local = make_local_ca(settings.path("tls"))
        certificate, key = settings.tls_certificate or local.server_cert, settings.tls_key or local.server_key
        found["https"] = HttpsSource(
            settings.listen_host,
            settings.https_port,
            {f"/{agency}/{line}": catalog.agencies[agency].says[line].format for agency, line in lines["https"]},
            tokens(settings, [agency for agency, _ in lines["https"]]),
            server_context(certificate, key),
        )
    return found


def _port(agency: str, name: str, said: str) -> int:
    if said.isascii() and said.isdigit() and int(said) < 65536:
        return int(said)
    raise CatalogError([f"{f'HUB_{agency}_{name}_PORT'.upper()}: {said!r} is no port; write a number up to 65535"])


def _lines(catalog: Catalog, by: str) -> list[tuple[str, str]]:
    return [(a.key, name) for a in catalog.agencies.values() for name, saying in a.says.items() if saying.by == by]


def tokens(settings: Settings, agencies: list[str]) -> dict[str, str]:
    """
    The bearer token of each agency: from `HUB_<AGENCY>_HTTPS_TOKEN_FILE`, or one made in the state folder.

    A made token is good for work on one machine; a partner's is handed over by a road of its own.
    """
    found = {}
    for agency in dict.fromkeys(agencies):
        named = Settings.endpoint(agency, "https", "TOKEN_FILE")
        path = Path(named) if named else settings.secret(f"{agency}.token")
        found[agency] = given(path, f"HUB_{agency}_HTTPS_TOKEN_FILE".upper()).decode().strip()
    return found
