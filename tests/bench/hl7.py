"""Reading and understanding ADT messages against hl7apy's parser on the same messages, one core, in one run."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from hl7apy.parser import parse_message

from hub import catalog as catalogs
from hub.formats import parse
from hub.inbound import Understood, read
from hub.keys import Keys

ROOT = Path(__file__).parents[2]
TRAINING = {"processing": ("P", "T")}  # the public messages say that they are for training


def messages() -> tuple[str, list[bytes]]:
    """Real-shape public messages where they are at hand, else the demo's own; with a word for which they are."""
    public = (
        Path(os.environ.get("HUB_TEST_DATA") or ROOT.parent / "shared" / "data") / "hl7v2-simhospital" / "messages.out"
    )
    if public.exists():
        line = catalogs.load().line("great_western_hospital", "adt")
        items = parse(public.read_bytes(), line.agency.says["adt"].model_copy(update=TRAINING))
        return "public ADT messages", [item.raw for item in items if b"|ADT^" in item.raw[:200]]
    sys.path.insert(0, str(ROOT / "deploy" / "demo"))
    from day import adt

    return "invented ADT messages", [adt(date(2026, 9, 15), n, "A04", "9990000018", "Tester Cal", "20140905")
                                     for n in range(400)]  # fmt: skip


def rate(work: object, count: int) -> float:
    """Messages a second of process time, so that other work on the machine counts less."""
    started = time.process_time()
    work()
    return count / (time.process_time() - started)


def main() -> None:
    """Three rounds, interleaved; the medians and their ratio."""
    line, keys = catalogs.load().line("great_western_hospital", "adt"), Keys(b"a secret for tests, of 32 bytes.")
    says = {"adt": line.agency.says["adt"].model_copy(update=TRAINING)}
    line = replace(line, agency=line.agency.model_copy(update={"says": says}))
    which, raws = messages()
    few = [raw.decode("utf-8", "replace") for raw in raws[:60]]

    def ours() -> None:
        for raw in raws:
            if not any(isinstance(one, Understood) for one in read(line, raw, keys)):
                raise AssertionError("a message was not understood")

    def theirs() -> None:
        for text in few:
            parse_message(text.replace("\n", "\r"), find_groups=False)

    understood, parsed = [], []
    for _ in range(3):
        understood.append(rate(ours, len(raws)))
        parsed.append(rate(theirs, len(few)))
    mine, other = sorted(understood)[1], sorted(parsed)[1]
    print(f"{len(raws)} {which}, median of 3, one core")
    print(f"  read + understood  {mine:10,.0f} messages/s   (wanted: at least 2,000)")
    print(f"  hl7apy's parser    {other:10,.0f} messages/s")
    print(f"  ratio              {mine / other:10.1f}              (wanted: at least 10)")


if __name__ == "__main__":
    main()
