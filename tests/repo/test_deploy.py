"""What `deploy/` holds agrees with the rest: versions, names, locks; and nothing in it says where things come from."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hub import catalog as catalogs
from hub import cluster, environment, kafka_jars, local_node
from hub.cli.carrying import PROCESSES
from hub.doors import Sinks, door_for, sources
from hub.doors.endpoint import Endpoint
from hub.settings import Settings
from tests.repo import commands
from tests.repo.commands import awaited

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
def catalog() -> catalogs.Catalog:
    """What is written."""
    return catalogs.load()


def properties(path: Path) -> dict[str, str]:
    """A file of Kafka's properties."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


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
    """Numbers differ, names, volumes and certificates are their own, voters name all, Kafka takes the cluster's id."""
    said = properties(DEPLOY / "kafka" / "broker.properties")
    for number, name in enumerate(BROKERS, 1):
        service = compose["services"][name]
        assert service["environment"]["NODE"] == str(number)
        assert f"{number}@{name}:9093" in said["controller.quorum.voters"].split(",")
        assert service["volumes"] == [f"{name}:{said['log.dirs']}"]
        assert {"source": f"{name}.pem", "target": "broker.pem"} in service["secrets"]
        cluster = service["environment"]["CLUSTER_ID"]
        assert len(base64.urlsafe_b64decode(cluster + "==")) == 16
        assert not cluster.startswith("-")
    assert set(BROKERS) <= set(compose["volumes"])


def test_the_brokers_lose_nothing_that_was_acknowledged() -> None:
    """Three copies, two of them in sync, no unclean election: and all that the local Kafka also promises."""
    local = dict(line.split("=", 1) for line in local_node.CHOICES.splitlines())
    asked = {"copies": 3, "in_sync": 2}
    same = [
        *("default.replication.factor", "min.insync.replicas", "unclean.leader.election.enable"),
        *("auto.create.topics.enable", "offsets.topic.replication.factor", "offsets.retention.minutes"),
        *("transaction.state.log.replication.factor", "transaction.state.log.min.isr"),
    ]
    said = properties(DEPLOY / "kafka" / "broker.properties")
    for choice in same:
        assert said[choice] == local[choice].format(**asked), choice


def test_the_brokers_let_nobody_in_unknown_and_nobody_do_what_no_acl_says() -> None:
    """
    No listener without encryption; a password or a certificate on each; default deny. What Kafka makes of it is tried
    in tests/broker/test_deployed_brokers.py.
    """
    said = properties(DEPLOY / "kafka" / "broker.properties")
    protocols = dict(one.split(":") for one in said["listener.security.protocol.map"].split(","))
    listeners = {one.split("://")[0] for one in said["listeners"].split(",")}
    assert listeners == set(protocols)
    assert set(protocols.values()) == {"SSL", "SASL_SSL"}
    for listener, protocol in protocols.items():
        by_certificate = said.get(f"listener.name.{listener.lower()}.ssl.client.auth") == "required"
        assert by_certificate == (protocol == "SSL"), listener
    assert said["sasl.enabled.mechanisms"] == "SCRAM-SHA-512"
    assert said["authorizer.class.name"].endswith(".StandardAuthorizer")
    assert said["allow.everyone.if.no.acl.found"] == "false"


