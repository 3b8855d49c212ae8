"""
Answers: what Confluent's Schema Registry says to each question that a reader asks, in its words and codes; pure.

Paths, members, codes and messages are those of Confluent's "Schema Registry API Reference" (Confluent Platform, v1),
so that deserialisers and tools off the shelf need not be told that this is another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from hub.registry.shelf import Registered

CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
LATEST: Final = frozenset({"latest", "-1"})
MOST_VERSION: Final = 2**31 - 1
READING: Final = frozenset({"GET", "HEAD"})


class Answer(NamedTuple):
    """A status of HTTP, and what stands in the body as JSON; *body* of type bytes stands as it is."""

    status: int
    body: Any


def refused(status: int, code: int, message: str) -> Answer:
    """A refusal, as the registry's clients read it; *code* begins with *status*."""
    return Answer(status, {"error_code": code, "message": message})


def answer(seen: Sequence[Registered], method: str, path: Sequence[str], query: Mapping[str, str]) -> Answer:
    """
    The answer to one question of a caller who may see what is in *seen*, and to whom there is nothing else.

    *path* are the parts of the address. What belongs to somebody else is answered to the letter as what never was.
    """
    if method not in READING:
        return _written(path)
    match path:
        case [] | [""]:
            return Answer(200, {})
        case ["schemas", "types"]:
            return Answer(200, ["AVRO"])
        case ["schemas", "ids", said, *rest]:
            return _by_id(seen, said, rest, query)
        case ["schemas"]:
            return _listed(seen, query)
        case ["subjects"]:
            found = dict.fromkeys(one.subject for one in seen)
            return Answer(200, sorted(one for one in found if one.startswith(query.get("subjectPrefix", ""))))
        case ["subjects", subject, "versions", *rest] if len(rest) <= 2:
            return _of_subject([one for one in seen if one.subject == subject], subject, rest)
        case ["config" | "mode" as what]:
            return Answer(200, _RULES[what])
        case ["config" | "mode" as what, subject]:
            return _rule(what, subject, query)
    return refused(404, 404, "HTTP 404 Not Found")


_RULES: Mapping[str, Mapping[str, str]] = {"config": {"compatibilityLevel": "NONE"}, "mode": {"mode": "READONLY"}}
"""
A policy that grants a field less or more makes another version that need not fit the one before: every record is read
by the id that it carries. And nothing is registered from outside.
"""


def _rule(what: str, subject: str, query: Mapping[str, str]) -> Answer:
    """What holds for one subject is what holds for all, which is only told to whoever asks for it in that way."""
    if query.get("defaultToGlobal", "").lower() == "true":
        return Answer(200, _RULES[what])
    code, word = {"config": (40408, "compatibility"), "mode": (40409, "mode")}[what]
    return refused(404, code, f"Subject '{subject}' does not have subject-level {word} configured")


def _written(path: Sequence[str]) -> Answer:
    if path[:1] == ["subjects"] and len(path) > 1:
        return refused(422, 42205, f"Subject {path[1]} is in read-only mode")
    return refused(405, 405, "HTTP 405 Method Not Allowed")


def _by_id(seen: Sequence[Registered], said: str, rest: Sequence[str], query: Mapping[str, str]) -> Answer:
    if not _is_number(said) or len(rest) > 1:
        return refused(404, 404, "HTTP 404 Not Found")
    number, subject = int(said), query.get("subject", "")
    found = next((one for one in seen if one.id == number), None)
    # Where the id is not the subject's the registry looks on, for the same schema elsewhere: an id is one schema
    if found is None:
        return refused(404, 40403, f"Schema {number} not found")
    match rest:
        case []:
            most = {"maxId": max(one.id for one in seen)} if query.get("fetchMaxId", "").lower() == "true" else {}
            place = {"subject": found.subject, "version": found.version, "id": found.id} if subject else {}
            return Answer(200, {**place, "schema": found.schema, **most})
        case ["schema"]:
            return Answer(200, found.schema.encode())
        case ["subjects"]:
            return Answer(200, [found.subject] if subject in ("", found.subject) else [])
        case ["versions"]:
            pair = {"subject": found.subject, "version": found.version}
            return Answer(200, [pair] if subject in ("", found.subject) else [])
    return refused(404, 404, "HTTP 404 Not Found")


def _listed(seen: Sequence[Registered], query: Mapping[str, str]) -> Answer:
    asked = [one for one in seen if one.subject.startswith(query.get("subjectPrefix", ""))]
    if query.get("latestOnly", "").lower() == "true":
        asked = list({one.subject: one for one in asked}.values())
    return Answer(200, [_whole(one) for one in sorted(asked, key=lambda one: (one.subject, one.version))])


def _of_subject(versions: Sequence[Registered], subject: str, rest: Sequence[str]) -> Answer:
    if not versions:
        return refused(404, 40401, f"Subject '{subject}' not found.")
    if not rest:
        return Answer(200, [one.version for one in versions])
    said, part = rest[0], rest[1:]
    if said not in LATEST and not (_is_number(said) and 1 <= int(said) <= MOST_VERSION):
        allowed = 'Allowed values are between [1, 2^31-1] and the string "latest"'
        return refused(422, 42202, f"The specified version '{said}' is not a valid version id. {allowed}")
    found = versions[-1] if said in LATEST else next((one for one in versions if one.version == int(said)), None)
    if found is None:
        return refused(404, 40402, f"Version {said} not found.")
    match part:
        case []:
            return Answer(200, _whole(found))
        case ["schema"]:
            return Answer(200, found.schema.encode())
        case ["referencedby"]:
            return Answer(200, [])
    return refused(404, 404, "HTTP 404 Not Found")


def _whole(one: Registered) -> dict[str, Any]:
    return {"subject": one.subject, "version": one.version, "id": one.id, "schema": one.schema}


def _is_number(said: str) -> bool:
    return said.isascii() and said.isdigit() and len(said) <= 10


def written(body: Any) -> bytes:
    """A body as it goes out."""
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
