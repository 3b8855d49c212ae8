"""
The matrix: every principal tries everything on every topic, group, transactional id and on the cluster itself.

    python -m tests.broker.authorisation [NODES]

Three brokers with ACLs unless NODES is 1. Printed is what passed, by resource and principal; what passed and is not on
the allow-list, or the other way round, is marked and ends it with exit code 1.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hub import catalog as catalogs
from hub.catalog import Catalog
from hub.credentials import Passwords
from hub.local_kafka import LocalKafka
from hub.principals import principals
from hub.provision import Plan
from hub.settings import Settings
from tests.broker.allowed import Allowed
from tests.broker.attempts import DENIED, GROUP, SOUND, Cell, attempt, survey

NOBODY = "virtual_school"
"""Somebody whom the cluster knows, and whom no ACL names: an agency that is sent files."""
DEPLOY = "hub-deploy"
LETTERS = {
    "describe": "d", "offsets": "o", "read": "r", "write": "w", "configs": "c", "configure": "C", "part": "P",
    "empty": "E", "delete": "X", "find": "f", "places": "p", "join": "j", "commit": "k", "list": "l", "begin": "b",
}  # fmt: skip


class Tried(NamedTuple):
    """What one way of showing who one is came to: each principal's cells, with what the broker said."""

    by: str
    codes: Mapping[str, Mapping[Cell, int]]
    seconds: float


class Wrong(NamedTuple):
    """A cell in which the broker and the allow-list disagree, or the broker said neither yes nor no."""

    who: str
    cell: Cell
    code: int
    may: bool


def provide(local: LocalKafka, catalog: Catalog) -> None:
    """Have everything as *catalog* derives it, and a certificate for everybody, and for somebody whom no ACL names."""
    status = local.status()
    Plan(catalog, administrator(local), status.bootstrap).apply(Passwords(local.security.credentials))
    for name in (NOBODY, *(one.name for one in principals(catalog))):
        local.security.issue(name)


def administrator(local: LocalKafka) -> Settings:
    """Settings of the first administrator."""

    class Given(Settings):
        def kafka(self) -> Mapping[str, str]:
            return local.security.administrator()

    return Given(state=local.folder.parent, replication=local.status().nodes)


def by_password(local: LocalKafka, name: str) -> dict[str, str]:
    """What a client shows: the password of *name*."""
    password = (local.security.credentials / f"{name}.password").read_text(encoding="ascii")
    return {**local.security.administrator(), "sasl.username": name, "sasl.password": password}


def by_certificate(local: LocalKafka, name: str) -> dict[str, str]:
    """What a client shows: the certificate of *name*."""
    own = local.security.credentials / name
    return {
        "security.protocol": "SSL",
        "ssl.ca.location": str(local.security.ca),
        "ssl.certificate.location": f"{own}.pem",
        "ssl.key.location": f"{own}.key",
    }


def tried(local: LocalKafka, catalog: Catalog, by: str, *, delete: bool) -> Tried:
    """Everything, by everybody; hub-deploy, which may delete, comes last, and deletes where *delete* says so."""
    began = time.monotonic()
    consumers = [one.name for one in principals(catalog) if one.kind == "agency"]
    groups = [
        *("relay.urgent", "relay.routine", "hub-watches", "hub-following", "hub-looking", "console-consumer-1"),
        *sorted({acl.name for one in principals(catalog) for acl in one.acls if acl.resource == "group"
                 and acl.name.startswith("courier.") and not acl.prefixed}),
        *(f"{name}.reader" for name in (*consumers, NOBODY)),
    ]  # fmt: skip
    ids = [
        *("hub-gateway.0", "hub-relay.urgent.0", "hub-relay.routine.0", "hub-archive.x", "hub-ledger.x"),
        *("hub-quarantine.0", "hub-canaries", "hub-canary-once", "somebody.0"),
    ]
    status = local.status()
    bootstrap = status.bootstrap if by == "password" else status.mutual
    shown = by_password if by == "password" else by_certificate

    async def everything() -> dict[str, dict[Cell, int]]:
        ground = await survey(status.bootstrap, local.security.administrator(), groups, ids)
        here = ground if by == "password" else type(ground)(bootstrap, ground.leaders, ground.groups, ground.ids)
        found = {}
        names = sorted({one.name for one in principals(catalog)} - {DEPLOY})
        for name in (*names, *([NOBODY] if by == "certificate" else ()), DEPLOY):
            found[name] = await attempt(here, shown(local, name), name, delete=delete or name != DEPLOY)
        return found

    return Tried(by, asyncio.run(everything()), time.monotonic() - began)


