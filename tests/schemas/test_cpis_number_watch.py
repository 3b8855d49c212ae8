"""Flags that follow a person to a new NHS number: what stands is said anew, and never across an adoption."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.envelope import Envelope, traceparent
from hub.watch import State
from schemas.cpis_flag import FlagChanged
from schemas.cpis_flag.watch import watch
from schemas.nhs_number_change import NumberReplaced

AT = datetime(2026, 7, 6, 2, tzinfo=UTC)
OLD, NEW, OTHER = "9990000018", "9990000026", "9990000034"
ID = "0123456789abcdef0123456789abcdef"
PAPERS = Envelope(ID, "/test", "nhs-number-change.v1", AT, traceparent(ID))
RUNS = {"plan": "child_protection"}
CARE = {"plan": "looked_after", "started": "2025-05-01T09:00:00Z"}


def flag(**fields: Any) -> dict[str, Any]:
    """One word on one plan, as it comes off the wire."""
    subject = {"nhs_number": OLD, "local_id": "900001", "surname": "Example", "forename": "Ada", "born": "2016-05-01"}
    authority = {
        "name": "Exampleton Council", "ods_code": "866", "office_phone": "01632960001",
        "emergency_phone": "01632960002",
    }  # fmt: skip
    return FlagChanged.model_validate(
        {"subject": subject, "plan": "child_protection", "started": "2025-01-06T09:00:00Z", "authority": authority,
         "worker_id": "SW-1"} | fields
    ).model_dump()  # fmt: skip


def known(*flags: Mapping[str, Any]) -> State | None:
    """What is remembered of flags that came a day apart; through JSON, as it is kept."""
    state: State | None = None
    for day, one in enumerate(flags):
        state = watch.remember(state, one, AT - timedelta(days=100 - day))
    return None if state is None else json.loads(json.dumps(state))


def anew(state: State | None, *new: str, said_by: str = "cpis", caught_up: bool = True) -> list[FlagChanged]:
    """What is said under the new number."""
    change = NumberReplaced.model_validate(
        {"old": {"nhs_number": OLD}, "new": new, "said_by": said_by, "as_of": AT}
    ).model_dump()
    found = list(watch.judge(change, state, PAPERS, now=AT + timedelta(days=900), caught_up=caught_up))
    assert all(isinstance(one, FlagChanged) for one in found)
    return found  # type: ignore[return-value]  # just asserted


def test_what_stands_is_said_again_whole_under_the_new_number():
    """Nothing of it is changed but the number."""
    one, two = flag(**RUNS), flag(**CARE)

    found = anew(known(one, two), NEW)

    assert [each.subject.nhs_number for each in found] == [NEW, NEW]
    back = [json.loads(each.model_dump_json()) for each in found]
    for each in back:
        each["subject"]["nhs_number"] = OLD
    assert back == [FlagChanged.model_validate(each).model_dump(mode="json") for each in (one, two)]


@pytest.mark.parametrize("new", [(), (NEW, OTHER)])
def test_nothing_follows_where_none_or_several_took_its_place(new):
    """Only a person can say who is who."""
    assert anew(known(flag()), *new) == []


@pytest.mark.parametrize(("said_by", "count"), [("cpis", 1), ("pds", 1), ("case_system", 1), ("hospital", 0)])
def test_a_hospitals_word_alone_flags_nobody(said_by, count):
    """It merges its own records, sometimes in error; the national register and the case system know who is who."""
    assert len(anew(known(flag()), NEW, said_by=said_by)) == count


def test_nothing_is_said_of_whom_no_flag_is_known():
    """The change is of somebody else, or came first."""
    assert anew(None, NEW) == []


def test_a_plan_that_ended_within_the_year_is_shown_and_so_goes_along():
    """DCB1609; an older one does not."""
    ended = (AT - timedelta(days=300)).isoformat()
    older = (AT - timedelta(days=370)).isoformat()

    assert len(anew(known(flag(ended=ended)), NEW)) == 1
    assert anew(known(flag(ended=older)), NEW) == []


def test_what_was_withdrawn_is_never_said_again():
    """It was uploaded in error, whatever an older word says that comes late."""
    withdrawn = watch.remember(None, flag(deleted="2026-03-01T09:00:00Z"), AT - timedelta(days=10))

    assert anew(watch.remember(withdrawn, flag(), AT - timedelta(days=20)), NEW) == []


def test_the_latest_word_counts():
    """In whatever order the two come."""
    ended = "2026-06-01T09:00:00Z"
    first, second = AT - timedelta(days=20), AT - timedelta(days=10)
    forth = watch.remember(watch.remember(None, flag(), first), flag(ended=ended), second)
    back = watch.remember(watch.remember(None, flag(ended=ended), second), flag(), first)

    assert forth == back
    assert [one.ended is None for one in anew(forth, NEW)] == [False]


def test_of_a_child_whose_care_has_ended_nothing_is_said_anew():
    """They may have been adopted: nothing leads from the old number to the new one, not even the plan that runs."""
    over = {**CARE, "ended": "2026-06-30T09:00:00Z"}

    assert anew(known(flag(**RUNS), flag(**over)), NEW) == []
    assert len(anew(known(flag(**RUNS), flag(**{**CARE, "ended": "2026-12-31T09:00:00Z"})), NEW)) == 2


def test_what_is_shown_no_longer_is_not_kept():
    """Name and date of birth go once nobody would be shown them; that it was said stays."""
    state = known(flag(started="2024-01-06T09:00:00Z", ended="2024-09-01T09:00:00Z"), flag(**CARE))

    assert "Ada" in json.dumps(state)
    assert [sorted(entry) for entry in (state or {}).values()] == [["ended", "said"], ["ended", "flag", "said"]]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from([None, "2026-06-01T09:00:00Z"])),
                max_size=8))  # fmt: skip
def test_remembering_again_changes_nothing(words):
    """After a restart each may be given once more."""
    given_ = [
        (flag(started=f"202{plan}-01-06T09:00:00Z", ended=ended), AT - timedelta(days=said))
        for plan, said, ended in words
    ]
    state: State | None = None
    for one, said in given_:
        state = watch.remember(state, one, said)
    again = state
    for one, said in given_:
        again = watch.remember(again, one, said)
    assert again == state
