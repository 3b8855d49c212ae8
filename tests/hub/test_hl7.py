"""What the HL7 v2 reader and writer promise, asked of hostile and of odd input."""

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.agency import Saying
from hub.errors import NotUnderstood, Unreadable
from hub.formats import hl7, hl7_batch, hl7_values, hl7_write

SAYING = Saying(format="hl7", by="mllp", into=("hospital_attendance",))
NOW = datetime(2026, 7, 4, 18, 22, tzinfo=UTC)


def header(*, marks="^~\\&", tail="", control_id="M1", kind="ADT^A04", version="2.4"):
    return f"MSH|{marks}|PAS|RZZ|HUB|SBC|20260704192205||{kind}|{control_id}|P|{version}{tail}"


def one(*segments, end="\r", charset="utf-8"):
    return (end.join(segments) + end).encode(charset)


def read(*segments, **how):
    (item,) = hl7.parse(one(*segments, **how), SAYING)
    return item.message


def refusal(data):
    with pytest.raises(Unreadable) as caught:
        list(hl7.parse(data, SAYING))
    return caught.value.code, caught.value.place


# --- what is where ---------------------------------------------------------------------------------------------


def test_paths_count_from_one_as_hl7_does():
    """The header's first field is the separator itself; every other segment's comes after it."""
    message = read(header(), "PID|1||9990000018^^^NHS&1.2&ISO^NH~7^^^RZZ^MR||Dare^Zo")
    assert [message[path] for path in ("MSH-1", "MSH-2", "MSH-3", "MSH-9.2", "MSH-10")] == [
        "|", "^~\\&", "PAS", "A04", "M1",
    ]  # fmt: skip
    assert [message[path] for path in ("PID-3", "PID-3.4", "PID-3.4.2", "PID-5.2", "PID-5.9", "PID-99", "PV1-2")] == [
        "9990000018", "NHS", "1.2", "Zo", "", "", "",
    ]  # fmt: skip
    assert message.repetitions("PID-3") == [["9990000018", "", "", "NHS", "NH"], ["7", "", "", "RZZ", "MR"]]
    assert message.repetitions("PID-4") == message.repetitions("NK1-2") == []
    assert (message.type, message.control_id) == (("ADT", "A04"), "M1")


def test_a_path_that_is_none_is_a_mistake_in_the_code():
    """A misspelt path must not read as an empty field."""
    with pytest.raises(ValueError, match="paths are"):
        read(header())["PID5.1"]


def test_null_is_told_from_empty():
    """Two quotes ask for deletion, and are no value; an empty field says nothing."""
    message = read(header(), 'PID|||7||""||A^""')
    assert (message["PID-5"], message["PID-7.2"]) == ("", "")
    assert [message.is_null(path) for path in ("PID-5", "PID-5.3", "PID-7", "PID-7.2", "PID-8", "NK1-1")] == [
        True, True, False, True, False, False,
    ]  # fmt: skip


def test_escapes_become_what_they_stand_for():
    """Separators, line breaks and hexadecimal are resolved; highlighting goes; the rest stands as it was sent."""
    message = read(header(), r"NTE|1||a\F\b\S\c\R\d\E\e\T\f\.br\g\H\h\N\i\XC3AB\j\Z9\k\X00\l\Q|x")
    assert message["NTE-3"] == "a|b^c~d\\e&f\ng" + "hiëj" + r"\Z9\k\X00\l\Q"


def test_other_separators_are_taken_as_declared():
    """What MSH-1 and MSH-2 declare holds for the message, escape sequences included."""
    message = read("MSH!:*/%!PAS!RZZ!!!20260704!!ADT:A04!M1!P!2.4", "PID!1!!7:::RZZ:MR*8!!A/S/B%c:D|E")
    assert (message["PID-5"], message["PID-5.1.2"], message["PID-5.2"]) == ("A:B", "c", "D|E")
    assert [row[0] for row in message.repetitions("PID-3")] == ["7", "8"]


