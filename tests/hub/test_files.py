"""Folders: nothing half-written is read, nothing is lost or overwritten, and no name leads elsewhere or into a log."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.errors import Refused, TransportError
from hub.transports import Answer, Delivery, PutsAway
from hub.transports.files import FolderSink, FolderSource
from hub.transports.folder import files, opened, read
from hub.transports.watching import ready
from tests.hub.awaiting import Gateway, awaited, until

LINE = ("schools", "attendance")
SOUND = Answer(events=1)
UNREADABLE = Answer("csv.empty", "", "send a file with a heading", refused=1, readable=False)
CLOSED = Answer("identity.closed", "", "use the new number", events=41, refused=1, kept=False)
PARTLY = Answer("csv.ragged", "line 2", "give the row as many cells as the heading has", events=3, refused=1)


@asynccontextmanager
async def watching(root: Path, gateway: Gateway, **options: Any):
    settings = {"every": 0.01, "settle": 0.02, "backoff": (0.01, 0.02)} | options
    source = FolderSource(root, {LINE: "schools/attendance"}, **settings)
    await source.start(gateway)
    try:
        yield root / "schools" / "attendance"
    finally:
        await source.stop()


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.is_file())


def put_in_order(root: Path, **contents: bytes) -> None:
    """Before anybody watches: each file a second younger than the one before."""
    folder = root / "schools" / "attendance"
    folder.mkdir(parents=True)
    for second, (name, content) in enumerate(contents.items()):
        os.utime(put(folder, name, content), (second, second))


def put(folder: Path, name: str, content: bytes = b"NAME\r\n") -> Path:
    """As a careful sender does: under another name first."""
    part = folder / f"{name}.part"
    part.write_bytes(content)
    return part.rename(folder / name)


@awaited
async def test_an_accepted_file_is_received_once_and_lies_in_done(tmp_path):
    """What was understood is kept for the sender to see, and not read again."""
    gateway = Gateway(SOUND)
    async with watching(tmp_path, gateway) as folder:
        put(folder, "monday.csv", b"content")
        await until(lambda: not names(folder))
    assert gateway.given == [("schools", "attendance", b"content")]
    assert (folder / "done" / "monday.csv").read_bytes() == b"content"
    assert names(folder) == []


@awaited
async def test_an_unreadable_file_lies_in_refused_with_the_reason(tmp_path):
    """The sender finds the file, why it was refused, and what to do."""
    async with watching(tmp_path, Gateway(UNREADABLE)) as folder:
        put(folder, "monday.csv", b"")
        await until(lambda: not names(folder))
    assert names(folder / "refused") == ["monday.csv", "monday.csv.why.json"]
    why = json.loads((folder / "refused" / "monday.csv.why.json").read_text())
    assert (why["code"], why["place"], why["mend"]) == ("csv.empty", "", "send a file with a heading")


@awaited
async def test_a_partly_refused_file_lies_in_done_with_what_was_refused(tmp_path):
    """Most rows were understood; the sender is told of the first that was not, and how many."""
    async with watching(tmp_path, Gateway(PARTLY)) as folder:
        put(folder, "monday.csv")
        await until(lambda: not names(folder))
    assert names(folder / "done") == ["monday.csv", "monday.csv.why.json"]
    why = json.loads((folder / "done" / "monday.csv.why.json").read_text())
    assert why == {
        "code": "csv.ragged", "place": "line 2", "mend": "give the row as many cells as the heading has",
        "events": 3, "set_aside": 0, "refused": 1,
    }  # fmt: skip


@awaited
async def test_a_file_that_must_not_be_kept_is_deleted_with_its_name(tmp_path):
    """Of it stays a report that says why, when and how large, and neither what it held nor what it was called."""
    async with watching(tmp_path, Gateway(CLOSED)) as folder:
        written = put(folder, "9990000018 is now 9990000026.csv", b"9990000018,9990000026").stat().st_mtime
        await until(lambda: not names(folder))
    assert names(folder / "done") == []
    (report,) = names(folder / "refused")
    assert re.fullmatch(r"deleted-\d+\.why\.json", report)
    text = (folder / "refused" / report).read_text()
    assert "99900" not in text
    told = json.loads(text)
    assert told.pop("written") == datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")
    assert told == {
        "code": "identity.closed", "place": "", "mend": "use the new number", "events": 41, "set_aside": 0,
        "refused": 1, "file": "deleted, and its name with it", "bytes": 21,
    }  # fmt: skip


@awaited
async def test_a_file_that_replaced_one_that_must_not_be_kept_is_received_too(tmp_path):
    """What came in the meantime is put back; it is not what was to be deleted."""
    gateway = Gateway(CLOSED, SOUND)
    async with watching(tmp_path, gateway) as folder:

        def replace() -> None:
            gateway.before = lambda: None
            put(folder, "monday.csv", b"new")

        gateway.before = replace
        put(folder, "monday.csv", b"old")
        await until(lambda: len(gateway.given) == 2 and not names(folder))
    assert (folder / "done" / "monday.csv").read_bytes() == b"new"
    assert names(folder / "refused") == []


@awaited
async def test_what_a_killed_process_had_still_to_delete_is_deleted_at_the_next_start(tmp_path):
    """It lies where it was moved to before it is deleted; reports, and files that senders named, stay."""
    refused = tmp_path / "schools" / "attendance" / "refused"
    refused.mkdir(parents=True)
    for name in ("deleted-17", "deleted-17.2", "deleted-17.why.json", "deleted-rows.csv"):
        (refused / name).write_bytes(b"x")
    async with watching(tmp_path, Gateway(SOUND)):
        pass
    assert names(refused) == ["deleted-17.why.json", "deleted-rows.csv"]


@awaited
async def test_a_file_stays_until_the_hub_could_commit_it(tmp_path):
    """Where the world does not answer, the file is left in place and tried again, and the next one waits its turn."""
    gateway = Gateway(TransportError("down"), TransportError("down"), SOUND)
    put_in_order(tmp_path, a=b"first", b=b"second")
    async with watching(tmp_path, gateway) as folder:
        await until(lambda: not names(folder))
    assert [data for _, _, data in gateway.given] == [b"first", b"first", b"first", b"second"]


@awaited
async def test_files_are_taken_in_the_order_they_came(tmp_path):
    """What was said later is heard later, whatever the names are."""
    gateway = Gateway(SOUND)
    put_in_order(tmp_path, z=b"z", m=b"m", a=b"a")
    async with watching(tmp_path, gateway) as folder:
        await until(lambda: not names(folder))
    assert [data for _, _, data in gateway.given] == [b"z", b"m", b"a"]


def test_a_file_is_not_read_while_it_grows(tmp_path):
    """A file is ready once it has stood still for two looks and the settling time; each change starts that anew."""
    file, seen, found = tmp_path / "slow.csv", {}, []
    for now, grown in [(0, b"a"), (1, b"ab"), (2, b"abc"), (3, b"abc"), (4, b"abc"), (5, b"abcd")]:
        file.write_bytes(grown)
        os.utime(file, (0, 0))  # a copy that keeps times: the size alone tells
        with opened(tmp_path) as here:
            found.append([name for name, _ in ready(seen, files(here), 2.0, now)])
    assert found == [[], [], [], [], ["slow.csv"], []]


@awaited
async def test_a_file_that_is_replaced_while_it_is_received_is_received_too(tmp_path):
    """What came in the meantime under the same name was never read: it is put back, not put away."""
    gateway = Gateway(SOUND)
    async with watching(tmp_path, gateway) as folder:

        def replace() -> None:
            gateway.before = lambda: None
            put(folder, "monday.csv", b"new")

        gateway.before = replace
        put(folder, "monday.csv", b"old")
        await until(lambda: len(gateway.given) == 2 and not names(folder))
    assert [data for _, _, data in gateway.given] == [b"old", b"new"]
    assert [(folder / "done" / name).read_bytes() for name in names(folder / "done")] == [b"new"]


@awaited
async def test_a_file_that_its_sender_takes_back_is_no_trouble(tmp_path):
    """It was received; there is nothing to put away, and nothing is left behind in its place."""
    gateway = Gateway(PARTLY)
    async with watching(tmp_path, gateway) as folder:
        gateway.before = lambda: (folder / "monday.csv").unlink(missing_ok=True)
        put(folder, "monday.csv")
        await until(lambda: gateway.given)
        put(folder, "tuesday.csv")
        gateway.before = lambda: None
        await until(lambda: not names(folder))
    assert names(folder / "done") == ["tuesday.csv", "tuesday.csv.why.json"]


@awaited
async def test_a_name_that_was_used_before_overwrites_nothing(tmp_path):
    """Senders use the same name every day; each file is kept."""
    async with watching(tmp_path, Gateway(SOUND)) as folder:
        for content in (b"one", b"two", b"three"):
            put(folder, "daily.csv", content)
            await until(lambda: not names(folder))
    kept = {name: (folder / "done" / name).read_bytes() for name in names(folder / "done")}
    assert kept == {"daily.csv": b"one", "daily.2.csv": b"two", "daily.3.csv": b"three"}


@pytest.mark.parametrize("name", [".hidden.csv", "x.csv.part", "x.TMP", "x.csv.filepart", "x.csv~", "~$x.csv"])
@awaited
async def test_what_is_not_finished_is_left_alone(tmp_path, name):
    """Dot files and the names that editors and transfers give to unfinished work are not looked at."""
    gateway = Gateway(SOUND)
    async with watching(tmp_path, gateway) as folder:
        (folder / name).write_bytes(b"unfinished")
        put(folder, "finished.csv", b"finished")
        await until(lambda: names(folder) == [name])
    assert [data for _, _, data in gateway.given] == [b"finished"]


@awaited
async def test_links_pipes_and_folders_are_never_read(tmp_path):
    """A link could lead to any file of the hub's own machine, and a pipe could hold the hub up for ever."""
    secret = tmp_path / "secret.csv"
    secret.write_bytes(b"secret")
    gateway = Gateway(SOUND)
    async with watching(tmp_path / "root", gateway) as folder:
        (folder / "link.csv").symlink_to(secret)
        os.mkfifo(folder / "pipe.csv")
        (folder / "folder.csv").mkdir()
        put(folder, "plain.csv", b"plain")
        await until(lambda: "plain.csv" not in names(folder))
    assert [data for _, _, data in gateway.given] == [b"plain"]
    assert secret.exists()


