"""Intake's counts: how the senders of messages were answered, and how soon; what is answered is decided elsewhere."""

from __future__ import annotations

import time
from itertools import product

from hub import readiness
from hub.catalog import Catalog
from hub.errors import HubError
from hub.inbound import Line
from hub.metrics import families, folded
from hub.tally import Tally
from hub.transports import Answer, Receive


def expected(catalog: Catalog) -> None:
    """Tell every way to answer on every line as none from the start, so that the first one is seen as a rise."""
    for agency in catalog.agencies.values():
        for line, outcome in product(agency.says, ("accepted", "refused", "failed")):
            families.MESSAGES.of(agency=agency.key, line=line, outcome=outcome)


def answered(receive: Receive) -> Receive:
    """*receive*, with each answer counted, and the seconds that it took."""

    async def receiving(agency: str, line: str, data: bytes) -> Answer:
        began = time.perf_counter()
        outcome = "failed"
        try:
            answer = await receive(agency, line, data)
            outcome = "accepted" if answer.accepted else "refused"
            readiness.OWN.has("commit")
        except HubError:
            readiness.OWN.lacks("commit", "the last message could not be committed, and its sender was not answered")
            raise
        finally:
            families.MESSAGES.of(agency=agency, line=line, outcome=outcome).inc()
            families.ANSWER.of(agency=agency, line=line).observe(time.perf_counter() - began)
        return answer

    return receiving


def took_in(line: Line, tally: Tally) -> None:
    """Count what came of one message, and the codes of what was refused."""
    agency, answer = line.agency.key, tally.answer
    came = {"events": answer.events, "set_aside": answer.set_aside, "refused": answer.refused, "queried": tally.queried}
    for outcome, count in came.items():
        if count:
            families.ITEMS.of(agency=agency, line=line.name, outcome=outcome).inc(count)
    for code, count in tally.refusals.items():
        families.REFUSALS.of(agency=agency, line=line.name, code=folded("code", code)).inc(count)


def again(line: Line) -> None:
    """Count a message that was answered before."""
    families.ITEMS.of(agency=line.agency.key, line=line.name, outcome="again").inc()
