"""Raw: one request and its answer, by aiokafka, for what librdkafka has no words for or cannot be asked safely."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code

from hub.errors import TransportError
from hub.transports.kafka.clients import Extra
from hub.transports.kafka.security import security

SECONDS = 30.0


def sent(bootstrap: str, request: Any, extra: Extra | None = None) -> Any:
    """
    The answer to *request* of any broker; to be called outside an event loop.

    Raises `TransportError` where none answers, or by none of them we are known.
    """
    return asyncio.run(_sent(bootstrap, request, extra))


async def _sent(bootstrap: str, request: Any, extra: Extra | None) -> Any:
    client = AIOKafkaClient(bootstrap_servers=bootstrap, client_id="hub", **security(extra or {}))
    try:
        async with asyncio.timeout(SECONDS):
            await client.bootstrap()
            return await client.send(client.get_random_node(), request)
    except TimeoutError as error:
        raise TransportError(f"Kafka, asking a broker: no answer in {SECONDS:g} s; see that all brokers run") from error
    except KafkaError as error:
        raise TransportError(f"Kafka, asking a broker: {type(error).__name__}; see HUB_KAFKA_*") from error
    finally:
        await client.close()


def refused(code: int, doing: str) -> TransportError:
    """What a broker answered while *doing* something, by Kafka's name for it."""
    return TransportError(f"Kafka, {doing}: {for_code(code).__name__}")
