"""Content: the bytes of one message in a mailbox, put together and inflated, never to more than was agreed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from mesh_client import MeshClient

from hub.errors import Unreadable

MOST_CHUNKS = 1000
_BLOCK = 64 * 1024  # bytes
_GZIP = b"\x1f\x8b"


def content(client: MeshClient, message_id: str, first: Any, most: int) -> bytes:
    """
    The whole of a message of which *first* is the open response with its first chunk; *most* is in bytes, inflated.

    Raises `Unreadable` where it is more, or where it cannot be inflated; the client's errors where a chunk is missing.
    """
    data = bytearray()
    for block in _chunks(client, message_id, first, most):
        data += block
        if len(data) > most:
            raise _too_large(most)
    # Transparent compression is gone by now. What still is gzip was compressed by the sender, who says so.
    if first.headers.get("Mex-Content-Compressed", "").upper() in ("Y", "TRUE") and data.startswith(_GZIP):
        blocks, data = [bytes(data)], bytearray()
        for block in inflate(blocks, most):
            data += block
            if len(data) > most:
                raise _too_large(most)
    return bytes(data)


def _chunks(client: MeshClient, message_id: str, first: Any, most: int) -> Iterator[bytes]:
    for number in range(1, chunks_of(first.headers) + 1):
        response = first if number == 1 else client.retrieve_message_chunk(message_id, number)
        blocks: Iterator[bytes] = iter(partial(response.raw.read, _BLOCK), b"")
        try:
            yield from inflate(blocks, most) if response.headers.get("Content-Encoding") == "gzip" else blocks
        finally:
            response.close()


def chunks_of(headers: Mapping[str, str]) -> int:
    """How many chunks a message has, by its Mex-Chunk-Range (`1:3`); raises `Unreadable` where that is not sound."""
    _, _, said = headers.get("Mex-Chunk-Range", "1:1").partition(":")
    if not (said.isascii() and said.isdigit() and len(said) < 6 and int(said) <= MOST_CHUNKS):
        raise Unreadable("mesh.chunks", "Mex-Chunk-Range", f"send at most {MOST_CHUNKS} chunks")
    return int(said)


def inflate(blocks: Iterator[bytes] | list[bytes], most: int) -> Iterator[bytes]:
    """
    What gzip packed, piece by piece: never a piece larger than *most* and one more, whatever a block unfolds to.

    Raises `Unreadable` where it is not gzip, or ends before its end.
    """
    packed = zlib.decompressobj(31)
    for block in blocks:
        rest = block
        while rest:
            if packed.eof:  # one more member: gzip files may be strung together
                packed = zlib.decompressobj(31)
            try:
                piece = packed.decompress(rest, min(most + 1, _BLOCK * 16))
            except zlib.error:
                raise Unreadable("mesh.gzip", "", "send it uncompressed, or compressed whole") from None
            if piece:
                yield piece
            rest = packed.unused_data if packed.eof else packed.unconsumed_tail
            if not piece and not rest:
                break
    if not packed.eof:
        raise Unreadable("mesh.gzip", "", "send it uncompressed, or compressed whole")


def _too_large(most: int) -> Unreadable:
    return Unreadable("mesh.too-large", "", f"send at most {most // 1_000_000} MB in one message")
