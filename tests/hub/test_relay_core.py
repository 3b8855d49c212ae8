"""Promises of the relay's inside, without a broker: what is written of one event, and the order of a transaction."""

# ruff: noqa: D102  the broker's double answers to librdkafka's own names, which say what they do

from __future__ import annotations

import dataclasses
import hashlib
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import disclosure, relay, topology
from hub.disclosure import Receipt
from hub.envelope import Envelope, Record, stamp, traceparent
from hub.errors import TransportError, Unreadable
from hub.keyed import Keyed
from hub.keys import digest
from hub.outbound import Desk, open_letter
from hub.policy import cite
from hub.precedence import Precedence
from hub.route import CONTENT_TYPES, SOURCE

EVENT_ID = "0123456789abcdef0123456789abcdef"
TAKEN = datetime(2026, 9, 15, 8, 0, 0, 250_000, tzinfo=UTC)
CHILD = {
    "nhs_number": "9990000018", "upn": None, "local_id": "7001", "surname": "Ferrars", "forename": "Noor",
    "preferred_forename": None, "sex": "F", "born": date(2014, 9, 5), "address": None, "ethnicity": "WBRI",
    "ethnicity_description": None, "restricted": False,
}  # fmt: skip
MARK = {
    "pupil": {"upn": "Q866400121012", "local_id": None, "surname": "Ferrars", "forename": None,
              "born": date(2014, 9, 5), "in_care_of": "swindon", "registered_urn": "990001"},
    "school_urn": "990002", "day": date(2026, 9, 14), "session": "am", "mark": "O",
    "statistical_class": "unauthorised", "minutes_late": None,
}  # fmt: skip


def demographic(catalog, key=b"f" * 32, headers=None, **changes):
    """A demographic event as it lies on its topic."""
    stream = catalog.streams["child_demographics"]
    papers = Envelope(EVENT_ID, "/tests", stream.topic, TAKEN, traceparent(EVENT_ID))
    value = catalog.codec(stream).encode({"child": CHILD | changes, "school": None, "parents": []})
    return Record(stream.topic, key, value, papers.headers() if headers is None else headers)


def attendance(catalog, **pupil):
    """An attendance mark as it lies on its topic."""
    stream = catalog.streams["school_attendance"]
    papers = Envelope(EVENT_ID, "/tests", stream.topic, TAKEN, traceparent(EVENT_ID))
    value = catalog.codec(stream).encode(MARK | {"pupil": MARK["pupil"] | pupil})
    return Record(stream.topic, b"f" * 32, value, papers.headers())


@pytest.fixture
def desk(catalog, keys):
    """The desk of the demographics, which CHIS hears."""
    return Desk(catalog, catalog.streams["child_demographics"], keys)


def test_a_record_carries_just_the_headers_that_its_envelope_would_write(desk, catalog, keys, now):
    """The quick way and the plain way of writing papers are the same, to the byte and in order."""
    (sent,) = desk.carry(demographic(catalog), now=now).records
    subject_key, message_key = keys.recipient("chis")
    message = digest(message_key, EVENT_ID)

    assert sent.headers == Envelope(message, SOURCE, sent.topic, TAKEN, traceparent(message)).headers(
        CONTENT_TYPES["avro"]
    )
    assert sent.key == digest(subject_key, b"f" * 32).encode()


def test_a_record_for_one_of_a_family_carries_its_address(catalog, keys, now):
    """Likewise, with the address at the end."""
    carried = Desk(catalog, catalog.streams["school_attendance"], keys).carry(attendance(catalog), now=now)
    sent = next(one for one in carried.records if one.topic.endswith(".to.schools"))
    message = digest(keys.recipient("schools")[1], EVENT_ID)

    assert sent.headers == Envelope(message, SOURCE, sent.topic, TAKEN, traceparent(message), "990001").headers()
    assert open_letter(catalog, sent.value, sent.headers).values["pupil"] == {
        "upn": "Q866400121012",
        "registered_urn": "990001",
    }


