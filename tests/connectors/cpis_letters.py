"""Letters of flags as the relay lets them out to CP-IS, of invented people."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hub.envelope import Envelope
from hub.outbound import Letter
from schemas.cpis_flag import FlagChanged
from schemas.fields import nhs_number_check_digit_holds

AT = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)
SWINDON = {
    "name": "Swindon Borough Council", "ods_code": "866X", "office_phone": "01632960101",
    "emergency_phone": "01632960102",
}  # fmt: skip


def nhs_numbers(count: int) -> list[str]:
    """Invented NHS numbers, from the first of the range that is never issued."""
    found: list[str] = []
    nine = 999_000_000
    while len(found) < count:
        found += [number for digit in range(10) if nhs_number_check_digit_holds(number := f"{nine}{digit}")]
        nine += 1
    return found[:count]


def letter(number: str = "9990000018", *, said: datetime = AT, **changed: Any) -> Letter:
    """What the policy lets out of one flag; *said* is when the hub took it in."""
    subject = {"nhs_number": number, "local_id": "900001", "surname": "Tester", "forename": "Ada", "born": "2011-03-14"}
    flag = FlagChanged.model_validate(
        {
            "subject": subject | changed.pop("subject", {}),
            "plan": "child_protection",
            "started": "2026-02-02T10:15:00Z",
            "authority": SWINDON,
        }
        | changed
    )
    values = flag.model_dump()
    del values["worker_id"]
    return Letter(values, Envelope("0" * 32, "/hub", "cpis-flag.v1.to.cpis", said, ""))


def thousand() -> list[Letter]:
    """A day's flags of a thousand people: plans that run, ended, were withdrawn, of children and of mothers."""
    kinds = ("child_protection", "looked_after", "unborn_child_protection")
    found = []
    for index, number in enumerate(nhs_numbers(1000)):
        started = AT - timedelta(days=index % 900, minutes=index)
        kind = kinds[index % 3]
        ended = started + timedelta(days=200) if index % 4 == 0 or index % 3 == 2 else None
        found.append(
            letter(
                number,
                plan=kind,
                started=started,
                ended=ended,
                deleted=AT if index % 17 == 0 else None,
                subject={
                    "local_id": f"9{index:05}" if index % 5 else None,
                    "surname": ("O'Dare-Łukasz", "van der Böhm & Co <x>", "Tester")[index % 3],
                    "born": date(2008 + index % 17, 1 + index % 12, 1 + index % 28),
                },
            )
        )
    return found
