"""Doors: an agency's road and address come from the settings, and what is missing is told by its variable."""

from __future__ import annotations

import os
import re

import pytest

from hub.agency import Door
from hub.doors import Sinks, door_for, first_number, sources, tokens
from hub.errors import CatalogError
from hub.settings import Settings
from hub.transports.files import FolderSink
from hub.transports.https import HttpsSink
from hub.transports.mllp import MllpSink

HOSPITAL = "HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT"
ADT = "HUB_GREAT_WESTERN_HOSPITAL_ADT"


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """An environment without a word for the hub."""
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path):
    """Settings of this test's own."""
    return Settings(state=tmp_path / "state")


@pytest.fixture
def hospital(catalog):
    """An agency with two doors for one stream."""
    return catalog.agencies["great_western_hospital"]


def test_the_first_door_is_used_unless_a_setting_names_the_road_of_another(hospital, monkeypatch):
    """FHIR by HTTPS, or HL7 by MLLP where somebody said so."""
    assert door_for(hospital, "hospital_alert").by == "https"
    monkeypatch.setenv(f"{HOSPITAL}_DOOR", "mllp")
    assert door_for(hospital, "hospital_alert").format == "hl7"


def test_a_road_that_an_agency_does_not_take_is_told_with_those_it_takes(hospital, monkeypatch):
    """By the variable that named it."""
    monkeypatch.setenv(f"{HOSPITAL}_DOOR", "fax")

    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_DOOR=fax: .* takes hospital_alert by https, mllp only$"):
        door_for(hospital, "hospital_alert")


def test_a_partner_who_had_files_before_gets_the_next_number(monkeypatch):
    """From 1, unless a setting says what comes next; what is no number is told by its variable."""
    assert first_number("chis", "child_demographics") == 1
    monkeypatch.setenv("HUB_CHIS_CHILD_DEMOGRAPHICS_FIRST_NUMBER", "4712")
    assert first_number("chis", "child_demographics") == 4712
    for said in ("0", "-1", "4712a", "٣"):
        monkeypatch.setenv("HUB_CHIS_CHILD_DEMOGRAPHICS_FIRST_NUMBER", said)
        with pytest.raises(CatalogError, match="HUB_CHIS_CHILD_DEMOGRAPHICS_FIRST_NUMBER"):
            first_number("chis", "child_demographics")


@pytest.mark.parametrize(("road", "variable"), [("https", "URL"), ("mllp", "PORT")])
def test_an_address_that_nobody_set_is_told_by_its_variable(road, variable, hospital, settings):
    """With the question that it answers."""
    door = next(door for door in hospital.hears["hospital_alert"].doors if door.by == road)

    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_{variable} is not set: where does "):
        Sinks(settings)(hospital, "hospital_alert", door)


def test_each_road_has_its_sink(hospital, settings, monkeypatch, tmp_path):
    """Made of what the environment says."""
    (tmp_path / "token").write_text("word\n", encoding="utf-8")
    monkeypatch.setenv(f"{HOSPITAL}_URL", "https://gwh.example/fhir")
    monkeypatch.setenv(f"{HOSPITAL}_PORT", "2575")
    monkeypatch.setenv(f"{HOSPITAL}_TOKEN_FILE", str(tmp_path / "token"))
    made = {
        by: Sinks(settings)(hospital, "hospital_alert", Door(format="hl7", by=by)) for by in ("https", "mllp", "files")
    }

    assert [type(made[by]) for by in ("https", "mllp", "files")] == [HttpsSink, MllpSink, FolderSink]
    with pytest.raises(CatalogError, match="which no courier serves"):
        Sinks(settings)(hospital, "hospital_alert", Door(format="json", by="kafka"))


def test_a_token_file_that_is_not_there_is_told_by_its_variable(hospital, settings, monkeypatch, tmp_path):
    """For those whom we ask and for those who ask us."""
    monkeypatch.setenv(f"{HOSPITAL}_URL", "https://gwh.example/fhir")
    monkeypatch.setenv(f"{HOSPITAL}_TOKEN_FILE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("HUB_CHIS_HTTPS_TOKEN_FILE", str(tmp_path / "nowhere"))

    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_TOKEN_FILE: "):
        Sinks(settings)(hospital, "hospital_alert", Door(format="fhir", by="https"))
    with pytest.raises(CatalogError, match=r"^HUB_CHIS_HTTPS_TOKEN_FILE: "):
        tokens(settings, ["chis"])


def test_every_agency_has_a_token_of_its_own(settings, monkeypatch, tmp_path):
    """The one that is given, or one that is made once."""
    (tmp_path / "token").write_text(" given\n", encoding="utf-8")
    monkeypatch.setenv("HUB_CHIS_HTTPS_TOKEN_FILE", str(tmp_path / "token"))

    found = tokens(settings, ["chis", "schools", "schools", "social_care"])

    assert found["chis"] == "given"
    assert all(re.fullmatch(r"[0-9a-f]{64}", found[one]) for one in ("schools", "social_care"))
    assert found["schools"] != found["social_care"]
    assert found == tokens(settings, ["chis", "schools", "social_care"])


def test_every_line_has_a_road_that_is_listened_on(catalog, settings, monkeypatch):
    """One folder watch and one HTTPS gateway for all, one MLLP port for each line."""
    monkeypatch.setenv(f"{ADT}_PORT", "0")

    found = sources(catalog, settings)

    roads = {saying.by for agency in catalog.agencies.values() for saying in agency.says.values()}
    assert {name.split()[0] for name in found} == roads
    assert "mllp great_western_hospital/adt" in found


@pytest.mark.parametrize("port", ["MLLP", "-", "1e3", "65536"])
def test_a_port_that_is_no_number_is_told_by_its_variable(port, catalog, settings, hospital, monkeypatch):
    """Of a line that is listened on and of a door that is knocked at."""
    monkeypatch.setenv(f"{ADT}_PORT", port)
    monkeypatch.setenv(f"{HOSPITAL}_PORT", port)

    with pytest.raises(CatalogError, match=f"^{ADT}_PORT: "):
        sources(catalog, settings)
    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_PORT: "):
        Sinks(settings)(hospital, "hospital_alert", Door(format="hl7", by="mllp"))
