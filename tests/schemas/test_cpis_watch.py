"""The CP-IS join: every arrival gets one verdict, and silence never reads as "no flag"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.envelope import Envelope, traceparent
from hub.watch import State
from schemas.cpis_flag import FlagChanged
from schemas.cpis_flag.memory import lapses
from schemas.hospital_alert import AlertRaised
from schemas.hospital_alert.watch import watch
from schemas.hospital_attendance import AttendanceReported

AT = datetime(2026, 3, 10, 21, 30, tzinfo=UTC)
CHILD = "9990000018"
ID = "0123456789abcdef0123456789abcdef"
PAPERS = Envelope(ID, "/test", "hospital-attendance.v1", AT, traceparent(ID))


def flag(**fields: Any) -> dict[str, Any]:
    """One word on one plan, as it comes off the wire."""
    return FlagChanged.model_validate(
        {
            "subject": {"nhs_number": CHILD, "surname": "Example", "forename": "Ada", "born": "2016-05-01"},
            "plan": "child_protection",
            "started": "2025-01-06T09:00:00Z",
            "authority": {
                "name": "Exampleton Council",
                "ods_code": "866",
                "office_phone": "01632960001",
                "emergency_phone": "01632960002",
            },
            "worker_id": "SW-1",
        }
        | fields
    ).model_dump()


def arrival(**fields: Any) -> dict[str, Any]:
    """An arrival, as it comes off the wire."""
    patient = {"nhs_number": CHILD, "hospital_number": "H1", "surname": "Example", "born": "2016-05-01"}
    return AttendanceReported.model_validate(
        {"patient": patient | fields.pop("patient", {}), "happened": "arrived", "at": AT} | fields
    ).model_dump()


def known(*flags: Mapping[str, Any], first: datetime = AT - timedelta(days=300)) -> State | None:
    """What is remembered of flags that came a day apart."""
    state: State | None = None
    for day, one in enumerate(flags):
        state = watch.remember(state, one, first + timedelta(days=day))
    return state


def alerts(state: State | None, *, caught_up: bool = True, now: datetime = AT, **fields: Any) -> list[AlertRaised]:
    """Everything that comes of one arrival."""
    found = list(watch.judge(arrival(**fields), state, PAPERS, now=now, caught_up=caught_up))
    assert all(isinstance(one, AlertRaised) for one in found)
    return found  # type: ignore[return-value]  # just asserted


def verdict(state: State | None, **given: Any) -> str:
    """The verdict on one arrival."""
    (alert,) = alerts(state, **given)
    return alert.verdict


OTHER_AUTHORITY = {
    "name": "Sampleham Council", "ods_code": "803", "office_phone": "01632960011", "emergency_phone": "01632960012",
}  # fmt: skip
UNBORN = {"plan": "unborn_child_protection", "ended": "2026-06-30T00:00:00Z"}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], "nothing_known"),
        ([{}], "flagged"),
        ([{"plan": "looked_after"}], "flagged"),
        ([UNBORN], "flagged"),
        ([{"ended": "2025-09-10T00:00:00Z"}], "flagged"),
        ([{"ended": "2025-02-10T00:00:00Z"}], "nothing_known"),
        ([{"ended": "2027-01-01T00:00:00Z"}], "flagged"),
        ([{"started": "2026-03-10T21:30:00Z"}], "flagged"),
        ([{"started": "2026-03-10T21:31:00Z"}], "nothing_known"),
        ([{"deleted": "2025-06-01T00:00:00Z"}], "nothing_known"),
        ([{}, {"deleted": "2025-06-01T00:00:00Z"}], "nothing_known"),
        ([{"deleted": "2025-06-01T00:00:00Z"}, {}], "flagged"),
        ([{}, {"deleted": "2025-06-01T00:00:00Z"}, {"plan": "looked_after"}], "flagged"),
        ([{}, {"deleted": "2025-06-01T00:00:00Z", "authority": OTHER_AUTHORITY}], "flagged"),
        ([{}, {"ended": "2025-02-10T00:00:00Z"}], "nothing_known"),
        ([{"ended": "2025-02-10T00:00:00Z"}, {}], "flagged"),
    ],
)
def test_the_verdict_follows_from_the_plans_that_stand(flags: list[dict[str, Any]], expected: str) -> None:
    """A plan stands from its start until twelve months after its end, unless it was withdrawn."""
    assert verdict(known(*(flag(**fields) for fields in flags))) == expected


@pytest.mark.parametrize(
    ("ended", "last"),
    [
        ("2025-03-10T00:00:00Z", "2026-03-10T23:59:59.999Z"),
        ("2025-03-10T17:00:00Z", "2026-03-10T23:59:59.999Z"),
        ("2024-02-29T12:00:00Z", "2025-02-28T23:59:59.999Z"),
        ("2023-02-28T12:00:00Z", "2024-02-28T23:59:59.999Z"),
        ("2023-03-01T12:00:00Z", "2024-03-01T23:59:59.999Z"),
        ("2025-06-30T23:00:00Z", "2026-07-01T22:59:59.999Z"),  # midnight of 1 July in England
        ("2024-03-31T12:00:00Z", "2025-03-31T22:59:59.999Z"),  # summer time began at another date a year later
    ],
)
def test_twelve_months_end_with_the_same_day_a_year_later(ended: str, last: str) -> None:
    """By the calendar of England, and to the end of that day; 29 February gives 28 February."""
    moment = datetime.fromisoformat(last)
    state = known(flag(started="2022-01-01T00:00:00Z", ended=ended), first=datetime.fromisoformat(ended))
    assert lapses(datetime.fromisoformat(ended)) == moment + timedelta(milliseconds=1)
    assert [verdict(state, at=at) for at in (moment, moment + timedelta(milliseconds=1))] == [
        "flagged",
        "nothing_known",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"caught_up": False}, "unknown"),
        ({"patient": {"nhs_number": None}}, "unknown"),
        ({"patient": {"nhs_number_verified": False}}, "unknown"),
        ({"patient": {"nhs_number_verified": True}}, "nothing_known"),
        ({"patient": {"nhs_number_verified": None}}, "nothing_known"),
        ({"identified": {"nhs_number": "9990000026", "match": "certain", "because": "superseded"}}, "nothing_known"),
        ({"identified": {"nhs_number": "9990000026", "match": "probable", "because": "superseded"}}, "unknown"),
        ({"identified": {"nhs_number": "9990000026", "match": "possible", "because": "contradicted"}}, "unknown"),
    ],
)
def test_what_cannot_be_told_is_unknown(given: dict[str, Any], expected: str) -> None:
    """Nothing is known only where the flags were caught up and asked by a number that can be trusted."""
    assert verdict(None, **given) == expected


@pytest.mark.parametrize("given", [{"caught_up": False}, {"patient": {"nhs_number_verified": False}}])
def test_a_known_plan_is_shown_even_in_doubt(given: dict[str, Any]) -> None:
    """Doubt makes an absence unknown; it does not hide what is there."""
    (alert,) = alerts(known(flag()), **given)
    assert (alert.verdict, len(alert.plans)) == ("flagged", 1)
    assert alert.as_of == (AT if given.get("caught_up", True) else AT - timedelta(days=300))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "certain"),
        ({"nhs_number_verified": True}, "certain"),
        ({"nhs_number_verified": False}, "possible"),
        ({"born": None}, "certain"),
        ({"born": "2016-05-02"}, "possible"),
        ({"born": "2016-05-02", "nhs_number_verified": True}, "possible"),
    ],
)
def test_a_flag_found_by_number_is_certain_until_something_speaks_against_it(
    given: dict[str, Any], expected: str
) -> None:
    """A number that the hospital doubts, or another date of birth under it, may be another person's."""
    (alert,) = alerts(known(flag()), patient=given)
    assert (alert.verdict, alert.match, alert.call) == ("flagged", expected, "01632960002")


