"""Agencies: the shape of agency.yaml: who they are, in what words they speak and listen, by what road."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from hub.policy import Shape

Format = Literal["hl7", "fhir", "csv", "xml", "json", "avro"]
Road = Literal["mllp", "https", "files", "sftp", "mesh", "kafka"]
HOLD_MANY = frozenset({"csv", "xml"})
"""The formats in which one file can hold many messages."""
BY_FILE = frozenset({"files", "sftp", "mesh"})
"""The roads on which whole files go."""
PSEUDONYM = "pseudonym"
"""What a column may hold instead of a field: the recipient's own key of the child, the same in every file."""


class Saying(Shape):
    """One line of `says`: the key under `says` is also the name of the function in inbound.py."""

    format: Annotated[Format, Field(description="The standard its bytes follow.")]
    by: Annotated[Road, Field(description="The road on which it comes.")]
    into: Annotated[tuple[str, ...], Field(min_length=1, description="The streams it can become.")]
    columns: Annotated[
        tuple[str, ...], Field(description="CSV: the columns without which a file is refused whole.")
    ] = ()
    charset: Annotated[
        Literal["utf-8", "iso-8859-1", "ascii"], Field(description="What bytes mean where they do not say.")
    ] = "utf-8"
    identifies: Annotated[
        Literal["certain", "probable"],
        Field(description="How sure identifiers that it says together are of one person; a traced number is certain."),
    ] = "probable"
    processing: Annotated[
        tuple[Literal["P", "T", "D"], ...],
        Field(
            min_length=1, description="HL7 and FHIR: for real (P), training (T), debugging (D); others are put aside."
        ),
    ] = ("P",)
    workflow: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9_.\-]{1,300}$",
            description="MESH: the workflow id of its messages; HUB_<AGENCY>_<LINE>_WORKFLOW names another.",
        ),
    ] = None


class Door(Shape):
    """One way in which a stream can be delivered to an agency."""

    format: Annotated[Format, Field(description="The standard in which it is rendered.")]
    by: Annotated[Road, Field(description="The road on which it goes.")]
    columns: Annotated[
        Mapping[str, str | None],
        Field(
            description="CSV: each column and the field that fills it; null for a column left empty, `pseudonym` for "
            "the key under which this recipient alone hears of the child."
        ),
    ] = {}
    opened_in: Annotated[
        Literal["spreadsheet", "machine"],
        Field(
            description="CSV: a spreadsheet, where what it would run as a formula gets an apostrophe before it; or a "
            "machine only, where nothing is changed."
        ),
    ] = "spreadsheet"
    batch: Annotated[int, Field(ge=1, le=10_000, description="Files: how many messages one file holds at most.")] = 1
    every: Annotated[
        str | None,
        Field(
            pattern=r"^([1-9]\d{0,3} (minutes|hours|days)|month|quarter)$",
            description="Files: how often one goes, such as `24 hours` or `quarter`; at once where nothing is said.",
        ),
    ] = None
    numbered: Annotated[
        bool, Field(description="Files: whether each has the next number of its lane, and none is left out.")
    ] = False
    newest: Annotated[
        bool,
        Field(
            description="Files: of several messages of one child only the newest goes; for events that say the whole "
            "state."
        ),
    ] = False
    acknowledged_by: Annotated[
        str | None,
        Field(
            description="The stream (a hub.acknowledgement) that says what became of each file; where none is named "
            "the road's own answer is the acknowledgement."
        ),
    ] = None
    workflow: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9_.\-]{1,300}$",
            description="MESH: the workflow id under which it goes; HUB_<AGENCY>_<STREAM>_WORKFLOW names another.",
        ),
    ] = None


class Hearing(Shape):
    """How one stream is delivered: the first door is used unless a setting names the road of another."""

    doors: Annotated[tuple[Door, ...], Field(min_length=1, description="The ways it can be delivered.")]
    addressed_by: Annotated[
        str | None,
        Field(description="A family of like recipients: the granted field that says whose message it is."),
    ] = None

    otherwise: Annotated[
        str | None,
        Field(description="The address used where that field is empty; without it such an event is withheld."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _one_door_needs_no_list(cls, value: Any) -> Any:
        if isinstance(value, dict) and "doors" not in value and "format" in value:
            door = {key: one for key, one in value.items() if key in Door.model_fields}
            return {key: one for key, one in value.items() if key not in door} | {"doors": [door]}
        return value


class Agency(Shape):
    """A service that speaks or listens; a service, not an organisation."""

    name: Annotated[str, Field(min_length=2, description="As its own letterhead spells it.")]
    steward: Annotated[str, Field(pattern=r"^\S+@\S+$", description="Whom to write to when it does not work.")]
    status: Annotated[
        Literal["live", "trial"], Field(description="A trial agency is tested but never sent anything.")
    ] = "live"
    says: Annotated[Mapping[str, Saying], Field(description="What it says, line by line.")] = {}
    hears: Annotated[Mapping[str, Hearing], Field(description="How it takes what its policy grants.")] = {}
    unneeded: Annotated[
        Mapping[str, Annotated[tuple[str, ...], Field(min_length=1)]],
        Field(
            description="CSV: files that its systems write too and that nobody here needs, each by the columns that "
            "tell it; one that is sent all the same is refused whole, and not kept."
        ),
    ] = {}
    key: Annotated[str, Field(exclude=True, description="The folder's name; set by the catalog.")] = ""
