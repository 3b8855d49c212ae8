"""
What ops costs: the relay's rate while an observer looks every two seconds and while none does, round by round.

`python -m tests.bench.ops [COUNT [ROUNDS]]`. The observer is a process of its own, as `hub ops` is; half of the rounds
it is stopped (SIGSTOP), so that what else the machine does falls on both. Its own figures are what it used of a
processor while it looked, and its memory.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from hub import catalog as catalogs
from hub import cluster
from hub.keys import Keys
from hub.local_kafka import LocalKafka
from hub.settings import Settings
from tests.bench.events import demographics
from tests.bench.relay import SECRET, fill, relayed

TICKS = os.sysconf("SC_CLK_TCK")


def look(bootstrap: str, folder: str) -> None:
    """The observer's process: looks until it is ended."""
    from hub.ops.observing import Observer

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("looking", flush=True)
    Observer(catalogs.load(), Settings(state=Path(folder)), bootstrap).run(stop)


def used(process: int) -> float:
    """Seconds of a processor that a process used so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(process: int) -> float:
    """Its memory, in MB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(count: int = 100_000, rounds: int = 6) -> None:
    """Rounds with and without, by turns; prints rates, their ratio, and what the observer used."""
    catalog = catalogs.load()
    rates: dict[bool, list[float]] = {True: [], False: []}
    shares: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        kafka = LocalKafka(Path(folder))
        bootstrap = kafka.up()
        command = [sys.executable, "-m", "tests.bench.ops", "look", bootstrap, folder]
        try:
            cluster.prepare(catalog, Settings(state=Path(folder)), bootstrap)
            fill(bootstrap, list(demographics(catalog, Keys(SECRET), count, seed=99)))
            relayed(bootstrap, count)  # the first is slower, whoever looks
            with subprocess.Popen(command, stdout=subprocess.PIPE) as observer:
                assert observer.stdout is not None
                observer.stdout.readline()
                time.sleep(6.0)
                for turn in range(rounds):
                    for looks in (True, False) if turn % 2 else (False, True):
                        fill(bootstrap, list(demographics(catalog, Keys(SECRET), count, seed=turn)))
                        observer.send_signal(signal.SIGCONT if looks else signal.SIGSTOP)
                        time.sleep(1.0)
                        began, before = time.perf_counter(), used(observer.pid)
                        rates[looks].append(relayed(bootstrap, count))
                        if looks:
                            shares.append((used(observer.pid) - before) / (time.perf_counter() - began))
                observer.send_signal(signal.SIGCONT)
                memory = resident(observer.pid)
                observer.terminate()
        finally:
            kafka.down()
    ratio = statistics.median(one / other for one, other in zip(rates[True], rates[False], strict=True))
    print(json.dumps({"events": count, "rounds": rounds, "load": round(os.getloadavg()[0], 1)}))
    for looks, name in ((False, "nobody looks"), (True, "ops looks")):
        said = ", ".join(f"{one:,.0f}" for one in rates[looks])
        print(f"  {name:13} {statistics.median(rates[looks]):10,.0f} messages/s   ({said})")
    print(f"  cost in throughput        {1 - ratio:+.1%}   (wanted: under 2 %; median of pairs)")
    print(f"  of one processor          {statistics.median(shares):.1%}")
    print(f"  memory, at its highest    {memory:.0f} MB   (wanted: under 150 MB)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["look"]:
        look(*sys.argv[2:])
    else:
        main(*(int(one) for one in sys.argv[1:]))
