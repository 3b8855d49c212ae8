"""Logging: decisions, never records; only the keys listed here can be written, and no exception's text."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal

KEYS = frozenset({
    "agency", "line", "stream", "topic", "partition", "offset", "event", "code", "place", "rule", "count", "events",
    "set_aside", "refused", "queried", "attempt", "state", "lane", "group", "process", "port", "seconds", "kind",
    "where", "message", "file", "run",
})  # fmt: skip
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # what would make two lines, or steer a terminal


def note(logger: str, what: str, *, level: int = logging.INFO, **keys: object) -> None:
    """Write one line: *what* happened, and *keys* that say who and where; an unlisted key is a mistake in the code."""
    if not keys.keys() <= KEYS:
        raise TypeError(f"log keys {sorted(keys.keys() - KEYS)} are not in hub.log.KEYS")
    logging.getLogger(f"hub.{logger}").log(level, what, extra={"hub_keys": keys})


class Line(logging.Formatter):
    """
    One line a record, as text or JSON.

    What other libraries say is kept to its template, since their arguments and tracebacks may hold what was read;
    of an exception only its kind and the place in the code are told.
    """

    def __init__(self, style: Literal["text", "json"]) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        ours = record.name.startswith("hub.")
        keys: dict[str, object] = dict(getattr(record, "hub_keys", {}))
        if record.exc_info and record.exc_info[0] is not None:
            keys |= {"kind": record.exc_info[0].__name__, "where": _deepest(record.exc_info[2])}
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        what = record.getMessage() if ours else str(record.msg)[:200]
        line = {"time": moment, "level": record.levelname.lower(), "logger": record.name, "what": what, **keys}
        if self._json:
            return json.dumps(line, default=str)
        said = " ".join(f"{key}={value}" for key, value in keys.items())
        text = f"{moment} {record.levelname.lower():7} {record.name.removeprefix('hub.')}: {what} {said}".rstrip()
        return CONTROL.sub(" ", text)


def _deepest(trace: object) -> str:
    name, line = "", 0
    while trace is not None:
        name, line = trace.tb_frame.f_code.co_name, trace.tb_lineno  # type: ignore[attr-defined]  # a traceback
        trace = trace.tb_next  # type: ignore[attr-defined]  # a traceback
    return f"{name}:{line}"


def start(style: Literal["text", "json"] = "text", *, quiet: bool = False) -> None:
    """Send every log line to standard error in our format; *quiet* keeps to warnings."""
    # What no line of ours says need not be found out for each: the thread, the process, and where in the code it is
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as the library's own "Optimization" has it
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(Line(style))
    root = logging.getLogger()
    root.handlers[:] = [stderr]
    root.setLevel(logging.WARNING)
    logging.getLogger("hub").setLevel(logging.WARNING if quiet else logging.INFO)
