"""
The local CP-IS join (DCB1609): the flags of children's services remembered, each hospital arrival given its verdict.

CP-IS shows a person while a plan or care status lasts and for twelve months after it ended, and holds an unborn
child's plan against the mother's NHS number, so that the mother's own attendance alerts. What was withdrawn as
uploaded in error is never shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from hub.envelope import Envelope, stamp
from hub.identified import Certainty
from hub.stream import Event
from hub.watch import State, Watch
from schemas.hospital_alert import AlertRaised, Otherwise, Patient, Plan, Verdict

_LONDON: Final = ZoneInfo("Europe/London")
_LATE: Final = timedelta(days=31)  # how late a hospital may report an arrival and still be told what stood then
_MOST: Final = 20  # plans in one alert

Entry = dict[str, Any]


def remember(state: State | None, flag: Mapping[str, Any], now: datetime) -> State | None:
    """
    The subject's flags after *flag*, which the hub took in at *now*: one entry for each plan of each authority.

    Of two words on one plan the later one counts, whatever the order in which they come; of two at the same
    moment a withdrawal, else the one that shows the plan longer. What will not be shown again keeps nothing but the
    moment and the end it was said with, so that an older word that comes late cannot bring it back.
    """
    entry: Entry = {"said": stamp(now)}
    if flag.get("deleted") is not None:
        entry["withdrawn"] = True
    else:
        entry |= {
            "ended": None if flag.get("ended") is None else stamp(flag["ended"]),
            "authority": {part: flag["authority"][part] for part in _AUTHORITY},
            "worker_id": flag.get("worker_id"),
            "born": flag["subject"]["born"].isoformat(),
        }
    name = "|".join((flag["authority"]["ods_code"], flag["plan"], stamp(flag["started"])))
    entries = dict(state or {})
    if name not in entries or _weight(entry) > _weight(entries[name]):
        entries[name] = entry
    newest = max(datetime.fromisoformat(one["said"]) for one in entries.values())
    return {one: _shrunk(entries[one], newest) for one in sorted(entries)}


_AUTHORITY: Final = ("name", "ods_code", "office_phone", "emergency_phone")


def _weight(entry: Entry) -> tuple[str, bool, str, str]:
    ended = "" if "withdrawn" in entry else entry["ended"] or "open"  # "open" sorts after every digit
    return entry["said"], "withdrawn" in entry, ended, json.dumps(entry, sort_keys=True)


def _shrunk(entry: Entry, newest: datetime) -> Entry:
    ended = entry.get("ended")
    if ended is not None and newest > lapses(datetime.fromisoformat(ended)) + _LATE:
        return {"said": entry["said"], "ended": ended}
    return entry


def lapses(ended: datetime) -> datetime:
    """
    The instant from which a plan that *ended* is no longer shown: the end, in England, of the same day a year later.

    The corresponding-date rule for a period of months; a plan that ended on 29 February is shown to the end of
    28 February.
    """
    day = ended.astimezone(_LONDON).date()
    leap = (day.month, day.day) == (2, 29)
    last = date(day.year + 1, day.month, 28 if leap else day.day)
    return datetime.combine(last + timedelta(days=1), time(), _LONDON).astimezone(UTC)


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
    shown = sorted((name for name, entry in known.items() if _stands(name, entry, at)), key=_start)[-_MOST:]
    certain = caught_up and number and _trusted(patient, found) == "certain"
    verdict: Verdict = "flagged" if shown else "nothing_known" if certain else "unknown"
    said = {known[name]["said"]: known[name]["worker_id"] for name in shown if known[name]["worker_id"]}
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
        worker_id=said[max(said)] if said else None,
        as_of=now if caught_up or not shown else max(known[name]["said"] for name in shown),
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


def _start(name: str) -> tuple[str, str]:
    return name.rpartition("|")[2], name


def _stands(name: str, entry: Entry, at: datetime) -> bool:
    if "authority" not in entry or datetime.fromisoformat(_start(name)[0]) > at:
        return False
    return entry["ended"] is None or at < lapses(datetime.fromisoformat(entry["ended"]))


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
