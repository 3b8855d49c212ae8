"""What `deploy/` holds agrees with the rest: versions, names, locks; and nothing in it says where things come from."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hub import catalog as catalogs
from hub import kafka_jars, local_kafka
from hub.cli.carrying import PROCESSES
from hub.doors import Sinks, door_for
from hub.settings import PASSED_TO_KAFKA, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LOCKS = ("requirements.lock", "requirements-dev.lock")
BROKERS = ("kafka-1", "kafka-2", "kafka-3")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """compose.yaml, its merges resolved."""
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked(name: str) -> dict[str, Version]:
    """The packages of a lock and their versions."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (DEPLOY / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in found}


def test_compose_runs_the_kafka_that_is_tested(compose: dict[str, Any]) -> None:
    """The brokers' image has the version that the pom pins, so that what was tested is what runs."""
    pinned = kafka_jars.version(DEPLOY / "kafka" / "pom.xml")
    assert {compose["services"][name]["image"] for name in BROKERS} == {f"apache/kafka:{pinned}"}


def test_compose_has_three_brokers_that_know_each_other(compose: dict[str, Any]) -> None:
    """Ids differ, names and volumes are their own, voters name all three, and Kafka takes the cluster's id."""
    ids = []
    for number, name in enumerate(BROKERS, 1):
        settings = compose["services"][name]["environment"]
        ids.append(settings["KAFKA_NODE_ID"])
        assert settings["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"
        assert f"{number}@{name}:9093" in settings["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
        assert compose["services"][name]["volumes"] == [f"{name}:{settings['KAFKA_LOG_DIRS']}"]
        assert len(base64.urlsafe_b64decode(settings["CLUSTER_ID"] + "==")) == 16
        assert not settings["CLUSTER_ID"].startswith("-")
    assert ids == ["1", "2", "3"]
    assert set(BROKERS) <= set(compose["volumes"])


def test_compose_brokers_lose_nothing_that_was_acknowledged(compose: dict[str, Any]) -> None:
    """Three copies, two of them in sync, no unclean election: and all that the local Kafka also promises."""
    local = dict(line.split("=", 1) for line in local_kafka._CHOICES.splitlines())
    asked = {"copies": 3, "in_sync": 2}
    same = [
        *("default.replication.factor", "min.insync.replicas", "unclean.leader.election.enable"),
        *("auto.create.topics.enable", "offsets.topic.replication.factor", "offsets.retention.minutes"),
        *("transaction.state.log.replication.factor", "transaction.state.log.min.isr"),
    ]
    for name in BROKERS:
        settings = compose["services"][name]["environment"]
        for choice in same:
            assert settings[f"KAFKA_{choice.upper().replace('.', '_')}"] == local[choice].format(**asked), choice


def test_compose_runs_each_process_of_the_hub(compose: dict[str, Any]) -> None:
    """One service for each process that `hub run` knows, all of one image, none of them privileged."""
    hubs = {name: service for name, service in compose["services"].items() if name not in BROKERS}
    assert {name: service["command"] for name, service in hubs.items()} == {name: ["run", name] for name in PROCESSES}
    for service in hubs.values():
        assert service["user"] not in ("", "0", "root")
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert set(service["depends_on"]) == set(BROKERS)
        assert service["environment"]["HUB_BOOTSTRAP_SERVERS"] == ",".join(f"{name}:9092" for name in BROKERS)


def test_compose_sets_only_what_the_hub_reads(compose: dict[str, Any]) -> None:
    """A setting with a slip in its name would be ignored in silence."""
    known = {f"HUB_{name.upper()}" for name in Settings.model_fields}
    for service in compose["services"].values():
        ours = {name for name in service["environment"] if name.startswith("HUB_")}
        assert all(name in known or name.startswith(PASSED_TO_KAFKA) for name in ours), ours - known


def test_compose_opens_no_port_but_the_gateways(compose: dict[str, Any]) -> None:
    """Brokers are on a network without a way out, and only the gateway publishes, on this machine alone by default."""
    assert compose["networks"]["inside"]["internal"] is True
    for name, service in compose["services"].items():
        assert ("ports" in service) == (name == "gateway")
        assert all(port.startswith("${PUBLISH_ON:-127.0.0.1}:") for port in service.get("ports", ()))
        assert "outside" not in service["networks"] or name in ("gateway", "couriers")
    inner = {int(port.rpartition(":")[2]) for port in compose["services"]["gateway"]["ports"]}
    assert inner == {Settings.model_fields["https_port"].default, Settings.model_fields["mllp_port"].default}


def test_compose_is_what_docker_compose_takes() -> None:
    """Where the client has the plug-in, it reads the file itself."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker compose here")
    ran = subprocess.run(
        [docker, "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_compose_tells_couriers_all_that_they_need(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the addresses of the example and no others, every stream has a door to each agency that hears it."""
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    example, ours = compose["services"]["couriers"]["env_file"]
    assert (ours["path"], ours["required"]) == ("settings.env", False)
    lines = (DEPLOY / example["path"]).read_text(encoding="utf-8").splitlines()
    said = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    sinks = Sinks(Settings(state=tmp_path))
    for agency in catalogs.load().agencies.values():
        for stream in agency.hears:
            door = door_for(agency, stream)
            assert door.by == "kafka" or sinks(agency, stream, door)


def test_the_image_installs_by_hash_and_runs_as_nobody() -> None:
    """The Dockerfile takes the lock by hash, builds nothing, copies all that is imported, and ends without root."""
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "FROM python:3.11-slim" in lines
    (install,) = [line for line in lines if "pip install" in line]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users
    assert users[-1] not in ("0", "root")
    for folder in ("hub", "connectors", "schemas", "topics"):
        assert f"COPY {folder} {folder}" in lines
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in kept if line.startswith("!")} == {
        *("hub", "connectors", "schemas", "topics"),
        "deploy/requirements.lock",
    }


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_has_its_hashes(name: str) -> None:
    """A requirement without a hash would make the installation stop, or worse, go on."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"^[A-Za-z0-9._-]+==\S+", block), block.splitlines()[0]
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_locks_hold_what_the_project_asks_for(project: dict[str, Any]) -> None:
    """Each dependency is locked in a version that satisfies it, tools as well; and both locks agree."""
    runs, work = (locked(name) for name in LOCKS)
    extras = project["project"]["optional-dependencies"].values()
    asked = [*project["project"]["dependencies"], *(one for extra in extras for one in extra)]
    tools = [*project["dependency-groups"]["dev"], *project["build-system"]["requires"]]
    for have, wanted in ((runs, asked), (work, [*asked, *tools])):
        for requirement in map(Requirement, wanted):
            version = have.get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement.name} is not locked: python deploy/lock.py"
            assert version in requirement.specifier, f"{requirement} is locked as {version}: python deploy/lock.py"
    assert {name: work[name] for name in runs} == runs


@pytest.mark.parametrize("name", [*LOCKS, "kafka/pom.xml", "lock.py"])
def test_nothing_says_where_packages_come_from(name: str) -> None:
    """No registry, index or mirror is named: that differs from place to place, and is each place's own setting."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    places = {place for place in re.findall(r"\w+://[^\s\"'<>]+", text) if "maven.apache.org/POM" not in place}
    assert not places
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links|-f|--trusted-host)\b", text, re.MULTILINE)
    assert "<repositor" not in text


def test_the_changelog_knows_this_version(project: dict[str, Any]) -> None:
    """What is released is told, under the version that pyproject gives it."""
    assert f"## [{project['project']['version']}]" in (DEPLOY / "CHANGELOG.md").read_text(encoding="utf-8")
