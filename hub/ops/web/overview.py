"""The overview: is every partner being told in time, and if not, who; the first page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from aiohttp import web

from hub.catalog import Catalog
from hub.markup import Markup, joined, tag
from hub.ops.picture import Group, Picture, Trouble
from hub.ops.web import flow, frame, parts, telling, words
from hub.ops.web.ground import ground
from hub.ops.web.parts import Head, Row
from hub.ops.web.telling import Standing

SUMMARY = "Is every partner being told in time?"


async def overview(request: web.Request) -> web.StreamResponse:
    """`/`; a partner is led to its own page."""
    stands = ground(request)
    caller = await stands.door.who(request)
    if not caller.may("ops", "governance"):
        raise web.HTTPSeeOther(f"/agencies/{caller.agency}")
    return await frame.page(
        request, SUMMARY, *parts_of(stands.catalog, stands.looking.picture(), stands.clock()), here="/"
    )


def parts_of(catalog: Catalog, picture: Picture, now: datetime) -> Iterator[Markup]:
    """What stands on the page."""
    found, standings = telling.troubles(catalog, picture, now), telling.standings(picture.deliveries, now)
    yield tag("div", answer(picture, found, standings), id="answer", data_live="")
    yield tag("div", troubles(catalog, found, now), frame.faults(picture), id="troubles", data_live="")
    yield parts.section("told", "Who is told what, and how fast", *told_of(catalog, standings, now), live=True)
    yield parts.section(
        "flow",
        "What flows",
        tag(
            "p",
            "From who says it, through its stream, to who hears it. The width of a line is records a minute.",
            class_="hint",
        ),
        *flow.shown(catalog, picture, now),
        live=True,
    )
    yield parts.section("processes", "Processes", processes(picture, now), live=True)
    yield parts.section("groups", "Readers", *groups(catalog, picture, now), live=True)


def answer(picture: Picture, found: list[Trouble], standings: list[Standing]) -> Markup:
    """The answer to the heading, in a sentence with its shape."""
    late = sum(one.state == "late" for one in standings)
    nearly = sum(one.state == "nearly late" for one in standings)
    bad = sum(one.severity == "trouble" for one in found)
    if late:
        look, said = "trouble", f"No: {words.counted(late, 'delivery is', 'deliveries are')} late, of {len(standings)}."
    elif picture.faults or not standings:
        look, said = "unknown", "It cannot be said: not all could be looked at."
    elif bad:
        look, said = "trouble", f"Yes, still: but {words.counted(bad, 'trouble')} may soon make somebody late."
    elif nearly:
        look, said = "warning", f"Yes, still: but {words.counted(nearly, 'delivery is', 'deliveries are')} nearly late."
    elif found:
        many = words.counted(len(found), "thing wants", "things want")
        look, said = "warning", f"Yes: all {len(standings)} are told in time. {many} a look."
    else:
        look, said = "ok", f"Yes: all {len(standings)} are told in time, and nothing wants a look."
    return tag("p", parts.shape(look), tag("strong", said), class_=f"answer {look}")


def troubles(catalog: Catalog, found: list[Trouble], now: datetime) -> Markup:
    """What a person should look at, the worst first."""
    if not found:
        return Markup()
    rows = [tag("li", *_trouble(catalog, one, now), class_=one.severity) for one in found]
    return joined(tag("h2", "What to look at, the worst first"), tag("ol", *rows, class_="troubles"))


def _trouble(catalog: Catalog, one: Trouble, now: datetime) -> Iterator[str]:
    yield parts.shape(one.severity)
    where = []
    if one.agency:
        where.append(parts.link(telling.short(catalog, one.agency), "agencies", one.agency))
    if one.stream in catalog.streams:
        where.append(parts.link(words.named(one.stream), "streams", one.stream))
    about = [part for place in where for part in (" · ", place)][1:]
    since = [tag("span", "since ", parts.time(one.since, now))] if one.since is not None else []
    code = tag("span", "runbook: ", tag("code", one.code))
    more = [part for place in (*([joined(*about)] if about else []), *since, code) for part in (" · ", place)][1:]
    word = "Trouble" if one.severity == "trouble" else "Warning"
    yield tag("div", tag("p", tag("span", f"{word}: ", class_="aloud"), one.sentence), tag("p", *more, class_="quiet"))


def told_of(catalog: Catalog, standings: list[Standing], now: datetime) -> Iterator[Markup]:
    """Every delivery; those of which nothing waits are folded away."""
    open_ = [one for one in standings if one.state != "told"]
    done = [one for one in standings if one.state == "told"]
    if open_ or not done:
        yield told(catalog, open_, now)
    if done:
        several = words.counted(len(done), "delivery of which nothing waits", "deliveries of which nothing waits")
        yield parts.more(several, told(catalog, done, now, "Deliveries of which nothing waits"), place="all-told")


def told(
    catalog: Catalog, standings: list[Standing], now: datetime, caption: str = "Deliveries, the worst first"
) -> Markup:
    """Each agency and stream with how long its oldest waits, the worst first."""
    rows = [
        Row(
            (
                parts.link(telling.short(catalog, one.delivery.agency), "agencies", one.delivery.agency),
                parts.link(words.named(one.delivery.stream), "streams", one.delivery.stream),
                parts.state(*_looked(one)),
                joined(telling.waits(one.delivery, now), meter(one)),
                one.delivery.within or tag("span", "none", class_="quiet"),
                f"{one.delivery.undelivered:,}",
                f"{one.delivery.parked:,}",
                parts.time(one.delivery.acknowledged_at, now),
            ),
            look=_looked(one)[0],
        )
        for one in standings
    ]
    heads = (
        "Who",
        "Hears",
        "State",
        "Oldest waits",
        "Agreed",
        Head("Not told yet", number=True),
        Head("Parked", number=True),
        "Last acknowledged",
    )
    return parts.table(caption, heads, rows, "nothing is delivered to anybody yet")


def _looked(one: Standing) -> tuple[str, str, str]:
    word, look, sentence = telling.STATES[one.state]
    return look, word, sentence


def meter(one: Standing) -> Markup:
    """How much of the agreed time is used up, as a bar; the words beside it say the same."""
    if not one.share:
        return Markup()
    width = f"{min(one.share, 1.0) * 100:.0f}"
    look = telling.STATES[one.state].look
    return Markup(
        f'<svg class="meter {look}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="all" width="100" height="6"/><rect width="{width}" height="6"/></svg>'
    )


def processes(picture: Picture, now: datetime) -> Markup:
    """The hub's own processes."""
    rows = [
        Row(
            (
                one.name,
                parts.state("ok", "ready") if one.ready else parts.state("trouble", "not ready"),
                parts.time(one.since, now, "never seen"),
            )
        )
        for one in sorted(picture.processes, key=lambda one: (one.ready, one.name))
    ]
    return parts.table("The hub's own processes", ("Process", "State", "Since"), rows, "none was seen", "narrow")


