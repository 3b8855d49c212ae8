"""
Lag through the loss of a broker: while it is away, when it comes back and after, the truth is told, or that it is not
known; never another number. How long nothing is known is the brokers' to say, and not asked here.

With HUB_PROVE three brokers lose the one that leads the partition, the one that coordinates the group, and one that
does both, and what was seen is printed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from hub.local_kafka import LocalKafka
from tests.broker.brokers import coordinator, in_step, kill, leader
from tests.broker.lag_scenarios import Stage
from tests.broker.onlookers import Onlookers, Play
from tests.flow.partners import until
from tests.kafka import started

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PROVE = bool(os.environ.get("HUB_PROVE"))


@pytest.fixture(scope="module")
def three(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """Three brokers; where none can start, `kafka` says so."""
    if not PROVE:
        pytest.skip("three brokers: HUB_PROVE=1")
    with started(tmp_path_factory.mktemp("three"), 3) as local:
        yield local


def lose(kafka: LocalKafka, node: int, play: Play, onlookers: Onlookers) -> float:
    """Kill a node of three, go on without it, have it back; returns after how many seconds both knew again."""
    onlookers.until_known(play.truth)
    kill(kafka, node)
    seconds = onlookers.until_known(play.truth)
    play.go_on()
    onlookers.until_known(play.truth)
    have_back(kafka, play, onlookers)
    return seconds


def have_back(kafka: LocalKafka, play: Play, onlookers: Onlookers) -> None:
    """Start what does not run, and look on until all are in step again and the truth is known."""
    with ThreadPoolExecutor(1) as starter:
        back = starter.submit(kafka.up, quick=True)
        while not back.done():
            onlookers.know(play.truth)
        client = AdminClient({"bootstrap.servers": back.result(), "log_level": 0})

    def stepped() -> bool:
        onlookers.know(play.truth)
        return in_step(client, kafka.status().nodes)

    until(stepped, "all brokers in step again", 60)
    onlookers.until_known(play.truth)


def test_the_only_broker_is_killed_and_comes_back(kafka: str, tmp_path: Path, fresh: str) -> None:
    """While it is away nothing is known; once it is back the truth is told, and goes on being told."""
    with started(tmp_path) as alone, ExitStack() as after:
        stage = Stage(alone.status().bootstrap, fresh, after=after)
        play, onlookers = Play(stage), Onlookers(stage)
        onlookers.until_known(play.truth)
        kill(alone, 1)
        assert not onlookers.know(play.truth)
        have_back(alone, play, onlookers)
        play.go_on()
        onlookers.until_known(play.truth)


@pytest.mark.parametrize("lost", ["leader", "coordinator", "both"])
def test_a_broker_of_three_is_killed(
    three: LocalKafka, fresh: str, lost: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others take over what it led, and what they tell is the truth at once, or nothing."""
    with ExitStack() as after:
        stage = Stage(three.status().bootstrap, fresh, copies=3, after=after)
        stage.reached(0)  # by which there are offsets of groups, and somebody leads them
        client = stage.admin
        leads = until(lambda: max(0, leader(client, stage.topic)), "a leader")
        names = (f"{fresh}.{number}" for number in range(100))
        stage.group = next(one for one in names if (coordinator(client, one) == leads) is (lost == "both"))
        play, onlookers = Play(stage), Onlookers(stage)
        node = coordinator(client, stage.group) if lost == "coordinator" else leads
        seconds = lose(three, node, play, onlookers)
    with capsys.disabled():
        print(f"\n  {lost + ' killed':20} known again after {seconds:4.1f} s; {onlookers.looked} looks, "
              f"{onlookers.unknown} of them told that it is not known, none anything untrue")  # fmt: skip