def judged(catalog: Catalog, result: Tried) -> list[Wrong]:
    """Where the broker and the allow-list disagree."""
    allowed = Allowed(catalog)
    everything = {cell for codes in result.codes.values() for cell in codes}
    wrong = []
    for who, codes in result.codes.items():
        for cell in sorted(everything):
            listed = (cell.kind, cell.verb) == (GROUP, "list")
            code = codes.get(cell, 30 if listed else None)
            if code is None:
                continue
            may = allowed.may(who, cell)
            if (code not in SOUND and code not in DENIED) or (code not in DENIED) != may:
                wrong.append(Wrong(who, cell, code, may))
    return wrong


def matrix(result: Tried, wrong: Sequence[Wrong]) -> Iterable[str]:
    """A row for each resource, or for several that fare alike, a column for each principal; a letter for each verb."""
    names = list(result.codes)
    yield f"by {result.by}: " + ", ".join(f"{letter} {verb}" for verb, letter in LETTERS.items())
    yield ""
    for number, name in enumerate(names):
        yield f"{'':>44}{'   │ ' * number}   ┌ {name}"
    bad = {(one.who, one.cell) for one in wrong}
    rows: dict[tuple[str, ...], list[str]] = {}
    kinds: dict[tuple[str, ...], str] = {}
    for kind, of in dict.fromkeys((cell.kind, cell.name) for codes in result.codes.values() for cell in codes):
        cells = []
        for who in names:
            passed = [
                LETTERS.get(cell.verb, cell.verb) + ("!" if (who, cell) in bad else "")
                for cell, code in result.codes[who].items()
                if (cell.kind, cell.name) == (kind, of) and (code not in DENIED or (who, cell) in bad)
            ]
            cells.append("".join(passed) if kind != "cluster" else str(len(passed)))
        rows.setdefault((kind, *cells), []).append(of)
        kinds[kind, *cells] = kind
    for (kind, *cells), some in rows.items():
        label = some[0] if len(some) == 1 else f"{some[0]} +{len(some) - 1}"
        yield f"{kind[:5]:>6} {label[:36]:<36} " + " ".join(f"{cell or '·':>4}" for cell in cells)
    for who in names:
        verbs = [cell.verb for cell, code in result.codes[who].items() if cell.kind == "cluster" and code not in DENIED]
        if verbs:
            yield f"  cluster, {who}: {', '.join(verbs)}"


def summary(result: Tried, wrong: Sequence[Wrong]) -> str:
    """The figures, in a line."""
    attempts = sum(map(len, result.codes.values()))
    passed = sum(code not in DENIED for codes in result.codes.values() for code in codes.values())
    return (
        f"by {result.by}: {len(result.codes)} principals, {attempts} attempts, {passed} passed, {attempts - passed} "
        f"denied, {len(wrong)} otherwise than the allow-list says, in {result.seconds:.0f} s"
    )


def main(nodes: int) -> int:
    """The campaign; its exit code."""
    catalog, faults = catalogs.load(), 0
    with tempfile.TemporaryDirectory() as folder:
        local = LocalKafka(Path(folder))
        try:
            local.up(nodes, secure=True, quick=True)
            provide(local, catalog)
            for by in ("certificate", "password"):
                result = tried(local, catalog, by, delete=by == "password")
                wrong = judged(catalog, result)
                faults += len(wrong)
                print(*matrix(result, wrong), "", summary(result, wrong), sep="\n")
                for one in wrong:
                    print(f"  {one.who} {' '.join(one.cell)}: code {one.code}, {'may' if one.may else 'may not'}")
        finally:
            local.down()
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
