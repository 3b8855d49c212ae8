"""Quarantine without a broker: items keep what their ids come of, and what comes of them is what would have come."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors.schools.inbound as schools
from hub.agency import Saying
from hub.catalog import folder_of
from hub.envelope import Envelope, Record
from hub.errors import NotUnderstood, Unreadable
from hub.following import Following
from hub.identity.index import MemoryIndex
from hub.identity.registry import Registry
from hub.inbound import Refusal, Understood, read
from hub.intake import Intake
from hub.keys import Keys
from hub.quarantine.clashes import NEWER, THERE, clashes
from hub.quarantine.item import LARGEST, Item, Sent, item_of, opened, papers_of, refused, set_aside
from hub.quarantine.replay import Known, plan
from hub.quarantine.showing import at_fault, lines_of, safe
from hub.topology import quarantine_of
from hub.transports import Answer
from hub.transports.memory import MemoryInbox
from hub.view import View

KEYS = Keys(b"a secret for tests, of 32 bytes.")
NOON = datetime(2026, 9, 15, 11, 0, tzinfo=UTC)
SINCE = datetime(2026, 9, 15, 11, 0, 1, tzinfo=UTC)
NOTHING = Known(view=View())
Lying = namedtuple("Lying", "record partition offset time")
REGISTER = (
    "UPN,LOCAL_ID,SURNAME,FORENAME,DOB,IN_CARE_OF,REGISTERED_URN,SCHOOL_URN,DATE,SESSION,MINUTES_LATE,MARK\r\n"
    "Q866400121012,7001,Ferrars,Zoë,2012-03-04,866,990001,990001,2026-09-15,AM,,/\r\n"
    "Q866400121012,7001,Ferrars,Zoë,2012-03-04,866,990001,990001,2026-09-15,PM,,?\r\n"
)


class Gateway:
    """The gateway's intake, with what it committed."""

    def __init__(self, catalog) -> None:
        self.catalog = catalog
        self.inbox = MemoryInbox()
        self.records: list[Record] = []
        self._agencies = {quarantine_of(one.key): one.key for one in catalog.agencies.values()}
        self._intake = Intake(catalog, KEYS, self._commit, self.inbox, lambda: NOON)

    async def _commit(self, records) -> None:
        self.records += records

    def say(self, agency: str, line: str, data: bytes) -> Answer:
        """Send it."""
        return asyncio.run(self._intake.receive(agency, line, data))

    @property
    def items(self) -> list[Item]:
        """What lies in quarantine."""
        lying = [one for one in self.records if one.topic.startswith("quarantine.")]
        return [item_of(KEYS, self._agencies, one, 0, offset, SINCE) for offset, one in enumerate(lying)]

    @property
    def events(self) -> list[Record]:
        """What lies on streams."""
        return [one for one in self.records if not one.topic.startswith("quarantine.")]


@pytest.fixture
def gateway(catalog):
    """One that has received nothing."""
    return Gateway(catalog)


