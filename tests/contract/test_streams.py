"""Promises that every stream keeps, found by walking the catalog."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from hub import catalog as catalogs
from hub.avro import schema_of
from hub.catalog import folder_of
from hub.schema_lock import undocumented

PASS = sorted(folder_of("schemas").glob("*/examples/*.pass.json"))
FAIL = sorted(folder_of("schemas").glob("*/examples/*.fail.json"))


def claim(path):
    return f"{path.parts[-3]}/{path.name.removesuffix('.json')}"


@pytest.mark.parametrize("path", PASS, ids=claim)
def test_what_a_stream_should_accept_it_accepts_and_carries_unchanged(path, catalog):
    """An accepted example survives the wire: encoded and decoded it is the same event."""
    stream = catalog.streams[path.parts[-3]]
    event = stream.event.model_validate_json(path.read_bytes())
    codec = catalog.codec(stream)

    assert event == stream.event.model_validate(codec.decode(codec.encode(event.model_dump())))


@pytest.mark.parametrize("path", FAIL, ids=claim)
def test_what_a_stream_should_refuse_it_refuses(path, catalog):
    """A refused example makes no event."""
    stream = catalog.streams[path.parts[-3]]

    with pytest.raises(ValidationError):
        stream.event.model_validate_json(path.read_bytes())


@pytest.mark.parametrize("name", sorted(catalogs.look().streams))
def test_the_frozen_schema_says_what_the_model_says(name, catalog):
    """v<N>.avsc and the model agree on everything but sentences."""
    stream = catalog.streams[name]
    frozen = json.loads((folder_of("schemas") / name / f"v{stream.version}.avsc").read_text(encoding="utf-8"))

    assert undocumented(schema_of(stream)) == undocumented(frozen)


@pytest.mark.parametrize("name", sorted(catalogs.look().streams))
def test_a_stream_has_examples_of_both_verdicts(name):
    """There is at least one example that passes and one that fails."""
    examples = folder_of("schemas") / name / "examples"

    assert list(examples.glob("*.pass.json"))
    assert list(examples.glob("*.fail.json"))
