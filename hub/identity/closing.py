"""Closing: which identifiers an adoption order closes with those that it names; where they are kept is elsewhere."""

from __future__ import annotations

from collections.abc import Collection

from hub.identity.graph import Graph, Link
from hub.identity.names import NHS_NUMBER, SHARED


def closing(graph: Graph, named: Collection[str]) -> tuple[set[str], set[str]]:
    """
    All identifiers of the child whom *named* name and of nobody else; and those of which that cannot be said.

    What may be another child's too stays open, because that child's alerts would stop: a person decides. So does an
    NHS number that took the place of one that was named: nobody can tell here whether it was given before the order or
    is who the child is now.
    """
    core = {name for name in named if name in graph.kinds}
    if not any(graph.kinds[name] == NHS_NUMBER for name in core):
        numbers = graph.numbers(core)
        if list(numbers.values()) == ["certain"]:
            core |= numbers.keys()
    for number in [name for name in core if graph.kinds[name] == NHS_NUMBER]:
        core.update(graph.former(number))
    anothers: set[str] = set()
    while not graph.cut:
        mine = _reach(graph, core, anothers)
        found = {name for name in mine - core if not _leads_to_nobody_else(graph, name, mine, core)}
        if not found:
            return mine, {one for name in mine for one in _beside(graph, name)} - mine
        anothers |= found
    return {name for name in named if name in graph.kinds}, set()


def _reach(graph: Graph, core: Collection[str], anothers: Collection[str]) -> set[str]:
    """
    What is tied to the child, but for what is *another's*.

    A number of the authority, or a UPN, joins by what is certain, and at once; a hospital's or a school's own number by
    what is probable too and through others, since it would otherwise go on from one life into the next.
    """
    reached, wave = set(core), set(core)
    while wave:
        following: set[str] = set()
        for name in wave:
            for link in graph.of(name):
                other = link.other if link.one == name else link.one
                kind = graph.kinds[other]
                if other in reached or other in anothers or kind == NHS_NUMBER or graph.full(other):
                    continue
                if link.certainty == "certain" and name in core if kind in SHARED else link.certainty != "possible":
                    following.add(other)
        reached |= following
        wave = following
    return reached


def _leads_to_nobody_else(graph: Graph, name: str, mine: Collection[str], core: Collection[str]) -> bool:
    own = {one for one in _beside(graph, name) if graph.kinds[one] in SHARED} - set(mine)
    near = {one for one in own if any(link.certainty == "certain" for link in _between(graph, one, core))}
    return own == near and graph.numbers([name]).keys() <= set(core)


def _between(graph: Graph, name: str, core: Collection[str]) -> list[Link]:
    return [link for link in graph.of(name) if link.one in core or link.other in core]


def _beside(graph: Graph, name: str) -> set[str]:
    return {one for link in graph.of(name) for one in (link.one, link.other)} - {name}
