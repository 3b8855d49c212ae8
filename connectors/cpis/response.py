"""
The acknowledgement of an upload: every file and record code leads somewhere; how XML is read is elsewhere.

`FileResponse`, REPC_MT000003GB01. What it says of the whole file holds for each record that it does not name. Where the
counts and what is named do not agree, nobody can tell which records were loaded: then those that are not named count
as refused, so that a person looks, and none is taken for told that may not be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from connectors.cpis.reading import all_of, path, said
from hub.acknowledgement import RecordVerdict, Verdict
from hub.errors import NotUnderstood
from hub.formats.xml import Element
from hub.inbound import Query
from hub.stream import Event
from schemas.cpis_acknowledgement import UploadAcknowledged

FILES: Final[Mapping[str, Verdict]] = {
    "CPF06": "refused",  # the client's version is no longer supported
    "CPF01": "refused",  # corrupt or malformed
    "CPF05": "again",  # the Personal Demographics Service was away: the same file, with the same number
    "CPF04": "refused",  # nothing was loaded
    "CPF03": "accepted",  # what is valid was loaded; what is not is named
    "CPF02": "accepted",
}
"""What a file code means (OID …17.474); of several in one answer the first here counts."""

RECORDS: Final[Mapping[str, Verdict]] = {
    "CPR01": "refused",  # nobody has that NHS number
    "CPR02": "refused",  # found, but the record is sensitive
    "CPR03": "refused",  # name and date of birth are another person's
    "CPR04": "refused",  # an NHS number of the old form
    "CPR05": "refused",  # found, but another number took its place
    "CPR06": "accepted",
    "CPR07": "refused",
}
"""What a record code means (OID …17.473)."""

RETRACE: Final = frozenset({"CPR02", "CPR05"})
"""Nothing that was uploaded is wrong, and yet it was not loaded: somebody must trace the person anew."""

LOADED: Final = frozenset({"CPF02", "CPF03"})

# /File/record[3]/CP-ISRecord, with or without prefixes and indices, or by local-name()
_RECORD: Final = re.compile(
    r"(?:^|[/:'\"])record(?:['\"][^\]]*\])?\s*\[\s*(?:position\(\)\s*=\s*)?([1-9][0-9]{0,6})\s*\]"
)


def understood(root: Element) -> Iterator[Event | Query]:
    """The verdict on the file and its records; raises `NotUnderstood` where nobody can tell which file it is about."""
    number = _number(root)
    codes = [one.get("code") or "" for one in all_of(root, "acknowledgementFile/acknowledgementFileDetail/code")]
    if not codes:
        raise NotUnderstood("cpis.missing", "acknowledgementFileDetail/code", "say what became of the file")
    unknown = [code for code in codes if code not in FILES]
    code = unknown[0] if unknown else next(one for one in FILES if one in codes)
    verdict = FILES.get(code, "refused")
    if unknown:
        yield Query("cpis.file-code-unknown", "acknowledgementFileDetail/code")
    named, doubts, lost = _named(root) if code in LOADED or code == "CPF04" else ({}, [], False)
    yield from doubts
    refused = {place for place, one in named.items() if one.verdict == "refused"}
    if code in LOADED and (lost or _count(root, "failedReturnedCP-ISRecords/value") != len(refused)):
        yield Query("cpis.count", "failedReturnedCP-ISRecords")
        verdict = "refused"
    # Where nothing was loaded, a record that is said to be loaded was not.
    told = refused if verdict == "accepted" or code not in LOADED else set(named)
    records = tuple(named[place] for place in sorted(told))
    yield UploadAcknowledged(number=number, verdict=verdict, code=_code(code), records=records)


def _named(root: Element) -> tuple[dict[int, RecordVerdict], list[Query], bool]:
    """
    What is said of single records, by their number, and whether one is told of that nobody can find.

    Of two words on one record the worse counts.
    """
    named: dict[int, RecordVerdict] = {}
    doubts: list[Query] = []
    lost = False
    details = all_of(root, "acknowledgementRecord/acknowledgementRecordDetail")
    for index, detail in enumerate(details, 1):
        place = f"acknowledgementRecordDetail[{index}]"
        code = said(detail, "code", "code") or ""
        verdict = RECORDS.get(code, "refused")
        if code not in RECORDS:
            doubts.append(Query("cpis.record-code-unknown", f"{place}/code"))
        if code in RETRACE:
            doubts.append(Query("cpis.retrace", place))
        location = detail.find(path("location"))
        record = _record(root, "" if location is None else "".join(location.itertext()))
        if record is None:
            doubts.append(Query("cpis.location", f"{place}/location"))
            lost = True
        elif record not in named or named[record].verdict == "accepted":
            named[record] = RecordVerdict(record=record, verdict=verdict, code=_code(code))
    return named, doubts, lost


def _record(root: Element, location: str) -> int | None:
    """Which record of the upload an XPath leads to; of a file of one record it is that one."""
    found, quantity = _RECORD.search(location), _count(root, "transmissionQuantity")
    if found is None:
        return 1 if quantity == 1 and "record" in location else None
    return int(found[1]) if quantity is None or int(found[1]) <= quantity else None


def _number(root: Element) -> int:
    number = said(root, "id", "extension") or ""
    if number == "-1":
        raise NotUnderstood("cpis.file-unknown", "id@extension", "CP-IS could not tell which file it was: ask them")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotUnderstood("cpis.number", "id@extension", "give the number of the upload, or -1")
    return int(number)


def _count(root: Element, name: str) -> int | None:
    count = said(root, name, "value") or ""
    return int(count) if count.isascii() and count.isdigit() and len(count) < 10 else None


def _code(code: str) -> str:
    return code.strip()[:40] or "none"
