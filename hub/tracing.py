"""Tracing: what the hub did with one message, as spans sent by OTLP where a setting says so; no personal data."""

from __future__ import annotations

import atexit
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hub.errors import CatalogError

ATTRIBUTES = frozenset({
    "agency", "line", "stream", "road", "watch", "verdict", "rule", "outcome", "count", "attempt", "synthetic",
})  # fmt: skip
"""All that a span may say beside its name and times; another is a mistake in the code."""
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)
"""W3C Trace Context, version 00."""
QUEUE = 20_000  # spans that wait to be sent; more are dropped, and nobody waits for them


class Span(NamedTuple):
    """
    One thing that was done in one trace: *began* and *ended* are nanoseconds since 1970, *parent* is empty at a root.

    Ids are hexadecimal: 32 digits of the *trace*, 16 of the span's own and its parent's.
    """

    name: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    attributes: Mapping[str, str | int | bool]


class _To:
    send: Callable[[Span], None] | None = None
    close: Callable[[], None] | None = None
    share = 1.0


def on() -> bool:
    """Whether spans are sent anywhere."""
    return _To.send is not None


def send(span: Span) -> None:
    """Send *span* soon, if its trace is one of those that are; raises TypeError for an attribute that is not listed."""
    if not span.attributes.keys() <= ATTRIBUTES:
        raise TypeError(f"{sorted(span.attributes.keys() - ATTRIBUTES)} are not in hub.tracing.ATTRIBUTES")
    if _To.send is not None and wanted(span.trace):
        _To.send(span)


def wanted(trace: str) -> bool:
    """Whether a trace is of the share that is sent; so that spans of the others need not be made."""
    return on() and int(trace[16:], 16) < _To.share * 2**64


def parts(traceparent: str) -> tuple[str, str] | None:
    """The trace's id and the span's in a W3C `traceparent`; None where it is none."""
    found = TRACEPARENT.fullmatch(traceparent)
    return (found[1], found[2]) if found else None


def start(process: str, endpoint: str, share: float = 1.0) -> None:
    """
    Send the spans of *process* to *endpoint* from now on, by OTLP over HTTP; of all traces a *share*; empty: nowhere.

    Which traces are of the share follows from their ids, so that every process sends the same. Raises CatalogError
    where the exporter is not installed.
    """
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise CatalogError(["HUB_OTLP_ENDPOINT: traces need the extra: pip install 'sharing-hub[tracing]'"]) from None
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    sending = BatchSpanProcessor(exporter, max_queue_size=QUEUE, schedule_delay_millis=1000)
    resource = Resource({"service.namespace": "sharing-hub", "service.name": process})
    _To.send, _To.share, _To.close = _sender(sending, resource), share, sending.shutdown
    atexit.register(stop)


def stop() -> None:
    """Send what waits, and nothing after it."""
    close, _To.send, _To.close = _To.close, None, None
    if close is not None:
        close()


def _sender(sending: Any, resource: Any) -> Callable[[Span], None]:
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags  # noqa: PLC0415

    flags, scope = TraceFlags(TraceFlags.SAMPLED), InstrumentationScope("hub")

    def context(trace: str, own: str, *, remote: bool) -> Any:
        return SpanContext(int(trace, 16), int(own, 16), is_remote=remote, trace_flags=flags)

    def sender(span: Span) -> None:
        sending.on_end(
            ReadableSpan(
                name=span.name,
                context=context(span.trace, span.id, remote=False),
                parent=context(span.trace, span.parent, remote=True) if span.parent else None,
                resource=resource,
                attributes={f"hub.{name}": value for name, value in span.attributes.items()},
                kind=SpanKind.CONSUMER,
                instrumentation_scope=scope,
                start_time=span.began,
                end_time=span.ended,
            )
        )

    return sender
