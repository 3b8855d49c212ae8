"""SBOM: writes the image's bill of materials, CycloneDX 1.6, from the lock; the same lock gives the same bytes."""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
SBOM = HERE / "sbom.cdx.json"
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(.*(?:\n[ \t].*)*)", re.MULTILINE)


class Locked:
    """One package of the lock: its *name*, *version* and the SHA-256 of each file that may be installed as it."""

    def __init__(self, name: str, version: str, rest: str) -> None:
        self.name, self.version = str(canonicalize_name(name)), version
        self.hashes = sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", rest))
        self.purl = f"pkg:pypi/{self.name}@{version}"


def locked(text: str) -> list[Locked]:
    """What the lock's *text* names, in its order."""
    return [Locked(*found.groups()) for found in _ENTRY.finditer(text)]


def bill(text: str, version: str) -> dict[str, Any]:
    """
    The bill for a lock of that *text* and a hub of that *version*.

    Licences and what needs what are read from the packages themselves: each must be installed here in the version that
    is locked (`make lock` sees to it); raises SystemExit with the name of one that is not. A file's hash is that of a
    distribution, hence a reference, and not of the component, which is what was unpacked from one of them.
    """
    packages = locked(text)
    known = {one.name: one for one in packages}
    root = f"pkg:generic/sharing-hub@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, root + text)}",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": root, "name": "sharing-hub", "version": version},
        },
        "components": [_component(one) for one in packages],
        "dependencies": [
            {"ref": root, "dependsOn": sorted(known[name].purl for name in _asked() if name in known)},
            *({"ref": one.purl, "dependsOn": sorted(known[name].purl for name in _needs(one) if name in known)}
              for one in packages),
        ],
    }  # fmt: skip


def _component(one: Locked) -> dict[str, Any]:
    said = _licence(_installed(one))
    return {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        **({"licenses": [said]} if said else {}),
        "externalReferences": [
            {"type": "distribution", "url": one.purl,
             "hashes": [{"alg": "SHA-256", "content": each} for each in one.hashes]}
        ],
    }  # fmt: skip


def _installed(one: Locked) -> Distribution:
    try:
        found = distribution(one.name)
    except PackageNotFoundError:
        raise SystemExit(
            f"{one.name} {one.version} is locked and not installed here: make clean, then make sbom"
        ) from None
    if found.version != one.version:
        raise SystemExit(
            f"{one.name} is locked as {one.version} and installed as {found.version}: make clean, then again"
        )
    return found


def _licence(found: Distribution) -> dict[str, Any] | None:
    """What the package says of its licence: an SPDX expression where it gives one, else its own short words."""
    if expression := found.metadata.get("License-Expression"):
        return {"expression": expression}
    classes = [
        one.rpartition(" :: ")[2] for one in found.metadata.get_all("Classifier") or () if one.startswith("License ")
    ]
    words = [*(one for one in classes if one != "OSI Approved"), *(found.metadata.get("License") or "").splitlines()]
    return {"license": {"name": words[0][:100]}} if words else None


def _needs(one: Locked) -> Iterator[str]:
    for line in _installed(one).requires or ():
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": "binary" if one.name == "psycopg" else ""}):
            yield str(canonicalize_name(wanted.name))


def _asked() -> Iterator[str]:
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in (*project["dependencies"], *project["optional-dependencies"]["postgresql"]):
        yield str(canonicalize_name(Requirement(line).name))


def version() -> str:
    """The hub's own."""
    return str(tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def rendered() -> str:
    """The bill of what is locked now, as it lies in the file."""
    return json.dumps(bill(LOCK.read_text(encoding="utf-8"), version()), indent=1) + "\n"


def main() -> None:
    """Write it, or with `--check` exit 1 where the file says something else."""
    if "--check" in sys.argv[1:]:
        sys.exit(0 if SBOM.exists() and SBOM.read_text(encoding="utf-8") == rendered() else "out of date: make sbom")
    SBOM.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
