"""What the identity index adds to a message, on SQLite on disk, against reading and understanding it, in one run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from hub import catalog as catalogs
from hub.identity.registry import Registry
from hub.inbound import Line, Outcome, read
from hub.keys import Keys
from hub.store import engine, reading
from hub.store.identity import SqlIndex
from hub.store.identity_tables import links
from tests.bench.events import numbers
from tests.bench.hl7 import messages

KEYS = Keys(b"a secret for tests, of 32 bytes.")
NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
HELD = 50_000


def milliseconds(work: Callable[[], object], count: int) -> float:
    """Of process time for each of *count*, so that other work on the machine counts less."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000 / count


def main() -> None:
    """An index that already holds 50,000 children; then messages that say something new, and the same again."""
    loaded = catalogs.load()
    line = loaded.line("great_western_hospital", "adt")
    which, raws = messages()
    with tempfile.TemporaryDirectory() as folder:
        store = engine(f"sqlite:///{Path(folder) / 'hub.db'}")
        registry = Registry(KEYS, SqlIndex(store, KEYS))
        fill(registry, loaded.line("social_care", "demographics"))
        with reading(store) as connection:
            held = connection.execute(select(func.count()).select_from(links)).scalar_one()
        outcomes: list[list[Outcome]] = []
        reads = milliseconds(lambda: outcomes.extend(list(read(line, raw, KEYS)) for raw in raws), len(raws))

        def each() -> None:
            for one in outcomes:
                registry.keep(registry.settle(line, one, NOW)[1])

        first = milliseconds(each, len(raws))
        again = sorted(milliseconds(each, len(raws)) for _ in range(3))[1]
        together = [one for some in outcomes for one in some]
        whole = milliseconds(lambda: registry.keep(registry.settle(line, together, NOW)[1]), len(raws))
        store.dispose()
    print(f"{len(raws)} {which}, one core, an index of {held:,} links on SQLite")
    print(f"  read + understood                        {reads:6.3f} ms a message ({1000 / reads:,.0f}/s)")
    print(f"  identified, what it says being new       {first:6.3f} ms")
    print(f"  identified, what it says being known     {again:6.3f} ms ({1000 / (reads + again):,.0f}/s with reading)")
    print(f"  identified, all in one file              {whole:6.3f} ms")


def fill(registry: Registry, line: Line) -> None:
    """Demographics of many children, as one extract says them."""
    head = "CHILD_ID,NHS_NUMBER,UPN,SURNAME,FORENAME,DOB,RESTRICTED"
    rows = [f"K{n},{number},,Quill,Ada,05/09/2015,N" for n, number in enumerate(numbers(HELD))]
    for start in range(0, HELD, 5_000):
        data = "\r\n".join([head, *rows[start : start + 5_000]]).encode()
        registry.keep(registry.settle(line, list(read(line, data, KEYS)), NOW)[1])


if __name__ == "__main__":
    main()
