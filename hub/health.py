"""Health: /metrics, /livez and /readyz of one process, on a thread of its own that sleeps until somebody asks."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import ClassVar

from hub import metrics, readiness
from hub.catalog import Catalog
from hub.errors import TransportError
from hub.labels import PROCESSES, closed_sets
from hub.log import note
from hub.metrics import families
from hub.settings import Settings

ASKED_SECONDS = 5.0  # who asks and then says nothing is let go
BEAT_SECONDS = 5.0
_TEXT = "text/plain; charset=utf-8"


class _Asked(BaseHTTPRequestHandler):
    """One request: three paths, by GET; nothing of it is logged or repeated."""

    timeout = ASKED_SECONDS
    server_version, sys_version = "hub", ""
    protocol_version = "HTTP/1.0"
    own: ClassVar[readiness.Readiness] = readiness.OWN

    def do_GET(self) -> None:
        """Answer."""
        path, own = self.path.partition("?")[0], self.own
        if path == "/metrics":
            self._answer(200, metrics.exposed(), metrics.CONTENT_TYPE)
        elif path == "/livez":
            hangs = own.hangs()
            self._answer(503 if hangs else 200, (hangs or "alive").encode() + b"\n")
        elif path == "/readyz":
            missing = {**own.missing(), **({"loop": own.hangs()} if own.hangs() else {})}
            said = "".join(f"{what}: {why}\n" for what, why in missing.items())
            self._answer(503 if missing else 200, f"not ready\n{said}".encode() if missing else b"ready\n")
        else:
            self._answer(404, b"there is /metrics, /livez and /readyz\n")

    def _answer(self, status: int, body: bytes, kind: str = _TEXT) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with suppress(OSError):  # who asked has gone
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is http.server's
        """Say nothing: what is asked here is nobody's news."""


class _Listening(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind; the name of the host is not looked up, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[0], self.server_address[1]  # type: ignore[assignment]  # a str here

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asked and went says nothing of us."""


class Health:
    """What answers for one process, from its start to `close`."""

    def __init__(self, host: str, port: int) -> None:
        """Listen; raises TransportError where the port is taken."""
        try:
            self._server = _Listening((host, port), _Asked)
        except OSError as error:
            raise TransportError(
                f"cannot listen on {host}:{port} for /metrics: {error.strerror}; see HUB_HEALTH_HOST, HUB_HEALTH_PORT"
            ) from error
        self.port: int = self._server.server_address[1]
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            self._server.handle_request()  # sleeps until there is one: what nobody asks costs nothing

    def close(self) -> None:
        """Let go of the port."""
        self._closed = True
        with suppress(OSError):  # a last request, which is not read, wakes the thread
            socket.create_connection(self._server.server_address[:2], 1.0).close()  # type: ignore[arg-type]  # a host and a port
        self._thread.join(ASKED_SECONDS)
        self._server.server_close()


def serve(settings: Settings, process: str, catalog: Catalog) -> Health:
    """
    Begin to count, and answer for *process*; its port stands in run/<process>.json once it is ready.

    Until `hub.supervise.announce` was called it lacks its start. Raises TransportError where its port is taken.
    """
    metrics.close(closed_sets(catalog))
    readiness.OWN.lacks("start", "it is starting")
    families.READY.of(process=process).set_function(lambda: float(not readiness.OWN.missing()))
    health = Health(settings.health_host, port_of(settings, process))
    readiness.OWN.announced["health"] = health.port
    note(process.partition(".")[0], "answers /metrics, /livez and /readyz", process=process, port=health.port)
    return health


def port_of(settings: Settings, process: str) -> int:
    """The port on which *process* answers; 0 for a free one. Those of one machine do not meet."""
    return settings.health_port + PROCESSES.index(process) if settings.health_port else 0


async def beating() -> None:
    """Say every few seconds that the event loop turns, until cancelled."""
    while True:
        readiness.OWN.beat()
        await asyncio.sleep(BEAT_SECONDS)
