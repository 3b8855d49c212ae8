"""One watch at work on single records: what it cannot take in is doubted, never taken for silence."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections.abc import Awaitable, Coroutine, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import Field

from hub.avro import schema_of
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.errors import CatalogError, MessageError, NotForUs
from hub.keys import Keys
from hub.schema_lock import SchemaLock
from hub.stream import Event, Sensitivity, Stream
from hub.topology import changelog_of
from hub.transports.kafka.security import security
from hub.watch import Judge, Memory, State, Watch
from hub.watches.changelog import co_parted
from hub.watches.watching import Taken, Watching, Worked, unsealed
from hub.wire import Wire

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
KEYS = Keys(b"a secret of thirty-two bytes, or more")
KEY = KEYS.pseudonym("name", "somebody").encode()


class Said(Event):
    """A word on somebody."""

    name: Annotated[str, Field(description="Who."), Sensitivity.IDENTIFIER]
    word: Annotated[str, Field(description="What."), Sensitivity.SPECIAL]
    more: Annotated[str | None, Field(description="Added later."), Sensitivity.SPECIAL] = None


class Asked(Event):
    """A question about somebody."""

    name: Annotated[str, Field(description="Who."), Sensitivity.IDENTIFIER]


class Answered(Event):
    """What is known."""

    name: Annotated[str, Field(description="Who."), Sensitivity.IDENTIFIER]
    words: Annotated[tuple[str, ...], Field(description="What."), Sensitivity.SPECIAL]
    certain: Annotated[bool, Field(description="Whether that is all."), Sensitivity.OPEN]


def stream(name: str, event: type[Event]) -> Stream:
    return Stream(name=name, event=event, key=("name",), keep="days", steward="tests")


SAID, ASKED, ANSWERED = stream("said", Said), stream("asked", Asked), stream("answered", Answered)


def remember(state: State | None, values: Mapping[str, Any], now: datetime) -> State | None:
    if values["word"] == "secret-that-breaks":
        raise RuntimeError(f"cannot bear {values['word']}")
    if values["word"] == "forget":
        return None
    return {"words": sorted({*(state or {"words": []})["words"], values["word"]})}


def judge(
    values: Mapping[str, Any],
    state: State | None,
    papers: Envelope,
    *,
    now: datetime,
    caught_up: bool,
) -> Iterator[Event]:
    if values["name"] == "breaks":
        raise KeyError(values["name"])
    yield Answered(name=values["name"], words=(state or {"words": ()})["words"], certain=caught_up)


WATCH = Watch(name="words", keeps="said", on="asked", emits="answered", remember=remember, judge=judge)
STREAMS = {one.name: one for one in (SAID, ASKED, ANSWERED)}


def catalog(*old: tuple[str, dict[str, Any]]) -> Catalog:
    lock = SchemaLock([{"id": number, "subject": topic, "schema": one} for number, (topic, one) in enumerate(old, 1)])
    return Catalog(
        streams=STREAMS,
        agencies={},
        policies={},
        watches={"words": WATCH},
        keeping={},
        notice=None,
        lock=lock.with_subjects({one.topic: schema_of(one) for one in STREAMS.values()}),
    )


class Desk:
    """A ground in memory."""

    def __init__(self) -> None:
        self.memory: dict[bytes, bytes] = {}
        self.held = 0
        self.emitted: list[Record] = []
        self.up_to_date = True
        self.most = 10_000

    def recall(self, watch: str, key: bytes) -> bytes | None:
        """What is held."""
        assert watch == "words"
        return self.memory.get(key)

    def hold(self, watch: str, key: bytes, memory: bytes | None, partition: int) -> Awaitable[object]:
        """Hold it."""
        assert (watch, partition) == ("words", 2)
        self.held += 1
        if len(memory or b"") > self.most:
            raise MessageError("too-large")
        if memory is None:
            self.memory.pop(key, None)
        else:
            self.memory[key] = memory
        return asyncio.sleep(0)

    async def emit(self, record: Record) -> Awaitable[object]:
        """Keep it for the test."""
        self.emitted.append(record)
        return asyncio.sleep(0)

    async def caught_up(self, watch: str, topic: str, partition: int, offset: int) -> bool:
        """As the test says."""
        assert (watch, partition) == ("words", 2)
        return self.up_to_date


class Bench:
    """One watching, with what tests give it and see of it."""

    def __init__(self, known: Catalog) -> None:
        self.desk = Desk()
        self.catalog = known
        self.wire = Wire(known)
        self.watching = Watching(
            watch=WATCH, kept=SAID, judged=ASKED, emitted=ANSWERED, wire=self.wire, keys=KEYS, ground=self.desk
        )

    def taken(self, of: Stream, values: dict[str, Any] | bytes | None, own: str = "m1", **other: Any) -> Taken:
        """A record as it would be taken."""
        event_id = KEYS.event_id("tests", "line", own, 0)
        papers = Envelope(event_id, "/tests", of.topic, NOW, traceparent(event_id))
        value = self.wire.write(of, values) if isinstance(values, dict) else values
        return Taken(of.topic, 2, 40, KEY, value, papers.headers())._replace(**other)

    def say(self, word: str, own: str = "m1", **other: Any) -> None:
        """Give a word to keep."""
        run(self.watching.keep(self.taken(SAID, {"name": "somebody", "word": word, "more": None}, own, **other)))

    def ask(self, own: str = "q1", **other: Any) -> dict[str, Any]:
        """Give a question and return its answer."""
        run(self.watching.judge(self.taken(ASKED, {"name": "somebody"}, own, **other), lambda: NOW))
        return self.wire.read(ANSWERED, self.desk.emitted[-1].value or b"")


@pytest.fixture
def bench() -> Bench:
    return Bench(catalog())


def run(work: Coroutine[Any, Any, Worked]) -> None:
    """Work on one record and keep its promises; its fault is raised."""

    async def through() -> None:
        worked = await work
        for promise in worked.promises:
            await promise
        if worked.fault is not None:
            raise worked.fault

    asyncio.run(through())


def test_what_was_said_is_answered(bench: Bench) -> None:
    """What is kept under a key is there for the question under the same key."""
    bench.say("one")
    bench.say("two", "m2")
    assert bench.ask() == {"name": "somebody", "words": ["one", "two"], "certain": True}


def test_an_answer_has_the_same_id_whenever_it_is_given(bench: Bench) -> None:
    """The id comes of the question's id; another question has another."""
    bench.ask()
    bench.say("one")
    bench.ask()
    bench.ask("q2")
    first, again, other = (Envelope.from_headers(record.headers) for record in bench.desk.emitted)
    assert first.id == again.id == KEYS.event_id("watch.words", "answered", KEYS.event_id("tests", "line", "q1", 0), 0)
    assert other.id != first.id
    assert (first.source, first.type, first.time) == ("/watch/words", "answered.v1", NOW)
    assert first.trace.split("-")[1] == KEYS.event_id("tests", "line", "q1", 0)


