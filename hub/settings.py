"""Settings: what differs from one place of running to another, from the environment; secrets only by file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.errors import CatalogError
from hub.keys import Keys

PASSED_TO_KAFKA = "HUB_KAFKA_"


class Settings(BaseSettings):
    """Every setting with its sentence; each is read from the environment variable `HUB_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="HUB_", extra="ignore", frozen=True)

    state: Annotated[Path, Field(description="Folder for everything that must outlive a restart.")] = Path(".state")
    bootstrap_servers: Annotated[
        str, Field(description="The Kafka cluster; empty means the local one that `hub kafka up` starts.")
    ] = ""
    secret_file: Annotated[
        Path | None,
        Field(description="File with the hub's secret, 32 bytes or more; made in the state folder where unset."),
    ] = None
    store_url: Annotated[
        str, Field(description="SQL store: empty for SQLite in the state folder, or postgresql+psycopg://…")
    ] = ""
    inbox: Annotated[
        Path | None,
        Field(description="Folder watched for files, <agency>/<line>/; default: inbox in the state folder."),
    ] = None
    outbox: Annotated[
        Path | None, Field(description="Folder to which files are delivered; default: outbox in the state folder.")
    ] = None
    listen_host: Annotated[str, Field(description="Address on which the gateway listens.")] = "127.0.0.1"
    https_port: Annotated[int, Field(ge=0, le=65535, description="Port of the HTTPS gateway; 0 takes a free one.")] = (
        8443
    )
    mllp_port: Annotated[
        int,
        Field(ge=0, le=65535, description="Port of the first MLLP line, the next lines follow; 0 takes free ones."),
    ] = 2575
    tls_certificate: Annotated[Path | None, Field(description="PEM certificate of the HTTPS gateway.")] = None
    tls_key: Annotated[Path | None, Field(description="PEM key of the HTTPS gateway.")] = None
    tls_ca: Annotated[Path | None, Field(description="PEM certificates that partners' servers are checked by.")] = None
    ops_host: Annotated[
        str, Field(description="Address on which `hub ops` listens; another than this machine's own wants HUB_OIDC_*.")
    ] = "127.0.0.1"
    ops_port: Annotated[int, Field(ge=0, le=65535, description="Port of `hub ops`; 0 takes a free one.")] = 8080
    fetch_seconds: Annotated[
        int,
        Field(
            ge=1, le=3600, description="Seconds from one look at partners' SFTP folders, our mailboxes, to the next."
        ),
    ] = 60
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
        """The settings of this environment; raises CatalogError with each variable that holds no such value."""
        try:
            return cls()
        except ValidationError as error:
            faults = error.errors(include_input=False, include_url=False, include_context=False)
            raise CatalogError(
                f"HUB_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in faults
            ) from None

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

    @property
    def database(self) -> str:
        """The URL of the SQL store."""
        return self.store_url or f"sqlite:///{self.path('hub.db')}"

    @property
    def gateway_database(self) -> str:
        """
        The URL of what the gateway alone writes: answers, and who is who.

        SQLite lets one writer in at a time, and those who wait look again after longer and longer sleeps: in one file
        with the couriers' ledger, a hospital would wait for its acknowledgement while alerts are delivered.
        """
        return self.store_url or f"sqlite:///{self.path('gateway.db')}"

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

    def kafka(self) -> Mapping[str, str]:
        """
        Settings passed on to every Kafka client: `HUB_KAFKA_SASL_USERNAME` becomes `sasl.username`.

        A value whose name ends in `_FILE` is read from that file, so that no secret stands in an environment.
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
        return passed

    @staticmethod
    def endpoint(agency: str, name: str, what: str) -> str:
        """
        What the environment says of one line or stream of one agency, empty where nothing.

        `HUB_<AGENCY>_<LINE OR STREAM>_<WHAT>`, such as `HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_URL`; *what* is
        DOOR (the road to use, such as `mllp`), FIRST_NUMBER (of the files of a numbered door); HTTPS: URL, TOKEN_FILE,
        TLS_CA, CLIENT_CERTIFICATE, CLIENT_KEY; MLLP: HOST, PORT, TLS (`on`), and with it what HTTPS has, or
        TLS_CLIENT_CA of a line that is listened on; SFTP: HOST, PORT, USER, KNOWN_HOSTS, KEY_FILE, PASSWORD_FILE,
        FOLDER; MESH: MAILBOX (the recipient's), WORKFLOW.

        What holds for all of an agency stands in the line's place: `HUB_<AGENCY>_HTTPS_TOKEN_FILE`, with which it
        calls us; `HUB_<AGENCY>_SFTP_<WHAT>`, as above; `HUB_<AGENCY>_MESH_<WHAT>` for our own mailbox: URL, MAILBOX,
        PASSWORD_FILE, SHARED_KEY_FILE, CERTIFICATE, KEY, CA. deploy/README.md has an example of each.
        """
        return os.environ.get(f"HUB_{agency}_{name}_{what}".upper(), "")


def given(path: Path, name: str) -> bytes:
    """What is in the file that the setting *name* names; raises CatalogError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CatalogError([f"{name}: {path}: {error.strerror}"]) from None
