"""Locks: writes both lock files beside this one from pyproject.toml; needs pip-tools, and names no place of origin."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
QUIET = (
    *("--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe", "--no-header", "--no-annotate"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host", "--no-emit-options"),
)


def lock(into: str, *wanted: str) -> None:
    """Resolve *wanted* and write the lock; versions already in it stay unless `--upgrade` is given to this script."""
    command = [sys.executable, "-m", "piptools", "compile", *QUIET, *sys.argv[1:], "--output-file", str(HERE / into)]
    command += ["--constraint=deploy/constraints.txt", "--extra=postgresql", "--extra=tracing"]
    subprocess.run([*command, *wanted], cwd=HERE.parent, check=True)  # noqa: S603  our own words


def main() -> None:
    """The lock of what runs, and one for work on it that holds the same and the tools."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    lock("requirements.lock", "pyproject.toml")
    with tempfile.NamedTemporaryFile("w", suffix=".in", encoding="utf-8") as tools:
        tools.write("\n".join([*project["dependency-groups"]["dev"], *project["build-system"]["requires"]]) + "\n")
        tools.flush()
        lock("requirements-dev.lock", "--constraint=deploy/requirements.lock", "pyproject.toml", tools.name)


if __name__ == "__main__":
    main()