def test_a_fifth_encoding_character_is_no_fault():
    """HL7 2.7 added one, and senders of older versions write it too."""
    message = read(header(marks="^~\\&#"), "PID|||7||Dare^Zo\\P\\")
    assert (message["MSH-2"], message["PID-5.2"]) == ("^~\\&#", "Zo#")


@pytest.mark.parametrize(
    ("raw", "charset"),
    [
        (b'MSH|^~\\&#|A|B|C|D|2026||ADT^A04|M1|P|2.7\rPID|||1~2~""||Zo\xeb\\S\\\rZUK|1^^|&x\r\rZ9A|', "iso-8859-1"),
        (b"MSH|^~\\&|A|B|C|D|2026||ADT^A04|M1|P|2.4||||||UNICODE\nPID|||1||Zo\xc3\xab \\X0D\\\\Zq\\\nZU1|a", "ascii"),
    ],
)
def test_the_bytes_are_kept_as_they_came(raw, charset):
    """Whatever they mean: Z-segments, repetitions, escapes, empty fields and line ends too."""
    saying = SAYING.model_copy(update={"charset": charset})
    (item,) = hl7.parse(raw, saying)
    assert item.raw == item.message.raw == raw
    assert item.message["PID-5"].startswith("Zoë")


def test_segments_that_no_standard_knows_are_kept():
    """Z-segments are there for who knows them, all of them and in order."""
    message = read(header(), "ZU1|1|x", "PID|||7", "ZU1|2|y")
    assert [segment.text(2) for segment in message.segments("ZU1")] == ["x", "y"]


def test_each_group_of_a_repeating_message_stands_alone():
    """A merge of two patients is two messages with one header, each with its own MRG."""
    message = read(header(kind="ADT^A40"), "EVN|A40", "PID|||1", "MRG|2", "PID|||3", "MRG|4")
    groups = message.groups("PID")
    assert [(g["MSH-10"], g["EVN-1"], g["PID-3"], g["MRG-1"]) for g in groups] == [
        ("M1", "A40", "1", "2"), ("M1", "A40", "3", "4"),
    ]  # fmt: skip
    assert read(header(), "PID|||1").groups("PID")[0]["PID-3"] == "1"


# --- messages in files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("between", ["", "\n", "\r\n\r\n"])
def test_messages_of_a_file_are_told_apart(end, between):
    """By the next header, whatever ends their segments and whether or not lines are left blank."""
    first, second = one(header(control_id="A"), "PID|||1", end=end), one(header(control_id="B"), "PID|||2", end=end)
    items = list(hl7.parse(first + between.encode() + second, SAYING))
    assert [(item.own_id, item.message["PID-3"]) for item in items] == [("A", "1"), ("B", "2")]
    assert items[0].raw == first.rstrip(b"\r\n") == items[0].message.raw


def test_framing_and_byte_order_mark_are_tolerated_in_files():
    """Captures of a line are replayed as files; their framing is no part of the message."""
    raw = one(header(), "PID|||1").rstrip()
    items = list(hl7.parse(b"\x0b" + raw + b"\r\x1c\r\x0b" + raw + b"\r\x1c\r", SAYING))
    assert [item.raw for item in items] == [raw, raw]
    (item,) = hl7.parse(b"\xef\xbb\xbf" + raw, SAYING)
    assert item.raw == raw


def test_a_bad_message_in_a_sound_file_is_refused_alone():
    """The others are read."""
    data = one(header(control_id="A")) + one("MSH|^^^^|x") + one(header(control_id="B"))
    items = list(hl7.parse(data, SAYING))
    assert [item.own_id for item in items] == ["A", None, "B"]
    assert items[1].message.code == "hl7.separators"


def batch(*messages, count="2", files="1"):
    head, tail = ("FHS|^~\\&|PAS", "BHS|^~\\&|PAS"), (f"BTS|{count}", f"FTS|{files}")
    return one(*head) + b"".join(messages) + one(*tail)