def test_one_plan_under_another_date_of_birth_is_doubt_enough() -> None:
    """Two authorities that do not agree on when the child was born may not mean the same child."""
    other = flag(plan="looked_after", authority=OTHER_AUTHORITY, subject={**flag()["subject"], "born": "2015-05-01"})
    assert alerts(known(flag(), other))[0].match == "possible"
    ended = other | {"ended": datetime(2025, 2, 1, tzinfo=UTC)}
    assert alerts(known(flag(), ended))[0].match == "certain"  # it stands no more, and has no say


def test_an_unborn_childs_plan_is_matched_by_the_mothers_date_of_birth() -> None:
    """The flag names her and so does the hospital: the baby has neither number nor date of birth."""
    mother = flag(**UNBORN) | {"subject": {**flag()["subject"], "born": date(1999, 2, 3)}}
    assert alerts(known(mother), patient={"born": "1999-02-03"})[0].match == "certain"
    assert alerts(known(mother))[0].match == "possible"


def test_a_memory_from_before_dates_of_birth_were_kept_has_no_opinion() -> None:
    """What was remembered then stays good, and doubts nobody."""
    state = {name: {k: v for k, v in one.items() if k != "born"} for name, one in (known(flag()) or {}).items()}
    assert alerts(state, patient={"born": "2016-05-02"})[0].match == "certain"
    assert alerts(state, patient={"nhs_number_verified": False})[0].match == "possible"


