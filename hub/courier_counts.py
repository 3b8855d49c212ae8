"""The couriers' counts: attempts, acknowledgements and doors, by agency and road; what is tried is not decided here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from hub.agency import Road
from hub.metrics import families
from hub.parcel import Parcel, Way
from hub.partner import Partner
from hub.store.entries import Acked, Again, Handed, Outcome

ANSWERED: dict[tuple[str, str], float] = {}
"""When a door last took or refused something, by agency and stream, in monotonic seconds: it need not be tried."""


def watched(agency: str, partners: Mapping[Road, Partner]) -> None:
    """Tell of an agency's roads, whenever it is asked, whether anybody answers at their other end."""
    for road, partner in partners.items():
        families.AWAY.of(agency=agency, road=road).set_function(lambda one=partner: _away(one))  # type: ignore[misc]  # bound now


def _away(partner: Partner) -> float:
    try:
        return float(partner.away)
    except RuntimeError:  # the loop counted a failure while we looked
        return 1.0


def ended(way: Way, outcome: Outcome) -> None:
    """Count one attempt, or a message that could not be rendered for any."""
    word = {Acked: "acknowledged", Handed: "handed", Again: "again"}.get(type(outcome), "parked")
    agency, stream = way.agency.key, way.stream.name
    families.ATTEMPTS.of(agency=agency, stream=stream, road=way.door.by, outcome=word).inc()
    if word != "again":
        ANSWERED[agency, stream] = time.monotonic()


def erased(agency: str, stream: str, road: Road, many: int) -> None:
    """Count messages that were kept as long as they may be and not delivered: they are parked."""
    families.ATTEMPTS.of(agency=agency, stream=stream, road=road, outcome="parked").inc(many)


def took(way: Way, seconds: float) -> None:
    """Count how long one attempt took, however it ended."""
    families.ATTEMPT.of(agency=way.agency.key, road=way.door.by).observe(seconds)


def arrived(way: Way, parcel: Parcel, outcome: Outcome, now: datetime) -> None:
    """Count how long each message of *parcel* had waited, where it is with the partner now."""
    if isinstance(outcome, Acked | Handed):
        family = families.DELIVERED.of(agency=way.agency.key, road=way.door.by)
        for row in parcel.group.rows:
            family.observe((now - row.created).total_seconds())


def answered(agency: str, stream: str, came: str) -> None:
    """Count a partner's own word on a file, by what came of it."""
    families.ACKNOWLEDGED.of(agency=agency, stream=stream, outcome=came.replace(" ", "_")).inc()
