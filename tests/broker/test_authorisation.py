"""Authorisation: whatever anybody tries on a secured cluster, only what the allow-list holds passes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub.catalog import Catalog
from hub.errors import TransportError
from hub.local_kafka import LocalKafka
from hub.transports.kafka import cluster
from tests.broker import authorisation
from tests.broker.authorisation import by_certificate, by_password

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def provided(secured_kafka: LocalKafka, catalog: Catalog) -> LocalKafka:
    """The same, as the catalog derives it."""
    authorisation.provide(secured_kafka, catalog)
    return secured_kafka


def test_only_the_allow_list_passes(provided: LocalKafka, catalog: Catalog) -> None:
    """Every principal, on every topic, group, transactional id, and as an administrator; by password."""
    result = authorisation.tried(provided, catalog, "password", delete=False)

    wrong = authorisation.judged(catalog, result)
    assert not wrong, "\n".join(authorisation.matrix(result, wrong))
    assert sum(map(len, result.codes.values())) > 5000


@pytest.mark.skipif(not os.environ.get("HUB_PROVE"), reason="HUB_PROVE: three brokers, by password and by certificate")
def test_only_the_allow_list_passes_on_three_brokers(tmp_path: Path) -> None:
    """Also by certificate, with somebody whom no ACL names, and with topics that are deleted in earnest."""
    assert authorisation.main(3) == 0


def test_who_cannot_show_who_they_are_is_not_let_in(provided: LocalKafka) -> None:
    """With no password, another's, or none of our certificates."""
    status, known = provided.status(), by_password(provided, "mash_health")
    strangers = (
        {},
        {"security.protocol": "SSL", "ssl.ca.location": known["ssl.ca.location"]},
        {**known, "sasl.password": "another"},
        {**known, "sasl.username": "hub-admin"},
    )
    for shown in strangers:
        with pytest.raises(TransportError):
            cluster(status.bootstrap, shown, timeout=2.0)
    with pytest.raises(TransportError):
        cluster(status.mutual, {"security.protocol": "SSL", "ssl.ca.location": known["ssl.ca.location"]}, timeout=2.0)

    assert cluster(status.bootstrap, known).brokers == 1
    assert cluster(status.mutual, by_certificate(provided, "mash_health")).brokers == 1


def test_what_passed_and_should_not_is_told(provided: LocalKafka, catalog: Catalog) -> None:
    """The judge sees a right too many, and one too few."""
    result = authorisation.tried(provided, catalog, "password", delete=False)
    codes = dict(result.codes["mash_health"])
    taken = next(cell for cell, code in codes.items() if cell.verb == "read" and code == 0)
    given = next(cell for cell, code in codes.items() if cell.verb == "read" and code == 29)
    codes |= {taken: 29, given: 0}

    wrong = authorisation.judged(catalog, result._replace(codes={"mash_health": codes}))

    assert {(one.cell, one.may) for one in wrong} == {(taken, True), (given, False)}
