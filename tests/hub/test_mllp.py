"""MLLP over real sockets: nothing is acknowledged that was not taken, and no answer is taken for another's."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from hub.catalog import folder_of
from hub.errors import Refused, TransportError
from hub.formats import hl7
from hub.intake import Intake
from hub.store.inbox import Inbox
from hub.transports import Answer, Delivery
from hub.transports.memory import MemoryLog
from hub.transports.mllp import MllpSink, MllpSource
from hub.transports.mllp.framing import LONGEST_FRAME, MOST_GARBAGE, Framer

HOST = "127.0.0.1"
ARRIVAL = folder_of("connectors") / "great_western_hospital/examples/adt/arrived_in_the_emergency_department.hl7"


def awaited(test):
    """Run an asynchronous test in a loop of its own."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


async def until(happened):
    """Wait for a condition; the suite's own time limit is the only clock."""
    while not happened():
        await asyncio.sleep(0.005)


def message(control_id, *, tail="", marker="x"):
    return f"MSH|^~\\&|PAS|RZZ|HUB|SBC|20260704192205||ADT^A04|{control_id}|P|2.4{tail}\rPID|||7||{marker}\r".encode()


def framed(raw):
    return b"\x0b" + raw + b"\x1c\r"


def delivery(control_id, body=None):
    return Delivery("0" * 32, "hospital", "alert", "", "x-application/hl7-v2+er7", body or message(control_id), ".hl7")


class Gateway:
    """Stands where the gateway stands: answers as told, and remembers."""

    def __init__(self, *answers):
        self.taken = []
        self.answers = list(answers)
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, agency, line, raw):
        """Take one message."""
        assert (agency, line) == ("great_western_hospital", "adt")
        self.taken.append(raw)
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else Answer(events=1)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@asynccontextmanager
async def listening(receive, **how):
    source = MllpSource(HOST, 0, "great_western_hospital", "adt", **how)
    await source.start(receive)
    try:
        yield source
    finally:
        await source.stop()


class Sender:
    """A hospital's end of the line."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, data):
        """Put bytes on the line."""
        self.writer.write(data)

    async def answer(self):
        """The next acknowledgement."""
        frame = await self.reader.readuntil(b"\x1c\r")
        assert frame[:1] == b"\x0b"
        return hl7.read(frame[1:-2])

    async def hung_up(self):
        """Wait until the other side closes; whatever else it sends is returned."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


