"""The environment: each variable that somebody reads is known, each other one is told, and no secret is shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub import catalog as catalogs
from hub import cli, environment, settings_reference
from hub.cli import carrying
from hub.doors import Sinks
from hub.endpoints import NAMES, read
from hub.errors import CatalogError
from hub.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def catalog():
    """What is written."""
    return catalogs.load()


@pytest.fixture
def bare(monkeypatch):
    """An environment without a word for the hub; returns what says one."""
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)
    return monkeypatch.setenv


def test_what_a_door_cannot_do_without_is_what_the_model_says(catalog, bare, tmp_path):
    """Each variable that is missed is in the model, as one that must be there; with all of those nothing is missed."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    known, missed = read(catalog.agencies.values()), set[str]()
    for agency in catalog.agencies.values():
        for stream, hearing in agency.hears.items():
            for door in (door for door in hearing.doors if door.by != "kafka"):
                while True:
                    try:
                        Sinks(Settings(state=tmp_path))(agency, stream, door)
                    except CatalogError as error:
                        (variable,) = re.findall(r"^(HUB_[A-Z_]+) is not set", str(error))
                        assert known[variable].must or known[variable].name == "KEY_FILE", variable
                        bare(variable, _value(variable, tmp_path / "file"))
                        missed.add(variable)
                    else:
                        break
    assert len(missed) > 10


def _value(variable, file):
    """Something that the variable may say."""
    if variable.endswith("_URL"):
        return "https://partner.example/{address}"
    if variable.endswith("_PORT"):
        return "22"
    return str(file) if variable.endswith(("_FILE", "_HOSTS")) else "name"


def test_every_word_that_the_code_asks_for_is_in_the_model():
    """Read from the source, so that a word which no agency here uses is not forgotten."""
    asked = set[str]()
    for path in (ROOT / "hub").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        asked |= set(
            re.findall(r"\b(?:of|whole|at\([^)]*\)|self)\.(?:said|needed|path|secret)\(\s*\"([A-Z_]+)\"", text)
        )
        asked |= set(re.findall(r"Settings\.endpoint\([^()]*?\"([A-Z_]+)\"\)", text))
    assert {"URL", "TOKEN_FILE", "DOOR"} <= asked
    assert asked <= NAMES


def test_a_slip_in_a_name_is_told_with_what_was_meant(catalog):
    """By names alone; what is read, what Kafka's clients are given and what is not ours are no fault."""
    said = {
        "HUB_STAET": "somewhere",
        "HUB_SCHOOLS_SFTP_HSOT": "files.example",
        "HUB_ZEBEDEE": "boing",
        "HUB_LOG": "json",
        "HUB_SCHOOLS_SFTP_HOST": "files.example",
        "HUB_KAFKA_SOCKET_TIMEOUT_MS": "1000",
        "PATH": "/bin",
    }

    assert list(environment.faults(said, catalog)) == [
        "HUB_SCHOOLS_SFTP_HSOT is read by nobody → did you mean HUB_SCHOOLS_SFTP_HOST?",
        "HUB_STAET is read by nobody → did you mean HUB_STATE?",
        "HUB_ZEBEDEE is read by nobody → take it out, or see deploy/settings.md for what there is",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUB_KAFKA_SASL_PASSWORD", "tortoise"),
        ("HUB_KAFKA_SSL_KEY_PEM", "tortoise"),
        ("HUB_KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET", "tortoise"),
    ],
)
def test_a_secret_in_the_environment_itself_is_told_and_never_shown(variable, value, catalog):
    """Neither in the fault nor in the table."""
    (fault,) = environment.faults({variable: value}, catalog)

    rows = [*environment.settings({variable: value}), *environment.for_kafka({variable: value})]
    assert fault.startswith(variable)
    assert "_FILE" in fault
    assert any(row.said for row in rows)
    assert "tortoise" not in fault + str(rows)


def test_of_an_address_only_what_is_no_secret_is_shown(catalog):
    """Who logs in, and what follows the question mark, stay out."""
    said = {"HUB_SOCIAL_CARE_NHS_NUMBER_CHANGE_URL": "https://me:tortoise@case.example/numbers?key=tortoise"}

    (row,) = environment.endpoints(said, catalog)

    assert row.said == "https://…@case.example/numbers"


