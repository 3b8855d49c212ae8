"""Names: the identifiers by which one event says who it is about, as its stream declares them; no link between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hub.identity.check_digits import HOLDS
from hub.stream import Event, Local, Stream, pick

NHS_NUMBER = "nhs_number"
SHARED = ("nhs_number", "upn", "case_id")
"""The kinds that name the same person whoever says them, best first; any other is its issuer's alone."""


class Name(NamedTuple):
    """
    One identifier: its *kind*, who gave it out (empty where all know it by the kind alone), and its *value*.

    The same issuer as named by two agencies is two: that a letter code means the same to both is nobody's promise.
    """

    kind: str
    issuer: str
    value: str


class Said(NamedTuple):
    """
    What one event says of identifiers.

    *names* are all of one person, best first, *sure* where that needs nobody's review. *merged* are pairs of one that a
    merge discards and the one that survives; *superseded* is the number that was withdrawn, with its successors.
    """

    names: tuple[Name, ...] = ()
    sure: bool = False
    born: str = ""
    merged: tuple[tuple[Name, Name | None], ...] = ()
    superseded: tuple[Name, tuple[Name, ...]] | None = None

    @property
    def every(self) -> tuple[Name, ...]:
        """All identifiers in it, each once."""
        found = [*self.names]
        for discarded, survivor in self.merged:
            found += [discarded] if survivor is None else [discarded, survivor]
        if self.superseded is not None:
            found += [self.superseded[0], *self.superseded[1]]
        return tuple(dict.fromkeys(found))


def said(stream: Stream, event: Event, agency: str, *, sure: bool = False) -> Said:
    """
    The identifiers of *event*, which *agency* said; *sure* is its own word for what it says together.

    A number that the sender says it did not trace is not sure, one that it traced is. A national identifier whose
    check digit fails names nobody here: it may be a slip of the pen, and somebody else's.
    """
    gone = {path for path, _ in stream.merged}
    names = [
        Name(kind, "", value)
        for kind, path in stream.subject
        if path not in gone and (value := _text(event, path)) and _holds(kind, value)
    ]
    names.sort(key=lambda name: SHARED.index(name.kind))
    names += [name for local in stream.also if local.path not in gone and (name := _local(event, local, agency))]
    traced = pick(event, stream.verified) if stream.verified is not None else None
    born = pick(event, stream.born) if stream.born is not None else None
    return Said(
        tuple(dict.fromkeys(names)),
        sure if traced is None else bool(traced),
        born.isoformat() if born is not None else "",
        tuple(_merged(stream, event, agency)),
        _superseded(stream, event),
    )


def _merged(stream: Stream, event: Event, agency: str) -> Iterator[tuple[Name, Name | None]]:
    kinds = {path: kind for kind, path in stream.subject}
    locals_ = {local.path: local for local in stream.also}
    for former, survivor in stream.merged:
        value, other = _text(event, former), _text(event, survivor)
        if survivor in locals_:
            local = locals_[survivor]
            discarded = _local(event, locals_.get(former, local._replace(path=former)), agency)
            if discarded is not None:
                yield discarded, _local(event, local, agency)
        elif value and _holds(kinds[survivor], value):
            kind = kinds[survivor]
            yield Name(kind, "", value), Name(kind, "", other) if other and _holds(kind, other) else None


def _superseded(stream: Stream, event: Event) -> tuple[Name, tuple[Name, ...]] | None:
    if stream.superseded is None:
        return None
    old, new = (pick(event, path) for path in stream.superseded)
    several = new if isinstance(new, tuple | list) else (new,)
    sound = tuple(Name(NHS_NUMBER, "", one) for one in several if isinstance(one, str) and HOLDS[NHS_NUMBER](one))
    return (Name(NHS_NUMBER, "", old), sound) if isinstance(old, str) and HOLDS[NHS_NUMBER](old) else None


def _local(event: Event, local: Local, agency: str) -> Name | None:
    value = _text(event, local.path)
    if not value:
        return None
    issuer = next((found for path in local.within if (found := _text(event, path))), "")
    return Name(local.kind, f"{agency}/{issuer}", value)


def _text(event: Event, path: str) -> str:
    found = pick(event, path)
    return found if isinstance(found, str) else ""


def _holds(kind: str, value: str) -> bool:
    return kind not in HOLDS or HOLDS[kind](value)
