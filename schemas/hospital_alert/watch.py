"""
The local CP-IS join (DCB1609): each hospital arrival given its verdict by the flags that are remembered.

An unborn child's plan is held against the mother's NHS number, so that the mother's own attendance alerts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, cast

from hub.envelope import Envelope
from hub.identified import Certainty
from hub.stream import Event
from hub.watch import State, Watch
from schemas.cpis_flag.memory import Entry, recency, remember, standing, worker
from schemas.hospital_alert import AlertRaised, Otherwise, Patient, Plan, Verdict

_MOST: Final = 20  # plans in one alert


def judge(
    attendance: Mapping[str, Any], state: State | None, papers: Envelope, *, now: datetime, caught_up: bool
) -> Iterator[Event]:
    """
    Exactly one verdict for each arrival and admission, and nothing for what else happens in a hospital.

    A plan that is known is shown even where the flags were not caught up: only its absence is then unknown. It is
    unknown as well without an NHS number, with one that the hospital says it has not verified, and with one that is not
    certain to be that of who came.
    """
    if attendance["happened"] not in ("arrived", "admitted"):
        return
    patient, at, found = attendance["patient"], attendance["at"], attendance.get("identified")
    number, other = _numbers(patient, found)
    known = state if state and number else {}
    shown = standing(known, at)[-_MOST:]
    certain = caught_up and number and _trusted(patient, found) == "certain"
    verdict: Verdict = "flagged" if shown else "nothing_known" if certain else "unknown"
    yield AlertRaised(
        attendance_id=papers.id,
        verdict=verdict,
        patient=Patient(**{part: patient.get(part) for part in Patient.model_fields} | {"nhs_number": number}),
        happened=attendance["happened"],
        at=at,
        organisation_ods=attendance.get("organisation_ods"),
        site_ods=attendance.get("site_ods"),
        visit_number=attendance.get("visit_number"),
        plans=tuple(_plan(name, known[name]) for name in shown),
        worker_id=worker(known, shown, at),
        as_of=recency(known, shown, now, caught_up=caught_up),
        match=_match(patient, found, [known[name] for name in shown]) if shown else None,
        call=_call([known[name] for name in shown]) if shown else None,
        otherwise=Otherwise(nhs_number=other) if other else None,
    )


def _numbers(patient: Mapping[str, Any], found: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """
    The NHS number by which a recipient knows the patient, and the other one, if any, that the verdict rests on.

    A recipient is told the number of today: what was sent, unless another took its place. Where what was said of the
    patient does not agree, they are told what they themselves sent, if they sent one.
    """
    sent = patient.get("nhs_number")
    if found is None:
        return sent, None
    mine, its = (sent, found["nhs_number"]) if found["because"] in ("former", "contradicted") else (None, sent)
    number = mine or found["nhs_number"]
    return number, its if its != number else None


def _trusted(patient: Mapping[str, Any], found: Mapping[str, Any] | None) -> Certainty:
    """How certain it is that the number is that of who came, before any flag is looked at."""
    if found is not None:
        return cast("Certainty", found["match"])
    return "possible" if patient.get("nhs_number_verified") is False else "certain"


def _match(patient: Mapping[str, Any], found: Mapping[str, Any] | None, shown: list[Entry]) -> Certainty:
    """
    Whether who came is who was flagged: the number is not in doubt, and no flag under it says another date of birth.

    An unborn child's plan names the mother, by number and date of birth alike, and so does the hospital. A flag that
    was remembered without a date of birth has no say, nor has a hospital that does not tell one.
    """
    born = patient.get("born")
    others = {entry.get("born") for entry in shown} - {None}
    return "possible" if born is not None and not others <= {born.isoformat()} else _trusted(patient, found)


def _call(shown: list[Entry]) -> str:
    """The emergency duty team, who answer day and night (DCB1609), of the authority whose plan lasts longest."""
    lasting = max(shown, key=lambda entry: entry["ended"] or "open")
    return str(lasting["authority"]["emergency_phone"])


def _plan(name: str, entry: Entry) -> Plan:
    _, plan, started = name.split("|")
    return Plan.model_validate(
        {"plan": plan, "started": started, "ended": entry["ended"], "authority": entry["authority"]}
    )


watch = Watch(
    name="cpis",
    keeps="cpis_flag",
    on="hospital_attendance",
    emits="hospital_alert",
    remember=remember,
    judge=judge,
)
