"""Settings: the environment is read whole, a fault is told by its variable, and secrets come by file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub.errors import CatalogError
from hub.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """An environment without a word for the hub but its state folder."""
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HUB_STATE", str(tmp_path / "state"))


def test_every_setting_has_a_default_and_a_sentence():
    """The hub runs without a single variable, and each can be explained."""
    assert Settings.read().listen_host == "127.0.0.1"
    assert all((info.description or "").endswith(".") or info.description for info in Settings.model_fields.values())
    assert not any(info.is_required() for info in Settings.model_fields.values())


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    """By `HUB_` and the name."""
    monkeypatch.setenv("HUB_MLLP_PORT", "0")
    monkeypatch.setenv("HUB_LOG", "json")
    monkeypatch.setenv("HUB_INBOX", str(tmp_path / "in"))

    settings = Settings.read()

    assert (settings.mllp_port, settings.log, settings.inbox_folder) == (0, "json", tmp_path / "in")


def test_every_setting_that_cannot_be_is_told_at_once_and_without_its_value(monkeypatch):
    """By the name of the variable, as the person who set it knows it."""
    monkeypatch.setenv("HUB_HTTPS_PORT", "Zebedee")
    monkeypatch.setenv("HUB_REPLICATION", "9")
    monkeypatch.setenv("HUB_LOG", "loud")

    with pytest.raises(CatalogError) as caught:
        Settings.read()

    assert sorted(line.partition(":")[0] for line in caught.value.findings) == [
        "HUB_HTTPS_PORT", "HUB_LOG", "HUB_REPLICATION"]  # fmt: skip
    assert "Zebedee" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "mended"),
    [
        ("HUB_STORE_URL", "postgresql://hub:tortoise@db/hub", "HUB_STORE_PASSWORD_FILE"),
        ("HUB_STORE_URL", "postgresql+psycopg://hub:tort/oise@db/hub", "HUB_STORE_PASSWORD_FILE"),
        ("HUB_STORE_URL", "postgresql://hub@db/hub?sslmode=verify-full&password=tortoise", "HUB_STORE_PASSWORD_FILE"),
        ("HUB_SCHEMA_REGISTRY_URL", "https://hub:tortoise@registry.example", "leave it out"),
        ("HUB_OTLP_ENDPOINT", "http://tortoise@127.0.0.1:4318", "leave it out"),
    ],
)
def test_an_address_with_a_password_in_it_is_refused_and_not_repeated(variable, value, mended, monkeypatch):
    """It says where the password goes instead."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(CatalogError, match=rf"^{variable} holds a password → .*{mended}") as caught:
        Settings.read()

    assert "oise" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUB_STORE_URL", "postgresql://hub@db:5432/hub?sslmode=verify-full"),
        ("HUB_STORE_URL", "postgresql://hub@/postgres?host=/run/postgresql"),
        ("HUB_STORE_URL", "postgresql://hub@db/hub?passfile=/run/secrets/pgpass"),
        ("HUB_OIDC_JWKS", "https://idp.example:8443/realms/a@b/keys"),
    ],
)
def test_an_address_without_one_is_taken(variable, value, monkeypatch):
    """Ports, paths and what follows the question mark are no passwords."""
    monkeypatch.setenv(variable, value)

    assert getattr(Settings.read(), variable.removeprefix("HUB_").lower()) == value


def test_what_the_hub_makes_lies_in_the_state_folder(tmp_path):
    """Absolute, wherever the process is started; a setting takes precedence."""
    settings = Settings.read()

    assert settings.path("run", "x.json") == tmp_path / "state" / "run" / "x.json"
    assert settings.inbox_folder == tmp_path / "state" / "inbox"
    assert settings.outbox_folder == tmp_path / "state" / "outbox"
    assert settings.ledger("urgent") == f"sqlite:///{tmp_path}/state/couriers.urgent.db"
    assert len(settings.ledgers) == 2
    assert Settings(state=Path("relative")).path().is_absolute()
    assert Settings(store_url="postgresql+psycopg://x").ledgers == ("postgresql+psycopg://x",)


def test_a_secret_is_made_once_and_for_its_owner_only():
    """Asked for again it is the same; nobody else may read it, and no half-made file is left."""
    settings = Settings.read()

    path = settings.secret("hub.key")
    content = path.read_text(encoding="ascii")

    assert settings.secret("hub.key").read_text(encoding="ascii") == content
    assert len(bytes.fromhex(content)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["hub.key"]
    assert settings.secret("other.token").read_text(encoding="ascii") != content


def test_processes_that_start_together_share_one_secret(tmp_path):
    """Whoever is first has made it; the hub's keys are the same in all its processes."""
    code = "from hub.settings import Settings; print(Settings.read().secret('hub.key').read_text())"
    environment = os.environ | {"HUB_STATE": str(tmp_path / "fresh"), "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    said = [process.communicate(timeout=60)[0] for process in started]

    assert len(set(said)) == 1
    assert len(said[0].strip()) == 64


def test_keys_come_from_the_secrets_file(monkeypatch, tmp_path):
    """The one that is named, or the one that was made."""
    made = Settings.read().keys()
    (tmp_path / "secret").write_bytes(b"x" * 32)
    monkeypatch.setenv("HUB_SECRET_FILE", str(tmp_path / "secret"))

    assert Settings.read().keys().pseudonym("a", "b") != made.pseudonym("a", "b")


@pytest.mark.parametrize("content", [None, b"", b"short"])
def test_a_secret_that_is_missing_or_too_short_is_told_by_its_variable(content, monkeypatch, tmp_path):
    """And never replaced by one of the hub's own making."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("HUB_SECRET_FILE", str(path))

    with pytest.raises(CatalogError, match=r"^HUB_SECRET_FILE: "):
        Settings.read().keys()


def test_what_is_for_kafka_is_passed_on_by_its_own_names(monkeypatch, tmp_path):
    """Underscores become dots, an empty value is none, and a secret is read from its file."""
    (tmp_path / "password").write_text("very secret\n", encoding="utf-8")
    monkeypatch.setenv("HUB_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("HUB_KAFKA_SASL_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("HUB_KAFKA_SASL_USERNAME", "")

    assert Settings.read().kafka() == {"security.protocol": "SASL_SSL", "sasl.password": "very secret"}


def test_a_file_for_kafka_that_is_not_there_is_told_by_its_variable(monkeypatch, tmp_path):
    """As whoever has to mend it knows it."""
    monkeypatch.setenv("HUB_KAFKA_SASL_PASSWORD_FILE", str(tmp_path / "nowhere"))

    with pytest.raises(CatalogError, match=r"^HUB_KAFKA_SASL_PASSWORD_FILE: .*nowhere: No such file"):
        Settings.read().kafka()


def test_where_an_agency_is_reached_is_asked_of_the_environment(monkeypatch):
    """By agency, line or stream, and what is wanted; nothing where nobody said."""
    monkeypatch.setenv("HUB_CLINIC_MOVES_URL", "https://clinic.example")

    assert Settings.endpoint("clinic", "moves", "URL") == "https://clinic.example"
    assert Settings.endpoint("clinic", "moves", "PORT") == ""
