"""Doors: an agency's road and address come from the settings, and what is missing is told by its variable."""

from __future__ import annotations

import os
import re
from ssl import CERT_REQUIRED, PEM_FOOTER, PEM_HEADER
from types import SimpleNamespace
from typing import Any

import pytest

from hub.agency import Agency, Door, Saying
from hub.doors import Sinks, door_for, first_number, sources, tokens
from hub.doors.callers import callers, token_url
from hub.errors import CatalogError
from hub.settings import Settings
from hub.transports.files import FolderSink
from hub.transports.https import HttpsSink
from hub.transports.mesh import MeshSink
from hub.transports.mllp import MllpSink
from hub.transports.sftp import SftpSink, SftpSource
from hub.transports.tls import make_local_ca
from tests.hub.provider import Signer, write_keys

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


def test_what_an_agency_shows_to_the_gateway_is_what_is_said_of_it(settings, monkeypatch, tmp_path):
    """Keys, a certificate, a token, or several; a token is made only for one of whom nothing is said."""
    pki = make_local_ca(tmp_path / "pki")
    keys = write_keys(tmp_path / "keys.json", Signer("ES256", "one"), Signer("RS256", "two"))
    monkeypatch.setenv("HUB_CHIS_HTTPS_JWKS_FILE", str(keys))
    monkeypatch.setenv("HUB_SCHOOLS_HTTPS_PARTNER_CERTIFICATE", str(pki.client_cert))
    agencies = ["chis", "schools", "social_care"]
    with pytest.raises(CatalogError, match=r"^HUB_HTTPS_URL "):
        callers(settings, agencies)
    settings = settings.model_copy(update={"https_url": "https://hub.example/"})

    known = callers(settings, agencies)

    assert known.partners.agencies == set(agencies)
    assert known.granting is not None
    assert known.certificates.strip() == pki.client_cert.read_text().strip()
    assert sorted(path.name for path in settings.path("secrets").iterdir()) == ["hub.key", "social_care.token"]
    assert token_url(settings) == "https://hub.example/oauth2/token"
    assert callers(settings, ["social_care"]).granting is None


@pytest.mark.parametrize("what", ["JWKS_FILE", "PARTNER_CERTIFICATE"])
@pytest.mark.parametrize("content", [None, "", "nonsense", f"{PEM_HEADER}\nAAAA\n{PEM_FOOTER}\n"])
def test_keys_and_certificates_that_are_none_are_told_by_their_variable(what, content, settings, monkeypatch, tmp_path):
    """Before the gateway listens: an agency is never let in by less than was said."""
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setenv(f"HUB_CHIS_HTTPS_{what}", str(path))

    with pytest.raises(CatalogError, match=f"^HUB_CHIS_HTTPS_{what}: "):
        callers(settings, ["chis"])


def test_every_line_has_a_road_that_is_listened_on(catalog, settings, monkeypatch):
    """One folder watch and one HTTPS gateway for all, one MLLP port for each line; what is fetched only once set."""
    monkeypatch.setenv(f"{ADT}_PORT", "0")

    found = sources(catalog, settings)

    roads = {saying.by for agency in catalog.agencies.values() for saying in agency.says.values()}
    assert {name.split()[0] for name in found} == roads - {"sftp", "mesh"}
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


# --- by SFTP and MESH, and by TLS


def saying(by: str, workflow: str | None = None) -> Saying:
    return Saying(format="csv", by=by, into=("attendance",), columns=("UPN",), workflow=workflow)