def mended(catalog, item: Item, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What comes of *item* once the list of marks has `?` in it."""
    with monkeypatch.context() as patch:
        patch.setattr(schools, "_mark", lambda row, column: {"mark": "\\", "statistical_class": "attending"})
        return plan(catalog, KEYS, item, NOTHING)


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_row_is_read_again_alone_and_has_the_id_that_it_had_in_its_file(catalog, gateway, monkeypatch, charset):
    """Of the whole file's hash and its position in it; with its heading, and its letters as they were."""
    data = REGISTER.encode(charset)
    assert gateway.say("schools", "attendance", data).refused == 1
    (item,) = gateway.items

    found = mended(catalog, item, monkeypatch)

    with monkeypatch.context() as patch:
        patch.setattr(schools, "_mark", lambda row, column: {"mark": "\\", "statistical_class": "attending"})
        _, second = (one for one in read(catalog.line("schools", "attendance"), data, KEYS))
    assert isinstance(second, Understood)
    assert found.events == (second.id,)
    (record,) = found.records
    papers = Envelope.from_headers(record.headers)
    assert (papers.id, papers.time, papers.source) == (second.id, NOON, "/schools/attendance")
    assert catalog.codec(second.stream).decode(record.value) == second.event.model_dump()
    assert papers_of(KEYS, item).mend == "use a code of SI 2024/208"


def test_the_same_row_of_two_files_is_two_items_and_the_same_file_again_is_none_more(catalog, gateway):
    """Monday's is not Tuesday's; and what is refused again is seen to be the same."""
    monday, tuesday = REGISTER.encode(), REGISTER.replace("2026-09-15,AM", "2026-09-16,AM").encode()
    bad = "\r\n".join(REGISTER.split("\r\n")[::2][:2]).encode()
    for data in (monday, tuesday, bad, bad):
        gateway.say("schools", "attendance", data)

    ids = [one.id for one in gateway.items]
    assert len(set(ids[:3])) == 3
    assert ids[2] == ids[3]


def test_a_file_that_was_refused_whole_has_the_ids_that_its_rows_would_have_had(catalog, gateway):
    """Mended by a person, its rows are those of the file that was sent; a row that is refused still is kept anew."""
    broken = REGISTER.replace("Ferrars", '"Ferrars', 1).encode()
    assert not gateway.say("schools", "attendance", broken).readable
    (item,) = gateway.items

    found = plan(catalog, KEYS, item, NOTHING, corrected=REGISTER.encode())

    whole = papers_of(KEYS, item).sent.content
    assert found.events == (KEYS.event_id("schools", "attendance", f"{whole}\x000", 0),)
    assert found.counts == {"events": 1, "set_aside": 0, "refused": 1, "queried": 0}
    event, left = found.records
    assert (event.topic, left.topic) == ("school-attendance.v1", "quarantine.schools")
    assert left.key != item.id.encode()
    assert (found.answer.events, found.answer.refused) == (1, 1)
    assert len(found.correction) == 32


def test_what_is_refused_again_gives_nothing(catalog, gateway):
    """But its code of today, its place, and what to mend."""
    gateway.say("schools", "attendance", REGISTER.encode())

    found = plan(catalog, KEYS, gateway.items[0], NOTHING)

    assert (found.records, found.events) == ((), ())
    assert (found.code, found.place, found.mend) == ("attendance-code.unknown", "MARK", "use a code of SI 2024/208")


def test_a_corrected_copy_is_one_message(catalog, gateway):
    """Two would have one id."""
    gateway.say("schools", "attendance", REGISTER.encode())

    found = plan(catalog, KEYS, gateway.items[0], NOTHING, corrected=REGISTER.replace("?", "\\").encode())

    assert (found.code, found.records) == ("not-one-message", ())


def test_what_came_under_a_used_id_is_never_replayed(catalog, gateway):
    """Its event would be taken for the one of the message that had the id first."""
    status = {"id": "S-1", "case_id": "7003", "legal_hold": True}
    gateway.say("social_care", "sharing_status", json.dumps(status).encode())
    gateway.say("social_care", "sharing_status", json.dumps(status | {"legal_hold": False}).encode())
    (item,) = gateway.items

    assert (item.code, plan(catalog, KEYS, item, NOTHING).code) == ("id.used-before", "id.used-before")


def test_an_item_of_before_is_listed_and_not_replayed(catalog, gateway):
    """It keeps nothing of what its ids come of; its bytes can be looked at."""
    gateway.say("schools", "attendance", REGISTER.encode())
    item = gateway.items[0]._replace(papers=None)

    assert plan(catalog, KEYS, item, NOTHING).code == "quarantine.no-papers"
    assert opened(KEYS, item).endswith(b",?\r\n")


def test_what_names_a_closed_identifier_gives_nothing(catalog, gateway, monkeypatch):
    """Whatever our code makes of it now; the child may stand beside who they are."""
    gateway.say("schools", "attendance", REGISTER.encode())
    closed = Known(closed={("upn", "Q866400121012")}, view=View())

    found = plan(catalog, KEYS, gateway.items[0], closed)
    copy = plan(catalog, KEYS, gateway.items[0], closed, corrected=b"UPN\r\nx\r\n")

    assert (found.code, copy.code) == ("identity.closed", "identity.closed")
    assert (found.records, copy.records) == ((), ())


def test_what_is_taken_in_again_is_carried_by_the_number_that_the_index_knows(catalog):
    """As at the gateway: an arrival without an NHS number, of a patient whose hospital number leads to one."""
    examples = folder_of("connectors") / "great_western_hospital" / "examples" / "adt"
    line, registry = catalog.line("great_western_hospital", "adt"), Registry(KEYS, MemoryIndex(KEYS))
    arrived = (examples / "no_nhs_number_but_mrn.hl7").read_bytes()
    told = arrived.replace(b"ADT^A04|GWH000021", b"ADT^A31|GWH000020").replace(b"EVN|A04", b"EVN|A31")
    told = told.replace(b"~0004714^^^RZZ^MR|", b"~0004714^^^RZZ^MR~9990000018^^^NHS^NH|")
    told = told.replace(b"01632 960417", b"01632 960417" + b"|" * 19 + b"NSTS01")
    _, news = registry.settle(line, list(read(line, told, KEYS)), NOON)
    registry.keep(news)
    kept = Refusal(0, "error.mended", "", "", arrived, readable=True, origin="GWH000021")
    sent = Sent("GWH000021", hashlib.sha256(arrived).hexdigest(), alone=True)
    item = item_of(
        KEYS, {quarantine_of("great_western_hospital"): "great_western_hospital"},
        refused(KEYS, "great_western_hospital", "adt", kept, sent, NOON), 0, 0, SINCE,
    )  # fmt: skip

    found = plan(catalog, KEYS, item, Known(view=View(), registry=registry))

    (record,) = found.records
    event = catalog.codec(catalog.streams["hospital_attendance"]).decode(record.value)
    assert event["identified"]["nhs_number"] == "9990000018"
    assert record.key == KEYS.pseudonym("nhs_number", "9990000018").encode()


def test_papers_are_sealed_and_bound_to_their_item(catalog, gateway):
    """The sender's own id could say anything; and with another secret nothing is opened."""
    gateway.say("mash_front_door", "referrals", b'{"id": "Zebedee-1"}')
    (item,) = gateway.items
    (record,) = gateway.records

    assert papers_of(KEYS, item).origin == "Zebedee-1"
    assert papers_of(KEYS, item).sent.alone
    assert not [value for _, value in record.headers if b"Zebedee" in value]
    for other in (item._replace(id="other"), item._replace(box=item.box[:-1] + bytes([item.box[-1] ^ 1]))):
        with pytest.raises(Unreadable, match=r"quarantine\.sealed"):
            opened(KEYS, other)
    with pytest.raises(Unreadable, match=r"quarantine\.sealed"):
        papers_of(Keys(b"another secret for tests, 32 bytes"), item)
    assert plan(catalog, Keys(b"another secret for tests, 32 bytes"), item, NOTHING).code == "quarantine.sealed"


@given(st.text(), st.binary(max_size=200), st.text(max_size=40))
def test_any_refusal_is_kept_and_found_as_it_was(origin, raw, mend):
    """Whatever a sender called it."""
    now, sent = NOON, Sent("name", "0" * 64, alone=False)
    record = refused(KEYS, "schools", "attendance", Refusal(0, "code", "MARK", mend, raw, True, origin), sent, now)
    item = item_of(KEYS, {"quarantine.schools": "schools"}, record, 1, 2, SINCE)

    assert (opened(KEYS, item), papers_of(KEYS, item)[:3]) == (raw, (origin, sent, mend))
    assert (item.by, item.code, item.place, item.seen) == ("schools/attendance", "code", "MARK", "1/2")


def test_what_is_too_large_for_kafka_is_told_of_and_not_kept(catalog, gateway):
    """So that its sender can be answered, who has it; nobody can replay it."""
    data = b'"' + b"x" * 4_000_000
    assert not gateway.say("schools", "attendance", data).readable
    (record,), (item,) = gateway.records, gateway.items

    assert len(record.value) + sum(len(value) for _, value in record.headers) < 1_000
    assert (opened(KEYS, item), papers_of(KEYS, item).too_large) == (b"", len(data))
    assert plan(catalog, KEYS, item, NOTHING).code == "quarantine.too-large"


def test_a_message_is_known_again_by_what_was_sent_and_not_by_what_was_read(gateway):
    """The frame and the last carriage return are not of the message, and its sender sends them again."""
    data = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|m1|P|2.4\r"
    gateway.say("great_western_hospital", "adt", data)
    sent = papers_of(KEYS, gateway.items[0]).sent

    assert sent == Sent("m1", hashlib.sha256(data).hexdigest(), alone=True)


def test_what_came_beside_others_is_not_what_its_sender_sends_again(gateway):
    """The file comes again whole, and is answered for all of it."""
    gateway.say("schools", "attendance", REGISTER.encode())

    assert not papers_of(KEYS, gateway.items[0]).sent.alone


def test_a_file_that_comes_again_whole_says_what_was_replayed_of_it_under_the_same_id(catalog, gateway, monkeypatch):
    """Where all of it was refused its sender may send it again; recipients know what they have by the id."""
    head, _, row, _ = REGISTER.split("\r\n")
    data = "\r\n".join([head, row, row.replace("7001", "7002")]).encode()
    assert gateway.say("schools", "attendance", data).refused == 2
    found = mended(catalog, gateway.items[0], monkeypatch)

    monkeypatch.setattr(schools, "_mark", lambda row, column: {"mark": "\\", "statistical_class": "attending"})
    assert gateway.say("schools", "attendance", data).events == 2

    first, second = gateway.events
    assert found.events == (Envelope.from_headers(first.headers).id,)
    assert found.records[0][:3] == first[:3]
    assert Envelope.from_headers(second.headers).id not in found.events


def test_nothing_of_what_lies_there_is_logged(catalog, gateway, caplog):
    """Neither when it is kept, nor when it is read again, nor by any library."""
    with caplog.at_level(logging.DEBUG):
        gateway.say("schools", "attendance", REGISTER.replace("Ferrars", "Telltale").encode())
        gateway.say("great_western_hospital", "adt", b"MSH|^~\\&|Telltale")
        for item in gateway.items:
            assert plan(catalog, KEYS, item, NOTHING).code

    assert "Telltale" not in "".join(f"{one.getMessage()} {vars(one)}" for one in caplog.records)


def event(catalog, **said) -> Record:
    """An event as the gateway writes it."""
    gateway = Gateway(catalog)
    gateway.say("social_care", "sharing_status", json.dumps({"id": "S-1", "case_id": "7003", **said}).encode())
    return gateway.events[0]


def held(record: Record, watch: str = "") -> Item:
    """*record* as the relay, or a watch, sets it aside."""
    kept = set_aside(KEYS, record, "relay.valueerror", f"{record.topic}/2/40", NOON, watch)
    return item_of(KEYS, {}, kept, 0, 7, SINCE)


@pytest.mark.parametrize("watch", ["", "cpis"])
def test_an_event_that_was_set_aside_goes_back_as_it_was(catalog, watch):
    """Key, value, headers and topic."""
    record = event(catalog, legal_hold=True)

    found = plan(catalog, KEYS, held(record, watch), NOTHING)

    assert found.records == (record,)
    assert found.events == (dict(record.headers)["ce_id"].decode(),)
    assert held(record, watch).by == (f"watch {watch}" if watch else "relay")


def test_an_event_too_large_to_be_sealed_is_told_of_and_not_kept(catalog):
    """The relay must be able to go on behind it; its topic still has it, at the place that is told."""
    item = held(event(catalog, legal_hold=True)._replace(value=b"x" * (LARGEST + 1)))

    assert len(item.box) + len(item.papers) < 1_000
    assert (opened(KEYS, item), papers_of(KEYS, item).too_large) == (b"", LARGEST + 1)
    assert plan(catalog, KEYS, item, NOTHING).code == "quarantine.too-large"


def test_one_record_set_aside_by_two_is_two_items(catalog):
    """What one of them can work on now the other perhaps cannot."""
    record = event(catalog, legal_hold=True)

    assert len({held(record).id, held(record, "cpis").id, held(record, "other").id}) == 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"value": b"no Avro"}, "avro.schema-id"), ({"headers": ()}, "error.keyerror"), ({"key": None}, "no-key"),
        ({"value": b""}, "quarantine.too-large"), ({"topic": "nothing.v1"}, "quarantine.no-stream"),
    ],
)  # fmt: skip
def test_an_event_that_nobody_could_work_on_still_is_not_put_back(catalog, change, code):
    """It would only be set aside once more, and each recipient told so."""
    found = plan(catalog, KEYS, held(event(catalog, legal_hold=True)._replace(**change)), NOTHING)

    assert (found.code, found.records) == (code, ())


