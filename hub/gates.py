"""Gates: what the privacy notice promises must hold before an event is shared; each shut one names what shut it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import AfterValidator, Field

from hub.case import Case
from hub.deadline import ENGLAND
from hub.stream import Event, Sensitivity, Stream, pick
from hub.view import Known

OF_AGE = 16
"""From this birthday on consent is the young person's own to give (the notice; Family Law Reform Act 1969 s.8)."""


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time says its zone, such as 2026-03-01T09:30:00Z")
    return moment


Recorded = Annotated[datetime, AfterValidator(_with_zone)]
"""When something was put on record; a time without its zone would move by an hour on the way."""
Status = Literal["sought", "given", "refused", "withdrawn", "not_sought"]
Who = Literal["parent", "young_person", "carer"]
PEOPLE = get_args(Who)
OBJECTIONS = ("overruled", "raised", "upheld")
STRICTEST = ("withdrawn", "refused", "sought", "not_sought", "given")
"""Of two answers of the same moment the one that stands further to the left counts."""
BY_TIME = frozenset({"lapsed", "not-by-young-person"})
"""The words by which consent that held is shut by nothing but the time."""


class Consent(Event):
    """Whether the family, or the young person, agreed to sharing; the notice says it is always sought first."""

    status: Annotated[
        Status, Field(description="What was answered, or that nobody asked, or answered yet."), Sensitivity.PERSONAL
    ]
    given_by: Annotated[Who | None, Field(description="Who answered."), Sensitivity.PERSONAL] = None
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


class Approval(Event):
    """A named person read one piece of free text and released it to those whom a policy lets hear it."""

    field: Annotated[str, Field(max_length=120, description="The text, by its path."), Sensitivity.OPEN]
    by: Annotated[str, Field(min_length=1, max_length=120, description="Who released it."), Sensitivity.OPEN]
    approved_at: Annotated[Recorded, Field(description="When."), Sensitivity.OPEN]


class _Said(NamedTuple):
    status: str
    given_by: str | None
    recorded_at: datetime | None
    until: date | None


def answer(case: Case, notice: str) -> str | None:
    """
    The word that shuts the gate of consent, or None.

    Answers stand in the event itself and in what is known of the child; the one that was recorded last counts, and of
    two of the same moment the stricter. One without a time counts as the oldest. Of several agreements of the same
    moment one that does not hold is enough to shut.
    """
    said = list(_said(case, notice))
    if not said:
        return "absent"
    heaviest, born = max(map(_weight, said)), _born(case)
    unborn = case.stream.expected is not None and pick(case.values, case.stream.expected) is not None
    words = [_shuts(one, case.now, born, ageless=unborn) for one in said if _weight(one) == heaviest]
    return next((word for word in words if word is not None), None)


def _shuts(said: _Said, now: datetime, born: date | None, *, ageless: bool) -> str | None:
    """The word by which one answer shuts the gate, or None; without a birthday only the *ageless* pass."""
    if said.status != "given":
        return said.status.replace("_", "-") if said.status in STRICTEST else "unknown"
    today = day_in_england(now)
    if said.recorded_at is not None and said.recorded_at > now:
        return "not-yet"
    if said.until is not None and today > said.until:
        return "lapsed"
    if said.given_by not in PEOPLE:
        return "by-nobody"
    if said.given_by == "young_person":
        return None
    if born is not None:
        return "not-by-young-person" if of_age(born, today) else None
    return None if ageless else "age-unknown"


def _said(case: Case, notice: str) -> Iterator[_Said]:
    own = pick(case.values, case.stream.consent) if case.stream.consent is not None else None
    if isinstance(own, Mapping) and isinstance(own.get("status"), str):
        yield _Said(own["status"], own.get("given_by"), moment(own.get("recorded_at")), None)
    for standing in case.known.standings:
        yield from _answers(standing, notice)


