"""Checks across the catalog: every fault at once, each with file, line and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from hub import sync
from hub.catalog import Catalog
from hub.check import agencies, approvals, deadlines, grants, notice, streams
from hub.document import Finding
from hub.errors import CatalogError
from hub.policy import Policy

WARN_BEFORE = timedelta(days=60)


def check(catalog: Catalog, today: date) -> list[Finding]:
    """Everything that is wrong, or will be soon, in the order of the files."""
    findings = faults(catalog)
    if not any(not finding.warning for finding in findings):
        findings += sync.stale(catalog)  # what is derived from a broken catalog says nothing
    findings += notice.sections(catalog)
    findings += deadlines.calendar(catalog, today)
    for agency in catalog.agencies.values():
        findings += agencies.examples(agency, catalog)
        findings += agencies.unwritten(agency)
    for key, policy in catalog.policies.items():
        findings += _end(key, policy, catalog, today)
    return _in_order(findings)


def faults(catalog: Catalog) -> list[Finding]:
    """What the hub would trip over, whatever the day."""
    findings = [*catalog.findings, *streams.keeping(catalog)]
    for stream in catalog.streams.values():
        findings += streams.stream(stream, catalog)
    for watch in catalog.watches.values():
        findings += streams.watch(watch, catalog)
    for agency in catalog.agencies.values():
        findings += agencies.agency(agency, catalog)
        findings += agencies.functions(agency, catalog)
    findings += deadlines.grants(catalog)
    for place, document in catalog.documents.items():
        if place.endswith("/policy.yaml"):
            findings += grants.policy(place.split("/")[1], document, catalog)
        findings += approvals.approvals(place, document, catalog)
        findings += document.unwritten()
    return _in_order(findings)


def sound(catalog: Catalog) -> Catalog:
    """*catalog* itself; raises CatalogError with all that the hub would trip over, where there is anything."""
    if found := [finding for finding in faults(catalog) if not finding.warning]:
        raise CatalogError(found)
    return catalog


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(set(findings), key=lambda finding: (finding.place, finding.line, finding.what))


def _end(key: str, policy: Policy, catalog: Catalog, today: date) -> Iterator[Finding]:
    document = catalog.documents[f"connectors/{key}/policy.yaml"]
    if policy.expires < today:
        yield document.finding(
            ("expires",),
            f"the agreement ended on {policy.expires}: nothing is released",
            "renew the agreement, or take its lines out",
        )
    elif policy.expires - today < WARN_BEFORE:
        yield document.finding(
            ("expires",),
            f"the agreement ends in {(policy.expires - today).days} days",
            "begin to renew it",
            warning=True,
        )
