"""Metrics: what may be counted under which labels, and what a process says of itself on its loopback port."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import catalog as catalogs
from hub import codes, health, metrics, readiness, supervise
from hub.labels import PROCESSES, closed_sets
from hub.metrics import families
from hub.settings import Settings

CATALOG = catalogs.load()


@pytest.fixture(autouse=True)
def counting() -> Iterator[None]:
    """The catalog's own closed sets, and nothing counted afterwards."""
    metrics.close(closed_sets(CATALOG))
    yield
    metrics.reset()
    readiness.OWN.reset()


def asked(port: int, path: str) -> tuple[int, str]:
    """Status and body of one request."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_label_value_outside_its_closed_set_is_a_mistake_in_the_code():
    with pytest.raises(TypeError, match="closed set"):
        families.MESSAGES.of(agency="9990000018", line="adt", outcome="accepted")
    assert b"9990000018" not in metrics.exposed()


def test_a_label_that_the_family_does_not_have_is_a_mistake_in_the_code():
    with pytest.raises(TypeError, match="has the labels"):
        families.EVENTS.of(lane="urgent", agency="schools")


def test_a_process_that_counts_nothing_refuses_nothing_and_tells_nothing():
    metrics.reset()
    families.EVENTS.of(lane="urgent").inc()
    assert b"hub_relay_events" not in metrics.exposed()


def test_what_a_process_never_counts_is_not_told_as_none():
    families.EVENTS.of(lane="urgent").inc()
    assert b"hub_relay_events_total" in metrics.exposed()
    assert b"hub_canary" not in metrics.exposed()


def test_nothing_is_told_of_the_interpreter_and_of_the_process_only_what_prometheus_itself_names():
    names = {line.split("{")[0].split(" ")[0] for line in metrics.exposed().decode().splitlines() if line[0] != "#"}
    assert names
    assert {name for name in names if not name.startswith("process_")} == set()


@pytest.mark.parametrize("name", metrics.FAMILIES)
def test_a_name_follows_prometheus_conventions(name: str):
    """Base units, `_total` for counters and for nothing else, and what it means as a sentence."""
    family = metrics.FAMILIES[name]
    assert re.fullmatch(r"hub(_[a-z]+)+", name)
    assert name.endswith("_total") == (family.kind.__name__ == "Counter")
    assert not re.search(r"milli|micro|minutes|hours|percent|_ms\b|kilo", name)
    if family.kind.__name__ == "Histogram":
        assert name.endswith("_seconds")
    assert family.means[0].isupper()
    assert family.means.endswith(".")


def test_every_label_has_a_closed_set():
    sets = closed_sets(CATALOG)
    assert {label for family in metrics.FAMILIES.values() for label in family.labels} <= sets.keys()
    assert all(sets.values())


@given(st.text())
def test_for_all_codes_what_is_counted_is_of_the_closed_set(code: str):
    assert metrics.folded("code", code) in metrics.closed("code")


def test_a_code_that_the_source_writes_out_is_counted_as_itself():
    assert {"csv.column-missing", "id.used-before", "file.not-needed", "invalid.string-type"} <= codes.known()
    assert metrics.folded("code", "csv.column-missing") == "csv.column-missing"


def test_a_code_with_a_word_of_the_sender_in_it_is_counted_without_the_word():
    assert metrics.folded("code", "hl7.jones") == "hl7.other"
    assert metrics.folded("code", "jones") == "other"


def test_a_series_that_is_no_longer_so_is_forgotten():
    version = next(iter(CATALOG.policies.values())).version
    families.POLICY.of(agency="schools", version=version).set(1)
    families.POLICY.forget(agency="schools")
    assert b'hub_policy_in_force_info{agency="schools"' not in metrics.exposed()


def test_a_process_answers_metrics_and_says_in_words_what_it_lacks(tmp_path):
    settings = Settings(state=tmp_path)
    with closing(health.serve(settings, "relay.urgent", CATALOG)) as serving:
        status, said = asked(serving.port, "/readyz")
        assert (status, said.splitlines()[0]) == (503, "not ready")
        assert re.search(r"^start: it is starting \(for \d+ s\)$", said, re.MULTILINE)
        assert 'hub_ready{process="relay.urgent"} 0.0' in asked(serving.port, "/metrics")[1]
        supervise.announce(settings, "relay.urgent")
        assert asked(serving.port, "/readyz") == (200, "ready\n")
        assert 'hub_ready{process="relay.urgent"} 1.0' in asked(serving.port, "/metrics")[1]
        readiness.OWN.lacks("kafka", "nobody answers")
        assert "kafka: nobody answers (for " in asked(serving.port, "/readyz")[1]


def test_its_port_stands_in_what_it_announces(tmp_path):
    settings = Settings(state=tmp_path)
    with closing(health.serve(settings, "gateway", CATALOG)) as serving:
        supervise.announce(settings, "gateway", ports={"https": 8443})
        said = supervise.announced(settings, "gateway")
    assert said is not None
    assert (said["health"], said["ports"]) == (serving.port, {"https": 8443})


def test_a_loop_that_stands_still_is_not_alive():
    now = [0.0]
    own = readiness.Readiness(lambda: now[0])
    assert own.hangs() == ""
    own.beat()
    now[0] = readiness.HANGS_SECONDS + 1
    assert own.hangs() == "the loop has not turned for 121 s"


def test_a_process_that_never_beat_is_alive(tmp_path):
    with closing(health.serve(Settings(state=tmp_path), "canaries", CATALOG)) as serving:
        assert asked(serving.port, "/livez") == (200, "alive\n")


def test_what_else_is_asked_for_is_not_there_and_not_repeated(tmp_path):
    with closing(health.serve(Settings(state=tmp_path), "gateway", CATALOG)) as serving:
        status, said = asked(serving.port, "/9990000018")
    assert status == 404
    assert "9990000018" not in said


def test_it_listens_on_loopback_unless_a_setting_says_otherwise():
    assert Settings().health_host == "127.0.0.1"


def test_processes_on_one_machine_have_ports_one_after_the_other():
    settings = Settings(health_port=9470)
    assert [health.port_of(settings, name) for name in PROCESSES] == [9470 + at for at in range(len(PROCESSES))]
    assert {health.port_of(Settings(), name) for name in PROCESSES} == {0}


def test_a_port_that_is_taken_is_told_with_what_to_do():
    with closing(health.Health("127.0.0.1", 0)) as taken, pytest.raises(Exception, match="HUB_HEALTH_PORT"):
        health.Health("127.0.0.1", taken.port)