@awaited
async def test_a_file_that_changes_between_the_look_and_the_reading_waits_until_it_stands_still(tmp_path, monkeypatch):
    """What is read must be what was looked at: a sender that overwrites in place is never met halfway."""
    gateway, looks = Gateway(SOUND), []

    def late(folder: int, name: str, most: int) -> Any:
        looks.append(name)
        if len(looks) == 1:  # half of the new content is there before we read
            (tmp_path / "schools" / "attendance" / "monday.csv").write_bytes(b"new, h")
            found = read(folder, name, most)
            (tmp_path / "schools" / "attendance" / "monday.csv").write_bytes(b"new, whole")
            return found
        return read(folder, name, most)

    monkeypatch.setattr("hub.transports.files.read", late)
    async with watching(tmp_path, gateway) as folder:
        put(folder, "monday.csv", b"old")
        await until(lambda: not names(folder))
    assert [data for _, _, data in gateway.given] == [b"new, whole"]


@awaited
async def test_a_file_that_grows_while_it_is_read_is_not_taken(tmp_path, monkeypatch):
    """The descriptor that was read is asked before and after."""
    path = put(tmp_path, "slow.csv", b"half")
    fstat, asked = os.fstat, []

    def growing(file: int) -> os.stat_result:
        asked.append(file)
        if len(asked) == 2:
            with path.open("ab") as more:
                more.write(b" and half")
        return fstat(file)

    with opened(tmp_path) as here:
        monkeypatch.setattr(os, "fstat", growing)
        assert read(here, "slow.csv", 100) == (b"half", None)


