"""CP-IS through the whole hub, bytes to bytes: flags out, accesses to whom they concern, numbers that changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree

from connectors.cpis.upload_check import faults
from hub.catalog import folder_of
from hub.once import Once
from tests.connectors.cpis_messages import errors, inactive, notification, official, person, query, response

FLAGS = folder_of("connectors") / "social_care/examples/flags"
RUNS = FLAGS / "child_protection_plan_that_runs.csv"
NOW = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)
OLD, NEW = "9990000018", "9990000026"


@pytest.fixture
def hub(catalog, keys, tmp_path):
    """A hub that is given documents as CP-IS would send them."""
    return Telling(Once(catalog, keys, clock=lambda: NOW), tmp_path)


class Telling:
    """The hub, and the folder in which what is told lies."""

    def __init__(self, once, folder):
        self.once = once
        self._folder = folder

    def flags(self, path=RUNS):
        """Social care tells of flags."""
        return self.once.give(path, "social_care", "flags")

    def cpis(self, line, document):
        """CP-IS tells something."""
        path = self._folder / line
        path.write_bytes(document)
        return self.once.give(path, "cpis", line)

    def got(self, agency):
        """What one agency receives, by address."""
        return [(one.address, one.body) for one in self.once.deliver().delivered if one.agency == agency]


def test_flags_in_and_a_valid_upload_out(hub, public_data):
    """From the case system's CSV to a File by the official schema."""
    for name in ("child_protection_plan_that_runs", "unborn_child_under_the_mothers_number"):
        assert hub.flags(FLAGS / f"{name}.csv").accepted

    ((address, body),) = hub.got("cpis")

    assert address == ""
    assert errors(official(public_data, "REPC_MT000002GB01"), body) == []
    assert list(faults(etree.fromstring(body))) == []


def test_files_of_one_run_have_numbers_that_follow_one_another(catalog, keys):
    """As many as hold all flags."""
    hearing = catalog.agencies["cpis"].hears["cpis_flag"]
    small = hearing.model_copy(update={"doors": (hearing.doors[0].model_copy(update={"batch": 1}),)})
    agency = catalog.agencies["cpis"].model_copy(update={"hears": {"cpis_flag": small}})
    hub = Once(replace(catalog, agencies={**catalog.agencies, "cpis": agency}), keys, clock=lambda: NOW)
    for name in ("child_protection_plan_that_runs", "unborn_child_under_the_mothers_number"):
        hub.give(FLAGS / f"{name}.csv", "social_care", "flags")

    files = [etree.fromstring(one.body) for one in hub.deliver().delivered if one.agency == "cpis"]

    assert [file.find("{urn:hl7-org:v3}id").get("extension") for file in files] == ["1", "2"]


def test_a_number_that_changed_is_uploaded_again_under_the_new_one(hub, public_data):
    """Flag known, type 06 in, File out with both; and the case system hears of it."""
    hub.flags()
    answer = hub.cpis("inactive_nhs_number", inactive((OLD, [NEW])))
    assert (answer.accepted, answer.events) == (True, 1)

    delivered = hub.once.deliver().delivered
    (upload,) = [one for one in delivered if one.agency == "cpis"]
    (told,) = [one for one in delivered if one.agency == "social_care"]

    assert errors(official(public_data, "REPC_MT000002GB01"), upload.body) == []
    ids = [one.get("extension") for one in etree.fromstring(upload.body).iter("{urn:hl7-org:v3}id")]
    assert (upload.count, OLD in ids, NEW in ids) == (2, True, True)
    assert json.loads(told.body)["new"] == [NEW]


def test_the_local_join_finds_the_child_under_the_new_number(hub):
    """
    An arrival under it raises the alert that it would have raised under the old one.

    It raises it twice: under the new number, where the flag was said anew, and under the old one, where a flag that
    came late may lie. Twice is a nuisance; the other way round a flag that was not said anew would raise none.
    """
    arrival = folder_of("connectors") / "great_western_hospital/examples/adt/arrived_in_the_emergency_department.hl7"
    moved = hub._folder / "moved.hl7"
    moved.write_bytes(arrival.read_bytes().replace(OLD.encode(), NEW.encode()))

    hub.flags()
    hub.cpis("inactive_nhs_number", inactive((OLD, [NEW])))
    hub.once.give(moved, "great_western_hospital", "adt")

    assert [address for address, _ in hub.got("social_worker")] == ["SW0042", "SW0042"]


@pytest.mark.parametrize("new", [[], [NEW, "9990000034"]])
def test_a_number_that_nobody_can_follow_becomes_the_case_systems_work(hub, new):
    """Nothing is uploaded anew; what is known of the change is told to whoever can find out."""
    hub.flags()
    hub.cpis("inactive_nhs_number", inactive((OLD, new)))

    delivered = hub.once.deliver().delivered

    assert [one.count for one in delivered if one.agency == "cpis"] == [1]
    (told,) = [one for one in delivered if one.agency == "social_care"]
    assert json.loads(told.body)["new"] == new


@pytest.mark.parametrize("closed", [{"nhs_number": OLD}, {"case_id": "900001"}])
def test_no_flag_follows_a_child_who_was_adopted(closed, hub):
    """The order closed the old number, or the case's: what names it does not come in, and nothing of it is kept."""
    status = hub._folder / "status.json"
    status.write_text(json.dumps({"id": "1", "adopted": "2026-07-01"} | closed), encoding="utf-8")
    hub.flags()
    hub.once.give(status, "social_care", "sharing_status")

    answer = hub.cpis("inactive_nhs_number", inactive((OLD, [NEW])))

    assert (answer.code, answer.kept) == ("identity.closed", False)
    assert NEW.encode() not in b"".join(body for _, body in [*hub.got("cpis"), *hub.got("social_care")])


def test_each_look_reaches_the_allocated_worker_or_the_duty_team(hub):
    """Known here or not: nobody's look is lost."""
    hub.flags()
    looks = notification(
        [query(person()), query(person(), nhs=None, local="900001", number=2)],
        [query(person(), nhs="9990000034", local="900003", number=3)],
    )
    assert hub.cpis("access_notification", looks).events == 3

    told = [(address, json.loads(body)["known"]) for address, body in hub.got("social_worker")]

    assert sorted(told) == [("SW0042", "flagged"), ("duty-team", "nothing_known"), ("duty-team", "unknown")]


def test_an_acknowledgement_comes_in_and_is_told_to_no_agency(hub):
    """It is the couriers' own."""
    assert hub.cpis("acknowledgement", response("CPF02")).events == 1
    assert hub.once.deliver().delivered == []
