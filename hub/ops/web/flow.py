"""The flow: from who says it, through streams, to who hears it, with what waits and what is wrong where it is; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hub.catalog import Catalog
from hub.markup import Markup, joined, tag
from hub.ops.picture import Picture
from hub.ops.web import drawing, parts, telling, words
from hub.ops.web.parts import Head, Row

WATCH: Final = "watch "
"""How a watch is named among those who say something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """
    One way from *start* to *end*; *stream* is the one of the two that is a stream.

    *a_minute* is None where no rate was seen. *waits* says what waits at its end, and *look* how that is.
    """

    start: str
    end: str
    stream: str
    a_minute: float | None
    waits: str = ""
    look: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Who says, the streams, who hears, each in the order in which lines cross least, and the ways between them."""

    says: tuple[str, ...]
    streams: tuple[str, ...]
    hears: tuple[str, ...]
    into: tuple[Band, ...]
    out: tuple[Band, ...]
    looks: Mapping[str, str]
    """How a stream is, by its readers within the hub, where it is not in order."""


def flow(catalog: Catalog, picture: Picture, now: datetime) -> Flow:
    """What flows, by the catalog, and how much of it, by the picture."""
    said: dict[tuple[str, str], float] = defaultdict(float)
    heard: dict[tuple[str, str], float] = defaultdict(float)
    for one in picture.said:
        said[one.agency, one.stream] += one.a_minute
    for one in picture.heard:
        heard[one.agency, one.stream] += one.a_minute
    ways = dict.fromkeys(
        (agency.key, stream) for agency in catalog.agencies.values() for s in agency.says.values() for stream in s.into
    )
    ways |= dict.fromkeys((WATCH + one.name, one.emits) for one in catalog.watches.values())
    deliveries = {
        (each.delivery.agency, each.delivery.stream): each for each in telling.standings(picture.deliveries, now)
    }
    grants = [(agency, stream) for agency, policy in catalog.policies.items() for stream in policy.hears]
    into = [
        Band(start=who, end=stream, stream=stream, a_minute=said.get((who, stream)))
        for who, stream in ways
        if stream in catalog.streams
    ]
    out = []
    for agency, stream in dict.fromkeys((*grants, *deliveries)):
        stands = deliveries.get((agency, stream))
        look = telling.STATES[stands.state].look if stands is not None else ""
        waits = f"{stands.delivery.undelivered:,}" if stands is not None and stands.delivery.undelivered else ""
        out.append(
            Band(
                start=stream,
                end=agency,
                stream=stream,
                a_minute=heard.get((agency, stream)),
                waits=waits,
                look="" if look == "ok" else look,
            )
        )
    looks: dict[str, str] = {}
    for group in sorted(picture.groups, key=lambda one: list(words.CONDITIONS).index(one.condition), reverse=True):
        if group.reader in ("relay", "watch") and words.CONDITIONS[group.condition].look in ("trouble", "warning"):
            looks[group.stream] = words.CONDITIONS[group.condition].look
    return _ordered(into, out, looks)


def _ordered(into: Sequence[Band], out: Sequence[Band], looks: Mapping[str, str]) -> Flow:
    """Each column by where its neighbours stand on the average, from the right, where what waits is, and back."""
    streams = list(dict.fromkeys(one.stream for one in (*out, *into)))
    hears = list(dict.fromkeys(one.end for one in out))
    for _ in range(4):
        hears = _by_neighbours(hears, streams, [(one.end, one.start) for one in out])
        streams = _by_neighbours(streams, hears, [(one.start, one.end) for one in out])
    says = _by_neighbours(list(dict.fromkeys(one.start for one in into)), streams, [(o.start, o.end) for o in into])
    return Flow(
        says=tuple(says), streams=tuple(streams), hears=tuple(hears), into=tuple(into), out=tuple(out), looks=looks
    )


def _by_neighbours(names: Sequence[str], others: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    places = {name: place for place, name in enumerate(others)}
    near: dict[str, list[int]] = defaultdict(list)
    for one, other in pairs:
        near[one].append(places[other])
    last = float(len(others))
    return sorted(names, key=lambda name: (sum(near[name]) / len(near[name]) if near[name] else last, name))


def label(catalog: Catalog, name: str) -> str:
    """How one who says or hears is called in the picture."""
    return name if name.startswith(WATCH) else telling.short(catalog, name)


def shown(catalog: Catalog, picture: Picture, now: datetime) -> Iterator[Markup]:
    """The flow as a picture, and the same as a table."""
    found = flow(catalog, picture, now)
    yield tag("figure", drawing.drawn(found, lambda name: label(catalog, name)), class_="flow")
    yield parts.more("The flow as a table", _table(catalog, found), place="flow-table")


def _table(catalog: Catalog, found: Flow) -> Markup:
    """One row a stream: from whom, how much, to whom, and what waits there."""
    rows = []
    for stream in found.streams:
        into = [one for one in found.into if one.stream == stream]
        out = [one for one in found.out if one.stream == stream]
        rows.append(
            Row(
                (
                    parts.link(words.named(stream), "streams", stream),
                    _several(label(catalog, one.start) for one in into) if into else "nobody",
                    _rate(into),
                    joined(*(_hearer(catalog, one) for one in out)) if out else "nobody",
                    _rate(out),
                )
            )
        )
    heads = ("Stream", "Said by", Head("Said a minute", number=True), "Heard by", Head("Heard a minute", number=True))
    return parts.table("What flows, stream by stream", heads, rows, "no stream is there")


def _several(names: Iterator[str]) -> str:
    return "; ".join(dict.fromkeys(names))


def _rate(bands: Sequence[Band]) -> str:
    seen = [one.a_minute for one in bands if one.a_minute is not None]
    return words.rate(sum(seen)) if seen else "—"


def _hearer(catalog: Catalog, one: Band) -> Markup:
    waits = f", {one.waits} not told yet" if one.waits else ""
    return tag("div", *([parts.shape(one.look), " "] if one.look else []), f"{label(catalog, one.end)}{waits}")
