"""The settings' reference: an example of the environment's file and a page, both derived and never written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from hub import environment
from hub.catalog import Catalog
from hub.endpoints import WORDS, Of, Place, places

_OF: dict[Of, str] = {
    "line": "`<LINE>`, that it says",
    "stream": "`<STREAM>`, that it hears",
    "agency": "its road, for all that goes by it",
    "caller": "its road, for all its calls",
}


def example() -> str:
    """Every setting with its sentence, as an environment file with its default."""
    lines = ["# Derived by `hub sync` from hub/settings.py. Every line may be left out.", ""]
    for one in environment.settings({}):
        lines += [f"# {one.sentence}", f"#{one.variable}={one.default}", ""]
    lines += [
        "# Passed on to every Kafka client, names as librdkafka's with _ for the dot; …_FILE names a file to read.",
        "#HUB_KAFKA_SECURITY_PROTOCOL=SASL_SSL",
        "#HUB_KAFKA_SASL_PASSWORD_FILE=/run/secrets/kafka",
        "",
        "# Where an agency is reached: HUB_<AGENCY>_<LINE, STREAM OR ROAD>_<WHAT>; settings.md lists each of them.",
        "#HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_DOOR=mllp",
        "",
    ]
    return "\n".join(lines)


def page(catalog: Catalog) -> str:
    """The reference: the settings, what Kafka's clients are given, and every variable of where a partner is."""
    return "\n".join([*_settings(), *_kafka(), *_words(), *_agencies(catalog), ""])


def _settings() -> Iterator[str]:
    yield from (
        "# Settings",
        "",
        "Derived by `hub sync` from `hub/settings.py` and `hub/endpoints.py`. The hub runs without any of them.",
        "`hub settings` shows what is said where it is run, without secrets, and names what nobody reads.",
        "",
        "| variable | default | takes | for |",
        "|---|---|---|---|",
    )
    for one in environment.settings({}):
        default = f"`{one.default}`" if one.default else ""
        yield f"| `{one.variable}` | {default} | {one.takes} | {_cell(one.sentence)} |"


def _kafka() -> Iterator[str]:
    yield from (
        "",
        "## Passed on to Kafka's clients",
        "",
        "`HUB_KAFKA_<NAME>` goes to every client of Kafka, named as librdkafka names it with `_` for the dot. What",
        "ends in `_FILE` names a file whose content is the value, so that no secret stands in an environment.",
        "",
        "```",
        "HUB_KAFKA_SECURITY_PROTOCOL=SASL_SSL",
        "HUB_KAFKA_SASL_MECHANISM=SCRAM-SHA-512",
        "HUB_KAFKA_SASL_USERNAME=relay",
        "HUB_KAFKA_SASL_PASSWORD_FILE=/run/secrets/relay.password",
        "HUB_KAFKA_SSL_CA_LOCATION=/run/secrets/kafka-ca.pem",
        "```",
    )


def _words() -> Iterator[str]:
    yield from (
        "",
        "## Where partners are",
        "",
        "`HUB_<AGENCY>_<NAME>_<WHAT>`; NAME is a line or stream of the agency, or a road instead. What is missing",
        "and needed keeps a process from starting, by the variable's name; a line fetched from SFTP or MESH of which",
        "nothing is said is left out, with a warning. Secrets, keys and certificates are named by file.",
        "",
        "| what | by | NAME | needed | for |",
        "|---|---|---|---|---|",
    )
    for word in WORDS:
        names = " or ".join(_OF[of] for of in word.of)
        needed = "yes" if word.must else ""
        yield f"| `{word.name}` | {word.road or 'any road'} | {names} | {needed} | {_cell(word.sentence)} |"


def _agencies(catalog: Catalog) -> Iterator[str]:
    yield from (
        "",
        "## Of the agencies that are here",
        "",
        "Every variable that is read, in bold what its road cannot do without; `kafka`, `files` need none. SFTP takes",
        "each of its words from the line or stream, else from the agency's.",
    )
    for agency in catalog.agencies.values():
        rows = [
            f"| {place.name} | {place.of} | {', '.join(place.roads)} | {', '.join(said)} |"
            for place in places([agency])
            if (said := _said_of(place))
        ]
        if rows:
            yield from ("", f"### `HUB_{agency.key.upper()}_…`", "", "| name | is a | by | what |", "|---|---|---|---|")
            yield from rows


def _said_of(place: Place) -> list[str]:
    """The words of one place, each once; of one road there is no door to choose."""
    found: dict[str, bool] = {}
    for word in place.words():
        if word.name != "DOOR" or len(place.roads) > 1:
            found[word.name] = found.get(word.name, False) or word.must
    return [f"**{name}**" if must else name for name, must in found.items()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
