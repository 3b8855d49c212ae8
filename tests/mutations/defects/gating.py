"""Defects of the gates: consent, overrides, stages, and the child's rights before them."""

from __future__ import annotations

from tests.mutations.defect import EXAMPLES, RULES, Defect

GATED = (
    Defect(
        "consent withdrawn after the event is not heard of",
        "hub/gates.py",
        '    for one in standing["answers"]:',
        "    for one in ():",
        (*RULES, EXAMPLES),
    ),
    Defect("the oldest answer counts", "hub/gates.py", "max(map(_weight, said))", "min(map(_weight, said))", RULES),
    Defect(
        "an answer without a time goes before all others",
        "hub/gates.py",
        "return said.recorded_at is not None,",
        "return said.recorded_at is None,",
        RULES,
    ),
    Defect(
        "of two answers of one moment the milder counts",
        "hub/gates.py",
        "datetime.min.replace(tzinfo=UTC), -strict",
        "datetime.min.replace(tzinfo=UTC), strict",
        RULES,
    ),
    Defect(
        "consent that nobody gave is consent", "hub/gates.py", "if said.given_by not in PEOPLE:", "if False:", RULES
    ),
    Defect(
        "at 16 a parent's consent goes on",
        "hub/gates.py",
        'return "not-by-young-person" if of_age(born, today) else None',
        "return None",
        RULES,
    ),
    Defect(
        "a child is 16 a day too late", "hub/gates.py", "< (born.month, born.day)", "<= (born.month, born.day)", RULES
    ),
    Defect(
        "a day begins at midnight in UTC, not in England",
        "hub/gates.py",
        "at.astimezone(ENGLAND).date()",
        "at.astimezone(UTC).date()",
        RULES,
    ),
    Defect(
        "a child of unknown age is a small one",
        "hub/gates.py",
        'return None if ageless else "age-unknown"',
        "return None",
        RULES,
    ),
    Defect(
        "the event's date of birth goes before the one that is known",
        "hub/gates.py",
        "return min(_births(case.known), default=own)",
        "return own or min(_births(case.known), default=None)",
        RULES,
    ),
    Defect(
        "consent that was given until a day goes on",
        "hub/gates.py",
        "if said.until is not None and today > said.until:",
        "if False:",
        (*RULES, EXAMPLES),
    ),
    Defect(
        "consent to another section of the notice counts",
        "hub/gates.py",
        'if one["about"] is None or one["about"] == notice:',
        "if True:",
        RULES,
    ),
    Defect(
        "consent of tomorrow counts today",
        "hub/gates.py",
        "if said.recorded_at is not None and said.recorded_at > now:",
        "if False:",
        RULES,
    ),
    Defect(
        "an override needs no reason",
        "hub/gates.py",
        '    for part in ("reason", "author", "recorded_at"):',
        '    for part in ("author", "recorded_at"):',
        (*RULES, EXAMPLES),
    ),
    Defect(
        "an override needs no author",
        "hub/gates.py",
        '    for part in ("reason", "author", "recorded_at"):',
        '    for part in ("reason", "recorded_at"):',
        (*RULES, EXAMPLES),
    ),
    Defect(
        "an override needs no time",
        "hub/gates.py",
        """    for part in ("reason", "author", "recorded_at"):
        if not pick(case.values, f"{case.stream.override}.{part}"):
            return f"no-{part.split('_')[0]}"
    recorded = moment(pick(case.values, f"{case.stream.override}.recorded_at"))
    return "not-yet" if recorded is None or""",
        """    for part in ("reason", "author"):
        if not pick(case.values, f"{case.stream.override}.{part}"):
            return f"no-{part.split('_')[0]}"
    recorded = moment(pick(case.values, f"{case.stream.override}.recorded_at"))
    return "not-yet" if recorded is not None and""",
        (*RULES, EXAMPLES),
    ),
    Defect(
        "an override of tomorrow counts today",
        "hub/gates.py",
        "recorded is None or recorded > case.now",
        "recorded is None",
        RULES,
    ),
    Defect(
        "a case past the point of contact is told all the same",
        "hub/gates.py",
        'if stage != "contact":',
        "if stage is None:",
        (*RULES, EXAMPLES),
    ),
    Defect(
        "at the point of contact nothing is asked",
        "hub/gates.py",
        'else ("no-consent-nor-override", "")',
        'else (None, "consent")',
        (*RULES, EXAMPLES),
    ),
    Defect("rights are not asked", "hub/gates.py", "if case.known.standings and not (", "if () and not (", RULES),
    Defect(
        "a void override goes before the child's rights",
        "hub/gates.py",
        "not (gate in OVERRIDABLE and overridden(case) is None)",
        "not (gate in OVERRIDABLE)",
        RULES,
    ),
    Defect(
        "a restriction of processing is not asked",
        "hub/gates.py",
        'if any(standing["restriction"] for standing in known.standings):',
        "if False:",
        RULES,
    ),
    Defect(
        "a legal obligation goes before a restriction",
        "hub/gates.py",
        '    if any(standing["restriction"] for standing in known.standings):\n        return "restriction"\n'
        '    if article6 in ("c", "d"):\n        return None\n',
        '    if article6 in ("c", "d"):\n        return None\n'
        '    if any(standing["restriction"] for standing in known.standings):\n        return "restriction"\n',
        RULES,
    ),
    Defect(
        "an objection is not asked",
        "hub/gates.py",
        'for one in standing["objections"]:',
        "for one in ():",
        (*RULES, EXAMPLES),
    ),
    Defect(
        "an objection to one agency is not its own",
        "hub/gates.py",
        'if one["to"] in (None, agency):',
        'if one["to"] is None:',
        RULES,
    ),
    Defect(
        "an objection raised again stays overruled",
        "hub/gates.py",
        'max(newest.get(one["to"], weight), weight)',
        'min(newest.get(one["to"], weight), weight)',
        RULES,
    ),
    Defect(
        "an opt-out is not looked for where nobody is named",
        "hub/gates.py",
        'return None if named else "unknown", "statute"',
        'return None, "statute"',
        RULES,
    ),
)