def house(**agencies: dict[str, Saying]) -> Any:
    """A catalog of these agencies, each with its lines."""
    return SimpleNamespace(agencies={
        key: Agency(name=key.title(), steward="it@partner.example", says=says, key=key)
        for key, says in agencies.items()
    })  # fmt: skip


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Sets variables; a value of bytes is what a file holds."""

    def set_all(prefix: str, **values: str | bytes) -> None:
        for what, value in values.items():
            path = tmp_path / f"{prefix}_{what}".lower()
            if isinstance(value, bytes):
                path.write_bytes(value)
            monkeypatch.setenv(f"HUB_{prefix}_{what}", str(path) if isinstance(value, bytes) else value)

    return set_all


SFTP = {"HOST": "files.example", "USER": "hub", "KNOWN_HOSTS": b"key", "KEY_FILE": b"key", "FOLDER": "out"}
MESH = {"URL": "https://mesh.example", "MAILBOX": "X26HUB", "PASSWORD_FILE": b"word", "SHARED_KEY_FILE": b"key"}


def test_a_folder_of_a_partners_server_is_named_once_or_for_each_stream(hospital, settings, named):
    """What a stream does not say is what the agency's SFTP says."""
    door = Door(format="json", by="sftp")
    named("GREAT_WESTERN_HOSPITAL_SFTP", **SFTP)
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", FOLDER="alerts", PORT="2222")

    sink = Sinks(settings)(hospital, "hospital_alert", door)

    assert isinstance(sink, SftpSink)
    assert sink._path == "alerts"
    assert sink._session._account[:3] == ("files.example", 2222, "hub")


@pytest.mark.parametrize("missing", ["HOST", "USER", "KNOWN_HOSTS", "KEY_FILE", "FOLDER"])
def test_what_is_missing_of_an_account_is_told_by_its_variable(hospital, settings, named, missing):
    """The file of known hosts above all: a server is never trusted because it answers."""
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", **{what: value for what, value in SFTP.items() if what != missing})

    with pytest.raises(CatalogError, match=rf"^{HOSPITAL}_{missing} is not set: .*\?"):
        Sinks(settings)(hospital, "hospital_alert", Door(format="json", by="sftp"))


def test_a_folder_does_not_climb(hospital, settings, named):
    """Neither does a setting that was mistyped."""
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", **(SFTP | {"FOLDER": "a/../.."}))

    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_FOLDER: "):
        Sinks(settings)(hospital, "hospital_alert", Door(format="json", by="sftp"))


def test_a_mailbox_and_a_recipient_make_a_sink(hospital, settings, named):
    """The workflow is the door's, unless a setting names another."""
    door = Door(format="xml", by="mesh", workflow="DOORS")
    named("GREAT_WESTERN_HOSPITAL_MESH", **MESH)
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", MAILBOX="X26THEM")

    sink = Sinks(settings)(hospital, "hospital_alert", door)

    assert isinstance(sink, MeshSink)
    assert (sink._recipient, sink._workflow, sink._mailbox.name) == ("X26THEM", "DOORS", "X26HUB")
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", WORKFLOW="TEST")
    assert Sinks(settings)(hospital, "hospital_alert", door)._workflow == "TEST"


@pytest.mark.parametrize("missing", list(MESH))
def test_what_is_missing_of_a_mailbox_is_told_by_its_variable(hospital, settings, named, missing):
    """With the question that it answers."""
    named("GREAT_WESTERN_HOSPITAL_MESH", **{what: value for what, value in MESH.items() if what != missing})
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", MAILBOX="X26THEM")

    with pytest.raises(CatalogError, match=rf"^HUB_GREAT_WESTERN_HOSPITAL_MESH_{missing} is not set: .*\?"):
        Sinks(settings)(hospital, "hospital_alert", Door(format="xml", by="mesh", workflow="W"))


@pytest.mark.parametrize(("by", "what"), [("https", "URL"), ("mesh", "MESH_URL")])
def test_an_address_that_is_no_https_is_told_by_its_variable(hospital, settings, named, by, what):
    """Before anything is sent there."""
    named("GREAT_WESTERN_HOSPITAL_MESH", **(MESH | {"URL": "http://mesh.example"}))
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", MAILBOX="X26THEM", URL="http://gwh.example")

    with pytest.raises(CatalogError, match=rf"^HUB_\w+_{what}: .* starts with https://"):
        Sinks(settings)(hospital, "hospital_alert", Door(format="json", by=by, workflow="W" if by == "mesh" else None))


