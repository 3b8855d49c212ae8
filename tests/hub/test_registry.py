"""The schema registry's read API: Confluent's own client reads it, and nobody sees what is another's."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from hub.access.caller import Caller
from hub.errors import CatalogError
from hub.kit.samples import samples
from hub.registry.answers import Answer, answer
from hub.registry.known import ByToken
from hub.registry.serving import serve
from hub.registry.shelf import Shelf
from hub.schema_lock import SchemaLock
from hub.settings import Settings
from hub.transports.tls import client_context

HEALTH = "mash-referral.v1.to.mash_health".replace("_", "-")
POLICE = "mash-referral.v1.to.wiltshire-police"
OPS = Caller("Ada Quill", frozenset({"ops"}))


def partner(agency: str) -> Caller:
    return Caller(agency, frozenset({"partner"}), agency)


def asked(catalog, caller: Caller, path: str, method: str = "GET", **query: str) -> Answer:
    parts = [part for part in path.split("/") if part]
    return answer(Shelf(catalog).seen_by(caller), method, parts, query)


class Served(NamedTuple):
    """A registry that runs, and how to reach it."""

    url: str
    ca: Path
    tokens: dict[str, str]

    @contextmanager
    def client(self, agency: str, **other: Any) -> Iterator[SchemaRegistryClient]:
        """Confluent's own client, as an agency would set it."""
        user = other or {"basic.auth.user.info": f"{agency}:{self.tokens[agency]}"}
        with SchemaRegistryClient({"url": self.url, "ssl.ca.location": str(self.ca), **user}) as client:
            yield client
            client._rest_client.session.close()  # leaving it alone leaves its connection open


