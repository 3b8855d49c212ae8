"""The notice of an access: every look at a record is told to somebody, and silence is never made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.envelope import Envelope, traceparent
from hub.watch import State
from schemas.cpis_access import RecordAccessed
from schemas.cpis_access_notice import AccessNoticed
from schemas.cpis_access_notice.watch import watch
from schemas.cpis_flag import FlagChanged

AT = datetime(2026, 7, 4, 18, 20, tzinfo=UTC)
CHILD = "9990000018"
ID = "0123456789abcdef0123456789abcdef"
PAPERS = Envelope(ID, "/test", "cpis-access.v1", AT, traceparent(ID))
AUTHORITY = {
    "name": "Exampleton Council", "ods_code": "866", "office_phone": "01632960001", "emergency_phone": "01632960002",
}  # fmt: skip


def known(*flags: dict[str, Any]) -> State | None:
    """What is remembered of flags that came a day apart."""
    subject = {"nhs_number": CHILD, "surname": "Example", "forename": "Ada", "born": "2016-05-01"}
    state: State | None = None
    for day, one in enumerate(flags):
        said = FlagChanged.model_validate(
            {"subject": subject, "plan": "child_protection", "started": "2026-01-06T09:00:00Z", "authority": AUTHORITY,
             "worker_id": "SW-1"} | one
        )  # fmt: skip
        state = watch.remember(state, said.model_dump(), AT - timedelta(days=100 - day))
    return state


def notice(state: State | None, *, caught_up: bool = True, **fields: Any) -> AccessNoticed:
    """The one notice that comes of one access."""
    access = RecordAccessed.model_validate(
        {"query_id": "Q", "at": AT, "nhs_number": CHILD, "local_id": "900001", "by": {"organisation": "Exampleton"},
         "notified_at": AT} | fields
    )  # fmt: skip
    (found,) = watch.judge(access.model_dump(), state, PAPERS, now=AT, caught_up=caught_up)
    assert isinstance(found, AccessNoticed)
    return found


def test_the_allocated_worker_hears_which_kinds_of_plan_stand():
    """Each kind once, and who looked."""
    found = notice(known({"worker_id": None}, {"plan": "looked_after", "worker_id": "SW-2"}))

    assert (found.known, found.plans, found.worker_id) == ("flagged", ("child_protection", "looked_after"), "SW-2")
    assert (found.by.organisation, found.access_id) == ("Exampleton", ID)


@pytest.mark.parametrize("flags", [(), ({"deleted": "2026-03-01T09:00:00Z"},), ({"started": "2026-07-05T09:00:00Z"},)])
def test_of_whom_nothing_stands_there_is_a_notice_all_the_same(flags):
    """Without a worker, so that it is the duty team's."""
    found = notice(known(*flags))

    assert (found.known, found.plans, found.worker_id) == ("nothing_known", (), None)


def test_what_is_not_caught_up_is_unknown_and_what_is_known_is_told():
    """The absence of a flag proves nothing then, its presence does."""
    assert notice(None, caught_up=False).known == "unknown"
    assert notice(known({}), caught_up=False).known == "flagged"
    assert notice(known({}), caught_up=False).as_of == AT - timedelta(days=100)


def test_without_an_nhs_number_it_is_unknown_and_the_local_number_goes_along():
    """Flags are found by NHS number alone; the duty team can look the child up."""
    found = notice(None, nhs_number=None)

    assert (found.known, found.local_id, found.worker_id) == ("unknown", "900001", None)


def test_a_plan_that_ended_within_the_year_stands():
    """So it does in CP-IS (DCB1609); it is the duty team's, since whose case it was hears no more of the child."""
    found = notice(known({"ended": "2026-02-01T09:00:00Z"}))

    assert (found.known, found.plans, found.worker_id) == ("flagged", ("child_protection",), None)


def test_of_a_plan_that_lasts_and_one_that_ended_the_one_that_lasts_says_whose_case_it_is():
    """Though the other was spoken of later, and though nobody is allocated where it lasts."""
    over = {"plan": "looked_after", "ended": "2026-02-01T09:00:00Z", "worker_id": "SW-9"}

    assert notice(known({}, over)).worker_id == "SW-1"
    assert notice(known({"worker_id": None}, over)).worker_id is None
