"""Canaries: through a sound gate each comes where it may and nowhere else; each planted defect is told, and where."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from hub import catalog as catalogs
from hub import disclosure, gates, limits, seals
from hub.avro import Codec
from hub.canary.alarm import Alarm
from hub.canary.due import COARSE, due, flat, path_of
from hub.canary.hatching import Canary, hatch, hearers
from hub.canary.lookout import Lookout
from hub.canary.rounds import SENTENCES, _forgotten, alarmed
from hub.canary.tokens import TEXT, Tokens, texts_in
from hub.canary.ways import ways_of
from hub.coarse import WORDS
from hub.envelope import SYNTHETIC, Envelope, Record, traceparent
from hub.following import Following
from hub.outbound import Desk
from hub.sync import as_synced
from hub.watches.watching import Taken, Watching, Worked
from hub.wire import Wire

NOW = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def ours():
    """The project's own catalog."""
    return as_synced(catalogs.look())


@pytest.fixture(scope="session")
def canaries(ours, keys):
    """A round in which every way is tried."""
    return hatch(ours, keys, Tokens(random.Random(7), NOW), now=NOW)


@pytest.fixture(scope="session")
def open_ones(canaries):
    """Those of them that every gate lets through."""
    return [one for one in canaries if one.way.name == "open"]


@pytest.fixture(scope="session")
def one_turn(ours, keys):
    """A round as it is made again and again."""
    return hatch(ours, keys, Tokens(random.Random(8), NOW), now=NOW, turn=3)


Spoil = Callable[[Record], Iterable[Record]]


class Gate:
    """The relay's work in memory, with what a test breaks in it."""

    def __init__(self, catalog, keys, canaries, *, relays=None, now=NOW, blind=False) -> None:
        self.catalog, self.keys, self.canaries = catalog, keys, canaries
        lock = (relays or catalog).lock
        self.watcher = dataclasses.replace(catalog, lock=lock)
        self.relays = relays or catalog
        self.now = now
        self.blind = blind

    def carried(self, spoil: Spoil = lambda record: (record,), receipts=lambda found: found) -> Lookout:
        """Every canary carried, each record that comes of it spoilt, and all of it looked at."""
        lookout = Lookout(self.watcher, self.keys, self.canaries, now=NOW)
        following, desks, found = Following(self.relays), {}, []
        for canary in self.canaries:
            if canary.told is not None and not self.blind:
                following.take(canary.told)
        for canary in self.canaries:
            name = canary.stream.name
            desk = desks.setdefault(name, None) or Desk(self.relays, self.relays.streams[name], self.keys)
            desks[name] = desk
            carried = desk.carry(canary.record, now=self.now, view=following.view)
            for record in carried.records:
                for one in spoil(record):
                    lookout.take(one)
            found += carried.receipts
        codec = Codec(self.catalog.id_of(disclosure.TOPIC, disclosure.SCHEMA), disclosure.SCHEMA)
        for page in disclosure.pages(list(receipts(found)), codec):
            lookout.take(page)
        lookout.end()
        return lookout


def regranted(catalog, agency, stream, **changes):
    """The catalog with another grant, as a relay would have it that runs on the wrong policy."""
    policy = catalog.policies[agency]
    grant = policy.hears[stream].model_copy(update=changes)
    policy = policy.model_copy(update={"hears": {**policy.hears, stream: grant}})
    return as_synced(dataclasses.replace(catalog, policies={**catalog.policies, agency: policy}))


def to(topic: str, change: Callable[[Record], Record]) -> Spoil:
    """Spoils what goes to one topic."""
    return lambda record: (change(record) if record.topic == topic else record,)


def kinds(lookout: Lookout) -> set[tuple[str, str, str, str]]:
    """The alarms, whatever the way."""
    return {alarm[:4] for alarm in lookout.alarms()}


def ways(lookout: Lookout, kind: str) -> set[str]:
    """The ways of the canaries of which there is an alarm of this kind."""
    return {alarm.way for alarm in lookout.alarms() if alarm.kind == kind}


# --- canaries ------------------------------------------------------------------------------------------------------


