"""Sinks: the way out to each door, made of what the settings say of it."""

from __future__ import annotations

from hub.agency import Agency, Door
from hub.doors.endpoint import Endpoint, mailbox, sftp
from hub.errors import CatalogError
from hub.settings import Settings
from hub.transports import Sink
from hub.transports.files import FolderSink
from hub.transports.https import HttpsSink
from hub.transports.mesh import MeshSink
from hub.transports.mllp import MllpSink
from hub.transports.sftp import SftpSink


class Sinks:
    """Makes the sink of each door, from the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, agency: Agency, stream: str, door: Door) -> Sink:
        """The sink; raises CatalogError where a setting that it needs is missing, and says which."""
        of = Endpoint(agency.key, stream)
        where = f"where does {agency.key} take {stream}?"
        match door.by:
            case "files":
                if self._settings.outbox is None:  # our own folder; one that a setting names is a share, perhaps away
                    self._settings.outbox_folder.mkdir(parents=True, exist_ok=True)
                return FolderSink(self._settings.outbox_folder)
            case "https":
                url, token = of.needed("URL", where), of.secret("TOKEN_FILE")
                try:
                    return HttpsSink(url, token, of.calling(self._settings.tls_ca))
                except ValueError as error:
                    of.wrong("URL", error)
            case "mllp":
                port = of.port(question=where)
                tls = of.tls("TLS_CA", "CLIENT_CERTIFICATE", "CLIENT_KEY")
                context = of.calling(self._settings.tls_ca) if tls else None
                return MllpSink(of.said("HOST") or "127.0.0.1", port, context)
            case "sftp":
                return SftpSink(*sftp(of))
            case "mesh":
                recipient = of.needed("MAILBOX", f"which mailbox is {agency.key}'s for {stream}?")
                workflow = of.said("WORKFLOW") or door.workflow or of.needed("WORKFLOW", "under what workflow id?")
                return MeshSink(mailbox(agency.key), recipient, workflow)
        raise CatalogError([f"{agency.key}: {stream} goes by {door.by}, which no courier serves"])
