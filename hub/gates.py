"""Gates: what the privacy notice promises must hold before an event is shared; asked of the event's own record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from hub.stream import Event, Sensitivity, Stream, pick


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time says its zone, such as 2026-03-01T09:30:00Z")
    return moment


Recorded = Annotated[datetime, AfterValidator(_with_zone)]
"""When something was put on record; a time without its zone would move by an hour on the way."""


class Consent(Event):
    """Whether the family, or the young person, agreed to sharing; the notice says it is always sought first."""

    status: Annotated[
        Literal["given", "refused", "withdrawn", "not_sought"],
        Field(description="What was answered, or that nobody asked."),
        Sensitivity.PERSONAL,
    ]
    given_by: Annotated[
        Literal["parent", "young_person", "carer"] | None,
        Field(description="Who answered."),
        Sensitivity.PERSONAL,
    ] = None
    recorded_at: Annotated[Recorded | None, Field(description="When the answer was recorded."), Sensitivity.OPEN] = None


class Override(Event):
    """Sharing without consent because a person may come to significant harm; void unless all three are recorded."""

    reason: Annotated[
        Literal["significant_harm", "prevent_crime", "seeking_consent_raises_risk", "child_at_risk"] | None,
        Field(description="Why it is shared without consent."),
        Sensitivity.SPECIAL,
    ] = None
    author: Annotated[str | None, Field(description="The role of the person who decided."), Sensitivity.OPEN] = None
    recorded_at: Annotated[Recorded | None, Field(description="When the decision was recorded."), Sensitivity.OPEN] = (
        None
    )


def consent(values: Mapping[str, Any], stream: Stream) -> str | None:
    """Open where consent was given and not withdrawn."""
    status = pick(values, f"{stream.consent}.status") if stream.consent else None
    if status == "given":
        return None
    return status.replace("_", "-") if isinstance(status, str) else "absent"


def significant_harm(values: Mapping[str, Any], stream: Stream) -> str | None:
    """Open where an override is recorded with its reason, its author and its time."""
    if not stream.override:
        return "unrecorded"
    for part in ("reason", "author", "recorded_at"):
        if not pick(values, f"{stream.override}.{part}"):
            return f"no-{part.split('_')[0]}"
    return None


def contact_stage(values: Mapping[str, Any], stream: Stream) -> str | None:
    """
    Open at the point of contact only, and only with consent or a recorded override.

    The MASH section of the notice: consent is always sought first, and some information is shared without it in
    the child's best interest; the second case must be able to show who decided so, why and when.
    """
    stage = pick(values, stream.stage) if stream.stage else None
    if stage != "contact":
        return "past" if stage else "absent"
    if consent(values, stream) is None or significant_harm(values, stream) is None:
        return None
    return "no-consent-nor-override"


def statute(values: Mapping[str, Any], stream: Stream) -> str | None:
    """Open: a duty to share needs no consent; that the duty is cited is checked when the policy is loaded."""
    return None


GATES: Mapping[str, Callable[[Mapping[str, Any], Stream], str | None]] = {
    "statute": statute,
    "consent": consent,
    "contact-stage": contact_stage,
    "significant-harm": significant_harm,
}


def ask(gate: str, values: Mapping[str, Any], stream: Stream) -> str | None:
    """None where *gate* is open for this event, else the word that says why it is shut."""
    return GATES[gate](values, stream)


def paths(gate: str, stream: Stream) -> tuple[str, ...]:
    """The fields that *gate* looks at, so that a decision can be made on a view that holds nothing else."""
    wanted: list[str] = []
    if gate in ("consent", "contact-stage") and stream.consent:
        wanted.append(f"{stream.consent}.status")
    if gate in ("significant-harm", "contact-stage") and stream.override:
        wanted += [f"{stream.override}.{part}" for part in ("reason", "author", "recorded_at")]
    if gate == "contact-stage" and stream.stage:
        wanted.append(stream.stage)
    return tuple(wanted)