def test_every_stream_has_canaries_and_every_agency_one_for_each_field_it_may_hear(ours, canaries):
    """What no canary says would not be missed."""
    assert {canary.stream.name for canary in canaries} == set(ours.streams)
    pairs = [(agency, stream) for stream in ours.streams.values() for agency in hearers(ours, stream)]
    assert len(pairs) > 8
    for agency, stream in pairs:
        policy, hearing = ours.policies[agency], ours.agencies[agency].hears[stream.name]
        ours_only = [one for one in canaries if one.stream is stream and one.way.name == "open"]
        told = [due(one, agency, policy, hearing, now=NOW) for one in ours_only]
        heard = {path_of(place) for one in told if one is not None for place in one.leaves}
        grant = policy.hears[stream.name]
        assert heard == {*grant.fields, *grant.coarse}, (agency, stream.name)


def test_no_token_is_said_twice(canaries):
    """Of all texts, days, times and numbers of a round each stands in one place of one canary."""
    said = [value for canary in canaries for _, value in flat(canary.values) if not isinstance(value, bool)]
    tokens = [one for one in said if not isinstance(one, str) or texts_in(one.encode())]
    assert len(tokens) > 1_000
    assert len(tokens) == len(set(tokens))


def test_a_canary_says_something_at_every_field(ours, canaries):
    """In lists twice; texts are tokens, but for codes, postcodes and what decisions look at."""
    for canary in [one for one in canaries if one.way.name == "open"]:
        stream = canary.stream
        facts = {fact.name: fact for fact in stream.facts() if fact.record is None}
        said = {path: [value for place, value in flat(canary.values) if path_of(place) == path] for path in facts}
        assert {path for path, values in said.items() if not values} <= {stream.conflicts}
        where = {path for grant in hearers(ours, stream).values() for path in grant.where}
        texts = [path for path, fact in facts.items() if fact.kind is str and path not in where and said[path]]
        plain = [path for path in texts if not all(texts_in(value.encode()) for value in said[path])]
        assert all("postcode" in path or path.startswith(f"{stream.approvals}.") for path in plain), plain
        for fact in stream.facts():
            if fact.repeated and fact.record is None and fact.name != stream.conflicts:
                assert len(said[fact.name]) == 2


def test_a_canary_is_marked_and_its_papers_name_nobody(canaries):
    """By the header that recipients skip; its source is the hub's own canaries; no header and no key has a token."""
    for canary in canaries:
        for record in (canary.record, *([canary.told] if canary.told else [])):
            papers = Envelope.from_headers(record.headers)
            assert papers.synthetic
            assert papers.source == "/canary"
            assert not texts_in(record.key + b"".join(value for _, value in record.headers))


def test_in_turn_each_way_is_tried(ours, keys, canaries, one_turn):
    """One way a stream in a round; after as many rounds as there are ways, all of them."""
    assert len(one_turn) < len(canaries) / 3
    longest = max(len(ways_of(stream, frozenset())) for stream in ours.streams.values()) + 2
    tried: set[tuple[str, str]] = set()
    for turn in range(longest):
        tokens = Tokens(random.Random(turn), NOW)
        tried |= {(one.stream.name, one.way.name) for one in hatch(ours, keys, tokens, now=NOW, turn=turn)}
    assert tried == {(one.stream.name, one.way.name) for one in canaries}


def test_canaries_do_not_pile_up_on_compacted_topics(ours, keys, canaries):
    """There each has the same key in every round, and is forgotten at the end of its own."""
    compact = {one.topic for one in ours.streams.values() if ours.keeping[one.keep].compact}
    again = hatch(ours, keys, Tokens(random.Random(9), NOW), now=NOW)
    ends = [_forgotten(ours, one) for one in (canaries, again)]
    assert compact
    assert {record.topic for record in ends[0]} == compact
    assert {record.value for record in ends[0]} == {None}
    assert {record.key for record in ends[0]} == {record.key for record in ends[1]}
    standing = [one.told for one in canaries if one.told] + [
        one.record for one in canaries if one.stream.topic in compact
    ]
    assert {record.key for record in ends[0]} == {record.key for record in standing}
    assert len({record.key for record in standing}) == len(standing)