def test_the_answer_lies_under_its_own_subjects_key(bench: Bench) -> None:
    """The Kafka key is the pseudonym that its stream asks for."""
    bench.ask()
    own = KEYS.subject(ANSWERED, {"name": "somebody"}, otherwise="").encode()
    assert bench.desk.emitted[0][:2] == ("answered.v1", own)


def test_what_is_held_is_sealed_and_bound_to_its_key(bench: Bench) -> None:
    """Neither a word nor a state can be read in the changelog, nor moved to another key."""
    bench.say("telltale")
    (box,) = bench.desk.memory.values()
    assert b"telltale" not in box
    assert unsealed(KEYS, "words", KEY, box).state == {"words": ["telltale"]}
    assert unsealed(KEYS, "words", b"another", box).doubts == ("memory",)


def test_what_is_known_already_is_not_written_again(bench: Bench) -> None:
    """An event that is given again after a restart changes nothing."""
    bench.say("one")
    bench.say("one")
    assert bench.desk.held == 1


def test_an_erasure_forgets(bench: Bench) -> None:
    """A kept record without a value takes the memory of its key away."""
    bench.say("one")
    run(bench.watching.keep(bench.taken(SAID, None)))
    assert bench.desk.memory == {}
    assert bench.ask()["words"] == []


def test_a_question_without_a_value_is_no_question(bench: Bench) -> None:
    """The tombstone of an erased question is not answered."""
    run(bench.watching.judge(bench.taken(ASKED, None), lambda: NOW))
    assert bench.desk.emitted == []


