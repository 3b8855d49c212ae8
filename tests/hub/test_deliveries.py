"""The verbs on deliveries: what is open is told without content, and a person's decision is done and put on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.catalog import Catalog
from hub.cli import main
from hub.outbound import Run
from hub.policy import Policy
from hub.schema_lock import SchemaLock
from hub.store import engine
from hub.store.entries import Arrival, Handed, Lane, Parked
from hub.store.interventions import recorded
from hub.store.ledger import Ledger
from hub.store.rows import PATIENCE
from tests.hub.lives import GRANT

LANE = Lane("clinic", "moves", "")
WHO = ("--by", "Ada Quill", "--because", "The partner has mended its import and asks for it again.")
IDS = ("aa11", "aa22", "bb33")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger with two parked messages of one child, and a file that nobody answered for in two days."""
    url, then = f"sqlite:///{tmp_path / 'hub.db'}", datetime.now(UTC) - timedelta(days=2)
    monkeypatch.setenv("HUB_STORE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("hub.cli.deliveries.sound", lambda: agreed("2099-01-01"))
    made = Ledger(engine(url))
    made.enqueue([Arrival(LANE, one, "t", 0, 0, f"Ffion {one[0]}", b"secret") for one in IDS], then)
    made.settle(LANE, [Parked(("aa11", "aa22"), "http.422")], then)
    made.assign_batch(LANE, ["bb33"], "file", Run(4712, then))
    made.attempt(LANE, ["bb33"], then, then + PATIENCE)
    made.settle(LANE, [Handed(("bb33",), "taken", then + PATIENCE)], then)
    return made


def agreed(expires: str) -> Catalog:
    """A catalog with nothing but the clinic's agreement, which lets it hear of moves until some day."""
    policy = Policy.model_validate({"agreement": "ISA-1", "expires": expires, "hears": {"moves": GRANT}})
    return Catalog({}, {}, {"clinic": policy}, {}, {}, (), SchemaLock([]))


def hub(*words: str) -> Result:
    """The command line."""
    return CliRunner().invoke(main, ["deliveries", *words])


def test_what_is_open_is_told_by_agency_and_stream(ledger: Ledger) -> None:
    """Counts, codes and ages, and the number to ask a partner for; no content and no child."""
    (row,) = json.loads(hub("--json").output)
    assert {name: row[name] for name in ("agency", "waiting", "handed_over", "overdue", "parked")} == {
        "agency": "clinic", "waiting": 0, "handed_over": 1, "overdue": 1, "parked": {"http.422": 2},
    }  # fmt: skip
    told = hub().output
    assert "number 4712" in told
    assert [one["message"] for one in json.loads(hub("parked", "clinic", "--json").output)] == ["aa11", "aa22"]
    assert "nothing is parked" in hub("parked", "cpis").output
    slip = hub("parked", "nhs_cpis")
    assert (slip.exit_code, "no agency 'nhs_cpis'; did you mean 'cpis'" in slip.output) == (2, True)
    everything = told + hub("--json").output + hub("parked").output
    assert "Ffion" not in everything
    assert "secret" not in everything


def test_a_release_keeps_order_and_is_on_record(ledger: Ledger) -> None:
    """The child's later message, released too, goes after the earlier one; both decisions can be read."""
    for start in ("aa2", "aa1"):
        assert hub("release", start, *WHO).exit_code == 0
    assert [one.message_id for one in ledger.due(LANE, datetime.now(UTC), 9)] == ["aa11"]
    found = json.loads(hub("decided", "--json").output)
    assert [(one["what"], one["message_id"], one["by"], one["reason"]) for one in found] == [
        ("release", "aa11", "Ada Quill", "http.422"),
        ("release", "aa22", "Ada Quill", "http.422"),
    ]
    again = hub("release", "aa11", *WHO)
    assert (again.exit_code, "no parked message" in again.output) == (1, True)


def test_what_is_parked_for_another_of_its_file_goes_all_at_once(ledger: Ledger) -> None:
    """The one that it is parked for stays, under its own code; who decided is on record once."""
    now, ids = datetime.now(UTC), ("dd44", "dd55", "dd66")
    ledger.enqueue([Arrival(LANE, one, "t", 0, 0, f"Ffion {one}", b"secret") for one in ids], now)
    assert ledger.assign_batch(LANE, ids, "another file", Run(4713, now))
    ledger.settle(LANE, [Parked(("dd55",), "sharing-status")], now)
    assert {entry.message_id: entry.reason for _, entry in ledger.parked("clinic")} == {
        "aa11": "http.422", "aa22": "http.422", "dd44": "file", "dd55": "sharing-status", "dd66": "file",
    }  # fmt: skip

    done = hub("release", "dd66", *WHO)

    assert (done.exit_code, "all that were parked for another of its file" in done.output) == (0, True)
    assert {entry.message_id for _, entry in ledger.parked("clinic")} == {"aa11", "aa22", "dd55"}
    assert [one.message_id for one in ledger.due(LANE, datetime.now(UTC), 9)] == ["dd44", "dd66"]
    assert [(one.what, one.message_id, one.reason) for one in recorded(ledger._store)] == [("release", "dd66", "file")]


@pytest.mark.parametrize(("stream", "ended", "rule"), [("moves", True, "expires"), ("stays", False, "hears")])
def test_a_release_is_refused_where_nothing_may_leave_any_more(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, stream: str, ended: bool, rule: str
) -> None:  # fmt: skip
    """The rule is named, nothing changes, and nothing is on record."""
    if ended:
        monkeypatch.setattr("hub.cli.deliveries.sound", lambda: agreed("2020-01-01"))
    lane = LANE._replace(stream=stream)
    ledger.enqueue([Arrival(lane, "cc44", "t", 0, 0, "Ffion", b"secret", fault="http.422")], datetime.now(UTC))
    refused = hub("release", "cc44", *WHO)
    assert (refused.exit_code, f"(rule {rule})" in refused.output) == (1, True)
    assert ledger.reason("clinic", stream, "cc44") == "http.422"
    assert recorded(ledger._store) == []


def test_what_is_erased_is_told_and_cannot_be_released(ledger: Ledger) -> None:
    """It stays in sight under its code until a person gives it up."""
    assert ledger.erase("clinic", "moves", datetime.now(UTC)) == 3
    assert json.loads(hub("--json").output)[0]["parked"] == {"kept.over": 3}
    refused = hub("release", "aa11", *WHO)
    assert (refused.exit_code, "(rule kept.over)" in refused.output) == (1, True)
    assert hub("give-up", "aa11", *WHO).exit_code == 0
    assert ledger.counts("clinic") == {"SUPERSEDED": 1, "PARKED": 2}


def test_giving_up_settles_and_empties(ledger: Ledger) -> None:
    """What followed for the child is free to go, and nothing of the message is kept but who decided, and why."""
    assert hub("give-up", "aa11", *WHO).exit_code == 0
    assert ledger.counts("clinic") == {"SUPERSEDED": 1, "PARKED": 1, "ATTEMPT": 1}
    assert recorded(ledger._store)[0].what == "give up"


@pytest.mark.parametrize(
    ("message", "by", "because", "told"),
    [
        ("aa", "Ada Quill", WHO[3], "write more of it"),
        ("zz", "Ada Quill", WHO[3], "no parked message"),
        ("aa11", "", WHO[3], "--by"),
        ("aa11", "Ada Quill", "because", "--because"),
        ("aa11", "Ada Quill", "The child 999 000 0018 was moved by its parents.", "an NHS number"),
        ("aa11", "Ada Quill", "The family moved to ZZ9 9ZZ and was told there.", "a postcode"),
    ],
)
def test_a_decision_without_grounds_is_refused(
    ledger: Ledger, message: str, by: str, because: str, told: str
) -> None:  # fmt: skip
    """Nothing changes, nothing is on record, and the refusal says what to mend."""
    refused = hub("release", message, "--by", by, "--because", because)
    assert refused.exit_code == 1
    assert told in refused.output
    assert "999 000" not in refused.output
    assert ledger.counts("clinic")["PARKED"] == 2
    assert recorded(ledger._store) == []


def test_the_help_teaches_with_examples() -> None:
    """Each verb with what to write."""
    told = hub("--help").output
    assert "hub deliveries release" in told
    assert "give-up" in told