def test_each_word_of_coarsening_is_known_here_too(ours):
    """Worked out by other hands, with the same outcome: a new word is added in both."""
    assert set(COARSE) == set(WORDS)
    chance = random.Random(3)
    for _ in range(300):
        born, day = (date.fromordinal(chance.randrange(730_000, 739_900)) for _ in range(2))
        tokens = Tokens(chance, NOW)
        for name, value in (("year", born), ("month", born), ("outward_postcode", tokens.postcode()),
                            ("initial", tokens.text()), ("initials", tokens.text()), ("present", tokens.text()),
                            ("count_band", chance.randrange(25)), ("age_band", born)):  # fmt: skip
            word = WORDS[name]
            assert COARSE[name](value, day) == (word.apply(value, day) if word.of_day else word.apply(value)), name


# --- a sound gate --------------------------------------------------------------------------------------------------


def test_through_a_sound_gate_every_canary_comes_where_it_may_and_nowhere_else(ours, keys, canaries):
    """All streams, all agencies, all ways: heard, withheld and with its receipt."""
    lookout = Gate(ours, keys, canaries).carried()
    assert lookout.alarms() == []
    assert lookout.settled
    pairs = {(agency, stream.name) for stream in ours.streams.values() for agency in hearers(ours, stream)}
    assert lookout.tallies.keys() == pairs
    for tally in lookout.tallies.values():
        assert tally.arrived > 0
        assert tally.withheld > 0
        assert tally.arrived + tally.withheld == tally.sent
    assert set(lookout.unheard) == set(ours.streams) - {stream for _, stream in pairs}


def test_an_agreement_that_has_ended_is_no_cause_for_alarm(ours, keys):
    """Then nothing is due, and nothing comes."""
    later = datetime(2031, 1, 1, tzinfo=UTC)
    canaries = hatch(ours, keys, Tokens(random.Random(1), later), now=later)
    lookout = Lookout(ours, keys, canaries, now=later)
    for canary in canaries:
        carried = Desk(ours, canary.stream, keys).carry(canary.record, now=later)
        assert carried.records == []
        codec = Codec(ours.id_of(disclosure.TOPIC, disclosure.SCHEMA), disclosure.SCHEMA)
        for page in disclosure.pages(carried.receipts, codec):
            lookout.take(page)
    lookout.end()
    assert lookout.alarms() == []


def test_what_others_say_is_nothing_to_the_lookout(ours, keys, canaries, one_turn):
    """Real messages, another round's canaries and their receipts pass."""
    lookout = Lookout(ours, keys, canaries, now=NOW)
    Gate(ours, keys, one_turn).carried(lambda record: lookout.take(record) or (record,))
    assert lookout.alarms() == []
    assert not lookout.settled


# --- a gate with defects -------------------------------------------------------------------------------------------


def test_a_projection_that_lets_one_more_field_through_is_told(ours, keys, open_ones):
    """In Avro and in JSON, by the field's name."""
    for agency, stream, path in (("virtual_school", "school_attendance", "pupil.surname"),
                                 ("wiltshire_police", "mash_referral", "child.nhs_number"),
                                 ("chis", "child_demographics", "parents.phone")):  # fmt: skip
        fields = ours.policies[agency].hears[stream].fields
        leaky = regranted(ours, agency, stream, fields=(*fields, path))
        lookout = Gate(ours, keys, open_ones, relays=leaky).carried()
        assert kinds(lookout) == {("leak", agency, stream, path)}
        assert lookout.tallies[agency, stream].alarms["leak"] > 0


def test_a_field_told_whole_that_is_granted_coarse_is_told(ours, keys, open_ones):
    """A finer word than the granted one is a leak."""
    grant = ours.policies["virtual_school"].hears["school_attendance"]
    leaky = regranted(ours, "virtual_school", "school_attendance", coarse={}, fields=(*grant.fields, "pupil.born"))
    lookout = Gate(ours, keys, open_ones, relays=leaky).carried()
    assert ("leak", "virtual_school", "school_attendance", "pupil.born") in kinds(lookout)


def rewritten(catalog, change) -> Callable[[Record], Record]:
    """A writer that changes what it writes, in a recipient's Avro."""

    def changed(record: Record) -> Record:
        codec = catalog.lock.codec(record.value)
        values = codec.decode(record.value)
        change(values)
        return record._replace(value=codec.encode(values))

    return changed