@asynccontextmanager
async def calling(port, **how):
    reader, writer = await asyncio.open_connection(HOST, port, **how)
    try:
        yield Sender(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


# --- the framer ------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=30).map(lambda b: b.translate(None, b"\x0b\x1c")), max_size=5), st.data())
def test_frames_do_not_depend_on_how_the_stream_is_cut(bodies, data):
    """Bytes may come one by one or all at once."""
    stream = b"".join(framed(body) for body in bodies)
    framer, found = Framer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += framer.feed(stream[:size])
        stream = stream[size:]
    assert (found, framer.fault, framer.pending, framer.skipped) == (bodies, "", "", 0)


@pytest.mark.parametrize(
    ("stream", "frames", "fault"),
    [
        (b"x" * MOST_GARBAGE + framed(b"a") + b"x" * MOST_GARBAGE + framed(b"b"), 2, ""),
        (b"x" * (MOST_GARBAGE + 1) + framed(b"a"), 0, "mllp.garbage"),
        (framed(b"a") + b"x" * (MOST_GARBAGE + 1) + framed(b"b"), 1, "mllp.garbage"),
        (framed(b"a") + b"\x1c\r" + framed(b"b"), 2, ""),
        (framed(b"a") + b"\r\n" + framed(b"b"), 2, ""),
        (b"\x0ba" + framed(b"b"), 0, "mllp.unfinished"),
        (b"\x0ba\x1cb\x1c\r", 0, "mllp.end"),
        (b"\x0b" + b"a" * 11, 0, "mllp.too-long"),
        (b"\x0b" + b"a" * 11 + b"\x1c\r", 0, "mllp.too-long"),
        (b"\x0b" + b"a" * 10 + b"\x1c\r", 1, ""),
    ],
)
def test_what_is_no_frame_is_a_fault(stream, frames, fault):
    """Whole frames before it are still given; nothing after it is."""
    for cut in (len(stream), 1):
        framer, found = Framer(longest=10), []
        for start in range(0, len(stream), cut):
            found += framer.feed(stream[start : start + cut])
        assert (len(found), framer.fault) == (frames, fault)


def test_what_is_skipped_is_counted_without_line_ends():
    """A sender that ends its frames with a line feed more does nothing that a person must look at."""
    framer = Framer()
    assert framer.feed(b"\r\nEOT\r\n" + framed(b"a") + b"\n") == [b"a"]
    assert (framer.skipped, framer.pending) == (3, "")
    framer.feed(b"?")
    assert (framer.skipped, framer.pending) == (4, "mllp.garbage")


# --- listening -------------------------------------------------------------------------------------------------


@awaited
async def test_pipelined_messages_are_answered_in_order():
    """A sender may send without waiting; on one connection everything keeps its order."""
    gateway = Gateway()
    async with listening(gateway) as source, calling(source.port) as sender:
        ids = [f"M{number}" for number in range(50)]
        sender.send(b"".join(framed(message(one)) for one in ids))
        answers = [await sender.answer() for _ in ids]
        assert [(a["MSA-1"], a["MSA-2"]) for a in answers] == [("AA", one) for one in ids]
        assert gateway.taken == [message(one) for one in ids]


@awaited
async def test_nothing_is_acknowledged_before_it_is_taken():
    """The answer waits for the commit."""
    gateway = Gateway()
    gateway.gate.clear()
    async with listening(gateway) as source, calling(source.port) as sender:
        sender.send(framed(message("M1")))
        waiting = asyncio.create_task(sender.answer())
        await until(lambda: gateway.taken)
        await asyncio.wait([waiting], timeout=0.05)
        assert not waiting.done()
        gateway.gate.set()
        assert (await waiting)["MSA-1"] == "AA"


@pytest.mark.parametrize(
    ("answer", "tail", "code", "reason"),
    [
        (Answer(events=1), "", "AA", None),
        (Answer(set_aside=1), "", "AA", None),
        (Answer("identifiers.none", "PID-3", "send one", refused=1), "", "AE", "identifiers.none at PID-3 send one"),
        (Answer("hl7.charset", "MSH-18", "say", refused=1, readable=False), "", "AR", "hl7.charset at MSH-18 say"),
        (Answer(events=1), "|||AL|NE", "CA", None),
        (Answer("identifiers.none", "PID-3", refused=1), "|||AL|NE", "CE", "identifiers.none at PID-3"),
        (Answer("hl7.charset", refused=1, readable=False), "|||AL", "CR", "hl7.charset"),
        (TransportError("no broker"), "", "AE", "hub.unavailable not taken; send it again"),
        (TransportError("no broker"), "|||AL", "CE", "hub.unavailable not taken; send it again"),
        (RuntimeError("PID|||9990000018"), "", "AE", "hub.unavailable not taken; send it again"),
    ],
)
@awaited
async def test_the_answer_says_what_became_of_the_message(answer, tail, code, reason, caplog):
    """Accepted only when taken; whatever went wrong inside, the sender is told to keep it, and no more."""
    async with listening(Gateway(answer)) as source, calling(source.port) as sender:
        sender.send(framed(message("M1", tail=tail)))
        ack = await sender.answer()
        assert (ack["MSA-1"], ack["MSA-2"], ack["MSA-3"] or None) == (code, "M1", reason)
        assert bool(ack.segments("ERR")) == (reason is not None)
    assert "9990000018" not in caplog.text


@awaited
async def test_a_sender_that_wants_both_levels_gets_both():
    """Accepted as kept, then what the application made of it; the same again for a duplicate."""
    refusal = Answer("identifiers.none", "PID-3", "send one", refused=1)
    async with listening(Gateway(refusal, refusal)) as source, calling(source.port) as sender:
        for _ in range(2):
            sender.send(framed(message("M1", tail="|||AL|AL")))
            answers = [await sender.answer(), await sender.answer()]
            assert [(a["MSA-1"], a["MSA-2"]) for a in answers] == [("CA", "M1"), ("AE", "M1")]
            assert answers[0].control_id != answers[1].control_id
            assert [a["MSA-3"] for a in answers] == ["", "identifiers.none at PID-3 send one"]


@awaited
async def test_what_was_not_kept_is_not_acknowledged_as_kept():
    """At the accept level there is no CA before an error of our own: the sender must not let go of it."""
    async with listening(Gateway(TransportError("no broker"))) as source, calling(source.port) as sender:
        sender.send(framed(message("M1", tail="|||AL|AL")) + framed(message("M2")))
        assert (await sender.answer())["MSA-1"] == "CE"
        assert (await sender.answer())["MSA-2"] == "M2"


@awaited
async def test_an_acknowledgement_that_strays_in_is_not_answered():
    """A partner that sends acknowledgements to the wrong port would otherwise be answered for ever."""
    stray = b"MSH|^~\\&|A|B|C|D|20260704||ACK^A04^ACK|S1|P|2.4\rMSA|AA|X1\r"
    async with listening(Gateway()) as source, calling(source.port) as sender:
        sender.send(framed(stray) + framed(message("M2")))
        assert (await sender.answer())["MSA-2"] == "M2"


@awaited
async def test_the_real_intake_answers_a_duplicate_alike_and_alarms_of_another(catalog, keys, caplog):
    """
    From the socket to the topics: an arrival is taken once however often it is sent, and answered alike.

    Other content under its id is an error to the sender, lies in quarantine as it came, and is an error line.
    """
    arrival = ARRIVAL.read_bytes().rstrip(b"\r")
    other = arrival.replace(b"20190514", b"20180514")
    log = MemoryLog()
    store = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    intake = Intake(catalog, keys, log.commit, Inbox(store, keys))
    caplog.set_level(logging.INFO, "hub")
    async with listening(intake.receive) as source, calling(source.port) as sender:
        said = []
        for frame in (arrival, arrival, other, arrival):
            sender.send(framed(frame))
            answer = await sender.answer()
            said.append((answer["MSA-1"], answer["MSA-3"].partition(" ")[0], answer.control_id))
    store.dispose()
    assert [one[:2] for one in said] == [("AA", ""), ("AA", ""), ("AE", "id.used-before"), ("AA", "")]
    assert said[0] == said[1] == said[3]
    assert len(log.topics["hospital-attendance.v1"]) == 1
    (kept,) = log.topics["quarantine.great-western-hospital"]
    assert keys.unseal("quarantine", kept.value, kept.key.decode()) == other
    alarms = [record.hub_keys["code"] for record in caplog.records if record.levelno == logging.ERROR]
    assert alarms == ["id.used-before"]


@awaited
async def test_garbage_between_frames_is_skipped_and_noted(caplog):
    """The frames on both sides of it are answered; the log says that it came and nothing of it."""
    gateway = Gateway()
    async with listening(gateway) as source, calling(source.port) as sender:
        sender.send(b"9990000018" + framed(message("M1")) + b"\x1c\rPID|9990000018\r" + framed(message("M2")))
        assert [(await sender.answer())["MSA-2"] for _ in range(2)] == ["M1", "M2"]
    noted = [record for record in caplog.records if record.name == "hub.mllp"]
    assert noted
    assert {record.getMessage() for record in noted} == {"mllp.garbage-skipped"}
    assert all("9990000018" not in str(vars(record)) for record in noted)


@awaited
async def test_garbage_that_no_frame_follows_is_given_up():
    """Whoever speaks another protocol is not waited for longer than for the end of a frame."""
    async with listening(Gateway(), frame_seconds=0.05) as source, calling(source.port) as sender:
        sender.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await sender.hung_up() == b""


@awaited
async def test_a_sender_that_wants_no_answer_gets_none():
    """Enhanced mode with NE: the next message's answer is the first to come."""
    gateway = Gateway()
    async with listening(gateway) as source, calling(source.port) as sender:
        sender.send(framed(message("M1", tail="|||NE|NE")) + framed(message("M2")))
        assert (await sender.answer())["MSA-2"] == "M2"
        assert len(gateway.taken) == 2


@awaited
async def test_an_unreadable_frame_is_rejected_and_the_line_stays_open():
    """It was a frame; what follows can still be told apart."""
    unreadable = Answer("hl7.header", "", "begin with MSH", refused=1, readable=False)
    async with listening(Gateway(unreadable)) as source, calling(source.port) as sender:
        sender.send(framed(b"who are you"))
        assert (await sender.answer())["MSA-1"] == "AR"
        sender.send(framed(message("M2")))
        assert (await sender.answer())["MSA-2"] == "M2"


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"GET / HTTP/1.1 9990000018\r\n" * 50, "mllp.garbage"),
        (b"\x0bMSH|9990000018" + framed(message("M2")), "mllp.unfinished"),
        (b"\x0bMSH|\x1c9990000018", "mllp.end"),
        (b"\x0b" + b"9990000018" * (LONGEST_FRAME // 10 + 1), "mllp.too-long"),
    ],
)
@awaited
async def test_when_frames_cannot_be_told_apart_the_line_is_closed(stream, code, caplog):
    """What was whole is answered, the rest is not; the log has the code and nothing of the content."""
    caplog.set_level(logging.INFO, logger="hub")
    gateway = Gateway()
    async with listening(gateway) as source, calling(source.port) as sender:
        sender.send(framed(message("M1")) + stream)
        assert (await sender.answer())["MSA-2"] == "M1"
        assert await sender.hung_up() == b""
        assert gateway.taken == [message("M1")]
        await until(lambda: caplog.records)
        async with calling(source.port) as another:
            another.send(framed(message("M3")))
            assert (await another.answer())["MSA-2"] == "M3"
    assert [(record.name, record.getMessage()) for record in caplog.records] == [("hub.mllp", code)]
    assert all("9990000018" not in str(vars(record)) for record in caplog.records)


