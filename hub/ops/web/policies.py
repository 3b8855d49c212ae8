"""The policy matrix: which agency hears which field of each stream, and how exactly; each cell has an address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiohttp import web

from hub.catalog import Catalog
from hub.markup import Markup, tag
from hub.notice import words as plain
from hub.ops.web import frame, parts, telling, words
from hub.ops.web.ground import ground
from hub.stream import Fact, Stream

NOBODY = "nobody"


async def policies(request: web.Request) -> web.StreamResponse:
    """`/policies`: every stream that anybody hears."""
    catalog = ground(request).catalog
    return await frame.page(
        request,
        "Who hears which field",
        tag(
            "p",
            "Of every stream each field, and how exactly each agency hears it by its policy. What is not named in "
            "a policy is not heard. Every cell can be linked to: its address is in its words.",
            class_="lead",
        ),
        _ways(catalog),
        *(part for stream in heard(catalog) for part in matrix(catalog, stream)),
        here="/policies",
    )


async def of_stream(request: web.Request) -> web.StreamResponse:
    """`/policies/streams/STREAM`: one stream."""
    catalog, name = ground(request).catalog, request.match_info["stream"]
    if name not in catalog.streams:
        return await frame.told(
            request, 404, "There is no such stream", "See the whole matrix for those there are.", here="/policies"
        )
    title = f"Who hears which field of {words.named(name)}"
    return await frame.page(request, title, _back(), *matrix(catalog, catalog.streams[name]), here="/policies")


async def of_agency(request: web.Request) -> web.StreamResponse:
    """`/policies/agencies/AGENCY`: what one agency hears."""
    catalog, key = ground(request).catalog, request.match_info["agency"]
    if key not in catalog.agencies:
        return await frame.told(
            request, 404, "There is no such agency", "See the whole matrix for those there are.", here="/policies"
        )
    own = [stream for stream in heard(catalog) if key in hearers(catalog, stream)]
    inside = [part for stream in own for part in matrix(catalog, stream, (key,))]
    none = [] if own else [tag("p", "It hears nothing.", class_="none")]
    title = f"Which fields {telling.short(catalog, key)} hears"
    return await frame.page(request, title, _back(), *inside, *none, here="/policies")


def heard(catalog: Catalog) -> list[Stream]:
    """The streams that a policy names, by name."""
    return [one for _, one in sorted(catalog.streams.items()) if hearers(catalog, one)]


def hearers(catalog: Catalog, stream: Stream) -> tuple[str, ...]:
    """The agencies that hear it, by name."""
    return tuple(sorted(key for key, policy in catalog.policies.items() if stream.name in policy.hears))


def _back() -> Markup:
    return tag("p", parts.link("All streams and agencies", "policies"))


def _ways(catalog: Catalog) -> Markup:
    agencies = sorted(key for key, policy in catalog.policies.items() if policy.hears)
    return tag(
        "nav",
        tag("h2", "Streams"),
        tag("ul", *(tag("li", tag("a", words.named(one.name), href=f"#{one.name}")) for one in heard(catalog))),
        tag("h2", "Agencies"),
        tag(
            "ul", *(tag("li", parts.link(telling.short(catalog, key), "policies", "agencies", key)) for key in agencies)
        ),
        aria_label="Streams and agencies",
        class_="ways",
    )


def matrix(catalog: Catalog, stream: Stream, agencies: Sequence[str] = ()) -> Iterator[Markup]:
    """The matrix of one stream, for *agencies*, or all that hear it."""
    hears = agencies or hearers(catalog, stream)
    fields = [fact for fact in stream.facts() if fact.record is None]
    if agencies:
        fields = [fact for fact in fields if any(exactly(catalog, key, stream, fact) for key in agencies)]
    caption = tag("caption", f"{words.titled(stream.name)}: {words.counted(len(fields), 'field')}")
    head = tag(
        "tr",
        tag("th", "Field", scope="col", role="columnheader"),
        tag("th", "What it can tell", scope="col", role="columnheader", class_="sort"),
        *(
            tag(
                "th",
                parts.link(telling.short(catalog, key), "policies", "agencies", key),
                scope="col",
                role="columnheader",
            )
            for key in hears
        ),
        role="row",
    )
    rows = [_row(catalog, stream, fact, hears) for fact in fields]
    wide = tag(
        "table",
        caption,
        tag("thead", head, role="rowgroup"),
        tag("tbody", *rows, role="rowgroup"),
        role="table",
        class_="matrix folds",
    )
    grants = [_terms(catalog, stream, key) for key in hears]
    yield tag(
        "section",
        tag("h2", words.titled(stream.name), id=f"{stream.name}-heading"),
        *grants,
        wide if hears else tag("p", "Nobody hears it.", class_="none"),
        id=stream.name,
        aria_labelledby=f"{stream.name}-heading",
    )


def _terms(catalog: Catalog, stream: Stream, key: str) -> Markup:
    """On what terms an agency hears it at all, in a line."""
    policy = catalog.policies[key]
    grant = policy.hears[stream.name]
    link = parts.link(telling.short(catalog, key), "agencies", key + "#" + stream.name)
    return tag(
        "p",
        link,
        f": by {grant.gate}, until {plain.day(policy.expires.isoformat())}. {grant.because}",
        id=f"{stream.name}.{key}",
        class_="terms",
    )


def exactly(catalog: Catalog, key: str, stream: Stream, fact: Fact) -> str:
    """How exactly an agency hears a field: `in full`, a coarsening in words, or nothing."""
    grant = catalog.policies[key].hears[stream.name]
    if fact.name in grant.coarse:
        return plain.WORDS[grant.coarse[fact.name]]
    return "in full" if fact.name in grant.fields else ""


def _row(catalog: Catalog, stream: Stream, fact: Fact, hears: Sequence[str]) -> Markup:
    cells = []
    for key in hears:
        said, place = exactly(catalog, key, stream, fact), f"{stream.name}.{key}.{fact.name}"
        here = tag("a", said or "not heard", href=f"#{place}")
        look = "full" if said == "in full" else "coarse" if said else "no"
        cells.append(tag("td", here, id=place, role="cell", class_=look, data_label=telling.short(catalog, key)))
    named = tag(
        "th",
        tag("code", fact.name),
        tag("span", plain.plain(fact.sentence), class_="quiet"),
        scope="row",
        role="rowheader",
        id=f"{stream.name}..{fact.name}",
    )
    kind = fact.sensitivity.value if fact.sensitivity is not None else ""
    sort = tag("td", kind, role="cell", class_="sort", data_label="What it can tell")
    return tag("tr", named, sort, *cells, role="row")
