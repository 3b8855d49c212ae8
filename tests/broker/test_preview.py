"""Previews and comparisons over real topics: what was lately said is decided again, and nothing is published."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from hub import cli, versions
from hub.catalog import Catalog, folder_of
from hub.envelope import SYNTHETIC, Envelope, Record, traceparent
from hub.happened import lately
from hub.keys import Keys
from hub.preview import alone, preview, streams_of
from hub.transports.kafka import TopicWanted, ensure_topics, read_topic
from tests.broker.relayed import Said, attendances

pytestmark = pytest.mark.broker

MARKS = 400


class Told(NamedTuple):
    """The marks of today, and the key of the one pupil about whom all sharing was stopped."""

    marks: list[Said]
    held: str

    def rules(self) -> Counter[str]:
        """What should become of each for the Virtual School, by a second reading of its policy."""
        return Counter(
            "sealed.legal-hold" if one.subject == self.held else one.verdicts["virtual_school"].rule
            for one in self.marks
        )

    def heard_of(self) -> set[str]:
        """The keys of the pupils of whom it should hear."""
        return {one.subject for one in self.marks if not one.verdicts["virtual_school"].rule} - {self.held}


def known(catalog: Catalog, keys: Keys, number: int, **values: object) -> Record:
    """A record that says what is known of a child."""
    (stream,) = catalog.standing
    name = keys.event_id("tests", "standing", str(number), 0)
    event = stream.event.model_validate(values).model_dump()
    papers = Envelope(name, "/tests", stream.topic, datetime(2026, 9, 1, tzinfo=UTC), traceparent(name))
    key = keys.subject(stream, event, otherwise=name).encode()
    return Record(stream.topic, key, catalog.codec(stream).encode(event), papers.headers())


@pytest.fixture(scope="module")
def said(empty_kafka, catalog, keys):
    """The topics of marks and of what is known, with marks of today and of ten days ago, an invention and rubbish."""
    marks, (standing,) = catalog.streams["school_attendance"], catalog.standing
    wanted = [TopicWanted(topic, 2, 1, {"retention.ms": "-1"}) for topic in (marks.topic, standing.topic)]
    ensure_topics(empty_kafka, wanted)
    today, before = (list(attendances(catalog, keys, MARKS, run)) for run in ("today", "before"))
    producer, earlier = Producer({"bootstrap.servers": empty_kafka}), datetime.now(UTC) - timedelta(days=10)
    upns = (one.verdicts["virtual_school"].values.get("pupil", {}).get("upn") for one in today)
    upn = next(filter(None, upns))
    held = known(catalog, keys, 1, upn=upn, legal_hold=True)
    invented = today[0].record._replace(headers=(*today[0].record.headers, SYNTHETIC))
    rubbish = Record(marks.topic, b"k", b"rubbish", today[0].record.headers)
    tombstone = Record(marks.topic, b"k", None, ())
    for records, moment in (
        ([one.record for one in before], earlier),
        ([held, *(one.record for one in today), invented, rubbish, tombstone], datetime.now(UTC)),
    ):
        for topic, key, value, headers in records:
            stamp = int(moment.timestamp() * 1000)
            producer.produce(topic, key=key, value=value, headers=list(headers), timestamp=stamp)
            producer.poll(0)
    assert producer.flush(20) == 0
    return Told(today, keys.pseudonym("upn", upn))


@pytest.fixture
def hub(empty_kafka, tmp_path):
    """A function that gives words to the command line, beside a running Kafka."""
    here = {"HUB_STATE": str(tmp_path / "state"), "HUB_BOOTSTRAP_SERVERS": empty_kafka, "COLUMNS": "200"}
    return lambda *words: CliRunner(env=here).invoke(cli.main, [str(word) for word in words])


def test_the_last_days_are_decided_again_and_nothing_is_published(said, empty_kafka, catalog, hub):
    """Each mark of the days asked for, with what is known of the child; no invention of a canary, and no topic more."""
    wanted = alone(catalog, "virtual_school")
    streams = streams_of(wanted, "virtual_school", "school_attendance")
    now = datetime.now(UTC)
    expected = said.rules()

    week, month = (
        preview(wanted, "virtual_school", lately(wanted, streams, empty_kafka, {}, now - timedelta(days=days)),
                streams, Keys(bytes(32)), now=now)
        for days in (7, 30)
    )  # fmt: skip
    done = hub("preview", "virtual_school", "--stream", "school_attendance", "--days", 7)

    heard = week.heard["school_attendance"]
    assert (heard.events, heard.released, week.unread) == (MARKS, expected[""], 1)
    assert heard.rules == {rule: number for rule, number in expected.items() if rule}
    assert heard.rules["sealed.legal-hold"] > 0
    assert month.heard["school_attendance"].events == 2 * MARKS
    assert done.exit_code == 0, done.output
    assert f"│ {MARKS} │" in " ".join(done.output.split())
    assert "a court or legal adviser has stopped all sharing" in done.output
    topics = AdminClient({"bootstrap.servers": empty_kafka, "log_level": 0}).list_topics(timeout=5).topics
    assert {name for name in topics if not name.startswith("__")} == {
        one.topic for one in (*streams, *catalog.standing)
    }


def test_a_change_is_counted_on_the_last_days(said, catalog, hub, tmp_path):
    """Against a folder in which the Virtual School heard less: as many events as it hears, of as many children."""
    for path in folder_of("connectors").glob("*/policy.yaml"):
        (tmp_path / "was" / path.parent.name).mkdir(parents=True)
        shutil.copyfile(path, tmp_path / "was" / path.parent.name / "policy.yaml")
    place = tmp_path / "was/virtual_school/policy.yaml"
    text = place.read_text(encoding="utf-8")
    assert text.count("      - mark\n") == 1
    place.write_text(text.replace("      - mark\n", ""), encoding="utf-8")
    expected = said.rules()

    done = hub("policy", "diff", tmp_path / "was")

    assert done.exit_code == 1
    cells = f"│ — │ {expected['']} ({len(said.heard_of())}) │ — │ — │"
    assert f"virtual_school │ school_attendance {cells}" in " ".join(done.output.split())
    assert f"{MARKS + 1} events were decided by both, 1 not readable" in done.output


def test_a_topic_that_is_not_there_leaves_the_policies_to_compare(said, hub, tmp_path):
    """That is said; where days were asked for, the question has no answer."""
    base = versions.in_folder(folder_of("connectors"))
    (tmp_path / "was/mash_health").mkdir(parents=True)
    source = folder_of("connectors") / "mash_health/policy.yaml"
    text = source.read_text(encoding="utf-8").replace("      - parents_know\n", "")
    for agency in set(base.policies) - {"mash_health"}:
        shutil.copytree(folder_of("connectors") / agency, tmp_path / "was" / agency,
                        ignore=lambda _, names: set(names) - {"policy.yaml"})  # fmt: skip
    (tmp_path / "was/mash_health/policy.yaml").write_text(text, encoding="utf-8")

    noted, asked = hub("policy", "diff", tmp_path / "was"), hub("policy", "diff", tmp_path / "was", "--days", 7)

    assert (noted.exit_code, asked.exit_code) == (1, 2)
    for done in (noted, asked):
        assert "Kafka has no topic mash-referral.v1" in done.output
    assert "parents_know" in noted.output


def test_a_topic_is_read_from_a_moment_on(said, empty_kafka, catalog):
    """What Kafka took in at it or later; from the future on there is nothing."""
    topic, now = catalog.streams["school_attendance"].topic, datetime.now(UTC)

    numbers = [
        sum(1 for _ in read_topic(empty_kafka, topic, since=now + timedelta(days=days))) for days in (-30, -7, 1)
    ]

    assert numbers == [2 * MARKS + 3, MARKS + 3, 0]
