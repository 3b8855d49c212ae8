"""What CP-IS says: what became of an upload, who looked a person up, which NHS number went out of use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from connectors.cpis import layout
from connectors.cpis.reading import all_of, needed, path, said, words
from connectors.cpis.response import understood
from hub.errors import NotForUs, NotUnderstood
from hub.formats.hl7_values import timestamp
from hub.formats.xml import HL7V3, Element
from hub.inbound import Query
from hub.stream import Event
from schemas.cpis_access import RecordAccessed, Viewer, Worker
from schemas.cpis_acknowledgement import UploadAcknowledged
from schemas.fields import nhs_number_check_digit_holds
from schemas.nhs_number_change import Former, NumberReplaced

UNDELIVERED: Final[Mapping[str, str]] = {"14": "again", "06": "refused", "07": "refused", "08": "refused",
                                         "12": "refused", "17": "refused"}  # fmt: skip
"""
MESH's codes for a message that did not reach its mailbox, as a report has them in `Mex-StatusCode`: what to do.

14 was not collected in time; nothing is wrong with it. A message that is malformed (06) or wrongly addressed (07, 08),
a mailbox that is not registered (12), or not for the workflow (17), are the same at every attempt.
"""


def acknowledgement(root: Element) -> Iterator[Event | Query]:
    """What became of one upload (`FileResponse`, message type 02); which code leads where is in `response`."""
    _is(root, "FileResponse")
    yield from understood(root)


def reports(message: Mapping[str, Any]) -> Iterator[Event | Query]:
    """
    MESH did not deliver a file: `{"localId", "messageId", "statusCode", …}`, made of the report's headers.

    A code that nobody told us of is for a person, and so is one without the file's id.
    """
    code, file = (str(message.get(name) or "").strip() for name in ("statusCode", "localId"))
    if not file:
        raise NotUnderstood("mesh.no-local-id", "localId", "say which message was not delivered")
    if not code:
        raise NotUnderstood("mesh.no-code", "statusCode", "say why it was not delivered")
    known = code.zfill(2)[:20]
    if known not in UNDELIVERED:
        yield Query("mesh.code-unknown", "statusCode")
    yield UploadAcknowledged.model_validate(
        {"message_id": file, "verdict": UNDELIVERED.get(known, "refused"), "code": f"MESH-{known}"}
    )


def access_notification(root: Element) -> Iterator[Event | Query]:
    """
    Each look at each record that a notification tells of (message type 05), in its order.

    A batch of none is sound and needed by nobody. Where the number of records that it says it holds is another than it
    holds, what is there stands, and a person should ask for the rest.
    """
    _is(root, "CP-ISAccessToServiceNotification")
    notified_at = timestamp(needed(root, "effectiveTime", "value"), "effectiveTime")
    accesses = all_of(root, "pertinentInformation1/pertinentCP-ISRecordAccess")
    if not accesses:
        raise NotForUs("no-access")
    told = said(root, "pertinentInformation/pertinentTotalReturnedRecords/value", "value")
    if told is not None and told != str(len(accesses)):
        yield Query("cpis.count", "pertinentTotalReturnedRecords")
    for number, access in enumerate(accesses, 1):
        place = f"pertinentInformation1[{number}]"
        upload = said(access, "reference/referredToLAUploadFile/value", "extension")
        for query in all_of(access, "pertinentInformation2/pertinentCP-ISNHSQuery"):
            numbers = _numbers(all_of(query, "queryByParameter/person.id/value"))
            yield from _doubts(numbers, place)
            yield RecordAccessed(
                query_id=needed(query, "id", "root", place),
                at=timestamp(needed(query, "effectiveTime", "value", place), f"{place}/effectiveTime"),
                nhs_number=numbers.get("nhs_number"),
                local_id=numbers.get("local_id"),
                by=_viewer(query),
                upload_number=int(upload) if upload and upload.isascii() and upload.isdigit() else None,
                notified_at=notified_at,
            )


def inactive_nhs_number(root: Element) -> Iterator[Event | Query]:
    """
    Each NHS number that went out of use, and which took its place (message type 06).

    Only one new number says who the person is now. Where there is none, or several, or one that cannot be an NHS
    number, nothing is told to have taken its place or all are, and a person should look.
    """
    _is(root, "CP-ISInactiveNHSNumberNotification")
    as_of = timestamp(needed(root, "effectiveTime", "value"), "effectiveTime")
    for number, patient in enumerate(all_of(root, "subject/pDSInactivePatient"), 1):
        place = f"subject[{number}]"
        numbers = _numbers(all_of(patient, "id"))
        if "nhs_number" not in numbers:
            raise NotUnderstood("nhs-number.invalid", f"{place}/id", "say which NHS number went out of use")
        told = [one.get("extension") or "" for one in all_of(patient, "replacedBy/newVersion/id")]
        new = list(dict.fromkeys(told))
        if not all(nhs_number_check_digit_holds(one) for one in new):
            yield Query("nhs-number.invalid", f"{place}/replacedBy")
            new = []
        elif len(new) != 1:
            yield Query("nhs-number.successors" if new else "nhs-number.no-successor", f"{place}/replacedBy")
        old = Former(nhs_number=numbers["nhs_number"], local_id=numbers.get("local_id"))
        yield NumberReplaced(old=old, new=tuple(new), said_by="cpis", as_of=as_of)


def _numbers(ids: list[Element]) -> dict[str, str]:
    """The NHS number, where it can be one, and the case system's own number."""
    found: dict[str, str] = {}
    for one in ids:
        value = (one.get("extension") or "").strip()
        if one.get("root") == layout.NHS_NUMBER and nhs_number_check_digit_holds(value):
            found["nhs_number"] = value
        elif one.get("root") == layout.LOCAL_ID and value:
            found["local_id"] = value
    return found


