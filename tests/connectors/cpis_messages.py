"""What CP-IS sends, as its own schemas have it: acknowledgements, notifications of accesses and of inactive numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import xmlschema

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
SPACES = (
    'xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
NHS = "2.16.840.1.113883.2.1.4.1"
LOCAL = "2.16.840.1.113883.2.1.3.2.4.18.24"
ODS = "2.16.840.1.113883.2.1.3.2.4.19.1"
FILE_CODES = {
    "CPF01": "File Level Error",
    "CPF02": "Successful File Upload",
    "CPF03": "Partial File Upload",
    "CPF04": "Unsuccessful File Upload",
    "CPF05": "PDS Error - PDS Unavailable",
    "CPF06": "Spine ii rejected the request because this version of the CPIS Client is no longer supported",
}


def official(folder: Path, name: str) -> xmlschema.XMLSchema:
    """One of the official schemas; they are not strictly valid themselves."""
    return xmlschema.XMLSchema(str(folder / "cpis-xsd" / "Schemas" / f"{name}.xsd"), validation="lax")


def errors(schema: xmlschema.XMLSchema, document: bytes) -> list[xmlschema.XMLSchemaValidationError]:
    """What the schema finds wrong in a document."""
    return list(schema.iter_errors(io.BytesIO(document)))


def response(
    *codes: str,
    number: str = "412",
    quantity: int = 3,
    records: Iterable[tuple[str, str]] = (),
    failed: int = 0,
) -> bytes:
    """A `FileResponse`: file codes, and for single records a code with the XPath of the record."""
    details = "".join(
        f'<acknowledgementFileDetail><code code="{code}" displayName={quoteattr(FILE_CODES.get(code, "New"))}/>'
        "</acknowledgementFileDetail>\n"
        for code in codes
    )
    named = "".join(
        f'<acknowledgementRecordDetail><code code="{code}" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.473"/>'
        f"<location>{escape(location)}</location></acknowledgementRecordDetail>\n"
        for code, location in records
    )
    named = f"<acknowledgementRecord>\n{named}</acknowledgementRecord>\n" if named else ""
    return (
        f'{HEAD}<FileResponse {SPACES}>\n<creationTime value="20260915103500+0100"/>\n<id extension="{number}"/>\n'
        f'<transmissionQuantity value="{quantity}"/>\n<acknowledgementFile>\n{details}</acknowledgementFile>\n{named}'
        f'<communicationFunctionRcv><organisation><id root="{ODS}" extension="866X"/>'
        "<name>Swindon Borough Council</name>"
        '<telecom value="tel:01632960101" use="WP"/></organisation></communicationFunctionRcv>\n'
        f'<failedReturnedCP-ISRecords><value value="{failed}"/></failedReturnedCP-ISRecords>\n'
        f'<successfulReturnedCP-ISRecords><value value="{quantity - failed}"/></successfulReturnedCP-ISRecords>\n'
        "</FileResponse>\n"
    ).encode()


def person(name: str = "<given>Sam</given><family>Sample</family>", *, ods: str = "RZZ") -> str:
    """Who looked: a midwife of a hospital."""
    return (
        '<npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145102GB01#AssignedAuthor"/>\n'
        "<COCT_TP145102GB01.AssignedAuthor>\n"
        '<code code="R0670" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" '
        'displayName="Midwife - Sister/Charge Nurse"/>\n'
        '<id root="1.2.826.0.1285.0.2.0.65" extension="999000000011"/>\n'
        f"<assignedAuthorPerson><name><prefix>Ms</prefix>{name}</name></assignedAuthorPerson>\n"
        f'<representedOrganization><id root="{ODS}" extension="{ods}"/><name>Exampleton General Hospital</name>'
        "</representedOrganization>\n</COCT_TP145102GB01.AssignedAuthor>\n"
    )


def device(*people: str) -> str:
    """Who looked: a system of an ambulance service, with those who answer for it."""
    answering = "".join(
        '<indirectAuthority><superiorAssignedEntity><code code="R8003" '
        'codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" displayName="Healthcare Assistant"/>'
        f"<assignedPerson><name>{name}</name></assignedPerson></superiorAssignedEntity></indirectAuthority>\n"
        for name in people
    )
    return (
        '<npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145104GB01#System"/>\n'
        '<COCT_TP145104GB01.System>\n<id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/>\n'
        f'{answering}<maintainingOrganization><id root="{ODS}" extension="RYZ"/>'
        "<name>Sampleton Ambulance Service</name></maintainingOrganization>\n</COCT_TP145104GB01.System>\n"
    )


def query(author: str, *, nhs: str | None = "9990000018", local: str | None = "900001", at: str = "20260704192000+0100",
          number: int = 1) -> str:  # fmt: skip
    """One look at one record."""
    ids = f'<value root="{NHS}" extension="{nhs}"/>' if nhs else ""
    own = f'<value root="{LOCAL}" extension="{local}" assigningAuthorityName="866X:Swindon Borough Council"/>'
    ids += own if local else ""
    return (
        f'<pertinentInformation2><pertinentCP-ISNHSQuery>\n<effectiveTime value="{at}"/>\n'
        f'<id root="1D6F3B0A-5B52-4C5C-9C39-0D1D5E7F{number:04}"/>\n<author>\n{author}</author>\n'
        f"<queryByParameter><person.id>{ids}</person.id></queryByParameter>\n"
        "</pertinentCP-ISNHSQuery></pertinentInformation2>\n"
    )


def notification(*accesses: Iterable[str], total: int | None = None, upload: str = "412") -> bytes:
    """A notification of accesses: for each record the queries that looked at it."""
    inside = "".join(
        f"<pertinentInformation1><pertinentCP-ISRecordAccess>\n{''.join(queries)}"
        f'<reference><referredToLAUploadFile><value extension="{upload}"/></referredToLAUploadFile></reference>\n'
        "</pertinentCP-ISRecordAccess></pertinentInformation1>\n"
        for queries in accesses
    )
    total = len(accesses) if total is None else total
    return (
        f'{HEAD}<CP-ISAccessToServiceNotification {SPACES}>\n<effectiveTime value="20260704193000+0100"/>\n'
        '<id root="7C2C7E7A-0D65-4B62-9C1B-3A6F3C1F0A01"/>\n'
        f'<pertinentInformation><pertinentTotalReturnedRecords><value value="{total}"/>'
        f"</pertinentTotalReturnedRecords></pertinentInformation>\n{inside}{_recipient()}"
        "</CP-ISAccessToServiceNotification>\n"
    ).encode()


def inactive(*numbers: tuple[str, Iterable[str]], local: str | None = "900001") -> bytes:
    """A notification of NHS numbers that went out of use, each with what took its place."""
    return (
        f'{HEAD}<CP-ISInactiveNHSNumberNotification {SPACES}>\n<effectiveTime value="20260706030000+0100"/>\n'
        f'<id root="5B0E9F2C-8A41-4E0B-8C8F-2B1A7D6E5F02"/>\n{_recipient()}'
        f"{''.join(_subject(old, list(new), local) for old, new in numbers)}</CP-ISInactiveNHSNumberNotification>\n"
    ).encode()


def _subject(old: str, new: list[str], local: str | None) -> str:
    own = f'<id root="{LOCAL}" extension="{local}"/>' if local else ""
    ids = "".join(f'<id extension="{one}"/>' for one in new)
    replaced = f"<replacedBy><newVersion>{ids}</newVersion></replacedBy>" if new else ""
    return (
        f'<subject><pDSInactivePatient><id root="{NHS}" extension="{old}"/>{own}{replaced}'
        '<subjectOf><lAUploadFile><value extension="412"/></lAUploadFile></subjectOf></pDSInactivePatient></subject>\n'
    )


def _recipient() -> str:
    return (
        "<primaryInformationRecipient>"
        '<npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145103GB01#IntendedRecipient"/>'
        f'<COCT_TP145103GB01.IntendedRecipient><representedSourceOrganization><id root="{ODS}" extension="866X"/>'
        "<name>Swindon Borough Council</name></representedSourceOrganization></COCT_TP145103GB01.IntendedRecipient>"
        "</primaryInformationRecipient>\n"
    )
