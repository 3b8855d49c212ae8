"""Silence: a topic to which nothing came for longer than ever lately, nights, weekends and holidays included."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hub.log import note

LATELY = timedelta(days=28)
ENOUGH = timedelta(days=8)
"""So long a topic must have been watched, a whole week and a day, before its silence says anything."""
AWAY = timedelta(minutes=10)
"""Where nobody looked for longer, nothing is known of the time between."""


class Silence:
    """What is known of the pauses of each topic: the longest of each of the last days, kept in a file."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._since: dict[str, datetime] = {}
        self._last: dict[str, datetime] = {}
        self._longest: dict[str, dict[str, float]] = {}
        self._looked: datetime | None = None
        if file is not None and file.exists():
            try:
                self._take(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                note("ops", "what is known of silence could not be read", kind=type(error).__name__)

    def see(self, topics: Collection[str], came: Collection[str], now: datetime) -> None:
        """Take in to which of *topics* something came since the last look."""
        away = self._looked is not None and now - self._looked > AWAY
        for topic in topics:
            self._since.setdefault(topic, now)
            last = self._last.get(topic)
            if last is None or away:
                self._last[topic] = now
            elif topic in came:
                days = self._longest.setdefault(topic, {})
                day = now.date().isoformat()
                days[day] = max(days.get(day, 0.0), (now - last).total_seconds())
                for old in [one for one in days if one < (now - LATELY).date().isoformat()]:
                    del days[old]
                self._last[topic] = now
        self._looked = now

    def silent(self, topic: str, now: datetime) -> datetime | None:
        """Since when a topic is silent for longer than ever lately; None where it is not, or too little is known."""
        days, last = self._longest.get(topic), self._last.get(topic)
        if not days or last is None or now - self._since[topic] < ENOUGH:
            return None
        return last if (now - last).total_seconds() > max(days.values()) else None

    def keep(self) -> None:
        """Write it down."""
        if self._file is None or self._looked is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        said = {
            "looked": self._looked.isoformat(),
            "topics": {
                topic: {"since": since.isoformat(), "last": self._last[topic].isoformat(),
                        "longest": self._longest.get(topic, {})}
                for topic, since in self._since.items()
            },
        }  # fmt: skip
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(said), encoding="utf-8")
        part.replace(self._file)

    def _take(self, said: dict[str, Any]) -> None:
        for topic, one in said["topics"].items():
            self._since[topic] = datetime.fromisoformat(one["since"])
            self._last[topic] = datetime.fromisoformat(one["last"])
            self._longest[topic] = {str(day): float(seconds) for day, seconds in one["longest"].items()}
        self._looked = datetime.fromisoformat(said["looked"])
