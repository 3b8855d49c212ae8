"""Disclosures: who was told about one pseudonymous subject, and who was not; for governance, and on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from aiohttp import web

from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.errors import HubError
from hub.explain import LIMITS
from hub.inquiry import Answer, NotAsked, named
from hub.markup import Markup, joined, tag
from hub.ops.web import asked, frame, parts, telling, words
from hub.ops.web.ground import ground
from hub.ops.web.parts import Row
from hub.reasons import NotAnswered
from hub.receipt_pages import counted, why

HERE: Final = "/disclosures"
TITLE: Final = "Who was told"


async def asking(request: web.Request) -> web.StreamResponse:
    """`/disclosures`: the form."""
    return await frame.page(request, TITLE, *form(ground(request).door.csrf(request), {}), here=HERE)


async def search(request: web.Request) -> web.StreamResponse:
    """`POST /disclosures`: what was decided, once it is on record who asks and why."""
    stands, said = ground(request), await asked.answers(request)
    inquiries = stands.inquiries
    if inquiries is None:
        return await frame.told(
            request, 503, "Nothing can be looked for here", "That needs Kafka: see the settings of hub ops.", here=HERE
        )
    try:
        name = named(said.get("subject", ""))
        reason = asked.why(await stands.door.who(request), said.get("because", ""))
        answer = await asked.waited(lambda: inquiries.ask(name, reason))
    except NotAsked as error:
        return await _again(request, said, NotAnswered(str(error), "subject"))
    except NotAnswered as fault:
        return await _again(request, said, fault)
    except HubError as error:
        return await frame.told(request, 503, "It was not looked for", f"{error}.", here=HERE)
    found = page(stands.catalog, answer, stands.clock())
    return await frame.page(request, TITLE, *found, here=HERE)


async def _again(request: web.Request, said: Mapping[str, str], fault: NotAnswered) -> web.StreamResponse:
    inside = form(ground(request).door.csrf(request), said, fault)
    return await frame.page(request, TITLE, *inside, status=422, here=HERE)


def form(csrf: str, said: Mapping[str, str], fault: NotAnswered | None = None) -> Iterator[Markup]:
    """What is asked."""
    if fault is not None:
        yield asked.summary("subject" if fault.option == "subject" else "because", fault.say)
    yield tag(
        "p",
        "Every decision about one child's events: who heard of each, who did not, and why. Receipts hold ids "
        "and rules, and nothing of what was said.",
        class_="lead",
    )
    wrong = fault.say if fault is not None and fault.option == "subject" else ""
    yield parts.form(
        HERE,
        csrf,
        parts.text(
            "subject",
            "Pseudonym of the child, or the id of an event or message",
            "32 characters, 0 to 9 and a to f. Never an NHS number or a name.",
            "subject",
            value=said.get("subject", ""),
            fault=wrong,
            letters=64,
        ),
        asked.because("because", said.get("because", ""), fault if fault and fault.option != "subject" else None),
        button="Look for it",
    )
    yield tag(
        "p",
        "A child is found by pseudonym as long as its events lie on their topics, a week for most; a receipt is "
        "kept for seven years, and found by its event's id.",
        class_="hint",
    )


def page(catalog: Catalog, answer: Answer, now: datetime) -> Iterator[Markup]:
    """What was found."""
    number = words.counted(len(answer.receipts), "decision")
    events = f", {words.counted(answer.events, 'event')} under it" if answer.events else ""
    yield tag(
        "p",
        "Looked for ",
        tag("code", answer.name),
        f"{events}: {number}. That you asked is on record.",
        class_="lead",
        role="status",
    )
    if answer.unread:
        yield tag(
            "p",
            parts.shape("unknown"),
            f" {words.counted(answer.unread, 'page')} of receipts cannot be read by "
            "today's schemas: there may be more.",
            class_="panel unknown",
        )
    if not answer.receipts:
        yield tag("p", "Nothing was decided about it, or its events are gone from their topics.", class_="none")
    else:
        yield _who(catalog, answer)
        yield tag("h2", "Decision by decision, the newest first")
        yield from (_receipt(catalog, one, answer, now) for one in answer.receipts)
    yield tag("p", parts.link("Look for another", "disclosures"))


def _who(catalog: Catalog, answer: Answer) -> Markup:
    """Agency by agency how often it heard."""
    rows = []
    for agency in sorted({one.agency for one in answer.receipts}):
        own = [one for one in answer.receipts if one.agency == agency]
        heard = [one for one in own if one.verdict == "released"]
        streams = "; ".join(dict.fromkeys(words.named(one.stream) for one in heard)) or "nothing"
        rows.append(Row((telling.name_of(catalog, agency), streams, str(len(heard)), str(len(own) - len(heard)))))
    heads = ("Agency", "Heard of", parts.Head("Heard", number=True), parts.Head("Withheld", number=True))
    return parts.table("Who heard", heads, rows, "nobody", "narrow")


def _receipt(catalog: Catalog, one: Receipt, answer: Answer, now: datetime) -> Markup:
    heard, outcome = one.verdict == "released", one.outcome
    state = parts.state("ok", "heard") if heard else parts.state("unknown", "did not hear")
    at = datetime.fromisoformat(one.at)
    review = answer.reviews.get((one.event, one.agency))
    reviewed = (
        ""
        if outcome.relied != "override"
        else (f"found {review.finding} by {review.by}, {review.at[:10]}" if review else "not reviewed yet")
    )
    fields = [Row((tag("code", path), verdict, _field(verdict, rule))) for path, verdict, rule in outcome.fields]
    known = len(one.standing)
    return tag(
        "article",
        tag("h3", telling.name_of(catalog, one.agency), ": ", words.named(one.stream)),
        parts.facts(
            ("Verdict", joined(state, " about nobody: a canary" if one.synthetic else "")),
            ("Because", f"{why(catalog, one)} (rule {one.rule})" if one.rule else ""),
            ("When", parts.time(at, now)),
            (
                "Ground",
                f"gate {outcome.gate}{f', relied on {outcome.relied}' if outcome.relied else ''}; {outcome.basis}",
            ),
            ("Privacy notice", f"section “{outcome.notice}”"),
            ("Policy", joined(tag("code", outcome.policy), f" under {outcome.agreement}")),
            ("Known of the child", f"{words.counted(known, 'statement')}" if known else "nothing"),
            ("Review", reviewed),
            ("Event", tag("code", f"{one.event}/{one.agency}")),
            ("Message", tag("code", one.message) if one.message else ""),
        ),
        parts.more(
            f"Fields: {counted(outcome.fields)}",
            parts.table("Field by field", ("Field", "Verdict", "That is"), fields, "none"),
        ),
        class_="receipt",
    )


def _field(verdict: str, rule: str) -> str:
    if rule == "not-granted":
        return "the policy did not name it"
    if verdict == "coarsened":
        return f"to {rule}"
    return LIMITS.get(rule, "as the whole event" if verdict == "withheld" else "")
