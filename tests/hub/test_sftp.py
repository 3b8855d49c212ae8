"""SFTP against asyncssh's server: whole and once, never to a stranger; and no name leads elsewhere or into a log."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from hub.errors import Refused, TransportError
from hub.parcel import code_of
from hub.transports import Answer, Delivery, PutsAway
from hub.transports.sftp import SftpSink, SftpSource
from hub.transports.sftp.session import Limits
from tests.hub.awaiting import Gateway, awaited, until
from tests.hub.sftp_server import Files, Partner, partner

LINE = ("schools", "attendance")
SOUND = Answer(events=1)
UNREADABLE = Answer("csv.empty", "", "send a file with a heading", refused=1, readable=False)
CLOSED = Answer("identity.closed", "", "use the new number", events=41, refused=1, kept=False)
BODY = b"NHS_REF\r\n9990000018\r\n"
NAME = f"child_demographics-{'0f' * 16}.csv"


def delivery(**other: str | bytes) -> Delivery:
    values: dict[str, Any] = {
        "message_id": "0f" * 16, "agency": "chis", "stream": "child_demographics", "address": "",
        "content_type": "text/csv", "body": BODY, "suffix": ".csv",
    }  # fmt: skip
    return Delivery(**(values | other))


@asynccontextmanager
async def sending(tmp_path: Path, **other: Any):
    """A server with a folder to fill, and the sink that fills it."""
    async with partner(tmp_path) as server:
        (server.root / "in").mkdir(exist_ok=True)
        sink = SftpSink(server.account(**other), "in", Limits(5.0, 5.0, 5.0))
        try:
            yield server, sink
        finally:
            await sink.close()


@asynccontextmanager
async def watching(server: Partner, gateway: Gateway, **options: Any):
    settings = {"every": 0.01, "settle": 0.02, "backoff": (0.01, 0.05), "limits": Limits(5.0, 5.0, 5.0)} | options
    (server.root / "out").mkdir(exist_ok=True)
    source = SftpSource({LINE: (server.account(), "out")}, **settings)
    await source.start(gateway)
    try:
        yield server.root / "out"
    finally:
        await source.stop()


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if not one.is_dir())


def put(folder: Path, name: str | bytes, content: bytes = b"NAME\r\n") -> None:
    """As a careful sender does: under another name first."""
    part = folder / "being-written.part"
    part.write_bytes(content)
    os.rename(part, os.path.join(os.fsencode(folder), os.fsencode(name)))  # noqa: PTH104, PTH118  a name of bytes


async def fails(sink: SftpSink, **other: Any) -> str:
    """The code with which a delivery fails."""
    with pytest.raises(TransportError) as caught:
        await sink.deliver(delivery(**other))
    assert "999000" not in str(caught.value)
    return code_of(caught.value)


# --- what is sent


@awaited
async def test_a_delivery_becomes_a_file_of_its_name(tmp_path):
    """Under a private key, in the folder that was agreed, and nothing else is left there."""
    async with sending(tmp_path) as (server, sink):
        assert await sink.deliver(delivery()) == NAME
        assert names(server.root / "in") == [NAME]
        assert (server.root / "in" / NAME).read_bytes() == BODY


@awaited
async def test_the_name_that_a_standard_prescribes_is_used(tmp_path):
    """Common transfer files, for one, are known by their names."""
    async with sending(tmp_path) as (server, sink):
        await sink.deliver(delivery(name="866LLLL_CTF_8664001_001.xml"))
        assert names(server.root / "in") == ["866LLLL_CTF_8664001_001.xml"]


@awaited
async def test_a_password_opens_the_door_too(tmp_path):
    """Read from its file, whose line end is no part of it."""
    word = tmp_path / "password"
    word.write_text("a password of four words\n", encoding="ascii")
    async with sending(tmp_path, key=None, password=word) as (_, sink):
        assert await sink.deliver(delivery()) == NAME


@awaited
async def test_a_family_member_has_a_folder_of_its_own(tmp_path):
    """Each school finds its own files only."""
    async with sending(tmp_path) as (server, sink):
        for urn in ("123456", "654321", "123456"):
            await sink.deliver(delivery(address=urn))
        assert [names(server.root / "in" / urn) for urn in ("123456", "654321")] == [[NAME], [NAME]]


@awaited
async def test_one_connection_serves_many_deliveries(tmp_path):
    """A login costs the partner more than a file does."""
    async with sending(tmp_path) as (server, sink):
        sent = await asyncio.gather(*(sink.deliver(delivery(message_id=f"{one:032x}")) for one in range(20)))
        assert len(set(sent)) == len(names(server.root / "in")) == 20
        assert server.logins == 1


@awaited
async def test_a_file_larger_than_one_block_arrives_whole(tmp_path):
    """A megabyte, in several writes."""
    body = os.urandom(1_000_001)
    async with sending(tmp_path) as (server, sink):
        await sink.deliver(delivery(body=body))
        assert (server.root / "in" / NAME).read_bytes() == body


@awaited
async def test_the_same_delivery_again_is_acknowledged_and_changes_nothing(tmp_path):
    """An acknowledgement that got lost must not make a second file, nor touch the first."""
    async with sending(tmp_path) as (server, sink):
        await sink.deliver(delivery())
        before = (server.root / "in" / NAME).stat()
        assert await sink.deliver(delivery()) == NAME
        after = (server.root / "in" / NAME).stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@awaited
async def test_a_rename_whose_answer_was_lost_is_found_and_not_repeated(tmp_path):
    """The file lies there whole; the next attempt looks before it sends."""
    async with sending(tmp_path) as (server, sink):
        server.after = lambda _files, _what: server.break_off()
        assert await fails(sink) == "sftp.no-connection"
        before = (server.root / "in" / NAME).stat()
        server.after = lambda _files, _what: None
        assert await sink.deliver(delivery()) == NAME
        assert (server.root / "in" / NAME).stat().st_ino == before.st_ino
        assert names(server.root / "in") == [NAME]


@awaited
async def test_a_part_that_an_attempt_left_is_written_anew(tmp_path):
    """However much longer it was."""
    async with sending(tmp_path) as (server, sink):
        (server.root / "in" / f"{NAME}.part").write_bytes(b"x" * 10_000)
        await sink.deliver(delivery())
        assert names(server.root / "in") == [NAME]
        assert (server.root / "in" / NAME).read_bytes() == BODY


@pytest.mark.parametrize(
    "other", [b"NHS_REF\r\n9990000026\r\n", b"", BODY + b"more"], ids=["same-size", "none", "more"]
)
@awaited
async def test_another_content_under_the_same_name_is_never_overwritten(tmp_path, other):
    """One message id has one content; where that does not hold, a person looks."""
    async with sending(tmp_path) as (server, sink):
        (server.root / "in" / NAME).write_bytes(other)
        with pytest.raises(Refused, match=r"^sftp\.other-content: "):
            await sink.deliver(delivery())
        assert (server.root / "in" / NAME).read_bytes() == other


@awaited
async def test_a_file_that_comes_between_the_look_and_the_rename_is_not_overwritten(tmp_path):
    """The plain rename of the protocol never overwrites."""
    async with sending(tmp_path) as (server, sink):

        def slip_in(_files: Files, what: str) -> None:
            if what == "rename":
                (server.root / "in" / NAME).write_bytes(b"another's")

        server.before = slip_in
        with pytest.raises(Refused, match=r"^sftp\.other-content: "):
            await sink.deliver(delivery())
        assert (server.root / "in" / NAME).read_bytes() == b"another's"


@awaited
async def test_a_link_under_the_name_is_another_content(tmp_path):
    """It is neither read nor written through."""
    async with sending(tmp_path) as (server, sink):
        (server.root / "target").write_bytes(BODY)
        (server.root / "in" / NAME).symlink_to("../target")
        with pytest.raises(Refused, match=r"^sftp\.other-content: "):
            await sink.deliver(delivery())
        assert (server.root / "target").read_bytes() == BODY


@awaited
async def test_a_file_that_the_partner_takes_away_at_once_is_delivered(tmp_path):
    """Its job was quicker than our second look."""
    async with sending(tmp_path) as (server, sink):
        server.after = lambda _files, _what: (server.root / "in" / NAME).unlink()
        assert await sink.deliver(delivery()) == NAME


@awaited
async def test_what_arrives_damaged_is_not_called_delivered(tmp_path):
    """The file is read back before it gets its name."""
    async with sending(tmp_path) as (server, sink):

        def damage(_files: Files, what: str) -> None:
            if what == "read":
                (server.root / "in" / f"{NAME}.part").write_bytes(BODY[:-1] + b"?")

        server.before = damage
        assert await fails(sink) == "sftp.damaged"
        assert NAME not in names(server.root / "in")


@awaited
async def test_a_server_that_shows_another_key_gets_neither_login_nor_file(tmp_path):
    """Trust is never given on first use: a partner in the middle would read all that children's files say."""
    async with sending(tmp_path) as (server, sink):
        stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        (server.keep / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {stranger}", encoding="ascii")
        assert await fails(sink) == "sftp.host-key"
        (server.keep / "known_hosts").write_text("", encoding="ascii")
        assert await fails(sink) == "sftp.host-key"
        assert server.logins == 0
        assert names(server.root / "in") == []


@awaited
async def test_a_login_that_fails_is_tried_again(tmp_path):
    """A key that was not yet put in, or one that expired, is no fault of the message."""
    async with sending(tmp_path) as (server, sink):
        authorized = (server.keep / "authorized").read_bytes()
        (server.keep / "authorized").write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_public_key())
    async with sending(tmp_path) as (server, sink):
        assert await fails(sink) == "sftp.login"
    (server.keep / "authorized").write_bytes(authorized)
    async with sending(tmp_path) as (server, sink):
        assert await sink.deliver(delivery()) == NAME


