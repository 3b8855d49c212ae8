"""`hub explain`, asked what if: another moment, and what is known of the child."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from hub.cli import main, writing
from tests.hub.decided import EXAMPLES

CONSENTED, WITHDRAWN = (EXAMPLES / f"consent_withdrawn_since.{kind}.json" for kind in ("event", "standing"))


@pytest.fixture
def explain(catalog, monkeypatch):
    """The verb, on the police and a referral."""
    monkeypatch.setattr(writing, "sound", lambda: catalog)
    runner = CliRunner()
    return lambda *words: runner.invoke(main, ["explain", "wiltshire_police", "mash_referral", *map(str, words)])


def test_what_was_relied_on_is_said_where_it_is_heard(explain):
    """By consent, or by a decision that is reviewed."""
    override = EXAMPLES / "red_by_a_recorded_override.event.json"

    assert "relied on: consent" in explain(CONSENTED, "--at", "2026-09-15").output
    assert "relied on: override" in explain(override, "--at", "2026-09-15T08:00:00Z").output


def test_what_is_known_of_the_child_counts(explain):
    """As if it had been said the day before; then nothing is relied on."""
    said = explain(CONSENTED, "--at", "2026-09-15", "--standing", WITHDRAWN).output

    assert "does not hear" in said
    assert "relied on" not in said


def test_an_adoption_that_is_known_seals_what_comes_after_it(explain):
    """What came with the order itself is another matter: the standing was there before the event."""
    adopted = (EXAMPLES / f"child_was_adopted.{kind}.json" for kind in ("event", "standing"))
    event, standing = adopted

    assert "rule sealed.adoption" in explain(event, "--at", "2026-09-15", "--standing", standing).output


def test_another_moment_gives_another_answer(explain):
    """After the last day of the agreement nothing is heard."""
    assert "rule expires" in explain(CONSENTED, "--at", "2031-01-01").output


def test_an_event_is_named_once_and_one_is(explain):
    """By a file or by its id."""
    for words in ((), (CONSENTED, "--id", "0" * 32), ("--standing", WITHDRAWN, "--id", "0" * 32)):
        assert explain(*words).exit_code == 2