@awaited
async def test_a_file_that_may_not_be_read_holds_nobody_else_up_and_is_told(tmp_path, monkeypatch, caplog):
    """Rights are somebody's to mend: the file stays where it is, is tried again, and the log tells its inode only."""
    gateway = Gateway(SOUND)

    def forbidden(folder: int, name: str, most: int) -> Any:
        if name == "locked.csv" and len(gateway.given) < 1:
            raise PermissionError(13, "Permission denied", name)
        return read(folder, name, most)

    monkeypatch.setattr("hub.transports.files.read", forbidden)
    put_in_order(tmp_path, **{"locked.csv": b"locked", "open.csv": b"open"})
    inode = (tmp_path / "schools" / "attendance" / "locked.csv").stat().st_ino
    async with watching(tmp_path, gateway) as folder:
        await until(lambda: not names(folder))
    assert [data for _, _, data in gateway.given] == [b"open", b"locked"]
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert told
    assert all(str(inode) in str(record.__dict__) for record in told)
    assert all("locked" not in str(record.__dict__) for record in told)


@awaited
async def test_ten_thousand_files_at_once_are_taken_in_order_and_none_is_left(tmp_path, monkeypatch):
    """A partner that was away for a term sends it all; one look finds them, and each is answered once."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # what it costs is the disk's; the order is ours
    folder = tmp_path / "schools" / "attendance"
    folder.mkdir(parents=True)
    for number in range(10_000):
        name = folder / f"{9_999 - number:05d}.csv"
        name.write_bytes(b"%d" % number)
        os.utime(name, (number, number))
    gateway = Gateway(SOUND)
    async with watching(tmp_path, gateway):
        await until(lambda: len(gateway.given) == 10_000)
        await until(lambda: not any(one.is_file() for one in folder.iterdir()))
    assert [int(data) for _, _, data in gateway.given] == list(range(10_000))
    assert len(list((folder / "done").iterdir())) == 10_000


@awaited
async def test_done_that_leads_elsewhere_is_not_followed(tmp_path):
    """Whoever may write into the folder could make `done` a link; the file then stays where it is."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    gateway = Gateway(SOUND)
    async with watching(tmp_path / "root", gateway) as folder:
        (folder / "done").rmdir()
        (folder / "done").symlink_to(elsewhere)
        put(folder, "plain.csv")
        await until(lambda: len(gateway.given) >= 2)
        assert names(folder) == ["plain.csv"]
    assert names(elsewhere) == []


