"""The page: the register as a parent can read it; one file, no script, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

from hub.markup import Markup, joined, listed, tag
from hub.notice import words
from hub.notice.register import Field, Flow, Register
from hub.promises import Office

EVENT = "What happened"  # a field that lies in no record tells of the event itself
STATES = {
    "trial": "Being tried out with invented people: nothing is sent yet.",
    "ended": "The agreement has ended: nothing is sent any more.",
}
BRIEFLY = {"trial": "nothing is sent yet", "ended": "ended"}


def page(register: Register) -> str:
    """The whole page, the same for the same register."""
    notice = register.notice
    style = files("hub.notice").joinpath("page.css").read_text(encoding="utf-8")
    title = "Who hears what about you and your child"
    head = (
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="referrer" content="no-referrer">'),
        Markup(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        tag("title", f"{title} · {notice.controller.name}"),
        tag("style", Markup(style)),  # a file of ours; a browser takes the text of a style as it stands
    )
    body = (
        tag("a", "Skip to the page", href="#page", class_="skip"),
        tag("header", tag("p", notice.controller.name), tag("h1", title)),
        tag(
            "main",
            *_opening(register),
            *_recipients(register),
            *_nobody(register),
            *_sections(register),
            *_rights(register),
            id="page",
        ),
        _footer(register),
    )
    return f"<!DOCTYPE html>\n{tag('html', tag('head', *head), tag('body', *body), lang='en-GB')}\n"


def _opening(register: Register) -> Iterator[Markup]:
    notice = register.notice
    published = tag("a", notice.title, href=notice.published)
    yield tag(
        "p",
        f"{notice.controller.name} shares some information about children and families with the services below, by "
        "way of a hub that passes on what was agreed and no more. This page says who hears what, why, and for how "
        "long it is kept: through the hub each of them hears what is listed under its name, and nothing else. What is "
        "shared rests on the ",
        published,
        ".",
        class_="lead",
    )
    rows = [
        tag(
            "tr",
            tag("th", tag("a", flows[0].recipient, href=f"#agency-{agency}"), scope="row"),
            tag("td", listed((flow.subject.title for flow in flows), class_="plain")),
            tag(
                "td",
                listed(
                    dict.fromkeys(BRIEFLY.get(flow.state) or words.day(flow.until) for flow in flows), class_="plain"
                ),
            ),
        )
        for agency, flows in register.of_agency().items()
    ]
    yield tag(
        "table",
        tag("caption", "At a glance"),
        _heading("Who", "hears about", "until at most"),
        tag("tbody", *rows),
        class_="glance",
    )
    links = (("nobody", "What nobody hears"), ("sections", "The privacy notice, section by section"),
             ("rights", "Your rights, and whom to ask"))  # fmt: skip
    yield tag("nav", listed(tag("a", said, href=f"#{place}") for place, said in links), aria_label="On this page")


def _heading(*names: str) -> Markup:
    return tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))


def _recipients(register: Register) -> Iterator[Markup]:
    for agency, flows in register.of_agency().items():
        yield tag(
            "section",
            tag("h2", flows[0].recipient),
            *(part for flow in flows for part in _flow(flow)),
            id=f"agency-{agency}",
        )


def _flow(flow: Flow) -> Iterator[Markup]:
    says = flow.subject.says
    yield tag("h3", flow.subject.title)
    if says:
        yield tag("p", f"{words.begun(says)}.", class_="says")
    if flow.state in STATES:
        yield tag("p", STATES[flow.state], class_="state")
    terms = (
        ("Why", flow.because),
        ("About whom", words.begun("; ".join(flow.people))),
        ("When", joined(*_when(flow))),
        ("The law", listed(map(words.begun, flow.law), class_="plain")),
        ("The notice", tag("a", flow.section, href=f"#{_place(flow.section)}")),
        ("Agreement", f"{flow.agreement}, until {words.day(flow.until)} at most"),
        ("How long kept", f"The hub keeps what it sent them for {flow.kept}, and its own copy "
                          f"{words.lasting(flow.held)}. What they then keep is for their own privacy notice to say."),
    )  # fmt: skip
    yield tag("dl", *(tag("div", tag("dt", name), tag("dd", said)) for name, said in terms if said))
    bodies = []
    for about, fields in _grouped((*flow.heard, *flow.told)).items():
        rows = [tag("tr", tag("th", one.sentence, scope="row"), _exactly(one)) for one in fields]
        bodies.append(
            tag("tbody", tag("tr", tag("th", about or EVENT, scope="rowgroup", colspan="2"), class_="about"), *rows)
        )
    caption = tag("caption", f"What {flow.recipient} hears")
    yield tag("table", caption, _heading("What", "How exactly"), *bodies)
    if flow.not_heard:
        yield tag("h4", "What they do not hear")
        yield _kept_back(flow.not_heard)


def _when(flow: Flow) -> Iterator[Markup]:
    yield tag("p", flow.gate_says)
    if flow.conditions:
        yield tag("p", "And only where this holds:")
        yield listed(flow.conditions)
    yield from (tag("p", one) for one in flow.limits)


def _grouped(fields: Sequence[Field]) -> dict[str, list[Field]]:
    """Fields by what or whom they are about."""
    found: dict[str, list[Field]] = {}
    for field in fields:
        found.setdefault(field.about, []).append(field)
    return found


def _exactly(field: Field) -> Markup:
    coarse = field.exactly != "in full"
    return tag("td", tag("strong", field.exactly) if coarse else field.exactly)


def _kept_back(fields: Sequence[Field]) -> Markup:
    said = (
        joined(tag("b", f"{about or EVENT}: "), "; ".join(one.sentence for one in inside), ".")
        for about, inside in _grouped(fields).items()
    )
    return listed(said, class_="kept-back")


def _nobody(register: Register) -> Iterator[Markup]:
    inside = [
        tag("h2", "What nobody hears"),
        tag("p", "Some things stop the hub from sharing anything, whatever an agreement says:"),
        listed((*words.SEALS.values(), *words.RIGHTS.values())),
    ]
    if register.unheard:
        inside.append(tag("p", "These come in to the hub, and nobody is sent them:"))
        inside.append(
            listed(joined(tag("b", one.title), f": {one.says}." if one.says else "") for one in register.unheard)
        )
    for subject, fields in register.kept_back:
        if fields:
            inside += [tag("h3", f"{subject.title}: what is passed on to nobody"), _kept_back(fields)]
    yield tag("section", *inside, id="nobody")


def _sections(register: Register) -> Iterator[Markup]:
    flows = {f"{flow.agency}/{flow.subject.stream}": flow for flow in register.flows}
    inside = [
        tag("h2", "The privacy notice, section by section"),
        tag("p", "What each section promises, in our words, and what flows through the hub under it today."),
    ]
    for entry in register.sections:
        inside.append(tag("h3", entry.heading, id=_place(entry.heading)))
        inside.append(tag("p", entry.promises))
        inside.append(
            listed(
                joined(
                    tag("a", flows[one].recipient, href=f"#agency-{flows[one].agency}"),
                    f" hears: {words.within(flows[one].subject.title)}",
                    f" ({BRIEFLY[flows[one].state]})" if flows[one].state in BRIEFLY else "",
                )
                for one in entry.flows
            )
        )
        if entry.no_flow:
            inside.append(tag("p", tag("b", "Nothing is shared by the hub under it. "), entry.no_flow, class_="none"))
    yield tag("section", *inside, id="sections")


def _rights(register: Register) -> Iterator[Markup]:
    notice = register.notice
    yield tag(
        "section",
        tag("h2", "Your rights, and whom to ask"),
        listed(notice.rights),
        tag("p", "Ask, object or complain first to ", *_office(notice.controller), "."),
        tag(
            "p", "For questions about how your information is looked after: ", *_office(notice.protection_officer), "."
        ),
        tag("p", "You may complain at any time, and independent advice is given, at the:"),
        tag("address", *_broken(notice.regulator.name, *notice.regulator.address)),
        id="rights",
    )


def _office(office: Office) -> Iterator[str]:
    yield office.name
    if office.email is not None:
        yield from (", ", tag("a", office.email, href=f"mailto:{office.email}"))
    if office.phone is not None:
        yield from (", ", tag("a", office.phone, href=f"tel:{office.phone.replace(' ', '')}"))


def _footer(register: Register) -> Markup:
    notice = register.notice
    return tag(
        "footer",
        tag("p", tag("b", "How it is kept safe. "), notice.security),
        tag("p", tag("b", "Other countries. "), notice.transfers),
        tag("p", f"Derived from the policies that are in force. Version {register.version}: it stays the same as long "
                 "as nothing here changes."),
    )  # fmt: skip


def _broken(*lines: str) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number:
            yield Markup("<br>")
        yield line


def _place(heading: str) -> str:
    """The anchor of a section: its letters and digits, with words joined."""
    return "section-" + "-".join("".join(one if one.isalnum() else " " for one in heading.lower()).split())
