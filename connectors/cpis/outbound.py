"""What CP-IS hears: the upload, one `File` of one authority for each run; which flags are ours is the policy's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from lxml import etree

from connectors.cpis import layout, upload_check
from hub.errors import NotUnderstood
from hub.formats import xml
from hub.formats.hl7_values import LONDON, time_text
from hub.outbound import Letter, Made, Run

_SPACES: Final = {None: xml.HL7V3, "npfitlc": layout.LOCALISATION}

Values = Mapping[str, Any]


class _Plan(NamedTuple):
    """The newest word on one plan, and the letters that spoke of it."""

    values: Values
    letters: tuple[int, ...]

    @property
    def started(self) -> str:
        return _minute(self.values["started"])


def cpis_flag_as_xml(letters: Sequence[Letter], run: Run) -> Made:
    """
    The letters of one run as a CP-IS Local Authority Upload (`File`, REPC_MT000002GB01).

    A record for each person (NHS number), with the newest word on each of their plans. A record holds one plan of each
    kind, so a person who has had two of a kind has two records, and the last one says how things stand now. What was
    withdrawn goes with its delete date, an unborn child on the mother's number.

    Raises `NotUnderstood` where there is no letter, where letters are of several authorities (an upload speaks for
    one), and where `upload_check` finds a fault.
    """
    if not letters:
        raise NotUnderstood("cpis.no-record", "record", "an upload has at least one record")
    codes = {letter.values["authority"]["ods_code"] for letter in letters}
    if len(codes) > 1:
        mend = "an upload speaks for one authority: grant its flags only (where: authority.ods_code)"
        raise NotUnderstood("cpis.authorities", "authority.ods_code", mend)
    newest = sorted(range(len(letters)), key=lambda index: (letters[index].envelope.time, index))
    authority = letters[newest[-1]].values["authority"]
    people: dict[str, list[int]] = {}
    for index in newest:
        people.setdefault(letters[index].values["subject"]["nhs_number"], []).append(index)
    file = etree.Element(f"{{{xml.HL7V3}}}File", nsmap=_SPACES)
    _add(file, "creationTime", value=time_text(run.at))
    _add(file, "id", extension=str(run.number))
    quantity = _add(file, "transmissionQuantity")
    _sender(_add(_add(file, "communicationFunctionSnd"), "organisation"), authority)
    records: dict[int, int] = {}
    total = 0
    for number in dict.fromkeys(letter.values["subject"]["nhs_number"] for letter in letters):
        person = letters[people[number][-1]].values["subject"]
        for plans in _records(people[number], letters):
            total += 1
            _record(_add(_add(file, "record"), "CP-ISRecord"), person, plans, authority)
            records |= {index: total for plan in plans for index in plan.letters}
    quantity.set("value", str(total))
    file.text = "\n"  # a line for each record, so that a fault that is told by its line can be found
    for part in file:
        part.tail = "\n"
    return Made(xml.render(upload_check.sound(file)), records=tuple(records[index] for index in range(len(letters))))


def _records(indices: Sequence[int], letters: Sequence[Letter]) -> list[list[_Plan]]:
    """One person's plans by record, at most one of a kind in each: older ones first, the newest of every kind last."""
    plans: dict[str, dict[str, _Plan]] = {kind: {} for kind in layout.PLANS}
    for index in indices:  # oldest word first
        values = letters[index].values
        kind, started = plans[values["plan"]], _minute(values["started"])
        kind[started] = _Plan(values, (*(kind[started].letters if started in kind else ()), index))
    by_kind = [sorted(kind.values(), key=lambda plan: plan.started) for kind in plans.values()]
    count = max(len(kind) for kind in by_kind)
    return [[kind[place - count] for kind in by_kind if place - count >= -len(kind)] for place in range(count)]


