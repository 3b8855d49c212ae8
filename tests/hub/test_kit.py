"""A partner's kit: the same for the same catalog, complete for its reader, and without a word of anybody else."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient

from hub.catalog import Catalog, folder_of
from hub.cli import main
from hub.errors import CatalogError
from hub.kit import kit
from hub.kit.connection import Places
from hub.kit.fields import heard
from hub.kit.json_schema import json_schema
from hub.kit.samples import CANARY, MOMENT, samples
from hub.notice.register import register
from hub.transports.tls import make_local_ca

ROOT = Path(__file__).parent.parent.parent
READERS = ("mash_health", "wiltshire_police")
PLACES = Places("kafka.swindon.example:9093", "https://registry.swindon.example:8081")


def hearing(catalog: Catalog) -> list[str]:
    return [key for key, policy in catalog.policies.items() if policy.hears]


def text_of(page: bytes) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", page.decode())))


@pytest.fixture(scope="module")
def kits(catalog: Catalog) -> dict[str, dict[str, bytes]]:
    """Everybody's."""
    return {agency: kit(catalog, agency, PLACES) for agency in hearing(catalog)}


def test_the_same_catalog_gives_the_same_bytes_in_another_process(kits, tmp_path: Path) -> None:
    """Whatever the order in which that process's sets and dictionaries happen to lie."""
    where = ["--servers", PLACES.servers, "--registry", PLACES.registry, "--out", str(tmp_path / "kit")]
    words = [sys.executable, "-m", "hub", "consumer-kit", "mash_health", *where]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": "7"})

    written = {str(path.relative_to(tmp_path / "kit")): path.read_bytes()
               for path in (tmp_path / "kit").rglob("*") if path.is_file()}  # fmt: skip
    assert written == kits["mash_health"]


def test_everybody_who_hears_something_gets_samples_and_a_page(kits) -> None:
    for agency, made in kits.items():
        assert "README.html" in made
        assert any(name.startswith("samples/") for name in made), agency


def test_who_reads_kafka_gets_all_that_it_takes_and_nobody_else_does(kits) -> None:
    wanted = {"consumer.py", "requirements.txt", "kafka-scram.properties", "kafka-mtls.properties",
              "java-scram.properties", "java-mtls.properties", "schemas/mash_referral.avsc",
              "secrets/.gitignore"}  # fmt: skip
    for agency, made in kits.items():
        beside = {name for name in made if not name.startswith("samples/") and name != "README.html"}
        own = {"mash_health": {"registry.properties"}, "wiltshire_police": {"schemas/mash_referral.schema.json"}}
        assert beside == (wanted | own[agency] if agency in READERS else set())


def test_the_page_names_every_field_that_is_heard_and_none_that_is_not(kits, catalog) -> None:
    """By path, or by the partner's own column."""
    for agency in hearing(catalog):
        told = text_of(kits[agency]["README.html"])
        for name, grant in catalog.policies[agency].hears.items():
            door = catalog.agencies[agency].hears[name].doors[0]
            column = {path: column for column, path in door.columns.items()}
            granted = {*grant.fields, *grant.coarse}
            for path in granted:
                assert f" {column.get(path, path)} " in told, (agency, name, path)
            if not door.columns:
                others = {fact.name for fact in catalog.streams[name].facts() if not fact.record} - granted
                assert not [path for path in others if "." in path and f" {path} " in told]


def test_a_kit_says_nothing_of_any_other_agency(kits, catalog) -> None:
    """Neither name nor key nor topic, in no file."""
    for agency, made in kits.items():
        whole = b"\n".join(made.values()).decode("utf-8", "replace")
        for other in catalog.agencies.values():
            if other.key != agency:
                assert f".to.{other.key.replace('_', '-')}" not in whole
                assert other.name not in whole, (agency, other.name)
                assert "_" not in other.key or not re.search(rf"\b{other.key}\b", whole), (agency, other.key)


