"""Routes: one stream on its way to one agency, from an event's bytes to what leaves, or the rule that keeps it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from hub import tracing
from hub.agency import Agency
from hub.avro import granted_schemas, leaves_of, schema_of
from hub.case import Case
from hub.catalog import Catalog
from hub.disclosure import NOT_GRANTED, Outcome, Verdict
from hub.envelope import SYNTHETIC, Envelope, Headers, Record, stamp, traceparent
from hub.formats import json as json_format
from hub.keyed import Keyed
from hub.keys import Keys
from hub.limits import NONE as NO_LIMIT
from hub.limits import Limits
from hub.policy import Policy, Withheld, cite, decide
from hub.projection import NOTHING, NothingFits, Projection
from hub.second_check import SecondCheck
from hub.stream import Stream

SOURCE = "/sharing-hub"
CONTENT_TYPES: Mapping[str, str] = {
    "avro": "application/avro",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xml": "application/xml",
    "fhir": "application/fhir+json",
    "hl7": "x-application/hl7-v2+er7",
}
_REQUIRED = frozenset({"ce_id", "ce_source", "ce_type", "ce_time", "traceparent"})
MOST_OUTCOMES = 4_096


class Papers(NamedTuple):
    """
    What the recipients' papers need of an event's: its id and when the hub took it in, also as `stamp` writes it.

    *trace* is the event's own traceparent.
    """

    id: str
    time: datetime
    stamped: bytes
    synthetic: bool
    trace: bytes = b""


class Sent(NamedTuple):
    """What leaves for an agency: the record, its message id, and the hash of its value."""

    record: Record
    message: str
    digest: str


class Route:
    """
    One stream on its way to one agency, compiled; what is the same for every event is made once.

    Where it is *traced*, the recipient's papers hold the event's trace, hidden from everybody but the hub.
    """

    def __init__(
        self, catalog: Catalog, stream: Stream, agency: Agency, policy: Policy, keys: Keys, *, traced: bool = False
    ) -> None:
        self.agency, self.policy, self.grant = agency.key, policy, policy.hears[stream.name]
        self.topic = stream.topic_to(agency.key)
        hearing = agency.hears[stream.name]
        self.addressed_by, self.otherwise = hearing.addressed_by, hearing.otherwise or ""
        self.json = hearing.doors[0].by == "kafka" and hearing.doors[0].format == "json"
        self.limits = Limits(stream, self.grant)
        self._stream, self._lock = stream, catalog.lock
        self._own_id = catalog.id_of(self.topic, granted_schemas(stream, self.grant)[1])
        self._subject, self._message = map(Keyed, keys.recipient(agency.key))
        self._mask = Keyed(keys.trace(agency.key)) if traced else None
        self._outcomes: dict[tuple[str, str, tuple[tuple[str, str], ...]], Outcome] = {}
        self._ways: dict[int, tuple[Projection, SecondCheck]] = {}
        self.projection, self.check = self.way(catalog.id_of(stream.topic, schema_of(stream)))
        self._headers = _Headers(self)
        self._leaves = sorted(leaves_of(schema_of(stream)))

    def papers(self, message_id: str, time: datetime, address: str, trace: str = "") -> Envelope:
        """The recipient's papers of one event."""
        return Envelope(message_id, SOURCE, self.topic, time, trace or traceparent(message_id), address)

    def _traceparent(self, message_id: str, papers: Papers) -> str:
        """The recipient's own: its trace is the message's, or the event's, hidden."""
        if self._mask is None or (ids := tracing.parts(papers.trace.decode("ascii", "replace"))) is None:
            return traceparent(message_id)
        return f"00-{hidden(self._mask, ids[0], message_id)}-{message_id[:16]}-01"

    def way(self, source_id: int) -> tuple[Projection, SecondCheck]:
        """The projection, and the check of what it makes, for events that were written with one schema."""
        if source_id not in self._ways:
            source = self._lock.schema(source_id)
            own, as_json = self._lock.schema(self._own_id), self.json
            projection = Projection(self._stream, self.grant, source_id, self._own_id, plain=as_json, source=source)
            self._ways[source_id] = (projection, SecondCheck(self.grant, source, self._own_id, own, as_json=as_json))
        return self._ways[source_id]

    def judge(self, case: Case) -> tuple[str, str, Mapping[str, str]]:
        """The rule that withholds an event, if any; what was relied on where none does; what is kept back of it."""
        decision = decide(case, self.policy)
        if isinstance(decision, Withheld):
            return decision.rule, "", NO_LIMIT
        if self.addressed_by is not None and not case.address:
            return f"address.{self.addressed_by}", "", NO_LIMIT
        try:
            kept = self.limits.of(case)
            lost = self._lost(kept)
            rule = self.limits.nothing_left(lost) if kept else ""
        except Exception:  # noqa: BLE001  doubt withholds, whatever its kind; the rule says that it was an error
            return "error", "", NO_LIMIT
        if not rule and self.addressed_by is not None and self.addressed_by in lost:
            rule = f"fields.{lost[self.addressed_by]}"
        return rule, decision.relied, NO_LIMIT if rule else kept

    def _lost(self, kept: Mapping[str, str]) -> Mapping[str, str]:
        """Each granted leaf that goes where some are *kept* back, with the limit for which it goes."""
        if not kept:
            return NO_LIMIT
        return {path: kept[of] for path, of in self.projection.lost(frozenset(kept)).items()}

    def write(self, event: bytes, key: bytes, papers: Papers, address: str, kept: Mapping[str, str]) -> Sent | str:
        """What goes to the agency of an event's bytes; or the rule that kept it back after all."""
        try:
            without = frozenset(kept) if kept else NOTHING
            projection, check = self.way(int.from_bytes(event[1:5], "big"))
            values = projection.project(event, papers.time, without)
            message = self._message.digest(papers.id.encode())
            trace = self._traceparent(message, papers)
            if self.json:
                body = json_format.render(values, papers=self.papers(message, papers.time, address, trace))
            else:
                body = projection.encode(values)
            check.permits(event, body, without, papers.time)
            headers = self._headers.of(message, papers.stamped, address, trace, synthetic=papers.synthetic)
            record = Record(self.topic, self._subject.digest(key).encode(), body, headers)
        except NothingFits as error:
            return f"fields.{kept.get(error.args[0], 'nothing-fits')}"
        except Exception as error:  # noqa: BLE001  whatever goes wrong here, the event stays with us
            return f"fields.{type(error).__name__.lower()}"
        return Sent(record, message, hashlib.sha256(body).hexdigest())

    def outcome(self, rule: str, relied: str, kept: Mapping[str, str]) -> Outcome:
        """How the agency fared, field by field; made once for each way to fare."""
        name = (rule, relied, tuple(kept.items()))
        found = self._outcomes.get(name)
        if found is None:
            if len(self._outcomes) > MOST_OUTCOMES:
                self._outcomes.clear()
            found = self._outcomes[name] = self._outcome(rule, relied, kept)
        return found

    def _outcome(self, rule: str, relied: str, kept: Mapping[str, str]) -> Outcome:
        grant, policy = self.grant, self.policy
        lost = self._lost(kept)
        fields = []
        for path in self._leaves:
            if path not in grant.fields and path not in grant.coarse:
                fields.append(Verdict(path, "withheld", NOT_GRANTED))
            elif rule or path in lost:
                fields.append(Verdict(path, "withheld", rule or lost[path]))
            elif path in grant.coarse:
                fields.append(Verdict(path, "coarsened", grant.coarse[path]))
            else:
                fields.append(Verdict(path, "released", ""))
        return Outcome(
            self._stream.name, self.agency, "withheld" if rule else "released", rule, policy.version,
            policy.agreement, grant.gate, "" if rule else relied, grant.notice, cite(grant), tuple(fields),
        )  # fmt: skip