def groups(catalog: Catalog, picture: Picture, now: datetime) -> Iterator[Markup]:
    """How each group of readers fares; those in order are folded away."""
    order = list(words.CONDITIONS)
    found = sorted(picture.groups, key=lambda one: (order.index(one.condition), -one.lag, one.group, one.topic))
    bad = [one for one in found if one.condition != "ok"]
    good = [one for one in found if one.condition == "ok"]
    yield group_table(
        catalog, "Readers that want a look", bad, now, "none: all are in order" if good else "none was seen"
    )
    if good:
        yield parts.more(
            f"{words.counted(len(good), 'reader is', 'readers are')} in order",
            group_table(catalog, "Readers in order", good, now, ""),
            place="in-order",
        )


def group_table(catalog: Catalog, caption: str, found: list[Group], now: datetime, none: str) -> Markup:
    """Groups, a row each."""
    rows = [
        Row(
            (
                one.group,
                parts.link(one.topic, "streams", one.stream) if one.stream in catalog.streams else one.topic,
                parts.state(
                    words.CONDITIONS[one.condition].look,
                    words.CONDITIONS[one.condition].word,
                    words.CONDITIONS[one.condition].sentence,
                ),
                f"{one.lag:,}",
                words.age(one.waiting_since, now) if one.waiting_since else tag("span", "nothing", class_="quiet"),
                str(one.members),
                words.READERS[one.reader],
            )
        )
        for one in found
    ]
    heads = (
        "Group",
        "Reads",
        "Condition",
        Head("Behind", number=True),
        "Oldest waits",
        Head("Members", number=True),
        "Who it is",
    )
    return parts.table(caption, heads, rows, none)
