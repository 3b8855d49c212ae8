"""Drift, as ops is told of it: what differs on the cluster, as troubles; who looks, and when, is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from hub.drift import Difference
from hub.ops.picture import Trouble


def troubles(found: Iterable[Difference]) -> tuple[Trouble, ...]:
    """What a person should look at, of the differences: one for each topic or principal that is not as it should be."""
    by_subject: dict[tuple[str, str], list[Difference]] = {}
    for one in found:
        of = "access" if one.subject in ("acl", "user", "security") else "drift"
        by_subject.setdefault((of, one.about), []).append(one)
    return tuple(
        Trouble(
            severity="trouble" if of == "access" or any(_grave(one) for one in some) else "warning",
            code=f"cluster.{of}",
            sentence=some[0].sentence + (f"; and {len(some) - 1} more" if len(some) > 1 else ""),
        )
        for (of, _), some in by_subject.items()
    )


def _grave(one: Difference) -> bool:
    """A topic that is missing, or of which less is kept or by fewer copies than is promised."""
    return one.change == "make" or one.what in ("retention.ms", "cleanup.policy", "min.insync.replicas")
