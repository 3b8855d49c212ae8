"""axe-core, Deque's accessibility checker, fetched once by npm's own client into the user's cache; never committed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

VERSION = "4.14.1"
FETCH = ("npm", "pack", "--silent", f"axe-core@{VERSION}")


def source() -> str | None:
    """The checker as one script; None where it is not at hand and npm does not fetch it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sharing-hub" / f"axe-core-{VERSION}"
    script = cache / "axe.min.js"
    if not script.exists():
        if shutil.which("npm") is None:
            return None
        cache.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [*FETCH, "--pack-destination", str(cache)], cwd=cache, capture_output=True, timeout=120, check=False
        )
        if done.returncode != 0:
            return None
        with tarfile.open(next(cache.glob("*.tgz"))) as packed, script.with_suffix(".part").open("wb") as out:
            inside = packed.extractfile("package/axe.min.js")
            assert inside is not None
            shutil.copyfileobj(inside, out)
        script.with_suffix(".part").replace(script)
    return script.read_text(encoding="utf-8")