@awaited
async def test_a_frame_that_does_not_end_is_given_up():
    """A sender that trickles is cut off after the frame's time; one that is silent between frames may stay."""
    async with listening(Gateway(), frame_seconds=0.2) as source, calling(source.port) as quiet:
        async with calling(source.port) as slow:
            slow.send(b"\x0bMSH|")
            assert await slow.hung_up() == b""
        quiet.send(framed(message("M1")))
        assert (await quiet.answer())["MSA-2"] == "M1"


@awaited
async def test_there_are_only_so_many_connections():
    """One more is closed at once, and when one of the others goes there is room again."""
    async with listening(Gateway(), most_connections=2) as source:
        async with calling(source.port) as first, calling(source.port) as second:
            for sender in (first, second):
                sender.send(framed(message("M1")))
                await sender.answer()
            async with calling(source.port) as third:
                assert await third.hung_up() == b""
        await until(lambda: not source._tasks)
        async with calling(source.port) as fourth:
            fourth.send(framed(message("M4")))
            assert (await fourth.answer())["MSA-2"] == "M4"


@awaited
async def test_the_connections_of_one_address_do_not_fill_a_line(caplog):
    """The hospital is answered while somebody else holds all that one address may hold; that is noted, once."""
    async with listening(Gateway(), most_of_one_address=2) as source, calling(source.port), calling(source.port):
        await until(lambda: len(source._tasks) == 2)
        for _ in range(3):
            async with calling(source.port) as more:
                assert await more.hung_up() == b""
        async with calling(source.port, local_addr=("127.0.0.2", 0)) as hospital:
            hospital.send(framed(message("M1")))
            assert (await hospital.answer())["MSA-2"] == "M1"
    assert caplog.messages == ["mllp.too-many-connections"]


