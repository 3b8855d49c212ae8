"""
The campaign: thousands of damaged inputs for each parser, and what that came to, as a table.

`python -m tests.hostile.campaign [COUNT] [PARSER…]` runs it by itself.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hub import catalog as catalogs

from .mutations import mutated
from .overheard import Ear, leaked, listening
from .parsers import Parser, every

SECONDS = 1.0  # of processor time, for one input
GROWTH = 200.0  # MB of memory, over all inputs of one parser
HEAD = (
    f"{'parser':42} {'inputs':>7} {'accepted':>9} {'set aside':>10} {'quarantined':>12} {'turned away':>12} "
    f"{'slowest':>10} {'memory':>9}"
)


@dataclass
class Outcome:
    """What came of the inputs of one parser; *faults* name each that did harm by its number only."""

    parser: str
    inputs: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    growth: float = 0.0
    faults: list[str] = field(default_factory=list)

    def row(self) -> str:
        """As a line of the table."""
        counts = self.verdicts
        return (
            f"{self.parser:42} {self.inputs:>7,} {counts['accepted']:>9,} {counts['set aside']:>10,} "
            f"{counts['quarantined']:>12,} {counts['turned away']:>12,} "
            f"{1000 * self.slowest:>7,.0f} ms {self.growth:>6,.0f} MB"
        )


def run(parser: Parser, numbers: Iterable[int]) -> Outcome:
    """Every input of *numbers* through *parser*."""
    with listening() as ear:
        return asyncio.run(_run(parser, numbers, ear))


async def _run(parser: Parser, numbers: Iterable[int], ear: Ear) -> Outcome:
    outcome = Outcome(parser.name)
    await parser.begin()
    try:
        for seed in parser.seeds:  # once as they are: what is loaded at first use is no input's doing
            await parser.take(seed)
        leaked(ear.taken(), b"")  # likewise
        gc.collect()
        before = _resident("VmRSS")
        _forget_peak()
        for number in numbers:
            await _one(parser, number, outcome, ear)
            outcome.inputs += 1
        outcome.growth = max(0.0, _resident("VmHWM") - before)
    finally:
        await parser.end()
    if outcome.growth > GROWTH:
        outcome.faults.append(f"memory grew by {outcome.growth:.0f} MB")
    return outcome


async def _one(parser: Parser, number: int, outcome: Outcome, ear: Ear) -> None:
    seed = mutated(parser.seeds, parser.name, number)
    began = time.process_time()
    try:
        taken = await parser.take(seed)
    except Exception as error:  # noqa: BLE001  whatever it is, it is a crash, and is counted
        outcome.faults.append(f"input {number}: crashed with {type(error).__name__} in {_where(error)}")
        outcome.verdicts["crashed"] += 1
        ear.taken()
        return
    spent = time.process_time() - began
    outcome.slowest = max(outcome.slowest, spent)
    outcome.verdicts[taken.verdict] += 1
    if spent > SECONDS:
        outcome.faults.append(f"input {number}: took {spent:.2f} s")
    if tripped := [code for code in taken.codes if code.startswith("error.")]:
        outcome.faults.append(f"input {number}: {tripped[0]}: a reader or a connector tripped")
    if leaked([*taken.said, *ear.taken()], seed.data):
        outcome.faults.append(f"input {number}: something of it was said in the open")


def _where(error: Exception) -> str:
    trace, places = error.__traceback__, list[str]()
    while trace is not None:
        places.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " ".join(places[-3:])


def _resident(what: str) -> float:
    """MB of memory of this process, as Linux says: VmRSS now, VmHWM at the most."""
    found = re.search(rf"^{what}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _forget_peak() -> None:
    """Have VmHWM begin anew (proc(5): clear_refs, 5)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main(count: int, wanted: list[str]) -> int:
    """The table, and every fault below it; 1 where there is any."""
    parsers = every(catalogs.load())
    outcomes = []
    print(HEAD, flush=True)
    for name, parser in parsers.items():
        if not wanted or any(one in name for one in wanted):
            outcomes.append(run(parser(), range(count)))
            print(outcomes[-1].row(), flush=True)
    faults = [f"{one.parser}: {fault}" for one in outcomes for fault in one.faults]
    print("\n".join([*faults[:200], f"{len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, sys.argv[2:]))
