"""An event of NEMS as it was published: an STU3 message bundle in XML, read by place; what it means is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hub.errors import NotUnderstood
from hub.formats.xml import FHIR, Element

ROUTING: Final = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
EVENT_KIND: Final = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"
EVENTS: Final = "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"
DEATH: Final = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DeathNotificationStatus-1"
NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
ODS: Final = "https://fhir.nhs.uk/Id/ods-organization-code"

_NAMES: Final[Mapping[str, str]] = {"f": FHIR}
_ODS_ADDRESS: Final = re.compile(r"https://directory\.spineservices\.nhs\.uk/STU3/Organization/([A-Z0-9]{3,10})")


class Bundle:
    """
    One message bundle: its header, and its resources by kind and by reference.

    Raises `NotUnderstood` where it is no message with a MessageHeader at its head.
    """

    def __init__(self, root: Element) -> None:
        if root.tag != f"{{{FHIR}}}Bundle" or said(root, "type") != "message":
            raise NotUnderstood("nems.not-a-message", "Bundle.type", "send a FHIR STU3 Bundle of type message")
        self.resources: list[Element] = list(_all(root, "entry/resource/*"))
        self._by_url: dict[str, Element] = {}
        for entry in _all(root, "entry"):
            for resource in _all(entry, "resource/*"):
                for name in (said(entry, "fullUrl"), said(resource, "id")):
                    self._by_url.setdefault(_bare(name), resource)
        if not self.resources or _kind(self.resources[0]) != "MessageHeader":
            raise NotUnderstood("nems.header", "Bundle.entry[0]", "let the first entry be the MessageHeader")
        self.header: Element = self.resources[0]

    @property
    def event(self) -> str:
        """The code of what happened; "" where it is of another system than NEMS's own."""
        return said(self.header, "event/code") if said(self.header, "event/system") == EVENTS else ""

    @property
    def kind(self) -> str:
        """`new`, `update` or `delete`, or whatever else was written."""
        return said(extension(self.header, EVENT_KIND), "valueCodeableConcept/coding/code")

    @property
    def routed_by(self) -> str:
        """The NHS number by which the event found its way to us."""
        return said(extension(extension(self.header, ROUTING), "nhsNumber"), "valueIdentifier/value")

    def all(self, kind: str) -> list[Element]:
        """The resources of this kind, in order."""
        return [one for one in self.resources if _kind(one) == kind]

    def at(self, reference: str) -> Element | None:
        """The resource of the bundle to which a reference leads."""
        return self._by_url.get(_bare(reference)) if reference else None

    def ods_code(self, reference: str) -> str:
        """The ODS code of an organisation, which is in the bundle or is named by its address in the directory."""
        if (match := _ODS_ADDRESS.fullmatch(reference)) is not None:
            return match[1]
        return identifier(self.at(reference), ODS)


def said(element: Element | None, path: str) -> str:
    """The `value` of the first element at *path*, names of FHIR parted by `/`; "" where there is none."""
    found = None if element is None else element.find("/".join(f"f:{part}" for part in path.split("/")), _NAMES)
    return "" if found is None else (found.get("value") or "").strip()


def each(element: Element | None, path: str) -> list[str]:
    """The `value` of each element at *path* that has one."""
    found = [] if element is None else _all(element, path)
    return [value for one in found if (value := (one.get("value") or "").strip())]


def parts(element: Element | None, path: str) -> list[Element]:
    """The elements at *path*."""
    return [] if element is None else list(_all(element, path))


def extension(element: Element | None, url: str) -> Element | None:
    """The extension of this URL."""
    return next((one for one in parts(element, "extension") if one.get("url") == url), None)


def identifier(resource: Element | None, system: str) -> str:
    """The value of the resource's identifier of this system."""
    return next((said(one, "value") for one in parts(resource, "identifier") if said(one, "system") == system), "")


def _all(element: Element, path: str) -> Iterator[Element]:
    names = (part if part == "*" else f"f:{part}" for part in path.split("/"))
    found: Any = element.iterfind("/".join(names), _NAMES)
    yield from found


def _kind(resource: Element) -> str:
    return str(resource.tag).rpartition("}")[2]


def _bare(reference: str) -> str:
    return reference.removeprefix("urn:uuid:").lower()
