"""A defect, and the lists of tests that are expected to notice one; the defects themselves are in `defects/`."""

from __future__ import annotations

from typing import NamedTuple


class Defect(NamedTuple):
    """
    One way in which a gate like this one has failed elsewhere, or could: *name* says what then goes wrong.

    *old* is a piece of source that stands just once in *file*, *new* what takes its place, *tests* where it is expected
    to be noticed. With *broker* only a real Kafka shows it.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    broker: bool = False


UNIT = "tests/hub"
OWN = f"{UNIT}/test_gate_controls.py"
EXAMPLES = "tests/contract/test_agencies.py"
RULES = (f"{UNIT}/test_gates.py", f"{UNIT}/test_seals.py", f"{UNIT}/test_policy.py")
LIMITED = (f"{UNIT}/test_limits.py", f"{UNIT}/test_projection.py", EXAMPLES)
KNOWN = (f"{UNIT}/test_view.py", OWN, EXAMPLES)
LEAVING = (f"{UNIT}/test_relay_core.py", f"{UNIT}/test_projection.py", f"{UNIT}/test_keys.py", EXAMPLES, OWN)
SAID = (f"{UNIT}/test_intake.py", f"{UNIT}/test_log.py", OWN)
WORKED = (f"{UNIT}/test_quarantine.py", f"{UNIT}/test_handled.py")
LOADED = (f"{UNIT}/test_check.py",)
READ = (f"{UNIT}/test_document.py", OWN)
CHANGED = (f"{UNIT}/test_widening.py", OWN)
RENEWED = (f"{UNIT}/test_renewal.py",)
WATCHED = (f"{UNIT}/test_canary.py",)
WORDS = (f"{UNIT}/test_coarse.py",)
CHECKED = (f"{UNIT}/test_second_check.py", f"{UNIT}/test_splice.py")
RECEIPTS = (f"{UNIT}/test_disclosure.py", f"{UNIT}/test_relay_core.py", OWN)
CARRIED = (f"{UNIT}/test_relay_core.py", OWN)
