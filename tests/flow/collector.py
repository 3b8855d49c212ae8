"""A collector of traces for tests: OTLP over HTTP on loopback, as any takes it, decoded by OTLP's own schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collected(NamedTuple):
    """One span as it came: by whom it was sent, and what it says."""

    process: str
    name: str
    trace: str
    id: str
    parent: str
    seconds: float
    said: Mapping[str, str]


class Collector:
    """Listens until it is closed; what came is in *spans*, in order, and *raw* are the bytes."""

    def __init__(self) -> None:
        self.spans: list[Collected] = []
        self.raw: list[bytes] = []
        collector = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                wanted = (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                if wanted:
                    collector.raw.append(body)
                    collector.spans.extend(read(body))
                self.send_response(200 if wanted else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def trace(self, trace: str) -> list[Collected]:
        """The spans of one trace."""
        return [one for one in list(self.spans) if one.trace == trace]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def read(body: bytes) -> Iterator[Collected]:
    """The spans in one request."""
    request = ExportTraceServiceRequest.FromString(body)
    for sent in request.resource_spans:
        process = next(one.value.string_value for one in sent.resource.attributes if one.key == "service.name")
        for span in (span for scope in sent.scope_spans for span in scope.spans):
            seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
            said = {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes}
            ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
            yield Collected(process, span.name, *ids, seconds, said)
