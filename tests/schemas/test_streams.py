"""Streams: every field is described and marked, every refusal is shown by an example with just that fault."""

from __future__ import annotations

import importlib
import io
import json
import re
from pathlib import Path
from typing import Any, get_args

import fastavro
import pytest
from pydantic import ValidationError

import schemas
from hub import avro
from hub.stream import Event, Sensitivity, Stream, facts_of, pick

HOME = Path(schemas.__file__).parent
NAMES = sorted(folder.name for folder in HOME.iterdir() if (folder / "__init__.py").is_file())
PASSES = sorted(HOME.glob("*/examples/*.pass.json"))
FAILS = sorted(HOME.glob("*/examples/*.fail.json"))
STRENGTH = list(Sensitivity)


def stream_of(name: str) -> Stream:
    """The stream in the folder *name*."""
    stream: Stream = importlib.import_module(f"schemas.{name}").stream
    return stream


def claim(path: Path) -> str:
    """How an example is called in a report: its stream and its claim."""
    return f"{path.parent.parent.name}/{path.name.split('.')[0]}"


def faults(path: Path) -> list[Any]:
    """What pydantic finds in an example."""
    with pytest.raises(ValidationError) as caught:
        stream_of(path.parent.parent.name).event.model_validate_json(path.read_bytes())
    return list(caught.value.errors(include_url=False))


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_has_the_name_of_its_folder(name: str) -> None:
    """The folder is how everything else finds it."""
    assert stream_of(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_a_sentence_and_a_mark(name: str) -> None:
    """Policies, schemas and pages quote the sentence; the mark says what the field can do to a person."""
    bare = [f.name for f in stream_of(name).facts() if f.sensitivity is None or not f.sentence.endswith(".")]
    assert bare == []


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_marked_as_strongly_as_its_strongest_part(name: str) -> None:
    """Whoever grants a whole record sees at once what is in it."""
    wrong = []
    for fact in stream_of(name).facts():
        if fact.record is not None and fact.sensitivity is not None:
            parts = [part.sensitivity for part in facts_of(fact.record) if part.sensitivity is not None]
            if fact.sensitivity != max(parts, key=STRENGTH.index):
                wrong.append(fact.name)
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stream_points_to_is_there(name: str) -> None:
    """Keys, gates and the seal look at fields that the event has; a key can be one value only."""
    stream = stream_of(name)
    facts = {fact.name: fact for fact in stream.facts()}
    keys = [path for key in stream.key for path in key.split("/")]
    pointed = [path for path in (*keys, stream.consent, stream.override, stream.stage, stream.restricted) if path]
    assert [path for path in pointed if path not in facts] == []
    assert [path for path in keys if facts[path].repeated or facts[path].record] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_has_examples_of_both_verdicts(name: str) -> None:
    """The least that is accepted, all that can be said, and at least three faults."""
    passes = {path.name.split(".")[0] for path in PASSES if path.parent.parent.name == name}
    assert {"minimal", "full"} <= passes
    assert sum(path.parent.parent.name == name for path in FAILS) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_together_say_everything(name: str) -> None:
    """A field that no accepted example fills is one that nobody has tried."""
    stream = stream_of(name)
    paths = [path for path in PASSES if path.parent.parent.name == name]
    events = tuple(stream.event.model_validate_json(path.read_bytes()).model_dump() for path in paths)
    assert sorted(fact.name for fact in stream.facts() if not said(events, fact.path)) == []


def said(values: Any, path: tuple[str, ...]) -> bool:
    """Whether there is a value at *path*, in any element of the lists on the way."""
    if isinstance(values, tuple | list):
        return any(said(one, path) for one in values)
    if not path:
        return values is not None
    return isinstance(values, dict) and said(values.get(path[0]), path[1:])


@pytest.mark.parametrize("path", PASSES, ids=claim)
def test_an_accepted_event_stays_what_it_is(path: Path) -> None:
    """Through JSON, and through Avro on the wire, and back, it is equal to itself."""
    stream = stream_of(path.parent.parent.name)
    event = stream.event.model_validate_json(path.read_bytes())
    assert stream.event.model_validate_json(event.model_dump_json()) == event
    schema = fastavro.parse_schema(avro.schema_of(stream))
    wire = io.BytesIO()
    fastavro.schemaless_writer(wire, schema, event.model_dump(), disable_tuple_notation=True)
    wire.seek(0)
    assert stream.event.model_validate(fastavro.schemaless_reader(wire, schema, None)) == event


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_has_a_schema(name: str) -> None:
    """Every kind of field that the models use can be written in Avro."""
    leaves = {fact.name for fact in stream_of(name).facts() if fact.record is None}
    assert avro.leaves_of(avro.schema_of(stream_of(name))) == leaves


@pytest.mark.parametrize("path", FAILS, ids=claim)
def test_a_refused_event_has_one_fault(path: Path) -> None:
    """Two faults would hide that one of them is not found."""
    assert len(faults(path)) == 1


@pytest.mark.parametrize("path", FAILS, ids=claim)
def test_a_refusal_keeps_quiet_about_the_event(path: Path) -> None:
    """Neither the error nor its text holds any text that the event holds."""
    stream = stream_of(path.parent.parent.name)
    with pytest.raises(ValidationError) as caught:
        stream.event.model_validate_json(path.read_bytes())
    spoken = str(caught.value) + str(caught.value.errors(include_input=False, include_url=False))
    listed = {word for fact in stream.facts() for word in get_args(fact.kind)}  # words of ours, not of the sender's
    held = [text for text in texts(json.loads(path.read_bytes())) if len(text) > 3 and text not in listed]
    assert [text for text in held if text in spoken] == []


def texts(value: Any) -> list[str]:
    """All text and numbers in a document, as text, without its keys."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def test_every_refusal_is_shown_by_an_example() -> None:
    """A validator that no example trips might as well not be there; codes of no stream are tested as fields."""
    written = set()
    for source in HOME.rglob("*.py"):
        written |= set(re.findall(r'PydanticCustomError\(\s*"(\w+)"', source.read_text(encoding="utf-8")))
    shown = {fault["type"] for path in FAILS for fault in faults(path)}
    assert written - shown == {"la_code_form"}


def test_an_event_cannot_be_changed() -> None:
    """What was said stays said."""
    stream = stream_of("hospital_alert")
    event = stream.event.model_validate_json((HOME / "hospital_alert/examples/minimal.pass.json").read_bytes())
    with pytest.raises(ValidationError, match="frozen"):
        event.verdict = "flagged"  # type: ignore[attr-defined]  # any event will do


def test_the_same_child_has_the_same_kind_of_key_everywhere() -> None:
    """Streams about one child can be joined in the hub by the last part of a key's path: nhs_number, upn."""
    kinds = {path.rpartition(".")[2] for name in NAMES for path in stream_of(name).key}
    of_children = {"nhs_number", "upn", "local_id", "record_id", "hospital_number", "attendance_id", "case_id"}
    assert kinds == of_children | {"number", "message_id"}  # and of files


def test_examples_hold_invented_people_only() -> None:
    """NHS numbers that hold are from the range never issued, and UPNs that hold are of authority 866."""
    fields = importlib.import_module("schemas.fields")
    for path in (*PASSES, *FAILS):
        for text in texts(json.loads(path.read_bytes())):
            tight = re.sub(r"[\s-]", "", text)
            assert not fields.nhs_number_check_digit_holds(tight) or tight.startswith("999"), claim(path)
            assert not fields.upn_check_letter_holds(text) or text[1:4] == "866", claim(path)


def test_pick_finds_what_a_key_names() -> None:
    """The full example of each stream has a subject under the first of its keys that a sender fills."""
    for name in NAMES:
        stream = stream_of(name)
        event: Event = stream.event.model_validate_json((HOME / name / "examples/full.pass.json").read_bytes())
        key = next(one for one in stream.key if not one.startswith(f"{stream.identified}."))
        assert all(pick(event.model_dump(), path) for path in key.split("/")), name
