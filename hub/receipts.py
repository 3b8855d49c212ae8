"""Receipts as they are asked for: by event, agency, stream or rule, and as JSON; what they attest is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from hub.catalog import Catalog
from hub.disclosure import Outcome, Receipt, Verdict, receipts_of
from hub.envelope import Record
from hub.errors import HubError, Unreadable

OF_OUTCOME = tuple(name for name in Outcome._fields if name != "fields")
OF_RECEIPT = tuple(name for name in Receipt._fields if name not in ("outcome", "standing", "synthetic"))


class Wanted(NamedTuple):
    """Which receipts are asked for; what is empty or None asks for all. *rule* may end in `*`."""

    event: str = ""
    agency: str = ""
    stream: str = ""
    rule: str = ""
    since: datetime | None = None

    def has(self, receipt: Receipt) -> bool:
        """Whether *receipt* is one of them."""
        start = self.rule.removesuffix("*")
        return (
            (not self.event or receipt.event == self.event)
            and (not self.agency or receipt.agency == self.agency)
            and (not self.stream or receipt.stream == self.stream)
            and (not self.rule or receipt.rule == start or (start != self.rule and receipt.rule.startswith(start)))
            and (self.since is None or datetime.fromisoformat(receipt.at) >= self.since)
        )


def named(text: str) -> Wanted:
    """The receipts of `EVENT/AGENCY`; raises HubError where *text* is written otherwise."""
    event, slash, agency = text.partition("/")
    if not (event and slash and agency) or "/" in agency:
        raise HubError(f"{text!r} names no receipt: write EVENT/AGENCY, as `hub receipts` prints it")
    return Wanted(event=event, agency=agency)


def on_page(catalog: Catalog, page: Record) -> list[Receipt]:
    """The receipts on one record of the disclosures topic; raises Unreadable where it is none that is known here."""
    try:
        value = page.value or b""
        return receipts_of(value, catalog.lock.codec(value))
    except (KeyError, TypeError, IndexError) as error:
        raise Unreadable("disclosures.page", "", "it was written before receipts had their present shape") from error


def as_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt for programs, and for `from_json`."""
    outcome = receipt.outcome
    return {
        **{name: getattr(receipt, name) for name in OF_RECEIPT},
        **{name: getattr(outcome, name) for name in OF_OUTCOME},
        "standing": list(receipt.standing),
        "synthetic": receipt.synthetic,
        "fields": [one._asdict() for one in outcome.fields],
    }


def from_json(said: object) -> Receipt:
    """A receipt from what `as_json` made of it; raises HubError where it is no receipt."""
    try:
        names = {*OF_OUTCOME, *OF_RECEIPT, "standing", "synthetic", "fields"}
        if not isinstance(said, Mapping) or said.keys() != names:
            raise TypeError("other keys than a receipt's")
        fields = tuple(Verdict(*_texts(one, Verdict._fields)) for one in said["fields"])
        texts = dict(zip(OF_OUTCOME, _texts(said, OF_OUTCOME), strict=True))
        event, message, sent, at = _texts(said, OF_RECEIPT)
        if datetime.fromisoformat(at).tzinfo is None:
            raise ValueError("a time without its zone")
        outcome = Outcome(**texts, fields=fields)
        standing, synthetic = tuple(str(one) for one in said["standing"]), said["synthetic"] is True
        return Receipt(event, outcome, standing, message, sent, at, synthetic)
    except (KeyError, TypeError, ValueError):
        raise HubError("that is no receipt as `hub receipts --json` prints it") from None


def _texts(said: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    if not all(isinstance(said[name], str) for name in names):
        raise TypeError("not a text")
    return [said[name] for name in names]