def test_an_invented_event_is_not_put_back(catalog):
    """A canary is about nobody, and its round is over."""
    record = event(catalog, legal_hold=True)
    record = record._replace(headers=(*record.headers, ("ce_hubsynthetic", b"true")))

    assert plan(catalog, KEYS, held(record), NOTHING).code == "quarantine.canary"


def test_an_event_of_before_an_order_is_not_put_back(catalog):
    """Though the relay would seal it too; but that the identifiers are closed may be said again."""
    closed = Known(closed={("case_id", "7003")}, view=Following(catalog).view)

    assert plan(catalog, KEYS, held(event(catalog, legal_hold=True)), closed).code == "identity.closed"
    assert plan(catalog, KEYS, held(event(catalog, legal_hold=True)._replace(value=b"x 7003")), closed).code == (
        "identity.closed")  # fmt: skip
    assert plan(catalog, KEYS, held(event(catalog, adopted="2026-09-10")), closed).code == ""


# --- what stands against a replay --------------------------------------------------------------------------------


@pytest.fixture
def status_item(catalog, monkeypatch):
    """A status that was refused, and what comes of it now."""
    gateway = Gateway(catalog)

    def refuse(_: object) -> Iterator[None]:
        raise NotUnderstood("some.code", "", "mend it")

    line = catalog.line("social_care", "sharing_status")
    with monkeypatch.context() as patch:
        patch.setattr(type(catalog), "line", lambda *_: line.__class__(line.agency, line.name, refuse, line.streams))
        gateway.say("social_care", "sharing_status", b'{"id": "S-1", "case_id": "7003", "legal_hold": true}')
    return plan(catalog, KEYS, gateway.items[0], NOTHING)


