"""Onlookers: they look at a group's lag while brokers come and go, and hold each look against what is so."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, Message, Producer

from hub.transports.kafka import Meter
from tests.broker.lag_reported import looked
from tests.broker.lag_scenarios import Stage, Truth, readable, waits
from tests.flow.partners import until

ASK_SECONDS = 3.0  # how long one question may take; what is not answered by then is not known
PATIENCE = 90.0


class Onlookers:
    """
    Two who look at one stage: with connections and counts from before, as `hub ops`, and anew each time, as `hub lag`.

    Counted is how often they *looked*, and how often it was *unknown*.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lasting = Meter(stage.bootstrap, timeout=ASK_SECONDS)
        stage.after.callback(self._lasting.close)
        self.looked = self.unknown = 0

    def until_known(self, truth: Truth) -> float:
        """Look until both tell the whole truth, and return for how many seconds; fails where either tells another."""
        began = time.monotonic()
        while not self.know(truth):
            assert time.monotonic() - began < PATIENCE, "it does not become known again"
        return time.monotonic() - began

    def know(self, truth: Truth) -> bool:
        """Whether both tell the whole truth now; fails where either tells another."""
        lasting = self._judged(looked(self._lasting, self._stage), truth)
        return self._anew(truth) and lasting

    def _anew(self, truth: Truth) -> bool:
        meter = Meter(self._stage.bootstrap, timeout=ASK_SECONDS)
        try:
            self._judged(looked(meter, self._stage), truth)
            return self._judged(looked(meter, self._stage), truth)  # since when something is held is known by then
        finally:
            meter.close()

    def _judged(self, said: Truth | str, truth: Truth) -> bool:
        self.looked += 1
        if isinstance(said, str):
            self.unknown += 1
            return False
        assert (said.lag, said.oldest) == (truth.lag, truth.oldest)
        assert (said.missed, said.held) == (truth.missed, truth.held)
        assert said.held_since in (truth.held_since, None)
        # Who takes over a group waits for its members no longer than they said; then Kafka has none until they are back
        assert said.members in (truth.members, None, 0)
        return said == truth


class Play:
    """
    A group that is behind and whose member stays, and what happens on its topic; *truth* is what is so.

    What waits lies around the marker of an aborted transaction and before an open one: a count that was guessed from
    offsets would be another number.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        first = stage.say(4)
        self._consumer: Consumer = stage.member()
        stage.read(self._consumer, 2)
        self._passed = 2
        stage.transaction(4)[0].abort_transaction()
        self._waiting = [*first[2:], *stage.say(2)]
        self._open: Producer
        self._open, self._held = stage.transaction(3)
        self.truth = waits(*self._waiting, held=3, held_since=self._held[0].time, members=1)

    def go_on(self) -> None:
        """The member reads one more, the transaction is committed, and a record comes."""
        message = until(lambda: self._consumer.poll(0.2), "a record for the member", PATIENCE)
        assert message is not None
        assert message.error() is None, message.error()
        until(lambda: self._committed(message), "a commit by the member", PATIENCE)
        self._open.commit_transaction(PATIENCE)
        self._waiting = [*self._waiting[1:], *self._held, *self._stage.say(1)]
        every = self._passed + len(self._waiting) + 1
        # That it is committed is answered before every partition has heard of it: until then it is held.
        until(lambda: readable(self._stage) == every, "what was committed", PATIENCE)
        self.truth = waits(*self._waiting, members=1)

    def _committed(self, message: Message) -> bool:
        try:
            self._consumer.commit(message=message, asynchronous=False)
        except KafkaException:
            return False  # its coordinator has gone, and it has not heard of the next one yet
        return True
