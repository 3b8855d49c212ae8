"""What NEMS says: each message bundle of the Personal Demographics Service becomes one event about one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from connectors.nems.bundle import DEATH, NHS_NUMBER, Bundle, each, extension, identifier, parts, said
from hub.errors import NotForUs, NotUnderstood
from hub.formats.xml import Element
from hub.inbound import Query
from hub.stream import Event
from schemas.person_change import PersonChanged

CARRIED: Final[Mapping[str, str]] = {
    "pds-change-of-address-1": "address",
    "pds-change-of-gp-1": "gp",
    "pds-death-notification-1": "death",
    "pds-birth-notification-1": "birth",
    "pds-record-change-1": "record",
    "pds-record-change": "record",  # as the catalogue of events spells it; the examples have the number
}
CLINICAL: Final = frozenset({
    "blood-spot-test-outcome-1", "newborn-hearing-1", "nipe-outcome-1", "professional-contacts-1", "vaccinations-1",
})  # fmt: skip
"""Events of health care, which no task of the authority needs."""

DEATHS: Final[Mapping[str, str]] = {"1": "formal", "2": "informal", "U": "removed"}
SPARED: Final[Mapping[str, str]] = {
    "surname": "Patient.name",
    "forename": "Patient.name",
    "born": "Patient.birthDate",
    "address": "Patient.address",
    "gp_ods": "Patient.generalPractitioner",
    "died": "Patient.deceasedDateTime",
    "mother_nhs_number": "Patient.identifier",
}
"""What an event can do without, and where it comes from."""

_OPEN: Final = frozenset({"U", "N"})  # confidentiality: unrestricted, normal


def change_of_address(root: Element) -> Iterator[Event | Query]:
    """A person moved (pds-change-of-address-1); only where they live now, and of a sensitive record not even that."""
    yield from _told(root, "address", _lives)


def change_of_gp(root: Element) -> Iterator[Event | Query]:
    """A person is registered with another practice (pds-change-of-gp-1); of a sensitive record, that they are."""
    yield from _told(root, "gp", _registered)


def death_notification(root: Element) -> Iterator[Event | Query]:
    """A person died, informally or certified, or did not (pds-death-notification-1, status U)."""
    yield from _told(root, "death", _died)


def birth_notification(root: Element) -> Iterator[Event | Query]:
    """A child was born (pds-birth-notification-1): the child is the person, the mother is told by her NHS number."""
    yield from _told(root, "birth", _born)


def record_change(root: Element) -> Iterator[Event | Query]:
    """Something of a person's record changed (pds-record-change), and whoever needs to know what asks the PDS."""
    yield from _told(root, "record", lambda *_: {})


def _told(root: Element, line: str, what: Any) -> Iterator[Event | Query]:
    bundle = Bundle(root)
    if bundle.event in CLINICAL:
        raise NotForUs(f"nems.{bundle.event}")
    changed = CARRIED.get(bundle.event)
    if changed is None:
        raise NotUnderstood("nems.event", "MessageHeader.event", f"send one of {', '.join(sorted(CARRIED))}")
    if changed != line:
        raise NotUnderstood("nems.against-workflow", "MessageHeader.event", "send each event under its own workflow")
    if not said(bundle.header, "id"):
        raise NotUnderstood("nems.id", "MessageHeader.id", "give the event its id")
    queries: list[Query] = []
    person = _person(bundle, changed)
    restricted = _restricted(bundle, person)
    number = identifier(person, NHS_NUMBER) or bundle.routed_by
    if changed != "birth" and number != bundle.routed_by:
        raise NotUnderstood("nhs-number.differs", "Patient.identifier", "let header and Patient be about one person")
    values = {
        "nhs_number": number,
        "changed": changed,
        "kind": bundle.kind,
        "message_id": said(bundle.header, "id"),
        "version": _version(bundle, person, queries),
        "as_of": _as_of(bundle, changed, queries),
        "surname": said(person, "name/family"),
        "forename": said(person, "name/given"),
        "born": _day(said(person, "birthDate"), "Patient.birthDate", queries),
        "restricted": restricted,
    }
    if person is not None and bundle.kind != "delete":
        values |= what(bundle, person, restricted, queries)
    yield _sound({name: one for name, one in values.items() if one not in ("", None)}, queries)
    yield from queries


