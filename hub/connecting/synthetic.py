"""Synthetic: a message about an invented person, in the partner's format and marked as a test; it decides nothing."""

from __future__ import annotations

import json
import re
import secrets
from datetime import datetime
from typing import Any

from hub.agency import Agency, Door
from hub.catalog import Catalog, folder_of
from hub.errors import CatalogError
from hub.once import Delivered
from hub.outbound import SUFFIXES
from hub.route import CONTENT_TYPES
from hub.transports import Delivery
from hub.trying import of_event

TEST_DATA = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
"""The tag of FHIR resources that are about nobody (FHIR R4, security labels: HTEST)."""
_PROCESSING = 11  # MSH-11: P is production, T is training, D is debugging (HL7 table 0103)


def message(catalog: Catalog, agency: Agency, stream: str, door: Door, *, now: datetime, address: str = "") -> Delivery:
    """
    The first of the agency's own examples of *stream* that is released now, as it would leave by *door*, and marked.

    Examples hold invented people only. Raises CatalogError where there is none.
    """
    folder = folder_of("connectors") / agency.key / "examples" / stream
    for path in sorted(folder.glob("*.event.json")):
        name = path.name.removesuffix(".event.json")
        if (folder / f"{name}.withheld.json").exists() or (folder / f"{name}.standing.json").exists():
            continue
        made = of_event(catalog, path, stream, now=now, only=(agency.key,), road=door.by).deliveries
        if made and not made[0].fault:
            return _delivery(made[0], address)
    mend = f"write one that its policy releases: connectors/{agency.key}/examples/{stream}/<claim>.event.json"
    raise CatalogError([f"no example of {stream} is released to {agency.key} today; {mend}"])


def _delivery(one: Delivered, address: str) -> Delivery:
    body, form = marked(one.body, one.door.format), one.door.format
    whose = address or one.address
    return Delivery(secrets.token_hex(16), one.agency, one.stream, whose, CONTENT_TYPES[form], body, SUFFIXES[form])


def marked(body: bytes, form: str) -> bytes:
    """
    *body* so that the partner's own system knows it for a test, where its standard has a sign for that.

    FHIR: a tag in `meta` of the outermost resource and of each that a Bundle holds; HL7 v2: MSH-11 `T`; JSON: the
    CloudEvents attribute `hubsynthetic`. Tables and XML have none, which is why they are only sent where that is asked
    for.
    """
    if form == "hl7":
        return _hl7(body)
    if form not in ("fhir", "json"):
        return body
    said: dict[str, Any] = json.loads(body)
    if form == "json":
        said["hubsynthetic"] = True
    else:
        for resource in (said, *(entry.get("resource", {}) for entry in said.get("entry", []))):
            resource.setdefault("meta", {}).setdefault("tag", []).append(TEST_DATA)
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _hl7(body: bytes) -> bytes:
    """MSH-11 becomes T; MSH-1 is the separator itself, so that the eleventh field stands tenth."""
    head, end, rest = re.split(rb"([\r\n]+)", body, maxsplit=1) if re.search(rb"[\r\n]", body) else (body, b"", b"")
    separator = body[3:4]
    fields = head.split(separator)
    fields[_PROCESSING - 1 : _PROCESSING] = [b"T"]
    return separator.join(fields) + end + rest
