"""Article 30: the record of processing activities, a row for each grant, as a table that any spreadsheet opens."""

from __future__ import annotations

from collections.abc import Mapping

from hub.formats import csv_write
from hub.notice import words
from hub.notice.register import Flow, Register
from hub.promises import Notice, Office

COLUMNS: Mapping[str, str | None] = {
    "Record": "record",
    "Controller": "controller",  # UK GDPR article 30(1)(a)
    "Data protection officer": "officer",
    "Purpose": "purpose",  # (b)
    "What is shared": "subject",
    "Categories of data subjects": "people",  # (c)
    "Categories of personal data": "categories",
    "Fields": "fields",
    "Recipient": "recipient",  # (d)
    "Shared only if": "conditions",
    "UK GDPR Article 6": "article6",
    "UK GDPR Article 9": "article9",
    "DPA 2018 Schedule 1 paragraph": "schedule1",  # Data Protection Act 2018 Schedule 1 paragraph 41(a) and (b)
    "Statute or power": "statute",
    "Section of the privacy notice": "section",
    "Agreement": "agreement",
    "Expires": "expires",
    "State": "state",
    "Kept by the hub": "kept",  # article 30(1)(f)
    "Erased as the policy says": "erased",  # Schedule 1 paragraph 41(c)
    "Transfers outside the United Kingdom": "transfers",  # article 30(1)(e)
    "Security measures": "security",  # (g)
}
STATES = {"live": "in force", "trial": "on trial: nothing is sent", "ended": "ended: nothing is sent"}


def article30(register: Register) -> bytes:
    """
    The record of processing (UK GDPR article 30(1); Data Protection Act 2018 Schedule 1 paragraph 41).

    UTF-8 with its mark, without which a spreadsheet takes letters beyond ASCII for others; no cell is a formula.
    """
    return b"\xef\xbb\xbf" + csv_write.render([_row(flow, register.notice) for flow in register.flows], COLUMNS)


def _row(flow: Flow, notice: Notice) -> dict[str, str]:
    return {
        "record": f"{flow.agency}/{flow.subject.stream}",
        "controller": _office(notice.controller),
        "officer": _office(notice.protection_officer),
        "purpose": flow.because,
        "subject": f"{flow.subject.title}: {flow.subject.says}" if flow.subject.says else flow.subject.title,
        "people": "; ".join(flow.people),
        "categories": "; ".join(flow.categories),
        "fields": "; ".join(
            field.path + ("" if field.exactly == "in full" else f" ({field.exactly})")
            for field in (*flow.heard, *flow.told)
        ),
        "recipient": flow.recipient,
        "conditions": "; ".join(
            said.removesuffix(".") for said in (f"{flow.gate}: {flow.gate_says}", *flow.conditions, *flow.limits)
        ),
        "article6": flow.article6,
        "article9": flow.article9,
        "schedule1": flow.schedule1,
        "statute": flow.statute,
        "section": flow.section,
        "agreement": flow.agreement,
        "expires": flow.until,
        "state": STATES[flow.state],
        "kept": f"what was published for them for {flow.kept}; the hub's own copy {words.lasting(flow.held)}",
        "erased": "yes: each topic erases what is older",
        "transfers": notice.transfers,
        "security": " ".join(notice.security.split()),
    }


def _office(office: Office) -> str:
    return ", ".join(one for one in (office.name, office.email, office.phone) if one is not None)
