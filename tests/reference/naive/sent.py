"""What is sent: values less exactly, schemas and values cut down, and their spelling."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from .asked import birthday


def coarse(word: str, value: Any, day: date) -> Any:
    """A value less exactly."""
    if word == "present":
        return value is not None
    if value is None:
        return None
    if word == "year":
        return value.year
    if word == "month":
        return value.isoformat()[:7]
    if word == "initial":
        return value.strip()[:1].upper()
    if word == "initials":
        return " ".join(part[:1] for part in value.replace("-", " ").upper().split())
    if word == "outward_postcode":
        parts = value.strip().upper().split(" ")
        return parts[0] if len(parts) > 1 else parts[0][:-3]
    if word == "count_band":
        bands = [(0, "none"), (5, "1 to 5"), (10, "6 to 10"), (20, "11 to 20")]
        return next((name for most, name in bands if value <= most), "over 20")
    if word == "age_band":
        if value > day:
            return "unborn"
        bands = [(1, "under 1"), (5, "1 to 4"), (10, "5 to 9"), (16, "10 to 15"), (18, "16 to 17")]
        return next((name for years, name in bands if day < birthday(value, years)), "18 and over")
    raise KeyError(word)


KINDS = dict.fromkeys(("month", "age_band", "outward_postcode", "initial", "initials", "count_band"), "string")
KINDS |= {"year": "long", "present": "boolean"}


def kept(schema: Any, grant: dict, path: str = "") -> Any:
    """What is left of a schema under a grant, with the kinds that coarse words give; None where nothing is."""
    if isinstance(schema, list):
        left = kept(schema[1], grant, path)
        return None if left is None else ["null", left]
    if isinstance(schema, dict) and schema["type"] == "array":
        left = kept(schema["items"], grant, path)
        return None if left is None else {**schema, "items": left}
    if isinstance(schema, dict) and schema["type"] == "record":
        fields = []
        for field in schema["fields"]:
            here = f"{path}.{field['name']}" if path else field["name"]
            word = grant.get("coarse", {}).get(here)
            if word == "present":
                fields.append({"name": field["name"], "type": "boolean"})
                continue
            left = kept(field["type"], grant, here)
            if left is not None:
                fields.append({**{key: one for key, one in field.items() if key != "doc"}, "type": left})
        return {**{k: v for k, v in schema.items() if k != "doc"}, "fields": fields} if fields else None
    if path in grant.get("coarse", {}):
        return KINDS[grant["coarse"][path]]
    return schema if path in grant["fields"] else None


def cut(values: Any, schema: Any, words: dict[str, str], empty: set[str], day: date, path: str = "") -> Any:
    """The values that fit a schema that was left, coarsened, without what was emptied."""
    if path in empty:
        return None if isinstance(schema, list) else []
    if path in words:
        return coarse(words[path], values, day)
    if values is None:
        return None
    if isinstance(schema, list):
        schema = schema[1]
    if isinstance(schema, dict) and schema["type"] == "array":
        return [cut(one, schema["items"], words, empty, day, path) for one in values]
    if isinstance(schema, dict) and schema["type"] == "record":
        made = {}
        for field in schema["fields"]:
            here = f"{path}.{field['name']}" if path else field["name"]
            made[field["name"]] = cut(values[field["name"]], field["type"], words, empty, day, here)
        return made
    return values


def as_json(values: dict, papers: dict) -> bytes:
    """One compact object: names sorted, nothing that is null or empty, ISO 8601."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            made = {name: plain(one) for name, one in value.items()}
            return {name: one for name, one in made.items() if one is not None and one != {}}
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat()[: -len("+00:00")] + "Z"
        return value.isoformat() if isinstance(value, date) else value

    return json.dumps({**plain(values), **papers}, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def written(moment: datetime) -> str:
    """A moment as papers say it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
