"""Defects of the decision and its seals: order, expiry, conditions, doubt and error."""

from __future__ import annotations

from tests.mutations.defect import EXAMPLES, KNOWN, RULES, Defect

DECISION = (
    Defect(
        "an error in a decision releases",
        "hub/policy.py",
        '        return Withheld("error")\n',
        '        return Released(policy.hears[case.stream.name], "statute")\n',
        RULES,
    ),
    Defect("doubt about a child is not asked", "hub/policy.py", "if case.known.doubt:", "if False:", KNOWN),
    Defect("seals are not asked", "hub/policy.py", "(seal := seals.ask(case)) is not None", "(seal := None)", RULES),
    Defect(
        "seals are asked after the policy",
        "hub/policy.py",
        """\
        if (seal := seals.ask(case)) is not None:
            return Withheld(f"sealed.{seal}")
        if policy is None:
            return Withheld("hears")
        if policy.ended(case.now):
            return Withheld("expires")
""",
        """\
        if policy is None:
            return Withheld("hears")
        if policy.ended(case.now):
            return Withheld("expires")
        if (seal := seals.ask(case)) is not None:
            return Withheld(f"sealed.{seal}")
""",
        RULES,
    ),
    Defect("a gate is asked and not obeyed", "hub/policy.py", "if shut is not None:", "if False:", RULES),
    Defect("an agreement that ended is heard", "hub/policy.py", "if policy.ended(case.now):", "if False:", RULES),
    Defect(
        "an agreement is heard at the moment at which it ends",
        "hub/policy.py",
        "return now >= self.ends",
        "return now > self.ends",
        RULES,
    ),
    Defect(
        "an agreement ends at midnight in UTC, not in England",
        "hub/policy.py",
        "time(), ENGLAND).astimezone(UTC)",
        "time(), UTC)",
        RULES,
    ),
    Defect(
        "only the first line of where is asked",
        "hub/policy.py",
        "in grant.where.items():",
        "in list(grant.where.items())[:1]:",
        RULES,
    ),
    Defect("in where True is 1", "hub/policy.py", "value == one and type(value) is type(one)", "value == one", RULES),
    Defect(
        "a rule tells the value that it withheld for",
        "hub/policy.py",
        'Withheld(f"where.{path}")',
        'Withheld(f"where.{path}={pick(case.values, path)}")',
        (*RULES, EXAMPLES),
    ),
    Defect("a policy may say what nobody knows", "hub/policy.py", 'extra="forbid"', 'extra="ignore"', RULES),
)

SEALED = (
    Defect(
        "the adoption wall is not asked",
        "hub/seals.py",
        'if standing["adopted"] is not None and at != said_at:',
        "if False:",
        (*RULES, EXAMPLES),
    ),
    Defect(
        "what is older than the order passes the adoption wall",
        "hub/seals.py",
        "at != said_at",
        "at > said_at",
        RULES,
    ),
    Defect(
        "what is younger than the order passes the adoption wall",
        "hub/seals.py",
        "at != said_at",
        "at < said_at",
        (*RULES, EXAMPLES),
    ),
    Defect(
        "an absent mark of restriction is a no",
        "hub/seals.py",
        "pick(case.values, stream.restricted) is not False",
        "pick(case.values, stream.restricted) is True",
        RULES,
    ),
    Defect(
        "a restriction that is known of the child is not asked",
        "hub/seals.py",
        'if any(standing["restricted"] for standing in known.standings):',
        "if False:",
        RULES,
    ),
    Defect(
        "a legal hold is not asked",
        "hub/seals.py",
        'if any(standing["legal_hold"] for standing in known.standings):',
        "if False:",
        RULES,
    ),
    Defect(
        "a conflict is of a whole agency only",
        "hub/seals.py",
        'or (address and f"{agency}/{address}" in listed)',
        "",
        RULES,
    ),
    Defect(
        "a conflict that the event says is not asked",
        "hub/seals.py",
        "listed += own",
        "pass",
        RULES,
    ),
    Defect(
        "a conflict that is known of the child is not asked",
        "hub/seals.py",
        '[one for standing in known.standings for one in standing["conflicts"]]',
        "list[str]()",
        RULES,
    ),
    Defect(
        "a child is found by the first of its identifiers only",
        "hub/seals.py",
        "for kind, path in stream.subject if",
        "for kind, path in stream.subject[:1] if",
        RULES,
    ),
)
