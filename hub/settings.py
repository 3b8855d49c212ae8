"""Settings: what differs from one place of running to another, from the environment; secrets only by file."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import quote

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.endpoints import variable
from hub.errors import CatalogError
from hub.keys import Keys
from hub.stream import Lane

PASSED_TO_KAFKA = "HUB_KAFKA_"
_NAMES_CALLER = re.compile(r"https?://[^/?#\s]*@")
_HOLDS_PASSWORD = re.compile(r"://[^:/@]*:[^@]+@|[?&](?:ssl)?password=")  # as SQLAlchemy reads it, "/" and all
_MENDED = {"store_url": "write it to a file, and name that in HUB_STORE_PASSWORD_FILE"}
_LEFT_OUT = "leave it out of the address: whoever reads an environment would have it"


class Settings(BaseSettings):
    """Every setting with its sentence; each is read from the environment variable `HUB_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="HUB_", extra="ignore", frozen=True)

    state: Annotated[Path, Field(description="Folder for everything that must outlive a restart.")] = Path(".state")
    bootstrap_servers: Annotated[
        str, Field(description="The Kafka cluster; empty means the local one that `hub kafka up` starts.")
    ] = ""
    credentials: Annotated[
        Path | None,
        Field(description="Folder with <principal>.password, or .pem and .key, for each process that starts here."),
    ] = None
    principal: Annotated[
        str, Field(description="Who this is on a secured Kafka; empty means by what it does, such as hub-gateway.")
    ] = ""
    secret_file: Annotated[
        Path | None,
        Field(description="File with the hub's secret, 32 bytes or more; made in the state folder where unset."),
    ] = None
    store_url: Annotated[
        str,
        Field(description="SQL store: empty for SQLite in the state folder, or postgresql+psycopg://…, no password."),
    ] = ""
    store_password_file: Annotated[
        Path | None, Field(description="File with the password of the user whom the SQL store's address names.")
    ] = None
    inbox: Annotated[
        Path | None,
        Field(description="Folder watched for files, <agency>/<line>/; default: inbox in the state folder."),
    ] = None
    outbox: Annotated[
        Path | None, Field(description="Folder to which files are delivered; default: outbox in the state folder.")
    ] = None
    listen_host: Annotated[
        str,
        Field(description="Address on which the gateway listens; another than this machine's own wants TLS of MLLP."),
    ] = "127.0.0.1"
    https_port: Annotated[int, Field(ge=0, le=65535, description="Port of the HTTPS gateway; 0 takes a free one.")] = (
        8443
    )
    mllp_port: Annotated[
        int,
        Field(ge=0, le=65535, description="Port of the first MLLP line, the next lines follow; 0 takes free ones."),
    ] = 2575
    registry_port: Annotated[
        int, Field(ge=0, le=65535, description="Port of the schema registry's read API; 0 takes a free one.")
    ] = 8081
    schema_registry_url: Annotated[
        str, Field(description="Another schema registry that holds the hub's ids; empty means the hub's own.")
    ] = ""
    tls_certificate: Annotated[Path | None, Field(description="PEM certificate of the HTTPS gateway.")] = None
    tls_key: Annotated[Path | None, Field(description="PEM key of the HTTPS gateway.")] = None
    tls_ca: Annotated[Path | None, Field(description="PEM certificates that servers we call are checked by.")] = None
    ops_host: Annotated[
        str, Field(description="Address on which `hub ops` listens; another than this machine's own wants HUB_OIDC_*.")
    ] = "127.0.0.1"
    ops_port: Annotated[int, Field(ge=0, le=65535, description="Port of `hub ops`; 0 takes a free one.")] = 8080
    ops_url: Annotated[
        str, Field(description="Public address of `hub ops`, https://…, where browsers reach it by another one.")
    ] = ""
    oidc_issuer: Annotated[
        str,
        Field(description="Issuer of the authority's identity provider (OpenID Connect), https://…"),
    ] = ""
    oidc_audience: Annotated[
        str, Field(description="The audience that its access tokens must name to be meant for the hub.")
    ] = ""
    oidc_jwks: Annotated[
        str, Field(description="Its public keys: an https:// address or a file; empty means where its discovery says.")
    ] = ""
    oidc_algorithms: Annotated[
        str, Field(description="The algorithms by which it may sign, of RS256 RS512 PS256 ES256 EdDSA.")
    ] = "RS256 PS256 ES256 EdDSA"
    oidc_roles_claim: Annotated[
        str, Field(description="The claim of its tokens that lists a person's groups or roles; a.b for b inside a.")
    ] = "roles"
    oidc_roles: Annotated[
        dict[str, str],
        Field(description='What each of them is here, as JSON: {"THEIRS": "ops" or "governance" or "partner:AGENCY"}.'),
    ] = {}
    oidc_name_claim: Annotated[
        str, Field(description="The claim by which audits name a person, for years; one that names nobody else later.")
    ] = "preferred_username"
    oidc_client_id: Annotated[
        str, Field(description="The name under which `hub ops` is registered there, so that browsers can sign in.")
    ] = ""
    oidc_client_secret_file: Annotated[
        Path | None,
        Field(description="File with the client secret that goes with it."),
    ] = None
    oidc_client_jwk_file: Annotated[
        Path | None,
        Field(description="File with a private JWK (with kid and alg) in its place."),
    ] = None
    https_url: Annotated[
        str, Field(description="Public address of the HTTPS gateway, https://…; partners' assertions name it.")
    ] = ""
    fetch_seconds: Annotated[
        int,
        Field(
            ge=1, le=3600, description="Seconds from one look at partners' SFTP folders, our mailboxes, to the next."
        ),
    ] = 60
    shard: Annotated[
        int,
        Field(
            ge=0, le=63, description="Which of several gateways, or relays of one lane, this is; each on its own host."
        ),
    ] = 0
    replication: Annotated[int, Field(ge=1, le=5, description="Copies of each topic; 3 on a real cluster.")] = 1
    keep_files_days: Annotated[
        int,
        Field(ge=1, le=90, description="Days after which a file that was put away is deleted from done, refused."),
    ] = 7
    keep_answers_days: Annotated[
        int, Field(ge=1, le=400, description="Days for which a message sent again gets the answer it got before.")
    ] = 30
    keep_identity_days: Annotated[
        int,
        Field(ge=30, le=4000, description="Days after which identifiers that nobody says together any more part."),
    ] = 400
    canary_seconds: Annotated[
        int,
        Field(ge=0, le=86_400, description="Seconds from one round of canaries to the next; 0 switches them off."),
    ] = 300
    health_host: Annotated[
        str, Field(description="Address on which each process answers /metrics, /livez and /readyz.")
    ] = "127.0.0.1"
    health_port: Annotated[
        int,
        Field(
            ge=0,
            le=65_000,
            description="Port of the gateway's /metrics, the others' follow (deploy/README.md); 0 takes free ones, "
            "told in run/<process>.json.",
        ),
    ] = 0
    door_check_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=86_400,
            description="Seconds from one try of partners' doors, without a message, to the next; 0 switches it off.",
        ),
    ] = 300
    reconcile_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=604_800,
            description="Seconds from one comparison of what watches remember with their topics to "
            "the next; 0 switches it off.",
        ),
    ] = 21_600
    otlp_endpoint: Annotated[
        str, Field(description="Where traces go by OTLP over HTTP, such as http://127.0.0.1:4318; empty for nowhere.")
    ] = ""
    trace_share: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Which share of all messages is traced; to trace all of them halves the relay's rate.",
        ),
    ] = 1.0
    run_ops: Annotated[bool, Field(description="Whether `hub run` serves the web page of `hub ops` as well.")] = False
    review_days: Annotated[
        int,
        Field(ge=1, le=90, description="Days in which sharing without consent is reviewed; the authority sets it."),
    ] = 7
    acknowledgement_hours: Annotated[
        int,
        Field(ge=1, le=120, description="Hours in which a partner says what became of a file; ops is told after that."),
    ] = 24
    log: Annotated[Literal["text", "json"], Field(description="How log lines are written.")] = "text"

    @classmethod
    def read(cls) -> Settings:
        """
        The settings of this environment; raises CatalogError with each variable that holds no such value.

        An address with a password in it is refused: every child process, and every dump of a container's settings,
        has the environment.
        """
        try:
            said = cls()
        except ValidationError as error:
            faults = error.errors(include_input=False, include_url=False, include_context=False)
            raise CatalogError(
                f"HUB_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in faults
            ) from None
        told = [name for name in cls.model_fields if isinstance(value := getattr(said, name), str) and _is_told(value)]
        if told:
            raise CatalogError(f"HUB_{name.upper()} holds a password → {_MENDED.get(name, _LEFT_OUT)}" for name in told)
        return said

    def path(self, *parts: str) -> Path:
        """A path in the state folder."""
        return self.state.absolute().joinpath(*parts)

    @property
    def inbox_folder(self) -> Path:
        """The watched folder."""
        return self.inbox or self.path("inbox")

    @property
    def outbox_folder(self) -> Path:
        """The delivery folder."""
        return self.outbox or self.path("outbox")

    def ledger(self, lane: Lane) -> str:
        """
        The URL of the ledger of the couriers of a lane.

        SQLite lets one writer in at a time, and those who wait look again after longer and longer sleeps. So each
        process that writes has a file of its own: an alert does not wait for registers, nor a hospital for alerts.
        """
        return self.store or f"sqlite:///{self.path(f'couriers.{lane}.db')}"

    @property
    def ledgers(self) -> tuple[str, ...]:
        """The URLs of all ledgers: one where PostgreSQL holds them, else one for each lane."""
        return tuple(dict.fromkeys(self.ledger(lane) for lane in get_args(Lane)))

    @property
    def gateway_database(self) -> str:
        """The URL of what the gateway alone writes: answers, and who is who."""
        return self.store or f"sqlite:///{self.path('gateway.db')}"

    @property
    def store(self) -> str:
        """The address of the SQL store with its password, empty for SQLite; for an engine, and never to be shown."""
        if not self.store_url or self.store_password_file is None:
            return self.store_url
        password = quote(given(self.store_password_file, "HUB_STORE_PASSWORD_FILE").decode().strip(), safe="")
        user = re.match(r"([a-z+0-9]+://[^/@:]+)@", self.store_url)
        if user is None:
            raise CatalogError(["HUB_STORE_URL: names no user without a password, and HUB_STORE_PASSWORD_FILE is set"])
        return f"{user[1]}:{password}{self.store_url[user.end(1) :]}"

    def keys(self) -> Keys:
        """The hub's keys; makes a secret in the state folder where none is set."""
        try:
            return Keys(given(self.secret_file or self.secret("hub.key"), "HUB_SECRET_FILE"))
        except ValueError as error:
            raise CatalogError([f"HUB_SECRET_FILE: {error}"]) from None

    def secret(self, name: str) -> Path:
        """A file of random hexadecimal in the state folder, made once, readable by its owner only."""
        path = self.path("secrets", name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_name(f"{name}.{os.getpid()}")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_hex(32), encoding="ascii")
            try:
                os.link(fresh, path)  # fails where another process was first: theirs is then the secret
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path

    def acting_as(self, principal: str) -> Settings:
        """The same for whoever is *principal* on Kafka, unless HUB_PRINCIPAL names somebody."""
        return self if self.principal else self.model_copy(update={"principal": principal})

    def kafka(self) -> Mapping[str, str]:
        """
        Settings passed on to every Kafka client: `HUB_KAFKA_SASL_USERNAME` becomes `sasl.username`.

        A value whose name ends in `_FILE` is read from that file, so that no secret stands in an environment. Who we
        are and by what we show it is added from the folder of credentials, where nothing is said of it. Raises
        CatalogError where a file cannot be read.
        """
        passed: dict[str, str] = {}
        for name, value in os.environ.items():
            if name.startswith(PASSED_TO_KAFKA) and value:
                key = name.removeprefix(PASSED_TO_KAFKA)
                said = value
                if key.endswith("_FILE"):
                    key = key.removesuffix("_FILE")
                    said = given(Path(value), name).decode().strip()
                passed[key.lower().replace("_", ".")] = said
        return {**self._shown(passed), **passed}

    def _shown(self, passed: Mapping[str, str]) -> Mapping[str, str]:
        protocol = passed.get("security.protocol", "").upper()
        if self.credentials is None or not self.principal:
            return {}
        own = self.credentials.absolute() / self.principal
        if protocol.startswith("SASL") and "sasl.username" not in passed:
            password = given(own.with_name(f"{own.name}.password"), "HUB_CREDENTIALS")
            return {"sasl.username": self.principal, "sasl.password": password.decode().strip()}
        if protocol == "SSL" and "ssl.certificate.location" not in passed:
            certificate, key = (own.with_name(f"{own.name}.{ending}") for ending in ("pem", "key"))
            given(key, "HUB_CREDENTIALS")
            return {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
        return {}

    @staticmethod
    def endpoint(agency: str, name: str, what: str) -> str:
        """
        What the environment says of one line, stream or road of one agency, empty where nothing.

        `HUB_<AGENCY>_<NAME>_<WHAT>`, such as `HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_URL`; *what* is one of
        `hub.endpoints.WORDS`, which say of each what it is, and what reads it.
        """
        return os.environ.get(variable(agency, name, what), "")


def _is_told(address: str) -> bool:
    """Whether an address tells a password, or by HTTP, where a name can be as secret, who calls."""
    return bool((_NAMES_CALLER if address.startswith("http") else _HOLDS_PASSWORD).search(address))


def given(path: Path, name: str) -> bytes:
    """What is in the file that the setting *name* names; raises CatalogError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CatalogError([f"{name}: {path}: {error.strerror}"]) from None
