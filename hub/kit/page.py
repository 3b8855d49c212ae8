"""The page of a kit: how to begin, what arrives and what each field means, for one partner; of others not a word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from hub.agency import Agency, Door
from hub.kit.connection import AUTHORITY, CERTIFICATE, PASSWORD, TOKEN, Places, prefix_of
from hub.kit.fields import ABSENT, Heard
from hub.kit.words import DELIVERED, HEADERS, MISTAKE, READING, ROADS
from hub.markup import Markup, joined, listed, tag
from hub.notice import words
from hub.notice.register import Flow
from hub.policy import Grant
from hub.promises import Notice
from hub.stream import Stream


class Told(NamedTuple):
    """One stream as one agency hears it."""

    flow: Flow
    stream: Stream
    grant: Grant
    door: Door
    topic: str
    fields: Sequence[Heard]
    samples: int


def page(agency: Agency, notice: Notice, told: Sequence[Told], places: Places) -> bytes:
    """The whole page, the same for the same catalog."""
    style = files("hub.notice").joinpath("page.css").read_text(encoding="utf-8")
    title = f"What {agency.name} hears"
    mine = [one for one in told if one.door.by == "kafka"]
    inside = (
        tag("h1", title),
        tag("p", f"{notice.controller.name} shares what stands on this page with {agency.name}, and nothing else. "
                 "All people in the samples are invented.", class_="lead"),
        *(_begin(agency, mine, places) if mine else ()),
        *(part for one in told for part in _stream(one)),
        *(_reading(mine) if mine else _rely(DELIVERED)),
        *_asking(notice, told),
    )  # fmt: skip
    body = tag("main", *inside, id="page")
    version = hashlib.sha256(body.encode()).hexdigest()[:16]
    head = (
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        tag("title", f"{title} · {notice.controller.name}"),
        tag("style", Markup(style)),  # a file of ours; a browser takes the text of a style as it stands
    )
    foot = tag("footer", tag("p", f"Version {version}: it stays the same as long as nothing on this page changes."))
    whole = tag("html", tag("head", *head), tag("body", body, foot), lang="en-GB")
    return f"<!DOCTYPE html>\n{whole}\n".encode()


def _begin(agency: Agency, told: Sequence[Told], places: Places) -> Iterator[Markup]:
    forms, topic, own = {one.door.format for one in told}, told[0].topic, prefix_of(agency)
    steps = [
        f"Put the certificates by which you know our servers, as you were sent them, into `{AUTHORITY}`.",
        f"Put the password into `{PASSWORD}`, in one line: `sasl.password=…`, readable by you alone (`chmod 600`). "
        f"With a certificate in its place, key and certificate go into `{CERTIFICATE}`, and the settings are those of "
        "the files named `mtls`.",
    ]
    if "avro" in forms:
        steps.append(f"Put the registry's token into `{TOKEN}`, in one line: `basic.auth.user.info={agency.key}:…`.")
    steps += [
        f"`pip install -r requirements.txt`, then `python consumer.py kafka-scram.properties {PASSWORD}`, or with "
        "`kafka-mtls.properties` alone: it prints what comes, until Ctrl-C. It is ten lines, and yours to change.",
        f"To look with kcat: `kcat -F kafka-scram.properties -F {PASSWORD} -C -t {topic} -o beginning -e`. By password "
        "any client on librdkafka wants 2.6.1 or newer (`kcat -V`): older ones answer SCRAM in a way that Kafka 4 "
        "refuses as invalid credentials. By certificate (`kafka-mtls.properties` alone) all of them get in.",
    ]
    if "json" in forms:
        look = f"--bootstrap-server {places.servers} --topic {topic} --command-config java-scram.properties"
        steps.append(
            f"To look with Kafka's own tools: `kafka-console-consumer.sh {look}`. It joins the group that the file "
            "names, so write another there first, or stop your own reader."
        )
    yield tag("h2", "To begin")
    yield tag("ol", *(tag("li", prose(step)) for step in steps))
    registry = f" The registry is at `{places.registry}`." if "avro" in forms else ""
    yield tag("p", prose(
        f"Kafka is at `{places.servers}`.{registry} Your name is `{agency.key}`, also as the CN of a certificate. The "
        f"names of your consumer groups begin with `{own}`, such as `{own}reader`: no others are let in."
    ))  # fmt: skip


def prose(text: str) -> Markup:
    """*text* in which what stands between backticks is code."""
    return joined(*(tag("code", part) if number % 2 else part for number, part in enumerate(text.split("`"))))


def _stream(one: Told) -> Iterator[Markup]:
    flow, form, by = one.flow, one.door.format, one.door.by
    yield tag("h2", flow.subject.title, id=flow.subject.stream)
    if flow.subject.says:
        yield tag("p", f"{words.begun(flow.subject.says)}.")
    within = getattr(one.grant, "within", None)
    terms: list[tuple[str, Markup | str]] = [
        ("How", prose(f"As {form.upper() if form != 'avro' else 'Avro'}. {ROADS[by]}")),
        ("Topic", tag("code", one.topic) if by == "kafka" else ""),
        ("Why", flow.because),
        ("When", joined(tag("p", flow.gate_says), listed(flow.conditions), *(tag("p", said) for said in flow.limits))),
        (
            "Deadline",
            f"By when it is to have arrived, counted from when the hub took it in: {within}." if within else "",
        ),
        ("Kept", f"The hub keeps what it published for you for {flow.kept}: what you did not read by then is gone."),
        ("Agreement", f"{flow.agreement}, until {words.day(flow.until)} at most"),
        ("Samples", joined(f"{one.samples} messages in ", tag("code", f"samples/{flow.subject.stream}/"))),
    ]
    if flow.state == "trial":
        terms.insert(0, ("Now", "Being tried out with invented people: nothing is sent yet."))
    yield tag("dl", *(tag("div", tag("dt", name), tag("dd", said)) for name, said in terms if said))
    rows = [_row(field, form) for field in one.fields]
    names = ("Field", "What it says", "Type", "Kind of data", f"May be absent ({ABSENT[form]}) where")
    heading = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))
    yield tag("table", tag("caption", f"Every field of {one.topic if by == 'kafka' else flow.subject.title}"), heading,
              tag("tbody", *rows))  # fmt: skip


def _row(field: Heard, form: str) -> Markup:
    about = f"{field.about}: " if field.about else ""
    says = [f"{about}{words.within(field.sentence) if about else field.sentence}."]
    if field.exactly:
        says.append(tag("strong", f" You hear {field.exactly}."))
    if field.codes:
        says += [" One of: ", tag("code", ", ".join(field.codes)), "."]
    return tag(
        "tr",
        tag("th", tag("code", field.where), scope="row"),
        tag("td", *says),
        tag("td", field.kind),
        tag("td", field.category),
        tag("td", "; or ".join(field.absent) or "never"),
    )


def _reading(told: Sequence[Told]) -> Iterator[Markup]:
    yield tag("h2", "With every message")
    rows = [
        tag("tr", tag("th", tag("code", name), scope="row"), tag("td", prose(said))) for name, said in HEADERS.items()
    ]
    yield tag("table", tag("caption", "Headers"), tag("tbody", *rows))
    if any(one.door.format == "json" for one in told):
        yield tag("p", prose("The JSON object has three members more than the fields: `id`, `type` and `time` say what "
                             "`ce_id`, `ce_type` and `ce_time` do. In `schemas/` is a JSON Schema."))  # fmt: skip
    yield from _rely(READING)


def _rely(said: Mapping[str, str]) -> Iterator[Markup]:
    yield tag("h2", "What to rely on")
    yield listed(joined(tag("b", name), " ", prose(text)) for name, text in said.items())


def _asking(notice: Notice, told: Sequence[Told]) -> Iterator[Markup]:
    yield tag("h2", "Whom to ask")
    stewards = dict.fromkeys(one.stream.steward for one in told)
    officer, controller = notice.protection_officer, notice.controller
    yield listed(
        (
            f"What is said and what it means is answered for by: {', '.join(stewards)}",
            f"Addresses, passwords, certificates, and what does not work: {_office(controller.name, controller.email)}",
            f"Whether you may have it, and what you may do with it: {_office(officer.name, officer.email)}",
            MISTAKE,
        )
    )


def _office(name: str, email: str | None) -> str:
    return f"{name}, {email}" if email else name
