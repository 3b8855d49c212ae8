"""What must stand in no file: a real person's number, a path of somebody's machine, a host that packages come from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VAGUE = {"util", "helper", "common", "manager", "base", "handler"}
NEVER_GIVEN = {"9876543210"} | {digit * 10 for digit in "0123456789"}  # valid by their check digit, and nobody's
NHS_NUMBER = re.compile(r"(?<![\w.+-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\w-])", re.ASCII)
MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|work|root|var/folders|private/tmp)/[\w.-]+|\b[A-Z]:\\Users\b")
REGISTRY = re.compile(
    r"\b[\w.-]*(?:pypi\.|pythonhosted|npmjs|maven\.org|maven\.apache|docker\.io|ghcr\.io|quay\.io|golang\.org|crates\.io"
    r"|artifactory|jfrog|nexus)[\w./-]*",
    re.IGNORECASE,
)
NAMESPACE = "maven.apache.org/POM"  # the name of pom.xml's vocabulary: nothing is fetched from it


def repository() -> list[Path]:
    """Every file that is, or would be, in the repository; without git every file that is not made by a tool."""
    command = ["git", "-C", str(ROOT), "ls-files", "-coz", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        made = {".git", ".venv", ".state", "dist", "build", "__pycache__"}
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return [path for path in found if not any(part in made or part.endswith("_cache") for part in path.parts)]
    return [Path(name) for name in listed if name and (ROOT / name).is_file()]


FILES = repository()


def found(pattern: re.Pattern[str]) -> dict[str, set[str]]:
    """What a pattern finds in the repository's files but this one, by file."""
    texts = {
        path: (ROOT / path).read_bytes().decode("utf-8", "replace")
        for path in FILES
        if path.name != Path(__file__).name
    }
    hits = {path.as_posix(): set(pattern.findall(text)) for path, text in texts.items()}
    return {path: said for path, said in hits.items() if said}


def check_digit_holds(number: str) -> bool:
    """Modulus 11, as the NHS Data Dictionary says."""
    total = sum(int(digit) * weight for digit, weight in zip(number, range(10, 1, -1), strict=False))
    return (11 - total % 11) % 11 == int(number[9])


def real(number: str) -> bool:
    """Whether it could be somebody's: valid, and not of the range that is kept for tests (999)."""
    digits = re.sub(r"\D", "", number)
    return check_digit_holds(digits) and not digits.startswith("999") and digits not in NEVER_GIVEN


def test_the_repository_is_looked_at():
    """An empty list would find nothing wrong."""
    assert {Path("pyproject.toml"), Path("hub/stream.py"), Path("tests/repo/test_names.py")} <= set(FILES)


def test_no_nhs_number_is_outside_the_range_for_tests():
    """Only invented people: 999 000 0000 to 999 999 9999."""
    numbers = {path: {number for number in said if real(number)} for path, said in found(NHS_NUMBER).items()}

    assert {path: said for path, said in numbers.items() if said} == {}


def test_a_number_that_could_be_somebodys_is_known():
    """The pattern finds it, and the check digit and the range judge it; it is made here, so as to stand in no file."""
    (number,) = (f"400000000{digit}" for digit in range(10) if check_digit_holds(f"400000000{digit}"))
    spaced = f"{number[:3]} {number[3:6]} {number[6:]}"

    assert NHS_NUMBER.findall(f"of {number}, born; of {spaced}.") == [number, spaced]
    assert real(number)
    assert real(spaced)
    assert not any(real(one) for one in ("999-000-0018", "9990000019", "9876543210", "1111111111"))


def test_no_file_holds_a_path_of_a_machine():
    """What works here must work elsewhere."""
    assert found(MACHINE) == {}


def test_no_file_names_a_host_that_packages_come_from():
    """Where packages are fetched from is the machine's own setting."""
    hosts = {path: {host for host in said if not host.startswith(NAMESPACE)} for path, said in found(REGISTRY).items()}

    assert {path: said for path, said in hosts.items() if said} == {}


@pytest.mark.parametrize(("text", "pattern"), [("see /home/ada/hub", MACHINE), (r"C:\Users\ada", MACHINE),
                                               ("https://files.pythonhosted.org/x", REGISTRY),
                                               ("image: quay.io/x", REGISTRY)])  # fmt: skip
def test_what_is_looked_for_would_be_found(text, pattern):
    """The patterns are no empty promise."""
    assert pattern.findall(text)


def test_no_module_has_a_name_that_says_nothing():
    """utils, helpers, common, manager, base, handler: whatever is put there has a room of its own."""
    vague = {
        path for path in FILES if VAGUE & {part.partition(".")[0].lower().removesuffix("s") for part in path.parts}
    }

    assert vague == set()
