"""What can be wrong with times: days that the calendar does not tell of, files that come too late, or never."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from hub.agency import Door
from hub.catalog import Catalog
from hub.deadline import Kind, parse
from hub.document import Document, Finding
from hub.policy import Grant
from hub.topology import milliseconds

CALENDAR = "connectors/calendar.yaml"
WARN_BEFORE = timedelta(days=60)
ENTRY: dict[Kind, str] = {"working": "bank_holidays", "school": "school_terms"}
PERIODS = {"month": timedelta(days=31), "quarter": timedelta(days=92)}


def grants(catalog: Catalog) -> Iterator[Finding]:
    """
    Each grant's times, whatever the day.

    That the days its deadline asks for are told, that its file can come in time, and before what it holds is erased.
    """
    for key, policy in catalog.policies.items():
        document = catalog.documents[f"connectors/{key}/policy.yaml"]
        for stream, grant in policy.hears.items():
            if grant.within is not None:
                yield from _grant(key, stream, grant, grant.within, document, catalog)
            kept = timedelta(milliseconds=milliseconds(grant.kept))
            for door in _doors(catalog, key, stream):
                if door.every is not None and _period(door.every) >= kept:
                    what = f"the file of {door.format} by {door.by} goes every {door.every}, and is erased before that"
                    mend = "keep it longer, or have it go more often in agency.yaml"
                    yield document.finding(("hears", stream, "kept"), what, mend)


def _doors(catalog: Catalog, agency: str, stream: str) -> tuple[Door, ...]:
    found = catalog.agencies.get(agency)
    hearing = found.hears.get(stream) if found is not None else None
    return () if hearing is None else tuple(hearing.doors)


def _grant(key: str, stream: str, grant: Grant, within: str, document: Document, catalog: Catalog) -> Iterator[Finding]:
    at, asks = ("hears", stream, "within"), parse(within).asks
    told = asks is None or (catalog.calendar is not None and catalog.calendar.last(asks) is not None)
    if asks is not None and not told and not catalog.unread(CALENDAR):
        what = f"{CALENDAR} tells of no {asks} days, so that nobody knows when this is due"
        yield document.finding(at, what, f"write {ENTRY[asks]} there")
    least = _least(within)
    if timedelta(milliseconds=milliseconds(grant.kept)) < least:
        what = f"is longer than the hub keeps what it published ({grant.kept})"
        yield document.finding(at, what, "keep it longer, or have it arrive sooner")
    enough = least or timedelta(days=1)
    for door in _doors(catalog, key, stream):
        if door.every is not None and _period(door.every) > enough:
            what = f"the file of {door.format} by {door.by} goes every {door.every}, which is too late"
            yield document.finding(at, what, "have it go more often in agency.yaml, or give it more time")


def _least(within: str) -> timedelta:
    """The shortest time that a deadline leaves, but for what is due on a next day, which may be soon."""
    said = parse(within)
    return said.span or timedelta(days=said.working_days)


def _period(every: str) -> timedelta:
    if every in PERIODS:
        return PERIODS[every]
    number, unit = every.split()
    return timedelta(**{unit: int(number)})


def calendar(catalog: Catalog, today: date) -> Iterator[Finding]:
    """That the calendar tells of the days to come, as far as a deadline asks for them."""
    known = catalog.calendar
    if known is None:
        return
    asked = {
        parse(grant.within).asks
        for policy in catalog.policies.values()
        for grant in policy.hears.values()
        if grant.within is not None
    }
    document = catalog.documents[CALENDAR]
    for kind, entry in ENTRY.items():
        span = known.bank_holidays if kind == "working" else known.school_terms
        if kind not in asked or span is None:
            continue
        if not span.first <= today <= span.last:
            what = f"tells of {span.first} to {span.last}, and not of {today}: no deadline in {kind} days is known"
            yield document.finding((entry, "last"), what, f"write on from {span.source}")
        elif span.last - today < WARN_BEFORE:
            what = f"ends in {(span.last - today).days} days: no deadline in {kind} days is known after that"
            yield document.finding((entry, "last"), what, f"write on from {span.source}", warning=True)