def test_a_whole_batch_is_read():
    """Its envelope is no message."""
    data = batch(one(header(control_id="A")), one(header(control_id="B")))
    assert [item.own_id for item in hl7.parse(data, SAYING)] == ["A", "B"]
    assert [item.own_id for item in hl7.parse(batch(one(header(control_id="A")), count=""), SAYING)] == ["A"]


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (batch(one(header())), ("hl7.count", "BTS-1")),
        (batch(one(header()), one(header()), files="2"), ("hl7.count", "FTS-1")),
        (batch(one(header()), one(header()), count="two"), ("hl7.count", "BTS-1")),
        (one("FHS|^~\\&", "BHS|^~\\&") + one(header()) + one("BTS|1"), ("hl7.truncated", "")),
        (one("BHS|^~\\&") + one(header()), ("hl7.truncated", "")),
        (one("BTS|1") + one(header()) + one("BHS|^~\\&"), ("hl7.envelope", "BTS")),
        (one("BHS|^~\\&") + one(header()) + one("BTS|1", "PID|||7"), ("hl7.envelope", "BTS")),
    ],
)
def test_a_batch_that_lost_something_is_refused_whole(data, verdict):
    """What a count or a missing end shows to be incomplete is not taken in part."""
    assert refusal(data) == verdict


# --- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (b"", ("hl7.header", "")),
        (b"PID|||7\r", ("hl7.header", "")),
        (b"MSHX|^~\\&|\r", ("hl7.header", "")),
        (b"hello\r" + one(header()), ("hl7.header", "")),
        (b"MSH", ("hl7.separators", "MSH-2")),
        (b"MSHabcdeaPASa", ("hl7.header", "")),
        (b"MSH|abcd|PAS", ("hl7.separators", "MSH-2")),
        (b"MSH|^~^&|PAS", ("hl7.separators", "MSH-2")),
        (b"MSH|^~\\|PAS", ("hl7.separators", "MSH-2")),
        (b'MSH|^~\\"|PAS', ("hl7.separators", "MSH-2")),
        (one(header(kind="")), ("hl7.type", "MSH-9")),
        (one(header(), "PID|||7\x00"), ("hl7.control-character", "segment 2")),
        (one(header(), "PID|||7\x0bMSH|"), ("hl7.control-character", "segment 2")),
        (one(header(), "PID|||7", "PV1||\x85"), ("hl7.control-character", "segment 3")),
        (one(header(), "pid|||7"), ("hl7.segment", "segment 2")),
        (one(header(), "PIDX|||7"), ("hl7.segment", "segment 2")),
        (one(header(), "PID|||7", "and more", end="\n"), ("hl7.segment", "segment 3")),
        (one(header(), "PID|||7\nPV1|1|E"), ("hl7.segment-ends", "")),
        (one(header(), *["NTE|1"] * 500), ("hl7.too-many-segments", "")),
        (one(header(), "PID|||" + "7~" * 200), ("hl7.too-many-repetitions", "PID")),
        (one(header(), "NTE|1||" + "x" * hl7.LONGEST_MESSAGE), ("hl7.too-long", "")),
        (one(header()) * (hl7_batch.MOST_MESSAGES + 1), ("hl7.too-many-messages", "")),
        (one(header(), "PID|||7||Zoë", charset="latin-1"), ("hl7.charset", "MSH-18")),
        (one(header(tail="||||||ASCII"), "PID|||7||Zoë"), ("hl7.charset", "MSH-18")),
        (one(header(tail="||||||ISO IR87"), "PID|||7||Zo"), ("hl7.charset", "MSH-18")),
    ],
)
def test_what_cannot_be_trusted_is_refused_with_its_place(data, verdict):
    """Each rule has its code, and none of them guesses."""
    assert refusal(data) == verdict


def test_what_is_just_within_the_limits_is_read():
    """Limits refuse what is over them only."""
    message = read(header(), "PID|||" + "~".join(["7"] * 200), *["NTE|1"] * 498)
    assert len(message.repetitions("PID-3")) == 200
    assert len(message.segments("NTE")) == 498


def test_a_line_feed_within_text_belongs_to_the_text():
    """Where CR ends segments, free text of two lines makes no segment."""
    message = read(header(), "NTE|1||first\nsecond", "PV1||E")
    assert (message["NTE-3"], message["PV1-2"]) == ("first\nsecond", "E")