@awaited
async def test_keys_that_cannot_be_read_are_told_apart_from_a_server_that_says_no(tmp_path):
    """Each by a code of its own."""
    async with sending(tmp_path, key=tmp_path / "nowhere") as (_, sink):
        assert await fails(sink) == "sftp.own-key"
    async with sending(tmp_path, known_hosts=tmp_path / "nowhere") as (_, sink):
        assert await fails(sink) == "sftp.known-hosts"


@awaited
async def test_a_server_that_is_away_is_tried_again(tmp_path):
    """And reached when it is back."""
    async with sending(tmp_path) as (server, sink):
        await sink.deliver(delivery())
        port = server.port
    sink = SftpSink(server.account(), "in")
    assert await fails(sink) == "sftp.no-connection"
    async with partner(tmp_path, port):
        assert await sink.deliver(delivery()) == NAME
        await sink.close()


@awaited
async def test_a_kept_connection_that_broke_is_made_anew(tmp_path):
    """At the latest by the next attempt."""
    async with sending(tmp_path) as (server, sink):
        await sink.deliver(delivery())
        server.break_off()
        await until(lambda: sink._session._open is None or sink._session._open[0].is_closed())
        assert await sink.deliver(delivery(message_id="aa" * 16))
        assert server.logins == 2


def _raising(error: Exception, at: str):
    def fault(_files: Files, what: str) -> None:
        if what == at:
            raise error

    return fault


