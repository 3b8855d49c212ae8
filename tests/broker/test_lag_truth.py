"""Lag tells the truth: what is reported of each scenario is what was done there, to the record and the millisecond."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.transports.kafka import Meter
from tests.broker.lag_reported import measured, reported
from tests.broker.lag_scenarios import SCENARIOS, Stage

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def meter(empty_kafka: str) -> Iterator[Meter]:
    """One for all scenarios, as ops has one for all groups: what it knew of one must not be told of another."""
    made = Meter(empty_kafka)
    yield made
    made.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_reported_lag_is_the_true_one(name: str, empty_kafka: str, fresh: str, meter: Meter) -> None:
    """Count, age, what is held and what was missed, in every partition, and who is in the group."""
    made, partitions, config = SCENARIOS[name]
    stage = Stage(empty_kafka, f"{fresh}-{name.replace('_', '-')}", config, partitions)
    try:
        truth = made(stage)
        told = reported(meter, stage)
    finally:
        stage.after.close()
    assert told == truth


def test_a_backlog_that_grows_is_counted_on(empty_kafka: str, fresh: str, meter: Meter) -> None:
    """What was read once is not read again, and the count and the age stay true as records and aborted ones come."""
    stage = Stage(empty_kafka, fresh)
    first = stage.say(2)
    assert [(row.lag, row.oldest) for row in measured(meter, stage)] == [(2, first[0].time)]
    producer, _ = stage.transaction(3)
    producer.abort_transaction()
    assert [(row.lag, row.oldest) for row in measured(meter, stage)] == [(2, first[0].time)]
    stage.say(4)
    assert [(row.lag, row.oldest) for row in measured(meter, stage)] == [(6, first[0].time)]
    stage.reached(1)
    assert [(row.lag, row.oldest) for row in measured(meter, stage)] == [(5, first[1].time)]


def test_one_look_tells_of_many_groups_on_one_topic(empty_kafka: str, fresh: str, meter: Meter) -> None:
    """Each group has its own truth, wherever the others are."""
    stage = Stage(empty_kafka, fresh)
    said = stage.say(6)
    groups = {f"{fresh}.{place}": place for place in range(7)}
    for group, place in groups.items():
        stage.group = group
        stage.reached(place)
    rows = meter.measure(dict.fromkeys(groups, (stage.topic,))).rows
    times = [one.time for one in said] + [None]
    assert [(row.lag, row.oldest) for row in rows] == [(6 - place, times[place]) for place in range(7)]


def test_a_topic_that_is_not_there_is_a_fault_and_hides_no_other(empty_kafka: str, fresh: str, meter: Meter) -> None:
    """What can be looked at is."""
    stage = Stage(empty_kafka, fresh)
    stage.say(1)
    found = meter.measure({stage.group: [stage.topic, f"{fresh}-gone.v1"]})
    assert [row.lag for row in found.rows] == [1]
    assert list(found.faults) == [f"{fresh}-gone.v1"]
