"""`hub new agency` asks, and what is answered becomes a folder that the contract suite and `hub check` find sound."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import main
from tests.hub.conftest import ROOT

CHIS = "CHIS (Child Health Information Service)"
LIST = b"CHILD_ID,SURNAME,FORENAME,DOB,RESTRICTED\r\n7001,Meridew,Tamsin,14/05/2014,N\r\n"
CHILD = {"child": {"local_id": "7001", "surname": "Meridew", "forename": "Tamsin", "born": "2014-05-14",
                   "restricted": False}}  # fmt: skip
ADT = (b"MSH|^~\\&|PAS|RZZ|HUB|SBC|20260704192205||ADT^A04|W1|P|2.4\rPID|1||9990000018^^^NHS^NH||Meridew^Tamsin\r"
       b"PV1|1|E\r")  # fmt: skip
XML = b"<children><child id='7001' surname='Meridew' forename='Tamsin' born='2014-05-14'/></children>"
WHO = ("", "nurses@example.org")
AGREED = ("ISA-2026-099", "2099-01-01")
GRANT = ("The nurses see each child at school.", CHIS, "", "", "", "", "", "least")
FIELDS = ("", "", "", "", "")

HL7 = """    if message.type != ("ADT", "A04") or not message["PID-5.1"]:
        raise NotUnderstood("name.missing", "PID-5.1", "say who")
    yield DemographicsChanged.model_validate({"child": {
        "nhs_number": message["PID-3.1"], "surname": message["PID-5.1"], "forename": message["PID-5.2"],
        "born": "2014-05-14"}})
"""
TREE = """    child = message.find("child")
    if child is None:
        raise NotUnderstood("child.missing", "children", "say who")
    yield DemographicsChanged.model_validate({"child": {
        "local_id": child.get("id"), "surname": child.get("surname"), "forename": child.get("forename"),
        "born": child.get("born")}})
"""


def speaks(form: str, road: str, sample: Path, *more: str) -> tuple[str, ...]:
    """The answers of a service that tells who children are, and hears nothing."""
    return (*WHO, "y", "Lists of the children", "lists", form, road, "child_demographics", "", str(sample), "y", *more,
            "n", "n")  # fmt: skip


def hears(form: str, road: str, *more: str) -> tuple[str, ...]:
    """The answers of one that hears who children are, and says nothing."""
    return (*WHO, "n", "y", "child_demographics", form, road, *more, "n", *AGREED, *GRANT)


def ask(name: str, answers: tuple[str, ...]):
    """One interview, answered to the end; what is not answered is the default, which for the last question is yes."""
    return CliRunner().invoke(main, ["new", "agency", name, "--ask"], input="\n".join(answers) + "\n\n")


@pytest.fixture
def samples(tmp_path) -> dict[str, Path]:
    """A file of each format, of invented people."""
    said = {"csv": LIST, "hl7": ADT, "json": json.dumps(CHILD).encode(), "xml": XML}
    for form, content in said.items():
        (tmp_path / f"sample.{form}").write_bytes(content)
    return {form: tmp_path / f"sample.{form}" for form in said}


def fill_in(house, name: str, body: str) -> None:
    """What is left to its author: the function, in place of the two lines that say TODO."""
    place = f"connectors/{name}/inbound.py"
    lines = house.text(place).splitlines(keepends=True)
    house.write(place, "".join(line for line in lines if "TODO" not in line and "todo" not in line) + body)


def contract(house, *words: str) -> subprocess.CompletedProcess[str]:
    """The contract suite on the house's agencies."""
    suite = ROOT / "tests" / "contract" / "test_agencies.py"
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml", "--rootdir", ROOT, suite)
    return house.python(*map(str, command), *words)