def test_the_verb_shows_what_is_said_and_ends_with_1_where_nobody_reads_it(bare):
    """A variable with a slip, on standard error; without it all is well."""
    bare("COLUMNS", "250")
    bare("HUB_REVIEW_DAYS", "5")

    good = CliRunner().invoke(cli.main, ["settings", "--said"])
    bad = CliRunner(env={"HUB_REVEIW_DAYS": "5"}).invoke(cli.main, ["settings"])

    assert "HUB_REVIEW_DAYS" in good.output
    assert good.exit_code == 0
    assert bad.exit_code == 1
    assert "HUB_REVEIW_DAYS is read by nobody → did you mean HUB_REVIEW_DAYS?" in bad.output


def test_the_verb_never_shows_the_password_in_an_address_and_says_where_it_goes(bare):
    """It ends with 1, whatever the password is made of."""
    bare("COLUMNS", "250")
    bare("HUB_STORE_URL", "postgresql://hub:Xqj/Zvk@W?qx@db/hub?password=Xqj")

    ran = CliRunner().invoke(cli.main, ["settings", "--said"])

    assert ran.exit_code == 1
    assert "postgresql://…@db/hub" in ran.output
    assert "HUB_STORE_URL holds a password → write it to a file, and name that in HUB_STORE_PASSWORD_FILE" in ran.output
    assert not any(part in ran.output for part in ("Xqj", "Zvk", "qx"))


def test_the_reference_has_every_setting_and_every_word(catalog):
    """With a sentence for each, and every place of every agency of which something can be said."""
    page = settings_reference.page(catalog)

    for one in environment.settings({}):
        assert f"| `{one.variable}` |" in page
        assert one.sentence
    assert all(f"| `{name}` |" in page for name in NAMES)
    assert "### `HUB_SCHOOLS_…`" in page


def test_a_password_of_the_store_comes_from_its_file(tmp_path):
    """Between user and host, whatever is in it; and an address that has one already is told."""
    (tmp_path / "password").write_text("p@ss/word\n", encoding="utf-8")
    settings = Settings(store_url="postgresql://hub@db/hub", store_password_file=tmp_path / "password")

    assert settings.ledger("urgent") == "postgresql://hub:p%40ss%2Fword@db/hub"
    assert settings.store_url == "postgresql://hub@db/hub"
    with pytest.raises(CatalogError, match=r"^HUB_STORE_URL: "):
        _ = Settings(store_url="postgresql://hub:x@db/hub", store_password_file=tmp_path / "password").ledgers


def test_a_process_warns_at_its_start_of_what_nobody_reads(catalog, monkeypatch, caplog):
    """By name; one that the supervisor started leaves that to it."""
    monkeypatch.setenv("HUB_REVEIW_DAYS", "5")

    with caplog.at_level("WARNING", logger="hub.run"):
        carrying._warned(catalog)
        monkeypatch.setenv("HUB_LEASHED", "1")
        carrying._warned(catalog)

    said = [record.getMessage() for record in caplog.records if "HUB_REVEIW_DAYS" in record.getMessage()]
    assert said == ["HUB_REVEIW_DAYS is read by nobody → did you mean HUB_REVIEW_DAYS?"]


def test_a_line_on_which_anybody_could_speak_is_told_before_the_gateway_refuses_it(catalog):
    """With what to set; one for this machine alone, one by certificate, and one that is said to be plain are not."""
    line = "HUB_GREAT_WESTERN_HOSPITAL_ADT"
    everywhere = {"HUB_LISTEN_HOST": "0.0.0.0"}  # noqa: S104  not listened on
    (fault,) = environment.faults(everywhere, catalog)
    assert "great_western_hospital/adt" in fault
    assert f"{line}_TLS_CLIENT_CA" in fault
    for said in ({f"{line}_TLS": "plain"}, {f"{line}_TLS": "on", f"{line}_TLS_CLIENT_CA": "/ca.pem"}):
        assert list(environment.faults(everywhere | said, catalog)) == []
    assert len(list(environment.faults(everywhere | {f"{line}_TLS": "on"}, catalog))) == 1
    assert list(environment.faults({"HUB_LISTEN_HOST": "::1"}, catalog)) == []