def test_what_has_no_address_stays_here_by_a_rule_that_says_so(catalog, keys, now):
    """Where a policy names no other, nobody is guessed."""
    carried = Desk(catalog, catalog.streams["school_attendance"], keys).carry(
        attendance(catalog, registered_urn=None), now=now
    )
    receipt = next(one for one in carried.receipts if one.agency == "schools")

    assert (receipt.verdict, receipt.rule) == ("withheld", "address.pupil.registered_urn")
    assert not [one for one in carried.records if one.topic.endswith(".to.schools")]


def test_a_receipt_attests_the_very_bytes_that_were_sent(desk, catalog, now):
    """And under which policy, by which gate, on which section of the notice."""
    carried = desk.carry(demographic(catalog), now=now)
    (sent,), (receipt,) = carried
    policy = catalog.policies["chis"]
    grant = policy.hears["child_demographics"]

    assert receipt == Receipt(
        event=EVENT_ID, outcome=receipt.outcome, standing=(), message=dict(sent.headers)["ce_id"].decode(),
        sent=hashlib.sha256(sent.value).hexdigest(), at=stamp(now),
    )  # fmt: skip
    assert receipt.outcome[:-1] == (
        "child_demographics", "chis", "released", "", policy.version, policy.agreement, grant.gate, "statute",
        grant.notice, cite(grant),
    )  # fmt: skip


def test_a_sealed_event_leaves_nothing_but_a_receipt(desk, catalog, now):
    """Which names the seal, and no message."""
    for restricted in (True, None):
        records, (receipt,) = desk.carry(demographic(catalog, restricted=restricted), now=now)
        assert records == []
        assert (receipt.verdict, receipt.rule, receipt.message, receipt.sent) == (
            "withheld",
            "sealed.restricted",
            "",
            "",
        )


def test_of_a_sealed_event_nothing_is_read_but_the_seal_and_the_childs_names(desk, catalog):
    """What decisions do not ask for is stepped over before any of it is a value."""
    values = desk.view.read(demographic(catalog).value)

    assert values == {"child": {"nhs_number": "9990000018", "upn": None, "local_id": "7001", "restricted": False}}
    assert desk.view.source.count(".decode()") == len(desk.stream.subject)


@pytest.mark.parametrize("missing", ["ce_id", "ce_source", "ce_type", "ce_time", "traceparent"])
def test_an_event_without_its_papers_is_not_sound(desk, catalog, missing, now):
    """It goes to quarantine, whoever might hear it."""
    whole = demographic(catalog)
    record = whole._replace(headers=tuple(header for header in whole.headers if header[0] != missing))

    with pytest.raises(KeyError):
        desk.carry(record, now=now)


def test_an_event_whose_id_is_null_is_refused_to_everybody(desk, catalog, now):
    """It has a receipt for each who could have heard it, though it cannot say which event it is."""
    whole = demographic(catalog)
    record = whole._replace(headers=tuple((name, None if name == "ce_id" else of) for name, of in whole.headers))

    assert {receipt.event for receipt in desk.refused(record, now=now)} == {""}


@pytest.mark.parametrize("time", [b"yesterday", b"2026-02-30T08:00:00.000Z", b"\xff", b""])
def test_a_time_that_is_none_is_not_passed_on(desk, catalog, time, now):
    """Not even where nobody would look at it."""
    whole = demographic(catalog)
    record = whole._replace(headers=tuple((name, time if name == "ce_time" else of) for name, of in whole.headers))

    with pytest.raises(ValueError):  # noqa: PT011  what is wrong with it is said in Python's own words
        desk.carry(record, now=now)


@pytest.mark.parametrize(
    "written", ["2026-09-15T09:00:00.250+01:00", "20260915T080000.250Z", "2026-W38-2T08:00:00.250Z"]
)
def test_a_time_in_another_spelling_is_spelt_anew(desk, catalog, written, now):
    """Bytes are not forwarded, in headers either."""
    whole = demographic(catalog)
    headers = tuple((name, written.encode() if name == "ce_time" else of) for name, of in whole.headers)
    (sent,) = desk.carry(whole._replace(headers=headers), now=now).records

    assert dict(sent.headers)["ce_time"] == b"2026-09-15T08:00:00.250Z"