def _doubts(numbers: Mapping[str, str], place: str) -> Iterator[Query]:
    if "nhs_number" not in numbers:
        yield Query("nhs-number.unknown", f"{place}/person.id")


def _viewer(query: Element) -> Viewer:
    """Who looked: a person (AssignedAuthor), or a system with those who answer for it; no user ids are taken along."""
    person = query.find(path("author/COCT_TP145102GB01.AssignedAuthor"))
    if person is not None:
        people = [_worker(person, person.find(path("assignedAuthorPerson/name")))]
        return _by(person.find(path("representedOrganization")), people, None)
    system = query.find(path("author/COCT_TP145104GB01.System"))
    if system is None:
        return Viewer()
    entities = all_of(system, "indirectAuthority/superiorAssignedEntity")
    people = [_worker(one, one.find(path("assignedPerson/name"))) for one in entities[:20]]
    return _by(system.find(path("maintainingOrganization")), people, said(system, "id", "extension"))


def _by(organisation: Element | None, people: list[Worker], system: str | None) -> Viewer:
    """What cannot be what it should be is left out: that somebody looked must be told, whoever it was."""
    code = said(organisation, "id", "extension") or ""
    name = None if organisation is None else words(organisation.find(path("name")))
    ods = code.upper() if layout.ODS.form.fullmatch(code.upper()) else None
    system = system if system is not None and len(system) <= 40 else None
    return Viewer(organisation=name, organisation_ods=ods, system=system, people=tuple(people))


def _worker(holder: Element, name: Element | None) -> Worker:
    code, role = said(holder, "code", "code"), said(holder, "code", "displayName")
    known = code if code is not None and len(code) <= 20 else None
    return Worker(role_code=known, role=role[:120].strip() if role else None, name=words(name))


def _is(root: Element, name: str) -> None:
    if root.tag != f"{{{HL7V3}}}{name}":
        raise NotUnderstood("cpis.root", "", f"this line takes {name} of urn:hl7-org:v3")