def canary_of(canaries, record: Record) -> Canary:
    """The canary of which a record tells an agency."""
    (found,) = [one for one in canaries if texts_in(record.value) & texts_in(str(one.values).encode())]
    return found


def said(canaries, record: Record, path: str) -> Any:
    """What the canary of a record for an agency says at *path*."""
    values = canary_of(canaries, record).values
    return next(value for place, value in flat(values) if path_of(place) == path)


def ungranted(catalog, agency, stream) -> str:
    """A text that the agency does not hear."""
    grant = catalog.policies[agency].hears[stream]
    facts = [fact for fact in catalog.streams[stream].facts() if fact.kind is str and "postcode" not in fact.name]
    return next(fact.name for fact in facts if fact.name not in (*grant.fields, *grant.coarse))


def test_an_ungranted_value_in_a_granted_field_is_told(ours, keys, open_ones):
    """Whoever wrote it there; and that the receipt attests other bytes."""
    topic = ours.streams["mash_referral"].topic_to("mash_health")

    secret = ungranted(ours, "mash_health", "mash_referral")

    def change(record: Record) -> Record:
        told = said(open_ones, record, secret)
        return rewritten(ours, lambda values: values["child"].update(known_as=told))(record)

    found = kinds(Gate(ours, keys, open_ones).carried(to(topic, change)))
    assert {("leak", "mash_health", "mash_referral", "child.known_as"),
            ("leak", "mash_health", "mash_referral", secret),
            ("receipt", "mash_health", "mash_referral", "sent")} == found  # fmt: skip


def test_a_day_in_a_text_is_told(ours, keys, open_ones):
    """Tokens that are no texts are known within one."""
    topic = ours.streams["mash_referral"].topic_to("mash_health")

    def change(record: Record) -> Record:
        born = said(open_ones, record, "household.born")
        return rewritten(ours, lambda values: values["child"].update(known_as=f"b. {born}"))(record)

    found = kinds(Gate(ours, keys, open_ones).carried(to(topic, change)))
    assert ("leak", "mash_health", "mash_referral", "child.known_as") in found


def headed(name: str, value: bytes) -> Callable[[Record, str], Record]:
    """A header more."""
    return lambda record, token: record._replace(headers=(*record.headers, (name, value % {b"token": token.encode()})))


@pytest.mark.parametrize(
    ("place", "spoilt"),
    [
        ("key", lambda record, token: record._replace(key=token.encode())),
        ("headers.traceparent", lambda record, token: record._replace(headers=tuple(
            (name, token.upper().encode() if name == "traceparent" else value) for name, value in record.headers))),
        ("headers.ce_hubaddress", headed("ce_hubaddress", b"%(token)s")),
        ("headers", headed("x-debug", b"child %(token)s")),
        ("headers", lambda record, token: record._replace(headers=(*record.headers, (token, b"")))),
    ],
    ids=["the key", "a header", "an address", "a new header", "a header's name"],
)  # fmt: skip
def test_a_token_outside_the_value_is_told(ours, keys, open_ones, place, spoilt):
    """Wherever a record can hold it; what is told names the part, and never the token."""
    topic = ours.streams["mash_referral"].topic_to("mash_health")
    spoil = to(topic, lambda record: spoilt(record, said(open_ones, record, "contact_id")))
    lookout = Gate(ours, keys, open_ones).carried(spoil)
    assert kinds(lookout) == {("leak", "mash_health", "mash_referral", place)}
    assert not TEXT.search(str(lookout.alarms()).encode())


def test_what_another_agency_gets_is_told(ours, keys, open_ones):
    """A copy of one agency's record on another's topic: each field of it is a leak to that one."""
    topics = [ours.streams["mash_referral"].topic_to(agency) for agency in ("mash_health", "wiltshire_police")]
    copy = lambda record: (record, record._replace(topic=topics[1])) if record.topic == topics[0] else (record,)  # noqa: E731
    found = kinds(Gate(ours, keys, open_ones).carried(copy))
    assert ("leak", "wiltshire_police", "mash_referral", "child.nhs_number") in found
    assert {(kind, agency) for kind, agency, *_ in found} == {("leak", "wiltshire_police")}