class _Headers:
    """A route's headers, just as its papers would write them; few of them differ from event to event."""

    def __init__(self, route: Route) -> None:
        content_type = CONTENT_TYPES["json" if route.json else "avro"]
        any_event = route.papers("", datetime.fromtimestamp(0, UTC), "").headers(content_type)
        self._version, _, self._source, self._type, _, _, self._content_type = any_event

    def of(self, message_id: str, time: bytes, address: str, trace: str, *, synthetic: bool = False) -> Headers:
        """The headers of one event; *time* as `stamp` writes it."""
        own: Headers = (
            self._version,
            ("ce_id", message_id.encode()),
            self._source,
            self._type,
            ("ce_time", time),
            ("traceparent", trace.encode()),
            self._content_type,
        )
        if synthetic:
            own = (*own, SYNTHETIC)
        return (*own, ("ce_hubaddress", address.encode())) if address else own


_STAMP = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z").fullmatch


def papers_of(headers: Headers | list[tuple[str, bytes]]) -> Papers:
    """As much of an event's papers as its recipients' need; raises KeyError and ValueError as `Envelope` does."""
    have = dict(headers)
    if not have.keys() >= _REQUIRED:
        raise KeyError("an event's papers are not complete")
    written = have["ce_time"]
    time = datetime.fromisoformat(written.decode())
    # What is in the hub's own spelling already need not be spelt again; anything else is not passed on.
    stamped = written if _STAMP(written) else stamp(time).encode()
    synthetic = have.get(SYNTHETIC[0]) == SYNTHETIC[1]
    return Papers(have["ce_id"].decode(), time, stamped, synthetic, have["traceparent"])


def hidden(mask: Keyed, trace: str, message_id: str) -> str:
    """
    A trace's id as one recipient has it: it looks like chance, differs from message to message, and leads nowhere.

    With the event's own, two recipients could tell that they heard of the same event. *mask* is of `Keys.trace`.
    """
    return f"{int(trace, 16) ^ int(mask.digest(message_id.encode()), 16):032x}"


unhidden = hidden
"""The event's own trace again, of what `hidden` made: each undoes the other."""
