"""
Side by side with Burrow: what the hub and Burrow report of each scenario of lag, against what is so; printed.

Both look at one broker of Kafka 3.9, the last line to which Burrow's client can talk, and Burrow is given what it needs
to be right: it knows every topic before anybody commits, has seen where each ends, and has read every commit. The hub
must tell the truth of all; of what Burrow says only that it answers is held to anything, so that the comparison is one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import IsolationLevel

from hub import kafka_jars
from hub.transports.kafka import Meter
from hub.transports.kafka.reading import END, offsets, places
from tests.broker.brokers import OFFSETS_PARTITIONS, offsets_partition
from tests.broker.burrow import BINARY, ZOOKEEPER, Burrow, Status, burrow
from tests.broker.lag_reported import reported
from tests.broker.lag_scenarios import SCENARIOS, Stage, Truth
from tests.flow.partners import until
from tests.kafka import started

pytestmark = [pytest.mark.broker, pytest.mark.slow]

OLDER = "3.9.1"
NOT_SAID = "cannot say"
PLAIN = "behind_on_a_quiet_topic"
"""What anybody who looks at offsets can tell: where Burrow cannot, it was not given what it needs."""


class Compared(NamedTuple):
    """One thing that is so, and what each of the two says of it."""

    scenario: str
    asked: str
    true: str
    ours: str
    theirs: str
    word: str


@pytest.fixture(scope="module")
def older_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of Kafka 3.9 for this comparison alone: the pinned pom with another version."""
    if not os.environ.get("HUB_PROVE"):
        pytest.skip("a comparison on which nothing depends: HUB_PROVE=1, with Debian's burrow and zookeeper")
    assert BINARY, "apt-get install burrow"
    assert ZOOKEEPER.exists(), "apt-get install zookeeper"
    folder, pinned = tmp_path_factory.mktemp("older"), kafka_jars.pinned()
    said = pinned.read_text(encoding="utf-8").replace(f">{kafka_jars.version(pinned)}<", f">{OLDER}<")
    (folder / "pom.xml").write_text(said, encoding="utf-8")
    with started(folder, pom=folder / "pom.xml") as local:
        yield local.status().bootstrap


def test_what_burrow_reports_beside_what_is_reported_here(
    older_kafka: str, fresh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours is the truth in all, on that Kafka too; how Burrow fares is printed, and judged by nobody here."""
    with ExitStack() as after:
        marks = Stage(older_kafka, f"{fresh}-marks")
        marks.reached(0)
        theirs = after.enter_context(burrow(older_kafka, tmp_path))
        stages = {
            name: Stage(older_kafka, f"{fresh}-{name.replace('_', '-')}", config, partitions)
            for name, (_, partitions, config) in SCENARIOS.items()
        }
        for stage in stages.values():
            after.callback(stage.after.close)
        until(lambda: all(len(theirs.ends(one.topic)) == one.partitions for one in (*stages.values(), marks)),
              "Burrow knows every topic", 60, 0.2)  # fmt: skip
        truths = {name: made(stages[name]) for name, (made, *_) in SCENARIOS.items()}
        meter = Meter(older_kafka)
        after.callback(meter.close)
        ours = {name: reported(meter, stage) for name, stage in stages.items()}
        caught_up(theirs, list(stages.values()), marks)
        said = {name: theirs.status(stage.group) for name, stage in stages.items()}
    rows = [row for name in stages for row in compared(name, truths[name], ours[name], said[name])]
    with capsys.disabled():
        print(table(rows))
    assert ours == truths
    assert said[PLAIN].lag == sum(truths[PLAIN].lag.values())


def caught_up(theirs: Burrow, stages: Sequence[Stage], marks: Stage) -> None:
    """Wait until Burrow has seen where every topic ends now, and read every commit that was made before."""
    ends = {stage.topic: _ends(stage) for stage in stages}
    until(lambda: all(theirs.ends(topic) == end for topic, end in ends.items()), "Burrow sees all ends", 60, 0.2)
    groups: dict[int, str] = {}
    number = 0
    while len(groups) < OFFSETS_PARTITIONS:  # one in each partition in which commits lie, behind all others there
        groups.setdefault(offsets_partition(name := f"{marks.name}.{number}"), name)
        number += 1
    for group in groups.values():
        marks.group = group
        marks.reached(0)
    until(lambda: theirs.groups() >= set(groups.values()), "Burrow reads all commits", 60, 0.2)


def _ends(stage: Stage) -> list[int]:
    every = places(stage.admin, [stage.topic], 10)
    found = offsets(stage.admin, every, END, 10, IsolationLevel.READ_UNCOMMITTED)
    return [found[place] for place in every]


def compared(name: str, true: Truth, ours: Truth, theirs: Status) -> Iterator[Compared]:
    """What there is to say of one scenario; Burrow has no word for ages, open transactions and what was deleted."""
    count = NOT_SAID if theirs.lag is None else str(theirs.lag)
    scenario = name.replace("_", " ")
    yield Compared(scenario, "how many wait", _count(true.lag), _count(ours.lag), count, theirs.word)
    if any(true.oldest.values()):
        yield Compared("", "since when", _since(true.oldest), _since(ours.oldest), NOT_SAID, "")
    for asked, one, other in (
        ("held by a transaction", true.held, ours.held),
        ("deleted unread", true.missed, ours.missed),
    ):
        if one or other:
            yield Compared("", asked, str(one), str(other), NOT_SAID, "")


def _count(lag: Mapping[int, int]) -> str:
    return str(sum(lag.values()))


def _since(oldest: Mapping[int, datetime | None]) -> str:
    moment = min((one for one in oldest.values() if one is not None), default=None)
    return f"{moment:%H:%M:%S.%f}"[:-3] if moment is not None else "—"


def table(rows: Sequence[Compared]) -> str:
    """All of it, and how often each of the two was right."""
    heads = Compared("scenario", "asked", "true", "hub", "Burrow", "its word")
    lines = [f"{scenario:38}{asked:23}{true:>13}{ours:>13}{theirs:>12}  {word}".rstrip()
             for scenario, asked, true, ours, theirs, word in (heads, *rows)]  # fmt: skip
    counts = [row for row in rows if row.asked == "how many wait"]
    right = sum(row.theirs == row.true for row in counts)
    silent = sum(row.theirs == NOT_SAID for row in counts)
    lines.append(
        f"right of {len(rows)}: hub {sum(row.ours == row.true for row in rows)}, "
        f"Burrow {sum(row.theirs == row.true for row in rows)}; of {len(counts)} counts Burrow tells {right} rightly, "
        f"{len(counts) - right - silent} wrongly, and {silent} not at all"
    )
    return "\n" + "\n".join(lines)
