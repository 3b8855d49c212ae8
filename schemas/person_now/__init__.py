"""
Person now: what the national demographics say of a person that was not overtaken by something newer; no history.

The events of `person_change` in an order that makes sense: of those about one person and one thing, none is older than
one that came before it. Whoever applies each as it comes ends with what holds, in whatever order they were told.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.person_change import PersonChanged
from schemas.person_change import stream as as_told


class PersonUpdated(PersonChanged):
    """An event about a person that was the newest of its kind when it came (NEMS, order by lastUpdated or version)."""


stream = replace(as_told, name="person_now", event=PersonUpdated)  # found and kept as what it comes of