def test_samples_hold_nothing_of_an_example_that_the_policy_does_not_grant(kits, catalog) -> None:
    """The police do not hear the child's NHS number, nor the concern; the examples have both."""
    seen = 0
    for path in (folder_of("connectors") / "wiltshire_police" / "examples" / "mash_referral").glob("*.event.json"):
        event = json.loads(path.read_text(encoding="utf-8"))
        for kept in (event["child"].get("nhs_number"), event.get("concern")):
            if kept:
                seen += 1
                assert not [name for name, content in kits["wiltshire_police"].items() if kept.encode() in content]
    assert seen


@pytest.mark.parametrize("agency", READERS)
def test_a_field_that_never_may_be_absent_is_in_every_sample(agency: str, catalog) -> None:
    stream, grant = catalog.streams["mash_referral"], catalog.policies[agency].hears["mash_referral"]
    door = catalog.agencies[agency].hears["mash_referral"].doors[0]
    (flow,) = register(catalog, now=MOMENT).of_agency()[agency]
    fields = list(heard(flow, stream, grant, door))
    always = [field.where for field in fields if not field.absent]
    values = [says(catalog, one) for one in samples(catalog, agency)]

    assert always
    for said in values:
        assert all(at(said, path.split(".")) is not None for path in always)
    missing = [field.where for field in fields if any(at(said, field.where.split(".")) is None for said in values)]
    assert missing
    assert not set(missing) & set(always)


def says(catalog: Catalog, one: Any) -> dict[str, Any]:
    return json.loads(one.value) if one.suffix == ".json" else catalog.lock.codec(one.value).decode(one.value)


def at(values: Any, path: list[str]) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values


def test_json_samples_are_what_the_kits_json_schema_says(kits, catalog) -> None:
    schema = json.loads(kits["wiltshire_police"]["schemas/mash_referral.schema.json"])
    for one in samples(catalog, "wiltshire_police"):
        assert faults(schema, json.loads(one.value)) == []
    assert faults(schema, {"id": 1}) != []


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """What of JSON Schema the kit's schemas use, read a second time."""
    kinds = {"string": str, "boolean": bool, "integer": int, "object": dict, "array": list}
    if type(value) is not kinds[schema["type"]]:
        return [f"{value!r} is no {schema['type']}"]
    if schema["type"] == "object":
        found = [f"{name} is missing" for name in schema["required"] if name not in value]
        found += [f"{name} is unknown" for name in value.keys() - schema["properties"].keys()]
        known = value.keys() & schema["properties"].keys()
        return found + [fault for name in known for fault in faults(schema["properties"][name], value[name])]
    if schema["type"] == "array":
        return [fault for one in value for fault in faults(schema["items"], one)]
    try:
        reads = {"date": date.fromisoformat, "date-time": datetime.fromisoformat}.get(schema.get("format", ""), str)
        reads(value)
    except ValueError:
        return [f"{value!r} is no {schema['format']}"]
    return []


def test_a_record_of_which_something_is_always_said_is_required_and_another_is_not() -> None:
    inner = {"type": "record", "name": "I", "fields": [{"name": "a", "type": "string"}]}
    loose = {"type": "record", "name": "L", "fields": [{"name": "b", "type": ["null", "string"]}]}
    fields = [{"name": "inner", "type": inner}, {"name": "loose", "type": loose},
              {"name": "many", "type": {"type": "array", "items": "long"}}]  # fmt: skip

    made = json_schema({"type": "record", "name": "T", "fields": fields})

    assert made["required"] == ["id", "type", "time", "inner", "many"]


@pytest.mark.parametrize("agency", READERS)
def test_a_canary_is_among_the_samples_and_marked(agency: str, kits) -> None:
    record = json.loads(kits[agency][f"samples/mash_referral/{CANARY}.record.json"])
    other = json.loads(kits[agency]["samples/mash_referral/01.record.json"])

    assert record["headers"]["ce_hubsynthetic"] == "true"
    assert "ce_hubsynthetic" not in other["headers"]