@pytest.mark.parametrize("part", ["done", "refused"])
@awaited
async def test_what_is_forgotten_is_never_elsewhere(tmp_path, part, caplog):
    """Where one of the two became a link, what lies behind it stays, the other is still cleared, and it is told."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    kept = put(elsewhere, "hub.key")
    folder = tmp_path / "root" / "schools" / "attendance"
    for name in ("done", "refused"):
        (folder / name).mkdir(parents=True)
    other = put(folder / ({"done", "refused"} - {part}).pop(), "old.csv")
    (folder / part).rmdir()
    (folder / part).symlink_to(elsewhere)

    assert await FolderSource(tmp_path / "root", {LINE: "schools/attendance"}).forget(kept.stat().st_ctime + 60) == 1
    assert (kept.exists(), other.exists()) == (True, False)
    (told,) = [one.hub_keys for one in caplog.records if one.getMessage() == "files are not forgotten"]
    assert (told["agency"], told["line"]) == LINE


@pytest.mark.parametrize("odd", ["link", "file"])
@awaited
async def test_one_lines_odd_folder_does_not_keep_the_others_from_starting(tmp_path, odd, caplog):
    """A sender may have put something in the place of `refused`: that is told, and every other line is watched."""
    spoilt, other = tmp_path / "schools" / "attendance", ("schools", "roll")
    (spoilt / "done").mkdir(parents=True)
    if odd == "link":
        (spoilt / "refused").symlink_to(tmp_path)
    else:
        put(spoilt, "refused")
    gateway = Gateway(SOUND)
    folders = {LINE: "schools/attendance", other: "schools/roll"}
    source = FolderSource(tmp_path, folders, every=0.01, settle=0.02, backoff=(0.01, 0.02))
    await source.start(gateway)
    try:
        put(tmp_path / "schools" / "roll", "plain.csv")
        await until(lambda: names(tmp_path / "schools" / "roll" / "done") == ["plain.csv"])
    finally:
        await source.stop()
    (told,) = [one.hub_keys for one in caplog.records if one.getMessage() == "a folder is not as it should be"]
    assert (told["agency"], told["line"]) == LINE


@pytest.mark.parametrize("name", ["naïve name.csv", "a\nb;$(reboot)'\".csv", b"caf\xe9.csv", "n" * 250 + ".csv", "-rf"])
@awaited
async def test_odd_names_are_carried_and_never_logged(tmp_path, caplog, name):
    """People name files after children; whatever the name is, it works, and it stays out of the log."""
    caplog.set_level(logging.DEBUG)
    shown = os.fsdecode(name)
    async with watching(tmp_path, Gateway(RuntimeError(shown), PARTLY)) as folder:
        (folder / shown).write_bytes(b"content")
        await until(lambda: not names(folder))
    file, why = sorted(names(folder / "done"), key=len)
    assert (folder / "done" / file).read_bytes() == b"content"
    assert why == f"{file}.why.json"
    logged = [str(record.__dict__) for record in caplog.records]
    assert any("RuntimeError" in line for line in logged)
    assert any("csv.ragged" in line for line in logged)
    assert not any(part in line for line in logged for part in (shown, repr(shown)[1:-1], shown[:5]))


@pytest.mark.parametrize("fault", [RuntimeError, Refused])
@awaited
async def test_one_file_that_makes_trouble_does_not_stop_the_others(tmp_path, fault):
    """A fault of ours, or of one file, such as that Kafka will never take what is in it, holds up that file alone."""
    gateway = Gateway(SOUND)

    def trouble() -> None:
        if gateway.given[-1][2] == b"odd":
            raise fault("kafka")

    gateway.before = trouble
    put_in_order(tmp_path, a=b"odd", b=b"plain")
    async with watching(tmp_path, gateway) as folder:
        await until(lambda: names(folder) == ["a"])
        assert names(folder / "done") == ["b"]


@awaited
async def test_a_file_beyond_the_limit_is_refused_unread(tmp_path):
    """A file that is too large is not taken into memory, and its sender is told."""
    gateway = Gateway(SOUND)
    async with watching(tmp_path, gateway, most_bytes=10) as folder:
        put(folder, "large.csv", b"x" * 11)
        put(folder, "right.csv", b"x" * 10)
        await until(lambda: not names(folder))
    assert json.loads((folder / "refused" / "large.csv.why.json").read_text())["code"] == "files.too-large"
    assert gateway.given == [(*LINE, b"x" * 10)]


@awaited
async def test_a_file_that_is_being_received_is_answered_before_the_source_stops(tmp_path):
    """Stopping does not leave a file that was committed to be read again."""
    gateway, entered, answered = Gateway(SOUND), asyncio.Event(), asyncio.Event()

    async def receive(agency: str, line: str, data: bytes) -> Answer:
        entered.set()
        await answered.wait()
        return await gateway(agency, line, data)

    source = FolderSource(tmp_path, {LINE: "in"}, every=0.01, settle=0.01)
    await source.start(receive)
    put(tmp_path / "in", "monday.csv")
    await entered.wait()
    stopping = asyncio.create_task(source.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    answered.set()
    await stopping
    assert names(tmp_path / "in" / "done") == ["monday.csv"]


@awaited
async def test_what_was_put_away_is_forgotten_in_time(tmp_path):
    """A copy of children's data does not lie in done for ever; what nobody has taken yet is not touched."""
    async with watching(tmp_path, Gateway(UNREADABLE)) as folder:
        put(folder, "monday.csv")
        await until(lambda: len(names(folder / "refused")) == 2 and not names(folder))
    source = FolderSource(tmp_path, {LINE: "schools/attendance"})
    put(folder, "tuesday.csv")
    moved = max(one.stat().st_ctime for one in (folder / "refused").iterdir())
    assert isinstance(source, PutsAway)
    assert await source.forget(moved - 60) == 0
    assert await source.forget(moved + 1) == 2
    assert (names(folder / "refused"), names(folder)) == ([], ["tuesday.csv"])


