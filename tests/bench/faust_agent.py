"""The relay's work done by a Faust agent, in a process of its own, for the relay to be compared with."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import uuid
from datetime import UTC, datetime

import faust

from hub import catalog as catalogs
from hub.envelope import Record
from hub.keys import Keys
from hub.outbound import Desk

SECRET = b"a secret for tests, of 32 bytes."


async def agent(bootstrap: str, topic: str, count: int) -> float:
    """
    Decide, project and encode *count* events from the beginning of *topic*, awaiting each send; messages a second.

    With the settings that Faust's rooms of the hub have (kafka:// driver, concurrency 1, no web server). What it
    promises is less than the relay: a message is acknowledged when its sends are, but nothing is written in one
    transaction with that.
    """
    catalog = catalogs.load()
    stream = catalog.by_topic[topic]
    desk = Desk(catalog, stream, Keys(SECRET))
    app = faust.App(
        f"bench.faust.{uuid.uuid4().hex[:8]}", broker=f"kafka://{bootstrap}", store="memory://", web_enabled=False,
        key_serializer="raw", value_serializer="raw", consumer_auto_offset_reset="earliest",
        topic_allow_declare=False, topic_disable_leader=True, producer_acks=-1,
    )  # fmt: skip
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    targets = {route.topic: app.topic(route.topic, **raw) for route in desk.routes}
    done, times = asyncio.Event(), []

    @app.agent(app.topic(topic, **raw), concurrency=1)
    async def carry(messages):
        async for event in messages.events():
            times.append(time.perf_counter())
            message = event.message
            headers = message.headers.items() if isinstance(message.headers, dict) else message.headers
            carried = desk.carry(Record(topic, message.key, message.value, tuple(headers)), now=datetime.now(UTC))
            for record in carried.records:
                sent = await targets[record.topic].send(
                    key=record.key, value=record.value, headers=list(record.headers)
                )
                await sent
            if len(times) >= count:
                done.set()
                return

    await app.start()
    await done.wait()
    rate = count / (time.perf_counter() - times[0])
    await app.stop()
    return rate


def main(bootstrap: str, topic: str, count: str) -> None:
    """Print the rate as JSON on the last line."""
    logging.disable(logging.CRITICAL)
    rate = asyncio.run(asyncio.wait_for(agent(bootstrap, topic, int(count)), 600))
    print(json.dumps({"rate": rate}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