def test_an_agency_that_hears_nothing_of_a_stream_is_watched_too(ours, keys, open_ones):
    """Its topic may be there from an agreement of before."""
    topic = ours.streams["child_demographics"].topic_to("chis")
    moved = ours.streams["looked_after_child"].topic_to("virtual_school")
    copy = lambda record: (record, record._replace(topic=moved)) if record.topic == topic else (record,)  # noqa: E731
    found = kinds(Gate(ours, keys, open_ones).carried(copy))
    assert ("leak", "virtual_school", "looked_after_child", "child.nhs_number") in found


def test_a_granted_field_that_does_not_come_is_told(ours, keys, open_ones):
    """Left out by whoever wrote it, or of no use any more."""
    fields = ours.policies["wiltshire_police"].hears["mash_referral"].fields
    poorer = regranted(ours, "wiltshire_police", "mash_referral", fields=tuple(f for f in fields if f != "child.born"))
    found = kinds(Gate(ours, keys, open_ones, relays=poorer).carried())
    assert found == {("missing", "wiltshire_police", "mash_referral", "child.born")}

    topic = ours.streams["mash_referral"].topic_to("mash_health")
    spoil = to(topic, rewritten(ours, lambda values: values["child"].update(gp_ods="RZZ")))
    found = kinds(Gate(ours, keys, open_ones).carried(spoil))
    assert ("missing", "mash_health", "mash_referral", "child.gp_ods") in found


def test_a_canary_that_does_not_come_is_told(ours, keys, canaries):
    """Though its receipt says that it did; and one of which there is neither."""
    topic = ours.streams["hospital_alert"].topic_to("social_worker")
    gone = lambda record: () if record.topic == topic else (record,)  # noqa: E731
    found = kinds(Gate(ours, keys, canaries).carried(gone))
    assert ("missing", "social_worker", "hospital_alert", "event") in found
    assert ("receipt", "social_worker", "hospital_alert", "verdict") in found
    found = kinds(Gate(ours, keys, canaries).carried(lambda _: (), receipts=lambda _: ()))
    assert {
        ("missing", "chis", "child_demographics", "event"),
        ("receipt", "chis", "child_demographics", "event"),
    } <= found


@pytest.mark.parametrize(
    ("broken", "tried"),
    [
        ("a gate", {"past-contact", "refused", "void-override"}),
        ("the seals", {"restricted", "restricted-unsaid", "conflict", "told-adopted", "told-legal-hold"}),
        ("the view", {"told-restriction", "told-objection", "told-confidential", "told-restricted", "told-withdrawn"}),
        ("the limits", {"uncertain", "confidential", "told-confidential"}),
        ("where", {"not-where:rag"}),
    ],
)
def test_whatever_no_longer_withholds_is_told_by_the_canary_that_tries_it(
    ours, keys, canaries, monkeypatch, broken, tried
):
    """Each part of the gate has its own canaries."""
    relays, blind = None, False
    if broken == "a gate":
        monkeypatch.setitem(gates.GATES, "contact-stage", gates.statute)
    elif broken == "the seals":
        monkeypatch.setattr(seals, "ask", lambda _: None)
    elif broken == "the view":
        blind = True
    elif broken == "the limits":
        monkeypatch.setattr(limits.Limits, "of", lambda *_: limits.NONE)
    else:
        relays = regranted(ours, "mash_health", "mash_referral", where={})
    lookout = Gate(ours, keys, canaries, relays=relays, blind=blind).carried()
    possible = {canary.way.name for canary in canaries}
    assert tried & possible
    assert tried & possible <= ways(lookout, "leak")
    assert "open" not in ways(lookout, "leak") or broken == "where"


def test_a_policy_that_ended_and_is_obeyed_still_is_told(ours, keys, canaries):
    """By all that comes of it."""
    over = ours.policies["chis"].model_copy(update={"expires": date(2026, 9, 14)})
    ended = dataclasses.replace(ours, policies={**ours.policies, "chis": over})
    lookout = Gate(ended, keys, canaries, relays=ours).carried()
    assert {alarm.agency for alarm in lookout.alarms() if alarm.kind == "leak"} == {"chis"}


