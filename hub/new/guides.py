"""Guides: what lies in each folder of examples, for whoever writes them."""

from __future__ import annotations


def said(line: str, form: str) -> str:
    """Of a line of `says`."""
    return f"""# Examples of `{line}`

Put here, with invented people only, at least:

- `<claim>.{form}` and `<claim>.events.json`: they say this, we understand that;
- `<claim>.{form}` and `<claim>.refused.json`: `{{"code": "…", "place": "…"}}`.

`pytest tests/contract --accept` writes the second file of each pair; read it before you commit it.
"""


def heard(stream: str, form: str) -> str:
    """Of a stream of `hears`."""
    suffix = {"fhir": "fhir.json", "avro": "avro.json"}.get(form, form)
    return f"""# Examples of what is heard of `{stream}`

Put here, with invented people only, at least:

- `<claim>.event.json` and `<claim>.{suffix}`: they receive exactly this;
- `<claim>.event.json` and `<claim>.withheld.json`: `{{"rule": "…"}}`, one for each rule that can withhold.

`pytest tests/contract --accept` writes the second file of each pair; read it before you commit it.
"""