def test_lines_that_are_fetched_have_their_roads(settings, named):
    """One watch for all servers, and one look into each mailbox for all agencies that share it."""
    lines = house(
        schools={"attendance": saying("sftp")},
        cpis={"access": saying("mesh", "ACCESS"), "reports": saying("mesh", "REPORT")},
        nems={"events": saying("mesh", "EVENTS")},
        chis={"moves": saying("mesh", "MOVES")},
    )
    named("SCHOOLS_SFTP", **SFTP)
    for agency in ("CPIS", "NEMS"):
        named(f"{agency}_MESH", **MESH)
        for what in ("PASSWORD_FILE", "SHARED_KEY_FILE"):
            named(f"{agency}_MESH", **{what: os.environ[f"HUB_CPIS_MESH_{what}"]})
    named("CHIS_MESH", **(MESH | {"MAILBOX": "X26OTHER"}))
    named("CHIS_MOVES", WORKFLOW="MOVES_TEST")

    found = sources(lines, settings)

    assert [*found] == ["sftp", "mesh X26HUB", "mesh X26OTHER"]
    assert isinstance(found["sftp"], SftpSource)
    assert found["mesh X26HUB"]._lines == {
        "ACCESS": ("cpis", "access"), "REPORT": ("cpis", "reports"), "EVENTS": ("nems", "events"),
    }  # fmt: skip
    assert found["mesh X26OTHER"]._lines == {"MOVES_TEST": ("chis", "moves")}


def test_two_lines_cannot_take_one_workflow_of_a_mailbox(settings, named):
    """Nobody could say whose a message is."""
    lines = house(cpis={"access": saying("mesh", "ACCESS"), "more": saying("mesh", "ACCESS")})
    named("CPIS_MESH", **MESH)

    with pytest.raises(CatalogError, match=r"^HUB_CPIS_MORE_WORKFLOW: ACCESS .* cpis/access"):
        sources(lines, settings)


def test_a_line_of_which_no_setting_says_a_word_is_left_out_and_told(settings, named, caplog):
    """One partner who is not connected yet does not keep the hub from the others; too few words are a mistake."""
    lines = house(schools={"attendance": saying("sftp")}, cpis={"access": saying("mesh", "ACCESS")})

    assert sources(lines, settings) == {}
    assert caplog.messages == [
        "not fetched: HUB_SCHOOLS_SFTP_HOST is not set", "not fetched: HUB_CPIS_MESH_URL is not set",
    ]  # fmt: skip
    named("SCHOOLS_ATTENDANCE", HOST="files.example")
    with pytest.raises(CatalogError, match=r"^HUB_SCHOOLS_ATTENDANCE_USER is not set: "):
        sources(lines, settings)


def test_tls_of_mllp_is_on_or_off_and_never_half(hospital, settings, named, tmp_path):
    """Who names a certificate means TLS: the line must not go in the clear for want of a word."""
    local = make_local_ca(tmp_path / "tls")
    door = next(door for door in hospital.hears["hospital_alert"].doors if door.by == "mllp")
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", PORT="2575", TLS_CA=str(local.ca))
    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_TLS_CA: is set, and {HOSPITAL}_TLS is not on$"):
        Sinks(settings)(hospital, "hospital_alert", door)
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", TLS="yes")
    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_TLS: 'yes' is neither on nor off$"):
        Sinks(settings)(hospital, "hospital_alert", door)
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", TLS="on")
    assert Sinks(settings)(hospital, "hospital_alert", door)._ssl is not None
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", CLIENT_KEY=str(local.client_key))
    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_CLIENT_KEY: is set, and {HOSPITAL}_CLIENT_CERTIFICATE is"):
        Sinks(settings)(hospital, "hospital_alert", door)
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", CLIENT_CERTIFICATE=str(local.server_cert))
    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_TLS_CA, {HOSPITAL}_CLIENT_CERTIFICATE, .* not PEM, or"):
        Sinks(settings)(hospital, "hospital_alert", door)


