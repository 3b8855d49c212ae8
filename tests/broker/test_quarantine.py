"""Quarantine on a real Kafka: refused, looked at, mended, replayed once under its own id, or kept from everybody."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import connectors.mash_front_door.inbound as mash
import connectors.social_care.inbound as social_care
from hub import cluster, handled, topology
from hub.catalog import Catalog
from hub.cli import main
from hub.cli import quarantine as verbs
from hub.envelope import Envelope, Record
from hub.errors import TransportError
from hub.following import Following
from hub.handled import Handled
from hub.intake import Intake
from hub.keys import Keys
from hub.outbound import Desk
from hub.quarantine import work
from hub.quarantine.ward import NotDone, Wanted, Ward
from hub.reasons import reason
from hub.relay import Relay
from hub.settings import Settings
from hub.store import engine
from hub.store.inbox import Inbox
from hub.transports import Answer
from hub.transports.kafka import Committer, Fenced, Follower, Stored, Turn, read_topic
from hub.view import Identifier
from tests.broker.relayed import message_id
from tests.flow.partners import until

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "connectors/mash_front_door/examples/referrals/neglect_told_by_a_school.json").read_bytes()
WHY = ("--by", "Ada Quill", "--because", "The code that read referrals was mended this morning.")
REASON = reason("Ada Quill", "The code that read referrals was mended this morning.")
MASH = ("mash_front_door", "referrals")
REFERRALS = "mash-referral.v1"
KILLED = """
import os, signal, sys
from pathlib import Path
from hub import catalog
from hub.keys import Keys
from hub.quarantine import work
from hub.quarantine.ward import Wanted, Ward
from hub.reasons import reason
from hub.transports.kafka import Turn
Turn._conclude = lambda self, producer: os.kill(os.getpid(), signal.SIGKILL)
ward = Ward(catalog.load(), Keys(Path(sys.argv[2]).read_bytes()), sys.argv[1])
why = reason("Ada Quill", "It is killed before it can commit what it sent.")
list(work.replay(ward, Wanted(ids=(sys.argv[3],)), why))
"""


class Town:
    """A gateway in this process, on a cluster, with the gateway's store."""

    def __init__(self, catalog: Catalog, keys: Keys, bootstrap: str, folder: Path) -> None:
        self.catalog, self.keys, self.bootstrap, self.folder = catalog, keys, bootstrap, folder
        self.secret = folder / "secret"
        self.secret.write_bytes(b"a secret for tests, of 32 bytes.")
        settings = Settings(state=folder)
        cluster.prepare(catalog, settings, bootstrap)
        self.committer = Committer(bootstrap, "hub-gateway.0")
        self._store = engine(settings.gateway_database)
        self.inbox = Inbox(self._store, keys)
        self.following = Following(catalog)
        self.follower = Follower(bootstrap, self.following.topics, self.following.take)
        self.intake = Intake(catalog, keys, self.committer.commit, self.inbox, wall=self.wall)
        self.ward = Ward(catalog, keys, bootstrap)
        self.number = 0

    async def wall(self) -> frozenset[Identifier]:
        """The identifiers that are closed."""
        self.follower.catch_up()
        return self.following.view.closed()

    def say(self, data: bytes, agency: str = MASH[0], line: str = MASH[1]) -> Answer:
        """Send *data* to the gateway."""
        return asyncio.run(self.intake.receive(agency, line, data))

    def referral(self, **child: Any) -> bytes:
        """A referral with an id of its own."""
        self.number += 1
        said = json.loads(EXAMPLE)
        said["id"] = f"q-{self.number}"
        said["contact"]["cont_contact_id"] = f"Q-{self.number}"
        said["child"] |= child
        return json.dumps(said).encode()

    def refused(self, monkeypatch: pytest.MonkeyPatch, data: bytes) -> str:
        """Send *data* while our own code trips over it; the id of what lies in quarantine since."""
        before = set(self.open())
        with monkeypatch.context() as patch:
            patch.setattr(mash, "_child", lambda child: {}["what is not there"])
            answer = self.say(data)
        assert (answer.code, answer.refused) == ("error.keyerror", 1)
        (item,) = set(self.open()) - before
        return item

    def open(self, **wanted: Any) -> list[str]:
        """The ids of what is open."""
        return [one.item.id for one in self.ward.entries(Wanted(**wanted)) if one.end is None]

    def on(self, topic: str) -> list[Stored]:
        """What lies on a topic."""
        return list(read_topic(self.bootstrap, topic))

    def events(self, topic: str = REFERRALS) -> list[str]:
        """The ids of the events on a topic."""
        return [Envelope.from_headers(one.record.headers).id for one in self.on(topic)]

    def done(self, item: str) -> list[Handled]:
        """What was done with an item."""
        return [handled.read(one.record) for one in self.on(handled.TOPIC) if one.record.key == item.encode()]

    def hub(self, *words: str) -> Result:
        """The command line, in this process, on this cluster."""
        given = {"HUB_BOOTSTRAP_SERVERS": self.bootstrap, "HUB_SECRET_FILE": str(self.secret),
                 "HUB_STATE": str(self.folder), "COLUMNS": "200"}  # fmt: skip
        return CliRunner().invoke(main, ("quarantine", *words), env=given, catch_exceptions=False)

    def close(self) -> None:
        """Let go of the cluster and the store."""
        self.committer.close()
        self.follower.close()
        self._store.dispose()