def test_an_unsound_event_is_unreadable_whether_or_not_anybody_would_hear_it(desk, catalog, now):
    """Cut, or longer than it says, also where a seal would have kept it back."""
    for restricted in (True, False):
        whole = demographic(catalog, restricted=restricted)
        for value in (whole.value[:-1], whole.value + b"\x00", b"", None):
            with pytest.raises(Unreadable):
                desk.carry(whole._replace(value=value), now=now)


@pytest.mark.parametrize(
    ("part", "gives", "rule"),
    [
        ("project", {"child": {"surname": "Ferrars", "shoe_size": 33}}, "fields.valueerror"),
        ("encode", b"\x00\x00\x00\x00\x00 Ferrars", "fields.notpermitted"),
    ],
)
def test_whatever_goes_wrong_on_the_way_out_keeps_the_event_here(desk, catalog, now, monkeypatch, part, gives, rule):
    """The receipt names the kind of error, and nothing of the event."""
    monkeypatch.setattr(desk.routes[0].projection, part, lambda *_: gives)
    records, (receipt,) = desk.carry(demographic(catalog), now=now)

    assert records == []
    assert (receipt.verdict, receipt.rule, receipt.message, receipt.sent) == ("withheld", rule, "", "")
    assert "Ferrars" not in str(receipt)


def test_an_agency_that_hears_nothing_of_a_stream_has_no_route_on_it(catalog, keys):
    """So that it costs the stream nothing."""
    routes = [route.agency for route in Desk(catalog, catalog.streams["child_demographics"], keys).routes]

    assert routes == ["chis"]


def test_an_agency_on_trial_hears_nothing(catalog, keys, now):
    """Its policy is known, and there is not even a receipt."""
    chis = catalog.agencies["chis"].model_copy(update={"status": "trial"})
    trial = dataclasses.replace(catalog, agencies={**catalog.agencies, "chis": chis})

    assert Desk(trial, trial.streams["child_demographics"], keys).carry(demographic(catalog), now=now) == ([], [])


@settings(max_examples=100, deadline=None, database=None)
@given(st.binary(max_size=64), st.binary(max_size=200))
def test_a_keyed_digest_is_the_one_that_keys_make(key, text):
    """The same HMAC-SHA-256, worked out in two ways."""
    assert Keyed(key).digest(text) == digest(key, text)


def test_a_key_longer_than_a_block_is_refused():
    """It would have to be hashed first, and none of the hub's is so long."""
    with pytest.raises(ValueError, match="block"):
        Keyed(b"k" * 65)


# --- the transaction ------------------------------------------------------------------------------------------


class Message:
    """What librdkafka hands over."""

    def __init__(self, record: Record, offset: int, fault: KafkaError | None = None) -> None:
        self._record, self._offset, self._fault = record, offset, fault

    def topic(self):
        return self._record.topic

    def partition(self):
        return 0

    def offset(self):
        return self._offset

    def key(self):
        return self._record.key

    def value(self):
        return self._record.value

    def headers(self):
        return list(self._record.headers)

    def error(self):
        return self._fault


class Broker:
    """A broker of one partition, which notes in *said* what is asked of it, and fails where it is told to."""

    def __init__(self, topic: str) -> None:
        self.topic, self.said, self.open = topic, [], False
        self.waiting: list[Message] = []
        self.position = self.committed = 0
        self.faults: dict[str, list[KafkaException]] = {}
        self.published: list[tuple[str, bytes]] = []
        self.assigned = True
        self.commits_all_the_same = False

    def say(self, what: str) -> None:
        self.said.append(what)
        if self.faults.get(what):
            raise self.faults[what].pop(0)


