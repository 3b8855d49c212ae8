"""Countersigning: one entry more in an approvals.yaml, so that nothing that stood there changes."""

from __future__ import annotations

import os
import textwrap
from datetime import date
from pathlib import Path

import yaml
from pydantic import ValidationError

from hub.approvals import FILE, Approvals, Approved, different
from hub.catalog import Catalog, folder_of, shaped
from hub.document import UNWRITTEN, near
from hub.errors import CatalogError

HEADER = """\
# Who approved which version of policy.yaml, newest last; `hub policy approve` adds to it.
# Who may change this file is decided where the repository is kept: the hub checks that two persons are named.
approved:
"""


def countersign(catalog: Catalog, agency: str, *, by: str, second: str, because: str, on: date) -> Path:
    """
    Write that *second* approved, *on* a day and *because* of something, today's policy of *agency* as *by* proposed it.

    Returns the file. Raises CatalogError where there is no such policy, where the two are not two persons, where it is
    approved already, or where the file is such that an entry cannot be added without touching the others.
    """
    if agency not in catalog.agencies:
        raise CatalogError([f"no agency {agency!r}; {near(agency, catalog.agencies)}"])
    policy = catalog.policies.get(agency)
    if policy is None:
        raise CatalogError([f"connectors/{agency}/ has no policy.yaml to approve"])
    if not different(by, second):
        raise CatalogError(["a second person must approve it: --by and --second are one person, or nobody"])
    if UNWRITTEN.search(because):
        raise CatalogError(["because: still says TODO"])
    before = catalog.approvals.get(agency) or Approvals(approved=())
    if before.of(policy.version) is not None:
        raise CatalogError([f"connectors/{agency}/{FILE}: {policy.version} is approved already"])
    try:
        entry = Approved(
            policy=policy.version, proposed_by=by.strip(), approved_by=second.strip(), approved_on=on, because=because
        )
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise CatalogError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults) from None
    path = folder_of("connectors") / agency / FILE
    text = _with(path.read_text(encoding="utf-8") if path.exists() else HEADER, entry)
    if _read(text) != Approvals(approved=(*before.approved, entry)):
        mend = "end it with the list `approved:`, each entry on lines of its own"
        raise CatalogError([f"connectors/{agency}/{FILE}: an entry cannot be added at its end → {mend}"])
    fresh = path.with_name(f".{FILE}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)  # whole or not at all: a relay may be reading it
    return path


def _with(text: str, entry: Approved) -> str:
    added = yaml.safe_dump([entry.model_dump()], sort_keys=False, allow_unicode=True, width=100)
    return f"{text.rstrip()}\n{textwrap.indent(added, '  ')}"


def _read(text: str) -> Approvals | None:
    """What the hub will read of *text*; None where it will not."""
    found, faults = shaped(Approvals, text.encode(), FILE)
    return None if faults else found
