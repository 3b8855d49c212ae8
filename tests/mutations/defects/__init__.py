"""The defects, by the part of the gate that they are seeded into."""

from __future__ import annotations

from .deciding import DECISION, SEALED
from .gating import GATED
from .governing import GOVERNED
from .knowing import LIMIT, VIEWED
from .leaving import LEFT
from .telling import TOLD, WATCH

DEFECTS = (*DECISION, *SEALED, *GATED, *VIEWED, *LIMIT, *LEFT, *TOLD, *GOVERNED, *WATCH)