@pytest.mark.parametrize(
    ("error", "full", "code"),
    [
        (asyncssh.SFTPPermissionDenied("999000"), False, "sftp.no-permission"),
        (asyncssh.SFTPFailure("999000"), False, "sftp.failed"),
        (asyncssh.SFTPFailure("999000"), True, "sftp.disk-full"),
        (OSError(28, "No space left on device"), True, "sftp.disk-full"),
    ],
    ids=["permission", "failure", "full", "enospc"],
)
@awaited
async def test_what_the_server_will_not_do_now_is_tried_again(tmp_path, error, full, code):
    """By a code that says whom to ask for what; the server's words stay out of it."""
    async with sending(tmp_path) as (server, sink):
        server.before, server.full = _raising(error, "write"), full
        assert await fails(sink) == code
        server.before = lambda _files, _what: None
        assert await sink.deliver(delivery()) == NAME


@awaited
async def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    """A share that is not mounted must not be stood in for."""
    async with sending(tmp_path) as (server, sink):
        (server.root / "in").rmdir()
        assert await fails(sink) == "sftp.no-folder"
        assert list(server.root.iterdir()) == []


@awaited
async def test_a_server_that_says_nothing_is_left_in_time(tmp_path):
    """The connection stands, and no answer comes."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with asyncio.timeout(20):
        silent = await asyncio.start_server(listen, "127.0.0.1", 0)
        async with partner(tmp_path) as server, silent:
            account = server.account()._replace(port=silent.sockets[0].getsockname()[1])
            sink = SftpSink(account, "in", Limits(0.3, 0.3, 0.3))
            assert await fails(sink) in {"sftp.no-connection", "sftp.too-slow"}


@pytest.mark.parametrize(
    "other",
    [{"address": ".."}, {"address": "a/b"}, {"address": "-x"}, {"address": "é"}, {"name": "../x.csv"},
     {"name": "a\0.csv"}, {"name": "x.part"}, {"stream": "../x"}, {"message_id": "a/b"}, {"suffix": ".csv\n"}],
    ids=str,
)  # fmt: skip
@awaited
async def test_nothing_leads_out_of_its_folder(tmp_path, other):
    """An address comes from data: only a plain name is taken, and all else is never tried again."""
    async with sending(tmp_path) as (server, sink):
        with pytest.raises(Refused):
            await sink.deliver(delivery(**other))
        assert names(server.root) == names(server.root / "in") == []
        assert server.logins == 0


@awaited
async def test_a_door_can_be_tried_without_handing_anything_over(tmp_path):
    """Connection, credentials, folder; and at the first that fails is said what to do."""
    async with sending(tmp_path) as (server, sink):
        assert [one.step for one in await sink.reach()] == ["connection", "credentials", "folder"]
        assert names(server.root / "in") == []
        (server.root / "in").rmdir()
        with pytest.raises(TransportError, match=r"^sftp\.no-folder: .*look at"):
            await sink.reach()


# --- what is fetched


@awaited
async def test_an_accepted_file_is_received_once_and_lies_in_done(tmp_path):
    """What was understood is kept for the sender to see, and not read again."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server:
        async with watching(server, gateway) as folder:
            put(folder, "monday.csv", b"content")
            await until(lambda: (folder / "done" / "monday.csv").exists() and not names(folder))
        assert gateway.given == [("schools", "attendance", b"content")]
        assert (folder / "done" / "monday.csv").read_bytes() == b"content"