def test_whom_to_call_is_the_authority_whose_plan_lasts_longest() -> None:
    """Its emergency duty team, who answer day and night; one whose plan is over may know the child no more."""
    over = flag(started="2025-06-01T00:00:00Z", ended="2026-01-10T00:00:00Z", authority=OTHER_AUTHORITY)
    ending = flag(**UNBORN, started="2026-01-10T00:00:00Z", authority=OTHER_AUTHORITY)
    for state in (known(flag(), over), known(over, flag()), known(flag(), ending)):
        assert alerts(state)[0].call == "01632960002"
    assert alerts(known(over))[0].call == "01632960012"


@pytest.mark.parametrize("state", [None, known(flag(ended="2025-02-10T00:00:00Z"))])
def test_without_a_flag_nobody_was_matched(state: State | None) -> None:
    """Neither a match nor a number to call goes with a verdict that is not "flagged"."""
    cases: list[dict[str, Any]] = [{}, {"caught_up": False}, {"patient": {"nhs_number_verified": False}}]
    for one in cases:
        (alert,) = alerts(state, **one)
        assert (alert.match, alert.call) == (None, None)


def test_an_arrival_without_nhs_number_shows_no_plan() -> None:
    """State under a hospital number's key could only be somebody else's."""
    assert verdict(known(flag()), patient={"nhs_number": None}) == "unknown"


def test_an_unborn_childs_plan_alerts_for_the_mother() -> None:
    """It is held against the mother's number (DCB1609), and the alert says whose plan it is."""
    (alert,) = alerts(known(flag(**UNBORN)))
    assert [plan.plan for plan in alert.plans] == ["unborn_child_protection"]
    assert alert.patient.nhs_number == CHILD


def test_the_alert_says_who_came_where_and_whom_to_call() -> None:
    """Everything that the hospital and the social worker need, and nothing of the flag's own names."""
    state = known(flag(worker_id="SW-1"), flag(plan="looked_after", worker_id="SW-2", authority=OTHER_AUTHORITY))
    (alert,) = alerts(state, happened="admitted", organisation_ods="RN3", site_ods="RN325", visit_number="V7")
    assert alert.attendance_id == ID
    assert (alert.happened, alert.at, alert.as_of) == ("admitted", AT, AT)
    assert (alert.organisation_ods, alert.site_ods, alert.visit_number) == ("RN3", "RN325", "V7")
    assert alert.worker_id == "SW-2"
    assert {plan.authority.office_phone for plan in alert.plans} == {"01632960001", "01632960011"}


def test_the_worker_is_the_one_last_named() -> None:
    """The newest word that stands and names a worker; a withdrawn one names nobody."""
    looked_after = flag(plan="looked_after", worker_id=None)
    withdrawn = flag(plan="looked_after", worker_id="SW-9", deleted="2025-06-01T00:00:00Z")
    for state in (known(flag(), looked_after), known(flag(), withdrawn)):
        assert alerts(state)[0].worker_id == "SW-1"


@pytest.mark.parametrize(
    "happened",
    ["discharged", "updated", "admission_cancelled", "discharge_cancelled", "person_added", "person_updated"],
)
def test_what_is_no_arrival_gets_no_verdict(happened: str) -> None:
    """Only arrivals and admissions are answered."""
    assert alerts(known(flag()), happened=happened) == []


def test_more_plans_than_an_alert_holds_still_alert() -> None:
    """The newest twenty are shown; a full list never becomes an error."""
    starts = [(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day)).isoformat() for day in range(25)]
    (alert,) = alerts(known(*(flag(started=start) for start in starts)))
    assert [plan.started.isoformat() for plan in alert.plans] == starts[5:]


def test_what_will_not_be_shown_again_is_not_held() -> None:
    """Thirteen months after the end nothing is kept of a plan but when it was said and ended."""
    state = known(flag(started="2024-01-01T00:00:00Z", ended="2024-06-01T00:00:00Z"), flag(plan="looked_after"))
    assert "01632960001" in json.dumps(state)
    (old,) = [entry for name, entry in (state or {}).items() if "|child_protection|" in name]
    assert set(old) == {"said", "ended", "authority", "worker_id", "born"}
    later = watch.remember(state, flag(plan="looked_after"), AT)
    (old,) = [entry for name, entry in (later or {}).items() if "|child_protection|" in name]
    assert set(old) == {"said", "ended"}