@pytest.mark.parametrize(
    ("values", "other", "code"),
    [
        (b"\x00\x00\x00\x00\x63rubbish", {}, "avro.schema-id"),
        (b"", {}, "avro.schema-id"),
        ({"name": "somebody", "word": "one", "more": None}, {"headers": ()}, "no-papers"),
        ({"name": "somebody", "word": "secret-that-breaks", "more": None}, {}, "error.runtimeerror"),
    ],
)
def test_what_cannot_be_taken_in_leaves_a_doubt(
    bench: Bench, values: dict[str, Any] | bytes, other: dict[str, Any], code: str
) -> None:
    """An unreadable word is not silence: until it is replayed no answer under its key is certain."""
    bench.say("before")
    with pytest.raises(MessageError) as caught:
        run(bench.watching.keep(bench.taken(SAID, values, "bad", **other)))
    assert caught.value.code == code
    assert "secret" not in str(caught.value)
    assert bench.ask() == {"name": "somebody", "words": ["before"], "certain": False}
    bench.say("after", "m3")
    assert not bench.ask("q2")["certain"]


def test_a_replay_ends_its_doubt(bench: Bench) -> None:
    """The same event, taken in at last, is no longer doubted."""
    with pytest.raises(MessageError):
        run(bench.watching.keep(bench.taken(SAID, b"rubbish", "m1")))
    assert not bench.ask()["certain"]
    bench.say("one", "m1")
    assert bench.ask("q2") == {"name": "somebody", "words": ["one"], "certain": True}


def test_a_memory_that_does_not_open_is_a_doubt(bench: Bench) -> None:
    """What was sealed with another secret, or damaged, never reads as nothing."""
    bench.desk.memory[KEY] = b"damaged beyond repair, though long enough"
    assert not bench.ask()["certain"]
    bench.say("one")
    assert bench.ask("q2") == {"name": "somebody", "words": ["one"], "certain": False}


def test_a_memory_that_grows_too_large_is_all_in_doubt(bench: Bench) -> None:
    """What cannot be held is refused, and nothing under its key is certain any more."""
    bench.say("one")
    bench.desk.most = len(bench.desk.memory[KEY])
    with pytest.raises(MessageError, match="too-large"):
        bench.say("a word longer than what can be held", "m2")
    assert not bench.ask()["certain"]


def test_a_memory_that_lags_is_told_to_the_judge(bench: Bench) -> None:
    """Whether everything was taken in before the question is part of the question."""
    bench.desk.up_to_date = False
    assert not bench.ask()["certain"]


def test_a_record_without_a_key_is_refused_or_uncertain(bench: Bench) -> None:
    """Nobody can say whose it is."""
    with pytest.raises(MessageError, match="no-key"):
        bench.say("one", key=None)
    assert not bench.ask(key=None)["certain"]


def test_a_judge_that_fails_says_where_and_nothing_else(bench: Bench) -> None:
    """The error that goes to quarantine holds no value, and nothing is emitted."""
    with pytest.raises(MessageError) as caught:
        run(bench.watching.judge(bench.taken(ASKED, {"name": "breaks"}), lambda: NOW))
    assert (caught.value.code, caught.value.place.split(":")[0]) == ("error.keyerror", "judge")
    assert caught.value.__cause__ is None
    assert bench.desk.emitted == []


def test_a_judge_of_another_stream_is_refused(bench: Bench) -> None:
    """A watch emits what its `emits` says, or nothing."""

    def wrong(*_: Any, **__: Any) -> Iterator[Event]:
        yield Asked(name="somebody")

    watching = dataclasses.replace(bench.watching, watch=dataclasses.replace(WATCH, judge=wrong))
    with pytest.raises(MessageError, match="not-its-stream"):
        run(watching.judge(bench.taken(ASKED, {"name": "somebody"}), lambda: NOW))


def one_stream(bench: Bench, judged: Judge = judge) -> Watching:
    """A watch that judges what it keeps."""
    watch = dataclasses.replace(WATCH, on="said", judge=judged)
    return dataclasses.replace(bench.watching, watch=watch, judged=SAID)


def test_what_is_kept_and_judged_is_kept_first(bench: Bench) -> None:
    """Each word is in what it is judged by, and nobody waits for the stream to come to its end."""
    bench.desk.up_to_date = False
    watching = one_stream(bench)
    for word in ("one", "two"):
        run(
            watching.keep_and_judge(
                bench.taken(SAID, {"name": "somebody", "word": word, "more": None}, word), lambda: NOW
            )
        )
    told = [bench.wire.read(ANSWERED, record.value or b"") for record in bench.desk.emitted]
    assert [(one["words"], one["certain"]) for one in told] == [(["one"], True), (["one", "two"], True)]


