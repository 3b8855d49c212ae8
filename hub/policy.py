"""Policies: what one agency may hear of a stream, and why; the decision is a value, and doubt withholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from hub import gates, seals
from hub.case import Case
from hub.deadline import ENGLAND, WORDS
from hub.deadline import parse as parse_deadline
from hub.stream import pick

Sentence = Annotated[str, StringConstraints(min_length=12, strip_whitespace=True)]
Value = str | bool | int


def _said(within: str) -> str:
    parse_deadline(within)
    return within


class Shape(BaseModel):
    """What a YAML file may hold: nothing unknown, nothing changed after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Basis(Shape):
    """The legal ground in UK GDPR and the Data Protection Act 2018."""

    article6: Annotated[Literal["c", "d", "e"], Field(description="UK GDPR article 6(1) condition.")]
    article9: Annotated[
        Literal["b", "c", "g", "h", "i", "j"] | None,
        Field(description="UK GDPR article 9(2) condition, where special category data is heard."),
    ] = None
    schedule1: Annotated[
        int | None, Field(ge=1, le=37, description="Data Protection Act 2018 Schedule 1 paragraph.")
    ] = None
    statute: Annotated[str | None, Field(min_length=5, description="The duty or power to share, as cited.")] = None


class EvenIf(Shape):
    """What is heard even where the rest of an event is kept back; each list is a part of what is granted."""

    uncertain: Annotated[
        tuple[str, ...],
        Field(description="Fields heard though it is not certain who the child is: a pointer, such as whom to call."),
    ] = ()
    opted_out: Annotated[
        tuple[str, ...],
        Field(description="Fields heard though the family opted out: name, address, date of birth."),
    ] = ()


class Grant(Shape):
    """One line of `hears`: what an agency may hear of one stream."""

    because: Annotated[Sentence, Field(description="Why this agency needs it, in a sentence a parent can read.")]
    notice: Annotated[str, Field(min_length=3, description="The section of the published privacy notice.")]
    basis: Annotated[Basis, Field(description="The legal ground.")]
    gate: Annotated[
        Literal["statute", "consent", "contact-stage", "significant-harm", "opt-out"],
        Field(description="The promise of the privacy notice that must hold for each event."),
    ]
    where: Annotated[
        Mapping[str, tuple[Value, ...]],
        Field(description="Only events whose fields have one of these values; all lines must hold."),
    ] = {}
    fields: Annotated[
        tuple[str, ...], Field(min_length=1, description="The fields that are heard as they are, by path.")
    ]
    coarse: Annotated[Mapping[str, str], Field(description="Fields heard only coarsened, each with its word.")] = {}
    even_if: Annotated[EvenIf, Field(description="What is heard even where the rest is kept back.")] = EvenIf()
    kept: Annotated[
        str,
        Field(pattern=r"^[1-9]\d{0,3} (hours|days)$", description="How long the hub keeps what it published."),
    ]
    within: Annotated[
        str | None,
        AfterValidator(lambda within: within if within is None else _said(within)),
        Field(
            description="By when it must have arrived, counted from when the hub took it in: `5 minutes`, `24 hours`, "
            "`1 working day`, `next school day 08:30`.",
            json_schema_extra={"pattern": WORDS},
        ),
    ] = None


class Policy(Shape):
    """The shape of policy.yaml: everything one agency may hear. What is not written is not heard."""

    agreement: Annotated[str, Field(min_length=3, description="The information sharing agreement's reference.")]
    expires: Annotated[date, Field(description="The last day on which anything is released.")]
    hears: Annotated[Mapping[str, Grant], Field(description="One entry for each stream.")]
    version: Annotated[str, Field(exclude=True, description="Hash of the file; set by the catalog.")] = ""

    @cached_property
    def ends(self) -> datetime:
        """The first moment at which nothing is released any more: midnight in England after the last day."""
        return datetime.combine(self.expires + timedelta(days=1), time(), ENGLAND).astimezone(UTC)

    def ended(self, now: datetime) -> bool:
        """Whether the agreement's last day is over: nothing is released any more, and nothing leaves."""
        return now >= self.ends


@dataclass(frozen=True, slots=True)
class Released:
    """The grant holds for this event, which *relied* on `statute`, `consent` or an `override`."""

    grant: Grant
    relied: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """Nothing is published; *rule* names what kept it back."""

    rule: str


def decide(case: Case, policy: Policy | None) -> Released | Withheld:
    """
    Decide whether one agency hears one event.

    Refusals are asked in a fixed order (doubt, seal, expiry, hears, gate, where), and the first one names the rule.
    Anything that goes wrong on the way withholds.
    """
    try:
        if case.known.doubt:
            return Withheld("view.doubt")
        if (seal := seals.ask(case)) is not None:
            return Withheld(f"sealed.{seal}")
        if policy is None:
            return Withheld("hears")
        if policy.ended(case.now):
            return Withheld("expires")
        grant = policy.hears.get(case.stream.name)
        if grant is None:
            return Withheld("hears")
        shut, relied = gates.ask(grant.gate, case, notice=grant.notice, article6=grant.basis.article6)
        if shut is not None:
            return Withheld(shut)
        for path, accepted in grant.where.items():
            if not matches(pick(case.values, path), accepted):
                return Withheld(f"where.{path}")
    except Exception:  # noqa: BLE001  doubt withholds, whatever its kind; the rule says that it was an error
        return Withheld("error")
    return Released(grant, relied)


def matches(value: Any, accepted: tuple[Value, ...]) -> bool:
    """Whether *value* is one of *accepted*, by value and type: `True` is not `1`."""
    return any(value == one and type(value) is type(one) for one in accepted)


def cite(grant: Grant) -> str:
    """The ground of a grant on one line, as a register of processing would put it."""
    basis = grant.basis
    parts = [f"Art 6(1)({basis.article6})"]
    if basis.article9:
        parts.append(f"Art 9(2)({basis.article9})")
    if basis.schedule1:
        parts.append(f"DPA 2018 Sch 1 para {basis.schedule1}")
    if basis.statute:
        parts.append(basis.statute)
    return "; ".join(parts)