class Consumer:
    """A consumer of the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def subscribe(self, _topics, on_assign):
        on_assign(self, [])

    def poll(self, _seconds):
        assert not self._broker.open, "polled in a transaction"
        found = self.consume(1, 0)
        return found[0] if found else None

    def consume(self, most, _seconds):
        assert not self._broker.open, "polled in a transaction"
        found = self._broker.waiting[self._broker.position :][:most]
        self._broker.position += len(found)
        return found

    def consumer_group_metadata(self):
        return "generation"

    def committed(self, partitions, timeout):
        return [TopicPartition(one.topic, one.partition, self._broker.committed) for one in partitions]

    def assignment(self):
        return [TopicPartition(self._broker.topic, 0)] if self._broker.assigned else []

    def seek(self, partition):
        self._broker.say("seek")
        self._broker.position = partition.offset

    def close(self):
        self._broker.say("close")


class Producer:
    """A producer of the broker; of no use any more once it was aborted."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._spent = broker, False
        self._records, self._offset = [], 0

    def init_transactions(self, _seconds):
        self._broker.say("init")
        self._broker.open = False

    def begin_transaction(self):
        assert not self._spent, "a producer was used after it was aborted"
        assert not self._broker.open, "two transactions at once"
        self._broker.say("begin")
        self._broker.open, self._records = True, []

    def produce(self, topic, value, key, headers, on_delivery):
        self._records.append((topic, value))

    def poll(self, _seconds):
        return 0

    def send_offsets_to_transaction(self, offsets, reader, _seconds):
        assert reader == "generation"
        self._broker.say("offsets")
        (self._offset,) = [one.offset for one in offsets]

    def commit_transaction(self, _seconds):
        try:
            self._broker.say("commit")
        except KafkaException:
            if self._broker.commits_all_the_same:
                self._settle()
            raise
        self._settle()

    def _settle(self):
        self._broker.committed, self._broker.open = self._offset, False
        self._broker.published += self._records

    def abort_transaction(self, _seconds):
        self._spent, self._broker.open = True, False
        self._broker.say("abort")


class Follower:
    """A follower that has always caught up, for nothing is known of anybody."""

    def __init__(self, *_words):
        """Ask nobody."""

    def catch_up(self, _patience):
        pass

    def close(self):
        pass


def fault(code: int, **kinds: bool) -> KafkaException:
    """An answer that is no success."""
    return KafkaException(KafkaError(code, "", **kinds))


@pytest.fixture
def carrying(catalog, keys, monkeypatch):
    """A relay of the routine lane over a broker of our own; call it with how many events to carry."""
    broker = Broker(catalog.streams["child_demographics"].topic)
    monkeypatch.setattr(relay, "Consumer", lambda _: Consumer(broker))
    monkeypatch.setattr(relay, "Producer", lambda _: Producer(broker))
    monkeypatch.setattr(relay, "Follower", Follower)
    monkeypatch.setattr(relay, "BATCH", 4)
    made = relay.Relay(catalog, keys, "nowhere:9", lane="routine")
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", lambda _seconds: False)

    def carry(count):
        broker.waiting += [Message(demographic(catalog, surname=f"S{n}"), n) for n in range(count)]
        poll = made._poll

        def polled():
            if broker.committed >= count:
                stop.set()
            return poll()

        made._poll = polled
        made.run(stop)
        return broker

    carry.broker, carry.relay, carry.stop = broker, made, stop
    return carry


def surnames(broker, catalog):
    """What was published for CHIS, by the event's surname."""
    topic = catalog.streams["child_demographics"].topic_to("chis")
    return [
        catalog.lock.codec(value).decode(value)["child"]["surname"] for to, value in broker.published if to == topic
    ]


def test_events_are_carried_in_order_in_transactions_that_are_never_open_while_polling(carrying, catalog):
    """One after the other, each with its offsets, from one poll or from several."""
    broker = carrying(30)

    assert surnames(broker, catalog) == [f"S{n}" for n in range(30)]
    assert broker.said[:5] == ["init", "begin", "offsets", "commit", "begin"]
    assert broker.said.count("begin") == broker.said.count("commit") >= 8