@awaited
async def test_an_unreadable_file_lies_in_refused_with_the_reason(tmp_path):
    """The sender finds the file, why it was refused, and what to do."""
    async with partner(tmp_path) as server, watching(server, Gateway(UNREADABLE)) as folder:
        put(folder, "monday.csv", b"")
        await until(lambda: not names(folder) and (folder / "refused" / "monday.csv").exists())
        assert names(folder / "refused") == ["monday.csv", "monday.csv.why.json"]
        why = json.loads((folder / "refused" / "monday.csv.why.json").read_text())
        assert (why["code"], why["mend"]) == ("csv.empty", "send a file with a heading")


@awaited
async def test_a_file_that_must_not_be_kept_is_deleted_with_its_name(tmp_path):
    """Of it stays a report that says why, when and how large."""
    async with partner(tmp_path) as server:
        async with watching(server, Gateway(CLOSED)) as folder:
            put(folder, "9990000018 is now 9990000026.csv", b"9990000018,9990000026")
            await until(lambda: not names(folder))
        assert names(folder / "done") == []
        (report,) = names(folder / "refused")
        text = (folder / "refused" / report).read_text()
        assert "99900" not in report + text
        assert json.loads(text)["bytes"] == 21


@awaited
async def test_a_file_is_not_read_before_it_has_its_last_name(tmp_path):
    """Whatever the sender's program calls what it has not finished."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server, watching(server, gateway) as folder:
        for name in ("a.csv.part", "b.CSV.FILEPART", "c.tmp", ".d.csv", "~$e.csv"):
            (folder / name).write_bytes(b"half")
        put(folder, "whole.csv", b"whole")
        await until((folder / "done" / "whole.csv").exists)
        assert [data for _, _, data in gateway.given] == [b"whole"]


@awaited
async def test_the_same_name_twice_is_two_files(tmp_path):
    """Neither takes the other's place in done."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server, watching(server, gateway) as folder:
        for content in (b"first", b"second", b"second"):
            put(folder, "monday.csv", content)
            await until(lambda: not names(folder))
        done = {name: (folder / "done" / name).read_bytes() for name in names(folder / "done")}
        assert done == {"monday.csv": b"first", "monday.2.csv": b"second", "monday.3.csv": b"second"}


