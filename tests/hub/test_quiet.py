"""What the libraries under the watches log: a template now and then, and never what was read."""

from __future__ import annotations

import logging
import sys

import pytest

from hub.watches.quiet import Seldom


def record(what: str, *arguments: object, error: bool = False) -> logging.LogRecord:
    """A record as a library would make it."""
    info = None
    if error:
        try:
            raise ValueError("Telltale")
        except ValueError:
            info = sys.exc_info()
    return logging.LogRecord("aiokafka.x", logging.WARNING, __file__, 1, what, arguments, info)


def test_only_the_template_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Arguments and the error's text stay out; its kind is told."""
    Seldom().emit(record("cannot bear %r\nat all", "Telltale", error=True))
    (said,) = caplog.records
    assert (said.name, said.getMessage()) == ("hub.watches.aiokafka.x", "cannot bear %r")
    assert said.hub_keys == {"count": 0, "kind": "ValueError"}  # type: ignore[attr-defined]  # put there by note()
    assert said.exc_info is None
    assert "Telltale" not in caplog.text


def test_the_same_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """A flood becomes a line a minute that says how many it stands for."""
    moments = iter([0.0, 1.0, 59.0, 61.0, 62.0])
    seldom = Seldom(clock=lambda: next(moments))
    for what in ("away", "away", "away", "away", "back"):
        seldom.emit(record(what))
    said = [(one.getMessage(), one.hub_keys["count"]) for one in caplog.records]  # type: ignore[attr-defined]  # as above
    assert said == [("away", 0), ("away", 2), ("back", 0)]