@pytest.mark.parametrize(
    ("said", "bytes_are"),
    [
        ("", "utf-8"),
        ("UNICODE", "utf-8"),
        ("UNICODE UTF-8", "utf-8"),
        ("8859/1", "latin-1"),
        ("8859/1~UNICODE", "latin-1"),
    ],
)
def test_bytes_mean_what_the_message_says(said, bytes_are):
    """MSH-18 rules, by its first repetition."""
    assert read(header(tail=f"||||||{said}"), "PID|||7||Zoë", charset=bytes_are)["PID-5"] == "Zoë"


def test_bytes_mean_what_the_line_says_where_the_message_does_not():
    """An agency whose system sends Latin-1 without a word says so in agency.yaml."""
    saying = SAYING.model_copy(update={"charset": "iso-8859-1"})
    (item,) = hl7.parse(one(header(), "PID|||7||Zoë", charset="latin-1"), saying)
    assert item.message["PID-5"] == "Zoë"


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda tail: one(header()) + tail))
def test_no_bytes_bring_the_reader_down(data):
    """Whatever comes is read or refused, and what is read can be asked anything."""
    try:
        items = list(hl7.parse(data, SAYING))
    except Unreadable:
        return
    for item in items:
        assert isinstance(item.message, Unreadable) or isinstance(item.message["PID-3.4.2"], str)


# --- values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20260704192000", "2026-07-04T18:20:00"),  # British Summer Time
        ("20260104192000", "2026-01-04T19:20:00"),
        ("20260704192000+0000", "2026-07-04T19:20:00"),
        ("20260704192000.25-0530", "2026-07-05T00:50:00.250000"),
        ("202607041920", "2026-07-04T18:20:00"),
        ("2026070419", "2026-07-04T18:00:00"),
        ("20260704", "2026-07-03T23:00:00"),
        ("202607", "2026-06-30T23:00:00"),
        ("2026", "2026-01-01T00:00:00"),
        ("20261025013000", "2026-10-25T00:30:00"),  # occurs twice: the first
        ("20260329013000", "2026-03-29T01:30:00"),  # does not occur: a clock not put forward
    ],
)
def test_times_are_uk_times_unless_they_say_otherwise(text, moment):
    """In UTC, at any precision that HL7 allows."""
    assert hl7_values.timestamp(text) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "now", "20261", "20261301", "20260230", "20260704246000", "20260704250000", "2026-07-04",
             "20260704192000+9900", "20260704192000+0199", "00000101", "0001010100+1400", "٢٠٢٦"],
)  # fmt: skip
def test_what_is_no_time_is_not_made_one(text):
    """The refusal says where, and not what was written."""
    with pytest.raises(NotUnderstood) as caught:
        hl7_values.timestamp(text, "EVN-2")
    assert (caught.value.code, caught.value.place) == ("hl7.time", "EVN-2")
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20120630", date(2012, 6, 30)),
        ("20120630230000", date(2012, 6, 30)),  # as written: nothing says that it is not UK time
        ("20120630230000+0000", date(2012, 7, 1)),  # midnight in summer time, as a system in UTC writes it
        ("20120701000000+0100", date(2012, 7, 1)),
        ("20120701000000+0000", date(2012, 7, 1)),
        ("20120115000000+0100", date(2012, 1, 15)),  # midnight is no time: the day as written
        ("20120115003000+0000", date(2012, 1, 15)),
        ("19800601010000", date(1980, 6, 1)),
    ],
)
def test_a_day_of_birth_does_not_slip(text, day):
    """Recorded with an hour, in summer time or with an offset, it is the day that the family keeps."""
    assert hl7_values.date_of(text) == day


@pytest.mark.parametrize(("text", "code"), [("2012", "hl7.imprecise"), ("201206", "hl7.imprecise"), ("x", "hl7.time")])
def test_a_day_is_not_invented(text, code):
    """A year alone is no birthday."""
    with pytest.raises(NotUnderstood, match=re.escape(code)):
        hl7_values.date_of(text, "PID-7")