@awaited
async def test_links_are_not_followed(tmp_path):
    """Who may write there could lead us to another's files."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server, watching(server, gateway) as folder:
        (server.root / "secret").write_bytes(b"secret")
        (folder / "link.csv").symlink_to("../secret")
        (folder / "a folder.csv").mkdir()
        put(folder, "whole.csv", b"whole")
        await until((folder / "done" / "whole.csv").exists)
        assert [data for _, _, data in gateway.given] == [b"whole"]
        assert (folder / "link.csv").is_symlink()


ODD = (
    "-rf.csv", "Zoë Ünal 9990000018.csv", "two\nlines.csv", "\x1b[31mred.csv", "..csv", "a\\..\\b.csv",
    b"not-\xff-utf8.csv", " .csv", "n" * 240 + ".csv",
)  # fmt: skip


@awaited
async def test_odd_names_stay_in_the_folder_and_out_of_the_log(tmp_path, caplog):
    """They are chosen by people, and may name children."""
    caplog.set_level(logging.DEBUG)
    gateway = Gateway(UNREADABLE)
    async with partner(tmp_path) as server, watching(server, gateway) as folder:
        for number, name in enumerate(ODD):
            if not (isinstance(name, str) and name.startswith(".")):
                put(folder, name, str(number).encode())
        expected = {str(n).encode() for n, name in enumerate(ODD) if not str(name).startswith(".")}
        await until(lambda: {data for _, _, data in gateway.given} == expected and not names(folder))
        assert sorted(one.name for one in server.root.iterdir()) == ["out"]
        assert len(names(folder / "refused")) == 2 * len(expected)
        assert sorted(one.name for one in folder.iterdir()) == ["done", "refused"]
    ours = [record for record in caplog.records if record.name.startswith(("hub", "asyncssh"))]
    told = " ".join(f"{one.getMessage()} {getattr(one, 'hub_keys', '')}" for one in ours)
    assert "received" in told
    assert not any(word in told for word in ("Zoë", "99900", "lines", "red.csv", "rf", "utf8", "nnn"))


@awaited
async def test_a_file_beyond_the_limit_is_refused_unread(tmp_path):
    """Not taken into memory, and its sender is told."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server, watching(server, gateway, most_bytes=10) as folder:
        put(folder, "large.csv", b"x" * 11)
        put(folder, "right.csv", b"x" * 10)
        await until(lambda: not names(folder))
        assert json.loads((folder / "refused" / "large.csv.why.json").read_text())["code"] == "sftp.too-large"
        assert gateway.given == [(*LINE, b"x" * 10)]