@awaited
async def test_what_was_received_is_answered_before_a_stop():
    """A stop in the middle of a commit leaves no sender in doubt."""
    gateway = Gateway()
    gateway.gate.clear()
    source = MllpSource(HOST, 0, "great_western_hospital", "adt")
    await source.start(gateway)
    async with calling(source.port) as busy, calling(source.port) as idle:
        busy.send(framed(message("M1")))
        await until(lambda: gateway.taken)
        stopping = asyncio.create_task(source.stop())
        assert await idle.hung_up() == b""
        assert not stopping.done()
        gateway.gate.set()
        assert (await busy.answer())["MSA-2"] == "M1"
        assert await busy.hung_up() == b""
        await stopping


@awaited
async def test_a_sender_that_goes_away_does_no_harm():
    """Neither in the middle of a frame nor before its answer."""
    gateway = Gateway()
    async with listening(gateway) as source:
        async with calling(source.port) as sender:
            sender.send(b"\x0bMSH|")
        gateway.gate.clear()
        async with calling(source.port) as sender:
            sender.send(framed(message("M1")))
            await until(lambda: gateway.taken)
        gateway.gate.set()
        await until(lambda: not source._tasks)
        async with calling(source.port) as sender:
            sender.send(framed(message("M2")))
            assert (await sender.answer())["MSA-2"] == "M2"


