"""`hub check` on times: days of which the calendar does not tell, files too late or never, words that are none."""
# ruff: noqa: E501  what `hub check` prints stands as it is printed, unbroken

from __future__ import annotations

from datetime import date

import pytest

from hub import catalog as catalogs
from hub import check

CALENDAR = "connectors/calendar.yaml"
POLICE = "connectors/wiltshire_police/policy.yaml"
CORAM = "connectors/coram_i/policy.yaml"
CPIS = "connectors/cpis/policy.yaml"
AT = "hears.mash_referral.within"
GROUNDLESS = f"{CALENDAR} tells of no"
TODAY = date(2026, 11, 26)

# name, edits (place, old, new), place, what
BROKEN = [
    (
        "none_of_the_words",
        [(POLICE, "within: 1 working day", "within: tomorrow")],
        POLICE, f"{AT}: Value error, say such as `5 minutes`, `24 hours`, `1 working day`, `next working day 12:00`, `next school day 08:30`",
    ),
    (
        "school_days_of_which_nobody_wrote_the_terms",
        [(POLICE, "within: 1 working day", "within: next school day 08:30")],
        POLICE, f"{AT}: {GROUNDLESS} school days, so that nobody knows when this is due → write school_terms there",
    ),
    (
        "longer_than_it_is_kept",
        [(POLICE, "within: 1 working day", "within: 15 days")],
        POLICE, f"{AT}: is longer than the hub keeps what it published (14 days) → keep it longer, or have it arrive sooner",
    ),
    (
        "sooner_than_the_file_goes",
        [(CPIS, "within: 2 days", "within: 2 hours")],
        CPIS, "hears.cpis_flag.within: the file of xml by files goes every 24 hours, which is too late → have it go more often in agency.yaml, or give it more time",
    ),
    (
        "erased_before_the_file_goes",
        [(CORAM, "kept: 120 days", "kept: 92 days")],
        CORAM, "hears.adoption_case.kept: the file of csv by files goes every quarter, and is erased before that → keep it longer, or have it go more often in agency.yaml",
    ),
    (
        "a_holiday_outside_of_the_list",
        [(CALENDAR, "    2028-12-26: Boxing Day", "    2028-12-26: Boxing Day\n    2029-01-01: New Year's Day")],
        CALENDAR, "2029-01-01 does not lie between first and last",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "place", "what"), [one[1:] for one in BROKEN], ids=[one[0] for one in BROKEN])
def test_a_deadline_that_cannot_be_kept_is_told_with_file_line_and_mend(edits, place, what, house):
    """Before it is live, at the line at which it stands."""
    for where, old, new in edits:
        house.edit(where, old, new)
    found, *_ = [
        one for one in check.check(catalogs.look(), TODAY) if not one.warning and what.split(": ")[0] in str(one)
    ]
    assert found.place == place
    assert what in str(found)
    assert found.line > 1


def test_a_calendar_that_ends_is_told_beforehand_and_one_that_ended_is_a_fault(house):
    """Two months before, and from the first day of which it does not tell."""
    loaded = catalogs.look()

    def told(today: date) -> list[str]:
        return [str(one) for one in check.check(loaded, today) if one.place == CALENDAR]

    assert told(date(2028, 10, 31)) == []
    (warning,) = told(date(2028, 11, 30))
    assert "warning: bank_holidays.last: ends in 31 days: no deadline in working days is known after that" in warning
    for today in (date(2029, 1, 1), date(2024, 12, 31)):
        (fault,) = told(today)
        assert f"tells of 2025-01-01 to 2028-12-31, and not of {today}" in fault
        assert "warning" not in fault


def test_without_a_calendar_what_asks_for_one_is_told(house):
    """And minutes are not."""
    (house.root / CALENDAR).unlink()
    found = {(one.place, one.what) for one in check.check(catalogs.look(), TODAY) if "working days" in one.what}
    assert (POLICE, f"{AT}: {GROUNDLESS} working days, so that nobody knows when this is due") in found
    assert not any("hospital_alert" in what for _, what in found)
