"""Agreement: what the governance officer is asked of one stream that a new agency is to hear; nothing is ticked."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from hub.catalog import Catalog
from hub.cli import asking
from hub.errors import HubError
from hub.new import suggesting
from hub.new.plan import Heard
from hub.stream import Stream

GATES = {
    "statute": "a duty or power to share, which is cited",
    "consent": "only while the family has agreed",
    "contact-stage": "MASH partners, at the point of contact, with consent or a recorded override",
    "significant-harm": "only by a recorded decision with reason, author and time",
    "opt-out": "unless the family opted out",
}


def sentence(stream: Stream) -> str:
    """What a stream is, in the first sentence of its module."""
    text = " ".join((sys.modules[stream.event.__module__].__doc__ or "").split())
    return text.partition(". ")[0].partition(": ")[2] or text.partition(". ")[0]


def granted(catalog: Catalog, heard: Heard) -> Heard:
    """*heard* with what the agreement says of it."""
    stream = catalog.streams[heard.stream]
    click.echo(f"\n{heard.stream}: {sentence(stream)}")
    because = asking.text("Why does it need this, in a sentence that a parent can read", valid=_sentence)
    listed = suggesting.sections(catalog, heard.stream)
    flows = catalog.notice.sections if catalog.notice is not None else {}
    notice = asking.one(
        "On which section of the privacy notice does it rest?",
        {one: f"({heard.stream} flows under it)" if heard.stream in flows[one].streams else "" for one in listed},
    )
    ground = suggesting.ground(catalog, heard.stream)
    click.echo("\nThe ground" + (", by default as others hear the same:" if ground is not None else ":"))
    article6 = asking.one("UK GDPR article 6(1)", {"c": "legal obligation", "d": "vital interests", "e": "public task"},
                          ground.article6 if ground is not None else "e")  # fmt: skip
    nine = (ground.article9 if ground is not None else None) or asking.NONE
    article9 = asking.text("UK GDPR article 9(2), b c g h i or j; - for none", default=nine, valid=_article9)
    schedule1 = asking.text("Data Protection Act 2018, Schedule 1, paragraph; - for none",
                            default=str((ground.schedule1 if ground is not None else None) or asking.NONE),
                            valid=_paragraph)  # fmt: skip
    statute = asking.text("The Act and its section", default=ground.statute if ground is not None else None)
    gate = asking.one("Which promise must hold for each event?", GATES, suggesting.gate(catalog, heard.stream))
    facts = {fact.name: f"{fact.sentence} ({fact.sensitivity or 'open'})"
             for fact in stream.facts() if fact.record is None}  # fmt: skip
    least = suggesting.least(stream, heard.columns.values(), heard.addressed_by)
    fields = asking.some("Which fields does the agreement name? As few as will do.", facts, {"least": least})
    return replace(
        heard, because=because, notice=notice, article6=article6, article9=article9.strip(asking.NONE),
        schedule1=int(schedule1) if schedule1.isdigit() else 0, statute=statute, gate=gate, fields=fields,
    )  # fmt: skip


def _sentence(said: str) -> str:
    if len(said) < 12:
        raise HubError("write a whole sentence")
    return said


def _article9(said: str) -> str:
    if said not in (asking.NONE, *"bcghij"):
        raise HubError("write b, c, g, h, i, j, or - for none")
    return said


def _paragraph(said: str) -> str:
    if said != asking.NONE and not (said.isascii() and said.isdigit() and 1 <= int(said) <= 37):
        raise HubError("write a number from 1 to 37, or - for none")
    return said