def lying(record: Record, seconds: int = 0, place: tuple[int, int] = (2, 50)) -> Lying:
    """*record* as it lies, so many seconds after the item was kept."""
    return Lying(record, *place, SINCE + timedelta(seconds=seconds))


def against(catalog, found, *records: Lying) -> list[str]:
    """The codes of what stands against *found*."""
    return [one.code for one in clashes(catalog, [found], lambda topic, since: records).values()]


def test_an_event_that_is_there_already_is_not_put_beside_itself(catalog, status_item):
    """Whatever it says: it came of the same message, sent again."""
    assert against(catalog, status_item, lying(event(catalog, legal_hold=False), -5)) == [THERE]


@pytest.mark.parametrize(("seconds", "code"), [(-1, []), (0, [NEWER]), (1, [NEWER])])
def test_a_newer_word_on_the_same_subject_stands_against_an_older(catalog, status_item, seconds, code):
    """As does its erasure; what was said before does not, nor what is said of others."""
    newer = event(catalog, id="S-2", legal_hold=False)
    other = event(catalog, id="S-3", case_id="7004", legal_hold=False)

    assert against(catalog, status_item, lying(newer, seconds), lying(other, 9)) == code
    assert against(catalog, status_item, lying(newer._replace(value=None, headers=()), seconds)) == code


