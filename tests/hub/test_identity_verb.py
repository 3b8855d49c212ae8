"""`hub identity`: a person sees no number they did not type, leaves a trace of every look, and can undo one link."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from hub import cli
from hub.catalog import Catalog
from hub.identity.registry import Registry
from hub.inbound import Understood
from hub.settings import Settings
from hub.store import engine
from hub.store.identity import SqlIndex
from hub.store.identity_work import Work
from schemas.hospital_attendance import AttendanceReported

NUMBER, OTHER = "9990000018", "9990000026"
NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
WHY = ("--by", "Ada Quill", "--because", "The hospital says that two records were mixed up.")
WITHIN = ("--within", "great_western_hospital/RZZ")
Hub = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The store of a hub with a state folder of its own."""
    for name in ("HUB_SECRET_FILE", "HUB_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUB_STATE", str(tmp_path / "state"))
    return engine(Settings.read().gateway_database)


@pytest.fixture
def hub(store: Engine, catalog: Catalog) -> Hub:
    """The command line, where a hospital number was said with two NHS numbers, of which one was not traced."""
    registry = Registry(Settings.read().keys(), SqlIndex(store, Settings.read().keys()))
    line = catalog.line("great_western_hospital", "adt")
    for number, traced in ((NUMBER, True), (OTHER, False)):
        patient = {"nhs_number": number, "nhs_number_verified": traced, "hospital_number": "H774411"}
        event = AttendanceReported.model_validate(
            {"patient": patient | {"hospital_number_authority": "RZZ"}, "happened": "person_added", "at": NOW}
        )
        one = Understood(0, f"event {traced}", catalog.streams["hospital_attendance"], event)
        registry.keep(registry.settle(line, [one], NOW)[1])

    def said(*words: str, given: str = "") -> Result:
        result = CliRunner().invoke(cli.main, ["identity", *words], input=given, env={"COLUMNS": "300"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return said


def links(shown: Result) -> list[str]:
    """The links that a table shows."""
    return re.findall(r"[0-9a-f]{32}", shown.stdout)


def test_work_is_counted_and_named_only_where_it_is_said_why(hub: Hub, store: Engine) -> None:
    """And never by a whole number."""
    counted = hub("work")
    assert counted.exit_code == 1
    assert "identity.contradicted" in counted.stdout
    assert "identity.unconfirmed" in counted.stdout
    assert not links(counted)
    listed = hub("work", *WHY)
    assert "hospital_number •••••411" in listed.stdout
    assert len(links(listed)) == 2
    assert not any(one in listed.stdout for one in (NUMBER, OTHER, "H774411"))
    assert [one["did"] for one in Work(store, Settings.read().keys()).record()] == ["work"]


def test_a_link_is_found_undone_and_nothing_waits_any_more(hub: Hub) -> None:
    """The wrong one, and only that."""
    shown = hub("show", "hospital_number", *WITHIN, *WHY, given="H774411\n")
    assert shown.exit_code == 0
    assert shown.stdout.count("contradicted") == 2
    assert not any(one in shown.stdout for one in (NUMBER, OTHER, "H774411"))
    wrong = next(line for line in shown.stdout.splitlines() if "•••••026" in line and "probable" in line)
    link = re.findall(r"[0-9a-f]{32}", wrong)[0]

    assert hub("unmerge", link, *WHY).stdout == f"undone: {link}\n"

    assert hub("work").exit_code == 0
    again = hub("show", "hospital_number", *WITHIN, *WHY, given="H774411\n").stdout
    assert "leads to nhs_number •••••018: certain" in again
    twice = hub("unmerge", link, *WHY)
    assert (twice.exit_code, "taken back before" in twice.stderr) == (1, True)


def test_two_are_tied_and_a_probable_link_is_confirmed(hub: Hub) -> None:
    """Each by a person, who is told how to undo it; numbers come by standard input, however they are spaced."""
    tied = hub("link", "nhs_number", "hospital_number", *WITHIN, *WHY, given="999 000 0018\nH2000\n")
    assert tied.exit_code == 0
    shown = hub("show", "hospital_number", *WITHIN, *WHY, given="H2000\n")
    assert "leads to nhs_number •••••018: certain" in shown.stdout
    (waiting,) = [line for line in hub("work", *WHY).stdout.splitlines() if "unconfirmed" in line and "•••" in line]
    assert hub("confirm", re.findall(r"[0-9a-f]{32}", waiting)[0], *WHY).exit_code == 0
    assert "unconfirmed" not in hub("work").stdout


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("show", "passport", *WHY), "1\n", "no kind of identifier is 'passport'; there is: nhs_number, upn, case_id"),
        (("show", "hospital_number", *WHY), "1\n", "say who sends it and who gave it out"),
        (("show", "nhs_number", *WITHIN, *WHY), "1\n", "all know it by its kind alone"),
        (("show", "nhs_number", *WHY), "", "type it, or write it on standard input"),
        (("show", "nhs_number", *WHY[:2], "--because", "because"), f"{NUMBER}\n", "say in a sentence"),
        (("unmerge", "0" * 32, *WHY), "", "there is no such link"),
        (("confirm", "0" * 32, *WHY), "", "there is no such link"),
        (("settle", "identity.contradicted:0", *WHY), "", "nothing waits under that name"),
        (("link", "nhs_number", "nhs_number", *WHY), f"{NUMBER}\n{OTHER}\n", "the Spine's to tie"),
        (("work", "--by", "Ada Quill"), "", "say --by and --because, or neither"),
    ],
)
def test_what_cannot_be_says_why(hub: Hub, words: tuple[str, ...], given: str, said: str) -> None:
    """And echoes no number."""
    result = hub(*words, given=given)
    assert result.exit_code != 0
    assert said in result.stderr
    assert NUMBER not in result.output


def test_what_somebody_looked_at_is_settled(hub: Hub) -> None:
    """A contradiction comes back where it is said again; a word on record stays."""
    name = re.findall(r"identity\.contradicted:[0-9a-f]{32}", hub("work", *WHY).stdout)[0]
    assert hub("settle", name, *WHY).exit_code == 0
    assert "contradicted" not in hub("work").stdout
