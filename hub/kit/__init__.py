"""
A kit: the folder that a partner is handed, with all that its engineers need to take delivery; no secret, nobody else's.

The same catalog gives the same bytes, so that what was handed over can be compared with what holds today.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from hub.agency import Agency
from hub.avro import granted_schemas
from hub.catalog import Catalog
from hub.document import near
from hub.errors import CatalogError
from hub.kit.connection import Places, settings
from hub.kit.consumer import REQUIRES, consumer
from hub.kit.fields import heard
from hub.kit.json_schema import json_schema
from hub.kit.page import Told, page
from hub.kit.samples import MOMENT, Sample, samples
from hub.notice.register import register

SECRETS = "secrets/.gitignore"


def kit(catalog: Catalog, agency: str, places: Places) -> dict[str, bytes]:
    """
    Every file of the kit, by its path in the folder; for one that reads nothing from Kafka samples and page alone.

    Raises CatalogError, with what there is, for an agency that there is not or that hears nothing.
    """
    if agency not in catalog.agencies:
        raise CatalogError([f"no agency {agency!r}; {near(agency, catalog.agencies)}"])
    whom, shown = catalog.agencies[agency], list(samples(catalog, agency))
    told = list(_told(catalog, whom, shown))
    if not told or catalog.notice is None:
        raise CatalogError([f"{agency} hears nothing: no policy grants it a stream that it takes (`hub notice`)"])
    made = {"README.html": page(whom, catalog.notice, told, places)}
    made |= {name: content for one in shown for name, content in _sample(catalog, one)}
    mine = [one for one in told if one.door.by == "kafka"]
    for one in mine:
        name, schema = one.stream.name, granted_schemas(one.stream, one.grant)[1]
        made[f"schemas/{name}.avsc"] = _text(schema)
        if one.door.format == "json":
            made[f"schemas/{name}.schema.json"] = _text(json_schema(schema))
    if mine:
        form = "avro" if any(one.door.format == "avro" for one in mine) else "json"
        made["consumer.py"] = consumer(form, [one.topic for one in mine])
        made["requirements.txt"] = REQUIRES[form].encode()
        made[SECRETS] = b"# What lies here is yours alone, and goes into no repository.\n*\n!.gitignore\n"
        made |= settings(whom, places, avro=form == "avro")
    return dict(sorted(made.items()))


def _told(catalog: Catalog, agency: Agency, shown: list[Sample]) -> Iterator[Told]:
    policy = catalog.policies.get(agency.key)
    flows = {one.subject.stream: one for one in register(catalog, now=MOMENT).of_agency().get(agency.key, [])}
    for name, hearing in agency.hears.items():
        if policy is None or name not in policy.hears:
            continue
        stream, grant, door = catalog.streams[name], policy.hears[name], hearing.doors[0]
        many = len({one.name for one in shown if one.stream == name})
        fields = list(heard(flows[name], stream, grant, door))
        yield Told(flows[name], stream, grant, door, stream.topic_to(agency.key), fields, many)


def _sample(catalog: Catalog, one: Sample) -> Iterator[tuple[str, bytes]]:
    """The bytes as they arrive; of a record its key and headers beside them, and what Avro's bytes say."""
    place = f"samples/{one.stream}/{one.name}"
    yield f"{place}{one.suffix}", one.value
    if one.door:
        return
    record: dict[str, Any] = {"topic": one.topic, "key": one.key}
    record["headers"] = {name: value.decode() for name, value in one.headers}
    if one.suffix == ".avro":
        record["says"] = catalog.lock.codec(one.value).decode(one.value)
    yield f"{place}.record.json", _text(record)


def _text(said: Mapping[str, Any]) -> bytes:
    return (json.dumps(said, indent=1, ensure_ascii=False, default=date.isoformat) + "\n").encode()
