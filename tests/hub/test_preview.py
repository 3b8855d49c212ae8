"""Previews: what an agency would have received is what the hub would have sent, counted without telling anything."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub import cli, reach, versions
from hub.catalog import folder_of
from hub.disclosure import Outcome, Verdict
from hub.envelope import Record
from hub.errors import CatalogError, NotUnderstood
from hub.happened import Happened, in_files, supposed, told
from hub.once import Once, line_of
from hub.preview import alone, letters, preview, readable, streams_of
from hub.view import View

CONNECTORS = folder_of("connectors")
REFERRALS = CONNECTORS / "mash_front_door/examples/referrals"
MARKS = CONNECTORS / "schools/examples/attendance"
REFERRAL = REFERRALS / "neglect_told_by_a_school.json"
RUBBISH = Record("mash-referral.v1", b"k", b"\x00\x00\x00\x00\x01rubbish", ())


@pytest.fixture
def hub(tmp_path):
    """A function that gives words to the command line, where no Kafka runs."""
    bare = {"HUB_STATE": str(tmp_path / "state"), "HUB_BOOTSTRAP_SERVERS": "", "COLUMNS": "200"}
    return lambda *words: CliRunner(env=bare).invoke(cli.main, [str(word) for word in words])


def examples() -> list[Path]:
    """Files that were understood, one claim each."""
    found = [path for folder in (REFERRALS, MARKS) for path in folder.glob("*.events.json")]
    return sorted(next(path.parent.glob(f"{path.name.removesuffix('.events.json')}.[cj]s*[vn]")) for path in found)


def previewed(catalog, agency, keys, now, paths, most=0, also=(), stream=None):
    """What an agency would have received of some files."""
    wanted = alone(catalog, agency)
    streams = streams_of(wanted, agency, stream)
    happened = in_files(wanted, [(path, *line_of(catalog, path)) for path in paths], streams, keys, now, also)
    return wanted, preview(wanted, agency, happened, streams, keys, now=now, most=most)


def test_a_preview_counts_what_the_hub_would_do(catalog, keys, now):
    """For each agency and rule, over the examples of two agencies that speak, the same numbers as `hub run --once`."""
    once = Once(versions.supposing(catalog, catalog.policies), keys, lambda: now)
    for path in examples():
        once.give(path, *line_of(catalog, path))
    done = Counter((one.agency, one.stream, one.rule) for one in once.outcome.receipts)

    counted: Counter[tuple[str, str, str]] = Counter()
    for agency in catalog.policies:
        found = previewed(catalog, agency, keys, now, examples())[1]
        for stream, heard in found.heard.items():
            counted.update({(agency, stream, rule): number for rule, number in heard.rules.items()})
            counted.update({(agency, stream, ""): heard.released} if heard.released else {})

    assert counted == done
    assert {rule for _, _, rule in counted} >= {"", "gate.contact-stage.past"}


def test_a_preview_counts_each_field_that_was_said(catalog, keys, now):
    """Released, coarsened, or withheld, and by what; a field that said nothing is not counted."""
    found = previewed(catalog, "virtual_school", keys, now, [MARKS / "missing_without_a_reason_yet.csv"])[1]

    heard = found.heard["school_attendance"]
    assert (heard.events, heard.released, len(heard.told_of)) == (1, 1, 1)
    assert heard.fields["pupil.upn"] == {("released", ""): 1}
    assert heard.fields["pupil.born"] == {("coarsened", "year"): 1}
    assert heard.fields["pupil.surname"] == {("withheld", "not-granted"): 1}
    assert "minutes_late" not in heard.fields


def test_a_preview_tells_nothing_of_anyone(hub, catalog):
    """Not a value of any event is printed, unless it is asked for."""
    events = json.loads((REFERRALS / "neglect_told_by_a_school.events.json").read_text(encoding="utf-8"))
    said = {word for word in _words(events) if len(word) > 5 and (word[0].isupper() or any(map(str.isdigit, word)))}
    said = {word for word in said if word not in catalog.agencies["mash_health"].name}

    quiet, loud = hub("preview", "mash_health", REFERRAL), hub("preview", "mash_health", REFERRAL, "--show", 1)

    assert quiet.exit_code == loud.exit_code == 0
    assert len(said) > 10
    assert [word for word in said if word in quiet.output] == []
    assert "9990000018" in loud.output
    assert "1. mash_referral, avro by kafka:" in loud.output


def _words(values) -> set[str]:
    """Every text in some JSON."""
    if isinstance(values, dict):
        return set().union(*map(_words, values.values()))
    if isinstance(values, list):
        return set().union(*map(_words, values))
    return {values} if isinstance(values, str) else set()


def test_letters_are_in_the_agencys_own_format(catalog, keys, now, tmp_path, hub):
    """As many as were asked for; `--out` writes them all."""
    files = [MARKS / "missing_without_a_reason_yet.csv"]
    wanted, found = previewed(catalog, "virtual_school", keys, now, files, most=1)

    (one,) = letters(wanted, found, keys)
    done = hub("preview", "virtual_school", *files, "--out", tmp_path / "out", "--stream", "school_attendance")

    assert readable(wanted, one).startswith("UPN,LOCAL_ID,YEAR_OF_BIRTH")
    assert done.exit_code == 0, done.output
    (written,) = (tmp_path / "out" / "virtual_school").iterdir()
    assert written.read_bytes() == one.body


def test_what_moves_a_cursor_is_not_printed(catalog, keys, now):
    """A name may hold what steers a terminal; HL7 is shown a segment to a line."""
    wanted, found = previewed(
        catalog, "virtual_school", keys, now, [MARKS / "missing_without_a_reason_yet.csv"], most=1
    )
    (one,) = letters(wanted, found, keys)

    assert (
        readable(wanted, replace(one, body=b"PID|1\rPV1|\x1b[2J\x07"))
        == "PID|1\nPV1|\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"
    )


def test_what_is_supposed_to_be_known_of_a_child_decides(catalog, keys, now, tmp_path):
    """A seal in a file of one's own keeps the event back as a seal on the topic would."""
    path = tmp_path / "standing.json"
    path.write_text(json.dumps([{"nhs_number": "9990000018", "legal_hold": True}]), encoding="utf-8")
    also = supposed(versions.supposing(catalog, catalog.policies), path, keys, now)

    free = previewed(catalog, "mash_health", keys, now, [REFERRAL])[1]
    held = previewed(catalog, "mash_health", keys, now, [REFERRAL], also=also)[1]

    assert free.heard["mash_referral"].released == 1
    assert held.heard["mash_referral"].rules == {"sealed.legal-hold": 1}