def test_there_is_no_port_before_the_start():
    """And to ask is a mistake in the code."""
    with pytest.raises(RuntimeError, match="not started"):
        _ = MllpSource(HOST, 0, "great_western_hospital", "adt").port


# --- sending ---------------------------------------------------------------------------------------------------


class Partner:
    """A hospital that answers each frame with the next of *answers*, in which {id} is the message's own."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.taken = []
        self.connections = 0
        self.writers = set()

    async def __call__(self, reader, writer):
        """One connection."""
        self.connections += 1
        self.writers.add(writer)
        framer = Framer()
        try:
            while chunk := await reader.read(65536):
                for frame in framer.feed(chunk):
                    self.taken.append(frame)
                    answer = self.answers.pop(0) if self.answers else ack("AA")
                    if answer is None:
                        return
                    writer.write(answer.replace(b"{id}", hl7.read(frame).control_id.encode()))
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.writers.discard(writer)


def ack(code, of="{id}"):
    return framed(f"MSH|^~\\&|A|B|C|D|20260704||ACK|X|P|2.4\rMSA|{code}|{of}|9990000018\r".encode())


@asynccontextmanager
async def hospital(partner, **how):
    server = await asyncio.start_server(partner, HOST, 0, **how)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in list(partner.writers):
            writer.close()
        await until(lambda: not partner.writers)


@awaited
async def test_what_is_acknowledged_is_delivered_on_one_connection():
    """One message after the other, however many are asked for at once."""
    partner = Partner(ack("AA"), ack("CA"))
    async with hospital(partner) as port:
        sink = MllpSink(HOST, port)
        assert await sink.deliver(delivery("M1")) == "AA"
        assert await sink.deliver(delivery("M2")) == "CA"
        assert await asyncio.gather(*(sink.deliver(delivery(f"N{n}")) for n in range(20))) == ["AA"] * 20
        assert partner.connections == 1
        assert len(partner.taken) == 22
        await sink.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ack("AE"), TransportError),
        (ack("CE"), TransportError),
        (ack("AR"), Refused),
        (ack("CR"), Refused),
        (ack("XX"), TransportError),
        (ack("AA", of="another"), TransportError),
        (ack("AR", of="another"), TransportError),
        (ack("AA") + ack("AE"), TransportError),
        (ack("AR") + ack("AA"), TransportError),
        (ack("AA") + ack("AA", of="another"), TransportError),
        (ack("CA") + ack("AE"), TransportError),
        (ack("CA") + ack("AR"), Refused),
        (b"?" + ack("AA"), TransportError),
        (ack("AA") + b"\x0b", TransportError),
        (b"HTTP/1.1 400 Bad Request\r\n", TransportError),
        (framed(b"not HL7"), TransportError),
        (None, TransportError),
    ],
)
@awaited
async def test_only_its_own_acknowledgement_counts(answer, error):
    """Anything else is no delivery, nothing of the answer is repeated, and the next attempt can succeed."""
    partner = Partner(answer)
    async with hospital(partner) as port:
        sink = MllpSink(HOST, port)
        with pytest.raises(TransportError) as caught:
            await sink.deliver(delivery("M1"))
        assert type(caught.value) is error
        assert "9990000018" not in str(caught.value)
        assert await sink.deliver(delivery("M1")) == "AA"
        await sink.close()


@pytest.mark.parametrize("twice", [ack("AA") + ack("AA"), ack("CA") + ack("AA")])
@awaited
async def test_an_answer_that_comes_twice_counts_once(twice):
    """A partner that answers twice, or at both levels, is not sent the same again for it."""
    partner = Partner(twice, twice, twice)
    async with hospital(partner) as port:
        sink = MllpSink(HOST, port)
        assert [await sink.deliver(delivery(one)) for one in ("M1", "M2", "M3")] == ["AA"] * 3
        assert len(partner.taken) == 3
        await sink.close()


@awaited
async def test_an_acknowledgement_of_before_is_passed_over():
    """The second answer to one message comes when the next is on its way: that one's own is waited for."""
    partner = Partner(ack("AA"), ack("AA", of="M1") + ack("AA"))
    async with hospital(partner) as port:
        sink = MllpSink(HOST, port)
        assert [await sink.deliver(delivery(one)) for one in ("M1", "M2")] == ["AA", "AA"]
        assert partner.connections == 1
        assert len(partner.taken) == 2
        await sink.close()


