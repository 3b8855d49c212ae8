"""Renewal: policies that changed while the hub carries, taken up between two events, or left lying and said why."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from hub import catalog as catalogs
from hub import check
from hub.catalog import Catalog, folder_of
from hub.document import Finding
from hub.errors import CatalogError, HubError
from hub.log import note
from hub.policy import Policy
from hub.widening import unapproved

WATCHED = (("connectors", "*/*.yaml"), ("connectors", "*.yaml"), ("topics", "*.yaml"), ("topics", "schemas.lock"))
SECONDS = 1.0

Print = tuple[tuple[str, int, int], ...]
Look = Callable[[], Catalog]


class Renewal:
    """
    Looks for what changed in agencies, policies and topics, and gives the catalog that holds from then on.

    A change is taken up whole or not at all: where the files do not fit together, as while somebody is writing them,
    or something would be newly disclosed that no second person approved (`hub.approvals`), what held before goes on
    holding. Streams are code, and change with a restart.
    """

    def __init__(
        self, catalog: Catalog, *, look: Look = lambda: check.sound(catalogs.look()), seconds: float = SECONDS
    ) -> None:
        self._catalog, self._look, self._seconds = catalog, look, seconds
        self._print = fingerprint()
        self._next = 0.0

    def due(self, use: Callable[[Catalog], None]) -> bool:
        """
        Whether something changed and *use* took it up; looks at the files once a second at most.

        *use* may refuse the catalog by a HubError; then the old one goes on holding.
        """
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._seconds
        seen = fingerprint()
        if seen == self._print:
            return False
        self._print = seen
        try:
            fresh = self._look()
            waiting = unapproved(in_force(self._catalog), in_force(fresh), fresh.streams, fresh.approvals)
            for agency, changes in waiting.items():
                note("policy", "would disclose more, and no second person approved it: not taken up; see "
                     "`hub policy diff`", level=logging.WARNING, agency=agency, count=len(changes))  # fmt: skip
            if waiting:
                return False
            use(fresh)
        except CatalogError as error:
            note("policy", "does not fit together: not taken up; see `hub check` and `hub sync`",
                 level=logging.WARNING, count=len(error.findings))  # fmt: skip
            return False
        except HubError as error:
            note("policy", "could not be taken up", level=logging.WARNING, kind=type(error).__name__)
            self._print = ()
            return False
        self._catalog = fresh
        note("policy", "taken up", count=sum(len(policy.hears) for policy in fresh.policies.values()))
        return True


def fingerprint() -> Print:
    """What tells one state of the files from another, without reading them."""
    return tuple(_seen(path) for package, pattern in WATCHED for path in sorted(folder_of(package).glob(pattern)))


def _seen(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:  # it went while we looked
        return str(path), -1, -1
    return str(path), stat.st_mtime_ns, stat.st_size


def in_force(catalog: Catalog) -> dict[str, Policy]:
    """The policies by which anybody is told anything: an agency on trial is told nothing yet."""
    return {key: one for key, one in catalog.policies.items() if catalog.agencies[key].status != "trial"}


def admit(catalog: Catalog, live: Path) -> None:
    """
    See that a start discloses no more than was disclosed before it, without a second person's approval.

    *live* is a folder laid out as connectors/ is, with each policy as it last held on this machine; `keep` writes it.
    Raises CatalogError with what would be newly disclosed.
    """
    if not live.is_dir():
        return
    before, _, _ = catalogs.policies_in(live)
    waiting = unapproved(before, in_force(catalog), catalog.streams, catalog.approvals, catalog.documents)
    mend = f"approve it (`hub policy approve`), or take it back; what held is in {live}"
    findings = [
        Finding(
            f"connectors/{agency}/policy.yaml",
            change.line or 1,
            f"would disclose more: {change.path or change.stream} {change.what}",
            mend,
        )
        for agency, changes in waiting.items()
        for change in changes
    ]
    if findings:
        raise CatalogError(findings)


def keep(catalog: Catalog, live: Path) -> None:
    """Write the policies that hold from now on into the folder *live*, and take out of it whoever hears nothing now."""
    held = in_force(catalog)
    for name, policy in held.items():
        document = catalog.documents.get(f"connectors/{name}/policy.yaml")
        if document is None or catalogs.version_of(document.content) != policy.version:
            continue  # made up in memory: it never held
        path = live / name / "policy.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(document.content)
        part.replace(path)
    for folder in live.iterdir() if live.is_dir() else ():
        if folder.is_dir() and folder.name not in held:
            (folder / "policy.yaml").unlink(missing_ok=True)
