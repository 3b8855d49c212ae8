"""Command lines of the hub, read by click as it would read them, and not run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import click

from hub import cli
from hub.settings import Settings

AWAITED = frozenset[str]()
"""What deploy/ names and is being built beside it: taken from here as soon as it is there (a test sees to that)."""


def awaited(name: str) -> bool:
    """Whether *name*, a verb, a variable or a file, is not there yet and need not be."""
    return name in AWAITED


def lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each command line of the hub in a page, and whether it is to be typed as it is: in a block, not a sentence."""
    fence = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for block in fence.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.match(r"(?:\$ )?(?:[A-Z_]+=\S+ )*hub (.+)", line):
                yield found[1], True
    for found in re.findall(r"`hub ([^`]+)`", fence.sub("", text)):
        yield found, False


def understood(line: str, whole: bool) -> None:
    """Have click read a line of a page; in a sentence what must follow may be left out. Files need not be there."""
    shell = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    shell.whitespace_split = True
    words: list[str] = []
    for word in shell:
        if set(word) <= set("|&;>"):
            break
        words.append(word)
    with patch.object(click.Path, "convert", lambda _self, value, _parameter, _context: Path(value)):
        try:
            parsed(words)
        except click.MissingParameter:
            if whole:
                raise


def parsed(words: Sequence[str]) -> None:
    """Have click read the words after `hub`; raises click.UsageError with what it does not understand."""
    if words and awaited(words[0]):
        return
    command: click.Command = cli.main
    rest = list(words)
    with click.Context(cli.main, info_name="hub") as above:
        while isinstance(command, click.Group):
            if not rest or rest[0].startswith("-"):
                command.make_context(command.name, rest, parent=above, resilient_parsing=not rest)
                return
            found = command.get_command(above, rest[0])
            if found is None:
                raise click.UsageError(f"hub has no {rest[0]}")
            command, rest = found, rest[1:]
        command.make_context(command.name, rest, parent=above)


def there() -> set[str]:
    """Each awaited thing that has come."""
    from tests.conftest import ROOT

    settings = {f"HUB_{name.upper()}" for name in Settings.model_fields}
    files = {name for name in AWAITED if "/" in name and (ROOT / name).exists()}
    return (AWAITED & (set(cli.main.commands) | settings)) | files