@pytest.mark.parametrize(
    "spelling", ["^^^NHS^NH", "^^^NHS", "^^^NHS^HN", "^^^NHSNBR^NHSNMBR", "^^^NHS&x&ISO^NH", "^^^nhs^nh"]
)
def test_each_spelling_of_an_nhs_number_is_known(spelling):
    """In any place of PID-3, with the spaces people write."""
    message = read(header(), f"PID|||7^^^RZZ^MR~999 000-0018{spelling}")
    assert hl7_values.nhs_number(message) == ("9990000018", None)
    assert hl7_values.local_id(message) == ("7", "RZZ")


@pytest.mark.parametrize("other", ["^^^CHI^NH", "^^^RZZ^MR", "", "^^^NHSX^NH", "^^^NHS^MR"])
def test_no_other_number_is_taken_for_one(other):
    """Ten digits are no NHS number unless somebody says that they are."""
    assert hl7_values.nhs_number(read(header(), f"PID|||9990000018{other}")) == (None, None)


@pytest.mark.parametrize(
    ("status", "verified"), [("NSTS01", True), ("NSTS02", False), ("", None), ("Y", None), ("Y~NSTS01", True)]
)
def test_tracing_status_is_told(status, verified):
    """PID-32 says whether the number was traced and verified."""
    message = read(header(), f"PID|||9990000018^^^NHS^NH{'|' * 29}{status}")
    assert hl7_values.nhs_number(message) == ("9990000018", verified)


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ("A1^^^RZZAE^MR~7^^^RZZ^MR", ("7", "RZZ")),
        ("A1^^^RZZAE^MR", ("A1", "RZZAE")),
        ("5^^^RZZ^PI~7^^^XYZ^MR", ("7", "XYZ")),
        ("7", ("7", None)),
        ("9990000018^^^NHS^NH", (None, None)),
        ("1^^^CHI^NH", (None, None)),
        ('""', (None, None)),
    ],
)
def test_the_hospitals_own_number_is_found(ids, found):
    """The sender's own medical record number before any other."""
    assert hl7_values.local_id(read(header(), f"PID|||{ids}")) == found


# --- acknowledgements ------------------------------------------------------------------------------------------


def test_an_acknowledgement_turns_the_header_round():
    """Sender and receiver change places, MSA-2 echoes MSH-10, and the sender can read it."""
    raw = one(header(control_id="M\\T\\1", marks="^~\\&#"), "PID|||7")
    ack = hl7.read(hl7_write.acknowledge(raw, "AA", at=NOW))
    assert [ack[f"MSH-{n}"] for n in (3, 4, 5, 6, 7, 11, 12)] == [
        "HUB",
        "SBC",
        "PAS",
        "RZZ",
        "20260704192200+0100",
        "P",
        "2.4",
    ]
    assert (ack.type, ack["MSH-9.3"], ack["MSA-1"], ack["MSA-2"]) == (("ACK", "A04"), "ACK", "AA", "M&1")
    assert not ack.segments("ERR")
    assert 0 < len(ack.control_id) <= 20


def test_the_same_message_twice_gets_the_same_answer():
    """And another message, or another verdict, another one."""
    a, b = one(header(control_id="A")), one(header(control_id="B"))
    ids = [
        hl7.read(hl7_write.acknowledge(raw, code, at=NOW)).control_id
        for raw, code in ((a, "AA"), (a, "AA"), (b, "AA"), (a, "AE"))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("version", "err"),
    [
        ("2.3", "ERR|PID^1^3^102&Data type error&HL70357"),
        ("2.5", "ERR||PID^1^3|102^Data type error^HL70357|E|identifiers.none|||send a number"),
    ],
)
def test_a_refusal_says_what_where_and_what_to_do(version, err):
    """In ERR as the sender's own version has it, and in MSA-3 for who looks there."""
    raw = one(header(version=version))
    ack = hl7_write.acknowledge(
        raw, "AE", at=NOW, error=102, reason="identifiers.none", place="PID-3", mend="send a number"
    )
    lines = ack.decode().split("\r")
    assert lines[1] == "MSA|AE|M1|identifiers.none at PID-3 send a number"
    assert lines[2] == err


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"MSH" + tail))
def test_anything_can_be_answered(raw):
    """However little of it is readable, and the answer itself always is."""
    ack = hl7_write.acknowledge(raw, "AR", at=NOW, error=100, reason="hl7.header", mend="begin with MSH")
    marks = hl7_write.header(raw).separators
    line = ack.split(b"\r")[1].decode("latin-1").split(marks.field)
    assert line[:2] == ["MSA", "AR"]
    assert not set(ack) & {0x00, 0x0B, 0x1C}


