"""FHIR R4 read: one JSON document becomes a message bundle that keeps the rules; what it says is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

from hub.agency import Saying
from hub.errors import NotForUs, Unreadable
from hub.formats import Item
from hub.formats import json as json_format
from hub.formats.fhir_rules import check_message

MOST_ENTRIES: Final = 200

_TEST_DATA: Final = ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST")
_PROCESSING: Final = "http://terminology.hl7.org/CodeSystem/v2-0103"
_ASIDE: Final = {"T": "fhir.training", "D": "fhir.debugging"}
_OF_ONE_SENDING: Final = ("id", "timestamp", "meta")


class Message:
    """A message bundle that keeps the rules of messaging, with its header, and its resources by reference."""

    __slots__ = ("_by_url", "bundle", "header")

    def __init__(self, bundle: Bundle) -> None:
        entries = bundle.entry or []
        self.bundle: Any = bundle
        self.header: Any = entries[0].resource
        self._by_url = {str(entry.fullUrl): entry.resource for entry in entries}

    @property
    def id(self) -> str:
        """The MessageHeader's own id; of one that has none, its fullUrl's, with which it would have to agree."""
        return str(self.header.id or next(iter(self._by_url)).removeprefix("urn:uuid:"))

    @property
    def event(self) -> tuple[str, str]:
        """System and code of what happened; a URI is a system without a code."""
        coding = self.header.eventCoding
        if coding is None:
            return str(self.header.eventUri or ""), ""
        return str(coding.system or ""), str(coding.code or "")

    def focus(self, kind: str) -> list[Any]:
        """What the message is about, of this kind."""
        return [found for one in self.header.focus or [] if (found := self.at(one, kind)) is not None]

    def all(self, kind: str) -> list[Any]:
        """The resources of this kind, in order."""
        return [one for one in self._by_url.values() if one is not None and one.get_resource_type() == kind]

    def at(self, reference: Any, kind: str | None = None) -> Any:
        """The resource of the bundle to which a Reference leads, if it is of this kind; None where there is none."""
        found = None if reference is None else self._by_url.get(str(reference.reference or ""))
        return found if kind is None or (found is not None and found.get_resource_type() == kind) else None


def parse(data: bytes, saying: Saying) -> Iterator[Item]:
    """
    One Item for the message bundle: its own id is the MessageHeader's, which FHIR messaging knows a message by.

    JSON under the hub's own limits of size and depth, then at most 200 entries, then FHIR R4 by its models, then
    the rules of messaging. A message that is tagged as test data (HTEST; or training or debugging, by HL7's table
    of processing ids) holds a `NotForUs`, unless *saying* acts upon it. Raises `Unreadable`, whose place is a
    FHIRPath and whose words hold nothing of the content.
    """
    bundle = _bundle(json_format.document(data))
    check_message(bundle)
    message = Message(bundle)
    kind = _processing(message)
    aside = NotForUs(_ASIDE[kind]) if kind in _ASIDE and kind not in saying.processing else None
    return iter((Item(data, message.id, aside or message),))


def essence(data: bytes) -> bytes:
    """
    What of a bundle makes it the same message at every sending: all but what is the sending's own.

    The id, timestamp and meta of the Bundle are new each time a message is sent (NHS England, FHIR messaging), and
    neither white space nor the order of names means anything in JSON. Raises `Unreadable` where it is no JSON.
    """
    value = json_format.document(data)
    if isinstance(value, dict):
        value = {name: one for name, one in value.items() if name not in _OF_ONE_SENDING}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _bundle(value: Any) -> Bundle:
    if not isinstance(value, dict) or value.get("resourceType") != "Bundle":
        raise Unreadable("fhir.not-a-bundle", "Bundle", "send one Bundle of type message")
    entries = value.get("entry")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if index >= MOST_ENTRIES:
            raise Unreadable("fhir.too-many-entries", "Bundle.entry", f"send at most {MOST_ENTRIES} entries")
        _known(entry, f"Bundle.entry[{index}]")
    try:
        return Bundle.model_validate(value)
    except ValidationError as error:
        raise _unreadable(error) from None
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        # A contained resource of no kind, or a name where a record should be: the models trip over these
        raise Unreadable("fhir.invalid", "Bundle.entry", "send resources of FHIR R4") from None


def _known(entry: Any, place: str) -> None:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    try:
        if not isinstance(kind, str):
            raise LookupError
        get_fhir_model_class(kind)
    except (LookupError, ValueError):
        raise Unreadable("fhir.resource", f"{place}.resource", "hold a resource of FHIR R4 in each entry") from None


def _unreadable(error: ValidationError) -> Unreadable:
    """The first fault by its kind and FHIRPath; a name that FHIR does not know is the sender's own, and not said."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    kind = first["type"].rpartition(".")[2].replace("_", "-")
    loc = first["loc"][:-1] if kind == "extra-forbidden" else first["loc"]
    place = "Bundle"
    for part in loc:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    mend = {
        "missing": "it must be there",
        "extra-forbidden": "FHIR R4 has no element of that name here",
    }.get(kind, "write it as FHIR R4 has it")
    return Unreadable(f"fhir.{kind}", place, mend)


def _processing(message: Message) -> str:
    """`T` or `D` where the bundle or its header says that it is not for real, else ""."""
    for meta in (message.bundle.meta, message.header.meta):
        for coding in [*(getattr(meta, "security", None) or []), *(getattr(meta, "tag", None) or [])]:
            said = (str(coding.system or ""), str(coding.code or ""))
            if said == _TEST_DATA:
                return "T"
            if said[0] == _PROCESSING and said[1] in _ASIDE:
                return said[1]
    return ""
