"""Controls of the gate: promises of which one line of code is all there is, and that no other test would miss."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from confluent_kafka import KafkaError

from hub import disclosure, limits, relay, topology
from hub.approvals import different
from hub.avro import Codec
from hub.disclosure import receipts_of
from hub.document import parse, read
from hub.envelope import Envelope, Record, traceparent
from hub.errors import TransportError
from hub.inbound import Refusal
from hub.log import KEYS
from hub.outbound import Desk
from hub.transports.kafka import follower
from hub.view import View
from hub.wall import CLOSED, let_in
from tests.hub.cases import LONG_AGO, NOON, TAKEN, objected, standing

CHILD = {
    "nhs_number": "9990000018", "upn": None, "local_id": None, "surname": "Ferrars", "forename": "Noor",
    "preferred_forename": None, "sex": "F", "born": date(2014, 9, 5), "address": None, "ethnicity": None,
    "ethnicity_description": None, "restricted": False,
}  # fmt: skip
EVENT_ID = "0123456789abcdef" * 2


class Message:
    """What librdkafka hands over."""

    def __init__(self, record: Record, offset: int) -> None:
        self.topic, self.key = lambda: record.topic, lambda: record.key
        self.value, self.headers = lambda: record.value, lambda: list(record.headers)
        self.partition, self.offset, self.error = lambda: 0, lambda: offset, lambda: None


class Follower:
    """What is said of children, in the order in which Kafka has it; *away* is how often it does not answer first."""

    def __init__(self, _bootstrap, _topics, take, _extra) -> None:
        self._take, self.waiting, self.away = take, [], 0

    def catch_up(self, _patience):
        """Give what waits, or fail."""
        if self.away:
            self.away -= 1
            raise TransportError("no answer")
        while self.waiting:
            self._take(self.waiting.pop(0))


@pytest.fixture
def carrying(catalog, keys, monkeypatch):
    """A relay whose transactions end in the list *published*, over a follower of our own."""
    monkeypatch.setattr(relay, "Consumer", lambda _: None)
    monkeypatch.setattr(relay, "Follower", Follower)
    made = relay.Relay(catalog, keys, "nowhere:9", lane="routine", clock=lambda: NOON)
    made.published = []

    def transact(records, _offsets, meanwhile=()):
        made.published += records
        return made._decided(meanwhile)

    monkeypatch.setattr(made, "_transact", transact)
    return made


def papers(topic, at=TAKEN):
    return Envelope(EVENT_ID, "/tests", topic, at, traceparent(EVENT_ID)).headers()


@pytest.fixture
def demographic(catalog, keys):
    """One event that CHIS hears, as it lies on its topic."""
    stream = catalog.streams["child_demographics"]
    event = {"child": CHILD, "school": None, "parents": []}
    key = keys.subject(stream, event, otherwise="").encode()
    return Record(stream.topic, key, catalog.codec(stream).encode(event), papers(stream.topic))


@pytest.fixture
def objection(catalog, keys):
    """That the child of `demographic` is not to be heard of, as it lies on its topic."""
    (stream,) = catalog.standing
    said = standing(nhs_number="9990000018", objections=(objected("upheld"),))
    key = keys.subject(stream, said, otherwise="").encode()
    return Record(stream.topic, key, catalog.codec(stream).encode(said), papers(stream.topic, LONG_AGO))


def carry(made, record, stop=None):
    """What is published of one event: the topics, and the receipts."""
    made.published.clear()
    stop = stop or threading.Event()
    stop.wait = lambda _seconds: stop.is_set()
    made._carry([Message(record, 0)], stop)
    codec = Codec(made._pages.id, disclosure.SCHEMA)
    pages = [one.value for one in made.published if one.topic == disclosure.TOPIC]
    told = [one.topic for one in made.published if one.topic != disclosure.TOPIC]
    return told, [(one.agency, one.rule) for page in pages for one in receipts_of(page, codec)]


def test_what_is_said_of_a_child_is_known_to_the_very_next_event(carrying, demographic, objection):
    """What was committed before an event was polled is looked at before it is decided."""
    assert carry(carrying, demographic) == ([f"{demographic.topic}.to.chis"], [("chis", "")])

    carrying._follower.waiting.append(objection)

    assert carry(carrying, demographic) == ([], [("chis", "gate.objection.upheld")])


def test_while_kafka_does_not_say_what_is_known_nothing_is_decided(carrying, demographic, objection):
    """Events wait for it, and are then decided on it; a relay that is told to stop meanwhile leaves them alone."""
    carrying._follower.away, carrying._follower.waiting = 3, [objection]

    assert carry(carrying, demographic) == ([], [("chis", "gate.objection.upheld")])

    stop = threading.Event()
    carrying._follower.catch_up = lambda _patience: stop.set() or (_ for _ in ()).throw(TransportError("no answer"))
    assert carry(carrying, demographic, stop) == ([], [])


def test_what_the_relay_could_not_read_has_a_receipt_and_no_word_of_it_in_the_log(carrying, demographic, caplog):
    """Sealed in quarantine; each agency that could have heard it is told to have heard nothing."""
    spoilt = demographic._replace(headers=(*demographic.headers, ("ce_time", b"Ferrars of 9990000018")))

    with caplog.at_level("INFO", "hub"):
        told, receipts = carry(carrying, spoilt)

    assert (told, receipts) == ([topology.RELAY], [("chis", "unreadable")])
    kept = next(one for one in carrying.published if one.topic == topology.RELAY)
    assert b"Ferrars" not in b"".join((kept.value, kept.key, *(value for _, value in kept.headers)))
    said = "\n".join(f"{one.getMessage()} {one.hub_keys}" for one in caplog.records)
    assert "set aside" in said
    assert "Ferrars" not in said


def test_what_cannot_be_read_of_a_child_is_not_in_the_log_either(carrying, demographic, objection, caplog):
    """And the child is in doubt, under whatever identifier an event names them."""
    spoilt = objection._replace(headers=(*objection.headers, ("ce_time", b"Ferrars of 9990000018")))
    carrying._follower.waiting.append(spoilt)

    with caplog.at_level("INFO", "hub"):
        assert carry(carrying, demographic) == ([], [("chis", "view.doubt")])

    said = "\n".join(f"{one.getMessage()} {one.hub_keys}" for one in caplog.records)
    assert "could not be read" in said
    assert "Ferrars" not in said
    assert carry(carrying, demographic._replace(key=b"0" * 32)) == ([], [("chis", "view.doubt")])
    later = objection._replace(headers=papers(objection.topic, LONG_AGO + timedelta(days=1)))
    carrying._follower.waiting.append(later)
    assert carry(carrying, demographic) == ([], [("chis", "gate.objection.upheld")])


# --- what is known, kept back and written down -------------------------------------------------------------------


@pytest.fixture
def desk(catalog, keys):
    """The desk of the demographics, which CHIS hears."""
    return Desk(catalog, catalog.streams["child_demographics"], keys)


def test_what_is_said_anew_of_a_child_holds_though_they_were_asked_for_before():
    """Consent that was looked up and then withdrawn is withdrawn; likewise where another record of theirs comes."""
    names = (("nhs_number", "9990000018"), ("upn", "A86612001201A"))
    view, first, other = View(), standing(nhs_number=names[0][1]), standing(**dict(names))
    view.take(b"a", first, "first", LONG_AGO)
    assert view.known(b"z", names[:1]).ids == ("first",)

    view.take(b"a", first | {"legal_hold": True}, "second", TAKEN)
    assert view.known(b"z", names[:1]).ids == ("second",)

    view.take(b"b", other, "third", TAKEN)
    assert view.known(b"z", names[:1]).ids == ("second", "third")


def test_an_error_in_a_limit_withholds(desk, demographic, monkeypatch):
    """Like an error in a decision: whoever would have heard it does not."""

    def broken(*_):
        raise KeyError("Ferrars")

    for name in ("of", "nothing_left"):
        with monkeypatch.context() as patch:
            patch.setattr(limits.Limits, "of", lambda *_: {"child.surname": "address"})
            patch.setattr(limits.Limits, name, broken)
            records, (receipt,) = desk.carry(demographic, now=NOON)
        assert (records, receipt.rule, receipt.sent) == ([], "error", "")
        assert "Ferrars" not in str(receipt)


def test_a_receipt_says_what_was_kept_back_and_by_what_that_was_known(desk, catalog, keys, objection):
    """Of a child in a refuge: each address is withheld by its limit, the rest released, and the word of it is named."""
    home = dict.fromkeys(("line_1", "line_2", "line_3", "town", "county", "postcode"), "ZZ9 9ZZ")
    stream = desk.stream
    event = {"child": CHILD | {"address": home | {"uprn": None}}, "school": None, "parents": []}
    record = Record(stream.topic, b"k", catalog.codec(stream).encode(event), papers(stream.topic))
    view = View()
    said = standing(nhs_number=CHILD["nhs_number"], address_confidential=True)
    view.take(b"known", said, "refuge", LONG_AGO)

    (sent,), (receipt,) = desk.carry(record, now=NOON, view=view)

    fields = {path: (verdict, rule) for path, verdict, rule in receipt.outcome.fields}
    assert b"ZZ9 9ZZ" not in sent.value
    assert fields["child.address.postcode"] == ("withheld", "address")
    assert fields["child.surname"] == ("released", "")
    assert fields["child.ethnicity"] == ("withheld", "not-granted")
    assert receipt.standing == ("refuge",)
    assert (receipt.verdict, receipt.rule) == ("released", "")


def test_what_cannot_be_read_is_not_kept_where_it_holds_what_an_order_closed(catalog):
    """Nobody knows what stands beside it; in groups of digits too. Anything else is kept for a person to look at."""
    line, closed = catalog.line("schools", "attendance"), {("nhs_number", "9990000018")}

    for raw in (b"9990000018", b"\xff|999 000 0018|\x00", "Ferrars,999-000-0018\n".encode("utf-16")):
        refused = let_in(line, Refusal(3, "csv.header", "row 1", "mend it", raw, readable=False), closed)
        assert (refused.code, refused.position, refused.place, refused.raw) == (CLOSED, 3, "", b""), raw
    for raw in (b"9990000026", b"19990000018", b""):
        refusal = Refusal(3, "csv.header", "row 1", "mend it", raw, readable=False)
        assert let_in(line, refusal, closed) is refusal


def test_a_policy_of_ten_megabytes_is_refused_at_its_first_line(tmp_path):
    """Whatever else it is."""
    path = tmp_path / "policy.yaml"
    path.write_text("agreement: &anchor ISA-1\n" * 420_000, encoding="utf-8")  # which would be told too, were it read

    for document in (read(path, "policy.yaml"), parse(path.read_bytes(), "policy.yaml")):
        assert document.value is None
        assert [(one.place, one.line) for one in document.faults] == [("policy.yaml", 1)]


def test_a_name_is_the_same_persons_whatever_way_it_is_written():
    """So that nobody is their own second person."""
    for one in ("zoë smith", "SMITH, ZOE", "Zoe  Smith.", "Smith Zoe\u0308"):
        assert not different("Zoë Smith", one), one
    assert different("Zoë Smith", "Zoë Smythe")


def test_the_logs_keys_are_those_that_name_nobody():
    """A key more is read by a person before it is written here: every log line could carry it."""
    assert {
        "agency", "line", "stream", "topic", "partition", "offset", "event", "code", "place", "rule", "count",
        "events", "set_aside", "refused", "queried", "attempt", "state", "lane", "group", "process", "port",
        "seconds", "kind", "where", "message", "file",
        "run",  # the number of an upload, counted from one: it says which file, and nothing of what is in it
    } == KEYS  # fmt: skip


# --- following -----------------------------------------------------------------------------------------------------


class Given:
    """What librdkafka hands over of a followed topic: a value, or that its end was reached."""

    def __init__(self, offset: int, value: bytes | None) -> None:
        end = None if value is not None else KafkaError(KafkaError._PARTITION_EOF)
        self.topic, self.partition, self.offset, self.error = lambda: "known", lambda: 0, lambda: offset, lambda: end
        self.key, self.value, self.headers, self.timestamp = lambda: b"", lambda: value, list, lambda: (1, 0)


class Partition:
    """A partition that *holds* values, and None where something was aborted; *silent*, it hands nothing out."""

    def __init__(self) -> None:
        self.holds: list[bytes | None] = []
        self.at, self.ended, self.silent = 0, -1, False

    def assign(self, _partitions):
        """Begin at the beginning."""

    def poll(self, _seconds):
        """The next value; or, once, that there is none."""
        while self.at < len(self.holds) and not self.silent:
            self.at += 1
            if self.holds[self.at - 1] is not None:
                return Given(self.at - 1, self.holds[self.at - 1])
        if self.silent or self.ended == self.at:
            return None
        self.ended = self.at
        return Given(self.at, None)

    def consume(self, _most, _seconds):
        """No more than one at a time."""
        return []


@pytest.fixture
def following(monkeypatch):
    """A partition, and a follower that puts what it is given into the list *taken*."""
    partition, taken = Partition(), []
    monkeypatch.setattr(follower, "admin", lambda *_: None)
    monkeypatch.setattr(follower, "places", lambda *_: [("known", 0)])
    ends = lambda _admin, _of, which, *_: {("known", 0): len(partition.holds) * (which is follower.END)}  # noqa: E731
    monkeypatch.setattr(follower, "offsets", ends)
    monkeypatch.setattr(follower, "Consumer", lambda *_, **__: partition)
    return partition, follower.Follower("nowhere:9", ["known"], lambda record: taken.append(record.value)), taken


def test_who_has_caught_up_was_given_all_that_was_committed(following):
    """To the last of it, also where what lies last was aborted and is never handed out."""
    partition, follows, taken = following
    partition.holds = [b"a", None, b"b", b"c", None, None]
    follows.catch_up(5)
    assert taken == [b"a", b"b", b"c"]

    follows.catch_up(5)
    partition.holds += [b"d"]
    follows.catch_up(5)
    assert taken == [b"a", b"b", b"c", b"d"]


def test_who_could_not_catch_up_says_so(following):
    """And is given the rest the next time."""
    partition, follows, taken = following
    partition.holds, partition.silent = [b"a"], True
    with pytest.raises(TransportError, match="not caught up"):
        follows.catch_up(0.01)

    partition.silent = False
    follows.catch_up(5)
    assert taken == [b"a"]
