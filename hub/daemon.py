"""A process that outlives its starter: started once, found again, stopped, and never mistaken for another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from hub.errors import TransportError

_SCRIPT = 'exec "$@" >console.log 2>&1 </dev/null & echo $!'


class Daemon:
    """
    The process that *note*, a small file, tells of: its number, and when that number's owner began.

    The system gives the numbers of dead processes to new ones; only the two together name a process.
    """

    def __init__(self, note: Path) -> None:
        self._note = note

    def start(self, command: Sequence[str], home: Path) -> None:
        """
        Run *command* in the folder *home*, in a session of its own, with what it prints in `console.log` there.

        A shell in between hands it over to the system, so that no starter has to wait for its end.
        """
        ran = subprocess.run(  # noqa: S603  the command is the caller's own words; the script takes them as arguments
            ["/bin/sh", "-c", _SCRIPT, "sh", *command],
            cwd=home,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
        number = int(ran.stdout)
        fresh = self._note.with_suffix(".new")
        fresh.write_text(json.dumps({"number": number, "began": _began(number)}), encoding="ascii")
        fresh.replace(self._note)

    def alive(self) -> bool:
        """Whether that very process runs."""
        return self._number() is not None

    def ask_to_stop(self) -> None:
        """Send SIGTERM; nothing where it does not run."""
        self._send(signal.SIGTERM)

    def see_off(self, deadline: float) -> None:
        """
        Wait until it is gone, and from *deadline* (of `time.monotonic`) on kill it.

        Raises `TransportError` where it outlives even that by ten seconds.
        """
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._send(signal.SIGKILL)
        last = time.monotonic() + 10
        while self.alive():
            if time.monotonic() > last:
                raise TransportError(f"process {self._number()} does not end, though it was killed; see what holds it")
            time.sleep(0.02)
        self._note.unlink(missing_ok=True)

    def _number(self) -> int | None:
        try:
            told = json.loads(self._note.read_bytes())
        except FileNotFoundError:
            return None
        number = int(told["number"])
        return number if told["began"] and told["began"] == _began(number) else None

    def _send(self, what: signal.Signals) -> None:
        number = self._number()
        if number is None:
            return
        try:
            if not hasattr(signal, "pidfd_send_signal"):
                os.kill(number, what)
                return
            held = os.pidfd_open(number)
            try:
                if self._number() == number:  # asked again: the handle now holds on to this process and no other
                    signal.pidfd_send_signal(held, what)
            finally:
                os.close(held)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise TransportError(f"process {number} belongs to another user, who must stop it") from error


def _began(number: int) -> str:
    """When the process began, as the system tells it, with the boot that it counts from; empty where it is gone."""
    try:
        # The name in the second field may hold spaces and brackets; the state is the first field after it.
        fields = Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return ""
        asked = ["/bin/ps", "-o", "state=,lstart=", "-p", str(number)]  # systems without /proc
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603  a number
        return "" if told.startswith("Z") else told.partition(" ")[2].strip()
    if fields[0] in (b"Z", b"X") and int(fields[17]) <= 1:  # dead, and so is the last of its threads
        return ""
    return f"{boot} {int(fields[19])}"