@pytest.mark.parametrize(("text", "code"), [
    ("{", "json.unreadable"),
    ('{"nhs_number": 7}', "invalid.string-type"),
    ('{"legal": true}', "invalid.extra-forbidden"),
])  # fmt: skip
def test_what_is_supposed_must_be_a_standing(catalog, keys, now, tmp_path, text, code):
    """A file that is none is refused by its kind, and its content is not repeated."""
    path = tmp_path / "standing.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(NotUnderstood) as caught:
        supposed(catalog, path, keys, now)

    assert caught.value.code == code


def test_an_agency_on_trial_is_shown_as_if_it_were_live(catalog, keys, now):
    """That is when an officer wants to see it."""
    agencies = {
        **catalog.agencies,
        "mash_health": catalog.agencies["mash_health"].model_copy(update={"status": "trial"}),
    }

    found = previewed(replace(catalog, agencies=agencies), "mash_health", keys, now, [REFERRAL])[1]

    assert found.heard["mash_referral"].released == 1


@pytest.mark.parametrize(("words", "said"), [
    (("nobody",), "no agency 'nobody'"),
    (("mash_front_door",), "mash_front_door hears nothing"),
    (("mash_health", "--stream", "school_attendance"), "mash_health does not hear 'school_attendance'"),
    (("mash_health",), "no Kafka: set HUB_BOOTSTRAP_SERVERS, or start a local one with `hub kafka up`; or name files"),
])  # fmt: skip
def test_what_cannot_be_previewed_is_said(hub, words, said):
    """What is wrong, and what there is."""
    done = hub("preview", *words)

    assert done.exit_code == 1
    assert said in done.output


