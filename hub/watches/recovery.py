"""Recovery: Faust's tables brought back from their changelogs, and no event lost on the way from there to work."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery as FaustRecovery

from hub.watches.bounds import LOGGER, App, Consumer


class Recovery(FaustRecovery):
    """
    Faust's recovery, with the steps from changelog to work in the order that loses nothing.

    Faust lets the source partitions go, seeks, and then empties the agents' queues: what was handed out in between is
    gone from the queue and behind the position. Here they are let go last.
    """

    logger = LOGGER

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """From recovered tables to work."""
        app, consumer = cast("App", self.app), cast("Consumer", self.app.consumer)
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
        if app.consumer_generation_id != generation_id:
            return  # another rebalance has begun, and with it another recovery
        sources = {at for at in consumer.assignment() if not self._is_changelog_tp(at)}
        if sources:
            await self._wait(consumer.perform_seek(), timeout=app.conf.broker_request_timeout)
        self.completed.set()
        app.flow_control.resume()  # empties the queues
        consumer.resume_flow()
        consumer.resume_partitions(sources)
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()


class Tables(TableManager):
    """Faust's tables, with our recovery, and without the second they sleep before they start."""

    logger = LOGGER

    @property
    def recovery(self) -> Recovery:
        """The recovery of these tables."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast("Recovery", self._recovery)

    async def sleep(self, n: Any, **kwargs: Any) -> None:
        """Let others run, and no more; Faust's tables sleep nowhere else."""
        await asyncio.sleep(0)
