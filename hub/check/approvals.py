"""What can be wrong with an agency's approvals, beyond their shape: two names that are one person, or no policy."""

from __future__ import annotations

from collections.abc import Iterator

from hub.approvals import FILE
from hub.catalog import Catalog
from hub.document import Document, Finding


def approvals(place: str, document: Document, catalog: Catalog) -> Iterator[Finding]:
    """What an approvals.yaml says that approves nothing; of any other document nothing."""
    folder, _, name = place.rpartition("/")
    agency = folder.rpartition("/")[2]
    if name != FILE or agency not in catalog.approvals:
        return  # what has not the right shape was told when it was read
    for index, one in enumerate(catalog.approvals[agency].approved):
        if not one.by_two:
            what = "who proposed it and who approved it are not two persons"
            yield document.finding(("approved", index, "approved_by"), what, "have somebody else read it")
    if agency not in catalog.policies and not catalog.unread(f"{folder}/policy.yaml"):
        yield document.finding((), "there is no policy.yaml beside it to approve", "delete it")
