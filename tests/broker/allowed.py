"""The allow-list, from the principle and not from the code that derives it: who may do what; all else is denied."""

from __future__ import annotations

from hub.catalog import Catalog
from tests.broker.attempts import CLUSTER, GROUP, TOPIC, TRANSACTION, Cell

SEE = {"describe", "offsets"}
READ, WRITE = {"read"} | SEE, {"write"} | SEE
FOUND = {"find", "places", "describe", "list"}
"""What whoever may ask after a group is told."""
MEMBER = FOUND | {"join", "commit"}
LOOKS = {"see who may what", "see quotas", "see users", "see a broker's settings", "see reassignments"}
MENDS = {
    "create a topic", "reassign", "let itself read all", "take a right away", "set a password", "remove a user",
    "set a broker's settings", "elect leaders", "set quotas", "remove quotas",
}  # fmt: skip


class Allowed:
    """What each principal may do, by what it is for."""

    def __init__(self, catalog: Catalog) -> None:
        self._streams = {stream.topic: stream for stream in catalog.streams.values()}
        self._said = {
            into for agency in catalog.agencies.values() for line in agency.says.values() for into in line.into
        }
        self._speakers = {key.replace("_", "-") for key, agency in catalog.agencies.items() if agency.says}
        self._watches = list(catalog.watches.values())
        self._consumers = {
            key for key, agency in catalog.agencies.items()
            for hearing in agency.hears.values() for door in hearing.doors if door.by == "kafka"
        }  # fmt: skip
        self._trial = {key.replace("_", "-") for key, agency in catalog.agencies.items() if agency.status == "trial"}

    def may(self, who: str, cell: Cell) -> bool:
        """Whether *who* may do that."""
        rules = {TOPIC: self._topic, GROUP: self._group, TRANSACTION: self._transaction, CLUSTER: self._cluster}
        return cell.verb in rules[cell.kind](who, cell.name)

    def _topic(self, who: str, name: str) -> set[str]:
        stream_topic, _, agency = name.partition(".to.")
        stream = self._streams.get(stream_topic)
        event = stream is not None and not agency
        lane = stream.lane if stream is not None else ""
        standing = name == "sharing-status.v1"
        by_kafka = agency.replace("-", "_") in self._consumers
        may: set[str] = set()
        if who in self._consumers and agency == who.replace("_", "-"):
            may |= READ  # an agency reads what it hears, and nothing else
        elif who == "hub-gateway":
            if (event and stream.name in self._said) or name.removeprefix("quarantine.") in self._speakers:
                may |= WRITE
            may |= READ if standing else set()
        elif who.startswith("hub-relay-"):
            mine = who == f"hub-relay-{lane}"
            may |= READ if standing or (event and mine) or name == "policies.v1" else set()
            if (agency and mine) or name in ("disclosures.v1", "quarantine.relay", "policies.v1"):
                may |= WRITE
        elif who == "hub-watches":
            watched = {word for watch in self._watches for word in (watch.keeps, watch.on)}
            may |= READ if event and stream.name in watched else set()
            may |= WRITE if event and stream.name in {watch.emits for watch in self._watches} else set()
            may |= WRITE if name == "quarantine.watches" else set()
            may |= READ | WRITE if name.startswith("hub-watches-") else set()
        elif who.startswith("hub-couriers"):
            served = agency and not by_kafka and agency not in self._trial
            if standing or (served and who in ("hub-couriers", f"hub-couriers-{lane}")):
                may |= READ
            if name == "cpis-acknowledgement.v1" and who in ("hub-couriers", "hub-couriers-urgent"):
                may |= READ  # what became of the uploads to CP-IS, which are urgent
        elif who == "hub-canaries":
            emitted = event and stream.name in {watch.emits for watch in self._watches}
            may |= WRITE if event else set()
            may |= READ if agency or emitted or name == "disclosures.v1" else set()
        elif who == "hub-ops":
            may |= READ | {"configs"}
        elif who == "hub-operator":
            may |= READ | WRITE if event or name == "handled.v1" else set()
            may |= READ if name.startswith("quarantine.") else set()
        elif who == "hub-governance":
            may |= READ if event or name in ("disclosures.v1", "policies.v1", "reviews.v1") else set()
            may |= WRITE if name == "reviews.v1" else set()
        elif who == "hub-deploy":
            may |= SEE | {"configs", "configure", "part", "delete", "empty"}  # never read, never write
        return may

    def _group(self, who: str, name: str) -> set[str]:
        own = (
            (who in self._consumers and name.startswith(f"{who}."))
            or (who, name) == ("hub-watches", "hub-watches")
            or (who.startswith("hub-relay-") and name == who.removeprefix("hub-").replace("-", "."))
            or (who.startswith("hub-couriers") and self._courier(who, name))
        )
        if own:
            return MEMBER
        if name in ("hub-following", "hub-looking"):
            reads = (
                "hub-gateway", "hub-relay", "hub-couriers", "hub-canaries", "hub-ops", "hub-operator", "hub-governance",
            )  # fmt: skip
            return FOUND if who.startswith(reads) else {"list"} if who == "hub-deploy" else set()
        if name.startswith("relay.") and who in ("hub-gateway", "hub-watches", "hub-canaries"):
            return FOUND  # they wait until the relay has its place
        agencys = name.partition(".")[0] in self._consumers
        if who == "hub-ops" and (agencys or name.startswith(("relay.", "courier.", "hub-watches"))):
            return FOUND
        return {"list"} if who in ("hub-ops", "hub-deploy") else set()  # both may see the cluster

    def _courier(self, who: str, name: str) -> bool:
        _, _, rest = name.partition("courier.")
        agency, _, lane = rest.removesuffix(".acknowledgements").partition(".")
        hears = {stream.lane for stream in self._streams.values()} if not lane else {lane}
        mine = ("hub-couriers", *(f"hub-couriers-{one}" for one in hears))
        return bool(rest) and agency not in self._trial and who in mine

    def _transaction(self, who: str, name: str) -> set[str]:
        own = {
            "hub-gateway": ("hub-gateway.",),
            "hub-relay-urgent": ("hub-relay.urgent.", "hub-archive."),
            "hub-relay-routine": ("hub-relay.routine.", "hub-archive."),
            "hub-canaries": ("hub-canaries", "hub-canary-once"),
            "hub-operator": ("hub-quarantine.",),
            "hub-governance": ("hub-ledger.",),
        }.get(who, ())
        return {"find", "begin"} if name.startswith(own) and own else set()

    def _cluster(self, who: str, _: str) -> set[str]:
        writes = {"hub-gateway", "hub-watches", "hub-canaries", "hub-operator", "hub-governance"}
        may = {"write idempotently"} if who in writes or who.startswith("hub-relay-") else set()
        if who in ("hub-ops", "hub-deploy"):
            may |= LOOKS
        return may | MENDS if who == "hub-deploy" else may
