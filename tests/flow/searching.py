"""Searching for secrets: in every form in which programs write one, and in what a machine shows of its processes."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Mapping
from pathlib import Path


def forms(secret: bytes) -> list[bytes]:
    """A secret as it is, and as programs write it: hexadecimal, base64 from each of its three beginnings, in a URL."""
    found = [secret, secret.hex().encode(), secret.hex().upper().encode(), urllib.parse.quote(secret).encode()]
    for shift in range(3):
        whole = base64.b64encode(b"\x00" * shift + secret)
        found.append(whole[-(-shift * 8 // 6) : -4])
    return found


def holding(place: bytes, secrets: Mapping[str, bytes]) -> set[str]:
    """Which of *secrets* a place holds, in any form."""
    return {name for name, secret in secrets.items() if any(form in place for form in forms(secret))}


def descendants(*roots: int) -> set[int]:
    """The processes that these began, and theirs, and these."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = set(roots)
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def told(process: int) -> bytes:
    """What anybody of the same machine can read of a process, and what its children inherit."""
    return b" ".join(Path(f"/proc/{process}/{name}").read_bytes() for name in ("cmdline", "environ", "comm"))
