"""Grants compared: each entry of one with the same entry of the other, and what the difference lets through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from hub.policy import Grant, Value
from hub.topology import milliseconds
from hub.widening.change import About, Change
from hub.widening.order import COARSER, FULL, STRICTER

Comparison = Callable[[Grant, Grant, About], Iterator[Change]]
CASES: Mapping[str, str] = {
    "uncertain": "if it is not certain who the child is",
    "opted_out": "if the family opted out",
}
LABELS: Mapping[str, str] = {"because": "the reason", "notice": "the section of the notice"}


def ways(grant: Grant) -> dict[str, str]:
    """How each field of a grant is heard: as it is, or the word."""
    return {**dict.fromkeys(grant.fields, FULL), **grant.coarse}


def heard(old: Mapping[str, str], new: Mapping[str, str], about: About, grant: Grant) -> Iterator[Change]:
    """Fields heard in other ways than before; *grant* is the new one, by which they are found in the file."""
    for path in (*new, *(path for path in old if path not in new)):
        was, is_now = old.get(path), new.get(path)
        if was == is_now:
            continue
        if is_now is None:
            yield about.change("field-gone", "is not heard any more", widens=False, path=path)
            continue
        at = ("coarse", path) if path in grant.coarse else ("fields", grant.fields.index(path))
        if was is None:
            yield about.change("field-new", f"is newly heard, {_as(is_now)}", *at, widens=True, path=path)
            continue
        kind = "field-full" if is_now == FULL else "field-coarse" if was == FULL else "field-word"
        less = is_now in COARSER.get(was, ())
        yield about.change(kind, f"is heard {_as(is_now)}, and was {_as(was)}", *at, widens=not less, path=path)


def _as(way: str) -> str:
    return way if way == FULL else f"as {way}"


def _fields(old: Grant, new: Grant, about: About) -> Iterator[Change]:
    return heard(ways(old), ways(new), about, new)


def _with_fields(_old: Grant, _new: Grant, _about: About) -> Iterator[Change]:
    """`coarse` is compared together with `fields`."""
    return iter(())


def _gate(old: Grant, new: Grant, about: About) -> Iterator[Change]:
    if old.gate != new.gate:
        less = new.gate in STRICTER.get(old.gate, ())
        proof = "which opens for nothing that was kept back" if less else "which may open where the other was shut"
        yield about.change("gate", f"the gate is {new.gate}, and was {old.gate}: {proof}", "gate", widens=not less)


def _where(old: Grant, new: Grant, about: About) -> Iterator[Change]:
    """
    Fewer conditions, or wider ones, let more events through; narrower ones tell more of those that they let through.

    That an event is heard at all tells what `where` asks (so `hub check` wants a ground for it). Where the field itself
    is not heard as it is, a new line or a shorter list is newly told of every child that is still heard of.
    """
    for path in (*new.where, *(path for path in old.where if path not in new.where)):
        was, is_now, at = old.where.get(path), new.where.get(path), ("where", path)
        if is_now is None:
            what = f"is heard whatever it is, and was only where it is {either(was or ())}"
            yield about.change("where-gone", what, widens=True, path=path)
            continue
        if was is None:
            what = f"is heard only where it is {either(is_now)}, and was whatever it is"
            yield about.change("where-new", what, *at, widens=False, path=path)
        elif more := _without(is_now, was):
            yield about.change("where-more", f"is heard also where it is {either(more)}", *at, widens=True, path=path)
        fewer = _without(was or (), is_now)
        if fewer:
            what = f"is not heard any more where it is {either(fewer)}"
            yield about.change("where-fewer", what, *at, widens=False, path=path)
        if (fewer or was is None) and path not in new.fields:
            what = f"is told by being heard at all: it is {either(is_now)}, which they do not hear otherwise"
            yield about.change("where-tells", what, *at, widens=True, path=path)


def _without(values: Iterable[Value], others: Iterable[Value]) -> tuple[Value, ...]:
    """Those of *values* that are none of *others*, by value and type: `True` is not `1`."""
    known = {(type(one), one) for one in others}
    return tuple(one for one in values if (type(one), one) not in known)


def either(values: Iterable[Value]) -> str:
    """Values as a choice: `red or amber`."""
    return " or ".join(str(value) for value in values)


def _even_if(old: Grant, new: Grant, about: About) -> Iterator[Change]:
    for name in type(new.even_if).model_fields:
        was, is_now = (frozenset[str](getattr(one.even_if, name, ())) for one in (old, new))
        case = CASES.get(name, f"if {name}")
        for path in sorted(is_now - was):
            yield about.change("even-if-more", f"is heard even {case}", "even_if", name, widens=True, path=path)
        for path in sorted(was - is_now):
            yield about.change("even-if-fewer", f"is not heard any more {case}", widens=False, path=path)


def _kept(old: Grant, new: Grant, about: About) -> Iterator[Change]:
    was, is_now = milliseconds(old.kept), milliseconds(new.kept)
    if was != is_now:
        what = f"is kept {'longer' if is_now > was else 'shorter'}: {new.kept}, and was {old.kept}"
        yield about.change("kept", what, "kept", widens=is_now > was)


def _within(old: Grant, new: Grant, about: About) -> Iterator[Change]:
    """By when it must have arrived: who hears what is the same, sooner or later."""
    if old.within != new.within:
        what = f"must have arrived within {new.within or 'no set time'}, and was {old.within or 'within no set time'}"
        yield about.change("within", what, "within", widens=False)


def _words(name: str) -> Comparison:
    """A ground in words: another one unless they are the same words, however broken into lines."""

    def compared(old: Grant, new: Grant, about: About) -> Iterator[Change]:
        was, is_now = (" ".join(str(getattr(one, name)).split()) for one in (old, new))
        if was != is_now:
            yield about.change(name, f"{LABELS[name]} is “{is_now}”, and was “{was}”", name, widens=True)

    return compared


def _basis(old: Grant, new: Grant, about: About) -> Iterator[Change]:
    for name in type(new.basis).model_fields:
        was, is_now = getattr(old.basis, name, None), getattr(new.basis, name)
        if was != is_now:
            what = f"the ground ({name}) is {is_now or 'none'}, and was {was or 'none'}"
            yield about.change("basis", what, "basis", name, widens=True)


COMPARED: Mapping[str, Comparison] = {
    "because": _words("because"),
    "notice": _words("notice"),
    "basis": _basis,
    "gate": _gate,
    "where": _where,
    "fields": _fields,
    "coarse": _with_fields,
    "even_if": _even_if,
    "kept": _kept,
    "within": _within,
}
"""How each entry of a grant is compared; one that is not here counts as a widening wherever it differs."""
