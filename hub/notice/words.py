"""Words: the rules of the hub as a parent would be told them; what the rules do is theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

from hub.policy import Grant
from hub.stream import Fact, Sensitivity, Stream

GATES: Mapping[str, str] = {
    "statute": "The law asks for this or allows it, so nobody's agreement is waited for.",
    "consent": (
        "Only if it was agreed to, and only for as long as nobody takes that back. Until 16 a parent or carer may "
        "agree; from then on the young person."
    ),
    "contact-stage": (
        "Only while a worry is new, at the first point of contact, and only if it was agreed to, or if it is on record "
        "why it must be shared without, who decided so, and when."
    ),
    "significant-harm": (
        "Only if somebody may come to significant harm, with it on record why it is shared without agreement, who "
        "decided so, and when."
    ),
    "opt-out": "The law allows this for learning and careers, and lets the family say no to most of it.",
}
"""Every gate of `hub.gates`."""

WORDS: Mapping[str, str] = {
    "year": "the year only",
    "month": "the year and month only",
    "age_band": "roughly how old only",
    "outward_postcode": "the first half of the postcode only",
    "initial": "the first letter only",
    "initials": "the initials only",
    "present": "only whether there is one",
    "count_band": "roughly how many only",
}
"""Every word of `hub.coarse`."""

SEALS: Mapping[str, str] = {
    "adoption": "Of a child who was adopted nobody hears anything more under the name from before, once the court's "
    "order is made.",
    "legal-hold": "Nobody hears of a child while a court or a legal adviser has stopped all sharing.",
    "restricted": "Nobody hears of a child whose record is marked sensitive, for instance to protect who the child is. "
    "Where a record ought to say whether it is, and does not, nobody hears either.",
    "conflict": "Where the person from whom a child is in danger works for one of these services, that service hears "
    "nothing of the child.",
}
"""Every seal of `hub.seals`; none is a policy's to open."""

RIGHTS: Mapping[str, str] = {
    "restriction": "While the use of what is held about a child is restricted at the family's request, nothing of it "
    "is shared, unless it is on record that somebody may otherwise come to harm.",
    "objection": "A service to which the family objects hears nothing of the child while the objection is looked at, "
    "nor after it was upheld, unless a law obliges the council to tell it, or it is on record that somebody may "
    "otherwise come to harm.",
}
"""What a gate asks before anything else (UK GDPR articles 18 and 21)."""

CATEGORIES: Mapping[Sensitivity, str] = {
    Sensitivity.OPEN: "codes, places and times that say nothing about a person by themselves",
    Sensitivity.PERSONAL: "who somebody is, and everyday facts about them",
    Sensitivity.IDENTIFIER: "numbers by which a person is found in records",
    Sensitivity.CONTACT: "where somebody is, or how to reach them",
    Sensitivity.SPECIAL: "health, care and whatever else only a case file tells (UK GDPR article 9)",
    Sensitivity.CRIMINAL: "offences, or what is alleged (UK GDPR article 10)",
    Sensitivity.NARRATIVE: "free text",
}

ARTICLE_6: Mapping[str, str] = {
    "c": "a legal duty",
    "d": "to protect somebody's life",
    "e": "a public task",
}
ARTICLE_9: Mapping[str, str] = {
    "b": "social protection",
    "c": "to protect somebody's life",
    "g": "substantial public interest",
    "h": "health or social care",
    "i": "public health",
    "j": "research and statistics",
}
SCHEDULE_1: Mapping[int, str] = {
    1: "employment, social security and social protection",
    2: "health or social care purposes",
    3: "public health",
    4: "research",
    6: "statutory and government purposes",
    7: "administration of justice",
    8: "equality of opportunity or treatment",
    10: "preventing or detecting unlawful acts",
    16: "support for individuals with a disability or medical condition",
    17: "counselling",
    18: "safeguarding of children and of individuals at risk",
    33: "legal claims",
}
"""Headings of Schedule 1 of the Data Protection Act 2018, of the paragraphs on which agencies share."""

_LISTED = re.compile(r"[A-Z]{1,2}[0-9]{1,2}[A-Z]?")  # as code lists of national returns are
_CODE = re.compile(r"^[A-Z][A-Z0-9_]+: (\w)")


def plain(sentence: str) -> str:
    """A field's sentence without the code of the return it comes from, and without its full stop."""
    text = _CODE.sub(lambda found: found[1].upper(), sentence.strip())
    return text.removesuffix(".")


def within(text: str) -> str:
    """*text* as it stands within a sentence: its first letter small, but for what is written in capitals."""
    return text if text[1:2].isupper() or text[1:2] == "-" else text[:1].lower() + text[1:]


def begun(text: str) -> str:
    """*text* as it stands at the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def day(iso: str) -> str:
    """A day as people in England write it: `31 August 2027`."""
    found = date.fromisoformat(iso)
    return f"{found.day} {found:%B %Y}"


def lasting(period: str) -> str:
    """How long something is kept: `7 days`, or `forever`, which is until the newer record of the same child comes."""
    return "until a newer one takes its place" if period == "forever" else f"for {period}"


def law(grant: Grant) -> Iterator[str]:
    """The ground of *grant*, each part in words and then as it is cited."""
    basis = grant.basis
    yield f"{ARTICLE_6[basis.article6]} (UK GDPR article 6(1)({basis.article6}))"
    if basis.article9 is not None:
        yield f"{ARTICLE_9[basis.article9]} (UK GDPR article 9(2)({basis.article9}))"
    if basis.schedule1 is not None:
        heading = SCHEDULE_1.get(basis.schedule1)
        cited = f"Data Protection Act 2018 Schedule 1 paragraph {basis.schedule1}"
        yield f"{heading} ({cited})" if heading else cited
    if basis.statute is not None:
        yield basis.statute


def conditions(grant: Grant, facts: Mapping[str, Fact]) -> Iterator[str]:
    """What must hold of an event for it to be shared: a line for each line of `where`."""
    for path in grant.where:
        yield f"{plain(facts[path].sentence)}: {accepted(grant, path)}"


def accepted(grant: Grant, path: str) -> str:
    """The values of one line of `where`, in words."""
    said = [{True: "yes", False: "no"}[one] if isinstance(one, bool) else str(one) for one in grant.where[path]]
    codes = "one of the codes " if len(said) > 1 and all(map(_LISTED.fullmatch, said)) else ""
    return codes + _either(one.replace("_", " ") for one in said)


def limits(grant: Grant, stream: Stream, facts: Mapping[str, Fact]) -> Iterator[str]:
    """What of an event may be held back although it is granted (`hub.limits`)."""
    heard = [facts[path] for path in (*grant.fields, *grant.coarse)]
    if grant.gate == "opt-out":
        yield f"Where the family opted out: {_only(grant.even_if.opted_out, facts)}."
    if stream.match is not None:
        yield f"Where it is not certain which child is meant: {_only(grant.even_if.uncertain, facts)}."
    if any(fact.sensitivity is Sensitivity.CONTACT for fact in heard):
        yield "Addresses are left out while nobody may learn where the child is."
    if any(fact.sensitivity is Sensitivity.NARRATIVE for fact in heard):
        yield "Free text goes only after a named person has read it and released it."


def _only(paths: tuple[str, ...], facts: Mapping[str, Fact]) -> str:
    return "only " + "; ".join(within(plain(facts[path].sentence)) for path in paths) if paths else "nothing"


def _either(words: Iterator[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