def test_every_decision_is_published_in_the_transaction_that_it_belongs_to(carrying):
    """A page of receipts goes with the records that it attests."""
    broker = carrying(4)

    assert [topic for topic, _ in broker.published] == [broker.topic + ".to.chis"] * 4 + [disclosure.TOPIC]


def test_while_another_lane_goes_first_events_are_carried_a_piece_at_a_time_with_a_rest_after_each(
    carrying, catalog, monkeypatch
):
    """In order, none left out, and no transaction larger than a piece."""

    class Urged(Precedence):
        yields = True

    rests = []
    monkeypatch.setattr(relay, "PIECE", 2)
    monkeypatch.setattr(carrying.relay, "_precedence", Urged(None, "routine"))
    monkeypatch.setattr(carrying.stop, "wait", rests.append)
    broker = carrying(6)

    assert surnames(broker, catalog) == [f"S{n}" for n in range(6)]
    assert broker.said.count("commit") == 3
    assert len(rests) == 3
    assert all(rest > 0 for rest in rests)


@pytest.mark.parametrize("what", ["begin", "offsets", "commit"])
def test_after_an_error_the_producer_is_thrown_away_and_the_batch_carried_anew(carrying, catalog, what):
    """Each event once, in order, whichever call the error came of, and whatever was decided ahead meanwhile."""
    carrying.broker.faults[what] = [fault(KafkaError._TIMED_OUT), fault(KafkaError._TIMED_OUT)]
    broker = carrying(10)

    assert surnames(broker, catalog) == [f"S{n}" for n in range(10)]
    assert broker.said.count("abort") == 2
    assert broker.said.count("init") == 3


def test_a_call_that_may_be_repeated_is_repeated(carrying, catalog):
    """With the same producer."""
    carrying.broker.faults["commit"] = [fault(KafkaError._TIMED_OUT, retriable=True)]
    broker = carrying(4)

    assert surnames(broker, catalog) == [f"S{n}" for n in range(4)]
    assert (broker.said.count("init"), broker.said.count("commit")) == (1, 2)


def test_a_commit_that_succeeded_though_its_answer_was_lost_is_not_made_again(carrying, catalog):
    """The consumer goes back to what is committed, and what was decided ahead is forgotten."""
    carrying.broker.faults["commit"] = [fault(KafkaError._TIMED_OUT)]
    carrying.broker.commits_all_the_same = True
    broker = carrying(20)

    assert surnames(broker, catalog) == [f"S{n}" for n in range(20)]
    assert broker.said.count("seek") == 1


def test_nothing_is_carried_of_partitions_that_were_taken(carrying, catalog):
    """Whoever has them now begins at what is committed."""
    broker = carrying.broker
    broker.faults["commit"] = [fault(KafkaError._TIMED_OUT)]
    broker.assigned = False
    rewind = relay.Relay._rewind

    def taken(self):
        broker.committed = 8  # what another has carried meanwhile
        rewind(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay.Relay, "_rewind", taken)
        carrying(8)

    assert surnames(broker, catalog) == []


def test_what_kafka_cannot_say_yet_is_asked_again_before_anything_is_carried(carrying, catalog):
    """The commit's answer was lost, it had succeeded, and two questions about it fail: still each event once."""
    broker = carrying.broker
    broker.faults["commit"] = [fault(KafkaError._TIMED_OUT)]
    broker.commits_all_the_same = True
    broker.faults["seek"] = [fault(KafkaError._TRANSPORT), fault(KafkaError._TIMED_OUT)]
    carrying(20)

    assert surnames(broker, catalog) == [f"S{n}" for n in range(20)]
    assert broker.said.count("seek") == 3


def placed(broker, offset, error=None):
    """What a consumer of the broker is told is committed."""
    return lambda partitions, timeout: [SimpleNamespace(topic=broker.topic, partition=0, offset=offset, error=error)]