def test_of_an_event_on_its_topic_what_lies_behind_it_is_newer(catalog):
    """By its own place in its partition, whatever the clocks say; it is not in its own way."""
    record = event(catalog, legal_hold=True)
    found = plan(catalog, KEYS, held(record), NOTHING)
    newer = event(catalog, id="S-2", legal_hold=False)

    assert against(catalog, found, lying(record, 0, (2, 40)), lying(newer, 0, (2, 39)), lying(newer, 0, (1, 41))) == []
    assert against(catalog, found, lying(newer, -99, (2, 41))) == [NEWER]


def test_where_every_word_is_kept_an_older_one_may_come_later(catalog, gateway, monkeypatch):
    """Marks of a register do not take each other's place."""
    gateway.say("schools", "attendance", REGISTER.encode())
    found = mended(catalog, gateway.items[0], monkeypatch)

    assert against(catalog, found, lying(gateway.events[0], 5)) == []
    assert against(catalog, found, lying(found.records[0], 5)) == [THERE]


# --- showing -----------------------------------------------------------------------------------------------------


@given(st.text())
def test_nothing_that_is_shown_steers_a_terminal(text):
    """No control, no change of direction, no separator of lines, no half of a pair; nor is a letter lost."""
    shown = safe(text)

    assert shown.isprintable()
    assert safe("Zoë \x1b[2J\u202e“x”") == "Zoë \\u{1b}[2J\\u{202e}“x”"


