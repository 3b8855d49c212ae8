"""`hub policy`: an officer's change from the editor to a second person's approval, and each way to be refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub import catalog as catalogs
from hub import cli, versions
from hub.deadline import ENGLAND

HEALTH = "connectors/mash_health/policy.yaml"
APPROVALS = "connectors/mash_health/approvals.yaml"
REFERRAL = "connectors/mash_front_door/examples/referrals/neglect_told_by_a_school.json"
BECAUSE = "Nurses must know whom they ring up."
ONE_PERSON = "who proposed it and who approved it are not two persons"
TWO = ("--by", "Ann Example", "--second", "Bo Sample", "--because", BECAUSE)
IDENTITY = {
    "GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "test@example.org", "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.org", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip


class Desk:
    """An officer's desk: a house under version control, an editor, and the command line in this process."""

    def __init__(self, house) -> None:
        self.house = house
        self.git("init", "-q")
        self.commit("as it is")

    def git(self, *words: str) -> None:
        """One git command in the house."""
        subprocess.run(["git", *words], cwd=self.house.root, env=os.environ | IDENTITY, check=True, capture_output=True)

    def commit(self, message: str) -> None:
        """Everything as it is now."""
        self.git("add", "-A", "connectors", "topics")
        self.git("commit", "-q", "-m", message)

    def hub(self, *words: object) -> Result:
        """A verb of the hub's, where no Kafka runs."""
        bare = {"HUB_STATE": str(self.house.root / ".state"), "HUB_BOOTSTRAP_SERVERS": "", "COLUMNS": "200"}
        done = CliRunner(env=bare | IDENTITY).invoke(cli.main, [str(word) for word in words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    def widen(self) -> None:
        """Let the health partners hear one field more."""
        self.house.edit(HEALTH, "      - parents_know\n", "      - parents_know\n      - child.sex\n")

    @property
    def version(self) -> str:
        """Of the health partners' policy as it is now."""
        return catalogs.version_of((self.house.root / HEALTH).read_bytes())


@pytest.fixture
def desk(house, monkeypatch):
    """A desk, in whose folder this process is."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(house.root)
    return Desk(house)


def test_an_officer_changes_a_policy_and_a_second_person_approves_it(desk):
    """Edit, check, preview, diff, approve, diff, sync, check: each says what comes next, and ends as it should."""
    desk.widen()

    checked = desk.hub("check")
    assert checked.exit_code == 1
    assert f"{HEALTH}:" not in checked.output
    assert "run `hub sync`" in checked.output

    seen = desk.hub("preview", "mash_health", REFERRAL)
    assert seen.exit_code == 0
    assert "child.sex" in seen.output

    diff = desk.hub("policy", "diff", "HEAD", REFERRAL)
    assert diff.exit_code == 1
    assert f"line {desk.house.line(HEALTH, '- child.sex')}" in diff.output
    assert "is newly heard, as it is" in diff.output
    assert "personal" in diff.output
    assert "│ mash_health │ mash_referral │           — │     1 (1) │         — │               — │" in diff.output
    assert "→ hub policy approve mash_health --by NAME --second NAME --because TEXT" in diff.output

    approval = desk.hub("policy", "approve", "mash_health", *TWO)
    assert approval.exit_code == 0
    assert "child.sex" in approval.output
    today = datetime.now(UTC).astimezone(ENGLAND).date()
    assert desk.house.text(APPROVALS).endswith(
        f"approved:\n  - policy: {desk.version}\n    proposed_by: Ann Example\n    approved_by: Bo Sample\n"
        f"    approved_on: {today}\n    because: {BECAUSE}\n"
    )

    after = desk.hub("policy", "diff")
    assert after.exit_code == 0
    assert f"mash_health {desk.version}: approved by Bo Sample on {today}, proposed by Ann Example" in after.output
    assert desk.hub("sync").exit_code == 0
    assert desk.hub("check").exit_code == 0

    desk.commit("one field more")
    assert "the policies disclose what those of HEAD" in desk.hub("policy", "diff").output


def test_an_approval_ends_with_the_version_it_names(desk):
    """A comment more is another version; so is anything that was added after the second person looked."""
    desk.widen()
    assert desk.hub("policy", "approve", "mash_health", *TWO).exit_code == 0
    desk.house.edit(HEALTH, "      - child.sex\n", "      - child.sex  # since spring\n")

    assert desk.hub("policy", "diff").exit_code == 1


def test_what_tells_less_needs_nobody(desk):
    """One field less; it is shown, and nothing is asked."""
    desk.house.edit(HEALTH, "      - parents_know\n", "")

    done = desk.hub("policy", "diff")

    assert done.exit_code == 0
    assert "is not heard any more" in done.output
    assert "nothing tells more" in done.output
    assert "only the policies are compared" in done.output


@pytest.mark.parametrize("folder", ["as it was", "as it was/connectors"])
def test_the_base_may_be_a_folder(desk, tmp_path, folder):
    """A copy of a project, or of its connectors/; no git is asked."""
    shutil.copytree(desk.house.root / "connectors", tmp_path / "as it was/connectors", symlinks=True)
    shutil.rmtree(desk.house.root / ".git")
    desk.widen()

    done = desk.hub("policy", "diff", tmp_path / folder)

    assert done.exit_code == 1
    assert "child.sex" in done.output


def test_programs_are_told_the_same(desk):
    """As JSON on standard output, and nothing else there."""
    desk.widen()

    done = desk.hub("policy", "diff", "--json", "HEAD", "--files", REFERRAL)

    said = json.loads(done.stdout)
    assert done.exit_code == 1
    assert said["base"].startswith("HEAD (")
    assert said["unapproved"] == ["mash_health"]
    assert said["versions"] == {"mash_health": desk.version}
    line = desk.house.line(HEALTH, "- child.sex")
    assert said["changes"] == [{
        "agency": "mash_health", "stream": "mash_referral", "kind": "field-new", "path": "child.sex",
        "what": "is newly heard, as it is", "widens": True, "place": f"{HEALTH}:{line}",
    }]  # fmt: skip
    assert said["reach"] == {
        "of": "1 file", "asked": 1, "unread": 0, "stopped": False,
        "touched": [{"agency": "mash_health", "stream": "mash_referral", "kind": "with more", "events": 1,
                     "children": 1}],
    }  # fmt: skip


@pytest.mark.parametrize(("words", "said"), [
    (("nonsense",), "'nonsense' is neither a folder nor a git ref"),
    (("HEAD~99",), "'HEAD~99' is neither a folder nor a git ref"),
    (("--", "--output=x"), "none begins with -"),
    (("HEAD;id",), "is neither a folder nor a git ref"),
    (("topics",), "topics: no <agency>/policy.yaml is in it"),
    (("main",), "main is a folder and a git ref: write ./main, or refs/heads/main"),
    (("HEAD", "--days", "3"), "no Kafka"),
    (("HEAD", "--days", "3", "--files", REFERRAL), "not on both"),
    (("HEAD", "--files", "nothing.json"), "nothing.json: no such file"),
    ((REFERRAL,), "name BASE first"),
])  # fmt: skip
def test_what_cannot_be_compared_with_ends_with_two(desk, words, said):
    """Neither sound nor unsound: the question had no answer, and why is said."""
    desk.git("branch", "-M", "main")
    (desk.house.root / "main").mkdir()
    desk.widen()

    done = desk.hub("policy", "diff", *words)

    assert done.exit_code == 2
    assert said in done.output
    assert not (desk.house.root / "x").exists()


def test_without_a_repository_git_says_so(desk):
    """In its own words."""
    shutil.rmtree(desk.house.root / ".git")

    done = desk.hub("policy", "diff")

    assert done.exit_code == 2
    assert "not a git repository" in done.output


def test_an_earlier_policy_that_cannot_be_read_counts_as_none(desk):
    """So all that is granted today is new: doubt asks for the second person."""
    sound = desk.house.text(HEALTH)
    desk.house.write(HEALTH, sound.replace("agreement:", "agrement:"))
    desk.commit("with a fault")
    desk.house.write(HEALTH, sound)

    done = desk.hub("policy", "diff")

    assert done.exit_code == 1
    assert "cannot be read by today's rules: all of it counts as new" in done.output
    assert "hears from the hub for the first time" in done.output


def test_a_policy_that_is_gone_tells_less(desk):
    """And one that comes tells more, with each of its fields."""
    other = "connectors/chis/policy.yaml"
    text = desk.house.text(other)
    (desk.house.root / other).unlink()
    desk.house.write("connectors/chis/agency.yaml", "name: Child Health\nsteward: a@example.org\n")
    gone = desk.hub("policy", "diff")
    desk.commit("without chis")
    desk.git("checkout", "-q", "HEAD~1", "--", "connectors/chis")
    came = desk.hub("policy", "diff", "HEAD")

    assert (gone.exit_code, came.exit_code) == (0, 1)
    assert "hears nothing from the hub any more" in gone.output
    assert text.count("      - ") <= came.output.count("is newly heard, as it is")


@pytest.mark.parametrize(("words", "said"), [
    (("nobody", *TWO), "no agency 'nobody'; there is:"),
    (("mash_front_door", *TWO), "connectors/mash_front_door/ has no policy.yaml to approve"),
    (("mash_health", "--by", "Ann Example", "--second", "EXAMPLE,  Ann", "--because", BECAUSE), "are one person"),
    (("mash_health", "--by", "Ann Example", "--second", "Todo", "--because", BECAUSE), "are one person, or nobody"),
    (("mash_health", "--by", "Ann Example", "--second", "-- !", "--because", BECAUSE), "are one person, or nobody"),
    (("mash_health", "--by", "Ann Example", "--second", "Bo Sample", "--because", "TODO: say why"), "still says TODO"),
    (("mash_health", "--by", "Ann Example", "--second", "Bo Sample", "--because", "yes"), "because: String should"),
])  # fmt: skip
def test_an_approval_that_is_none_is_not_written(desk, words, said):
    """One person twice, nobody, no reason, no policy."""
    done = desk.hub("policy", "approve", *words)

    assert done.exit_code == 1
    assert said in done.output
    assert not list(desk.house.root.glob("connectors/*/approvals.yaml"))


def test_an_approval_is_added_and_nothing_that_stands_there_is_touched(desk):
    """Comments stay; the same version is approved once; the next is shown against the one approved before it."""
    assert desk.hub("policy", "approve", "mash_health", *TWO).exit_code == 0
    again = desk.hub("policy", "approve", "mash_health", *TWO)
    desk.house.write(APPROVALS, f"# kept by hand\n{desk.house.text(APPROVALS)}")
    before, first = desk.house.text(APPROVALS), desk.version
    desk.commit("approved")
    desk.house.edit(HEALTH, "      - parents_know\n", "")
    desk.commit("less")
    desk.house.edit(HEALTH, "      - child.born\n", "      - child.born\n      - child.sex\n")

    done = desk.hub("policy", "approve", "mash_health", *TWO)

    assert again.exit_code == 1
    assert f"{first} is approved already" in again.output
    assert done.exit_code == 0
    assert desk.house.text(APPROVALS).startswith(before)
    last, earlier = done.output.split(f"against {first}, approved last")
    assert "against the last commit" in last
    assert "parents_know" not in last
    assert "parents_know" in earlier
    assert [one.policy for one in catalogs.look().approvals["mash_health"].approved] == [first, desk.version]
    assert not list(desk.house.root.glob("connectors/*/.approvals*"))


def test_an_approval_without_a_repository_is_of_the_whole(desk):
    """Nothing earlier is known, and that is said."""
    shutil.rmtree(desk.house.root / ".git")

    done = desk.hub("policy", "approve", "mash_health", *TWO)

    assert done.exit_code == 0
    assert "as a whole, since no earlier version of it is known here" in done.output
    assert "child.nhs_number" in done.output


def test_a_file_to_which_no_entry_can_be_added_is_left_alone(desk):
    """One that a person wrote in another way, though it is sound."""
    desk.house.write(APPROVALS, "approved: []\n")

    done = desk.hub("policy", "approve", "mash_health", *TWO)

    assert done.exit_code == 1
    assert "an entry cannot be added at its end" in done.output
    assert desk.house.text(APPROVALS) == "approved: []\n"


def test_an_earlier_version_is_found_by_its_content(desk):
    """In what git keeps, also behind a commit that took the file away; one that never was is not found."""
    first = desk.version
    desk.git("rm", "-q", HEALTH)
    desk.git("commit", "-q", "-m", "away")

    assert versions.earlier("mash_health", first) is not None
    assert versions.earlier("mash_health", "0" * 16) is None


ENTRY = """\
approved:
  - policy: "0123456789012345"
    proposed_by: Ann Example
    approved_by: Bo Sample
    approved_on: 2026-09-15
    because: Nurses must know whom they ring up.
"""


@pytest.mark.parametrize(("old", "new", "told"), [
    ("", "", []),
    ("Bo Sample", "ann example", [f":4: approved.0.approved_by: {ONE_PERSON}"]),
    ("Bo Sample", "TODO", [
        ":4: approved.0.approved_by: still says TODO", f":4: approved.0.approved_by: {ONE_PERSON}"]),
    ('"0123456789012345"', "0123", [":2: approved.0.policy: Input should be a valid string"]),
    ("    because", "    reason", [":2: approved.0.because: Field required", ":6: approved.0.reason: Extra inputs"]),
    ("approved:", "approvals:", [":1: approvals: Extra inputs", ":1: approved: Field required"]),
])  # fmt: skip
def test_the_check_tells_what_an_approvals_file_cannot_mean(house, old, new, told):
    """By file, line and how to mend it."""
    house.write(APPROVALS, ENTRY.replace(old, new))

    found = [line for line in house.findings() if line.startswith(APPROVALS)]

    assert len(found) == len(told), found
    for line, begin in zip(found, told, strict=True):
        assert line.startswith(f"{APPROVALS}{begin}"), line
        assert " → " in line


def test_approvals_of_nothing_are_told(house):
    """An agency that hears nothing has nothing to approve."""
    house.write("connectors/mash_front_door/approvals.yaml", ENTRY)

    told = "connectors/mash_front_door/approvals.yaml:1: there is no policy.yaml beside it to approve → delete it"
    assert told in house.findings()


def test_a_policy_that_changes_while_it_is_read_is_not_approved_by_what_it_became(house, monkeypatch):
    """What was read and what the version names are one content."""
    real, sound = Path.read_bytes, (house.root / HEALTH).read_bytes()

    def changing(path: Path) -> bytes:
        content = real(path)
        if path == house.root / HEALTH:
            house.edit(HEALTH, "      - parents_know\n", "      - parents_know\n      - child.sex\n")
        return content

    monkeypatch.setattr(Path, "read_bytes", changing)

    policy = catalogs.look().policies["mash_health"]

    assert "child.sex" in house.text(HEALTH)
    assert "child.sex" not in policy.hears["mash_referral"].fields
    assert policy.version == catalogs.version_of(sound)
