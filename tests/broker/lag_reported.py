"""Lag as it is reported of a stage, in the shape of its truth, or why it is not known; it knows no truth itself."""

from __future__ import annotations

from collections.abc import Sequence

from hub.errors import TransportError
from hub.transports.kafka import Lag, Meter
from tests.broker.lag_scenarios import Stage, Truth


def measured(meter: Meter, stage: Stage) -> Sequence[Lag]:
    """What is measured at the second look, when it is known since when something is held; fails on any fault."""
    for _ in range(2):
        found = meter.measure({stage.group: [stage.topic]})
    assert not found.faults
    return found.rows


def reported(meter: Meter, stage: Stage) -> Truth:
    """All that is reported then."""
    return _as_truth(measured(meter, stage), meter.groups().get(stage.group, 0))


def looked(meter: Meter, stage: Stage) -> Truth | str:
    """What one look reports, or in words why it is not known; fails where nothing is said and nothing of why."""
    try:
        found = meter.measure({stage.group: [stage.topic]})
        members = meter.groups().get(stage.group, 0)
    except TransportError as error:
        return str(error)
    if not found.rows:
        assert found.faults, "nothing is told, and no word of why"
        return "; ".join(map(str, found.faults.values()))
    return _as_truth(found.rows, members)


def _as_truth(rows: Sequence[Lag], members: int | None) -> Truth:
    return Truth(
        lag={row.partition: row.lag for row in rows},
        oldest={row.partition: row.oldest for row in rows},
        missed=sum(row.missed for row in rows),
        held=sum(row.held for row in rows),
        held_since=min((row.held_since for row in rows if row.held_since is not None), default=None),
        members=members,
    )
