"""What Coram-i hears, in the codes of its quarterly collection; it decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.outbound import Letter
from schemas.adoption_case.ssd import in_ssd_codes


def adoption_case_as_csv(letter: Letter) -> Mapping[str, Any]:
    """One child's row in SSD's codes, which are the collection's: blank where there is nothing to say."""
    return in_ssd_codes(letter.values)
