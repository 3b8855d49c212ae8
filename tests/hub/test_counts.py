"""Counts: what gateway and relay add up, and what they leave out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hub import catalog as catalogs
from hub import intake_counts, metrics, readiness, relay_counts
from hub.disclosure import Outcome, Receipt
from hub.errors import TransportError
from hub.inbound import Refusal
from hub.labels import closed_sets
from hub.tally import Tally
from hub.transports import Answer

CATALOG = catalogs.load()


@pytest.fixture(autouse=True)
def counting() -> Iterator[None]:
    """Counted, and forgotten afterwards."""
    metrics.close(closed_sets(CATALOG))
    yield
    metrics.reset()
    readiness.OWN.reset()


def told(series: str) -> float | None:
    """What a series says, by its name and labels as Prometheus writes them."""
    lines = metrics.exposed().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), None)


def outcome(verdict: str, rule: str) -> Outcome:
    """How CHIS fared with demographics."""
    return Outcome("child_demographics", "chis", verdict, rule, "", "", "", "", "", "", ())


def receipt(of: Outcome, *, synthetic: bool = False) -> Receipt:
    """A receipt of nothing in particular."""
    return Receipt("event", of, (), "", "", "", synthetic)


def decisions(verdict: str, rule: str) -> float | None:
    """How many decisions are told."""
    labels = f'agency="chis",rule="{rule}",stream="child_demographics",verdict="{verdict}"'
    return told(f"hub_relay_decisions_total{{{labels}}}")


def test_decisions_are_counted_once_they_are_committed_and_canaries_are_not():
    released, sealed = outcome("released", ""), outcome("withheld", "sealed.adoption")
    receipts = [receipt(released), receipt(released), receipt(sealed), receipt(released, synthetic=True)]
    counts = relay_counts.counted(receipts, ["child_demographics"])
    assert decisions("released", "") is None
    relay_counts.committed("routine", 4, 0.2, counts)
    assert (decisions("released", ""), decisions("withheld", "sealed")) == (2, 1)
    assert told('hub_relay_events_total{lane="routine"}') == 4
    assert told('hub_relay_quarantined_total{stream="child_demographics"}') == 1


def test_which_order_sealed_a_child_is_not_told():
    """Who can look at a counter must not learn by it that a child was adopted."""
    counts = relay_counts.counted([receipt(outcome("withheld", "sealed.adoption"))], [])
    relay_counts.committed("routine", 1, 0.1, counts)
    assert b"adoption" not in metrics.exposed()


def test_what_the_second_check_keeps_back_is_counted_by_itself():
    relay_counts.in_force(CATALOG, "routine")
    series = 'hub_relay_second_check_refusals_total{agency="chis",stream="child_demographics"}'
    assert told(series) == 0
    counts = relay_counts.counted([receipt(outcome("withheld", relay_counts.SECOND_CHECK))], [])
    relay_counts.committed("routine", 1, 0.1, counts)
    assert told(series) == 1


def test_a_rule_that_nobody_foresaw_stops_no_relay():
    counts = relay_counts.counted([receipt(outcome("withheld", "something new"))], [])
    relay_counts.committed("routine", 1, 0.1, counts)
    assert decisions("withheld", "other") == 1


def test_a_relay_is_not_ready_from_a_transaction_given_up_to_the_next_one():
    relay_counts.given_up("urgent")
    assert list(readiness.OWN.missing()) == ["kafka"]
    relay_counts.committed("urgent", 1, 0.1, relay_counts.counted([], []))
    assert not readiness.OWN.missing()


def test_policies_in_force_are_those_that_decide_now():
    relay_counts.in_force(CATALOG, "urgent")
    version = CATALOG.policies["chis"].version
    assert told(f'hub_policy_in_force_info{{agency="chis",version="{version}"}}') == 1


@pytest.mark.parametrize(
    ("answer", "outcome"), [(Answer(events=1), "accepted"), (Answer(code="csv.ragged", refused=1), "refused")]
)
def test_an_answer_is_counted_with_its_seconds(answer: Answer, outcome: str):
    async def receive(*_: object) -> Answer:
        return answer

    assert asyncio.run(intake_counts.answered(receive)("schools", "attendance", b"")) == answer
    assert told(f'hub_gateway_messages_total{{agency="schools",line="attendance",outcome="{outcome}"}}') == 1
    assert told('hub_gateway_answer_seconds_count{agency="schools",line="attendance"}') == 1


def test_a_sender_who_got_no_answer_is_counted():
    async def receive(*_: object) -> Answer:
        raise TransportError("nobody commits")

    with pytest.raises(TransportError):
        asyncio.run(intake_counts.answered(receive)("schools", "attendance", b""))
    assert told('hub_gateway_messages_total{agency="schools",line="attendance",outcome="failed"}') == 1
    assert list(readiness.OWN.missing()) == ["commit"]


def test_a_code_is_counted_without_what_its_sender_wrote():
    line = CATALOG.line("schools", "attendance")
    refusals = [Refusal(-1, code, "", "", b"", readable=False) for code in ("csv.ragged", "csv.9990000018")]
    intake_counts.took_in(line, Tally(refusals))
    of = 'agency="schools",code="csv.{}",line="attendance"'
    assert told(f"hub_gateway_quarantined_total{{{of.format('ragged')}}}") == 1
    assert told(f"hub_gateway_quarantined_total{{{of.format('other')}}}") == 1
    assert b"9990000018" not in metrics.exposed()