def test_a_partition_of_which_kafka_does_not_say_what_is_committed_is_asked_about_again(carrying, catalog, monkeypatch):
    """Polling on from where it stands would leave out what was polled and not carried."""
    broker, consumer = carrying.broker, carrying.relay._consumer
    broker.faults["commit"] = [fault(KafkaError._TIMED_OUT)]
    answers = [placed(broker, -1001, KafkaError(KafkaError._TIMED_OUT)), placed(broker, 0)]

    def committed(partitions, timeout):
        return answers.pop(0)(partitions, timeout)

    monkeypatch.setattr(consumer, "committed", committed)
    carrying(8)

    assert surnames(broker, catalog) == [f"S{n}" for n in range(8)]
    assert answers == []


def test_a_partition_without_a_committed_place_stops_the_relay(carrying, catalog, monkeypatch):
    """A person must say where the group goes on: nothing is passed over."""
    broker = carrying.broker
    broker.faults["commit"] = [fault(KafkaError._TIMED_OUT)]
    monkeypatch.setattr(carrying.relay._consumer, "committed", placed(broker, -1001))

    with pytest.raises(TransportError, match=r"lost-offsets\.md"):
        carrying(8)
    assert surnames(broker, catalog) == []


def test_a_transaction_that_kafka_ended_for_its_age_is_no_rival(carrying, catalog, monkeypatch):
    """A process that slept past its transaction's time goes on by itself; nobody took over from it."""
    monkeypatch.setattr(relay, "TRANSACTION_SECONDS", -1.0)
    carrying.broker.faults["commit"] = [fault(KafkaError.INVALID_PRODUCER_EPOCH)]
    broker = carrying(4)

    assert surnames(broker, catalog) == [f"S{n}" for n in range(4)]


@pytest.mark.parametrize("code", [KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH])
def test_a_relay_that_another_took_over_from_stops(carrying, code):
    """And leaves the other's transaction alone."""
    carrying.broker.faults["commit"] = [fault(code)]

    with pytest.raises(TransportError, match="took over"):
        carrying(4)
    assert "abort" not in carrying.broker.said


def test_a_batch_is_decided_again_after_an_error(carrying, catalog, monkeypatch):
    """An agreement may have ended while Kafka was away: what was decided before is not published after."""
    days = iter([datetime(2026, 9, 15, tzinfo=UTC)] + [datetime(2027, 9, 1, tzinfo=UTC)] * 20)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return next(days)

    monkeypatch.setattr(relay, "datetime", Clock)
    carrying.broker.faults["commit"] = [fault(KafkaError._TIMED_OUT)]
    broker = carrying(4)

    assert surnames(broker, catalog) == []
    assert [topic for topic, _ in broker.published] == [disclosure.TOPIC]


def test_a_record_that_is_not_sound_is_set_aside_sealed_and_the_others_carried(carrying, catalog, keys):
    """In the same transaction, and a tombstone leaves nothing."""
    broker = carrying.broker
    whole = demographic(catalog)
    broker.waiting += [Message(whole._replace(value=b"9990000018"), 0), Message(whole._replace(value=None), 1)]
    carrying(2)
    (box,) = [value for topic, value in broker.published if topic == topology.RELAY]

    assert b"9990000018" not in box
    assert keys.unseal("quarantine", box, f"{broker.topic}/0/0") == b"9990000018"
    assert surnames(broker, catalog) == ["S0", "S1"]


def test_an_error_of_the_consumer_that_will_not_pass_stops_the_relay(carrying, catalog):
    """Above all the loss of an offset: to begin anywhere would be to lose or to repeat."""
    carrying.broker.waiting += [Message(demographic(catalog), 0, KafkaError(KafkaError._AUTO_OFFSET_RESET, "lost"))]

    with pytest.raises(TransportError, match="cannot consume"):
        carrying(1)


def test_the_time_in_another_zone_is_the_same_time(desk, catalog):
    """Receipts say when in UTC."""
    now = datetime(2026, 9, 15, 10, 30, tzinfo=timezone(timedelta(hours=1)))

    assert desk.carry(demographic(catalog), now=now).receipts[0].at == "2026-09-15T09:30:00.000Z"