def test_files_and_days_are_two_questions(hub):
    """And a file that was refused is told by its code."""
    assert hub("preview", "mash_health", REFERRAL, "--days", 3).exit_code == 2
    refused = hub("preview", "mash_health", REFERRALS / "born_after_the_contact.json")
    assert "1 of the files refused" in refused.output


def draft(folder: Path, old: str, new: str) -> Path:
    """A copy of the policies in *folder*, in which one line of mash_health's differs."""
    for path in CONNECTORS.glob("*/policy.yaml"):
        (folder / "connectors" / path.parent.name).mkdir(parents=True)
        shutil.copyfile(path, folder / "connectors" / path.parent.name / "policy.yaml")
    place = folder / "connectors/mash_health/policy.yaml"
    text = place.read_text(encoding="utf-8")
    assert text.count(old) == 1
    place.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def test_a_draft_is_previewed_before_it_is_anybodys_policy(hub, tmp_path):
    """From a folder of its own, never synced: its fields are heard."""
    folder = draft(tmp_path, "      - parents_know\n", "      - parents_know\n      - child.sex\n")

    done = hub("preview", "mash_health", REFERRAL, "--policies", folder, "--show", 1)

    assert done.exit_code == 0, done.output
    assert '"sex": "F"' in done.output
    assert "child.sex" in done.output


def test_a_draft_with_a_fault_is_refused_where_it_stands(hub, tmp_path):
    """By its own file and line; a folder without policies by its name."""
    folder = draft(tmp_path / "draft", "      - parents_know\n", "      - parents_kno\n")
    (tmp_path / "empty").mkdir()

    wrong, empty = (hub("preview", "mash_health", REFERRAL, "--policies", one) for one in (folder, tmp_path / "empty"))

    assert wrong.exit_code == empty.exit_code == 1
    assert f"{folder}/connectors/mash_health/policy.yaml:" in wrong.output
    assert "did you mean 'parents_know'?" in wrong.output
    assert "no <agency>/policy.yaml is in it" in empty.output


def test_what_cannot_be_read_is_counted_and_ctrl_c_ends_with_what_there_is(catalog, keys, now):
    """In a preview as in a comparison."""
    wanted = alone(catalog, "mash_health")
    streams = streams_of(wanted, "mash_health", None)
    good = list(in_files(wanted, [(REFERRAL, "mash_front_door", "referrals")], streams, keys, now).events)

    def events():
        yield RUBBISH
        yield from good
        raise KeyboardInterrupt

    found = preview(wanted, "mash_health", Happened(events(), View()), streams, keys, now=now)
    both = reach.reach(wanted, wanted, streams, Happened(events(), View()), keys, now=now)

    assert (found.unread, found.stopped, found.heard["mash_referral"].events) == (1, True, 1)
    assert (both.unread, both.stopped, both.asked, both.touched) == (1, True, 2, {})


def outcome(verdict: str, **ways: str) -> Outcome:
    """How an agency fared: a field's way is `full`, a word, or empty where it was withheld."""
    fields = tuple(
        Verdict(
            path, "withheld" if not way else "released" if way == "full" else "coarsened", "" if way == "full" else way
        )
        for path, way in ways.items()
    )
    return Outcome("visit", "nurses", verdict, "", "", "", "", "", "", "", fields)


FULL, YEAR, MONTH = (outcome("released", born=way) for way in ("full", "year", "month"))
NONE = outcome("released", born="")
PRESENT = outcome("released", born="present")
KEPT = outcome("withheld", born="")


