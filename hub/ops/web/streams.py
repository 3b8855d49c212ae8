"""Streams: who says one, who hears it, and how far each reader is in each partition; a page each."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime

from aiohttp import web

from hub.catalog import Catalog
from hub.markup import Markup, joined, tag
from hub.ops.picture import Picture, Reading
from hub.ops.web import frame, overview, parts, telling, words
from hub.ops.web.ground import ground
from hub.ops.web.parts import Head, Row
from hub.stream import Stream


async def streams(request: web.Request) -> web.StreamResponse:
    """`/streams`: all of them, in a row each."""
    stands = ground(request)
    inside = parts.section("all", "All", table(stands.catalog, stands.looking.picture()), live=True)
    return await frame.page(request, "Streams", inside, here="/streams")


async def stream(request: web.Request) -> web.StreamResponse:
    """`/streams/STREAM`."""
    stands = ground(request)
    known = stands.catalog.streams.get(request.match_info["stream"])
    if known is None:
        return await frame.told(
            request, 404, "There is no such stream", "See the list of streams for those there are.", here="/streams"
        )
    inside = page(stands.catalog, stands.looking.picture(), known, stands.clock())
    return await frame.page(request, words.titled(known.name), *inside, here="/streams")


def table(catalog: Catalog, picture: Picture) -> Markup:
    """Every stream with the worst condition of its readers, the worst first."""
    order = list(words.CONDITIONS)
    found = []
    for name, one in catalog.streams.items():
        own = [group for group in picture.groups if group.stream == name]
        worst = min((order.index(group.condition) for group in own), default=None)
        said = words.CONDITIONS[order[worst]] if worst is not None else None
        cells = (
            parts.link(words.named(name), "streams", name),
            parts.state(said.look, said.word, said.sentence) if said else tag("span", "not seen yet", class_="quiet"),
            one.lane,
            _rate(picture, name),
            f"{sum(group.lag for group in own):,}",
            str(sum(name in policy.hears for policy in catalog.policies.values())),
        )
        found.append((len(order) if worst is None else worst, name, Row(cells)))
    heads = (
        "Stream",
        "Readers",
        "Lane",
        Head("Said a minute", number=True),
        Head("Behind", number=True),
        Head("Heard by", number=True),
    )
    return parts.table(
        "Streams, the worst first", heads, [row for *_, row in sorted(found, key=lambda one: one[:2])], "there is none"
    )


def _rate(picture: Picture, stream: str) -> str:
    seen = [one.a_minute for one in picture.said if one.stream == stream]
    return words.rate(sum(seen)) if seen else "—"


def page(catalog: Catalog, picture: Picture, one: Stream, now: datetime) -> Iterator[Markup]:
    """What stands on the page of *one*."""
    troubles = [t for t in telling.troubles(catalog, picture, now) if t.stream == one.name]
    keeping = catalog.keeping[one.keep]
    about = inspect.cleandoc(one.event.__doc__ or "").partition("\n\n")[0]
    yield tag("p", about, class_="lead")
    yield tag("div", overview.troubles(catalog, troubles, now), frame.faults(picture), id="troubles", data_live="")
    yield parts.facts(
        ("Topic", tag("code", one.topic)),
        ("Lane", one.lane),
        ("Kept", f"{keeping.retention}, in {words.counted(keeping.partitions, 'partition')}"),
        ("Who answers for it", one.steward),
        ("Its fields", parts.link("who hears which", "policies", "streams", one.name)),
    )
    yield parts.section("said", "Who says it", said(catalog, picture, one, now), live=True)
    hears = [each for each in telling.standings(picture.deliveries, now) if each.delivery.stream == one.name]
    yield parts.section("heard", "Who hears it", overview.told(catalog, hears, now), live=True)
    groups = [each for each in picture.groups if each.stream == one.name]
    order = list(words.CONDITIONS)
    groups.sort(key=lambda each: (order.index(each.condition), -each.lag, each.group))
    yield parts.section(
        "readers",
        "Readers",
        overview.group_table(catalog, "Groups, the worst first", groups, now, "none was seen"),
        live=True,
    )
    readings = [each for each in picture.readings if each.stream == one.name]
    yield parts.section("partitions", "Partitions", *partitions(readings, now), live=True)


def said(catalog: Catalog, picture: Picture, one: Stream, now: datetime) -> Markup:
    """Each line and watch that says it."""
    rows = []
    for agency in catalog.agencies.values():
        for line, each in agency.says.items():
            if one.name in each.into:
                seen = [r for r in picture.said if (r.agency, r.line, r.stream) == (agency.key, line, one.name)]
                last = max((r.last for r in seen if r.last is not None), default=None)
                rate = words.rate(sum(r.a_minute for r in seen)) if seen else "—"
                rows.append(
                    Row(
                        (
                            parts.link(telling.short(catalog, agency.key), "agencies", agency.key),
                            words.named(line),
                            rate,
                            parts.time(last, now, "not known"),
                        )
                    )
                )
    rows += [
        Row((f"watch {each.name}", "what follows from other streams", "—", ""))
        for each in catalog.watches.values()
        if each.emits == one.name
    ]
    heads = ("Who", "Line", Head("A minute", number=True), "Last heard")
    return parts.table("Who says it", heads, rows, "nobody")


def partitions(readings: list[Reading], now: datetime) -> Iterator[Markup]:
    """How far each group is in each partition; those where nothing waits are folded away."""
    readings = sorted(readings, key=lambda one: (one.topic, one.group, one.partition))
    busy = [one for one in readings if one.lag or one.held or one.missed]
    idle = [one for one in readings if not (one.lag or one.held or one.missed)]
    yield _readings("Partitions in which something waits", busy, now, "none" if idle else "none was seen")
    if idle:
        yield parts.more(
            f"{words.counted(len(idle), 'partition')} in which nothing waits",
            _readings("Partitions in which nothing waits", idle, now, ""),
            place="idle",
        )


def _readings(caption: str, readings: list[Reading], now: datetime, none: str) -> Markup:
    rows = [
        Row(
            (
                joined(tag("span", one.topic), f" / {one.partition}"),
                one.group,
                "never" if one.committed is None else f"{one.committed:,}",
                f"{one.end:,}",
                f"{one.lag:,}",
                words.age(one.waiting_since, now) if one.waiting_since else tag("span", "nothing", class_="quiet"),
                f"{one.held:,}",
                f"{one.missed:,}",
            )
        )
        for one in readings
    ]
    heads = (
        "Topic / partition",
        "Group",
        Head("Committed", number=True),
        Head("End", number=True),
        Head("Behind", number=True),
        "Oldest waits",
        Head("Held open", number=True),
        Head("Lost unread", number=True),
    )
    return parts.table(caption, heads, rows, none)
