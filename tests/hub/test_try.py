"""`hub try`: one message on its way, each step by the hub's own code, and nothing left behind."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub import catalog as catalogs
from hub.catalog import folder_of
from hub.cli import main, trying
from hub.trying.visible import shown
from tests.contract.examples import SUFFIX

CONNECTORS = folder_of("connectors")
ARRIVAL = CONNECTORS / "great_western_hospital/examples/adt/arrived_in_the_emergency_department.hl7"
REFUSED = CONNECTORS / "great_western_hospital/examples/adt/no_identifiers.hl7"
ASIDE = CONNECTORS / "great_western_hospital/examples/adt/result_not_for_us.hl7"
FLAG = CONNECTORS / "social_care/examples/flags/child_protection_plan_that_runs.csv"
MISSING = CONNECTORS / "schools/examples/attendance/missing_without_a_reason_yet.csv"
POLICE = CONNECTORS / "wiltshire_police/examples/mash_referral"
EVENING = ("--at", "2026-07-04T18:30:00Z")


@pytest.fixture
def tried(catalog, monkeypatch, tmp_path):
    """The verb, in an empty folder that it must leave empty."""
    monkeypatch.setattr(trying, "sound", lambda: catalog)
    monkeypatch.chdir(tmp_path)

    def said(*words: object):
        result = CliRunner(env={"COLUMNS": "160", "HUB_STATE": str(tmp_path / "state")}).invoke(
            main, ["try", *map(str, words)]
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert list(tmp_path.iterdir()) == []
        return result

    return said


def parsed(result) -> dict:
    """What --json printed."""
    return json.loads(result.stdout)


def test_a_hospitals_message_is_shown_from_bytes_to_bytes(tried):
    """What was read, understood, keyed, asked, and what leaves for each, with what came before taken into account."""
    result = tried("great_western_hospital/adt", ARRIVAL, "--after", FLAG, *EVENING)

    assert result.exit_code == 0, result.output
    for step in ("came ", "read", "understood ", "keyed ", "decided ", "fields ", "leaves "):
        assert step in result.output
    assert "message type   ADT^A04" in result.output
    assert "| parts fields" in result.output
    assert "leaves      for social_worker, address SW0042: hospital_alert as json by https" in result.output


def test_what_is_shown_to_leave_is_what_the_hub_delivers(tried, catalog, keys):
    """To the byte, but for ids, which come of a secret of the trial's own."""
    found = parsed(tried("schools/attendance", MISSING, "--at", "2026-09-15", "--json"))
    (virtual,) = [one for one in found["leaves"] if one["agency"] == "virtual_school"]

    assert base64.b64decode(virtual["base64"]).endswith(b",2026-09-15,am,N\r\n")
    assert virtual["text"].endswith(",am,N␍␊\n")


def test_the_key_is_a_pseudonym_and_never_the_number(tried):
    """Another one in each trial, with the path of what it stands for."""
    keys = set()
    for _ in range(2):
        (event, *_rest) = parsed(tried("great_western_hospital/adt", ARRIVAL, *EVENING, "--json"))["events"]
        assert event["named_by"] == "patient.nhs_number"
        assert "9990000018" not in event["key"]
        keys.add(event["key"])
    assert len(keys) == 2


def test_each_field_is_told_with_how_much_it_can_hurt(tried):
    """As the stream marks it."""
    (event, *_rest) = parsed(tried("great_western_hospital/adt", ARRIVAL, *EVENING, "--json"))["events"]

    assert event["values"]["patient.nhs_number"] == {"value": "9990000018", "sensitivity": "identifier"}
    assert event["values"]["patient.postcode"]["sensitivity"] == "contact"


def test_a_refused_message_says_where_and_how_to_mend_it(tried):
    """And ends with 1; what is set aside is no fault."""
    refused = tried("great_western_hospital/adt", REFUSED)

    assert refused.exit_code == 1
    assert "refused, and sealed in quarantine: " in refused.output
    assert " → " in refused.output
    assert tried("great_western_hospital/adt", ASIDE).exit_code == 0


def test_the_questions_stop_at_the_first_no(tried):
    """What comes after is not asked any more, and nothing leaves."""
    found = parsed(tried("wiltshire_police", POLICE / "green.event.json", "--stream", "mash_referral", "--json",
                         "--at", "2026-09-15"))  # fmt: skip
    (decision,) = found["events"][0]["decisions"]
    passed = [one["passed"] for one in decision["asked"]]

    assert decision["rule"] == "where.rag"
    assert passed == [True] * passed.index(False) + [False] + [None] * (len(passed) - passed.index(False) - 1)
    assert found["leaves"] == []


@pytest.mark.parametrize("path", sorted(POLICE.glob("*.event.json")), ids=lambda path: path.name.split(".")[0])
def test_every_rule_that_withholds_is_one_of_the_questions(path, tried):
    """An answer that no question gave would be a decision that nobody can follow."""
    standing = path.with_name(path.name.replace(".event.", ".standing."))
    also = ("--standing", standing) if standing.exists() else ()
    found = parsed(tried("wiltshire_police", path, "--stream", "mash_referral", "--at", "2026-09-15", "--json", *also))
    (decision,) = found["events"][0]["decisions"]

    assert [one["what"] for one in decision["asked"] if one["passed"] is False] != ["the decision itself"]
    assert decision["released"] == all(one["passed"] for one in decision["asked"])