def test_another_version_of_a_policy_is_told(ours, keys, open_ones):
    """The relay may not have taken up what is written here, or have taken up what is not."""
    other = ours.policies["chis"].model_copy(update={"version": "0" * 16})
    relays = dataclasses.replace(ours, policies={**ours.policies, "chis": other})
    found = kinds(Gate(ours, keys, open_ones, relays=relays).carried())
    assert found == {("policy", "chis", "child_demographics", "version")}


def test_what_is_carried_after_its_time_is_no_leak(ours, keys, canaries):
    """By then what was said of its child is forgotten, so that nothing stands against it any more."""
    told = [one for one in canaries if one.told is not None]
    late = Lookout(ours, keys, told, now=NOW)
    late.end()
    before = late.news()
    assert {alarm.kind for alarm in before} == {"missing", "receipt"}
    Gate(ours, keys, told, blind=True).carried(lambda record: late.take(record) or (record,))
    assert late.news() == []
    in_time = Lookout(ours, keys, told, now=NOW)
    Gate(ours, keys, told, blind=True).carried(lambda record: in_time.take(record) or (record,))
    assert "leak" in {alarm.kind for alarm in in_time.news()}


def test_a_canary_without_its_mark_is_told(ours, keys, open_ones):
    """Its reader would take it for a child."""
    topic = ours.streams["hospital_alert"].topic_to("social_worker")
    bare = to(topic, lambda record: record._replace(headers=tuple(one for one in record.headers if one != SYNTHETIC)))
    found = kinds(Gate(ours, keys, open_ones).carried(bare))
    assert found == {("unmarked", "social_worker", "hospital_alert", "headers.ce_hubsynthetic")}


def test_the_hubs_own_ids_and_keys_are_not_for_others(ours, keys, open_ones):
    """By them two agencies could put together what each was told."""
    topic = ours.streams["hospital_alert"].topic_to("social_worker")

    def own_id(record: Record) -> Record:
        event = canary_of(open_ones, record).event.encode()
        return record._replace(
            headers=tuple((name, event if name == "ce_id" else value) for name, value in record.headers)
        )

    found = kinds(Gate(ours, keys, open_ones).carried(to(topic, own_id)))
    assert ("leak", "social_worker", "hospital_alert", "event id") in found
    own_key = to(topic, lambda record: record._replace(key=canary_of(open_ones, record).record.key))
    found = kinds(Gate(ours, keys, open_ones).carried(own_key))
    assert found == {("leak", "social_worker", "hospital_alert", "key")}


def test_a_record_that_its_agency_cannot_read_is_told(ours, keys, open_ones):
    """In no schema of that topic, or in none at all; what stands in it is searched all the same."""
    topic = ours.streams["mash_referral"].topic_to("mash_health")
    for spoilt in (lambda value: b"\x00\x00\x00\x00\x01" + value[5:], lambda value: value + b"!", lambda _: b"{}"):
        change = lambda record, spoilt=spoilt: record._replace(value=spoilt(record.value))  # noqa: E731
        assert ("missing", "mash_health", "mash_referral", "value") in kinds(
            Gate(ours, keys, open_ones).carried(to(topic, change))
        )
    secret = ungranted(ours, "mash_health", "mash_referral")
    hidden = to(topic, lambda record: record._replace(value=record.value + said(open_ones, record, secret).encode()))
    assert ("leak", "mash_health", "mash_referral", secret) in kinds(Gate(ours, keys, open_ones).carried(hidden))


