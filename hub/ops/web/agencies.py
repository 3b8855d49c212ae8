"""Agencies: what one hears and on what ground, how fast it is told, and what it says; a page each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from hub.agency import Agency
from hub.catalog import Catalog
from hub.markup import Markup, joined, tag
from hub.notice import words as plain
from hub.ops.picture import Delivery, Picture
from hub.ops.web import frame, overview, parts, telling, words
from hub.ops.web.ground import Looking, ground
from hub.ops.web.parts import Head, Row
from hub.ops.web.plot import plot
from hub.policy import Grant, Policy


async def agencies(request: web.Request) -> web.StreamResponse:
    """`/agencies`: all of them, in a row each."""
    stands = ground(request)
    picture, now = stands.looking.picture(), stands.clock()
    listed = parts.section("all", "All", table(stands.catalog, picture, now), live=True)
    return await frame.page(request, "Agencies", listed, here="/agencies")


async def agency(request: web.Request) -> web.StreamResponse:
    """`/agencies/AGENCY`; a partner sees its own, and no other is there for it."""
    stands, key = ground(request), request.match_info["agency"]
    caller = await stands.door.who(request)
    known = stands.catalog.agencies.get(key)
    if known is None or not (caller.may("ops", "governance") or caller.agency == key):
        return await frame.told(
            request, 404, "There is no such agency", "See the list of agencies for those there are.", here="/agencies"
        )
    inside = page(stands.catalog, stands.looking, known, stands.clock(), own=not caller.may("ops", "governance"))
    return await frame.page(request, known.name, *inside, here="/agencies")


def table(catalog: Catalog, picture: Picture, now: datetime) -> Markup:
    """Every agency with the worst that is to be said of it, the worst first."""
    order = list(telling.STATES)
    standings = telling.standings(picture.deliveries, now)
    waiting = {one.agency: 0 for one in picture.quarantined}
    for each in picture.quarantined:
        waiting[each.agency] += each.count
    found = []
    for key, one in catalog.agencies.items():
        own = [stands for stands in standings if stands.delivery.agency == key]
        state = own[0].state if own else None
        told = parts.state(telling.STATES[state].look, telling.STATES[state].word) if state else _nothing(one)
        cells = (
            joined(
                parts.link(one.name, "agencies", key),
                tag("div", "on trial", class_="quiet") if one.status == "trial" else "",
            ),
            told,
            f"{sum(stands.delivery.undelivered for stands in own):,}",
            f"{len(one.hears)}",
            f"{len(one.says)}",
            f"{waiting.get(key, 0):,}",
        )
        found.append((order.index(state) if state else len(order), one.name, Row(cells)))
    heads = (
        "Agency",
        "State",
        Head("Not told yet", number=True),
        Head("Hears", number=True),
        Head("Says", number=True),
        Head("In quarantine", number=True),
    )
    return parts.table(
        "Agencies, the worst first", heads, [row for *_, row in sorted(found, key=lambda one: one[:2])], "there is none"
    )


def _nothing(one: Agency) -> Markup:
    return tag(
        "span",
        "on trial: nothing is sent" if one.status == "trial" else "hears nothing" if not one.hears else "not seen yet",
        class_="quiet",
    )


def page(catalog: Catalog, looking: Looking, one: Agency, now: datetime, *, own: bool = False) -> Iterator[Markup]:
    """What stands on the page of *one*; on its *own* page nothing leads elsewhere."""
    picture, policy = looking.picture(), catalog.policies.get(one.key)
    if one.status == "trial":
        yield tag(
            "p",
            parts.shape("unknown"),
            " On trial: it is tested with invented people, and sent nothing.",
            class_="panel unknown",
        )
    troubles = [t for t in telling.troubles(catalog, picture, now) if t.agency == one.key]
    yield tag("div", overview.troubles(catalog, troubles, now), frame.faults(picture), id="troubles", data_live="")
    agreement = policy and f"{policy.agreement}, until {plain.day(policy.expires.isoformat())} at most"
    yield parts.facts(("Agreement", agreement or ""), ("Whom to write to", one.steward))
    if one.hears:
        yield tag("h2", "What it hears", id="hears")
    for stream in one.hears:
        yield from _hears(catalog, looking, one, stream, policy, now, own=own)
    if one.says:
        yield parts.section(
            "says",
            "What it says",
            says(catalog, picture, one, now, own=own),
            *_quarantine(picture, one.key, now, own=own),
            live=True,
        )


def _hears(
    catalog: Catalog, looking: Looking, one: Agency, stream: str, policy: Policy | None, now: datetime, *, own: bool
) -> Iterator[Markup]:
    found = [d for d in looking.picture().deliveries if (d.agency, d.stream) == (one.key, stream)]
    grant = policy.hears.get(stream) if policy is not None else None
    inside: list[Markup] = []
    if found:
        inside += [
            delivered(found[0], now),
            plot(looking.history(one.key, stream), telling.agreed(found[0]), found[0].within),
        ]
    else:
        inside.append(tag("p", "Nothing is known of its delivery yet.", class_="none"))
    live = tag("div", *inside, id=f"{stream}-now", data_live="")
    title = words.titled(stream)
    terms = (
        ground_of(catalog, one.key, stream, policy, grant, own=own)
        if policy is not None and grant is not None
        else (tag("p", parts.shape("trouble"), " No policy grants it: nothing of it is sent.", class_="panel trouble"))
    )
    yield parts.section(stream, title, live, terms, level="h3")


def delivered(one: Delivery, now: datetime) -> Markup:
    """How the delivery of one stream stands."""
    stands = telling.standing(one, now)
    said = telling.STATES[stands.state]
    parked = f"{words.counted(one.parked, 'message')}, about nobody who is named here" if one.parked else "none"
    return parts.facts(
        ("State", joined(parts.state(said.look, said.word), tag("span", f": {said.sentence}"))),
        ("Oldest waits", joined(telling.waits(one, now), overview.meter(stands))),
        ("Not told yet", f"{one.undelivered:,}"),
        ("Parked", parked),
        ("Last acknowledged", parts.time(one.acknowledged_at, now)),
        ("Its door", joined(f"{one.road}: ", "held off, as it failed again and again" if one.held_off else "open")),
        ("Agreed", one.within or "no time is agreed"),
    )


def ground_of(catalog: Catalog, agency: str, stream: str, policy: Policy, grant: Grant, *, own: bool) -> Markup:
    """On what ground it is heard, from the policy."""
    facts = {fact.name: fact for fact in catalog.streams[stream].facts()}
    many = words.counted(len(grant.fields) + len(grant.coarse), "field")
    coarse = f", {len(grant.coarse)} of them coarsened" if grant.coarse else ""
    fields = (
        joined(many, coarse, ": ", parts.link("see which", "policies", "agencies", agency + "#" + stream))
        if not own
        else joined(many, coarse)
    )
    return parts.facts(
        ("Why", grant.because),
        ("When", plain.GATES[grant.gate]),
        ("Only where", joined(*(tag("div", line) for line in plain.conditions(grant, facts)))),
        ("The law", joined(*(tag("div", plain.begun(line)) for line in plain.law(grant)))),
        ("Privacy notice", f"section “{grant.notice}”"),
        ("What exactly", fields),
        ("Until", f"{plain.day(policy.expires.isoformat())}, under {policy.agreement}"),
        ("Kept by the hub", f"for {grant.kept}"),
    )


def says(catalog: Catalog, picture: Picture, one: Agency, now: datetime, *, own: bool = False) -> Markup:
    """Line by line what it says, and how much lately."""
    rows = []
    for name, line in one.says.items():
        seen = [rate for rate in picture.said if (rate.agency, rate.line) == (one.key, name)]
        last = max((rate.last for rate in seen if rate.last is not None), default=None)
        into = [tag("div", words.named(s) if own else parts.link(words.named(s), "streams", s)) for s in line.into]
        rows.append(
            Row(
                (
                    words.named(name),
                    f"{line.format} by {line.by}",
                    joined(*into),
                    words.rate(sum(rate.a_minute for rate in seen)) if seen else "—",
                    parts.time(last, now, "not known"),
                )
            )
        )
    heads = ("Line", "Comes as", "Becomes", Head("A minute", number=True), "Last heard")
    return parts.table("What it says, line by line", heads, rows, "nothing")


def _quarantine(picture: Picture, agency: str, now: datetime, *, own: bool) -> Iterator[Markup]:
    found = [one for one in picture.quarantined if one.agency == agency]
    rows = [
        Row(
            (
                one.code
                if own
                else parts.link(one.code, "quarantine?" + urlencode({"agency": agency, "code": one.code})),
                f"{one.count:,}",
                words.age(one.oldest, now),
            )
        )
        for one in sorted(found, key=lambda one: one.oldest)
    ]
    heads = ("Code", Head("Items", number=True), "Oldest")
    yield parts.table("Of that in quarantine", heads, rows, "nothing", "narrow")