def test_tls_of_a_line_that_is_listened_on_needs_what_it_names(catalog, settings, named):
    """An authority that is no certificate, and a certificate without its key."""
    named("GREAT_WESTERN_HOSPITAL_ADT", PORT="0", TLS="on", TLS_CLIENT_CA=b"not PEM")
    with pytest.raises(CatalogError, match=f"{ADT}_TLS_CLIENT_CA: not there, not PEM"):
        sources(catalog, settings)
    half = settings.model_copy(update={"tls_certificate": settings.path("tls", "server.pem")})
    with pytest.raises(CatalogError, match=r"^HUB_TLS_CERTIFICATE, HUB_TLS_KEY: one is set, and the other is not$"):
        sources(catalog, half)


EVERYWHERE = "0.0.0.0"  # noqa: S104  not listened on


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.1.2.3", "hub.example", ""])
@pytest.mark.parametrize("said", [{}, {"TLS": "off"}, {"TLS": "on"}])
def test_mllp_is_not_open_to_whoever_comes(catalog, settings, named, host, said):
    """Where other machines reach the line: neither in the clear, nor by TLS without looking who calls."""
    named("GREAT_WESTERN_HOSPITAL_ADT", PORT="0", **said)

    with pytest.raises(CatalogError) as refused:
        sources(catalog, settings.model_copy(update={"listen_host": host}))

    for word in (f"{ADT}_TLS: HUB_LISTEN_HOST={host}: ", f"{ADT}_TLS=on", f"{ADT}_TLS_CLIENT_CA", f"{ADT}_TLS=plain"):
        assert word in str(refused.value)


def test_mllp_is_open_to_other_machines_by_certificate_or_as_plain(catalog, settings, named, tmp_path, caplog):
    """Plain is said, not left out, and warned of; a certificate is asked for where that is said."""
    elsewhere = settings.model_copy(update={"listen_host": EVERYWHERE})
    named("GREAT_WESTERN_HOSPITAL_ADT", PORT="0", TLS="plain")
    warning = "plain MLLP: whoever reaches the port speaks as this agency"
    assert sources(catalog, elsewhere)["mllp great_western_hospital/adt"]._ssl is None
    assert warning in caplog.messages
    caplog.clear()
    named("GREAT_WESTERN_HOSPITAL_ADT", TLS="on", TLS_CLIENT_CA=make_local_ca(tmp_path / "tls").ca.read_bytes())
    assert sources(catalog, elsewhere)["mllp great_western_hospital/adt"]._ssl.verify_mode == CERT_REQUIRED
    assert warning not in caplog.messages


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
@pytest.mark.parametrize("said", [{}, {"TLS": "off"}, {"TLS": "plain"}])
def test_mllp_for_this_machine_needs_no_word(catalog, settings, named, caplog, host, said):
    """As HTTPS needs none; nor is there anything to warn of."""
    named("GREAT_WESTERN_HOSPITAL_ADT", PORT="0", **said)
    assert "mllp great_western_hospital/adt" in sources(catalog, settings.model_copy(update={"listen_host": host}))
    assert not [one for one in caplog.messages if "plain" in one]


def test_plain_is_a_word_of_lines_alone_and_no_half_of_tls(catalog, hospital, settings, named):
    """Nobody is called by it; an authority beside it would be without effect."""
    door = next(door for door in hospital.hears["hospital_alert"].doors if door.by == "mllp")
    named("GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT", PORT="2575", TLS="plain")
    with pytest.raises(CatalogError, match=f"^{HOSPITAL}_TLS: 'plain' is neither on nor off$"):
        Sinks(settings)(hospital, "hospital_alert", door)
    named("GREAT_WESTERN_HOSPITAL_ADT", PORT="0", TLS="plain", TLS_CLIENT_CA=b"any")
    with pytest.raises(CatalogError, match=f"^{ADT}_TLS_CLIENT_CA: is set, and {ADT}_TLS is not on$"):
        sources(catalog, settings)