def test_what_is_answered_is_sound_once_it_is_filled_in(house, samples):
    """A CSV, an HL7, a JSON and an XML speaker, a CSV hearer by files and a JSON hearer by HTTPS, in one house."""
    made = {
        "lists_csv": speaks("csv", "files", samples["csv"], *FIELDS),
        "lists_hl7": speaks("hl7", "mllp", samples["hl7"]),
        "lists_json": speaks("json", "https", samples["json"], "y"),
        "lists_xml": speaks("xml", "files", samples["xml"]),
        "nurses_csv": hears("csv", "files", "NHS_NO,SURNAME,FIRST_NAME,DATE_OF_BIRTH,NOTES", *FIELDS),
        "nurses_json": hears("json", "https"),
    }
    for name, answers in made.items():
        result = ask(name, answers)
        assert result.exit_code == 0, result.output
        assert "What to do next:" in result.output
    fill_in(house, "lists_hl7", HL7)
    fill_in(house, "lists_xml", TREE)
    house.write("connectors/lists_hl7/examples/lists/nobody.hl7", ADT.replace(b"Meridew", b""))
    house.write("connectors/lists_xml/examples/lists/nobody.xml", b"<children/>")

    assert house.hub("sync").returncode == 0
    wanted = ("-k", " or ".join(made))
    contract(house, *wanted, "--accept")  # what is expected is written, for its author to read
    ran, checked = contract(house, *wanted), house.hub("check")

    assert ran.returncode == 0, ran.stdout[-3000:]
    *found, count = (checked.stdout + checked.stderr).splitlines()
    assert [line for line in found if any(name in line for name in made)] == []
    assert checked.returncode == 0, checked.stdout
    assert ": 0 faults" in count
    events = json.loads(house.text("connectors/lists_csv/examples/lists/as_they_send_it.events.json"))
    assert events[0]["event"]["child"] == CHILD["child"]
    rows = house.text("connectors/nurses_csv/examples/child_demographics/all_that_can_be_said.csv").splitlines()
    assert rows[0] == "NHS_NO,SURNAME,FIRST_NAME,DATE_OF_BIRTH,NOTES"
    assert rows[1].endswith(",")
    assert (house.root / "connectors/nurses_json/examples/child_demographics/all_that_can_be_said.json").exists()


def test_what_was_not_answered_is_named_with_file_and_line(house):
    """The check finds each TODO, in code as in papers."""
    answers = (*WHO, "y", "Lists of the children", "lists", "hl7", "mllp", "child_demographics", "", "-", "n", "n")
    result = ask("lists_hl7", answers)
    assert result.exit_code == 0, result.output
    line = house.line("connectors/lists_hl7/inbound.py", "TODO")

    assert f"connectors/lists_hl7/inbound.py:{line}: still says TODO → write it" in house.findings()
    assert f"connectors/lists_hl7/inbound.py:{line}: still says TODO" in result.output


def test_no_field_is_granted_that_nobody_named(house):
    """The list of fields begins empty: an answer of nothing leaves a TODO, and nothing would be heard."""
    result = ask("nurses_json", (*hears("json", "https")[:-1], ""))

    assert result.exit_code == 0, result.output
    assert "fields: [TODO]" in house.text("connectors/nurses_json/policy.yaml")


def test_nothing_is_written_before_yes(house):
    """It is shown first; no, Ctrl-C and the end of input leave nothing behind, wherever they come."""
    whole = hears("json", "https")
    declined = ask("nurses_json", (*whole, "n"))
    assert "connectors/nurses_json/policy.yaml" in declined.output
    assert "nothing was written" in declined.output
    for count in range(0, len(whole), 3):
        CliRunner().invoke(main, ["new", "agency", "nurses_json", "--ask"], input="\n".join(whole[:count]))

    assert not (house.root / "connectors/nurses_json").exists()


def test_a_sample_with_a_number_that_could_be_somebodys_is_refused(house, tmp_path):
    """It says so, asks again, and nothing of it is kept; the number is made here, so as to stand in no file."""
    weights = range(10, 1, -1)
    check = 11 - sum(int(digit) * weight for digit, weight in zip("400000000", weights, strict=True)) % 11
    real = tmp_path / "real.csv"
    real.write_bytes(LIST.replace(b"7001", f"400 000 000{check}".encode()))
    answers = (*WHO, "y", "Lists", "lists", "csv", "files", "child_demographics", "", str(real), "-",
               "CHILD_ID,SURNAME,FORENAME,DOB", "", "", "", "", "n", "n")  # fmt: skip
    result = ask("nurses", answers)

    assert result.exit_code == 0, result.output
    assert "could be somebody's" in result.output
    assert "Meridew" not in "".join(path.read_text() for path in (house.root / "connectors/nurses").rglob("*.*"))


