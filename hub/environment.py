"""Environment: what the hub's variables say here, which of them nobody reads, and the reference of them all."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, get_args

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from hub import endpoints as words
from hub.catalog import Catalog
from hub.endpoints import guard, read, unguarded
from hub.settings import PASSED_TO_KAFKA, Settings

OURS = "HUB_"
ELSEWHERE = frozenset({"HUB_LEASHED", "HUB_PROVE", "HUB_TEST_DATA", "HUB_TEST_KAFKA", "HUB_DEMO_STATE"})
"""What supervision, the tests and the demo say among themselves."""
_USERINFO = re.compile(r"(?<=://)(?:[^:/@\s]*:\S*|[^/@\s]*)@")  # rather too much than a part of a password
_KAFKA_SHOWN = frozenset({
    "SECURITY_PROTOCOL", "SASL_MECHANISM", "SASL_MECHANISMS", "SASL_USERNAME", "SSL_CA_LOCATION",
    "SSL_CERTIFICATE_LOCATION", "SSL_KEY_LOCATION", "SESSION_TIMEOUT_MS",
})  # fmt: skip
_KAFKA_SECRET = re.compile(r"PASSWORD|SECRET|_PEM$|OAUTHBEARER_CONFIG")
HIDDEN = "set, not shown"


class Setting(NamedTuple):
    """One setting: its *variable*, *default* and *sentence*, what it *takes*, and what is *said* here, if anything."""

    variable: str
    default: str
    takes: str
    sentence: str
    said: str = ""


def settings(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Every setting of the model, with what *environment* says of it as it may be shown."""
    for name, info in Settings.model_fields.items():
        variable = f"{OURS}{name.upper()}"
        default = "" if info.default is None else str(info.default)
        yield Setting(variable, default, _takes(info), info.description or "", shown(variable, environment))


def endpoints(environment: Mapping[str, str], catalog: Catalog) -> Iterator[Setting]:
    """Each variable that *environment* has of where an agency of *catalog* is reached, in their order there."""
    for variable, word in read(catalog.agencies.values()).items():
        if said := shown(variable, environment):
            yield Setting(variable, "", word.road or "any road", word.sentence, said)


def for_kafka(environment: Mapping[str, str]) -> Iterator[Setting]:
    """Each variable that is passed on to every Kafka client."""
    for variable in sorted(environment):
        if variable.startswith(PASSED_TO_KAFKA) and (said := shown(variable, environment)):
            key = variable.removeprefix(PASSED_TO_KAFKA).removesuffix("_FILE").lower().replace("_", ".")
            yield Setting(variable, "", "librdkafka", f"Passed on to every Kafka client as {key}.", said)


def shown(variable: str, environment: Mapping[str, str]) -> str:
    """What is said of *variable* as it may stand on a screen: without what may be secret in an address."""
    value = environment.get(variable, "")
    kafka = variable.removeprefix(PASSED_TO_KAFKA) if variable.startswith(PASSED_TO_KAFKA) else ""
    if value and kafka and kafka not in _KAFKA_SHOWN and not kafka.endswith("_FILE"):
        return HIDDEN
    return _USERINFO.sub("…@", value).partition("?")[0]


def faults(environment: Mapping[str, str], catalog: Catalog) -> Iterator[str]:
    """
    What is wrong with *environment*, a printable line each, by the names of variables and never by their values.

    A variable that nobody reads (a slip in its name would leave the default in force, in silence), and a secret that
    stands in the environment itself, where every child process and every dump of a container's settings has it.
    One in an address is told by `Settings.read`, which refuses it. And a line by MLLP that the gateway would not open,
    since whoever comes from another machine could speak on it.
    """
    known = {f"{OURS}{name.upper()}" for name in Settings.model_fields} | set(read(catalog.agencies.values()))
    for variable in sorted(environment):
        if not variable.startswith(OURS) or variable in known or variable in ELSEWHERE:
            continue
        if not variable.startswith(PASSED_TO_KAFKA):
            close = difflib.get_close_matches(variable, sorted(known), n=1, cutoff=0.8)
            mend = f"did you mean {close[0]}?" if close else "take it out, or see deploy/settings.md for what there is"
            yield f"{variable} is read by nobody → {mend}"
        elif _KAFKA_SECRET.search(variable) and not variable.endswith("_FILE") and environment[variable]:
            yield f"{variable} holds a secret → write it to a file, and name that in {variable}_FILE"
    yield from _open_to_anybody(environment, catalog)


def _open_to_anybody(environment: Mapping[str, str], catalog: Catalog) -> Iterator[str]:
    host = environment.get("HUB_LISTEN_HOST") or Settings.model_fields["listen_host"].default
    for agency in catalog.agencies.values():
        for line in (name for name, saying in agency.says.items() if saying.by == "mllp"):
            tls, client_ca = (words.variable(agency.key, line, word) for word in ("TLS", "TLS_CLIENT_CA"))
            if unguarded(host, environment.get(tls, ""), environment.get(client_ca, "")):
                yield f"HUB_LISTEN_HOST lets other machines reach {agency.key}/{line} → {guard(agency.key, line)}"


def _takes(info: FieldInfo) -> str:
    """What a setting takes: its words, its bounds, a path, or text."""
    if choices := [one for one in get_args(info.annotation) if isinstance(one, str)]:
        return " or ".join(f"`{one}`" for one in choices)
    lowest = next((str(one.ge) for one in info.metadata if isinstance(one, Ge)), "")
    highest = next((str(one.le) for one in info.metadata if isinstance(one, Le)), "")
    if lowest or highest:
        return f"{lowest} to {highest}"
    kinds = (info.annotation, *get_args(info.annotation))
    return next((kind.__name__.lower() for kind in kinds if kind in (bool, int, float)), None) or (
        "path" if any(getattr(kind, "__name__", "") == "Path" for kind in kinds) else "text"
    )
