"""History: how much was undelivered and how old it was, finely for an hour and coarsely for a week; numbers only."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from hub.log import note
from hub.ops.picture import Point

Way = tuple[str, str]
"""An agency and a stream."""


class Tier(NamedTuple):
    """One resolution: a point for so many *seconds*, so *many* of them."""

    seconds: int
    many: int


TIERS = (Tier(10, 360), Tier(60, 1440), Tier(900, 672))
"""An hour, a day, a week: 59 KB for each agency and stream."""


class _Series:
    """Points of one resolution, the oldest first: begin of the time they stand for, and the worst of it."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self.at, self.undelivered, self.age = array("d"), array("d"), array("d")

    def add(self, at: float, undelivered: int, age: float) -> None:
        """Take one more; what stands for the same time becomes the worse of the two."""
        begin = at // self.tier.seconds * self.tier.seconds
        if self.at and self.at[-1] >= begin:
            self.undelivered[-1] = max(self.undelivered[-1], undelivered)
            self.age[-1] = max(self.age[-1], age)
            return
        for values, value in ((self.at, begin), (self.undelivered, undelivered), (self.age, age)):
            values.append(value)
            if len(values) > self.tier.many:
                del values[0]

    def points(self) -> list[Point]:
        """As points."""
        rows = zip(self.at, self.undelivered, self.age, strict=True)
        return [Point(at=datetime.fromtimestamp(at, UTC), undelivered=int(count), age=age) for at, count, age in rows]


class History:
    """
    Points of every agency and stream, bounded in memory; `keep` writes them to a file, and a new one begins with it.

    A file that cannot be read is begun anew: nothing hangs on it but plots.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._ways: dict[Way, tuple[_Series, ...]] = {}
        if file is not None and file.exists():
            try:
                self._ways = _read(file)
            except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
                note("ops", "the history could not be read and begins anew", kind=type(error).__name__)

    def add(self, way: Way, at: datetime, undelivered: int, age: float) -> None:
        """One more look at one agency and stream; *age* in seconds."""
        for series in self._ways.setdefault(way, tuple(map(_Series, TIERS))):
            series.add(at.timestamp(), undelivered, age)

    def points(self, way: Way) -> Sequence[Point]:
        """All that is known of one, the oldest first: the finest there is of each time."""
        found: list[Point] = []
        for series in self._ways.get(way, ()):
            finer = found[0].at if found else datetime.max.replace(tzinfo=UTC)
            found = [*(point for point in series.points() if point.at < finer), *found]
        return found

    def keep(self) -> None:
        """Write it down, whole or not at all."""
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        index = [[*way, [len(series.at) for series in of]] for way, of in self._ways.items()]
        with part.open("wb") as file:
            file.write(json.dumps({"tiers": TIERS, "ways": index}).encode() + b"\n")
            for of in self._ways.values():
                for series in of:
                    for values in (series.at, series.undelivered, series.age):
                        values.tofile(file)
        part.replace(self._file)


def _read(path: Path) -> dict[Way, tuple[_Series, ...]]:
    found: dict[Way, tuple[_Series, ...]] = {}
    with path.open("rb") as file:
        said = json.loads(file.readline())
        if [tuple(one) for one in said["tiers"]] != list(TIERS):
            raise ValueError("written with other resolutions")
        for agency, stream, lengths in said["ways"]:
            of = tuple(map(_Series, TIERS))
            for series, length in zip(of, lengths, strict=True):
                for values in (series.at, series.undelivered, series.age):
                    values.fromfile(file, length)
            found[agency, stream] = of
    return found