@pytest.fixture(scope="module")
def town(catalog: Catalog, keys: Keys, empty_kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One, for all these tests."""
    made = Town(catalog, keys, empty_kafka, tmp_path_factory.mktemp("town"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _catalog_of_today(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verbs use the catalog of the tests."""
    monkeypatch.setattr(verbs, "sound", lambda: town.catalog)


@contextmanager
def relaying(town: Town) -> Iterator[None]:
    """The urgent lane at work in this process."""
    stop, relay = threading.Event(), Relay(town.catalog, town.keys, town.bootstrap, lane="urgent")
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(relay.run, stop)
        try:
            yield
        finally:
            stop.set()
        running.result(30)
    gc.unfreeze()  # what the relay does for itself is not for this process
    vars(relay).clear()


def original(town: Town, data: bytes) -> str:
    """The id that the event of a referral has when it is understood at once."""
    return town.keys.event_id(*MASH, json.loads(data)["id"], 0)


def heard(town: Town, event: str, agency: str = "mash_health") -> int:
    """How often an agency was told of an event, by the id that it knows it by."""
    topic = town.catalog.streams["mash_referral"].topic_to(agency)
    return town.events(topic).count(message_id(town.keys, agency, event))


def test_what_was_refused_reaches_the_agency_once_our_code_is_mended(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the id and the time that it came with; whoever sends it again is answered, and nothing is doubled."""
    data = town.referral()
    began = datetime.now(UTC)
    item = town.refused(monkeypatch, data)
    event = original(town, data)
    assert event not in town.events()

    listed = town.hub("list", "mash_front_door")
    assert (listed.exit_code, item in listed.stdout, "error.keyerror" in listed.stdout) == (0, True, True)
    shown = town.hub("show", item[:8], *WHY)
    assert "Marlowe-Finch" in shown.stdout
    answered = datetime.now(UTC)
    replayed = town.hub("replay", item[:8], *WHY)
    assert (replayed.exit_code, replayed.stdout.splitlines()[-1]) == (0, "1 replayed, 0 not"), replayed.stdout
    with relaying(town):
        until(lambda: heard(town, event), "the referral at the health partners")

    papers = {one.id: one for one in (Envelope.from_headers(each.record.headers) for each in town.on(REFERRALS))}
    assert began.timestamp() - 0.001 <= papers[event].time.timestamp() < answered.timestamp()
    assert [(one.action, one.by, one.events) for one in town.done(item)] == [
        ("shown", "Ada Quill", ()), ("replayed", "Ada Quill", (event,))]  # fmt: skip
    assert town.say(data) == Answer(events=1)
    assert (town.events().count(event), heard(town, event)) == (1, 1)


def test_what_was_replayed_is_not_replayed_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told who did it, when and why; nor can it be discarded."""
    data = town.referral()
    item = town.refused(monkeypatch, data)
    assert town.hub("replay", item, *WHY).exit_code == 0

    for verb in ("replay", "discard"):
        again = town.hub(verb, item, *WHY)
        assert (again.exit_code, "Ada Quill replayed it at" in again.output) == (1, True), again.output
    assert town.events().count(original(town, data)) == 1


def test_what_is_refused_again_stays_open_and_that_it_was_tried_is_on_record(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its code of today; nothing came of it."""
    data = town.referral(pers_dob="not a day")
    town.say(data)
    (item,) = town.open(code="invalid.*")
    before = town.events()

    result = town.hub("replay", item, *WHY, "--json")

    (said,) = json.loads(result.stdout)
    assert (result.exit_code, said["replayed"], said["code"][:8], said["place"]) == (
        1,
        False,
        "invalid.",
        "child.pers_dob",
    )
    assert (town.events(), town.open(code="invalid.*")) == (before, [item])
    assert [(one.action, one.code) for one in town.done(item)] == [("tried", said["code"])]
    assert town.hub("discard", item, *WHY).exit_code == 0
    assert (town.open(code="invalid.*"), town.hub("show", item, *WHY).exit_code) == ([], 1)


def test_a_corrected_copy_is_replayed_under_the_id_of_what_was_sent(town: Town, tmp_path: Path) -> None:
    """By two persons; on record is a digest of the correction, which nobody can guess it by."""
    data = town.referral(pers_dob="first of May")
    town.say(data)
    (item,) = town.open(code="invalid.*")
    copy = tmp_path / "mended.json"
    assert town.hub("show", item, *WHY, "--out", str(copy)).exit_code == 0
    assert (copy.read_bytes(), copy.stat().st_mode & 0o777) == (data, 0o600)
    copy.write_bytes(data.replace(b"first of May", b"2016-05-01"))

    assert town.hub("replay", item, *WHY, "--with", str(copy)).exit_code == 2
    assert town.hub("replay", item, *WHY, "--with", str(copy), "--second", "quill, ADA").exit_code == 2
    result = town.hub("replay", item, *WHY, "--with", str(copy), "--second", "Bo Sample")

    assert result.exit_code == 0, result.output
    assert town.events().count(original(town, data)) == 1
    last = town.done(item)[-1]
    assert (last.action, last.second, len(last.correction)) == ("replayed", "Bo Sample", 32)
    assert town.say(data) == Answer(events=1), "the sender's very message is answered as taken in"


def test_a_message_that_was_mended_and_sent_again_is_not_replayed_beside_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the same id: recipients would keep the one that they have first, whatever the other says."""
    data = town.referral(pers_dob="never")
    town.say(data)
    (item,) = town.open(code="invalid.*")
    assert town.say(data.replace(b'"never"', b'"2016-05-01"')) == Answer(events=1)
    read, real = json.loads(data.replace(b'"never"', b'"2016-05-01"')), mash.Referral.model_validate
    monkeypatch.setattr(mash.Referral, "model_validate", lambda _: real(read))  # as if our code had been mended

    (said,) = json.loads(town.hub("replay", item, *WHY, "--json").stdout)

    assert (said["replayed"], said["code"]) == (False, "quarantine.already-there")
    assert town.events().count(original(town, data)) == 1
    town.hub("discard", item, *WHY)


def test_of_two_at_once_the_later_takes_the_turn(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier did one, and is told that the rest is not its to do; each comes once."""
    sent = [town.referral() for _ in range(2)]
    items = [town.refused(monkeypatch, data) for data in sent]
    earlier = work.replay(town.ward, Wanted(ids=tuple(items)), REASON, together=1)
    first = next(earlier)
    assert (first.plan.item.id, first.done) == (items[0], True)

    assert [one.done for one in work.replay(town.ward, Wanted(ids=(items[1],)), REASON)] == [True]
    with pytest.raises(Fenced, match="took the turn"):
        next(earlier)

    assert [town.events().count(original(town, data)) for data in sent] == [1, 1]
    assert [[one.action for one in town.done(item)] for item in items] == [["replayed"]] * 2


def test_a_turn_that_is_over_takes_nothing_more(town: Town) -> None:
    """Neither from who was overtaken nor from who let go; and what it held back is not there."""
    record = Record(handled.TOPIC, b"nobody", b"{}", ())
    first = Turn(town.bootstrap, "hub-tests.0")
    with Turn(town.bootstrap, "hub-tests.0") as second:
        with pytest.raises(Fenced):
            first.commit([record])
        with pytest.raises(TransportError, match="turn is over"):
            first.commit([record])
        second.commit([record])
    with pytest.raises(TransportError, match="turn is over"):
        second.commit([record])
    assert [one.record.key for one in town.on(handled.TOPIC)].count(b"nobody") == 1


def test_many_who_replay_the_same_at_once_replay_it_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes too late, or was overtaken, is told so."""
    data = town.referral()
    item = town.refused(monkeypatch, data)

    def go(_: int) -> str:
        try:
            (one,) = work.replay(town.ward, Wanted(ids=(item,)), REASON)
        except (Fenced, NotDone) as error:
            return type(error).__name__
        return "done" if one.done else one.code

    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(go, range(4)))

    if "done" not in outcomes:  # each was overtaken by the next, and the last by one that had been there before
        outcomes.append(go(4))
    assert outcomes.count("done") == 1, outcomes
    assert set(outcomes) <= {"done", "Fenced", "NotDone"}
    assert town.events().count(original(town, data)) == 1


def test_a_replay_that_is_killed_leaves_neither_event_nor_audit(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both were sent and not committed; the next takes the turn, and it comes once."""
    data = town.referral()
    item = town.refused(monkeypatch, data)
    command = [sys.executable, "-c", KILLED, town.bootstrap, str(town.secret), item]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert (original(town, data) in town.events(), town.done(item)) == (False, [])

    assert town.hub("replay", item, *WHY).exit_code == 0

    assert town.events().count(original(town, data)) == 1
    assert [one.action for one in town.done(item)] == ["replayed"]


def test_who_was_adopted_since_is_neither_shown_nor_replayed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order closed the identifiers after the message was kept: only discarding is left, and that is on record."""
    number = "9990000034"
    data = town.referral(pers_common_child_id=number, pers_upn=None, pers_person_id="7003")
    item = town.refused(monkeypatch, data)
    order = {"id": "S-Q1", "nhs_number": number, "adopted": "2026-09-10"}
    assert town.say(json.dumps(order).encode(), "social_care", "sharing_status") == Answer(events=1)

    shown, replayed = town.hub("show", item, *WHY), town.hub("replay", item, *WHY)

    assert (shown.exit_code, replayed.exit_code) == (1, 1)
    assert "shown to nobody" in shown.output
    assert "identity.closed" in replayed.output
    assert number not in shown.output + replayed.output
    assert original(town, data) not in town.events()
    assert [(one.action, one.code) for one in town.done(item)] == [("tried", "identity.closed")]
    assert town.hub("discard", item, *WHY).exit_code == 0


def test_an_old_word_does_not_take_the_place_of_a_newer_one(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a topic that keeps the newest of each subject only; but where somebody says so."""
    said = {"id": "S-Q2", "case_id": "7009", "legal_hold": True}
    with monkeypatch.context() as patch:
        patch.setattr(social_care.SharingStatusRecorded, "model_validate", lambda _: 1 // 0)
        town.say(json.dumps(said).encode(), "social_care", "sharing_status")
    (item,) = town.open(agency="social_care")
    newer = said | {"id": "S-Q3", "legal_hold": False}
    assert town.say(json.dumps(newer).encode(), "social_care", "sharing_status") == Answer(events=1)

    kept = town.hub("replay", item, *WHY)
    tried = town.hub("replay", item, *WHY, "--even-so", "--dry-run")
    done = town.hub("replay", item, *WHY, "--even-so")

    assert (kept.exit_code, "quarantine.newer-word" in kept.output) == (1, True)
    assert (tried.exit_code, "would be replayed" in tried.output) == (0, True)
    assert (done.exit_code, [one.action for one in town.done(item)]) == (0, ["tried", "replayed"])
    assert town.events("sharing-status.v1")[-1] == town.keys.event_id("social_care", "sharing_status", "S-Q2", 0)


def test_an_event_that_the_relay_set_aside_goes_back_onto_its_topic(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was, with its papers; the relay decides by what holds now."""
    data = town.referral()
    event = original(town, data)
    real = Desk.carry

    def carry(self: Desk, record: Record, **known: Any) -> Any:
        if dict(record.headers).get("ce_id") == event.encode():
            raise ZeroDivisionError
        return real(self, record, **known)

    with monkeypatch.context() as patch:
        patch.setattr(Desk, "carry", carry)
        assert town.say(data) == Answer(events=1)
        with relaying(town):
            (item,) = until(lambda: town.open(agency="relay"), "an event set aside")
        again = town.hub("replay", item, *WHY)
        assert (again.exit_code, "error.zerodivisionerror" in again.output) == (1, True), again.output
    assert heard(town, event) == 0

    assert town.hub("replay", item, *WHY).exit_code == 0
    with relaying(town):
        until(lambda: heard(town, event), "the referral at the health partners")

    first, second = (one.record for one in town.on(REFERRALS) if dict(one.record.headers)["ce_id"] == event.encode())
    assert first == second
    assert heard(town, event) == 1


def test_an_overview_counts_what_is_open(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """By who met it and by code; for programs too; and nothing of what was sent."""
    item = town.refused(monkeypatch, town.referral(pers_surname="Telltale"))

    page, counted = town.hub(), json.loads(town.hub("--json").stdout)

    assert (page.exit_code, "error.keyerror" in page.stdout) == (0, True)
    assert {"mash_front_door/referrals"} == {one["who"] for one in counted if one["code"] == "error.keyerror"}
    every = json.loads(town.hub("list", "--all", "--json").stdout)
    assert {one["state"] for one in every} >= {"open"}
    assert item in {one["item"] for one in every}
    assert "Telltale" not in page.stdout + json.dumps(every) + town.hub("list").stdout
    assert topology.quarantine_of("mash_front_door") in {one["topic"] for one in every}


def test_nothing_is_shown_where_that_cannot_be_put_on_record(
    town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No audit, no showing; no file is left behind, and none is overwritten."""
    item = town.refused(monkeypatch, town.referral(pers_surname="Telltale"))
    monkeypatch.setattr(work, "handled", lambda *_: Record("a-topic-that-is-not-there", None, b"", ()))

    result, there = town.hub("show", item, *WHY), tmp_path / "there"
    there.touch()
    for out in (tmp_path / "out", there, tmp_path / "no folder" / "out"):
        assert town.hub("show", item, *WHY, "--out", str(out)).exit_code == 1

    assert (result.exit_code, "Telltale" in result.output) == (1, False)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("there", b"")]


def test_all_of_a_code_are_replayed_together_and_each_on_its_own(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a mend of ours, by agency and code, so far as they are open."""
    sent: Sequence[bytes] = [town.referral() for _ in range(3)]
    items = [town.refused(monkeypatch, data) for data in sent]

    result = town.hub("replay", "--agency", "mash_front_door", "--code", "error.*", *WHY)

    assert result.exit_code == 0, result.output
    assert [town.events().count(original(town, data)) for data in sent] == [1, 1, 1]
    assert {town.done(item)[-1].action for item in items} == {"replayed"}
    assert town.open(code="error.*") == []