def test_what_is_withdrawn_is_forgotten() -> None:
    """Of a record uploaded in error neither the telephone nor the worker is kept."""
    state = known(flag(), flag(deleted="2025-06-01T00:00:00Z"))
    assert state is not None
    assert [set(entry) for entry in state.values()] == [{"said", "withdrawn"}]


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31)).map(  # noqa: DTZ001  made aware in the next step
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
WORDS = st.builds(
    lambda plan, started, months, deleted, worker, authority: flag(
        plan=plan,
        started=started,
        ended=None
        if months is None and plan != "unborn_child_protection"
        else started + timedelta(days=30 * (months or 9)),
        deleted=deleted,
        worker_id=worker,
        **({"authority": OTHER_AUTHORITY} if authority else {}),
    ),
    st.sampled_from(["child_protection", "looked_after", "unborn_child_protection"]),
    st.sampled_from([datetime(2024, 2, 29, tzinfo=UTC), datetime(2025, 1, 6, 9, tzinfo=UTC)]),
    st.none() | st.integers(0, 20),
    st.none() | MOMENTS,
    st.none() | st.sampled_from(["SW-1", "SW-2"]),
    st.booleans(),
)
SAID = st.lists(
    st.tuples(st.sampled_from([AT - timedelta(days=day) for day in (0, 1, 400, 800)]) | MOMENTS, WORDS), max_size=8
)


def fold(said: list[tuple[datetime, dict[str, Any]]]) -> State | None:
    """What is remembered after *said*, in that order."""
    state: State | None = None
    for moment, word in said:
        state = watch.remember(state, word, moment)
    return state


@given(SAID, st.randoms(use_true_random=False))
def test_the_order_of_flags_does_not_matter(said: list[tuple[datetime, dict[str, Any]]], chance: Any) -> None:
    """Late, early, twice: what is remembered depends on what was said and when, not on how it came."""
    shuffled = said + said[: len(said) // 2]
    chance.shuffle(shuffled)
    assert fold(shuffled) == fold(said)


@given(SAID)
def test_what_is_remembered_survives_json(said: list[tuple[datetime, dict[str, Any]]]) -> None:
    """The state goes through a changelog and back."""
    state = fold(said)
    assert json.loads(json.dumps(state)) == state


@given(SAID, st.booleans(), st.booleans() | st.none(), st.sampled_from([CHILD, None]), MOMENTS)
def test_every_arrival_gets_one_verdict_and_the_same_again(
    said: list[tuple[datetime, dict[str, Any]]],
    caught_up: bool,
    verified: bool | None,
    number: str | None,
    at: datetime,
) -> None:
    """Exactly one, the same for the same knowledge, and never "nothing known" where that cannot be known."""
    state = fold(said)
    patient = {"nhs_number": number, "nhs_number_verified": verified}
    first, second = (alerts(state, caught_up=caught_up, patient=patient, at=at) for _ in range(2))
    assert len(first) == 1
    assert first == second
    if not caught_up or number is None or verified is False:
        assert first[0].verdict != "nothing_known"
    if number is None:
        assert first[0].verdict == "unknown"
    assert (first[0].match is not None) == (first[0].call is not None) == (first[0].verdict == "flagged")
    assert first[0].match != "certain" or verified is not False


SENT, FOUND = CHILD, "9990000026"


@pytest.mark.parametrize(
    ("sent", "because", "told", "otherwise"),
    [
        (None, "local_number", FOUND, None),
        (None, "contradicted", FOUND, None),
        (SENT, "superseded", FOUND, SENT),  # the number of today
        (SENT, "former", SENT, FOUND),
        (SENT, "contradicted", SENT, FOUND),  # what the hospital itself sent, not what may be another child's
        (FOUND, "contradicted", FOUND, None),
    ],
)
@pytest.mark.parametrize("match", ["certain", "probable", "possible"])
def test_an_alert_is_as_certain_as_the_number_it_was_found_by(
    sent: str | None, because: str, told: str, otherwise: str | None, match: str
) -> None:
    """The patient is named by the number that a recipient knows them by; by the other one it is asked who may hear."""
    identified = {"nhs_number": FOUND, "match": match, "because": because}
    (alert,) = alerts(known(flag()), patient={"nhs_number": sent}, identified=identified)
    assert (alert.verdict, alert.match, alert.patient.nhs_number) == ("flagged", match, told)
    assert (alert.otherwise.nhs_number if alert.otherwise else None) == otherwise


def test_another_date_of_birth_makes_it_possible_however_the_number_was_found() -> None:
    """A flag under the number says another one than the hospital."""
    identified = {"nhs_number": FOUND, "match": "certain", "because": "local_number"}
    (alert,) = alerts(known(flag()), patient={"nhs_number": None, "born": "2011-01-01"}, identified=identified)
    assert alert.match == "possible"
