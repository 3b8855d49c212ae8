"""Defects of what is loaded and approved: policies, widenings, second persons."""

from __future__ import annotations

from tests.mutations.defect import CHANGED, LOADED, OWN, READ, RENEWED, Defect

GOVERNED = (
    Defect(
        "a condition that always holds is taken",
        "hub/check/grants.py",
        "    if always and not any(",
        "    if False and not any(",
        LOADED,
    ),
    Defect(
        "a condition that never holds is taken",
        "hub/check/grants.py",
        "    if not accepted:\n",
        "    if False:\n",
        LOADED,
    ),
    Defect(
        "a record may be granted whole, with what is added to it later",
        "hub/check/grants.py",
        "elif fact.record is not None:",
        "elif False:",
        LOADED,
    ),
    Defect(
        "a policy may hold an alias bomb",
        "hub/document.py",
        'if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):',
        "if False:",
        READ,
    ),
    Defect("a policy may have 64 MB", "hub/document.py", "LIMIT = 64 * 1024\n", "LIMIT = 64 * 1024 * 1024\n", (OWN,)),
    Defect("a policy may say a thing twice", "hub/document.py", "if name in seen:", "if False:", READ),
    Defect("one person approves their own change", "hub/approvals.py", "who[0] != who[1] and ", "", CHANGED),
    Defect(
        "a name turned round is another person",
        "hub/approvals.py",
        "return tuple(sorted(letters.casefold().split()))",
        "return tuple(letters.casefold().split())",
        CHANGED,
    ),
    Defect(
        "the approval of one version is that of all",
        "hub/approvals.py",
        "if version and one.policy == version and",
        "if version and",
        CHANGED,
    ),
    Defect(
        "a condition that is taken out is no widening",
        "hub/widening/grants.py",
        'yield about.change("where-gone", what, widens=True, path=path)',
        'yield about.change("where-gone", what, widens=False, path=path)',
        CHANGED,
    ),
    Defect(
        "a field that is granted anew is no widening",
        "hub/widening/grants.py",
        "*at, widens=True, path=path)\n            continue\n        kind",
        "*at, widens=False, path=path)\n            continue\n        kind",
        CHANGED,
    ),
    Defect(
        "a change that nobody knows how to compare is no widening",
        "hub/widening/change.py",
        'return self.change("unknown", what, name, widens=True)',
        'return self.change("unknown", what, name, widens=False)',
        CHANGED,
    ),
    Defect(
        "a widening that nobody approved is taken up",
        "hub/renewal.py",
        "            if waiting:\n                return False\n",
        "",
        RENEWED,
    ),
    Defect(
        "a widening that nobody approved goes live with a start",
        "hub/renewal.py",
        "    if findings:\n",
        "    if False:\n",
        RENEWED,
    ),
)
