"""
CP-IS acknowledgement: what the national service says became of one upload file, or MESH of its delivery; of no child.

CP-IS Local Authority Acknowledgement Response (`FileResponse`, REPC_MT000003GB01; file codes CPF01 to CPF06, record
codes CPR01 to CPR07), and the reports that MESH sends where a message was not delivered. Which codes ask for the same
file once more, and which for a person, is in `connectors/cpis/README.md`.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from hub.acknowledgement import Acknowledgement
from hub.stream import Stream


class UploadAcknowledged(Acknowledgement):
    """What became of one upload (REPC_MT000003GB01), named by its sequence number; or by its delivery's id."""

    @model_validator(mode="after")
    def _names_a_file(self) -> Self:
        if self.number is None and self.message_id is None:
            raise PydanticCustomError("names_no_file", "say which file it is about: its number, or its delivery's id")
        if len({one.record for one in self.records}) < len(self.records):
            raise PydanticCustomError("record_named_twice", "one verdict for each record")
        return self


stream = Stream(
    name="cpis_acknowledgement",
    event=UploadAcknowledged,
    key=("number", "message_id"),
    keep="days",
    steward="integration",
    lane="urgent",
)
