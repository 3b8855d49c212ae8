"""
Metrics: what a process counts of itself for Prometheus, under labels from closed sets; never what a message says.

`families` is the list of all that a process counts; `closed` says which values each label may have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

__all__ = [
    "CONTENT_TYPE",
    "FAMILIES",
    "OTHER",
    "REGISTRY",
    "Child",
    "Family",
    "close",
    "closed",
    "exposed",
    "folded",
    "reset",
]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format, which every version of it reads."""
OTHER = "other"
REGISTRY = CollectorRegistry(auto_describe=False)
"""The hub's own, so that no library adds to what is told; of the process itself it has `process_*`."""
FAMILIES: dict[str, Family] = {}
"""By the name under which Prometheus knows it, every family that a process can count."""
_CLOSED: dict[str, frozenset[str]] = {}

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, of which nobody asks anything
ProcessCollector(registry=REGISTRY)


class Child(Protocol):
    """One series."""

    def inc(self, amount: float = 1) -> None:
        """Count."""

    def set(self, value: float) -> None:
        """Say how much there is now."""

    def observe(self, amount: float) -> None:
        """Say how much it was this time."""

    def set_function(self, ask: Callable[[], float]) -> None:
        """Say who knows how much there is, whenever somebody asks."""


class _Nothing:
    """The series of a process that counts nothing: files carried once, in memory, and most tests."""

    def inc(self, amount: float = 1) -> None: ...

    def set(self, value: float) -> None: ...

    def observe(self, amount: float) -> None: ...

    def set_function(self, ask: Callable[[], float]) -> None: ...


_NOTHING = _Nothing()


class Family:
    """
    One metric: *name* with its unit, what it *means*, and the *labels* that tell its series apart.

    A value that its label's closed set does not hold is a mistake in the code: `TypeError`, as for a key of the log.
    Until `close` was called nothing is counted.
    """

    def __init__(
        self, kind: type[Counter | Gauge | Histogram], name: str, means: str, *labels: str, **more: Any
    ) -> None:
        self.name, self.means, self.labels, self.kind = name, means, labels, kind
        self._more = more
        self._children: dict[tuple[str, ...], Child] = {}
        self._metric = self._made()
        self._told = False  # by a process that counts it: the gateway has no canaries, not even none
        FAMILIES[name] = self

    def _made(self) -> Any:
        return self.kind(self.name, self.means, self.labels, registry=None, **self._more)

    def of(self, **labels: str) -> Child:
        """The series of *labels*; made when it is first asked for."""
        if labels.keys() != set(self.labels):
            raise TypeError(f"{self.name} has the labels {', '.join(self.labels) or 'none'}")
        values = tuple(labels[name] for name in self.labels)
        child = self._children.get(values)
        if child is not None:
            return child
        if not _CLOSED:
            return _NOTHING
        for name, value in labels.items():
            if value not in _CLOSED.get(name, ()):
                raise TypeError(f"{self.name}: what stands for {name} is none of its closed set")
        if not self._told:
            REGISTRY.register(self._metric)
            self._told = True
        made: Child = self._metric.labels(*values) if values else self._metric
        self._children[values] = made
        return made

    def forget(self, **labels: str) -> None:
        """Drop every series that has these *labels*: what is no longer so must not stand there as if it were."""
        alike = [one for one in self._children if labels.items() <= dict(zip(self.labels, one, strict=True)).items()]
        for values in alike:
            del self._children[values]
            self._metric.remove(*values)

    def reset(self) -> None:
        """As if nothing had been counted."""
        if self._told:
            REGISTRY.unregister(self._metric)
        self._children.clear()
        self._metric, self._told = self._made(), False


def close(sets: Mapping[str, Collection[str]]) -> None:
    """Begin to count, with these closed *sets* of label values; called again, as when policies change, they replace."""
    _CLOSED.clear()
    _CLOSED.update({name: frozenset(values) for name, values in sets.items()})


def closed(label: str) -> frozenset[str]:
    """The values that *label* may have."""
    return _CLOSED.get(label, frozenset())


def folded(label: str, value: str) -> str:
    """
    *value* where the set of *label* holds it, else `other`, after its first word where that is known.

    For codes that come of what somebody else sent, which may say anything: they are counted, and not repeated.
    """
    known = closed(label)
    if value in known or not known:
        return value
    family = f"{value.partition('.')[0]}.{OTHER}"
    return family if family in known else OTHER


def reset() -> None:
    """Count nothing any more, and forget what was counted; for tests."""
    _CLOSED.clear()
    for family in FAMILIES.values():
        family.reset()


def exposed(registry: CollectorRegistry = REGISTRY) -> bytes:
    """All that is counted, as Prometheus reads it."""
    return generate_latest(registry)
