"""XML: one document becomes a tree, by a parser that resolves and fetches nothing; what it says is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from hub.agency import Saying
from hub.errors import Unreadable
from hub.formats import Item

MOST_BYTES = 20_000_000
MOST_ELEMENTS = 500_000
DEEPEST = 60

HL7V3 = "urn:hl7-org:v3"
FHIR = "http://hl7.org/fhir"

Element = Any
"""An element of lxml, which ships no types."""


def parse(data: bytes, saying: Saying) -> Iterator[Item]:
    """
    One Item for the document: its message is the root element, its own id the one that its standard gives it.

    The encoding is what the document declares, UTF-8 where it declares none (XML 1.0 §4.3.3), whatever the line's
    charset says. Raises `Unreadable`: xml.too-large, empty, doctype, not-well-formed, too-deep or too-many-elements.
    """
    root = document(data)
    return iter((Item(data, own_id(root), root),))


def document(data: bytes) -> Element:
    """
    The root element of one document, without comments and processing instructions; raises `Unreadable`.

    A document type declaration is refused whatever it holds: no standard spoken here has one, and entities are how a
    parser is made to read files, call out or run out of memory. A fault is told by its line and never by its text.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable("xml.too-large", "", f"send at most {MOST_BYTES // 1_000_000} MB in one document")
    if not data.strip():
        raise Unreadable("xml.empty", "", "send one XML document")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        place = f"line {line}" if line else ""
        raise Unreadable("xml.not-well-formed", place, "send one well-formed XML document") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("xml.doctype", "", "send it without a document type declaration")
    _bounded(root)
    return root


def own_id(root: Element) -> str | None:
    """
    The sender's own id: of a FHIR message its MessageHeader's, of HL7 v3 the `id` of the root element.

    An HL7 v3 identifier is unique by its root (data type II). One without a root is somebody's number of something,
    such as that of the file which is answered, and may come again in another message: then there is none.
    """
    if root.tag == f"{{{FHIR}}}Bundle":
        found = root.find(f"{{{FHIR}}}entry/{{{FHIR}}}resource/{{{FHIR}}}MessageHeader/{{{FHIR}}}id")
        return None if found is None else found.get("value")
    if root.tag.startswith(f"{{{HL7V3}}}"):
        found = root.find(f"{{{HL7V3}}}id")
        if found is None or not found.get("root"):
            return None
        return "^".join(part for part in (found.get("root"), found.get("extension")) if part)
    return None


def render(root: Element) -> bytes:
    """A tree as UTF-8 with its declaration: the same tree is the same bytes."""
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return written


def _bounded(root: Element) -> None:
    depth = deepest = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest, count = max(deepest, depth), count + (event == "start")
        if deepest > DEEPEST:
            raise Unreadable("xml.too-deep", "", f"nest at most {DEEPEST} levels")
        if count > MOST_ELEMENTS:
            raise Unreadable("xml.too-many-elements", "", f"send at most {MOST_ELEMENTS} elements in one document")
