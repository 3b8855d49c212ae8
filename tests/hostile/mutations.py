"""Mutations: one input damaged as wires, programs, people and attackers do it; the same number, the same damage."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from itertools import islice, pairwise
from typing import Any

from .seeds import CANARIES, Seed

Mutation = Callable[[random.Random, bytes, Sequence[Seed]], bytes]

MOST = 150_000  # bytes of a mutated input, but for the few that are to be too long
TOKENS = (
    b"\x00", b"\x0b", b"\x1c\r", b"\x1b[2J", b"\r", b"\n", b"\r\n", b"\t", b"\x7f", b"\xff\xfe", b"\xef\xbb\xbf", b'"',
    b'""', b"'", b",", b";", b"|", b"^", b"~", b"\\", b"&", b"\\X00\\", b"\\X0D0A\\", b"\\.br\\", b"{", b"}",
    b"[", b"]",
    b"<", b">", b"</", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"<![CDATA[", b"<?xml version='1.0'?>", b"null",
    b"NaN", b"Infinity", b"-0", b"=1+1", b"\\u0000", b"\\ud800", b"%s%n", b"${jndi:x}", b"../../x", b"'; --",
    "\u202e".encode(), "\u2028".encode(), "\u0000".encode(), "\U0001f476\U0001f3fd".encode(), "e\u0301".encode(),
    "\u0661\u0662\u0663".encode(), "\ufeff".encode(), b"\xed\xa0\x80", b"\xc0\xaf", b"\xf8\x88\x80\x80\x80", *CANARIES,
)  # fmt: skip
NUMBERS = (
    b"0", b"-1", b"00", b"1.0", b"1e999", b"1e-999", b"-1e308", b"NaN", b"%d" % 2**31, b"%d" % 2**63,
    b"99999999999999999999999999", b"0x10", b"1_000", b" 7", b"+7", b"9" * 5_000, b"0000-00-00", b"9999-12-31",
    b"10000-01-01", b"00010101", b"99991231235959", b"20260230", b"20260329013000", b"\xd9\xa1\xd9\xa2",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**400, 1.5, 1e308, "", " ", "\x00", "\ud800", "\u202e", "9990000018",
    "9" * 5_000, "2026-02-30", "0001-01-01", "2026-09-15T09:30:00", "2026-09-15T09:30:00+99:00", "=1+1", [], {}, [[]],
    [None], {"": {}}, CANARIES[1].decode(), "true", "1", ["a"] * 3_000, {"id": "x"},
)  # fmt: skip
DELIMITERS = (b",;", b",\t", b"|^", b"^~", b"&\\", b"\r\n", b"\"'", b"{[", b"}]", b":,", b"<>", b"|,", b"/-")
NESTS = (
    (b"[", b"]"), (b'{"a":', b"}"), (b"<a>", b"</a>"), (b"(", b")"), (b'"', b'"'), (b"~", b""), (b"^", b""),
    (b"&", b""), (b"\\", b""), (b",", b""), (b"\n", b""), (b"MSH|^~\\&|\r", b""), (b"\x0b", b"\x1c\r"),
    (b'{"child":', b"}"),
)  # fmt: skip
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "cp1252", "iso-8859-1", "utf-7", "utf-8-sig", "cp037")


def mutated(seeds: Sequence[Seed], name: str, number: int) -> Seed:
    """The input of one *number*: one of *seeds* damaged one to four times; *name* is part of the dice."""
    dice = random.Random(f"{name} {number}")
    seed = dice.choice(seeds)
    data = seed.data
    if data.lstrip()[:1] in (b"{", b"[") and (other := random.Random(f"{number} {name}")).random() < 0.5:
        return Seed(reshape(other, data), seed.about)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
        data = dice.choices(WAYS, WEIGHTS)[0](dice, data, seeds)
        if len(data) > MOST and dice.random() > 0.02:
            data = data[:MOST]
    return Seed(data, seed.about)


def _place(dice: random.Random, data: bytes) -> int:
    return dice.randint(0, len(data))


def _span(dice: random.Random, data: bytes, most: int = 200) -> tuple[int, int]:
    start = _place(dice, data)
    return start, min(len(data), start + dice.randint(1, most))


def flip(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """A few bytes become others."""
    out = bytearray(data)
    for _n in range(dice.choice((1, 1, 2, 8)) if out else 0):
        out[dice.randrange(len(out))] = dice.randrange(256)
    return bytes(out)


def flip_bit(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """One bit turns."""
    out = bytearray(data)
    if out:
        out[dice.randrange(len(out))] ^= 1 << dice.randrange(8)
    return bytes(out)


def truncate(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """The end, or the beginning, is lost."""
    cut = _place(dice, data)
    return data[:cut] if dice.random() < 0.7 else data[cut:]


def delete(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """A span is lost."""
    start, end = _span(dice, data)
    return data[:start] + data[end:]


def duplicate(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """A span stands twice, or many times."""
    start, end = _span(dice, data)
    return data[:start] + data[start:end] * dice.choice((2, 2, 3, 50)) + data[end:]


def splice(dice: random.Random, data: bytes, seeds: Sequence[Seed]) -> bytes:
    """It begins as one and ends as another, or the other lies in its midst."""
    other = dice.choice(seeds).data
    if dice.random() < 0.5:
        return data[: _place(dice, data)] + other[_place(dice, other) :]
    start, end = _span(dice, other, 2_000)
    here = _place(dice, data)
    return data[:here] + other[start:end] + data[here:]


def insert(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """A token that means something to some parser."""
    here = _place(dice, data)
    return data[:here] + dice.choice(TOKENS) * dice.choice((1, 1, 1, 5)) + data[here:]


def huge(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """A token without end."""
    here = _place(dice, data)
    return (
        data[:here] + dice.choice((b"A", b"9", b"\xc3\xa9", b" ", *TOKENS)) * dice.choice((300, 25_000)) + data[here:]
    )


def nest(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """One thing within another, thousands deep."""
    opening, closing = dice.choice(NESTS)
    deep, here = dice.choice((30, 500, 10_000)), _place(dice, data)
    inner = data[here : here + dice.choice((0, 20))]
    return data[:here] + opening * deep + inner + closing * dice.choice((deep, deep, 0)) + data[here:]


def extreme(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """A number becomes one that no calendar, register or processor has."""
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return data
    one = dice.choice(found)
    return data[: one.start()] + dice.choice(NUMBERS) + data[one.end() :]


def encode(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """The same text in another encoding, whole or in part."""
    said = data.decode("utf-8", "replace")
    cut = 0 if dice.random() < 0.6 else _place(dice, said.encode()) % (len(said) + 1)
    return said[:cut].encode() + said[cut:].encode(dice.choice(ENCODINGS), "replace")


def swap_delimiters(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """Each of two signs stands for the other."""
    one = dice.choice(DELIMITERS)
    return data.translate(bytes.maketrans(one, one[::-1]))


def repeat_lines(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """A segment or a row comes again and again."""
    lines = re.split(rb"(?<=[\r\n])", data)
    here = dice.randrange(len(lines))
    often = dice.choice((1, 2, 20, 1_000))
    lines[here:here] = [lines[here]] * min(often, MOST // max(1, len(lines[here])) + 1)
    return b"".join(lines)


def shuffle_lines(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """Segments, rows or elements in another order."""
    lines = re.split(rb"(?<=[\r\n>])", data)
    dice.shuffle(lines)
    return b"".join(lines)


def change_cell(dice: random.Random, data: bytes, seeds: Sequence[Seed]) -> bytes:
    """What stands between two delimiters becomes something that stands elsewhere, or nothing."""
    places = [match.start() for match in re.finditer(rb"[,|^\r\n\"<>]", data)]
    if len(places) < 2:
        return insert(dice, data, seeds)
    start, end = dice.choice(list(pairwise(places)))
    other = dice.choice(list(pairwise(places)))
    value = dice.choice((b"", b'""', b" ", data[other[0] + 1 : other[1]], dice.choice(TOKENS), dice.choice(NUMBERS)))
    return data[: start + 1] + value + data[end:]


def reshape(dice: random.Random, data: bytes) -> bytes:
    """JSON that stays JSON, of which a few values, members or elements are others: what understands it is tried."""
    try:
        tree = json.loads(data)
    except ValueError:
        return data
    for _ in range(dice.choice((1, 1, 2, 4))):
        places = [(above, key) for above in _within(tree) for key in _keys(above)]
        if not places:
            break
        above, key = dice.choice(places)
        way = dice.randrange(5)
        if way == 0:
            del above[key]
        elif way == 1:
            above[key] = deepcopy(dice.choice(VALUES))
        elif way == 2:
            other, its = dice.choice(places)
            above[key] = deepcopy(other[its]) if its in _keys(other) else None
        elif way == 3:
            above[key] = [above[key]] * dice.choice((0, 1, 3, 2_000))
        elif isinstance(above, dict):
            above[dice.choice((*above, "child", "id", CANARIES[0].decode(), ""))] = deepcopy(above[key])
    written = json.JSONEncoder(ensure_ascii=dice.random() < 0.5).iterencode(tree)
    return "".join(islice(written, MOST // 4)).encode("utf-8", "surrogatepass")[:MOST]  # never the whole of a huge one


def _within(tree: Any) -> Iterator[Any]:
    """Every object and array of a document, breadth first, a few thousand at the most."""
    found = [tree]
    for one in found:
        if isinstance(one, dict | list) and len(found) < 5_000:
            yield one
            found += one.values() if isinstance(one, dict) else one


def _keys(one: Any) -> list[Any]:
    return list(one) if isinstance(one, dict) else list(range(min(len(one), 50)))


def unlike(dice: random.Random, data: bytes, _: Sequence[Seed]) -> bytes:
    """Nothing at all, noise, or much of the same."""
    noise = dice.choice((b"", b"\x00", b"\r\n", dice.randbytes(dice.choice((1, 40, 3_000))), data * 3))
    return noise if dice.random() < 0.5 else data + noise


WEIGHTED: dict[Mutation, int] = {
    flip: 10, flip_bit: 8, truncate: 8, delete: 8, duplicate: 6, splice: 8, insert: 12, huge: 3, nest: 4, extreme: 10,
    encode: 4, swap_delimiters: 4, repeat_lines: 4, shuffle_lines: 3, change_cell: 14, unlike: 2,
}  # fmt: skip
WAYS, WEIGHTS = tuple(WEIGHTED), tuple(WEIGHTED.values())
