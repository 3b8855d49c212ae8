"""What ops keeps and says: history that outlives it, silence, what ledgers hold, and sentences."""
# ruff: noqa: E501  sentences stand as they are told, unbroken

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub import catalog as catalogs
from hub.ops import words
from hub.ops.history import TIERS, History
from hub.ops.picture import Delivery, Group, Picture
from hub.ops.readers import own, partners, theirs
from hub.ops.silence import ENOUGH, Silence
from hub.ops.undelivered import NO_LEDGER, Ledgers
from hub.store import engine
from hub.store.entries import Acked, Again, Arrival, Lane
from hub.store.ledger import Ledger

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
WAY = ("clinic", "moves")
CATALOG = catalogs.load()
HOSPITAL = "great_western_hospital"


def minutes(many: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=many)


def owed(**changes: object) -> Delivery:
    """An alert of which the hospital has four of its five minutes behind it."""
    said: dict[str, object] = {
        "agency": HOSPITAL, "stream": "hospital_alert", "lane": "urgent", "road": "https", "within": "5 minutes",
        "undelivered": 1, "parked": 0, "oldest": NOW - minutes(4.5), "due": NOW + minutes(0.5), "acknowledged_at": None,
    }  # fmt: skip
    return Delivery(**said | changes)  # type: ignore[arg-type]  # the fields of Delivery


def test_history_is_fine_for_an_hour_and_reaches_a_week_back(tmp_path: Path) -> None:
    """Each time once, the oldest first, the worst of each; and no more points than it has room for."""
    history, begin = History(tmp_path / "history"), NOW - timedelta(days=8)
    for number in range(8 * 24 * 60):
        history.add(WAY, begin + minutes(number), number % 7, float(number))
    points = history.points(WAY)
    assert [one.at for one in points] == sorted({one.at for one in points})
    assert points[-1].at == NOW - minutes(1)
    assert timedelta(days=6, hours=23) < NOW - points[0].at <= timedelta(days=7, hours=1)
    assert len(points) <= sum(tier.many for tier in TIERS)
    coarse = points[0]
    assert coarse.undelivered == 6
    assert sum(one.at > NOW - timedelta(hours=23) for one in points) >= 23 * 60 - 1


def test_history_outlives_a_restart(tmp_path: Path) -> None:
    """To the point; and a file that is no history begins anew."""
    history = History(tmp_path / "ops" / "history")
    for number in range(500):
        history.add(WAY, NOW + timedelta(seconds=10 * number), number, 1.5 * number)
    history.keep()
    assert History(tmp_path / "ops" / "history").points(WAY) == history.points(WAY)
    (tmp_path / "ops" / "history").write_bytes((tmp_path / "ops" / "history").read_bytes()[:200])
    assert History(tmp_path / "ops" / "history").points(WAY) == []


def test_a_topic_is_silent_only_where_nothing_came_for_longer_than_ever_lately(tmp_path: Path) -> None:
    """Nights and weekends are known after a week; before that nothing is said, and a restart forgets nothing."""
    silence, at, last = Silence(tmp_path / "silence"), NOW, NOW
    while at < NOW + timedelta(days=14):
        working = at.weekday() < 5 and 8 <= at.hour < 18
        silence.see(["t"], ["t"] if working and at < NOW + timedelta(days=12) else [], at)
        last = at if working and at < NOW + timedelta(days=12) else last
        if at < NOW + ENOUGH:
            assert silence.silent("t", at) is None
        at += minutes(5)
    silence.keep()
    assert Silence(tmp_path / "silence").silent("t", at) == silence.silent("t", at) is None  # no longer than a weekend
    assert silence.silent("t", last + timedelta(days=4)) == last


def test_what_the_ledger_has_open_is_told_by_agency_and_stream(tmp_path: Path) -> None:
    """All ledgers together, with where the oldest lies, what fails, what is parked and the last acknowledgement."""
    urls = [f"sqlite:///{tmp_path / name}" for name in ("urgent.db", "routine.db")]
    one, lane = Ledger(engine(urls[0])), Lane(*WAY, "")
    one.enqueue([arrived(lane, number) for number in range(4)] + [arrived(lane, 4, fault="record.empty")], NOW)
    one.attempt(lane, ["m0", "m1"], NOW, NOW + minutes(2))
    one.settle(lane, [Acked(("m0",), "200"), Again(("m1",), NOW + minutes(3), "https.503")], NOW + minutes(1))
    ledgers = Ledgers([*urls, f"sqlite:///{tmp_path / 'none.db'}"])
    try:
        found, faults = ledgers.look([WAY])
    finally:
        ledgers.close()
    assert faults == dict.fromkeys(["ledger 2 of 3", "ledger 3 of 3"], NO_LEDGER)
    assert not (tmp_path / "none.db").exists(), "looking made a ledger"
    assert (found[WAY].messages, found[WAY].parked, found[WAY].failing) == (4, 1, 1)
    assert found[WAY].acknowledged_at == NOW + minutes(1)
    oldest = found[WAY].oldest
    assert oldest is not None
    assert (oldest.topic, oldest.partition, oldest.offset) == ("moves.v1.to.clinic", 1, 1)


