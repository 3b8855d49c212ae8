"""What is derived is up to date: nobody reviews a change whose consequence is not written down."""

from __future__ import annotations

from hub import catalog as catalogs
from hub import check, sync


def test_nothing_is_wrong_with_the_catalog_whatever_the_day():
    """What `hub check` finds but for agreements that end."""
    assert [str(finding) for finding in check.faults(catalogs.look())] == []


def test_everything_derived_says_what_it_should():
    """As `hub sync --check` in CI; run `hub sync` and read what changed."""
    assert [str(finding) for finding in sync.stale(catalogs.look())] == []


def test_the_table_says_of_an_agency_on_trial_that_it_is_sent_nothing():
    """In place of the day until which it would hear."""
    loaded = catalogs.look()
    rows = [row.split(" | ") for row in sync.who_hears_what(loaded).splitlines()[2:]]
    trial = {one.name for one in loaded.agencies.values() if one.status == "trial"}

    assert trial
    assert {row[0].removeprefix("| ") for row in rows if row[-1] == "on trial: nothing is sent |"} == trial


def test_deriving_is_the_same_every_time():
    """No order of folders or of sets shows in what is written."""
    first, second = (list(sync.derived(catalogs.look())) for _ in range(2))

    assert first == second
    assert len({one.path for one in first}) == len(first)
