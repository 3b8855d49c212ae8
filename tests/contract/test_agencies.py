"""Promises that every agency keeps, example by example: what it says is understood, what it hears is what it may."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest

from hub import catalog as catalogs
from hub.envelope import Envelope, Record, traceparent
from hub.following import Following
from hub.inbound import Queried, Refusal, SetAside, Understood, read
from hub.keys import digest
from hub.outbound import Desk, Letter, Run, open_letter, render

from .examples import SUFFIX, cases

SAID = list(cases("said"))
HEARD = list(cases("heard"))


def understood(outcomes):
    """Outcomes as *.events.json writes them: events in order, queries where they arose."""
    return [
        {"stream": one.stream.name, "event": one.event.model_dump(mode="json", exclude_defaults=True)}
        if isinstance(one, Understood)
        else {"query": one.code, "place": one.place}
        for one in outcomes
        if isinstance(one, Understood | Queried)
    ]


def verdicts(outcomes):
    """What came of an input, by the kind of file that would say so."""
    found = {}
    if any(isinstance(one, Understood) for one in outcomes):
        found["events"] = understood(outcomes)
    refusals = [one for one in outcomes if isinstance(one, Refusal)]
    if refusals:
        found["refused"] = {"code": refusals[0].code, "place": refusals[0].place}
    asides = [one for one in outcomes if isinstance(one, SetAside)]
    if asides and len(found) == 0:
        found["aside"] = {"code": asides[0].code}
    return found


def loaded(path):
    return json.loads(path.read_text(encoding="utf-8"))


def whole(entries, catalog):
    """Events as the model itself writes them, so that an expectation may leave out what is only a default."""
    return [
        {**one, "event": catalog.streams[one["stream"]].event.model_validate(one["event"]).model_dump(mode="json")}
        if "event" in one
        else one
        for one in entries
    ]


@pytest.mark.parametrize("case", SAID, ids=str)
def test_says(case, catalog, keys, request):
    """What an agency says becomes just the events, queries, refusals and asides that lie beside it."""
    line = catalog.line(case.agency, case.line)
    said = case.file(SUFFIX[line.agency.says[case.line].format])

    found = verdicts(list(read(line, said.read_bytes(), keys)))

    if request.config.getoption("--accept"):
        for kind, what in found.items():
            case.file(f"{kind}.json").write_text(json.dumps(what, indent=1, ensure_ascii=False) + "\n", "utf-8")
    expected = {
        kind: loaded(case.file(f"{kind}.json"))
        for kind in ("events", "refused", "aside")
        if case.file(f"{kind}.json").exists()
    }
    if "events" in expected:
        expected["events"] = whole(expected["events"], catalog)
    if "events" in found:
        found["events"] = whole(found["events"], catalog)
    assert expected == found


@pytest.mark.parametrize("case", HEARD, ids=str)
def test_hears(case, all_live, keys, now, request):
    """What an agency hears of an event is to the byte what lies beside it, or is withheld by the rule named there."""
    catalog = all_live
    agency, stream = catalog.agencies[case.agency], catalog.streams[case.line]
    event = stream.event.model_validate_json(case.file("event.json").read_bytes()).model_dump()
    event_id = digest(b"examples", str(case))
    papers = Envelope(event_id, "/examples", stream.topic, now, traceparent(event_id))
    key = keys.subject(stream, event, otherwise=event_id).encode()
    record = Record(stream.topic, key, catalog.codec(stream).encode(event), papers.headers())

    following = Following(catalog)
    if case.file("standing.json").exists():
        following.take(standing(catalog, keys, now, case.file("standing.json")))

    carried = Desk(catalog, stream, keys).carry(record, now=now, view=following.view)

    receipt = next(one for one in carried.receipts if one.agency == case.agency)
    sent = [one for one in carried.records if one.topic == stream.topic_to(case.agency)]
    if request.config.getoption("--accept") and not sent:
        case.file("withheld.json").write_text(json.dumps({"rule": receipt.rule}) + "\n", "utf-8")
    if case.file("withheld.json").exists():
        assert loaded(case.file("withheld.json")) == {"rule": receipt.rule}
        assert not sent
        return
    assert receipt.rule == ""
    bodies = {
        SUFFIX[door.format]: body(catalog, stream, agency, door, sent[0]) for door in agency.hears[stream.name].doors
    }
    if request.config.getoption("--accept"):
        for suffix, content in bodies.items():
            case.file(suffix).write_bytes(content)
    expected = {suffix: case.file(suffix).read_bytes() for suffix in bodies if case.file(suffix).exists()}
    assert expected, "nothing lies beside it that says what should be received"
    assert expected == {suffix: bodies[suffix] for suffix in expected}


def standing(catalog, keys, now, path):
    """What the file beside an example says of its child, as it lies on its topic since the day before."""
    (stream,) = catalog.standing
    values = stream.event.model_validate_json(path.read_bytes()).model_dump()
    papers = Envelope(
        digest(b"examples", str(path.name)), "/examples", stream.topic, now - timedelta(days=1), traceparent("0" * 32)
    )
    key = keys.subject(stream, values, otherwise=papers.id).encode()
    return Record(stream.topic, key, catalog.codec(stream).encode(values), papers.headers())


def body(catalog, stream, agency, door, record):
    """The record as it leaves by one door; what is Avro, as readable JSON."""
    if door.by == "kafka" and door.format == "json":
        return record.value
    letter: Letter = open_letter(catalog, record.value, record.headers, record.key.decode())
    if door.format == "avro":
        return (json.dumps(letter.values, indent=1, default=str, ensure_ascii=False) + "\n").encode()
    return render(catalog, stream, agency, door, [letter], Run(1, letter.envelope.time)).body


@pytest.mark.parametrize("agency", sorted(catalogs.look().agencies))
def test_each_rule_of_a_policy_that_can_withhold_has_an_example_that_it_withholds(agency, catalog):
    """Every `where` of every grant is shown to keep something back, so that taking it out turns an example red."""
    policy = catalog.policies.get(agency)
    shown = Counter(
        (case.line, loaded(case.file("withheld.json"))["rule"])
        for case in HEARD
        if case.agency == agency and case.file("withheld.json").exists()
    )
    wanted = {
        (stream, f"where.{path}") for stream, grant in (policy.hears if policy else {}).items() for path in grant.where
    }

    assert wanted - set(shown) == set()
