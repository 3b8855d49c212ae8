"""Carried: by which NHS numbers one event goes, given what is known; pure, and the same for whoever keeps the index."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from hub.identified import Because, Certainty
from hub.identity.graph import Graph
from hub.identity.names import NHS_NUMBER, Said
from hub.identity.statements import BORN_DIFFERS, CONTRADICTED, TOO_MANY, Doubt, name_of
from hub.keys import Keys

MOST = 3
"""More numbers than these are no candidates: the identifier names nobody (a `ManyMatch` of the DfE's matcher)."""


class Carried(NamedTuple):
    """One NHS number, called *name* in the index, by which an event goes; as its sender said it where that is None."""

    name: str | None
    match: Certainty = "certain"
    because: Because = "local_number"


AS_SAID = Carried(None)


def carried(said: Said, keys: Keys, graph: Graph) -> tuple[list[Carried], Collection[Doubt]]:
    """
    By which numbers an event that said *said* goes, the first as the event itself and the others beside it.

    A number that the sender gave counts as given, and one that gave way counts as its successor. Where there is none,
    or the sender's own number leads to another, all that it may be are carried, each as possible: whichever child it
    is, their alert is raised, and nobody is told more than a pointer. Beside a number that is certain go those that
    gave way to it, under which flags may still lie.
    """
    names = {name_of(keys, name): name for name in said.names}
    stated = next((own for own, name in names.items() if name.kind == NHS_NUMBER), None)
    others = [own for own in names if own != stated]
    led = graph.numbers(others)
    doubts = [Doubt(CONTRADICTED, own) for own in others if len(graph.numbers([own])) > 1]
    doubts += [Doubt(TOO_MANY, own) for own in others if graph.full(own)]
    if stated is None:
        found = _found(led, said, keys, graph, doubts)
    else:
        today: dict[str, Certainty] = graph.numbers([stated]) if stated in graph.kinds else {stated: "certain"}
        if not led.keys() <= {*today, stated}:
            every = {**today, **led}
            few = every if len(every) <= MOST else today
            found = [Carried(name, "possible", "contradicted") for name in few]
        elif list(today) == [stated]:
            found = [AS_SAID]
        elif len(today) == 1:
            found = [Carried(name, match, "superseded") for name, match in today.items()]
        else:
            found = [Carried(name, "possible", "superseded") for name in list(today)[:MOST]]
    return found + _former(found, stated, graph), doubts


def _found(
    led: dict[str, Certainty], said: Said, keys: Keys, graph: Graph, doubts: list[Doubt]
) -> list[Carried]:  # fmt: skip
    """Where the sender gave no NHS number: what its own number leads to."""
    if not led or len(led) > MOST:
        return [AS_SAID]
    if len(led) > 1:
        return [Carried(name, "possible", "contradicted") for name in led]
    ((name, match),) = led.items()
    borns = graph.borns(name)
    if said.born and borns and keys.identity("born", name, said.born) not in borns:
        doubts.append(Doubt(BORN_DIFFERS, name))
        return [Carried(name, "possible", "contradicted")]
    return [Carried(name, match, "local_number")]


def _former(found: list[Carried], stated: str | None, graph: Graph) -> list[Carried]:
    first = found[0]
    number = stated if first is AS_SAID else first.name
    if len(found) > 1 or number is None or number not in graph.kinds or first.match == "possible":
        return []
    return [Carried(one, first.match, "former") for one in graph.former(number)[:MOST]]