def _sound(values: dict[str, Any], queries: list[Query]) -> PersonChanged:
    """
    The event without those of its values that are not sound and can be spared; raises ValidationError for the rest.

    That somebody moved, or was born, must not be lost for a postcode or for the number of somebody else.
    """
    while True:  # each turn takes at least one value away, or ends
        try:
            return PersonChanged.model_validate(values)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False, include_context=False):
                first, *rest = (str(part) for part in fault["loc"])
                if first not in SPARED or first not in values:
                    raise
                queries.append(Query(f"invalid.{fault['type'].replace('_', '-')}", SPARED[first]))
                record, name = (values[first], rest[0]) if rest else (values, first)
                del record[name]


def _person(bundle: Bundle, changed: str) -> Element | None:
    """Whom it is about: the only Patient, or of a birth the one to whom the mother is related. None of a deletion."""
    patients = bundle.all("Patient")
    if changed == "birth":
        children = [bundle.at(said(one, "patient/reference")) for one in bundle.all("RelatedPerson")]
        patients = [one for one in patients if len(patients) == 1 or any(one is child for child in children)]
    if len(patients) == 1:
        return patients[0]
    if not patients and bundle.kind == "delete":
        return None
    raise NotUnderstood("nems.patient", "Patient", "send one Patient whom the event is about")


def _restricted(bundle: Bundle, person: Element | None) -> bool | None:
    """Whatever is not plainly unrestricted is taken for restricted; what is not said is not known."""
    labels = [one for resource in (bundle.header, person) for one in each(resource, "meta/security/code")]
    return not set(labels) <= _OPEN if labels else None


def _lives(_: Bundle, person: Element, restricted: bool | None, queries: list[Query]) -> dict[str, Any]:
    if restricted:
        return {}
    now = [one for one in parts(person, "address") if said(one, "use") != "old" and not said(one, "period/end")]
    best = next((one for one in now if said(one, "use") == "home"), now[0] if now else None)
    if best is None:
        queries.append(Query("address.none", "Patient.address"))
        return {}
    lines = dict(zip(("line_1", "line_2", "line_3"), each(best, "line"), strict=False))
    rest = {"town": said(best, "city"), "county": said(best, "district"), "postcode": said(best, "postalCode")}
    return {"address": lines | {name: one for name, one in rest.items() if one}}


def _registered(bundle: Bundle, person: Element, restricted: bool | None, queries: list[Query]) -> dict[str, Any]:
    if restricted:
        return {}  # a practice says in which town somebody lives
    code = bundle.ods_code(said(person, "generalPractitioner/reference"))
    if not code:
        queries.append(Query("gp.none", "Patient.generalPractitioner"))
    return {"gp_ods": code}


def _died(_: Bundle, person: Element, __: bool | None, queries: list[Query]) -> dict[str, Any]:
    status = extension(extension(person, DEATH), "deathNotificationStatus")
    code = said(status, "valueCodeableConcept/coding/code")
    if code not in DEATHS:
        raise NotUnderstood("death.status", "Patient.extension", f"say one of {', '.join(DEATHS)}")
    died = _day(said(person, "deceasedDateTime")[:10], "Patient.deceasedDateTime", queries)
    return {"death": DEATHS[code], "died": died}


def _born(bundle: Bundle, person: Element, restricted: bool | None, queries: list[Query]) -> dict[str, Any]:
    mothers = [one for one in bundle.all("Patient") if one is not person]
    return _lives(bundle, person, restricted, queries) | {
        "mother_nhs_number": identifier(mothers[0], NHS_NUMBER) if len(mothers) == 1 else ""
    }


def _version(bundle: Bundle, person: Element | None, queries: list[Query]) -> int | None:
    """The header's own, else the record's, which a change of the record has in its place."""
    text = said(bundle.header, "meta/versionId") or said(person, "meta/versionId")
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        queries.append(Query("version.form", "MessageHeader.meta.versionId"))
        return None
    return int(text) if text else None


def _as_of(bundle: Bundle, changed: str, queries: list[Query]) -> str:
    """The moment of the state that is told, else when it was told, by which its order is less certain."""
    if text := said(bundle.header, "meta/lastUpdated"):
        return text
    if changed != "record":  # which never has one, and is ordered by its version
        queries.append(Query("last-updated.none", "MessageHeader.meta.lastUpdated"))
    return said(bundle.header, "timestamp")


def _day(text: str, place: str, queries: list[Query]) -> str:
    """A date to the day; what is less exact is left out, and a person may ask."""
    if text and len(text) != len("2019-05-14"):
        queries.append(Query("date.imprecise", place))
        return ""
    return text