@pytest.mark.parametrize("agency", READERS)
@pytest.mark.parametrize("name", ["kafka-scram.properties", "kafka-mtls.properties"])
def test_librdkafka_takes_every_setting(
    agency: str, name: str, kits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the certificates that a partner puts beside them, and the password in its own file."""
    local = make_local_ca(tmp_path / "tls")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "ca.pem").write_bytes(local.ca.read_bytes())
    (tmp_path / "secrets" / "client.pem").write_bytes(local.client_key.read_bytes() + local.client_cert.read_bytes())
    monkeypatch.chdir(tmp_path)
    said = read(kits[agency][name]) | ({"sasl.password": "a password"} if "scram" in name else {})

    Consumer(said, logger=None).close()

    assert said["bootstrap.servers"] == PLACES.servers
    assert said["group.id"].startswith(f"{agency}.")
    assert said["isolation.level"] == "read_committed"
    assert said["security.protocol"] == ("SASL_SSL" if "scram" in name else "SSL")


def read(content: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in content.decode().splitlines() if line[0] != "#")


def test_confluents_registry_client_takes_every_setting(kits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_bytes(make_local_ca(tmp_path / "tls").ca.read_bytes())
    monkeypatch.chdir(tmp_path)
    said = read(kits["mash_health"]["registry.properties"]) | {"basic.auth.user.info": "mash_health:a token"}

    with SchemaRegistryClient(said):
        pass

    assert said["url"] == PLACES.registry


def test_settings_hold_no_secret_but_say_where_it_lies(kits) -> None:
    for agency in READERS:
        for name, content in kits[agency].items():
            if name.endswith(".properties"):
                assert not re.search(rb"(?m)^[^#\n]*(password|user\.info)=(?!\$\{file:)[^\n]*$", content.replace(
                    b'password="${file:secrets/kafka.properties:sasl.password}"', b""))  # fmt: skip
        assert b"secrets/kafka.properties" in kits[agency]["kafka-scram.properties"]


@pytest.mark.parametrize(("agency", "most"), [("wiltshire_police", 10), ("mash_health", 13)])
def test_the_consumer_is_ten_lines_and_three_more_for_avro(agency: str, most: int, kits) -> None:
    """Without imports, blank lines and the sentence at its top."""
    lines = [line for line in kits[agency]["consumer.py"].decode().splitlines()
             if line.strip() and not line.startswith(("import ", "from ", '"""'))]  # fmt: skip
    compile(kits[agency]["consumer.py"], "consumer.py", "exec")

    assert len(lines) <= most


def test_an_agency_that_hears_nothing_or_is_none_is_told_so(catalog) -> None:
    with pytest.raises(CatalogError, match="nems hears nothing"):
        kit(catalog, "nems", PLACES)
    with pytest.raises(CatalogError, match=r"no agency 'wiltshire_polic'; .*wiltshire_police"):
        kit(catalog, "wiltshire_polic", PLACES)


def test_a_folder_in_which_something_lies_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "kafka.properties").write_text("a partner's own", encoding="utf-8")

    ran = CliRunner().invoke(main, ["consumer-kit", "chis", "--out", str(tmp_path)])

    assert ran.exit_code == 1
    assert "not empty" in ran.output
    assert [path.name for path in tmp_path.iterdir()] == ["kafka.properties"]


def test_the_verb_says_what_it_wrote_and_what_nobody_said(tmp_path: Path) -> None:
    ran = CliRunner().invoke(main, ["consumer-kit", "mash_health", "--out", str(tmp_path / "kit")])
    other = CliRunner().invoke(main, ["consumer-kit", "chis", "--out", str(tmp_path / "other")])

    assert ran.exit_code == other.exit_code == 0
    assert "--servers" in ran.output
    assert "--registry" in ran.output
    assert "reads nothing from Kafka" in other.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kit", "other"]
