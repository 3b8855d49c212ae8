"""
What is wrong with a CP-IS upload, each fault with the field named: what the layout says, and what no schema can.

The official schemas let a wrong number of records and impossible NHS numbers pass. A file that is refused whole leaves
every child in it unseen for a day, so none leaves that has a fault. No value of the file stands in a fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from connectors.cpis.layout import BIRTH, CHILD, CREATED, FILE, NHS_NUMBER, PLAN_DATE, PLANS, UNBORN, Figure, Part
from hub.errors import NotUnderstood
from hub.formats.xml import HL7V3, Element
from schemas.fields import nhs_number_check_digit_holds

_ACTS = {f"{{{HL7V3}}}{template.act}": template for template in PLANS.values()}
_SUBJECTS = {f"{{{HL7V3}}}{name}": name for name in (CHILD, UNBORN)}
_DAYS = frozenset({PLAN_DATE, BIRTH, CREATED})


class Fault(NamedTuple):
    """What is wrong (a closed word), at which field, and how to mend it."""

    code: str
    place: str
    mend: str


def sound(file: Element) -> Element:
    """*file* itself; raises `NotUnderstood` with the first fault, where it has one."""
    for fault in faults(file):
        raise NotUnderstood(*fault)
    return file


def faults(file: Element) -> Iterator[Fault]:
    """Everything that is wrong with a `File`, in its order: first by the layout, then what holds between elements."""
    if file.tag != FILE.tag:
        yield Fault("cpis.root", _local(file), "the root of an upload is File of urn:hl7-org:v3")
        return
    yield from _laid_out(file, FILE, ())
    yield from _whole(file)
    said: set[tuple[str, ...]] = set()
    for number, record in enumerate(file.iterfind(f"{{{HL7V3}}}record"), 1):
        yield from _record(record, f"record[{number}]", said)


def _laid_out(element: Element, part: Part, above: tuple[str, ...]) -> Iterator[Fault]:
    """One element against its part of the layout, and all below it."""
    yield from _attributes(element, part, above)
    if part.text is None and (element.text or "").strip():
        yield Fault("cpis.text", _place(above), "take the text out")
    elif part.text is not None and (mend := _wrong(element.text or "", part.text)):
        yield Fault(part.text.code, _place(above), mend)
    known = {one.tag: index for index, one in enumerate(part.parts)}
    counts: Counter[str] = Counter()
    latest = 0
    for child in element:
        index = known.get(child.tag)
        here = (*above, _local(child))
        if index is None:
            yield Fault("cpis.unexpected", _place(here), "take it out: the layout has no such element there")
            continue
        one = part.parts[index]
        counts[child.tag] += 1
        if one.most > 1:
            here = (*above, f"{one.name}[{counts[child.tag]}]")
        if index < latest:
            yield Fault("cpis.order", _place(here), "write the elements in the order of the layout")
        if counts[child.tag] > one.most:
            yield Fault("cpis.too-many", _place(here), f"at most {one.most} may stand there")
        latest = max(latest, index)
        yield from _laid_out(child, one, here)
    for one in part.parts:
        if counts[one.tag] < one.least:
            here = (*above, one.name if one.most == 1 else f"{one.name}[{counts[one.tag] + 1}]")
            yield Fault("cpis.missing", _place(here), "write it: the layout asks for it")


def _attributes(element: Element, part: Part, above: tuple[str, ...]) -> Iterator[Fault]:
    said = dict(element.attrib)
    for name in part.attributes:
        if name not in said:
            yield Fault("cpis.missing", f"{_place(above)}@{name}", "write it: the layout asks for it")
    for name, value in said.items():
        figure = part.attributes.get(name) or part.may.get(name)
        if figure is not None and (mend := _wrong(value, figure)):
            yield Fault(figure.code, f"{_place(above)}@{name}", mend)
        elif figure is None:
            yield Fault("cpis.prohibited", f"{_place(above)}@{name.rpartition('}')[2]}", "take it out")


def _wrong(value: str, figure: Figure) -> str:
    """How to mend a value that is not what it should be; empty where it is."""
    if not figure.form.fullmatch(value):
        return figure.mend
    return "" if figure not in _DAYS or _day(value[:8]) else "write a day that the calendar has"


def _whole(file: Element) -> Iterator[Fault]:
    """That as many records stand there as are said to, and that both telephones do."""
    said = file.find(f"{{{HL7V3}}}transmissionQuantity")
    if said is not None and said.get("value") != str(len(file.findall(f"{{{HL7V3}}}record"))):
        yield Fault("cpis.quantity", "transmissionQuantity@value", "write how many records there are")
    path = f"{{{HL7V3}}}communicationFunctionSnd/{{{HL7V3}}}organisation/{{{HL7V3}}}telecom"
    uses = [one.get("use") for one in file.iterfind(path)]
    if len(uses) == 2 and len(set(uses)) == 1:
        yield Fault("cpis.phone-use", "organisation/telecom[2]@use", "write one WP and one EC")


def _record(record: Element, place: str, said: set[tuple[str, ...]]) -> Iterator[Fault]:
    """That a record has one plan of a kind, the subjects that its plans are of, and one person's identifiers."""
    acts = [one for one in record.iter() if one.tag in _ACTS]
    subjects = [one for one in record.iter() if one.tag in _SUBJECTS]
    numbers: set[str] = set()
    for subject in subjects:
        numbers |= {
            str(one.get("extension")) for one in subject.iter(f"{{{HL7V3}}}id") if one.get("root") == NHS_NUMBER
        }
        yield from _identifiers(subject, f"{place}/{_SUBJECTS[subject.tag]}")
    if len(numbers) > 1:
        yield Fault("cpis.two-people", f"{place}/subject[2]", "a record is of one person, by one NHS number")
    for tag, count in Counter(one.tag for one in (*acts, *subjects)).items():
        if count > 1:
            name = tag.rpartition("}")[2]
            yield Fault("cpis.twice", f"{place}/{name}", "a record has one of each kind: write another record")
    for content in record.iter("{NPFIT:HL7:Localisation}contentId"):
        beside = content.getnext()
        name = "" if beside is None else _local(beside)
        if content.get("extension") != name.replace(".", "#"):
            yield Fault("cpis.content-id", f"{place}/contentId@extension", "name the template that stands beside it")
    yield from _fitting(record, place)
    for act in acts:
        yield from _dates(act, place, said, numbers)


