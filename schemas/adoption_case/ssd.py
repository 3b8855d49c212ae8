"""
The Standard Safeguarding Dataset's own codes for an adoption case (`ssd_permanence`), which the quarterly collection
shares; nothing here knows who hears them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from schemas.adoption_case import OrderType

ORDER_TYPES: Final[Mapping[OrderType, str]] = MappingProxyType(
    {"adoption": "Adoption", "special_guardianship": "SGO", "child_arrangements": "CAO/RO"}
)
"""SSD `perm_permanence_order_type`."""


def in_ssd_codes(values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* of a case with its order by SSD's name, and with 1 or 0 for whether siblings are to be together."""
    group = values["siblings_group"]
    return {
        **values,
        "order_type": ORDER_TYPES.get(values["order_type"]),
        "siblings_group": None if group is None else int(group),
    }