@pytest.fixture(scope="module")
def served(catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The registry by TLS, on a port of its own."""
    settings = Settings(state=tmp_path_factory.mktemp("registry"), registry_port=0)
    ports: list[int] = []
    up, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def ready(port: int) -> None:
        ports.append(port)
        up.set()

    running = threading.Thread(
        target=lambda: loop.run_until_complete(serve(catalog, settings, stop=stop, ready=ready)), daemon=True
    )
    running.start()
    assert up.wait(20)
    tokens = {
        agency: settings.secret(f"{agency}.token").read_text(encoding="ascii")
        for agency in ("mash_health", "wiltshire_police")
    }
    yield Served(f"https://127.0.0.1:{ports[0]}", settings.path("tls", "ca.pem"), tokens)
    loop.call_soon_threadsafe(stop.set)
    running.join(20)
    assert not running.is_alive()
    loop.close()


def test_confluents_own_deserialiser_reads_what_a_partner_receives(served: Served, catalog, now) -> None:
    """Every sample of the Avro partner, by the id in front of it, and by nothing else."""
    found = [one for one in samples(catalog, "mash_health") if not one.door]

    with served.client("mash_health") as client:
        read = AvroDeserializer(client)
        values = [read(one.value, SerializationContext(one.topic, MessageField.VALUE)) for one in found]

    assert len(values) > 5
    assert values == [catalog.lock.codec(one.value).decode(one.value) for one in found]


def test_confluents_own_client_finds_subjects_versions_and_schemas(served: Served, catalog) -> None:
    with served.client("mash_health") as client:
        newest = client.get_latest_version(f"{HEALTH}-value")

        assert client.get_subjects() == [f"{HEALTH}-value"]
        assert client.get_versions(f"{HEALTH}-value")[-1] == newest.version
        assert newest.schema_id == catalog.lock.current[HEALTH]
        assert json.loads(newest.schema.schema_str) == catalog.lock.schema(newest.schema_id)
        assert client.get_version(f"{HEALTH}-value", newest.version).schema_id == newest.schema_id


def test_confluents_own_client_is_told_what_there_is_not_in_codes_that_it_knows(served: Served, catalog) -> None:
    police = catalog.lock.current[POLICE]
    with served.client("mash_health") as client:
        for call, code in (
            (lambda: client.get_schema(police), 40403),
            (lambda: client.get_schema(9_999), 40403),
            (lambda: client.get_versions(f"{POLICE}-value"), 40401),
            (lambda: client.get_version(f"{HEALTH}-value", 99), 40402),
            (lambda: client.get_version(f"{HEALTH}-value", 0), 42202),
            (lambda: client.delete_subject(f"{HEALTH}-value"), 42205),
        ):
            with pytest.raises(SchemaRegistryError) as error:
                call()
            assert error.value.error_code == code


def test_a_bearer_token_opens_as_well_as_basic(served: Served) -> None:
    bearer = {
        "bearer.auth.credentials.source": "STATIC_TOKEN",
        "bearer.auth.token": served.tokens["mash_health"],
        "bearer.auth.logical.cluster": "hub",
    }

    with served.client("mash_health", **bearer) as client:
        assert client.get_subjects() == [f"{HEALTH}-value"]


def test_who_is_not_known_is_told_so_in_the_registrys_shape_and_content_type(served: Served) -> None:
    """A wrong token, another agency's, none, and what is no credentials at all."""
    own, other = served.tokens["mash_health"], served.tokens["wiltshire_police"]
    shown = [
        {},
        basic("mash_health", own[:-1] + ("0" if own[-1] != "0" else "1")),
        basic("mash_health", other),
        basic("nobody", own),
        basic("", ""),
        {"Authorization": "Basic ###"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Digest {own}"},
    ]

    async def ask() -> list[tuple[int, str, str, Any]]:
        found = []
        async with aiohttp.ClientSession() as session:
            for headers in shown:
                async with session.get(
                    f"{served.url}/subjects", headers=headers, ssl=client_context(served.ca)
                ) as response:
                    said = json.loads(await response.read())
                    challenge = response.headers["WWW-Authenticate"].split()[0]
                    found.append((response.status, response.content_type, challenge, said["error_code"]))
        return found

    assert set(asyncio.run(ask())) == {(401, "application/vnd.schemaregistry.v1+json", "Basic", 401)}


def basic(name: str, word: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{word}'.encode()).decode()}"}


def test_a_partner_sees_its_own_topics_alone_and_another_id_is_as_if_it_were_not_there(catalog) -> None:
    """Every id of the lock, asked by every agency on every path: the answer for another's is that for no id at all."""
    never = len(catalog.lock.entries) + 100
    paths = ("schemas/ids/{}", "schemas/ids/{}/schema", "schemas/ids/{}/subjects", "schemas/ids/{}/versions")
    seen = 0
    for agency in catalog.agencies:
        for entry in catalog.lock.entries:
            for path in paths:
                got = asked(catalog, partner(agency), path.format(entry["id"]))
                if got.status == 200:
                    assert entry["subject"].endswith(f".to.{agency.replace('_', '-')}")
                    seen += 1
                else:
                    as_if = asked(catalog, partner(agency), path.format(never))
                    said = str(got.body).replace(f" {entry['id']} ", f" {never} ")
                    assert (got.status, said) == (as_if.status, str(as_if.body))
    assert seen


def test_the_largest_id_that_a_partner_is_told_is_its_own(catalog) -> None:
    """How many schemas the hub has tells of others' policies."""
    own = catalog.lock.current[HEALTH]

    got = asked(catalog, partner("mash_health"), f"schemas/ids/{own}", fetchMaxId="true")

    assert got.body["maxId"] == own


def test_ops_sees_every_schema_that_stands_in_front_of_a_record(catalog) -> None:
    """All of the lock but what goes as JSON, whose records carry no id."""
    got = asked(catalog, OPS, "subjects").body

    assert set(got) == {f"{one['subject']}-value" for one in catalog.lock.entries} - {f"{POLICE}-value"}
    assert asked(catalog, partner("wiltshire_police"), "subjects").body == []


@pytest.mark.parametrize(
    "caller",
    [
        Caller("nobody in particular", frozenset()),
        Caller("a partner of nothing", frozenset({"partner"})),
        Caller("an agency in no role", frozenset(), "mash_health"),
    ],
    ids=lambda caller: caller.name,
)
def test_a_caller_without_a_role_or_an_agency_sees_nothing(catalog, caller: Caller) -> None:
    assert Shelf(catalog).seen_by(caller) == ()


def test_nothing_can_be_written(catalog) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("subjects/x-value/versions", "subjects/x-value", "config", "mode", "schemas/ids/1", "anything"):
            assert asked(catalog, OPS, path, method).status in (405, 422)


def test_what_tools_ask_first_is_answered(catalog) -> None:
    assert asked(catalog, OPS, "") == Answer(200, {})
    assert asked(catalog, OPS, "schemas/types") == Answer(200, ["AVRO"])
    assert asked(catalog, OPS, "config") == Answer(200, {"compatibilityLevel": "NONE"})
    assert asked(catalog, OPS, "mode") == Answer(200, {"mode": "READONLY"})
    assert asked(catalog, OPS, "mode/a-value", defaultToGlobal="true") == Answer(200, {"mode": "READONLY"})
    assert asked(catalog, OPS, "config/a-value").body["error_code"] == 40408
    assert asked(catalog, OPS, "mode/a-value").body["error_code"] == 40409
    assert asked(catalog, OPS, "schemas", latestOnly="true", subjectPrefix=HEALTH).body[0]["subject"] == (
        f"{HEALTH}-value"
    )
    assert asked(catalog, OPS, "no/such/path").status == 404
    assert asked(catalog, OPS, "schemas/ids/x").status == 404


def test_an_id_that_was_given_out_while_the_registry_runs_is_found(catalog, tmp_path: Path) -> None:
    """A policy that a relay took up, or `hub sync` in another process."""
    (tmp_path / "schemas.lock").write_text(catalog.lock.text(), encoding="utf-8")
    shelf = Shelf(replace(catalog, lock=SchemaLock.read(tmp_path)))
    before = len(shelf.seen_by(partner("mash_health")))
    schema = {"type": "record", "name": "New", "fields": []}
    (tmp_path / "schemas.lock").write_text(catalog.lock.with_subjects({HEALTH: schema}).text(), encoding="utf-8")

    after = shelf.seen_by(partner("mash_health"))

    assert len(after) == before + 1
    assert after[-1].version == before + 1
    (tmp_path / "schemas.lock").write_text('{"id": 1, "sub', encoding="utf-8")
    assert shelf.seen_by(partner("mash_health")) == after


@pytest.mark.parametrize("tokens", [{"a": "short"}, {"a": "0123456789abcdef", "b": "0123456789abcdef"}])
def test_tokens_that_protect_nothing_are_refused(tokens: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="token"):
        ByToken(tokens)


def test_it_does_not_serve_where_another_registry_is_named(catalog, tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, schema_registry_url="https://registry.example")

    with pytest.raises(CatalogError, match="HUB_SCHEMA_REGISTRY_URL"):
        asyncio.run(serve(catalog, settings, stop=asyncio.Event(), ready=lambda _: None))