@awaited
async def test_a_late_answer_is_not_taken_for_the_next_messages():
    """After silence the connection is given up, so that what comes late goes nowhere."""
    partner = Partner(b"")
    async with hospital(partner) as port:
        sink = MllpSink(HOST, port, timeout=0.2)
        with pytest.raises(TransportError, match=r"mllp\.no-answer"):
            await sink.deliver(delivery("M1"))
        assert await sink.deliver(delivery("M2")) == "AA"
        assert partner.connections == 2
        await sink.close()


@awaited
async def test_a_kept_connection_that_is_gone_is_opened_again():
    """A partner that restarts, or drops idle lines, costs no failed attempt."""
    partner = Partner()
    async with hospital(partner) as port:
        sink = MllpSink(HOST, port)
        await sink.deliver(delivery("M1"))
        for writer in list(partner.writers):
            writer.close()
        await until(lambda: not partner.writers)
        assert await sink.deliver(delivery("M2")) == "AA"
        partner.answers = [None]
        assert await sink.deliver(delivery("M3")) == "AA"
        assert partner.taken[-2:] == [message("M3")] * 2
        await sink.close()


@awaited
async def test_nobody_there_is_a_reason_to_try_again():
    """No connection, no delivery, and no crash."""
    async with hospital(Partner()) as port:
        pass
    with pytest.raises(TransportError, match=r"mllp\.connection-lost"):
        await MllpSink(HOST, port).deliver(delivery("M1"))


@pytest.mark.parametrize(
    "body", [b"PID|||7\r", message(""), message("M1", marker="\x0b"), message("M1", marker="\x1c")]
)
@awaited
async def test_what_could_not_be_told_apart_is_not_sent(body):
    """Without MSH-10 no answer could be matched; with framing inside, one message would be two."""
    with pytest.raises(Refused, match=r"mllp\.unsendable"):
        await MllpSink(HOST, 1).deliver(delivery("M1", body))


@awaited
async def test_both_ends_of_our_own_understand_each_other():
    """What the sink sends the source takes, byte for byte."""
    gateway = Gateway(Answer(), TransportError("no broker"), Answer("x", "PID-3", refused=1, readable=False))
    async with listening(gateway) as source:
        sink = MllpSink(HOST, source.port)
        assert await sink.deliver(delivery("M1")) == "AA"
        with pytest.raises(TransportError, match="AE"):
            await sink.deliver(delivery("M2"))
        with pytest.raises(Refused, match="AR"):
            await sink.deliver(delivery("M3"))
        assert gateway.taken == [message("M1"), message("M2"), message("M3")]
        await sink.close()


# --- TLS -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    """A server's and a client's TLS context, each trusting the other's one certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mllp test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem + secret)
    (folder / "cert.pem").write_bytes(pem)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "cert.pem")
    server.load_cert_chain(folder / "both.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=folder / "cert.pem")
    client.load_cert_chain(folder / "both.pem")
    return server, client, ssl.create_default_context(cafile=folder / "cert.pem")


@awaited
async def test_the_line_can_be_encrypted_with_both_sides_known(contexts):
    """With certificates on both sides a message passes; without the client's own, or in the clear, none does."""
    server, client, stranger = contexts
    gateway = Gateway()
    async with listening(gateway, ssl=server) as source:
        sink = MllpSink(HOST, source.port, ssl=client)
        assert await sink.deliver(delivery("M1")) == "AA"
        for context in (stranger, None):
            with pytest.raises(TransportError):
                await MllpSink(HOST, source.port, ssl=context, timeout=2).deliver(delivery("M2"))
        assert await sink.deliver(delivery("M3")) == "AA"
        assert gateway.taken == [message("M1"), message("M3")]
        await sink.close()
