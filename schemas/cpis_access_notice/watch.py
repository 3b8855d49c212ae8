"""
The notice of an access: whose case it is, by the flags that are remembered; every access gives exactly one.

An access is a sighting by somebody in unscheduled care. Whether our own flags know the person, know nothing or could
not be asked, somebody is told: the allocated social worker, or the duty team where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from hub.envelope import Envelope
from hub.stream import Event
from hub.watch import State, Watch
from schemas.cpis_access_notice import AccessNoticed, Known
from schemas.cpis_flag.memory import recency, remember, standing, worker


def judge(
    access: Mapping[str, Any], state: State | None, papers: Envelope, *, now: datetime, caught_up: bool
) -> Iterator[Event]:
    """
    One notice for each access, whatever is known of the person.

    A plan that is known is told even where the flags were not caught up; only its absence is then unknown. So it is
    without an NHS number, by which alone flags are found: the local number goes along for whoever looks it up.
    """
    known = state if state and access.get("nhs_number") else {}
    stood = standing(known, access["at"])
    certain = caught_up and access.get("nhs_number")
    verdict: Known = "flagged" if stood else "nothing_known" if certain else "unknown"
    yield AccessNoticed(
        access_id=papers.id,
        at=access["at"],
        nhs_number=access.get("nhs_number"),
        local_id=access.get("local_id"),
        by=access["by"],
        known=verdict,
        plans=tuple(sorted({name.split("|")[1] for name in stood})),
        worker_id=worker(known, stood, access["at"]),
        as_of=recency(known, stood, now, caught_up=caught_up),
    )


watch = Watch(
    name="cpis-access",
    keeps="cpis_flag",
    on="cpis_access",
    emits="cpis_access_notice",
    remember=remember,
    judge=judge,
)
