"""Parts: the base of models that a partner's own document is read into; of no standard, for any partner."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Part(BaseModel):
    """A part of a document: nothing unknown in it, and no value in any error; what is blank is absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _blank_is_absent(cls, values: Any) -> Any:
        """Case systems and forms write an empty string, or null, for what was never filled in."""
        if not isinstance(values, dict):
            return values
        blank = {name for name, one in values.items() if one is None or (isinstance(one, str) and not one.strip())}
        return {name: one for name, one in values.items() if name not in blank}
