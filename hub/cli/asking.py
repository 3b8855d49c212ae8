"""Asking: one question at a time on a terminal, again until the answer will do; nothing is kept or written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import click

from hub.document import near
from hub.errors import HubError

NONE = "-"


def text(question: str, *, default: str | None = None, valid: Callable[[str], str] = str) -> str:
    """A piece of text; *valid* gives it back, or raises HubError with what is wrong."""

    def checked(said: str) -> str:
        try:
            return valid(said.strip())
        except HubError as error:
            raise click.UsageError(str(error)) from None

    answer: str = click.prompt(question, default=default, value_proc=checked, show_default=default not in (None, ""))
    return answer


def one(question: str, known: Mapping[str, str], default: str | None = None) -> str:
    """One of *known*, each shown with what it means; by name or by number."""
    names = list(known)
    click.echo(f"\n{question}")
    for number, name in enumerate(names, 1):
        meaning = f"  {known[name]}" if known[name] else ""
        click.echo(f"  {number:>2}  {name}{meaning}")

    def picked(said: str) -> str:
        said = said.strip()
        if said.isdigit() and 1 <= int(said) <= len(names):
            return names[int(said) - 1]
        if said not in known:
            raise HubError(f"no {said!r}; {near(said, known)}")
        return said

    return text("which", default=default, valid=picked)


def some(question: str, known: Mapping[str, str], words: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Any of *known*, by name or number, parted by commas; *words* stand for several; nothing is picked by itself."""
    names = list(known)
    click.echo(f"\n{question}")
    for number, name in enumerate(names, 1):
        click.echo(f"  {number:>2}  {name}  {known[name]}")
    for word, meant in words.items():
        click.echo(f"  or {word!r} for: {', '.join(meant)}")

    def picked(said: str) -> str:
        chosen: list[str] = []
        for part in (part.strip() for part in said.split(",") if part.strip()):
            if part in words:
                chosen += words[part]
            elif part.isdigit() and 1 <= int(part) <= len(names):
                chosen.append(names[int(part) - 1])
            elif part in known:
                chosen.append(part)
            else:
                raise HubError(f"no {part!r}; {near(part, [*known, *words])}")
        return ",".join(dict.fromkeys(chosen))

    answer = text("which, parted by commas; none by itself", default="", valid=picked)
    return tuple(answer.split(",")) if answer else ()


def yes(question: str, *, default: bool | None = False) -> bool:
    """Yes or no."""
    return click.confirm(question, default=default)


def day(question: str) -> date:
    """A day to come, as 2027-08-31."""

    def checked(said: str) -> str:
        try:
            found = date.fromisoformat(said)
        except ValueError:
            raise HubError("write a day as 2027-08-31") from None
        if found <= date.today():  # noqa: DTZ011  a day of the authority's own calendar
            raise HubError("that day has passed: nothing would be released")
        return said

    return date.fromisoformat(text(question, valid=checked))
