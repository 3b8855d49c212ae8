"""Events to measure with: invented children, about one kilobyte each, keyed as the gateway keys them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.keys import Keys

WEIGHTS = range(10, 1, -1)


def nhs_number(serial: int) -> str:
    """The *serial*-th valid number of the range 999 000 0000 to 999 999 9999, which is never issued."""
    body = f"999{serial:06d}"
    check = 11 - sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11
    return "" if check == 10 else f"{body}{0 if check == 11 else check}"


def numbers(count: int) -> list[str]:
    """The first *count* such numbers."""
    found: list[str] = []
    serial = 1
    while len(found) < count:
        if number := nhs_number(serial):
            found.append(number)
        serial += 1
    return found


def demographics(catalog: Catalog, keys: Keys, count: int, seed: int = 1) -> Iterator[Record]:
    """*count* demographic events of one kilobyte, which CHIS hears and nobody else."""
    chance, stream = random.Random(seed), catalog.streams["child_demographics"]
    codec, now, children = catalog.codec(stream), datetime.now(UTC), numbers(2_000)
    for index in range(count):
        number = chance.choice(children)
        event = stream.event.model_validate({
            "child": {
                "nhs_number": number, "surname": f"Surname{index}", "forename": "Invented", "sex": "F",
                "born": "2019-03-04", "restricted": False, "ethnicity": "WBRI",
                "ethnicity_description": "x" * 120,
                "address": {"line_1": f"{index} Made-up Street", "line_2": "y" * 120, "town": "Swindon",
                            "county": "z" * 120, "postcode": "SN99 9ZZ"},
            },
            "school": {"urn": "990001", "name": "I" * 80, "dfe_number": "8669001"},
            "parents": [{"name": "P" * 100, "relationship": "mother", "email": "p" * 60 + "@example.org"},
                        {"name": "Q" * 100, "relationship": "father", "email": "o" * 60 + "@example.org"}],
        }).model_dump()  # fmt: skip
        event_id = keys.event_id("bench", "bench", str(index), 0)
        papers = Envelope(event_id, "/bench", stream.topic, now, traceparent(event_id))
        key = keys.subject(stream, event, otherwise=event_id)
        yield Record(stream.topic, key.encode(), codec.encode(event), papers.headers())
