"""The whole hub in one hand: said to by its roads, asked whether it is done, and nothing of it mocked."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub import cluster, doors
from hub.agency import Door
from hub.catalog import Catalog
from hub.envelope import Envelope
from hub.local_kafka import LocalKafka
from hub.store import engine
from hub.store.ledger import Ledger
from hub.store.oversight import Standing
from hub.transports.kafka import read_topic
from hub.transports.tls import client_context
from tests.flow.partners import HttpsPartner, MllpPartner, MllpSender, until
from tests.flow.running import EVERY, Running

ADT = "mllp great_western_hospital/adt"


class Whole:
    """`hub run` on a Kafka, with partners that listen, and what a test does to them."""

    def __init__(
        self,
        catalog: Catalog,
        state: Path,
        kafka: LocalKafka,
        https: HttpsPartner,
        mllp: MllpPartner,
        door: str,
        shown: Mapping[str, str] = {},
        extra: Mapping[str, str] = {},
        **given: str,
    ) -> None:
        """*shown* is what the hub is told of a secured Kafka; by *extra* the test itself asks it."""
        self.catalog = catalog
        self.kafka = kafka
        self.https = https
        self.mllp = mllp
        self.extra = extra
        self.bootstrap = shown.get("HUB_BOOTSTRAP_SERVERS") or kafka.status().bootstrap
        self.hub = Running(
            state,
            self.bootstrap,
            HUB_TLS_CA=str(https.ca),
            HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_URL=f"{https.url}/great_western_hospital/alerts",
            HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_DOOR=door,
            HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_PORT=str(mllp.port),
            HUB_SOCIAL_WORKER_HOSPITAL_ALERT_URL=f"{https.url}/social_worker/{{address}}",
            HUB_SOCIAL_WORKER_CPIS_ACCESS_NOTICE_URL=f"{https.url}/social_worker/{{address}}",
            HUB_SOCIAL_CARE_NHS_NUMBER_CHANGE_URL=f"{https.url}/social_care/numbers",
            HUB_CPIS_CPIS_FLAG_DOOR="files",
            **shown,
            **given,
        )
        self.settings = self.hub.settings
        self.seconds_to_ready = 0.0

    def start(self) -> None:
        """Start every process, and return once all are ready."""
        began = time.monotonic()
        self.hub.start()
        self.hub.wait_ready(*EVERY)
        self.seconds_to_ready = time.monotonic() - began

    def stop(self) -> None:
        """Stop every process; fails where that did not go well."""
        assert self.hub.stop() == 0, self.hub.said()[-4000:]

    def hospital(self) -> MllpSender:
        """A connection of the hospital's to the gateway."""
        return MllpSender(self.hub.port(ADT))

    def drop(self, agency: str, line: str, name: str, data: bytes, *, wait: bool = True) -> None:
        """Put a file in a watched folder, under another name first, and wait until it is taken in."""
        folder = self.settings.inbox_folder / agency / line
        (folder / f"{name}.part").write_bytes(data)
        (folder / f"{name}.part").rename(folder / name)
        if wait:
            self.all_taken()

    def all_taken(self) -> None:
        """Wait until every file in every watched folder is taken in and put away."""
        folders = list(self.settings.inbox_folder.glob("*/*"))
        until(lambda: not any(one.is_file() for folder in folders for one in folder.iterdir()), "files taken in")

    def post(self, agency: str, line: str, body: bytes, token: str = "") -> int:
        """Post a document with the agency's token, or another; the status of the answer."""
        token = token or doors.tokens(self.settings, [agency])[agency]
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.hub.port('https')}/{agency}/{line}",
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        context: ssl.SSLContext = client_context(self.settings.path("tls", "ca.pem"))
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:  # noqa: S310  as above
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return int(refused.code)

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """By visit number, each arrival's verdict and the NHS number that it is about."""
        stream = self.catalog.streams["hospital_alert"]
        codec, found = self.catalog.codec(stream), {}
        for stored in read_topic(self.bootstrap, stream.topic, self.extra):
            alert: dict[str, Any] = codec.decode(stored.record.value or b"")
            found[alert["visit_number"] or ""] = (alert["verdict"], alert["patient"]["nhs_number"] or "")
        return found

    def heard(self, stream: str, agency: str) -> list[Envelope]:
        """The papers of all that an agency hears of a stream."""
        topic = self.catalog.streams[stream].topic_to(agency)
        return [Envelope.from_headers(one.record.headers) for one in read_topic(self.bootstrap, topic, self.extra)]

    def settled(self) -> bool:
        """Whether no group is behind, and no courier has anything left to deliver or to show to a person."""
        if any(row.lag for row in cluster.behind(self.catalog, self.settings, self.bootstrap)):
            return False
        return not any(one.parked for one in self._standing()) and not self.pending()

    def pending(self) -> int:
        """How many messages a courier has to deliver now; what waits for a file of its period has until then."""
        rows = [one for one in self._standing() if self._door(one).every is None]
        return sum(one.waiting + one.under_way + one.handed for one in rows)

    def _standing(self) -> list[Standing]:
        found: list[Standing] = []
        for url in self.settings.ledgers:
            store = engine(url)
            try:
                found += Ledger(store).standing()
            finally:
                store.dispose()
        return found

    def _door(self, one: Standing) -> Door:
        """The agency's door by the road that this hub's settings name, else its first."""
        doors_ = self.catalog.agencies[one.agency].hears[one.stream].doors
        road = self.hub.environment.get(f"HUB_{one.agency}_{one.stream}_DOOR".upper(), doors_[0].by)
        return next(door for door in doors_ if door.by == road)


def broker_pid(kafka: LocalKafka) -> int:
    """The number of the process of a Kafka of one node."""
    return int(json.loads((kafka.folder / "node-1" / "process.json").read_bytes())["number"])
