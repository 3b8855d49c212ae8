"""What is written down: agreements, schemas and their ids; and keys, derived anew from the secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]


def agreements() -> dict[str, tuple[dict, dict]]:
    """agency.yaml and policy.yaml of every agency that has both, by folder."""
    found = {}
    for path in sorted((ROOT / "connectors").glob("*/policy.yaml")):
        agency = yaml.safe_load((path.parent / "agency.yaml").read_text(encoding="utf-8"))
        found[path.parent.name] = (agency, yaml.safe_load(path.read_text(encoding="utf-8")))
    return found


def lock() -> dict[str, tuple[int, Any]]:
    """The newest id and schema of each topic."""
    lines = (ROOT / "topics" / "schemas.lock").read_text(encoding="utf-8").splitlines()
    return {one["subject"]: (one["id"], one["schema"]) for one in map(json.loads, lines)}


def schema_of(stream: Any) -> dict:
    """The frozen schema of a stream."""
    name = f"v{stream.version}.avsc"
    path = ROOT / "schemas" / stream.name / name
    if not path.exists():
        path = Path(__file__).parents[1] / stream.name / name
    return json.loads(path.read_text(encoding="utf-8"))


def leaves(schema: Any) -> dict[str, list[tuple[str, bool]]]:
    """Each leaf by its path, with the way down to it: every step's path, and whether it may be null or empty."""
    found: dict[str, list[tuple[str, bool]]] = {}

    def look(kind: Any, way: list[tuple[str, bool]]) -> None:
        while isinstance(kind, list) or (isinstance(kind, dict) and kind["type"] == "array"):
            kind = kind[1] if isinstance(kind, list) else kind["items"]
        if isinstance(kind, dict) and kind["type"] == "record":
            for field in kind["fields"]:
                path = f"{way[-1][0]}.{field['name']}" if way else field["name"]
                may = isinstance(field["type"], list) or (isinstance(field["type"], dict) and "items" in field["type"])
                look(field["type"], [*way, (path, may)])
        else:
            found[way[-1][0]] = way

    look(schema, [])
    return found


def derived(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose: HKDF-SHA-256, of which one block is enough."""
    extracted = hmac.new(b"sharing-hub", secret, hashlib.sha256).digest()
    return hmac.new(extracted, purpose.encode() + b"\x01", hashlib.sha256).digest()


def pseudonym(key: bytes, text: bytes) -> str:
    """128 bits of a keyed hash, in hexadecimal."""
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:32]
