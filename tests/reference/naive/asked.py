"""The questions that a decision asks, one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from .known import at_path

LONDON = ZoneInfo("Europe/London")
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
ANSWERS = ["withdrawn", "refused", "sought", "not_sought", "given"]  # the more restrictive first
OBJECTIONS = ["upheld", "raised", "overruled"]


def birthday(born: date, years: int) -> date:
    """The day on which somebody is so many years old; who was born on 29 February is so on 1 March."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def override_shut(values: dict, stream: Any, now: datetime) -> str | None:
    """Why no override opens, or None."""
    if stream.override is None:
        return "unrecorded"
    override = at_path(values, stream.override) or {}
    for part in ("reason", "author", "recorded_at"):
        if not override.get(part):
            return "no-" + part.split("_")[0]
    if override["recorded_at"] > now:
        return "not-yet"
    return None


def consent_shut(values: dict, stream: Any, records: list[dict], section: str, now: datetime) -> str | None:
    """Why no consent opens, or None."""
    answers = []
    if stream.consent is not None and at_path(values, stream.consent) is not None:
        answers.append(at_path(values, stream.consent))
    for record in records:
        answers += [one for one in record.get("answers", ()) if one.get("about") in (None, section)]
    if not answers:
        return "absent"
    newest = max(one.get("recorded_at") or LONG_AGO for one in answers)
    newest_ones = [one for one in answers if (one.get("recorded_at") or LONG_AGO) == newest]
    status = min((one["status"] for one in newest_ones), key=ANSWERS.index)
    if status != "given":
        return status.replace("_", "-")
    for answer in newest_ones:
        if answer["status"] == "given":
            closed = given_shut(answer, values, stream, records, now)
            if closed is not None:
                return closed
    return None


def given_shut(answer: dict, values: dict, stream: Any, records: list[dict], now: datetime) -> str | None:
    """Why a given consent does not open."""
    today = now.astimezone(LONDON).date()
    if answer.get("recorded_at") and answer["recorded_at"] > now:
        return "not-yet"
    if answer.get("until") and answer["until"] < today:
        return "lapsed"
    if answer.get("given_by") not in ("parent", "carer", "young_person"):
        return "by-nobody"
    if answer["given_by"] == "young_person":
        return None
    births = [record["born"] for record in records if record.get("born")]
    born = min(births) if births else at_path(values, stream.born)
    if born is None:
        return None if at_path(values, stream.expected) is not None else "age-unknown"
    return "not-by-young-person" if today >= birthday(born, 16) else None


def standing_objection(records: list[dict], agency: str, now: datetime) -> str | None:
    """The status of the objection that stands against an agency."""
    standing = []
    for to in (None, agency):
        every = [one for record in records for one in record.get("objections", ()) if one.get("to") == to]
        these = [one for one in every if one["status"] != "overruled" or one["recorded_at"] <= now]
        if these:
            newest = max(one["recorded_at"] for one in these)
            standing.append(min((o["status"] for o in these if o["recorded_at"] == newest), key=OBJECTIONS.index))
    worst = min(standing, key=OBJECTIONS.index, default="overruled")
    return None if worst == "overruled" else worst


def sealed(values: dict, stream: Any, words: list[dict], agency: str, address: str, at: datetime) -> str | None:
    """The seal that keeps the event in."""
    records = [word["values"] for word in words]
    for word in words:
        came_with_it = millisecond(word["at"]) == millisecond(at)
        if word["values"].get("adopted") and not came_with_it:
            return "sealed.adoption"
    if any(record.get("legal_hold") for record in records):
        return "sealed.legal-hold"
    if any(record.get("restricted") for record in records):
        return "sealed.restricted"
    if stream.restricted is not None and at_path(values, stream.restricted) is not False:
        return "sealed.restricted"
    against = [name for record in records for name in record.get("conflicts", ())]
    against += at_path(values, stream.conflicts) or []
    if agency in against or (address and f"{agency}/{address}" in against):
        return "sealed.conflict"
    return None


def millisecond(moment: datetime) -> datetime:
    """A moment as exactly as papers say it."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def gate_shut(values: dict, stream: Any, records: list[dict], grant: dict, agency: str, now: datetime) -> str:
    """The rule that keeps the event in, or else, after a colon, what was relied on."""
    gate = grant["gate"]
    override = override_shut(values, stream, now)
    opened = gate in ("significant-harm", "contact-stage") and override is None
    if any(record.get("restriction") for record in records) and not opened:
        return "gate.restriction"
    objection = standing_objection(records, agency, now)
    if objection is not None and not opened and grant["basis"]["article6"] not in ("c", "d"):
        return f"gate.objection.{objection}"
    if gate == "opt-out" and not any(at_path(values, path) for _kind, path in stream.subject):
        return "gate.opt-out.unknown"
    if gate in ("statute", "opt-out"):
        return ":statute"
    if gate == "significant-harm":
        return ":override" if override is None else f"gate.significant-harm.{override}"
    consent = consent_shut(values, stream, records, grant["notice"], now)
    if gate == "consent":
        return ":consent" if consent is None else f"gate.consent.{consent}"
    stage = at_path(values, stream.stage)
    if stage != "contact":
        return "gate.contact-stage.past" if stage else "gate.contact-stage.absent"
    if consent is None:
        return ":consent"
    return ":override" if override is None else "gate.contact-stage.no-consent-nor-override"


def limits_of(
    values: dict, stream: Any, records: list[dict], grant: dict, sensitivity: dict[str, str], now: datetime
) -> dict[str, str]:
    """The granted leaves that are not heard of this one event, each with its rule."""
    granted = [*grant["fields"], *grant.get("coarse", {})]
    even_if = grant.get("even_if", {})
    hidden = any(record.get("address_confidential") for record in records)
    if stream.confidential is not None and at_path(values, stream.confidential) is not False:
        hidden = True
    out = grant["gate"] == "opt-out" and any(record.get("opted_out") for record in records)
    match = uncertain(values, stream)
    found = {}
    for path in granted:
        if hidden and sensitivity[path] == "contact":
            found[path] = "address"
        elif out and path not in even_if.get("opted_out", ()):
            found[path] = "opt-out"
        elif match is not None and path not in even_if.get("uncertain", ()):
            found[path] = f"match.{match}"
        elif sensitivity[path] == "narrative" and not approved(values, stream, path, now):
            found[path] = "text.unapproved"
    return found


def uncertain(values: dict, stream: Any) -> str | None:
    """The word for an identity that is not certain."""
    if stream.match is None or at_path(values, stream.match) == "certain":
        return None
    return at_path(values, stream.match) or "unknown"


def approved(values: dict, stream: Any, path: str, now: datetime) -> bool:
    """Whether a named person released the text at a path."""
    for one in at_path(values, stream.approvals) or []:
        if one["field"] == path and one.get("by") and one.get("approved_at") and one["approved_at"] <= now:
            return True
    return False