def test_a_receipt_that_says_otherwise_is_told(ours, keys, canaries):
    """None at all, another verdict, another field's verdict, another agency; and a token in one."""

    def of_chis(change) -> Callable:
        return lambda found: [changed for one in found for changed in (change(one) if one.agency == "chis" else [one])]

    def refield(one, path, verdict):
        fields = tuple(f._replace(verdict=verdict) if f.path == path else f for f in one.outcome.fields)
        return one._replace(outcome=one.outcome._replace(fields=fields))

    said = ("receipt", "chis", "child_demographics")
    for receipts, place in (
        (of_chis(lambda one: []), "event"),
        (of_chis(lambda one: [one._replace(outcome=one.outcome._replace(verdict="released"))]), "verdict"),
        (of_chis(lambda one: [refield(one, "child.surname", "withheld")]), "child.surname"),
        (of_chis(lambda one: [refield(one, "child.ethnicity", "released")]), "child.ethnicity"),
        (of_chis(lambda one: [one._replace(sent="0" * 64)]), "sent"),
    ):
        found = kinds(Gate(ours, keys, canaries).carried(receipts=receipts))
        assert found == {(*said, place)}
    other = lambda found: [*found, found[0]._replace(outcome=found[0].outcome._replace(agency="schools"))]  # noqa: E731
    assert {one[:1] + one[3:] for one in kinds(Gate(ours, keys, canaries).carried(receipts=other))} == {
        ("receipt", "agency")
    }
    token = next(iter(texts_in(str(canaries[0].values).encode())))
    chatty = lambda found: [found[0]._replace(standing=(token,)), *found[1:]]  # noqa: E731
    assert ("leak", "disclosures") in {one[:2] for one in kinds(Gate(ours, keys, canaries).carried(receipts=chatty))}


def test_a_watch_that_acts_on_a_canary_is_told(ours, keys, canaries):
    """What it emits of it is no canary any more, and would be taken for a child's."""
    (canary,) = [one for one in canaries if one.stream.name == "hospital_attendance"]
    alert = next(one.record for one in canaries if one.stream.name == "hospital_alert")
    papers = Envelope("0" * 32, "/watch/cpis", alert.topic, NOW, traceparent("0" * 32))
    lookout = Lookout(ours, keys, canaries, now=NOW)
    lookout.take(alert)
    assert lookout.alarms() == []
    value = b"\x00" + str(canary.values["patient"]["nhs_number"]).encode()
    lookout.take(Record(alert.topic, b"k", value, papers.headers()))
    assert lookout.alarms() == [Alarm("leak", "a watch", "hospital_alert", "patient.nhs_number", "open")]


def test_an_alarm_is_logged_by_place_and_never_by_token(ours, keys, open_ones, caplog):
    """At the level of errors, a line each."""
    fields = ours.policies["schools"].hears["school_attendance"].fields
    leaky = regranted(ours, "schools", "school_attendance", fields=(*fields, "pupil.surname"))
    lookout = Gate(ours, keys, open_ones, relays=leaky).carried()
    alarmed(lookout.alarms())
    assert {record.levelname for record in caplog.records} == {"ERROR"}
    assert {record.message for record in caplog.records} == {SENTENCES["leak"]}
    said = [record.hub_keys for record in caplog.records]
    assert {(one["code"], one["agency"], one["place"]) for one in said} == {("canary.leak", "schools", "pupil.surname")}
    assert not TEXT.search(str(said).encode())


# --- nobody acts on one --------------------------------------------------------------------------------------------


class Touched(BaseException):
    """Something was asked of the ground."""


class Untouchable:
    """A ground on which nothing may be done."""

    def recall(self, *_: object) -> None:
        """Nothing is asked of it."""
        raise Touched

    hold = emit = caught_up = recall


def test_a_watch_neither_keeps_nor_judges_a_canary(ours, keys, canaries):
    """Nothing is remembered of it and nothing emitted."""
    watch = ours.watches["cpis"]
    kept, judged, emitted = (ours.streams[name] for name in (watch.keeps, watch.on, watch.emits))
    watching = Watching(
        watch=watch, kept=kept, judged=judged, emitted=emitted, wire=Wire(ours), keys=keys, ground=Untouchable()
    )
    for name, work in ((watch.keeps, watching.keep), (watch.on, lambda taken: watching.judge(taken, lambda: NOW))):
        record = next(one.record for one in canaries if one.stream.name == name)
        taken = Taken(record.topic, 0, 7, record.key, record.value, record.headers)
        assert asyncio.run(work(taken)) == Worked()
        real = taken._replace(headers=tuple(one for one in record.headers if one != SYNTHETIC))
        with pytest.raises(Touched):
            asyncio.run(work(real))
