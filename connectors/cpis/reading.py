"""How CP-IS's messages are read: an element by its way through the HL7 v3 namespace, an attribute that is said."""

from __future__ import annotations

from hub.errors import NotUnderstood
from hub.formats.xml import HL7V3, Element

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def path(names: str) -> str:
    """`a/b/c` as lxml finds it."""
    return "/".join(f"{{{HL7V3}}}{name}" for name in names.split("/"))


def all_of(holder: Element, names: str) -> list[Element]:
    """The elements at the end of a way, but for those that are said to be nothing."""
    return [one for one in holder.findall(path(names)) if one.get(_NIL) not in ("true", "1")]


def said(holder: Element | None, names: str, attribute: str) -> str | None:
    """What an attribute says, or None where it is not there or is empty."""
    found = None if holder is None else holder.find(path(names))
    return None if found is None else (found.get(attribute) or "").strip() or None


def needed(holder: Element, names: str, attribute: str, place: str = "") -> str:
    """The same; raises `NotUnderstood` (`cpis.missing`) where it is not there."""
    value = said(holder, names, attribute)
    if value is None:
        where = "/".join(part for part in (place, names) if part)
        raise NotUnderstood("cpis.missing", f"{where}@{attribute}", "write it: the standard asks for it")
    return value


def words(element: Element | None, most: int = 120) -> str | None:
    """All text in an element and below it, its parts joined by a space; at most *most* characters."""
    text = "" if element is None else " ".join(" ".join(element.itertext()).split())
    return text[:most].strip() or None