LINES = [(agency.key, line) for agency in catalogs.look().agencies.values() for line in agency.says]
HEARD = [(agency.key, stream) for agency in catalogs.look().agencies.values() for stream in agency.hears]


@pytest.mark.parametrize(("agency", "line"), LINES, ids=str)
def test_what_is_tried_is_understood_as_the_examples_of_its_line_say(agency, line, tried):
    """The first that is understood, and the first that is refused, of each line of each agency."""
    folder = CONNECTORS / agency / "examples" / line
    form = catalogs.look().agencies[agency].says[line].format
    for kind in ("events", "refused"):
        verdict = min(folder.glob(f"*.{kind}.json"))
        said = verdict.with_name(verdict.name.replace(f".{kind}.json", f".{SUFFIX[form]}"))
        found = parsed(tried(f"{agency}/{line}", said, "--json", "--at", "2026-09-15"))
        outcomes = found["said"]["outcomes"]
        if kind == "refused":
            wanted = json.loads(verdict.read_bytes())
            assert wanted["code"] in {one.get("code") for one in outcomes} or found["said"]["messages"] > 1
        elif found["said"]["messages"] == 1:
            wanted = [one["stream"] for one in json.loads(verdict.read_bytes()) if "stream" in one]
            assert [one["stream"] for one in outcomes if one["came"] == "event"] == wanted
            assert {one["stream"] for one in found["events"]} >= set(wanted)


@pytest.mark.parametrize(("agency", "stream"), HEARD, ids=str)
def test_what_leaves_is_laid_out_for_every_door(agency, stream, tried):
    """The first example of each stream that each agency hears, by each road it takes it."""
    folder = CONNECTORS / agency / "examples" / stream
    event = next(one for one in sorted(folder.glob("*.event.json"))
                 if not one.with_name(one.name.replace(".event.", ".withheld.")).exists()
                 and not one.with_name(one.name.replace(".event.", ".standing.")).exists())  # fmt: skip
    for door in catalogs.look().agencies[agency].hears[stream].doors:
        result = tried(agency, event, "--stream", stream, "--at", "2026-09-15", "--door", door.by)
        assert result.exit_code == 0, result.output
        assert f"{stream} as {door.format} by {door.by}" in result.output


def test_one_message_of_many_is_tried_alone(tried, tmp_path_factory):
    """The row that is asked for; a number that there is not is answered with those that there are."""
    two = tmp_path_factory.mktemp("files") / "two.csv"
    lines = MISSING.read_bytes().splitlines(True)
    two.write_bytes(b"".join([*lines[:2], lines[1].replace(b",N,", b",/,").replace(b",am,", b",pm,")]))
    found = parsed(tried("schools/attendance", two, "--message", 2, "--json", "--at", "2026-09-15"))

    assert (found["said"]["message"], found["said"]["messages"]) == (2, 2)
    assert len(found["events"]) == 1
    assert "a number from 1 to 2" in tried("schools/attendance", two, "--message", 3).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody/adt", ARRIVAL), "no agency 'nobody'"),
        (("great_western_hospital/adts", ARRIVAL), "no line 'adts'; did you mean 'adt'?"),
        (("great_western_hospital/adt", "nowhere.hl7"), "nowhere.hl7: no such file"),
        (("great_western_hospital/adt",), "name a FILE"),
        (("schools", ARRIVAL), "hub try schools/attendance FILE"),
        (("wiltshire_police", ARRIVAL, "--stream", "mash_referrals"), "did you mean 'mash_referral'?"),
        (("great_western_hospital/adt", ARRIVAL, "--only", "polices"), "no agency 'polices'"),
        (("great_western_hospital/adt", ARRIVAL, "--standing", FLAG), "--standing goes with --stream"),
        (("wiltshire_police", ARRIVAL, "--stream", "mash_referral"), "the file is not JSON"),
    ],
)
def test_what_cannot_be_tried_is_answered_with_what_can(words, said, tried):
    """And with an exit code that is not 0."""
    result = tried(*words)

    assert result.exit_code != 0
    assert said in result.output


def test_what_a_screen_would_obey_is_shown_as_a_sign():
    """Line ends, escapes and what turns the reading order."""
    assert shown("a\r\nb\rc\x1b[2J\u202ed", ends=True) == "a␍␊\nb␍\nc␛[2J<U+202E>d"
    assert "\u202e" not in shown("\u202e", ends=False)


def test_a_door_of_another_road_is_rendered_where_it_is_asked_for(tried):
    """The hospital's HL7 v2, a segment to a line."""
    result = tried("great_western_hospital/adt", Path(ARRIVAL), "--after", FLAG, *EVENING, "--door", "mllp")

    assert "hospital_alert as hl7 by mllp" in result.output
    assert "ORU^R01^ORU_R01" in result.output
