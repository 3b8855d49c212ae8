"""NHS England's MESH sandbox for tests: a process of its own on loopback, by TLS, for callers with a certificate."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from mesh_client import MeshClient

from hub.transports.mesh import Mailbox
from hub.transports.tls import make_local_ca

OURS, PARTNERS = "X26HUB", "X26CPIS"
SHARED_KEY, PASSWORD = "a shared key", "password"  # the sandbox gives every mailbox that it finds this password
STARTS_WITHIN = 30.0  # seconds


class Exchange:
    """A running sandbox: how the hub and its partner open their mailboxes, and what lies in them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.tls = make_local_ca(folder / "tls")

    def mailbox(self, name: str = OURS, **other: Any) -> Mailbox:
        """A mailbox as the hub's settings would name it."""
        settings = {
            "url": self.url, "name": name, "password": self.folder / "password",
            "shared_key": self.folder / "shared-key", "certificate": self.tls.client_cert, "key": self.tls.client_key,
            "ca": self.tls.ca,
        }  # fmt: skip
        return Mailbox(**(settings | other))

    @contextmanager
    def client(self, name: str = PARTNERS) -> Iterator[MeshClient]:
        """The partner's own client: NHS England's, without anything of ours."""
        cert = (str(self.tls.client_cert), str(self.tls.client_key))
        with MeshClient(
            self.url, name, PASSWORD, shared_key=SHARED_KEY.encode(), cert=cert, verify=str(self.tls.ca)
        ) as client:
            yield client

    def asked(self, method: str, path: str, **said: Any) -> Any:
        """What the sandbox's own administration answers."""
        cert = (str(self.tls.client_cert), str(self.tls.client_key))
        answer = requests.request(method, f"{self.url}{path}", cert=cert, verify=str(self.tls.ca), timeout=30, **said)
        answer.raise_for_status()
        return answer.json()

    def report(self, **said: str) -> None:
        """Have MESH tell the hub that something was not delivered."""
        given = {"mailbox_id": OURS, "code": "14", "description": "not collected", "workflow_id": "CPIS_UPLOAD"}
        self.asked("POST", "/messageexchange/admin/report", json=given | said)

    def empty(self) -> None:
        """Both mailboxes as at the beginning."""
        for box in (OURS, PARTNERS):
            shutil.rmtree(self.folder / "boxes" / box, ignore_errors=True)
            (self.folder / "boxes" / box).mkdir(parents=True)
        self.asked("DELETE", "/messageexchange/admin/reset")


@contextmanager
def sandbox(folder: Path) -> Iterator[Exchange]:
    """Start the sandbox below *folder*, and end it afterwards."""
    tls = make_local_ca(folder / "tls")
    for box in (OURS, PARTNERS):
        (folder / "boxes" / box).mkdir(parents=True)
    (folder / "password").write_text(f"{PASSWORD}\n", encoding="ascii")
    (folder / "shared-key").write_text(f"{SHARED_KEY}\n", encoding="ascii")
    words = (
        "-m", "uvicorn", "mesh_sandbox.api:app", "--host", "127.0.0.1", "--port", "0", "--no-access-log",
        "--ssl-certfile", tls.server_cert, "--ssl-keyfile", tls.server_key, "--ssl-ca-certs", tls.ca,
        "--ssl-cert-reqs", "2",
    )  # fmt: skip
    settings = {
        "STORE_MODE": "file", "AUTH_MODE": "full", "MAILBOXES_DATA_DIR": str(folder / "boxes"),
        "SHARED_KEY": SHARED_KEY, "ENV": "local",
    }  # fmt: skip
    log = folder / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", *map(str, words)],
            cwd=folder,
            env=os.environ | settings,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not (found := re.search(rb"running on (https://[0-9.:]+)", log.read_bytes())):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the sandbox did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield Exchange(folder, found[1].decode())
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
