"""What Adopt Thames Valley hears, in the codes of the Standard Safeguarding Dataset; it decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.outbound import Letter
from schemas.adoption_case.ssd import in_ssd_codes


def adoption_case_as_csv(letter: Letter) -> Mapping[str, Any]:
    """A child's case in SSD's codes, under the columns of agency.yaml."""
    return in_ssd_codes(letter.values)
