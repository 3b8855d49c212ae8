"""Visible: bytes as they leave, laid out for a person, with every sign that a screen would swallow or obey shown."""

from __future__ import annotations

import json
import re
import unicodedata

from hub.catalog import Catalog
from hub.once import Delivered

_ENDS = re.compile(r"\r\n|\r|\n")


def laid_out(catalog: Catalog, one: Delivered) -> str:
    """
    A delivery as text: Avro as the JSON of its values, JSON indented, all else as it is with line ends shown.

    What is laid out differs from what leaves in nothing but white space and the signs `␍ ␊ ␉`, and, for Avro, in form.
    """
    if one.door.format == "avro":
        values = catalog.lock.codec(one.body).decode(one.body)
        return shown(json.dumps(values, indent=1, ensure_ascii=False, default=str), ends=False)
    text = one.body.decode("utf-8", "replace")
    if one.door.format in ("json", "fhir"):
        return shown(json.dumps(json.loads(text), indent=1, ensure_ascii=False), ends=False)
    return shown(text, ends=True)


def shown(text: str, *, ends: bool) -> str:
    """*text* of which nothing moves the cursor, turns the reading order or is unseen; line *ends* as signs, too."""
    lines = _ENDS.sub(lambda end: "".join(map(_sign, end[0])) + "\n", text) if ends else text
    return "".join(one if one == "\n" or not _unseen(one) else _sign(one) for one in lines)


def _unseen(one: str) -> bool:
    return unicodedata.category(one) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")


def _sign(one: str) -> str:
    code = ord(one)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"