def hubs(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that are processes of the hub."""
    ours = {name: one for name, one in compose["services"].items() if one["image"] == "sharing-hub"}
    return {name: one for name, one in ours.items() if name != "setup" and "profiles" not in one}


def test_compose_runs_each_process_of_the_hub(compose: dict[str, Any]) -> None:
    """One service for each process and lane, once the cluster is set up, each known to Kafka as itself and no other."""
    lanes = [*(("relay", lane) for lane in cluster.LANES), *(("couriers", lane) for lane in cluster.LANES)]
    alone = [name for name in PROCESSES if name not in ("relay", "couriers")]
    wanted = {name: ["run", name] for name in alone} | {"ops": ["ops"]}
    wanted |= {f"{one}-{lane}": ["run", one, "--lane", lane] for one, lane in lanes}
    services = hubs(compose)
    assert {name: service["command"] for name, service in services.items()} == wanted
    for name, service in services.items():
        assert service["depends_on"]["setup"] == {"condition": "service_completed_successfully"}
        assert service["environment"]["HUB_BOOTSTRAP_SERVERS"] == ",".join(f"{one}:9092" for one in BROKERS)
        assert [one for one in service["secrets"] if one.endswith(".password") and one != "store.password"] == [
            f"hub-{name}.password"
        ]


def test_every_command_is_one_that_the_hub_has(compose: dict[str, Any]) -> None:
    """As click reads it, with its options and values."""
    for service in compose["services"].values():
        if service["image"] == "sharing-hub":
            commands.parsed(service["command"])


def test_compose_takes_all_privileges_from_everybody(compose: dict[str, Any]) -> None:
    """Nobody writes to its own image, has a capability, gains one, or takes all memory; each says if it is well."""
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert not {"privileged", "cap_add", "pid", "network_mode", "devices"} & set(service), name
        assert "healthcheck" in service or name == "setup" or "profiles" in service, name
    for service in hubs(compose).values():
        assert service["user"] not in ("", "0", "root")


def test_each_process_is_asked_whether_it_is_ready_at_a_port_of_its_own(compose: dict[str, Any]) -> None:
    """In the order of the processes, from HUB_HEALTH_PORT on."""
    order = ["gateway", "watches", *(f"relay-{lane}" for lane in cluster.LANES)]
    order += [*(f"couriers-{lane}" for lane in cluster.LANES), "canaries", "ops"]
    services = hubs(compose)
    for index, name in enumerate(order):
        settings = services[name]["environment"]
        assert int(settings["READY"]) == int(settings["HUB_HEALTH_PORT"]) + index
        assert "/readyz" in services[name]["healthcheck"]["test"][-1]
    if not awaited("deploy/prometheus/prometheus.yml"):
        told = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
        targets = {one for job in told["scrape_configs"] for group in job["static_configs"] for one in group["targets"]}
        assert targets >= {f"{name}:{services[name]['environment']['READY']}" for name in order}


def test_compose_sets_only_what_the_hub_reads(compose: dict[str, Any], catalog: catalogs.Catalog) -> None:
    """A setting with a slip in its name would be ignored in silence; so would one in the files of settings."""
    said = {name for service in compose["services"].values() for name in service.get("environment", ())}
    for file in ("partners.example.env", "settings.example.env"):
        text = (DEPLOY / file).read_text(encoding="utf-8")
        said |= {line.split("=")[0] for line in re.findall(r"^#?(HUB_[A-Z0-9_]+=)", text, re.MULTILINE)}
    mine = {name: "" for name in said if not awaited(name)}
    assert list(environment.faults(mine, catalog)) == []


def test_the_gateway_of_compose_opens_every_line_and_none_to_strangers(
    compose: dict[str, Any], catalog: catalogs.Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It listens on all of its networks; MLLP without TLS is said to be meant, and PUBLISH_ON alone publishes none."""
    gateway = compose["services"]["gateway"]
    said = dict(re.findall(r"^(HUB_\w+)=(.*)$", (DEPLOY / "partners.example.env").read_text("utf-8"), re.MULTILINE))
    for name in [one for one in os.environ if one.startswith("HUB_")]:
        monkeypatch.delenv(name)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    settings = Settings(state=tmp_path, listen_host=gateway["environment"]["HUB_LISTEN_HOST"])
    plain = {
        name
        for name in sources(catalog, settings)
        if name.startswith("mllp") and not Endpoint(*name.split()[1].split("/")).tls(plain=True)
    }
    published = {port.split(":2")[0] for port in gateway["ports"] if port.endswith(f":{settings.mllp_port}")}
    assert (bool(plain), published) == (True, {"${PUBLISH_MLLP_ON:-127.0.0.1}"})
    assert list(environment.faults({**said, "HUB_LISTEN_HOST": settings.listen_host}, catalog)) == []


def test_every_file_that_compose_mounts_is_there(compose: dict[str, Any], tmp_path: Path) -> None:
    """What the project brings, and what secrets.sh makes."""
    subprocess.run(["sh", str(DEPLOY / "secrets.sh"), str(tmp_path / "secrets")], check=True, capture_output=True)
    for config in compose["configs"].values():
        assert (DEPLOY / config["file"]).is_file()
    for secret in compose["secrets"].values():
        assert (tmp_path / secret["file"]).is_file(), secret["file"]
    asked = [one for service in compose["services"].values() for one in service.get("secrets", ())]
    assert {one if isinstance(one, str) else one["source"] for one in asked} == set(compose["secrets"])
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert awaited(f"deploy/{source[2:]}") or (DEPLOY / source).exists(), source
            else:
                assert source in compose["volumes"]


def test_secrets_are_made_once_and_are_nobodys_else(tmp_path: Path) -> None:
    """A second time changes nothing; the folder is its owner's; a partner's certificate says who it is."""
    folder = tmp_path / "secrets"
    command = ["sh", str(DEPLOY / "secrets.sh"), str(folder), "clinic"]
    subprocess.run(command, check=True, capture_output=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    subprocess.run(command, check=True, capture_output=True)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "kafka-ca.key").stat().st_mode & 0o777 == 0o600
    certificate = x509.load_pem_x509_certificate(before["clinic.pem"])
    assert certificate.subject.rfc4514_string() == "CN=clinic"
    assert len(before["hub.key"]) >= 32
    passwords = [content for name, content in before.items() if name.endswith(".password")]
    assert len(set(passwords)) == len(passwords)


def test_without_its_authority_nothing_is_issued(tmp_path: Path) -> None:
    """The authority stays the one that it was: what is there goes on, and what is wanted anew waits for its key."""
    folder = tmp_path / "secrets"
    command = ["sh", str(DEPLOY / "secrets.sh"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    key = (folder / "kafka-ca.key").rename(tmp_path / "away")
    authority = (folder / "kafka-ca.pem").read_bytes()
    subprocess.run(command, check=True, capture_output=True)
    (folder / "kafka-2.pem").unlink()

    refused = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (refused.returncode, "kafka-ca.key is not here" in refused.stderr) == (1, True)
    assert (folder / "kafka-ca.pem").read_bytes() == authority
    assert not (folder / "kafka-2.pem").exists()
    key.rename(folder / "kafka-ca.key")
    named = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"PUBLIC_HOST": "kafka.example"}
    )
    assert named.stderr == ""
    names = x509.load_pem_x509_certificate((folder / "kafka-2.pem").read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "kafka.example" in names.value.get_values_for_type(x509.DNSName)
    assert (folder / "kafka-ca.pem").read_bytes() == authority


def test_compose_publishes_on_this_machine_alone(compose: dict[str, Any]) -> None:
    """
    Unless PUBLISH_ON, or for MLLP PUBLISH_MLLP_ON, says otherwise; who publishes nothing is on networks that lead
    nowhere, but couriers.
    """
    inner = {name for name, one in compose["networks"].items() if one.get("internal")}
    assert inner == {"kafka", "store", "monitoring"}
    for name, service in compose["services"].items():
        ports = service.get("ports", ())
        assert all(re.match(r"\$\{PUBLISH_(MLLP_)?ON:-127\.0\.0\.1\}:", port) for port in ports)
        leads_out = bool(set(service["networks"]) - inner)
        assert leads_out == (bool(ports) or name.startswith("couriers")), name
    published = {int(port.rpartition(":")[2]) for port in compose["services"]["gateway"]["ports"]}
    assert published == {Settings.model_fields["https_port"].default, Settings.model_fields["mllp_port"].default}
    reaches = {name for name, one in compose["services"].items() if "store" in one["networks"]}
    assert reaches == {"postgres", "gateway", "couriers-urgent", "couriers-routine", "ops", "operator"}


def test_no_secret_stands_in_compose_or_in_an_environment(compose: dict[str, Any]) -> None:
    """Whatever could hold one names a file."""
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN", name):
                assert str(value).startswith("/run/secrets/"), name
            assert not re.search(r"://[^/@]*:[^/@]+@", str(value)), name


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
    example, ours = compose["services"]["couriers-urgent"]["env_file"]
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


def stages() -> list[list[list[str]]]:
    """The Dockerfile's stages, each with its instructions, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    found: list[list[list[str]]] = []
    for line in lines:
        if line[0] == "FROM":
            found.append([])
        if found:
            found[-1].append(line)
    return found


def test_the_image_installs_by_hash_and_runs_as_nobody() -> None:
    """In a stage of its own from the lock by hash, nothing built; what runs ends without root and pip."""
    first, last = stages()
    (install,) = [rest for word, rest in first if word == "RUN" and "pip " in rest and "install" in rest]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert not any("pip" in rest for word, rest in last if word == "RUN")
    assert [rest for word, rest in last if word == "USER"][-1] not in ("0", "root")
    copied = {rest.split()[0] for word, rest in first if word == "COPY"}
    assert copied == {"hub", "connectors", "schemas", "topics", "deploy/requirements.lock", "deploy/sbom.cdx.json"}
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in kept if line.startswith("!")} == copied
    for source in copied:
        assert (ROOT / source).exists()


def test_the_images_code_stands_on_its_own(tmp_path: Path) -> None:
    """The folders that are copied, in another place, by the commands of the Dockerfile: compiled, checked, run."""
    for name in ("hub", "connectors", "schemas", "topics"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    first, _ = stages()
    ran = [rest for word, rest in first if word == "RUN" and "/venv/bin/python" in rest and "pip" not in rest]
    assert len(ran) == 2
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PYTHONPATH"))}
    for command in [*ran, "cd /hub && PYTHONPATH=/hub /venv/bin/python -m hub --version"]:
        here = command.replace("/hub", shlex.quote(str(tmp_path)))
        here = here.replace("/venv/bin/python", shlex.quote(sys.executable))
        done = subprocess.run(["sh", "-c", here], env=bare, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{here}\n{done.stdout}{done.stderr}"


def test_the_bill_of_materials_is_the_locks() -> None:
    """Each package that is locked is a component with its version and its files' hashes, and no other is."""
    text = (DEPLOY / "sbom.cdx.json").read_text(encoding="utf-8")
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {one["name"]: Version(one["version"]) for one in bill["components"]} == locked("requirements.lock")
    hashes = [each["content"] for one in bill["components"] for each in one["externalReferences"][0]["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"sha256:([0-9a-f]{64})", (DEPLOY / "requirements.lock").read_text()))
    refs = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {one["ref"] for one in bill["dependencies"]} == refs
    assert {each for one in bill["dependencies"] for each in one["dependsOn"]} <= refs
    assert all(one.get("licenses") for one in bill["components"])
    done = subprocess.run(
        [sys.executable, str(DEPLOY / "sbom.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


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


def test_nothing_is_awaited_that_has_come() -> None:
    """Take from commands.AWAITED what is there, so that it is checked as all else is."""
    assert commands.there() == set()
