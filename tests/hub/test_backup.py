"""Backup and restore: copied while the hub writes, whole or told, put back elsewhere, and never over anything."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from hub import backup as backups
from hub import cli
from hub.errors import HubError
from hub.keys import Keys
from hub.settings import Settings
from hub.store import create, engine
from hub.store.entries import Arrival, Lane
from hub.store.inbox import Inbox
from hub.store.ledger import Ledger
from hub.store.tables import metadata
from hub.supervise import announce

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LANE = Lane("clinic", "moves", "")


def arrival(number: int) -> Arrival:
    """One of many."""
    return Arrival(LANE, f"m{number:06}", "moves.v1.to.clinic", 0, number, f"child{number}", b"box", False)


@pytest.fixture
def settings(tmp_path):
    """A state folder with what a hub keeps there."""
    made = Settings(state=tmp_path / "state")
    ledger = engine(f"sqlite:///{made.path('couriers.db')}")
    create(ledger, metadata)
    Ledger(ledger).enqueue([arrival(number) for number in range(3)], NOW)
    Inbox(engine(f"sqlite:///{made.path('gateway.db')}"), Keys(b"k" * 32))
    made.path("live", "clinic").mkdir(parents=True)
    made.path("live", "clinic", "policy.yaml").write_text("expires: 2027-08-31\n", encoding="utf-8")
    made.secret("hub.key")
    return made


def waiting(settings: Settings) -> list[str]:
    """What the ledger in the state folder has to deliver, in order."""
    ledger = Ledger(engine(f"sqlite:///{settings.path('couriers.db')}"))
    return [one.message_id for one in ledger.due(LANE, NOW, 100_000)]


def test_what_is_copied_is_put_back_elsewhere(settings, tmp_path):
    """Stores and policies, for their owner only; no secret is among them."""
    made = backups.backup(settings, tmp_path / "copy")

    elsewhere = Settings(state=tmp_path / "elsewhere")
    backups.restore(elsewhere, tmp_path / "copy")

    assert set(made.files) == {"couriers.db", "gateway.db", "live/clinic/policy.yaml"}
    assert waiting(elsewhere) == ["m000000", "m000001", "m000002"]
    assert elsewhere.path("live", "clinic", "policy.yaml").read_text(encoding="utf-8") == "expires: 2027-08-31\n"
    assert not elsewhere.path("secrets").exists()
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "copy" / "couriers.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(elsewhere.path("couriers.db").stat().st_mode) == 0o600


def test_a_store_that_is_written_meanwhile_is_copied_as_of_one_moment(settings, tmp_path):
    """The copies are the first so many of what was enqueued, none missing in between, and each later one has more."""
    ledger, stop, written = Ledger(engine(f"sqlite:///{settings.path('couriers.db')}")), threading.Event(), [3]
    moved = threading.Condition()

    def write() -> None:
        while not stop.is_set():
            first = written[0]
            ledger.enqueue([arrival(number) for number in range(first, first + 5)], NOW)
            with moved:
                written[0] = first + 5
                moved.notify_all()

    writer = threading.Thread(target=write)
    writer.start()
    counts = []
    try:
        for turn in range(4):
            with moved:
                before = written[0]
                assert moved.wait_for(lambda seen=before: written[0] > seen, 20)
            before = written[0]
            backups.backup(settings, tmp_path / f"copy{turn}")
            elsewhere = Settings(state=tmp_path / f"elsewhere{turn}")
            backups.restore(elsewhere, tmp_path / f"copy{turn}")
            found = waiting(elsewhere)
            assert found == [f"m{number:06}" for number in range(len(found))]
            assert before <= len(found)
            assert (len(found) - 3) % 5 == 0  # a transaction is in it whole, or not at all
            counts.append(len(found))
    finally:
        stop.set()
        writer.join(30)
    assert counts == sorted(set(counts))


def test_nothing_is_written_over(settings, tmp_path):
    """Neither a folder that holds something, nor a store that is there."""
    backups.backup(settings, tmp_path / "copy")

    with pytest.raises(HubError, match="holds something already"):
        backups.backup(settings, tmp_path / "copy")
    with pytest.raises(HubError, match=r"couriers\.db is there: move it away first"):
        backups.restore(settings, tmp_path / "copy")


def test_a_backup_that_is_not_what_was_written_is_refused_before_anything_is_put_back(settings, tmp_path):
    """A byte that changed, a file that is gone, a backup that was not ended."""
    backups.backup(settings, tmp_path / "copy")
    store, elsewhere = tmp_path / "copy" / "gateway.db", Settings(state=tmp_path / "elsewhere")
    good = store.read_bytes()

    store.write_bytes(good[:-1] + b"\xff")
    with pytest.raises(HubError, match=r"gateway\.db is not what the backup wrote"):
        backups.restore(elsewhere, tmp_path / "copy")
    store.unlink()
    with pytest.raises(HubError, match=r"gateway\.db is not what the backup wrote"):
        backups.restore(elsewhere, tmp_path / "copy")
    (tmp_path / "copy" / "backup.json").unlink()
    with pytest.raises(HubError, match="was not ended"):
        backups.restore(elsewhere, tmp_path / "copy")
    assert not elsewhere.path().exists()


def test_a_damaged_store_is_told_and_makes_no_backup(settings, tmp_path):
    """It is noticed when it is copied, not on the day when it is needed."""
    path = settings.path("another.db")
    with closing(sqlite3.connect(path)) as store:
        store.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(20000));")
    held = bytearray(path.read_bytes())
    held[4096:8192] = b"\xff" * 4096
    path.write_bytes(held)

    with pytest.raises(HubError, match=r"another\.db"):
        backups.backup(settings, tmp_path / "copy")
    assert not (tmp_path / "copy" / "backup.json").exists()


def test_beside_a_hub_that_runs_nothing_is_put_back(settings, tmp_path):
    """Its processes hold what they read: a store under them would be another's."""
    backups.backup(settings, tmp_path / "copy")
    elsewhere = Settings(state=tmp_path / "elsewhere")
    announce(elsewhere, "gateway")

    with pytest.raises(HubError, match="gateway runs: stop the hub first"):
        backups.restore(elsewhere, tmp_path / "copy")


def test_the_verbs_say_what_they_did(settings, tmp_path):
    """And what is not in a backup."""
    run = CliRunner(env={"HUB_STATE": str(settings.state), "HUB_STORE_URL": "postgresql://hub@db/hub"})

    done = run.invoke(cli.main, ["backup", str(tmp_path / "copy"), "--without-kafka"])
    back = CliRunner(env={"HUB_STATE": str(tmp_path / "new")}).invoke(cli.main, ["restore", str(tmp_path / "copy")])

    assert done.exit_code == 0, done.output
    assert "copied couriers.db" in done.output
    assert "pg_dump" in done.output
    assert back.exit_code == 0, back.output
    assert "the hub's secret must be the one of then" in back.output
