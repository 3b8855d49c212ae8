"""Promises of renewal: a change of policies holds whole or not at all, and discloses no more on one word."""

from __future__ import annotations

import logging

import pytest

from hub import catalog as catalogs
from hub import check
from hub.errors import CatalogError, TransportError
from hub.renewal import Renewal, admit, keep

POLICY, AGENCY = "connectors/chis/policy.yaml", "connectors/chis/agency.yaml"


@pytest.fixture
def renewal(house):
    """A renewal of the house's catalog that looks whenever it is asked, and what it took up."""
    taken = []
    return Renewal(check.sound(catalogs.look()), seconds=0), taken


def look(renewal) -> list:
    """What was taken up, after another look."""
    one, taken = renewal
    one.due(taken.append)
    return taken


def test_nothing_is_taken_up_while_nothing_changed(renewal):
    """However often it looks."""
    assert look(renewal) == look(renewal) == []


def test_what_is_cut_holds_at_once(house, renewal):
    """No second person is needed to disclose less."""
    house.edit(POLICY, "      - child.upn\n", "")
    house.edit(AGENCY, "STUD_ID: child.upn", "STUD_ID: null")

    (fresh,) = look(renewal)

    assert "child.upn" not in fresh.policies["chis"].hears["child_demographics"].fields
    assert look(renewal) == [fresh]


def test_what_would_be_newly_disclosed_waits_for_a_second_person(house, renewal, caplog):
    """And the log says for whom it waits."""
    house.edit(POLICY, "      - child.born\n", "      - child.born\n      - child.ethnicity\n")

    with caplog.at_level(logging.WARNING):
        assert look(renewal) == []

    assert "no second person approved it" in caplog.text
    version = catalogs.look().policies["chis"].version
    house.write("connectors/chis/approvals.yaml", APPROVED.format(version=version, second="Ben Guardian"))
    (fresh,) = look(renewal)
    assert fresh.policies["chis"].version == version


def test_the_same_person_twice_is_no_second_person(house, renewal):
    """However the name is spelled."""
    house.edit(POLICY, "      - child.born\n", "      - child.born\n      - child.ethnicity\n")
    version = catalogs.look().policies["chis"].version
    house.write("connectors/chis/approvals.yaml", APPROVED.format(version=version, second="OFFICER, ada"))

    assert look(renewal) == []


def test_files_that_do_not_fit_together_change_nothing(house, renewal, caplog):
    """As while somebody is writing them; once they fit they are taken up."""
    before = house.text(POLICY)
    house.write(POLICY, before.replace("      - child.upn\n", "").replace("kept: 14 days", "kept: a fortnight"))
    with caplog.at_level(logging.WARNING):
        assert look(renewal) == []
    assert "hub check" in caplog.text

    house.write(POLICY, before.replace("      - child.sex\n", ""))
    house.edit(AGENCY, "GENDER: child.sex", "GENDER: null")

    assert len(look(renewal)) == 1


def test_what_could_not_be_used_is_tried_again(house, renewal):
    """A Kafka that is away while a topic must be made is no reason to stay with the old for ever."""
    house.edit(POLICY, "      - child.upn\n", "")
    house.edit(AGENCY, "STUD_ID: child.upn", "STUD_ID: null")
    one, taken = renewal

    def away(_catalog):
        raise TransportError("Kafka does not answer")

    assert one.due(away) is False
    assert one.due(taken.append) is True


def test_a_start_discloses_no_more_than_what_held_before_it(house, tmp_path):
    """A restart is no way around the second person; what held lies in a folder that `hub policy diff` can read."""
    live = tmp_path / "live"
    admit(catalogs.look(), live)
    keep(catalogs.look(), live)
    house.edit(POLICY, "      - child.born\n", "      - child.born\n      - child.ethnicity\n")

    with pytest.raises(CatalogError, match=r"connectors/chis/policy.yaml:\d+: would disclose more: .*child\.ethnicity"):
        admit(catalogs.look(), live)

    version = catalogs.look().policies["chis"].version
    house.write("connectors/chis/approvals.yaml", APPROVED.format(version=version, second="Ben Guardian"))
    admit(catalogs.look(), live)


def test_an_agency_whose_trial_ends_is_told_something_new(house, tmp_path):
    """What its policy grants is then heard for the first time, and wants the second person."""
    live = tmp_path / "live"
    house.edit(AGENCY, "hears:\n", "status: trial\n\nhears:\n")
    keep(catalogs.look(), live)
    house.edit(AGENCY, "status: trial\n\nhears:\n", "hears:\n")

    with pytest.raises(CatalogError, match=r"connectors/chis/policy\.yaml"):
        admit(catalogs.look(), live)


def test_what_held_is_kept_and_what_is_gone_is_not(house, tmp_path):
    """The folder is the live policies, byte for byte."""
    live = tmp_path / "live"
    (live / "somebody_of_before").mkdir(parents=True)
    (live / "somebody_of_before/policy.yaml").write_text("agreement: none\n")

    keep(catalogs.look(), live)

    assert (live / "chis/policy.yaml").read_bytes() == (house.root / POLICY).read_bytes()
    assert not (live / "somebody_of_before/policy.yaml").exists()


APPROVED = """approved:
  - policy: {version}
    proposed_by: Ada Officer
    approved_by: {second}
    approved_on: 2026-09-15
    because: CHIS needs the ethnic group for the new programme of visits.
"""