def test_what_cannot_be_kept_is_not_judged(bench: Bench) -> None:
    """It goes to quarantine once, and leaves its doubt."""
    word = {"name": "somebody", "word": "secret-that-breaks", "more": None}
    with pytest.raises(MessageError, match=r"error\.runtimeerror"):
        run(one_stream(bench).keep_and_judge(bench.taken(SAID, word), lambda: NOW))
    assert bench.desk.emitted == []
    assert not bench.ask()["certain"]


def test_what_the_judge_puts_aside_is_counted_and_is_no_fault(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """By its code, and without a word of the event."""

    def overtaken(*_: Any, **__: Any) -> Iterator[Event]:
        raise NotForUs("word.overtaken")
        yield

    caplog.set_level(logging.INFO, "hub")
    word = {"name": "somebody", "word": "one", "more": None}
    run(one_stream(bench, overtaken).keep_and_judge(bench.taken(SAID, word), lambda: NOW))
    assert bench.desk.emitted == []
    assert bench.desk.held == 1
    (noted,) = (vars(record)["hub_keys"] for record in caplog.records if record.name == "hub.watches")
    assert noted == {"code": "word.overtaken", "topic": SAID.topic, "count": 1}


def test_quarantine_holds_the_bytes_sealed_and_the_place_open(bench: Bench) -> None:
    """Whoever has the key can replay it; whoever has not learns a code and a place."""
    taken = bench.taken(SAID, b"telltale")
    record = bench.watching.quarantined(taken, MessageError("some-code", "some-place"), NOW)
    assert record.topic == "quarantine.watches"
    assert KEYS.unseal("quarantine", record.value or b"", "said.v1/2/40") == b"telltale"
    headers = dict(record.headers)
    papers = json.loads(KEYS.unseal("quarantine.papers", headers.pop("hub_papers"), "said.v1/2/40"))
    assert [name for name, _ in papers["headers"]] == [name for name, _ in taken.headers]
    assert headers == {
        "hub_code": b"watch.some-code",
        "hub_place": b"said.v1/2/40",
        "hub_time": b"2026-03-10T12:00:00.000Z",
        "hub_watch": b"words",
    }


def test_a_word_written_before_its_schema_grew_is_read() -> None:
    """A compacted topic keeps what was written by schemas of the past."""
    young = schema_of(SAID)
    old = {**young, "fields": [field for field in young["fields"] if field["name"] != "more"]}
    bench = Bench(catalog((SAID.topic, old)))
    written = bench.catalog.lock.codec(b"\x00\x00\x00\x00\x01").encode({"name": "somebody", "word": "old"})
    run(bench.watching.keep(bench.taken(SAID, written)))
    assert bench.ask()["words"] == ["old"]
    assert bench.wire.read(SAID, written)["more"] is None


def test_a_memory_comes_back_as_it_was_packed() -> None:
    """Bytes and back; nothing to keep packs to nothing."""
    memory = Memory({"words": ["one"]}).doubting("a").doubting("b").doubting("a")
    assert Memory.unpack(memory.pack()) == memory
    assert Memory().pack() is None
    assert Memory(None).doubting("a").knowing(None, "a").pack() is None


@pytest.mark.parametrize("topic", ["said.v1", "asked.v1", changelog_of("words")])
def test_topics_that_are_parted_otherwise_are_refused(topic: str) -> None:
    """Flags and arrivals of one child would lie on different partitions, and nothing would be found."""
    alike = {"said.v1": 6, "asked.v1": 6, changelog_of("words"): 6, "answered.v1": 1}
    co_parted(catalog(), alike)
    with pytest.raises(CatalogError, match=f"{topic} has 5"):
        co_parted(catalog(), alike | {topic: 5})


def test_security_settings_are_followed_or_refused() -> None:
    """A client that cannot follow a security setting must not connect in the open instead."""
    assert security({"queue.buffering.max.ms": "5"}) == {"security_protocol": "PLAINTEXT"}
    said = {"security.protocol": "sasl_ssl", "sasl.username": "hub", "sasl.password": "p", "sasl.mechanism": "PLAIN"}
    found = security(said)
    assert (found["security_protocol"], found["sasl_plain_username"]) == ("SASL_SSL", "hub")
    assert found["ssl_context"].check_hostname
    with pytest.raises(CatalogError, match=r"sasl\.oauthbearer\.config"):
        security({"sasl.oauthbearer.config": "x"})
    with pytest.raises(CatalogError, match=r"sasl\.password is not set"):
        security({"security.protocol": "SASL_PLAINTEXT", "sasl.username": "hub"})