@given(st.binary(max_size=2_000), st.integers(0, 50), st.integers(1, 100))
def test_whatever_was_sent_can_be_shown_in_part(raw, near, most):
    """Lines with their numbers, and how much is behind them."""
    lines, behind = lines_of(raw, near, most)

    assert all(line.isprintable() for _, line in lines)
    assert behind >= 0
    assert sum(len(line) for _, line in lines) <= 12 * most


def test_what_is_long_is_cut_and_told():
    """From the first line, or from shortly before the one that is meant."""
    raw = b"\r".join(b"row %d" % number for number in range(1, 101))

    assert lines_of(raw, most=12) == ([(1, "row 1"), (2, "row 2")], 680)
    lines, _ = lines_of(raw, near=50, most=30)
    assert lines[0] == (47, "row 47")


@pytest.mark.parametrize(
    ("form", "raw", "place", "there"),
    [
        ("json", b'{"child": {"born": "1\\u001b"}}', "child.born", '"1\\u001b"'),
        ("json", b'{"a": [{"b": 1}]}', "a.0.b", "1"),
        ("json", b'{"a": 1}', "b", None),
        ("json", b'{"a":\n  oops}', "line 2 column 3", "  oops}"),
        ("json", b'{"a": "\xff"}', "byte 7", '{"a": "ÿ"}'),
        ("csv", b"A,B\r\n1,x\x1by\r\n", "B", None),
        ("csv", b"A,B\r\n1,2\r\n", "B", "2"),
        ("csv", b"A,B\r\n1,2\r\n", "line 7", None),
        ("hl7", b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.4\rPID|||1^^^X||", "PID-3", "1"),
        ("hl7", b"PID|||", "PID-3", None),
        ("xml", b"<a/>", "a", None),
        ("json", b"[" * 5_000, "a", None),
        ("json", b"{}", "", None),
    ],
)  # fmt: skip
def test_what_stands_at_the_place_of_the_fault(form, raw, place, there):
    """Where the format can tell, and safe to print."""
    saying = Saying(format=form, by="files", into=("x",))

    assert at_fault(raw, saying, place) == there
