"""The README says what is so: every console block is run, and what it shows is what comes out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.repo import commands

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "connectors" / "README.md", *sorted((ROOT / "deploy").rglob("*.md"))]
RUNBOOK = ROOT / "deploy" / "runbook"
BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def checkout(tmp_path):
    """A copy of the project in a path with a space, as a repository of its own, and an environment with `hub`."""
    copy = tmp_path / "a copy"
    for name in ("hub", "schemas", "connectors", "topics", "deploy", "pyproject.toml", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    for command in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "as it is")):
        subprocess.run(["git", *command], cwd=copy, check=True, capture_output=True)
    command = tmp_path / "bin" / "hub"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hub "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return copy, os.environ | {"PATH": path, "COLUMNS": "200", "PYTHONPATH": str(copy)}


def steps(block):
    """Each command of a block with the lines it should print and its exit code."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        code = 0
        if lines and (said := re.fullmatch(r"\[exit (\d+)\]", lines[-1])):
            code = int(said[1])
            lines.pop()
        yield command, lines, code


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split("\n")[0].removeprefix("$ ")[:50] for block in BLOCKS])
def test_what_the_readme_shows_is_what_comes_out(block, checkout):
    """Each command ends with the code shown, and its output has the lines shown, in order; … stands for anything."""
    folder, environment = checkout
    for command, lines, code in steps(block):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

        output = done.stdout + done.stderr
        assert code == done.returncode, f"{command}\n{output}"
        pattern = "(?s)" + ".*".join(re.escape(line).replace("…", ".*") for line in lines if line != "…")
        assert re.search(pattern, output), f"{command}\n{output}"


def test_the_help_and_the_makefile_are_what_the_readme_names():
    """Every `make` target that the README names is there."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")))

    assert named - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_command_that_a_page_names_is_one_that_the_hub_has(page):
    """Verbs, options and the values they take, as click reads them."""
    for line, whole in commands.lines(page.read_text(encoding="utf-8")):
        try:
            commands.understood(line, whole)
        except click.UsageError as error:
            pytest.fail(f"hub {line}: {error.format_message()}", pytrace=False)


def test_a_command_that_is_none_would_be_noticed():
    """In a block and in a sentence; what a sentence leaves out is no fault."""
    page = "Do `hub deliveries release`.\n\n```\nhub kafka sek a b\nhub lag --wacth | less\n```\nOr `hub lgg`.\n"
    said = []
    for line, whole in commands.lines(page):
        try:
            commands.understood(line, whole)
        except click.UsageError:
            said.append(line)

    assert said == ["kafka sek a b", "lag --wacth | less", "lgg"]


def test_the_runbook_lists_each_of_its_pages():
    """A page that nobody finds at night is none."""
    listed = set(re.findall(r"\(([a-z0-9.-]+\.md)", (RUNBOOK / "README.md").read_text(encoding="utf-8")))

    assert listed == {page.name for page in RUNBOOK.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_page_that_a_page_leads_to_is_there(page):
    """Links within the project."""
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_arithmetic_of_scaling_is_right():
    """Each figure of the table is what its formula gives with the figures above it."""
    rows = re.findall(
        r"^\| (\w+) \| ([^|]+) \| ([\d,.]+) \|$", (RUNBOOK / "scaling.md").read_text(encoding="utf-8"), re.M
    )
    assert len(rows) > 15
    known: dict[str, float] = {}
    for name, formula, figure in rows:
        known[name] = eval(formula, {"__builtins__": {}}, known)  # noqa: S307  our own page
        places = len(figure.partition(".")[2])
        assert f"{known[name]:,.{places}f}" == figure, name