def _identifiers(subject: Element, place: str) -> Iterator[Fault]:
    """One NHS number that can be one, and at most one local number, which says whose it is."""
    ids = list(subject.iter(f"{{{HL7V3}}}id"))
    national = [one for one in ids if one.get("root") == NHS_NUMBER]
    if len(national) != 1:
        yield Fault("cpis.nhs-number", f"{place}/id", "write one NHS number")
    for one in national:
        if not nhs_number_check_digit_holds(one.get("extension") or ""):
            yield Fault("cpis.nhs-number", f"{place}/id@extension", "write ten digits whose check digit holds")
    for one in ids:
        if one not in national and one.get("assigningAuthorityName") is None:
            yield Fault("cpis.missing", f"{place}/id@assigningAuthorityName", "say whose number it is")
    if len(ids) - len(national) > 1:
        yield Fault("cpis.twice", f"{place}/id[2]", "write one local number")


def _fitting(record: Element, place: str) -> Iterator[Fault]:
    """An unborn child's plan is of an unborn child, every other of a child."""
    for template in PLANS.values():
        subject = UNBORN if template.end_needed else CHILD
        if _has(record, template.act) and not _has(record, subject):
            yield Fault("cpis.subject", f"{place}/{subject}", f"write whom {template.act} is about")
    for subject, unborn in ((UNBORN, True), (CHILD, False)):
        wanted = [template.act for template in PLANS.values() if template.end_needed is unborn]
        if _has(record, subject) and not any(_has(record, act) for act in wanted):
            yield Fault("cpis.subject", f"{place}/{subject}", "write the plan that this subject is on, or leave it out")


def _dates(act: Element, place: str, said: set[tuple[str, ...]], numbers: set[str]) -> Iterator[Fault]:
    """That no plan ends before it starts, and none is told twice."""
    template = _ACTS[act.tag]
    start, end = (_value(act, f"{template.prefix}{what}Date") for what in ("Start", "End"))
    if start and end and end < start:
        yield Fault("cpis.end-before-start", f"{place}/{template.prefix}EndDate", "write an end after the start")
    plan = (template.act, start, *sorted(numbers))
    if plan in said:
        yield Fault("cpis.twice", f"{place}/{template.act}", "write the newest word on a plan only")
    said.add(plan)


def _value(act: Element, name: str) -> str:
    found = next(act.iter(f"{{{HL7V3}}}{name}"), None)
    value = None if found is None else found.find(f"{{{HL7V3}}}value")
    return "" if value is None else str(value.get("value") or "")


def _has(record: Element, name: str) -> bool:
    return next(record.iter(f"{{{HL7V3}}}{name}"), None) is not None


def _day(digits: str) -> bool:
    """Whether the calendar has the day of eight digits; hours and minutes are told by their form alone."""
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _place(path: tuple[str, ...]) -> str:
    """A path as a person finds it: the record, and the last names of the way to the field."""
    inside = path[-2:] if len(path) > 3 else path
    if path and path[0].startswith("record[") and inside[0] != path[0]:
        inside = (path[0], *inside)
    return "/".join(inside)
