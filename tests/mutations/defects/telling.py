"""Defects of what is written down: quarantine, log, receipts, and the watch over it all."""

from __future__ import annotations

from tests.mutations.defect import CARRIED, KNOWN, RECEIPTS, SAID, UNIT, WATCHED, Defect

TOLD = (
    Defect(
        "quarantine holds a message in the open",
        "hub/quarantine/item.py",
        'keys.seal("quarantine", refusal.raw, bound_to=name)',
        "refusal.raw",
        SAID,
    ),
    Defect(
        "the relay's quarantine holds an event in the open",
        "hub/quarantine/item.py",
        'keys.seal("quarantine", record.value or b"", bound_to=place)',
        'record.value or b""',
        CARRIED,
    ),
    Defect(
        "quarantine's headers carry what a message could word",
        "hub/quarantine/item.py",
        "plain(refusal.place).encode()",
        "refusal.place.encode()",
        SAID,
    ),
    Defect(
        "the log tells the place that a message worded",
        "hub/intake.py",
        "reasons = Counter(plain(one.code) for one",
        "reasons = Counter(f'{one.code} {one.place}' for one",
        SAID,
    ),
    Defect(
        "the log tells an error's text when an event is set aside",
        "hub/relay.py",
        "kind=type(error).__name__,",
        "kind=str(error),",
        CARRIED,
    ),
    Defect(
        "the log tells an error's text when a child is in doubt",
        "hub/following.py",
        "kind=type(error).__name__)",
        "kind=str(error))",
        KNOWN,
    ),
    Defect(
        "the log takes any key",
        "hub/log.py",
        "if not keys.keys() <= KEYS:",
        "if False:",
        SAID,
    ),
    Defect(
        "the log has a key for who it is about",
        "hub/log.py",
        '"where", "message", "file",',
        '"where", "message", "file", "child",',
        SAID,
    ),
    Defect(
        "the log tells what libraries were given",
        "hub/log.py",
        "else str(record.msg)[:200]",
        "else record.getMessage()",
        SAID,
    ),
    Defect(
        "an event that names a closed identifier beside an open one comes in",
        "hub/wall.py",
        "if not any(one in closed for one in named):",
        "if not all(one in closed for one in named):",
        SAID,
    ),
    Defect(
        "what names a closed identifier is kept in quarantine",
        "hub/intake.py",
        "kept = outcome.code != CLOSED",
        "kept = True",
        SAID,
    ),
    Defect(
        "an adoption said again may name who the child is now",
        "hub/wall.py",
        "return not (again and all(one in closed for one in named))",
        "return not again",
        SAID,
    ),
    Defect(
        "the gateway's wall is not asked",
        "hub/intake.py",
        "closed = await self._wall() if self._wall is not None else ()",
        "closed = ()",
        SAID,
    ),
    Defect(
        "what cannot be read is kept though it names a closed identifier",
        "hub/wall.py",
        "or holds(outcome.raw, closed):",
        "or False:",
        SAID,
    ),
    Defect(
        "a recipient's own id is not on its receipt",
        "hub/outbound.py",
        "known.ids, sent.message, sent.digest",
        "known.ids, papers.id, sent.digest",
        RECEIPTS,
    ),
    Defect(
        "what is withheld leaves no receipt",
        "hub/outbound.py",
        "            if isinstance(sent, str):\n",
        "            if isinstance(sent, str):\n                continue\n            if not sent:\n",
        RECEIPTS,
    ),
    Defect(
        "what cannot be read leaves no receipt",
        "hub/relay.py",
        "                receipts += desks[topic].refused(record, now=now)\n",
        "",
        CARRIED,
    ),
    Defect(
        "a receipt has the hash of something else",
        "hub/route.py",
        "hashlib.sha256(body).hexdigest()",
        "hashlib.sha256(event).hexdigest()",
        RECEIPTS,
    ),
    Defect(
        "a receipt calls withheld what was released",
        "hub/route.py",
        'fields.append(Verdict(path, "released", ""))',
        'fields.append(Verdict(path, "withheld", "not-granted"))',
        RECEIPTS,
    ),
    Defect(
        "a receipt calls released what was kept back",
        "hub/route.py",
        "elif rule or path in lost:",
        "elif rule:",
        RECEIPTS,
    ),
    Defect(
        "a receipt does not say which policy decided", "hub/route.py", "rule, policy.version,", 'rule, "",', RECEIPTS
    ),
    Defect(
        "a receipt does not say what was known of the child",
        "hub/outbound.py",
        "outcome, known.ids, sent.message",
        "outcome, (), sent.message",
        RECEIPTS,
    ),
    Defect("a receipt does not say what was relied on", "hub/route.py", '"" if rule else relied', '""', RECEIPTS),
)

WATCH = (
    Defect(
        "the lookout does not see a field that was not granted",
        "hub/canary/lookout.py",
        "            if place not in leaves:\n",
        "            if False:\n",
        WATCHED,
    ),
    Defect(
        "the lookout does not look at keys", "hub/canary/lookout.py", "if record.key != pair.key:", "if False:", WATCHED
    ),
    Defect(
        "the lookout does not miss what does not come",
        "hub/canary/lookout.py",
        "if pair.due is not None and came is None:",
        "if False:",
        WATCHED,
    ),
    Defect(
        "the lookout tells the value that leaked",
        "hub/canary/lookout.py",
        'alarm("leak", named(path_of(place), canary))',
        'alarm("leak", str(value))',
        WATCHED,
    ),
    Defect(
        "a canary reaches an agency's door",
        "hub/courier.py",
        "[one for one in records if not is_synthetic(one.record.headers)]",
        "list(records)",
        (f"{UNIT}/test_courier.py::test_a_synthetic_message_ends_here",),
    ),
)
