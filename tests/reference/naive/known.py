"""What is known of a child: which standing words apply to an event."""

from __future__ import annotations

from typing import Any


def at_path(values: Any, path: str | None) -> Any:
    """What lies at a path, None where there is no such path."""
    for step in path.split(".") if path else ["?"]:
        values = values.get(step) if isinstance(values, dict) else None
    return values


def names_of(record: dict) -> set[tuple[str, str]]:
    """The identifiers that a standing record says."""
    return {(kind, record[kind]) for kind in ("nhs_number", "upn", "case_id") if record.get(kind)}


def known(said: list[dict], keys: set[bytes], names: set[tuple[str, str]]) -> tuple[list[dict], bool]:
    """
    All standing words that apply to the child of an event that is called *names*; and whether in doubt.

    *keys* are the event's own and all under which something can have been said of somebody so called.

    *said*, in order, are dicts of `key`, `id`, `at` and `values`: None forgets, "unreadable" could not be read.
    """
    newest: dict[bytes, dict] = {}
    garbled: set[bytes] = set()
    for word in said:
        if word["values"] == "unreadable":
            garbled.add(word["key"])
        else:
            garbled.discard(word["key"])
            newest.pop(word["key"], None)
            if word["values"] is not None:
                newest[word["key"]] = word
    if keys & garbled:
        return [], True
    names, found = set(names), []
    grown = True
    while grown:
        grown = False
        for word in newest.values():
            if word not in found and names & names_of(word["values"]):
                found.append(word)
                names |= names_of(word["values"])
                grown = True
    found.sort(key=lambda word: word["id"])
    return found, any(word["key"] in garbled for word in found)