@pytest.mark.parametrize("folder", ["/etc", "../elsewhere", "a/../../b"])
def test_a_line_lies_below_the_root(tmp_path, folder):
    """A setting that leads out of the root is refused at the start."""
    with pytest.raises(ValueError, match="below the root"):
        FolderSource(tmp_path, {LINE: folder})


def delivery(**other: str | bytes) -> Delivery:
    values: dict[str, Any] = {
        "message_id": "0f" * 16, "agency": "chis", "stream": "child_demographics", "address": "",
        "content_type": "text/csv", "body": b"NHS_REF\r\n9990000018\r\n", "suffix": ".csv",
    }  # fmt: skip
    return Delivery(**(values | other))


@awaited
async def test_a_delivery_becomes_a_file_of_its_name(tmp_path):
    """The name is derived from the message, so that the same message is the same file."""
    name = await FolderSink(tmp_path).deliver(delivery())
    assert name == f"child_demographics-{'0f' * 16}.csv"
    assert (tmp_path / "chis" / name).read_bytes() == b"NHS_REF\r\n9990000018\r\n"
    assert names(tmp_path / "chis") == [name]


@awaited
async def test_a_family_member_has_a_folder_of_its_own(tmp_path):
    """Each school finds its own files only."""
    sink = FolderSink(tmp_path)
    names_ = [await sink.deliver(delivery(agency="schools", address=urn)) for urn in ("123456", "654321")]
    assert [names(tmp_path / "schools" / urn) for urn in ("123456", "654321")] == [[names_[0]], [names_[1]]]


