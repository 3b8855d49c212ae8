"""A case: one event before one agency, and all that a decision about it may look at; what is decided is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from hub.stream import Stream
from hub.view import NOTHING_KNOWN, Known


class Case(NamedTuple):
    """
    One event, as a *view* on it holds at least the fields that decisions ask for, before one *agency*.

    *address* names one of a family of like recipients, *at* is when the hub took the event in, *now* the moment of the
    decision, and *known* what else is known of the child.
    """

    values: Mapping[str, Any]
    stream: Stream
    agency: str
    address: str
    at: datetime
    now: datetime
    known: Known = NOTHING_KNOWN