def _answers(standing: Mapping[str, Any], notice: str) -> Iterator[_Said]:
    for one in standing["answers"]:
        if one["about"] is None or one["about"] == notice:
            yield _Said(one["status"], one["given_by"], moment(one["recorded_at"]), one["until"])


def _weight(said: _Said) -> tuple[bool, datetime, int]:
    """Later counts more, and of the same moment the stricter; a word that is none of ours is the strictest."""
    strict = STRICTEST.index(said.status) if said.status in STRICTEST else -1
    return said.recorded_at is not None, said.recorded_at or datetime.min.replace(tzinfo=UTC), -strict


def _born(case: Case) -> date | None:
    """The child's date of birth: what was said of the child, the earliest where several were, else the event's own."""
    own = day(pick(case.values, case.stream.born)) if case.stream.born is not None else None
    return min(_births(case.known), default=own)


def _births(known: Known) -> list[date]:
    return [standing["born"] for standing in known.standings if standing["born"] is not None]


def of_age(born: date, today: date) -> bool:
    """Whether somebody *born* then is 16 or more; who was born on 29 February is on 1 March of a common year."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) >= OF_AGE


def day(value: object) -> date | None:
    """A date as views hold it: Python's own, or Avro's days since 1970."""
    return date.fromordinal(value + _DAY_ZERO) if type(value) is int else value if isinstance(value, date) else None


def day_in_england(at: datetime) -> date:
    """The day that *at* is in England."""
    return at.astimezone(ENGLAND).date()


def moment(value: object) -> datetime | None:
    """A moment as views hold it: Python's own, or Avro's milliseconds since 1970."""
    return datetime.fromtimestamp(value / 1000, UTC) if type(value) is int else _aware(value)


def _aware(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


_DAY_ZERO = date(1970, 1, 1).toordinal()


def consent(case: Case, notice: str) -> tuple[str | None, str]:
    """Open where consent was given, by whom it is to be given, and stands."""
    return answer(case, notice), "consent"


def overridden(case: Case) -> str | None:
    """The word that makes the decision to share without consent void, or None."""
    if case.stream.override is None:
        return "unrecorded"
    for part in ("reason", "author", "recorded_at"):
        if not pick(case.values, f"{case.stream.override}.{part}"):
            return f"no-{part.split('_')[0]}"
    recorded = moment(pick(case.values, f"{case.stream.override}.recorded_at"))
    return "not-yet" if recorded is None or recorded > case.now else None


def significant_harm(case: Case, _notice: str) -> tuple[str | None, str]:
    """Open where an override is recorded with its reason, its author and its time."""
    return overridden(case), "override"


def contact_stage(case: Case, notice: str) -> tuple[str | None, str]:
    """
    Open at the point of contact only, and only with consent or a recorded override.

    The MASH section of the notice: consent is always sought first, and some information is shared without it in
    the child's best interest; the second case must be able to show who decided so, why and when.
    """
    stage = pick(case.values, case.stream.stage) if case.stream.stage else None
    if stage != "contact":
        return ("past" if stage else "absent"), ""
    if answer(case, notice) is None:
        return None, "consent"
    return (None, "override") if overridden(case) is None else ("no-consent-nor-override", "")


def statute(_case: Case, _notice: str) -> tuple[str | None, str]:
    """Open: a duty to share needs no consent; that the duty is cited is checked when the policy is loaded."""
    return None, "statute"


def opt_out(case: Case, _notice: str) -> tuple[str | None, str]:
    """
    Open like a duty, where it is known whose opt-out to look for; what an opt-out leaves is `hub.limits`'.

    Education and Skills Act 2008 s.14: the instruction not to pass on more is the young person's from 16 on.
    """
    named = any(pick(case.values, path) for _, path in case.stream.subject)
    return None if named else "unknown", "statute"


Gate = Callable[[Case, str], "tuple[str | None, str]"]
GATES: Mapping[str, Gate] = {
    "statute": statute,
    "consent": consent,
    "contact-stage": contact_stage,
    "significant-harm": significant_harm,
    "opt-out": opt_out,
}
OVERRIDABLE = frozenset({"contact-stage", "significant-harm"})
"""The gates at which a recorded decision that somebody may come to harm goes before a right to object."""


def ask(gate: str, case: Case, *, notice: str, article6: str) -> tuple[str | None, str]:
    """
    The rule that shuts *gate* for this event, or None, and then what opened it: `consent`, `override` or `statute`.

    The child's rights are asked first.
    """
    if case.known.standings and not (gate in OVERRIDABLE and overridden(case) is None):
        shut = _asked_for(case.known, case.agency, article6, case.now)
        if shut is not None:
            return f"gate.{shut}", ""
    shut, relied = GATES[gate](case, notice)
    return (None, relied) if shut is None else (f"gate.{gate}.{shut}", "")


def meanwhile(
    gate: str, known: Known, agency: str, *, notice: str, article6: str, at: datetime, now: datetime
) -> str | None:
    """
    The rule by which *gate* would be shut now for an event that was taken in *at* and released, or None.

    Asked is what is *known* of the child: articles 18 and 21, and where the gate is consent, what was answered since
    then, and whether time has ended what was answered before. What the event alone says is not known here: the child's
    birthday where nothing else tells it, and at `OVERRIDABLE` gates whether a recorded decision goes before: there it
    stays as it was found.
    """
    if gate in OVERRIDABLE:
        return None
    if (shut := _asked_for(known, agency, article6, now)) is not None:
        return f"gate.{shut}"
    if gate != "consent":
        return None
    told = zip(known.standings, known.times, strict=True)
    answers = [(one, when) for standing, when in told for one in _answers(standing, notice)]
    heaviest = max((_weight(one) for one, _ in answers), default=None)
    born = min(_births(known), default=None)
    for one, when in answers:
        word = _shuts(one, now, born, ageless=True) if _weight(one) == heaviest else None
        if word is not None and (when > at or word in BY_TIME):
            return f"gate.consent.{word}"
    return None


def _asked_for(known: Known, agency: str, article6: str, now: datetime) -> str | None:
    """
    What the child, or those who speak for them, have asked for under UK GDPR articles 18 and 21.

    Restricted data is passed on only to protect a person, so by a recorded override. An objection can be made to
    what rests on a public task, not to what rests on a legal obligation or on vital interests (article 6(1)(c), (d)).
    """
    if any(standing["restriction"] for standing in known.standings):
        return "restriction"
    if article6 in ("c", "d"):
        return None
    newest: dict[str | None, tuple[datetime, int]] = {}
    for standing in known.standings:
        for one in standing["objections"]:
            weight = (one["recorded_at"], OBJECTIONS.index(one["status"]))
            if one["status"] == "overruled" and one["recorded_at"] > now:
                continue  # it is not yet
            if one["to"] in (None, agency):
                newest[one["to"]] = max(newest.get(one["to"], weight), weight)
    status = OBJECTIONS[max((weight for _, weight in newest.values()), default=0)]
    return None if status == "overruled" else f"objection.{status}"


def paths(gate: str, stream: Stream) -> tuple[str, ...]:
    """The fields that *gate*, and the rights before it, look at, so that a view may hold nothing else."""
    wanted: list[str] = []
    if gate in ("consent", "contact-stage"):
        if stream.consent:
            wanted += [f"{stream.consent}.{part}" for part in ("status", "given_by", "recorded_at")]
        wanted += [path for path in (stream.born, stream.expected) if path]
    if gate in OVERRIDABLE and stream.override:
        wanted += [f"{stream.override}.{part}" for part in ("reason", "author", "recorded_at")]
    if gate == "contact-stage" and stream.stage:
        wanted.append(stream.stage)
    return tuple(wanted)
