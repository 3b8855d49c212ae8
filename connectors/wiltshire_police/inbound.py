"""What Wiltshire Police says: a public protection notice becomes one contact for each child whom it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from connectors.wiltshire_police.notice import Notice, Subject
from hub.errors import NotForUs, NotUnderstood
from hub.gates import Consent, Override
from hub.inbound import Query
from hub.stream import Event
from schemas.fields import Address
from schemas.mash_referral import (
    RETIRED_FACTORS,
    Child,
    ContactOutcome,
    ContactReceived,
    HouseholdMember,
    Rag,
    Referrer,
)
from schemas.mash_referral.told import Place

RAG: Mapping[str, Rag] = {"High": "red", "Medium": "amber", "Low": "green"}
NOT_KNOWN = "not known"  # a stranger has no name and no relationship, and is the more worth telling of
_UNDER_SCHOOL_AGE = 4


def public_protection_notices(message: dict[str, Any]) -> Iterator[Event | Query]:
    """
    Officers met a child, or adults whose child may be at risk.

    Raises `pydantic.ValidationError` for what is not in the format, `NotUnderstood` for a notice without a grade,
    and `NotForUs` for one that is about no child.
    """
    notice = Notice.model_validate(message)
    if notice.grade is None:
        raise NotUnderstood("grade.missing", "grade", "grade the notice High, Medium or Low and send it again")
    children = [subject for subject in notice.subjects if _is_child(subject, notice)]
    if not children:
        raise NotForUs("no-child")
    for child in children:
        yield _contact(notice, notice.grade, child)
    yield from _queries(notice)


def _is_child(subject: Subject, notice: Notice) -> bool:
    """Under 18 on the day of the incident (Children Act 1989 s.105), or unborn; by role where no date is known."""
    if subject.born is None:
        return subject.expected is not None or subject.role == "child"
    return _age(subject.born, notice) < 18 or subject.role == "child"


def _age(born: date, notice: Notice) -> int:
    """In whole years on the day of the incident."""
    day = _day_of(notice.incident.at)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _day_of(moment: datetime) -> date:
    """The day in England, an hour ahead of UTC at most."""
    return (moment + timedelta(hours=1)).date()


def _contact(notice: Notice, grade: str, child: Subject) -> ContactReceived:
    consent, override = notice.consent, notice.override
    return ContactReceived(
        contact_id=f"{notice.reference}/{child.number}",
        received_at=notice.sent_at,
        stage="contact",
        source_code="6",
        child=Child(
            surname=NOT_KNOWN if _nobody(child) else child.surname,
            forenames=child.forenames,
            known_as=child.known_as,
            born=child.born,
            expected=child.expected,
            sex=child.sex,
            ethnicity=child.ethnicity,
            address=_address(child.address),
            school_urn=child.school_urn,
            gp_ods=child.gp_ods,
        ),
        household=tuple(_around(notice, child)),
        factors=notice.factors,
        rag=RAG[notice.regrade.grade if notice.regrade is not None else grade],
        immediate_protection=notice.immediate_protection,
        concern=_concern(notice, grade, child),
        voice_of_child=child.voice_of_child,
        referrer=Referrer(
            name=notice.reporting_officer.name,
            role=notice.reporting_officer.role,
            organisation="Wiltshire Police",
            anonymous=False,
        ),
        parents_know=notice.parents_know,
        police_reference=notice.occurrence_number,
        outcome=ContactOutcome(),
        consent=Consent(**consent.model_dump()) if consent is not None else Consent(status="not_sought"),
        override=Override(**override.model_dump()) if override is not None else None,
    )


def _nobody(child: Subject) -> bool:
    """A child whom the officers could not name or date, for whom a grade of High holds all the same."""
    return child.surname is None and child.born is None and child.expected is None


def _around(notice: Notice, child: Subject) -> Iterator[HouseholdMember]:
    """The adults of the notice, and such other children as are suspects or are said to be something to this one."""
    for subject in notice.subjects:
        tie = next((one for one in subject.relationships if one.child == child.number), None)
        if subject is child or (tie is None and _is_child(subject, notice) and subject.role != "suspect"):
            continue
        yield HouseholdMember(
            surname=subject.surname or NOT_KNOWN,
            forenames=subject.forenames or subject.known_as or NOT_KNOWN,
            born=subject.born,
            relationship=tie.relationship if tie is not None else NOT_KNOWN,
            parental_responsibility=tie.parental_responsibility if tie is not None else None,
            alleged_perpetrator=True if subject.role == "suspect" else None,
        )


def _concern(notice: Notice, grade: str, child: Subject) -> str:
    """What the stream has no field of its own for, in a fixed order, above what the officer wrote."""
    place = f" at {notice.incident.location}" if notice.incident.location else ""
    lines = [
        f"Notice: {notice.type.replace('_', ' ')}. Incident on {notice.incident.at:%Y-%m-%d %H:%M} UTC{place}.",
        f"Child present: {_said(child.present)}. Seen: {_said(child.seen)}. Spoken to: {_said(child.spoken_to)}.",
    ]
    if notice.regrade is not None:
        lines.append(f"Regraded from {grade} to {notice.regrade.grade}: {notice.regrade.rationale}")
    return "\n".join((*lines, notice.circumstances))


def _said(answer: bool | None) -> str:
    return "not recorded" if answer is None else "yes" if answer else "no"


def _address(place: Place | None) -> Address | None:
    return Address(**place.model_dump()) if place is not None else None


def _queries(notice: Notice) -> Iterator[Query]:
    """What stands, and wants a person's look all the same; places are the sender's own words."""
    if RETIRED_FACTORS.intersection(notice.factors):
        yield Query("factor.retired", "factors")
    if notice.override is not None and None in notice.override.model_dump().values():
        yield Query("override.incomplete", "override")
    for index, subject in enumerate(notice.subjects):
        place = f"subjects.{index}"
        if not _is_child(subject, notice):
            if subject.born is None:
                yield Query("age.unknown", f"{place}.born")
            continue
        if subject.born is not None and _age(subject.born, notice) >= 18:
            yield Query("child.adult-by-date", f"{place}.born")
        if _nobody(subject):
            yield Query("child.unidentified", place)
        # HMICFRS found both missing from notices in 2023: they are looked up, and nobody waits for them.
        if subject.expected is None and subject.ethnicity is None:
            yield Query("ethnicity.missing", f"{place}.ethnicity")
        if subject.school_urn is None and not _too_young_for_school(subject, notice):
            yield Query("school.missing", f"{place}.school_urn")


def _too_young_for_school(subject: Subject, notice: Notice) -> bool:
    """Unborn, or under four: a reception class takes a child in the September after the fourth birthday."""
    if subject.born is None:
        return subject.expected is not None
    return _age(subject.born, notice) < _UNDER_SCHOOL_AGE
