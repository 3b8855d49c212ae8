"""The command line: each command teaches what it does, ends with the right code, and never with a traceback."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner, Result

from hub import __version__, cli
from hub.cli import carrying
from hub.errors import TransportError

REFERRAL = "connectors/mash_front_door/examples/referrals/neglect_told_by_a_school.json"
ALERT = "connectors/social_worker/examples/hospital_alert/child_on_a_plan_arrived.event.json"


def commands(group: click.Group = cli.main, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command and group of commands, by its words."""
    found = [above]
    for name, command in group.commands.items():
        found += commands(command, (*above, name)) if isinstance(command, click.Group) else [(*above, name)]
    return found


@pytest.fixture
def hub(tmp_path):
    """A function that gives words to the command line, in this process and with a state folder of its own."""

    def said(*words: str, **environment: str) -> Result:
        bare = dict.fromkeys(("HUB_BOOTSTRAP_SERVERS", "HUB_SECRET_FILE", "HUB_LOG"))
        return CliRunner(env=bare | {"HUB_STATE": str(tmp_path / "state")} | environment).invoke(cli.main, words)

    return said


def ended(result: Result) -> None:
    """Whether it ended by itself: an exception that escapes is a traceback on somebody's terminal."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_teaches(words, hub):
    """A sentence that says what the command is for, one for each option, and the arguments by name."""
    result = hub(*words, "--help")

    command = cli.main
    for word in words:
        command = command.commands[word]
    ended(result)
    assert result.exit_code == 0
    assert len((command.help or "").split()) >= 5
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert len((parameter.help or "").split()) >= 3, parameter.name
        elif parameter.name not in ("what",):
            assert (parameter.name or "").upper() in (command.help or ""), parameter.name


def test_the_first_page_is_where_to_begin(hub):
    """`hub` alone shows the commands, each with a sentence, and the ones to begin with; so does -h."""
    result = hub("-h")

    for name in cli.main.commands:
        assert re.search(rf"^  {name}  +\S", result.output, re.MULTILINE), name
    assert "hub run --once FILES…" in result.output
    assert hub().output.startswith("Usage:")


def test_the_version_is_told(hub):
    """As pip knows it."""
    assert hub("--version").output == f"hub, version {__version__}\n"


def test_a_sound_house_checks_out(house, hub):
    """Exit code 0, and what there is in one line; what soon ends is said and is no fault."""
    result = hub("check")

    ended(result)
    *warnings, count = result.output.splitlines()
    ends = all("warning: " in line or "the agreement ended" in line for line in warnings)
    assert ends
    assert re.match(r"\d+ streams, \d+ agencies, \d+ grants: 0 faults", count)


def test_a_fault_is_exit_code_1(house, hub):
    """With its line on standard output, and the count on standard error."""
    house.edit("connectors/chis/policy.yaml", "gate: statute", "gate: any")

    result = hub("check")

    ended(result)
    assert result.exit_code == 1
    assert "connectors/chis/policy.yaml:" in result.stdout
    assert "faults" in result.stderr
    assert "faults" not in result.stdout


def test_sync_writes_once_and_says_what(house, hub):
    """What is stale is told by --check, written without it, and up to date the next time."""
    house.edit("topics/hospital_attendance.yaml", "partitions: 6", "partitions: 7")

    results = [hub("sync", "--check"), hub("sync"), hub("sync"), hub("sync", "--check")]

    for result in results:
        ended(result)
    assert [result.exit_code for result in results] == [1, 0, 0, 0]
    place = "topics/hospital_attendance.yaml"
    assert results[0].stdout == f"{place}:1: is out of date → run `hub sync` and read what changed\n"
    assert results[1].stdout == f"wrote {place}\neverything derived is up to date\n"
    assert results[2].stdout == results[3].stdout == "everything derived is up to date\n"


def test_sync_leaves_a_frozen_schema_that_moved(house, hub):
    """It is never written over, and is exit code 1 until a person decides."""
    place = "schemas/termly_attendance/v1.avsc"
    house.edit(place, '"long"', '"int"')
    moved = house.text(place)

    result = hub("sync")

    ended(result)
    assert result.exit_code == 1
    assert f"{place}:1: is frozen" in result.stdout
    assert house.text(place) == moved


@pytest.mark.parametrize(
    "words",
    [
        ("sync",),
        ("sync", "--check"),
        ("run", "--once", REFERRAL),
        ("explain", "chis", "child_demographics", ALERT),
        ("run",),
        ("canary",),
    ],
    ids=lambda words: words[0],
)
def test_nothing_is_done_with_a_catalog_that_has_a_fault(words, house, hub):
    """Every command that would trip over it says what `hub check` says, and ends."""
    house.edit("connectors/wiltshire_police/policy.yaml", "- police_reference", "- police_refrence")

    result = hub(*words)

    ended(result)
    assert result.exit_code == 1
    assert "did you mean 'police_reference'?" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("explain", "chi", "child_demographics", ALERT), 1, "no agency 'chi'; did you mean 'chis'?"),
        (("explain", "chis", "hospital_alert", "nowhere.json"), 2, "'nowhere.json' does not exist"),
        (("explain", "chis", "child_demographics", ALERT), 1, "hub: invalid."),
        (
            ("run", "everything"),
            2,
            "name one of gateway, relay, watches, couriers, canaries, ops, registry; for files add --once",
        ),
        (("run", "gateway", "relay"), 2, "name one of gateway, relay, watches, couriers, canaries"),
        (("run", "--once"), 2, "--once wants files"),
        (("run", "--once", "nowhere.csv"), 2, "nowhere.csv: no such file"),
        (("run", "--once", "pyproject.toml"), 1, "its folders name no line of an agency; put it in one of: "),
        (("run", "--once", "chis/lists=pyproject.toml"), 1, "nobody says chis/lists; there is: "),
        (("run", "--once", "chis=pyproject.toml"), 1, "nobody says chis/; there is: "),
        (("run", "--lane", "slow", "relay"), 2, "'slow' is not one of 'urgent', 'routine'"),
        (("run",), 1, "hub: no Kafka: set HUB_BOOTSTRAP_SERVERS, or start a local one with `hub kafka up`"),
        (("run", "gateway"), 1, "hub: no Kafka: "),
        (("lag",), 1, "hub: no Kafka: "),
        (("new", "agency", "Chis", "--hears", "cpis_flag:csv:files"), 1, "hub: 'Chis': a name is lower case"),
        (("new", "agency", "dentists"), 1, "hub: an agency says or hears something"),
        (("new", "stream", "cpis_flag"), 1, "hub: schemas/cpis_flag is there already"),
        (("kafka", "up", "--nodes", "2"), 2, "'2' is not one of '1', '3'"),
        (("chekc",), 2, "No such command 'chekc'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_answered_with_what_to_do(words, code, said, hub, monkeypatch, request):
    """On standard error: 2 where the words are wrong, 1 where something else is."""
    monkeypatch.chdir(request.config.rootpath)

    result = hub(*words)

    ended(result)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""


def test_a_setting_that_cannot_be_is_told_by_its_variable(hub):
    """By every command that reads settings."""
    for words in (("run", "gateway"), ("lag",), ("kafka", "status")):
        result = hub(*words, HUB_HTTPS_PORT="https")

        ended(result)
        assert result.exit_code == 1
        assert result.stderr.startswith("HUB_HTTPS_PORT: ")


def test_files_are_carried_and_reported(house):
    """Through the real command: the tables on standard output, the deliveries in the folder named, exit code 0."""
    ran = house.hub("run", "--once", REFERRAL, f"mash_front_door/referrals={REFERRAL}", "--out", "out = put")

    assert ran.returncode == 0, ran.stderr
    assert [title for title in ("What came in", "What each agency got", "What was withheld") if title in ran.stdout] \
        == ["What came in", "What each agency got", "What was withheld"]  # fmt: skip
    assert ran.stderr == ""


def test_a_file_with_an_equals_sign_in_its_name_is_a_file(house, hub):
    """What is there as it is written is meant."""
    house.write("mash_front_door/referrals/a=b.json", house.text(REFERRAL))

    result = hub("run", "--once", str(house.root / "mash_front_door/referrals/a=b.json"))

    ended(result)
    assert result.exit_code == 0


def test_an_explanation_is_printed(hub, monkeypatch, request):
    """Field by field, whatever the verdict."""
    monkeypatch.chdir(request.config.rootpath)

    result = hub("explain", "social_worker", "hospital_alert", ALERT)

    ended(result)
    assert result.exit_code == 0
    assert "patient.surname" in result.stdout
    assert "gate:    statute" in result.stdout


def test_a_kafka_that_was_never_started_is_exit_code_1(hub):
    """With its version and its folder."""
    result = hub("kafka", "status")

    ended(result)
    assert result.exit_code == 1
    assert "never started here" in result.stdout


def test_the_worlds_trouble_is_a_message(hub, monkeypatch):
    """A Kafka that does not answer is no fault of the program."""

    def away(_settings):
        raise TransportError("Kafka does not answer")

    monkeypatch.setattr(carrying, "bootstrap_of", away)

    result = hub("run", "gateway")

    ended(result)
    assert (result.exit_code, result.stderr) == (1, "hub: Kafka does not answer\n")