@awaited
async def test_a_file_that_is_replaced_while_it_is_received_is_received_too(tmp_path):
    """What came in the meantime under the same name was never read: it is put back, not put away."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server, watching(server, gateway) as folder:

        def replace() -> None:
            gateway.before = lambda: None
            put(folder, "monday.csv", b"the new one")

        gateway.before = replace
        put(folder, "monday.csv", b"old")
        await until(lambda: len(gateway.given) == 2 and not names(folder))
        assert [data for _, _, data in gateway.given] == [b"old", b"the new one"]
        assert [(folder / "done" / name).read_bytes() for name in names(folder / "done")] == [b"the new one"]


@awaited
async def test_a_file_that_could_not_be_committed_is_received_again(tmp_path):
    """It stays where it is until the hub has it."""
    gateway = Gateway(TransportError("kafka: away"), SOUND)
    async with partner(tmp_path) as server, watching(server, gateway) as folder:
        put(folder, "monday.csv", b"content")
        await until(lambda: not names(folder))
        assert len(gateway.given) == 2


@awaited
async def test_one_file_that_makes_trouble_does_not_stop_the_others(tmp_path):
    """A file of other rights, say; it is told, and tried again."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server, watching(server, gateway) as folder:
        denied: list[str] = []

        def deny(_files: Files, what: str) -> None:
            if what == "read" and not denied:
                denied.append(what)
                raise asyncssh.SFTPPermissionDenied("no")

        server.before = deny
        put(folder, "a.csv", b"a")
        put(folder, "b.csv", b"b")
        await until(lambda: not names(folder))
        assert {data for _, _, data in gateway.given} == {b"a", b"b"}


@awaited
async def test_a_server_that_is_away_delays_no_other_line(tmp_path, caplog):
    """Each line has a connection of its own; the one that fails is told with its code, and found again."""
    gateway, other = Gateway(SOUND), tmp_path / "other"
    other.mkdir()
    async with partner(other) as gone:
        port = gone.port
    async with partner(tmp_path) as server:
        for one in (server, gone):
            (one.root / "out").mkdir()
            put(one.root / "out", "monday.csv", b"content")
        lines = {LINE: (server.account(), "out"), ("away", "line"): (gone.account(), "out")}
        source = SftpSource(lines, every=0.01, settle=0.02, backoff=(0.01, 0.05), limits=Limits(5.0, 5.0, 5.0))
        await source.start(gateway)
        try:
            await until(lambda: not names(server.root / "out"))
            await until(lambda: "tried again" in caplog.messages)
            assert gateway.given == [(*LINE, b"content")]
            async with partner(other, port):
                await until(lambda: not names(gone.root / "out"))
            assert gateway.given[1:] == [("away", "line", b"content")]
        finally:
            await source.stop()
    (keys, *_) = [one.hub_keys for one in caplog.records if one.getMessage() == "tried again"]
    assert (keys["agency"], keys["code"]) == ("away", "sftp.no-connection")


@awaited
async def test_what_was_put_away_is_forgotten_in_time(tmp_path):
    """A copy of children's data does not lie on a partner's server for ever; counted from when it was put there."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server:
        (server.root / "out").mkdir()
        source = SftpSource({LINE: (server.account(), "out")}, every=0.01, settle=0.01)
        put(server.root / "out", "old.csv")
        os.utime(server.root / "out" / "old.csv", (1000, 1000))
        assert isinstance(source, PutsAway)
        await source.start(gateway)
        await until(lambda: not names(server.root / "out"))
        await until(lambda: (server.root / "out" / "done" / "old.csv").stat().st_mtime > 1000)
        assert await source.forget(2000) == 0
        assert await source.forget((server.root / "out" / "done" / "old.csv").stat().st_mtime + 2) == 1
        assert names(server.root / "out" / "done") == []
        await source.stop()
