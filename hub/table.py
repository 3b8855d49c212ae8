"""Tables: a row becomes an event by saying which column each field stands in; what a column means is elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from hub.errors import NotUnderstood
from hub.formats import cells
from hub.formats.csv import Row
from hub.inbound import Query
from hub.stream import Event, Fact, facts_of

Columns = str | tuple[str, ...]
"""A column, or several of which the first that is not blank counts."""


class _Field(NamedTuple):
    """
    One field and where it stands; *steps* leads to it through records (names) and lists (numbers).

    *within* is the path of the record that it belongs to and that may be absent as a whole; empty where there is none.
    """

    path: str
    steps: tuple[str, ...]
    columns: tuple[str, ...]
    read: Callable[[str, str], Any]
    needed: bool
    within: str


class Table:
    """
    The columns of one kind of table, by the field that each fills: `{"child.born": "DOB", "parents.0.name": …}`.

    A cell is read as its field's type wants it: days, times, numbers, yes and no as `hub.formats.cells` reads
    them. A blank cell leaves its field out, and is refused where the field cannot be; a record that can be absent and
    of which nothing is filled in is left out whole. *doubtful* names fields that the event can do without, each with
    the code of the query that stands in for a value that does not fit; *ends* names the instants that end something.
    """

    def __init__(
        self,
        event: type[Event],
        columns: Mapping[str, Columns],
        *,
        doubtful: Mapping[str, str] | None = None,
        ends: Collection[str] = (),
    ) -> None:
        self._event = event
        self._doubtful = dict(doubtful or {})
        facts = {fact.name: fact for fact in facts_of(event)}
        self._fields = tuple(_field(facts, path, named, path in ends) for path, named in columns.items())
        self._place = {field.path: field.columns[0] for field in self._fields}
        for path in self._doubtful:
            if path not in self._place:
                raise ValueError(f"{path} has no column here")

    def event(self, row: Row, given: Mapping[str, Any] | None = None) -> Iterator[Event | Query]:
        """
        The event of *row*, then the queries; *given* are values by path that are not read, or not simply read.

        Raises `NotUnderstood` at the column that does not fit.
        """
        values, queries = dict(given or {}), []
        for field in self._fields:
            if field.path in values:
                continue
            column = next((one for one in field.columns if row[one]), field.columns[0])
            text = row[column]
            if not text:
                if field.needed and not (field.within and self._blank(row, field.within, values)):
                    raise NotUnderstood("cell.blank", column, "fill it in")
                continue
            try:
                values[field.path] = field.read(text, column)
            except NotUnderstood as fault:
                if field.path not in self._doubtful:
                    raise
                code = fault.code if fault.code == cells.SHORTENED else self._doubtful[field.path]
                queries.append(Query(code, column))
        event, more = self._made(values)
        yield event
        yield from queries
        yield from more

    def _blank(self, row: Row, record: str, values: Mapping[str, Any]) -> bool:
        """Whether nothing of a record is filled in, nor given."""
        parts = [field for field in self._fields if field.path.startswith(f"{record}.")]
        return not any(field.path in values or any(row[one] for one in field.columns) for field in parts)

    def _made(self, values: dict[str, Any]) -> tuple[Event, list[Query]]:
        """The event; where only doubtful fields do not fit, without them."""
        nested, back = _nested(values)
        try:
            return self._event.model_validate(nested), []
        except ValidationError as error:
            paths = [back(fault["loc"]) for fault in error.errors(include_input=False, include_url=False)]
            sure = next((index for index, path in enumerate(paths) if path not in self._doubtful), None)
            if sure is not None:
                fault = error.errors(include_input=False, include_url=False, include_context=False)[sure]
                code = f"invalid.{fault['type'].replace('_', '-')}"
                raise NotUnderstood(code, self._place.get(paths[sure], paths[sure]), fault["msg"]) from None
        doubts = [Query(self._doubtful[path], self._place[path]) for path in dict.fromkeys(paths)]
        event, more = self._made({path: one for path, one in values.items() if path not in paths})
        return event, doubts + more


def _field(facts: Mapping[str, Fact], path: str, columns: Columns, end: bool) -> _Field:
    steps = tuple(path.split("."))
    fact = facts.get(".".join(step for step in steps if not step.isdigit()))
    if fact is None:
        raise ValueError(f"the event has no field {path}")
    read: Callable[[str, str], Any]
    if fact.kind is date:
        read = cells.day
    elif fact.kind is datetime:
        read = _end if end else cells.moment
    elif fact.kind is bool:
        read = cells.truth
    elif fact.kind is int:
        read = cells.whole
    else:
        read = cells.text
    named = (columns,) if isinstance(columns, str) else columns
    return _Field(path, steps, named, read, not fact.optional, _within(facts, steps))


def _within(facts: Mapping[str, Fact], steps: tuple[str, ...]) -> str:
    """The path of the innermost record above a field that may be absent, or that is one of a list."""
    for end in range(len(steps) - 1, 0, -1):
        fact = facts.get(".".join(step for step in steps[:end] if not step.isdigit()))
        if fact is not None and (fact.optional or fact.repeated):
            return ".".join(steps[:end])
    return ""


def _end(text: str, place: str) -> datetime:
    return cells.moment(text, place, end=True)


def _nested(values: Mapping[str, Any]) -> tuple[dict[str, Any], Callable[[tuple[int | str, ...]], str]]:
    """
    Values by path as nested mappings and lists, and the way back from pydantic's place to the path.

    Elements of a list of which nothing is there are left out, so the numbers of the rest may differ from the path's.
    """
    nested: dict[str, Any] = {}
    for path, value in values.items():
        here = nested
        *above, last = path.split(".")
        for step in above:
            here = here.setdefault(step, {})
        here[last] = value
    numbers: dict[str, list[str]] = {}
    for name, part in nested.items():
        if isinstance(part, dict) and part and all(key.isdigit() for key in part):
            numbers[name] = sorted(part, key=int)
            nested[name] = [part[key] for key in numbers[name]]

    def back(place: tuple[int | str, ...]) -> str:
        steps = [str(step) for step in place]
        if len(place) > 1 and steps[0] in numbers and isinstance(place[1], int):
            steps[1] = numbers[steps[0]][place[1]]
        return ".".join(steps)

    return nested, back