def test_a_sample_of_real_people_leaves_its_headings_only(house, samples):
    """Whoever gives it says whether the people in it are invented."""
    answers = list(speaks("csv", "files", samples["csv"], *FIELDS))
    answers[answers.index("y", 9)] = "n"
    result = ask("nurses", tuple(answers))

    assert result.exit_code == 0, result.output
    assert '"child.born": "DOB"' in house.text("connectors/nurses/inbound.py")
    assert not list((house.root / "connectors/nurses/examples").rglob("*.csv"))


def test_an_answer_that_will_not_do_is_asked_for_again(house):
    """With what is wrong, and what there is."""
    result = ask("nurses", ("Nurses", "no address", "nurses@example.org", "y", "Lists", "lists", "xsl", "xml", "post",
                            "files", "child_demographic", "child_demographics", "", "-", "n", "n"))  # fmt: skip

    assert result.exit_code == 0, result.output
    for said in ("write an e-mail address", "did you mean 'xml'?", "did you mean 'child_demographics'?"):
        assert said in result.output


def test_a_heading_that_could_not_be_read_is_asked_for_again(house):
    """Parted by semicolons, or with a column twice; one with an odd name is written as it is."""
    odd = 'Surname,Child\'s first name,"Born, if known"'
    answers = (*WHO, "y", "Lists", "lists", "csv", "files", "child_demographics", "", "-", "A;B;C", "A,B,A", odd,
               "", "child.forename", "child.born", "n", "n")  # fmt: skip
    result = ask("nurses", answers)

    assert result.exit_code == 0, result.output
    assert "csv.delimiter" in result.output
    assert "csv.column-twice" in result.output
    ran = house.python("-c", "import connectors.nurses.inbound as made; print(made.LISTS)")
    assert ran.returncode == 0, ran.stderr
    assert '"child.forename": "Child\'s first name"' in house.text("connectors/nurses/inbound.py")
    assert not [one for one in house.findings() if "nurses/agency.yaml" in one and "no example" not in one]


def test_a_name_that_is_taken_is_told_before_the_first_question(house):
    """Nobody answers twenty questions for nothing."""
    result = ask("chis", ())

    assert result.exit_code == 1
    assert "is there already" in result.output


def test_flags_ask_nothing(house):
    """As scripts use it, also on a terminal."""
    result = CliRunner().invoke(main, ["new", "agency", "nurses", "--says", "lists:csv:files:child_demographics"])

    assert result.exit_code == 0, result.output
    assert "What do they call it" not in result.output


def test_on_a_terminal_it_asks_and_ctrl_c_leaves_nothing(house):
    """A pseudo-terminal, as a person has one."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HUB_STATE": str(house.root / ".state")}
    command = [sys.executable, "-m", "hub", "new", "agency", "nurses"]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen(command, cwd=house.root, env=environment, start_new_session=True, **streams)
    os.close(theirs)
    said = b""
    try:
        said = _until(ours, b"letterhead")
        os.write(ours, b"\r")
        said += _until(ours, b"Whom to write to")
        os.killpg(process.pid, 2)
        with suppress(OSError):  # it is gone already
            os.write(ours, b"\r")  # a signal between the prompt and the wait for a key is heard at the next key
        assert process.wait(20) == 1
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert b"Traceback" not in said
    assert not (house.root / "connectors/nurses").exists()


def _until(terminal: int, words: bytes) -> bytes:
    """What a terminal shows, up to *words*."""
    said, deadline = b"", time.monotonic() + 30
    while words not in said:
        assert time.monotonic() < deadline, said
        said += os.read(terminal, 4096)
    return said