@pytest.mark.parametrize(
    ("accept", "application", "answers"),
    [
        ("", "", ("AA", "AE", "AR", "AE")),
        ("AL", "NE", ("CA", "CE", "CR", "CE")),
        ("AL", "", ("CA", "CE", "CR", "CE")),
        ("AL", "AL", ("CA AA", "CA AE", "CR", "CE")),
        ("al", "er", ("CA", "CA AE", "CR", "CE")),
        ("AL", "SU", ("CA AA", "CE", "CR", "CE")),
        ("NE", "AL", ("AA", "AE", "AR", "AE")),
        ("", "AL", ("AA", "AE", "AR", "AE")),
        ("ER", "NE", ("", "CE", "CR", "CE")),
        ("ER", "AL", ("AA", "AE", "CR", "CE")),
        ("SU", "ER", ("CA", "CA AE", "AR", "AE")),
        ("NE", "NE", ("", "", "", "")),
    ],
)
def test_the_sender_gets_the_answers_it_asked_for(accept, application, answers):
    """Original mode, or each level of enhanced mode on the condition in MSH-15 and MSH-16: what was kept is CA."""
    head = hl7_write.header(one(header(tail=f"|||{accept}|{application}")))
    outcomes = ("accepted", "error", "rejected", "unkept")
    assert tuple(" ".join(hl7_write.answer_codes(head, outcome)) for outcome in outcomes) == answers


def test_an_acknowledgement_is_not_acknowledged():
    """Two systems that did would never stop."""
    head = hl7_write.header(one(header(kind="ACK^A04^ACK", tail="|||AL|AL")))
    assert hl7_write.answer_codes(head, "accepted") == ()


@pytest.mark.parametrize(
    ("said", "processing", "aside"),
    [
        ("P", ("P",), None),
        ("", ("P",), None),
        ("X", ("P",), None),
        ("P^T", ("P",), None),
        ("T", ("P",), "hl7.training"),
        ("t", ("P",), "hl7.training"),
        ("T^T", ("P",), "hl7.training"),
        ("D", ("P",), "hl7.debugging"),
        ("P^I", ("P",), "hl7.not-current"),
        ("P^a", ("P",), "hl7.not-current"),
        ("P^R", ("P",), "hl7.not-current"),
        ("T", ("T", "D"), None),
        ("D", ("P", "D"), None),
        ("P", ("T",), "hl7.production"),
    ],
)
def test_only_what_is_said_in_earnest_is_acted_upon(said, processing, aside):
    """MSH-11: training and debugging, what is archived, restored or loaded; a line may be of another environment."""
    saying = SAYING.model_copy(update={"processing": processing})
    data = one(f"MSH|^~\\&|A|B|C|D|20260704||ADT^A04|M1|{said}|2.4")

    (item,) = hl7.parse(data, saying)
    batch_of_two = [found.message for found in hl7.parse(data + data.replace(b"|M1|", b"|M2|"), saying)]

    assert (item.raw, item.own_id) == (data.rstrip(b"\r"), "M1")
    assert getattr(item.message, "code", None) == aside
    assert [getattr(message, "code", None) for message in batch_of_two] == [aside, aside]


# --- whole messages --------------------------------------------------------------------------------------------