def test_what_failed_goes_on_failing_while_it_is_tried_again(tmp_path: Path) -> None:
    """A partner that takes half a minute to say nothing is not away for the moments between two attempts only."""
    url = f"sqlite:///{tmp_path / 'urgent.db'}"
    one, lane, ledgers = Ledger(engine(url)), Lane(*WAY, ""), Ledgers([url])
    one.enqueue([arrived(lane, number) for number in range(3)], NOW)
    failing = []
    try:
        for number in range(3):
            one.attempt(lane, ["m0", "m1"][: number + 1], NOW + minutes(number), NOW + minutes(number + 1))
            failing.append(ledgers.look([WAY])[0][WAY].failing)
            one.settle(lane, [Again(("m0",), NOW + minutes(number), "https.503")], NOW + minutes(number))
            failing.append(ledgers.look([WAY])[0][WAY].failing)
    finally:
        ledgers.close()
    assert failing == [0, 1, 1, 1, 2, 2]


def arrived(lane: Lane, number: int, fault: str = "") -> Arrival:
    """A message that a courier took in."""
    return Arrival(lane, f"m{number}", "moves.v1.to.clinic", 1, number, f"s{number}", b"sealed", fault=fault)


@pytest.mark.parametrize(("changes", "code", "sentence"), [
    ({}, "delivery.due-soon", "oldest undelivered hospital alert to Great Western Hospital, emergency department and wards: 4 min of 5"),
    ({"oldest": NOW - minutes(7), "due": NOW - minutes(2), "parked": 1}, "delivery.overdue",
     "oldest undelivered hospital alert to Great Western Hospital, emergency department and wards: 7 min of 5, overdue; 1 wait for a person"),
    ({"within": "1 working day", "oldest": NOW - timedelta(days=2), "due": NOW - timedelta(days=1)}, "delivery.overdue",
     "oldest undelivered hospital alert to Great Western Hospital, emergency department and wards: since Tue 24 Nov 12:00, due Wed 25 Nov 12:00 (1 working day), overdue"),
    ({"within": "24 hours", "oldest": NOW - timedelta(hours=20), "due": NOW + timedelta(hours=4)}, "delivery.due-soon",
     "oldest undelivered hospital alert to Great Western Hospital, emergency department and wards: 20 h of 24"),
])  # fmt: skip
def test_a_deadline_is_told_in_a_sentence(changes: dict[str, object], code: str, sentence: str) -> None:
    """How much of how much, who and what."""
    (trouble,) = words.late(owed(**changes), CATALOG, NOW)
    assert (trouble.code, trouble.sentence) == (code, sentence)


@pytest.mark.parametrize("changes", [
    {"oldest": NOW - minutes(1), "due": NOW + minutes(4)}, {"oldest": None, "due": None}, {"within": "", "due": None},
])  # fmt: skip
def test_what_has_time_is_no_trouble(changes: dict[str, object]) -> None:
    """Nothing waits, no time is agreed, or most of it is left."""
    assert list(words.late(owed(**changes), CATALOG, NOW)) == []


def test_the_picture_knows_what_is_overdue() -> None:
    """At its own moment."""
    late, soon = owed(due=NOW), owed(due=NOW + minutes(1))
    assert Picture(at=NOW, deliveries=(late, soon, owed(due=None))).overdue == (late,)


def test_a_group_of_a_partner_is_called_by_the_partners_name() -> None:
    """A person knows the partner, not the group."""
    group = Group(group="wiltshire_police.mash", reader="partner", agency="wiltshire_police", stream="mash_referral",
                  topic="mash-referral.v1.to.wiltshire-police", members=0, lag=3, waiting_since=NOW, condition="stopped")  # fmt: skip
    (trouble,) = words.faring(group, CATALOG)
    assert trouble.sentence == (
        "Wiltshire Police (wiltshire_police.mash) has stopped: 3 wait since Thu 26 Nov 12:00, and nobody is in the group; "
        "topic mash-referral.v1.to.wiltshire-police"
    )


def test_partners_groups_are_those_that_begin_with_their_key_and_a_dot() -> None:
    """One that has none has read nothing; what looks like it is somebody else's."""
    known = partners(CATALOG)
    assert set(known) == {"wiltshire_police", "mash_health"}
    found = theirs(known, ["wiltshire_police.a", "wiltshire_police.b", "wiltshire_policeman.x", "relay.urgent"])
    assert set(found) == {"wiltshire_police.a", "wiltshire_police.b", "mash_health.(no group)"}
    assert found["wiltshire_police.a"].topics == {"mash-referral.v1.to.wiltshire-police"}


def test_every_group_of_the_hub_is_looked_at() -> None:
    """Relay, watches, and a courier for each agency that reads no Kafka."""
    found = own(CATALOG)
    assert {one.reader for one in found.values()} == {"relay", "watch", "courier"}
    couriers = {one.agency for one in found.values() if one.reader == "courier"}
    assert HOSPITAL in couriers
    assert not couriers & set(partners(CATALOG))
    assert couriers <= set(CATALOG.agencies)