def _record(record: xml.Element, person: Values, plans: Sequence[_Plan], authority: Values) -> None:
    for plan in plans:
        template = layout.PLANS[plan.values["plan"]]
        about = _add(record, "pertinentInformation")
        _content(about, template.act)
        _dates(_add(about, template.act), template.prefix, plan.values)
    unborn = {layout.PLANS[plan.values["plan"]].end_needed for plan in plans}
    if False in unborn:
        about = _add(record, "subject")
        _content(about, layout.CHILD)
        child = _add(about, layout.CHILD)
        _identifiers(child, person, authority)
        _person(_add(child, "childPerson"), person)
    if True in unborn:
        about = _add(record, "subject")
        _content(about, layout.UNBORN)
        mother = _add(_add(about, layout.UNBORN), "parentMotherPerson")
        _person(mother, person)
        _identifiers(_add(mother, "playedMother"), person, authority)


def _dates(act: xml.Element, prefix: str, plan: Values) -> None:
    """Start, end and delete date, each in a part of its own; what is not known is left out, never empty."""
    start = _minute(plan["started"])
    _add(_add(_add(act, "component"), f"{prefix}StartDate"), "value", value=start)
    if plan.get("ended") is not None:
        # In the hour that occurs twice a plan can seem to end before it started.
        end = max(start, _minute(plan["ended"]))
        _add(_add(_add(act, "component1"), f"{prefix}EndDate"), "value", value=end)
    if plan.get("deleted") is not None:
        deleted = _minute(plan["deleted"])
        _add(_add(_add(act, "component2"), f"{prefix}DeleteDate"), "value", value=deleted)


def _minute(moment: datetime) -> str:
    """
    A moment as the twelve digits of TS.NHS.DateType1, by the clock on the wall in the United Kingdom.

    The digits carry no offset and are read here, as the case system wrote them: a plan of 1 July begins on 1 July,
    and in UTC it would have begun the evening before. Seconds are cut off: rounded, a plan that lasts to the end of a
    day would last into the next.
    """
    wall = moment.astimezone(LONDON)
    return f"{wall.year:04}{wall.month:02}{wall.day:02}{wall.hour:02}{wall.minute:02}"


def _sender(organisation: xml.Element, authority: Values) -> None:
    _add(organisation, "id", root=layout.ODS_ORGANISATION, extension=authority["ods_code"])
    _add(organisation, "name", authority["name"])
    for use, phone in (("WP", "office_phone"), ("EC", "emergency_phone")):
        _add(organisation, "telecom", value=f"tel:{authority[phone]}", use=use)


def _person(holder: xml.Element, person: Values) -> None:
    born = person["born"]
    _add(holder, "birthTime", value=f"{born.year:04}{born.month:02}{born.day:02}")
    name = _add(holder, "name")
    _add(name, "given", person["forename"])
    _add(name, "family", person["surname"])


def _identifiers(holder: xml.Element, person: Values, authority: Values) -> None:
    _add(holder, "id", root=layout.NHS_NUMBER, extension=person["nhs_number"])
    if person.get("local_id") is not None:
        whose = f"{authority['ods_code']}:{authority['name']}"
        _add(holder, "id", root=layout.LOCAL_ID, extension=person["local_id"], assigningAuthorityName=whose)


def _content(holder: xml.Element, template: str) -> None:
    content = etree.SubElement(holder, f"{{{layout.LOCALISATION}}}contentId")
    content.set("root", layout.CONTENT)
    content.set("extension", template.replace(".", "#"))


def _add(above: xml.Element, name: str, text: str | None = None, **attributes: str) -> xml.Element:
    """An element below *above*; raises `NotUnderstood` where XML cannot hold what it is given."""
    element = etree.SubElement(above, f"{{{xml.HL7V3}}}{name}")
    try:
        element.text = text
        for attribute, value in attributes.items():
            element.set(attribute, value)
    except ValueError:
        raise NotUnderstood("cpis.character", name, "take out the characters that XML cannot hold") from None
    return element