@pytest.mark.parametrize(("old", "new", "leaves", "kinds"), [
    (None, None, {"born"}, []),
    (None, FULL, {"born"}, ["newly heard"]),
    (KEPT, NONE, {"born"}, ["newly heard"]),
    (FULL, KEPT, {"born"}, ["no longer heard"]),
    (FULL, FULL, {"born"}, []),
    (NONE, FULL, {"born"}, ["with more"]),
    (NONE, FULL, set(), []),
    (NONE, PRESENT, set(), ["with more"]),
    (FULL, YEAR, {"born"}, ["with less"]),
    (MONTH, YEAR, {"born"}, ["with less"]),
    (YEAR, MONTH, {"born"}, ["with more"]),
    (YEAR, PRESENT, {"born"}, ["with less"]),
    (outcome("released", a="full", b=""), outcome("released", a="", b="full"), {"a", "b"}, ["with more", "with less"]),
])  # fmt: skip
def test_an_event_fares_otherwise_only_where_something_is_said(old, new, leaves, kinds):
    """A field that is newly granted and empty tells nothing; a word that speaks of absence does."""
    assert list(reach.differences(old, new, leaves)) == kinds


def test_the_reach_of_a_change_is_counted_by_deciding_twice(catalog, keys, now):
    """Events and children, by how they fare."""
    grant = catalog.policies["mash_health"].hears["mash_referral"]
    other = grant.model_copy(update={"where": {"rag": ("amber",)}, "fields": (*grant.fields, "child.sex")})
    policy = catalog.policies["mash_health"].model_copy(update={"hears": {"mash_referral": other}})
    old = versions.supposing(catalog, catalog.policies)
    new = versions.supposing(catalog, {**catalog.policies, "mash_health": policy})
    streams = [catalog.streams["mash_referral"]]
    files = [(path, "mash_front_door", "referrals") for path in examples() if path.parent == REFERRALS]
    records = list(in_files(new, files, streams, keys, now).events)
    before, after = (previewed(one, "mash_health", keys, now, [path for path, _, _ in files])[1] for one in (old, new))

    found = reach.reach(old, new, streams, Happened(iter(records), View()), keys, now=now)

    touched = {kind: one for (agency, _, kind), one in found.touched.items() if agency == "mash_health"}
    heard = [one.heard["mash_referral"] for one in (before, after)]
    assert touched.keys() == {"no longer heard", "with more"}
    assert touched["no longer heard"].events == heard[0].released - heard[1].released > 0
    assert touched["with more"].events <= heard[1].released
    assert found.asked == len(records)


def test_leaves_are_said_by_any_element_of_a_list():
    """An empty list says nothing."""
    values = {"a": None, "b": {"c": 0}, "d": [{"e": None}, {"e": False}], "f": [], "g": ("x",)}

    assert set(told(values)) == {"b.c", "d.e", "g"}


def test_a_variant_of_the_catalog_leaves_out_what_its_streams_do_not_say(catalog):
    """An older policy's field, word, stream or agency that is gone; where it asks for one, nothing is heard."""
    grant = catalog.policies["mash_health"].hears["mash_referral"]
    older = grant.model_copy(update={"fields": (*grant.fields, "gone"), "coarse": {"child.born": "decade"}})
    asking = grant.model_copy(update={"where": {"gone": ("x",)}})
    policy = catalog.policies["mash_health"]

    made = versions.supposing(catalog, {
        "mash_health": policy.model_copy(update={"hears": {"mash_referral": older, "gone": grant}}),
        "wiltshire_police": policy.model_copy(update={"hears": {"mash_referral": asking}}),
        "gone": policy,
    })  # fmt: skip

    assert made.policies["mash_health"].hears == {"mash_referral": grant.model_copy(update={"coarse": {}})}
    assert made.policies["wiltshire_police"].hears == {}
    assert "gone" not in made.policies
    with pytest.raises(CatalogError):
        alone(made, "gone")