@awaited
async def test_a_name_that_a_standard_prescribes_is_the_files_name(tmp_path):
    """A school's import finds a Common Transfer File by its name; a second file of that name is not written over it."""
    sink, name = FolderSink(tmp_path), "866LLLL_CTF_8664001_001.xml"
    assert await sink.deliver(delivery(name=name)) == name
    assert await sink.deliver(delivery(name=name)) == name
    assert names(tmp_path / "chis") == [name]
    with pytest.raises(Refused):
        await sink.deliver(delivery(name=name, message_id="another", body=b"other"))


@awaited
async def test_the_same_delivery_again_is_acknowledged_and_changes_nothing(tmp_path):
    """An acknowledgement that got lost must not make a second file, nor touch the first."""
    sink = FolderSink(tmp_path)
    name = await sink.deliver(delivery())
    before = (tmp_path / "chis" / name).stat()
    assert await sink.deliver(delivery()) == name
    after = (tmp_path / "chis" / name).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@awaited
async def test_another_content_under_the_same_name_is_never_overwritten(tmp_path):
    """One message id has one content; where that does not hold, a person looks."""
    sink = FolderSink(tmp_path)
    name = await sink.deliver(delivery())
    (tmp_path / "chis" / name).write_bytes(b"NHS_REF\r\n9990000026\r\n")
    with pytest.raises(Refused):
        await sink.deliver(delivery())
    assert (tmp_path / "chis" / name).read_bytes() == b"NHS_REF\r\n9990000026\r\n"


@awaited
async def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    """A disk that fails midway leaves nothing under the name, and the next attempt is not disturbed by the rest."""
    sink, sync, calls = FolderSink(tmp_path), os.fsync, []

    def failing(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:  # the first is the folder's
            raise OSError(28, "No space left on device", "/secret/name.csv")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(TransportError, match="ENOSPC") as caught:
        await sink.deliver(delivery(body=b"a longer body than the next one"))
    assert not isinstance(caught.value, Refused)
    assert "secret" not in str(caught.value)
    assert all(name.endswith(".part") for name in names(tmp_path / "chis"))
    name = await sink.deliver(delivery(body=b"short"))
    assert names(tmp_path / "chis") == [name]
    assert (tmp_path / "chis" / name).read_bytes() == b"short"


@pytest.mark.parametrize(
    "other",
    [
        {"address": ".."}, {"address": "a/b"}, {"address": "/etc"}, {"address": ".ssh"}, {"address": "a\0"},
        {"address": "é"}, {"address": "a b"}, {"address": "a\n"}, {"address": "x" * 65}, {"agency": "../chis"},
        {"agency": ""}, {"stream": "../x"}, {"message_id": "a/b"}, {"suffix": "/x"}, {"suffix": ".csv\n"},
        {"suffix": ""}, {"name": "../x.xml"}, {"name": "a/b.xml"}, {"name": ".ssh"}, {"name": "x.xml\n"},
        {"name": "noending"}, {"name": "866LLLL CTF.xml"},
    ],
    ids=str,
)  # fmt: skip
@awaited
async def test_nothing_leads_out_of_its_folder(tmp_path, other):
    """An address comes from data: only a plain name is taken for a folder, and all else is never tried again."""
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(Refused) as caught:
        await FolderSink(root).deliver(delivery(**other))
    assert names(tmp_path) == []
    assert [one.name for one in tmp_path.iterdir()] == ["root"]
    assert list(root.iterdir()) == []
    with suppress(StopIteration):
        value = next(one for one in other.values() if one)
        assert value not in str(caught.value)


@awaited
async def test_a_link_in_place_of_an_agency_folder_is_not_followed(tmp_path):
    """A partner that may write into the root could lead its neighbour's files away."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "chis").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TransportError):
        await FolderSink(tmp_path / "root").deliver(delivery())
    assert names(tmp_path / "elsewhere") == []


@awaited
async def test_a_root_that_is_missing_is_not_made(tmp_path):
    """A share that is not mounted must not be stood in for by a folder on the hub's own disk."""
    sink = FolderSink(tmp_path / "share")
    with pytest.raises(TransportError, match="ENOENT"):
        await sink.deliver(delivery())
    assert not (tmp_path / "share").exists()
    (tmp_path / "share").mkdir()
    assert await sink.deliver(delivery())
    await sink.close()
