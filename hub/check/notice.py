"""What can be wrong between the privacy notice and the policies: a promise without a flow, a flow without a promise."""

from __future__ import annotations

from collections.abc import Iterator

from hub.catalog import Catalog
from hub.document import Document, Finding, near
from hub.policy import Grant
from hub.promises import Notice

NOTICE = "connectors/notice.yaml"


def rests(stream: str, grant: Grant, document: Document, catalog: Catalog) -> Iterator[Finding]:
    """A grant whose section the notice does not have, or has for something else: what nobody published is not heard."""
    if catalog.notice is None or stream not in catalog.streams:
        return  # which has findings of its own
    at = ("hears", stream, "notice")
    section = catalog.notice.sections.get(grant.notice)
    if section is None:
        what = "the privacy notice has no such section"
        yield document.finding(at, what, near(grant.notice, catalog.notice.sections))
    elif stream not in section.streams:
        what = f"no {stream} flows under this section" + (" by what it says in no_flow" if section.no_flow else "")
        yield document.finding(at, what, f"name the stream there in {NOTICE}, or choose the section it does rest on")


def sections(catalog: Catalog) -> Iterator[Finding]:
    """Each section of the notice: its flow or the reason why there is none, and that what it says of a flow is so."""
    if catalog.notice is None:
        return
    document = catalog.documents[NOTICE]
    for heading, section in catalog.notice.sections.items():
        at = ("sections", heading)
        if not section.streams and section.no_flow is None:
            mend = "name the streams that rest on it, or write no_flow: why nothing flows under it"
            yield document.finding(at, "has neither a flow nor a reason why there is none", mend)
        if section.streams and section.no_flow is not None:
            what = f"says why nothing flows, and that {', '.join(section.streams)} does"
            yield document.finding((*at, "no_flow"), what, "take one of the two out")
        for stream in section.streams:
            yield from _stream(heading, stream, catalog.notice, document, catalog)


def _stream(heading: str, stream: str, notice: Notice, document: Document, catalog: Catalog) -> Iterator[Finding]:
    """One stream of a section: that it is there, that somebody hears it there, and whom it is said to be about."""
    at = ("sections", heading, "streams", stream)
    known = catalog.streams.get(stream)
    if known is None:
        if not catalog.unread(f"schemas/{stream}/"):
            yield document.finding(at, f"no stream {stream!r}", near(stream, catalog.streams))
        return
    facts = {fact.name for fact in known.facts()}
    people = notice.sections[heading].streams[stream]
    for path in people:
        if path not in facts:
            yield document.finding((*at, path), f"{stream} has no field {path!r}", near(path, facts))
    heard = hearing(heading, stream, catalog)
    for agency, grant in heard.items():
        if not notice.sections[heading].about(stream, grant) and facts.issuperset(people):
            what = f"does not say whom it is about that {agency} hears"
            yield document.finding(at, what, "name a field that is granted, or its record, and who that is")
    if not heard and not _doubtful(stream, notice, catalog):
        mend = f"write `notice: {heading}` in the grant that rests on it, or take it out and say why in no_flow"
        yield document.finding(at, "no grant hears it under this section", mend)


def hearing(heading: str, stream: str, catalog: Catalog) -> dict[str, Grant]:
    """The grants of *stream* that rest on the section *heading*, by agency."""
    grants = {agency: policy.hears.get(stream) for agency, policy in catalog.policies.items()}
    return {agency: grant for agency, grant in grants.items() if grant is not None and grant.notice == heading}


def _doubtful(stream: str, notice: Notice, catalog: Catalog) -> bool:
    """Whether a grant of *stream* may rest on any section: its policy, or the section's name, could not be read."""
    if any(finding.place.endswith("/policy.yaml") and not finding.warning for finding in catalog.findings):
        return True
    grants = (policy.hears.get(stream) for policy in catalog.policies.values())
    return any(grant is not None and grant.notice not in notice.sections for grant in grants)