def segments(**changes):
    msh = {3: "HUB", 4: "SBC", 7: "20260704192000", 9: ("ADT", "A31", "ADT_A05"), 10: "X1", 11: "P", 12: "2.4"}
    pid = {3: [("9990000018", None, None, "NHS", "NH"), ("7", None, None, "RZZ", "MR")], 5: ("O|N^e~i\\l&", "Zo")}
    return [
        ("MSH", msh | changes.get("msh", {})),
        ("EVN", {2: "20260704192000"}),
        ("PID", pid | changes.get("pid", {})),
        ("PV1", {2: "E"}),
        *changes.get("more", []),
    ]


def test_what_is_written_reads_back_as_it_was_meant():
    """Values full of separators come out as values."""
    message = hl7.read(
        hl7_write.render(
            segments(more=[("OBX", {1: 1, 2: "ST", 3: "a", 5: "one\r\ntwo \\.br\\", 11: "F"}), ("ZZZ", {2: "z"})])
        )
    )
    assert (message["PID-5.1"], message["PID-5.2"]) == ("O|N^e~i\\l&", "Zo")
    assert message.repetitions("PID-3")[1] == ["7", "", "", "RZZ", "MR"]
    assert (message["OBX-5"], message["ZZZ-2"]) == ("one\ntwo \\.br\\", "z")


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": {3: None}},  # required
        {"pid": {8: ("F", "x")}},  # one component only
        {"pid": {99: "x"}},  # no such field
        {"more": [("NTE", {3: "dropped by hl7apy without a word"})]},
        {"more": [("EVN", {2: "20260704"})]},  # out of order
        {"msh": {9: ("ADT", "A31", "ADT_A99")}},
        {"msh": {12: "9.9"}},
    ],
)
def test_what_is_not_valid_hl7_is_not_sent(changes):
    """And the complaint holds nothing of the message."""
    with pytest.raises(ValueError, match=r"^hl7\.invalid") as caught:
        hl7_write.render(segments(**changes))
    assert "9990000018" not in str(caught.value)


def test_characters_are_not_lost_to_a_character_set():
    """What MSH-18 cannot hold is not replaced by question marks."""
    with pytest.raises(ValueError, match=r"hl7\.charset"):
        hl7_write.render(segments(pid={5: ("Zoë", "x")}))
    raw = hl7_write.render(segments(pid={5: ("Zoë", "x")}, msh={18: "UNICODE UTF-8"}))
    assert hl7.read(raw)["PID-5"] == "Zoë"


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=40))
def test_escaping_is_undone_by_reading(text):
    """For any text without control characters."""
    assert hl7.unescape(hl7_write.escape(text), hl7_write.USUAL) == text


def test_of_a_shape_hl7apy_looks_at_one_message(monkeypatch):
    """An alert does not wait for another fifty like it to be looked at; another shape is looked at."""
    looked = []
    monkeypatch.setattr(hl7_write, "_sound", set())
    monkeypatch.setattr(hl7_write, "_check", looked.append)
    for surname, number in (("Smith", "9990000018"), ("O'Dare", "9990000026"), ("Ferrars", "9990000034")):
        hl7_write.render(segments(pid={3: (number, None, None, "NHS", "NH"), 5: (surname, "Zoe")}))
    assert len(looked) == 1
    hl7_write.render(segments(pid={3: ("9990000018", None, None, "NHS", "NH"), 5: ("Smith", "Zoe", "May")}))
    assert len(looked) == 2


@given(
    st.dictionaries(
        st.sampled_from([1, 3, 5, 7, 8, 19, 29, 31, 39]),
        st.one_of(
            st.text("09AZaz '-^é", min_size=1, max_size=30),
            st.sampled_from(["20260131", "20261399", "202601312399", "99999", "F", "F" * 300, "9" * 300]),
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_shape_is_refused_where_hl7apy_refuses_the_message(monkeypatch, pid):
    """Whatever of nearly the same shape was found to be sound before."""

    def refused() -> bool:
        try:
            hl7_write.render(segments(pid=pid, msh={18: "UNICODE UTF-8"}))
        except ValueError:
            return True
        return False

    after_others = refused()
    with monkeypatch.context() as alone:
        alone.setattr(hl7_write, "_sound", set())
        assert refused() == after_others
