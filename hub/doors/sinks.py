"""Sinks: the way out to each door, made of what the settings say of it."""

from __future__ import annotations

import ssl
from pathlib import Path

from hub.access import keyset
from hub.agency import Agency, Door
from hub.doors.endpoint import Endpoint, mailbox, sftp
from hub.errors import CatalogError
from hub.settings import Settings, given
from hub.transports import Sink
from hub.transports.files import FolderSink
from hub.transports.https import Granted, HttpsSink
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
                url = of.needed("URL", where)
                context = of.calling(self._settings.tls_ca)
                token = _granted(of, context) if of.said("TOKEN_URL") else of.secret("TOKEN_FILE")
                try:
                    return HttpsSink(url, token, context)
                except ValueError as error:
                    of.wrong("URL", error)
            case "mllp":
                port = of.port(question=where)
                tls = of.tls("TLS_CA", "CLIENT_CERTIFICATE", "CLIENT_KEY")
                calling = of.calling(self._settings.tls_ca) if tls else None
                return MllpSink(of.said("HOST") or "127.0.0.1", port, calling)
            case "sftp":
                return SftpSink(*sftp(of))
            case "mesh":
                recipient = of.needed("MAILBOX", f"which mailbox is {agency.key}'s for {stream}?")
                workflow = of.said("WORKFLOW") or door.workflow or of.needed("WORKFLOW", "under what workflow id?")
                return MeshSink(mailbox(agency.key), recipient, workflow)
        raise CatalogError([f"{agency.key}: {stream} goes by {door.by}, which no courier serves"])


def _granted(of: Endpoint, context: ssl.SSLContext) -> Granted:
    """Short tokens from `…_TOKEN_URL`, for `…_CLIENT_ID` that the key in `…_CLIENT_JWK_FILE` proves us to be."""
    if of.said("TOKEN_FILE"):
        of.wrong("TOKEN_FILE", f"is set, and so is {of.variable('TOKEN_URL')}: one of them says what is shown")
    client = of.needed("CLIENT_ID", f"by what name does {of.agency} know us?")
    file = of.needed("CLIENT_JWK_FILE", "in what file is our private key, as a JWK with kid and alg?")
    try:
        key = keyset.private(given(Path(file), of.variable("CLIENT_JWK_FILE")))
    except ValueError as error:
        of.wrong("CLIENT_JWK_FILE", error)
    try:
        return Granted(of.said("TOKEN_URL"), client, key, context)
    except ValueError as error:
        of.wrong("TOKEN_URL", error)
