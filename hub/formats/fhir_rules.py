"""FHIR R4's rules of messaging: what a message bundle must be whoever sends it; what it says is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fhir.resources.R4B.bundle import Bundle

from hub.errors import Unreadable


def check_message(bundle: Bundle) -> None:
    """
    The rules of FHIR R4 messaging, with what NHS England's messaging adds; raises `Unreadable` at the first broken.

    A bundle of type message with a timestamp; its first entry, and no other, a MessageHeader; a `urn:uuid:`
    fullUrl on every entry, each once and agreeing with the resource's id; every focus in the bundle, at least
    one; and no `urn:uuid:` reference, nor one to a contained resource, that leads nowhere.
    """
    if bundle.type != "message":
        raise Unreadable("fhir.type", "Bundle.type", "the type of a message bundle is message")
    if bundle.timestamp is None:
        raise Unreadable("fhir.timestamp", "Bundle.timestamp", "say when the bundle was put together")
    entries = bundle.entry or []
    resources: list[Any] = [entry.resource for entry in entries]
    kinds = [one.get_resource_type() if one is not None else "" for one in resources]
    if not kinds or kinds[0] != "MessageHeader" or "MessageHeader" in kinds[1:]:
        raise Unreadable("fhir.header", "Bundle.entry[0]", "the first entry, and no other, is the MessageHeader")
    urls: set[str] = set()
    for index, entry in enumerate(entries):
        place = f"Bundle.entry[{index}].fullUrl"
        url = str(entry.fullUrl or "")
        if re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", url) is None:
            raise Unreadable("fhir.full-url", place, "give each entry a urn:uuid: in lower case")
        if url in urls:
            raise Unreadable("fhir.full-url-twice", place, "give each entry its own fullUrl")
        if resources[index] is None or resources[index].id not in (None, url.removeprefix("urn:uuid:")):
            raise Unreadable("fhir.id", f"Bundle.entry[{index}].resource.id", "let id and fullUrl agree")
        urls.add(url)
    focus = resources[0].focus or []
    if not focus or any(str(one.reference or "") not in urls for one in focus):
        raise Unreadable("fhir.focus", "MessageHeader.focus", "the focus of a message is an entry of its own bundle")
    for index, resource in enumerate(resources):
        held = {f"#{one.id}" for one in getattr(resource, "contained", None) or []} | {"#"}
        for reference in _references(resource.model_dump(mode="json")):
            lost = reference.startswith("urn:uuid:") and reference not in urls
            if lost or (reference.startswith("#") and reference not in held):
                raise Unreadable("fhir.reference", f"Bundle.entry[{index}]", "a reference leads nowhere")


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "reference" and isinstance(one, str):
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)
