"""The answer for each agency: the questions in their order, and the record where none withholds."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import date, datetime, time, timedelta
from typing import Any

import fastavro

from .asked import LONDON, gate_shut, limits_of, sealed
from .known import at_path, known
from .sent import as_json, cut, kept, written
from .written import derived, leaves, pseudonym, schema_of

CONTENT = {"json": b"application/json", "avro": b"application/avro"}


class Reference:
    """The written word, read once; *sensitivity* of each leaf comes from the stream's own declaration."""

    def __init__(
        self,
        stream: Any,
        secret: bytes,
        agreed: dict[str, tuple[dict, dict]],
        locked: dict[str, tuple[int, Any]],
    ) -> None:
        self.stream = stream
        self.secret = secret
        self.schema = schema_of(stream)
        self.leaves = leaves(self.schema)
        self.sensitivity = {fact.name: str(fact.sensitivity) for fact in stream.facts()}
        self.who = {}
        for agency, (card, policy) in agreed.items():
            hears = card.get("hears", {}).get(stream.name)
            grant = policy["hears"].get(stream.name)
            if hears is None or grant is None or card.get("status") == "trial":
                continue
            topic = f"{stream.name.replace('_', '-')}.v{stream.version}.to.{agency.replace('_', '-')}"
            schema = kept(self.schema, grant)
            number, frozen = locked[topic]
            assert frozen == schema, f"{topic}: the lock's schema is not what the grant leaves"
            door = hears["doors"][0] if "doors" in hears else hears
            self.who[agency] = {
                "topic": topic,
                "grant": grant,
                "last": policy["expires"],
                "addressed_by": hears.get("addressed_by"),
                "otherwise": hears.get("otherwise"),
                "schema": schema,
                "avro": fastavro.parse_schema(json.loads(json.dumps(schema))),
                "prefix": b"\x00" + number.to_bytes(4, "big"),
                "format": "json" if (door["by"], door["format"]) == ("kafka", "json") else "avro",
                "keys": [derived(secret, f"recipient\x00{agency}\x00{which}") for which in ("subject", "id")],
            }

    def judge(
        self, values: dict, papers: dict, key: bytes, said: list[dict], now: datetime
    ) -> dict[str, dict[str, Any]]:
        """
        For each agency the `rule` that withholds the event, or "" and the `record`; with `fields`, `relied`.

        *papers* are `id`, `time` and whether `synthetic`.
        """
        words, doubt = self.known(values, key, said)
        return {agency: self.answer(agency, values, papers, key, words, doubt, now) for agency in self.who}

    def known(self, values: dict, key: bytes, said: list[dict]) -> tuple[list[dict], bool]:
        """What applies to the child of one event."""
        names = {(kind, at_path(values, path)) for kind, path in self.stream.subject if at_path(values, path)}
        return known(said, {key, *self.keys_of(values)}, names)

    def keys_of(self, values: dict) -> list[bytes]:
        """The keys under which a standing word about the child of an event can lie."""
        found = []
        for kind, path in self.stream.subject:
            name = at_path(values, path)
            whose = f"sharing_status\x00{kind}" if kind == "case_id" else kind  # a case system's number is its own
            if name:
                found.append(pseudonym(derived(self.secret, "subject"), f"{whose}\x00{name}".encode()).encode())
        return found

    def stranger(
        self, agency: str, last: date | None, values: dict, papers: dict, words: list[dict], doubt: bool, now: datetime
    ) -> str:
        """The rule for an agency without an agreement, or with one until *last* that does not speak of the stream."""
        try:
            seal = sealed(values, self.stream, words, agency, "", papers["time"])
        except Exception:  # noqa: BLE001  choice 11
            return "view.doubt" if doubt else "error"
        if doubt:
            return "view.doubt"
        return seal or ("expires" if last is not None and over(last, now) else "hears")

    def answer(
        self, agency: str, values: dict, papers: dict, key: bytes, words: list[dict], doubt: bool, now: datetime
    ) -> dict[str, Any]:
        """The answer for one agency."""
        mine = self.who[agency]
        grant = mine["grant"]
        address = ""
        if mine["addressed_by"]:
            address = at_path(values, mine["addressed_by"]) or mine["otherwise"] or ""
        try:
            rule, relied = self.rule_of(agency, values, papers, words, doubt, address, now)
        except Exception:  # noqa: BLE001  choice 11
            rule, relied = "error", ""
        if rule:
            return self.withheld(grant, rule, words)
        records = [word["values"] for word in words]
        limited = limits_of(values, self.stream, records, grant, self.sensitivity, now)
        near = self.nearest(grant, limited)
        lost = self.lost(grant, limited, near)
        rule = self.nothing_left(mine, limited, near, lost)
        if rule:
            return self.withheld(grant, rule, words)
        day = papers["time"].astimezone(LONDON).date()
        sent = cut(values, mine["schema"], grant.get("coarse", {}), self.emptied(grant, lost), day)
        return {
            "rule": "",
            "relied": relied,
            "standing": [word["id"] for word in words],
            "record": self.record(mine, sent, papers, key, address),
            "fields": self.verdicts(grant, "", lost),
        }

    def withheld(self, grant: dict, rule: str, words: list[dict]) -> dict[str, Any]:
        """The answer where nothing is sent."""
        standing = [word["id"] for word in words]
        fields = self.verdicts(grant, rule, {})
        return {"rule": rule, "relied": "", "standing": standing, "record": None, "fields": fields}

    def rule_of(
        self, agency: str, values: dict, papers: dict, words: list[dict], doubt: bool, address: str, now: datetime
    ) -> tuple[str, str]:
        """The rule that withholds the whole event, and what is relied on where there is none."""
        mine = self.who[agency]
        grant = mine["grant"]
        records = [word["values"] for word in words]
        if doubt:
            return "view.doubt", ""
        seal = sealed(values, self.stream, words, agency, address, papers["time"])
        if seal is not None:
            return seal, ""
        if over(mine["last"], now):
            return "expires", ""
        gate = gate_shut(values, self.stream, records, grant, agency, now)
        if not gate.startswith(":"):
            return gate, ""
        for path, wanted in grant.get("where", {}).items():
            value = at_path(values, path)
            if not any(value == one and type(value) is type(one) for one in wanted):
                return f"where.{path}", ""
        if mine["addressed_by"] and not address:
            return f"address.{mine['addressed_by']}", ""
        return "", gate[1:]

    def places(self, grant: dict, path: str) -> list[str]:
        """The places on the way to a leaf that may be emptied in what is sent, from the top."""
        always = grant.get("coarse", {}).get(path) == "present"
        return [step for step, may in self.leaves[path] if may and not (step == path and always)]

    def nearest(self, grant: dict, limited: dict[str, str]) -> dict[str, str | None]:
        """For each limited leaf the nearest place that may be emptied so that it is not heard."""
        return {path: (self.places(grant, path) or [None])[-1] for path in limited}

    def emptied(self, grant: dict, lost: dict[str, str]) -> set[str]:
        """What is emptied: the topmost places of which nothing is heard, so that not even their being there shows."""
        heard = [path for path in [*grant["fields"], *grant.get("coarse", {})] if path not in lost]
        found = set()
        for path in lost:
            silent = [
                step
                for step in self.places(grant, path)
                if not any(one == step or one.startswith(f"{step}.") for one in heard)
            ]
            found.add(silent[0])
        return found

    def lost(self, grant: dict, limited: dict[str, str], near: dict[str, str | None]) -> dict[str, str]:
        """All granted leaves that are not heard, for themselves or with what lies around them, each with the limit."""
        found = {}
        for path in [*grant["fields"], *grant.get("coarse", {})]:
            way = [step for step, _ in self.leaves[path]]
            because = sorted(other for other in limited if near[other] in way)
            if path in limited:
                found[path] = limited[path]
            elif because:
                found[path] = limited[because[0]]
        return found

    def nothing_left(
        self, mine: dict, limited: dict[str, str], near: dict[str, str | None], lost: dict[str, str]
    ) -> str:
        """The rule that withholds an event of which limits leave nothing, or nothing that can be sent; or ""."""
        grant = mine["grant"]
        if lost and len(lost) == len(grant["fields"]) + len(grant.get("coarse", {})):
            for word in ("match", "opt-out"):
                rules = sorted(rule for rule in lost.values() if rule.startswith(word))
                if rules:
                    return rules[0] if word == "match" else "gate.opt-out.opted-out"
            return "fields." + min(lost.values())
        if mine["addressed_by"] in lost:
            return "fields." + lost[mine["addressed_by"]]
        stuck = sorted(path for path in limited if near[path] is None)
        return "fields." + limited[stuck[0]] if stuck else ""

    def verdicts(self, grant: dict, rule: str, lost: dict[str, str]) -> dict[str, tuple[str, str]]:
        """What became of each leaf of the stream."""
        told = {}
        words = grant.get("coarse", {})
        for path in self.leaves:
            if path not in grant["fields"] and path not in words:
                told[path] = ("withheld", "not-granted")
            elif rule or path in lost:
                told[path] = ("withheld", rule or lost[path])
            elif path in words:
                told[path] = ("coarsened", words[path])
            else:
                told[path] = ("released", "")
        return told

    def record(self, mine: dict, sent: dict, papers: dict, key: bytes, address: str) -> dict[str, Any]:
        """The record on the agency's own topic."""
        subject_key, message_key = mine["keys"]
        message = pseudonym(message_key, papers["id"].encode())
        taken = written(papers["time"])
        if mine["format"] == "json":
            value = as_json(sent, {"id": message, "type": mine["topic"], "time": taken})
        else:
            out = io.BytesIO()
            fastavro.schemaless_writer(out, mine["avro"], sent)
            value = mine["prefix"] + out.getvalue()
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", message.encode()),
            ("ce_source", b"/sharing-hub"),
            ("ce_type", mine["topic"].encode()),
            ("ce_time", taken.encode()),
            ("traceparent", f"00-{message}-{message[:16]}-01".encode()),
            ("content-type", CONTENT[mine["format"]]),
        ]
        if papers.get("synthetic"):
            headers.append(("ce_hubsynthetic", b"true"))
        if address:
            headers.append(("ce_hubaddress", address.encode()))
        return {
            "topic": mine["topic"],
            "key": pseudonym(subject_key, key).encode(),
            "value": value,
            "headers": headers,
            "message": message,
            "sent": hashlib.sha256(value).hexdigest(),
        }


def over(last: date, now: datetime) -> bool:
    """Whether the last day of an agreement is over in England."""
    return now >= datetime.combine(last + timedelta(days=1), time(), LONDON)
