"""The archive: policies as they were, each version with how its agency took delivery; who decides is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.agency import Hearing
from hub.catalog import Catalog, shaped, version_of
from hub.envelope import Record, stamp
from hub.errors import CatalogError
from hub.policy import Policy, Shape

TOPIC = "policies.v1"
"""Compacted, one record for each key, kept for ever; no personal data."""


class Delivery(Shape):
    """As much of agency.yaml as a decision looks at; who answers for the agency is not kept for ever."""

    hears: Mapping[str, Hearing] = {}


@dataclass(frozen=True, slots=True)
class Archived:
    """
    One version of one agency's policy, and one of the ways in which it was delivered.

    *version* is of policy.yaml and what receipts name; *delivery* is of how it *hears*, which can change beside it.
    *since* is when it was put on record, which is before it decided anything.
    """

    agency: str
    hears: Mapping[str, Hearing]
    policy: Policy
    version: str
    delivery: str
    since: str


class Archive:
    """
    What the topic holds, taken in record by record.

    A record whose texts are not those whose hashes it is kept under is as if it were not there, so that a forged one
    hides no true one; `refused` says which there were.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.refused: dict[str, str] = {}
        self._held: dict[str, Mapping[str, Any]] = {}
        for record in records:
            self.take(record)

    def take(self, record: Record) -> None:
        """Take in one record of the topic."""
        key = (record.key or b"").decode("utf-8", "replace")
        try:
            said = _unchanged(key, record.value or b"")
        except CatalogError as error:
            self.refused[key] = str(error)
        else:
            self._held.setdefault(key, said)

    def __contains__(self, record: Record) -> bool:
        return (record.key or b"").decode("utf-8", "replace") in self._held

    def of(self, agency: str, version: str) -> list[Archived]:
        """
        The policy of *agency* whose version is *version*, once for each way it was delivered, the newest first.

        Empty where no such version is kept. Raises CatalogError where one is, and today's checks find fault with it.
        """
        held = (self._held[key] for key in sorted(self._held) if key.startswith(f"{agency}/{version}/"))
        return sorted(map(_read, held), key=lambda one: one.since, reverse=True)


def records_of(catalog: Catalog, since: datetime) -> Iterator[Record]:
    """
    A record for each policy of *catalog*, put on record at *since*.

    Raises CatalogError where a policy's text is not the one that was loaded.
    """
    for name, policy in catalog.policies.items():
        document, agency = catalog.documents.get(f"connectors/{name}/policy.yaml"), catalog.agencies.get(name)
        if document is None or agency is None:
            continue  # a catalog that was made up in memory, of which no text can be kept
        if version_of(document.content) != policy.version:
            raise CatalogError([f"connectors/{name}/policy.yaml:1: is not the version that was loaded: load it again"])
        delivery = json.dumps(agency.model_dump(mode="json", include={"hears"}), ensure_ascii=False, sort_keys=True)
        value = {
            "agency": name, "version": policy.version, "policy": document.content.decode(),
            "delivery": delivery, "since": stamp(since),
        }  # fmt: skip
        key = f"{name}/{policy.version}/{version_of(delivery.encode())}"
        body = json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
        yield Record(TOPIC, key.encode(), body, (("content-type", b"application/json"),))


def _unchanged(key: str, value: bytes) -> Mapping[str, Any]:
    """What one record says; raises CatalogError where it is not what its key says."""
    try:
        said = json.loads(value)
        texts = tuple(version_of(said[name].encode()) for name in ("policy", "delivery"))
        kept_under = (said["agency"], *texts)
        datetime.fromisoformat(said["since"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CatalogError([f"{TOPIC}, {key}: cannot be read"]) from None
    if "/".join(kept_under) != key or said["version"] != texts[0]:
        raise CatalogError([f"{TOPIC}, {key}: the text is not the one whose hash this is: somebody changed it"])
    found: Mapping[str, Any] = said
    return found


def _read(said: Mapping[str, Any]) -> Archived:
    name, version, place = said["agency"], said["version"], f"{TOPIC}, {said['agency']}/{said['version']}"
    policy, faults = shaped(Policy, said["policy"].encode(), f"{place}, policy.yaml")
    delivery, more = shaped(Delivery, said["delivery"].encode(), f"{place}, agency.yaml")
    if policy is None or delivery is None:
        raise CatalogError([*faults, *more])
    policy = policy.model_copy(update={"version": version})
    return Archived(name, delivery.hears, policy, version, version_of(said["delivery"].encode()), said["since"])
