"""The whole hub on a Kafka that asks everybody who they are: each process by its own name, and no secret in sight."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from hub.catalog import Catalog
from hub.local_kafka import LocalKafka
from tests.flow.partners import HttpsPartner, MllpPartner, until
from tests.flow.running import EVERY, hub
from tests.flow.whole import Whole
from tests.kafka import started

pytestmark = [pytest.mark.broker, pytest.mark.slow]

FLAGGED = ("9990000018", "Marlowe Zoë", "20190514")


@pytest.fixture(scope="module")
def secured(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A secured Kafka, provided by `hub topics apply`."""
    with started(place / "secured", secure=True) as local:
        bootstrap = local.status().bootstrap
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        told = {**clean, **local.security.environment(bootstrap), "HUB_STATE": str(place / "deploy")}
        applied = hub(told, "topics", "apply", "--as", "hub-admin", seconds=120)
        assert applied.returncode == 0, applied.stderr
        for path in local.security.credentials.glob("*.password"):
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.read_bytes() not in applied.stdout + applied.stderr
        again = hub(told, "topics", "apply", seconds=120)
        assert again.returncode == 0, again.stderr
        assert again.stdout.decode().strip() == "the cluster is as the catalog derives it"
        yield local


@pytest.fixture(scope="module", params=["password", "certificate"])
def shown(request: pytest.FixtureRequest, secured: LocalKafka, place: Path) -> Mapping[str, str]:
    """What the hub's processes are told, with the credentials of just these processes and of who looks on."""
    own = place / f"by {request.param}"
    own.mkdir(mode=0o700)
    names = {f"hub-{name.replace('.', '-')}" for name in EVERY} | {"hub-ops"}
    for name in names:
        secured.security.issue(name)
        for ending in {"password": ("password",), "certificate": ("pem", "key")}[request.param]:
            shutil.copy2(secured.security.credentials / f"{name}.{ending}", own)
    status = secured.status()
    told = {**secured.security.environment(status.bootstrap), "HUB_CREDENTIALS": str(own)}
    if request.param == "certificate":
        del told["HUB_KAFKA_SASL_MECHANISM"]
        told |= {"HUB_BOOTSTRAP_SERVERS": status.mutual, "HUB_KAFKA_SECURITY_PROTOCOL": "SSL"}
    return told


@pytest.fixture(scope="module")
def world(
    catalog: Catalog, place: Path, secured: LocalKafka, shown: Mapping[str, str], https_partner: HttpsPartner,
    mllp_partner: MllpPartner,
) -> Iterator[Whole]:  # fmt: skip
    """`hub run`, ready, and the test itself looking on as ops."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**shown, "HUB_PRINCIPAL": "hub-ops"}.items():
            patch.setenv(name, value)
        state = place / f"state {Path(shown['HUB_CREDENTIALS']).name}"
        world = Whole(catalog, state, secured, https_partner, mllp_partner, "https", shown)
        world.extra = world.settings.kafka()
        try:
            world.start()
            yield world
        finally:
            world.hub.stop()


def test_a_flagged_childs_arrival_alerts_the_hospital(world: Whole, day: ModuleType, today: date) -> None:
    """From bytes in, through gateway, watches, relay and couriers, each with its own rights, to the acknowledgement."""
    flags = next(one for one in day.the_day(today) if one.line == "flags")
    world.drop(flags.agency, flags.line, flags.name, flags.data)
    number = 700 + len(world.https.taken)
    with world.hospital() as hospital:
        assert hospital.say(day.adt(today, number, "A04", *FLAGGED))[0] == "AA"

    def alerted() -> bool:
        visit = f"AE26{number:05d}".encode()
        return any(one.path == "/great_western_hospital/alerts" and visit in one.body for one in world.https.taken)

    until(alerted, "alert")
    until(world.settled, "end of the work", 60, 0.2)
    assert world.verdicts()[f"AE26{number:05d}"] == ("flagged", FLAGGED[0])


def test_no_secret_stands_in_a_command_line_an_environment_or_a_log(world: Whole, shown: Mapping[str, str]) -> None:
    """Passwords and keys are read from files, and stay there."""
    kept = [path.read_bytes().strip() for path in Path(shown["HUB_CREDENTIALS"]).iterdir() if path.suffix != ".pem"]
    secrets = [line for content in kept for line in content.splitlines() if b"-----" not in line]
    assert len(kept) == len(EVERY) + 1
    for name in EVERY:
        process = Path("/proc") / str(world.hub.pid(name))
        told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert not any(secret in told for secret in secrets)
    assert not any(secret.decode() in world.hub.said() for secret in secrets)


def test_a_process_whose_topics_are_not_there_says_what_to_do(
    secured: LocalKafka, shown: Mapping[str, str], place: Path
) -> None:
    """It makes none itself: it has no right to. Here the relay is started as somebody who sees nothing of them."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    told = {**clean, **shown, "HUB_STATE": str(place / "other"), "HUB_PRINCIPAL": "hub-couriers-urgent"}
    refused = hub(told, "run", "relay", "--lane", "urgent")

    assert refused.returncode == 1
    assert b"hub topics apply" in refused.stderr
    assert json.dumps("hub-relay-urgent").strip('"').encode() in refused.stderr
