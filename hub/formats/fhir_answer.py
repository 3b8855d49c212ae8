"""FHIR answers: what a partner's answer to our message says, and what ours to theirs is; no message is understood."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from hub.errors import MessageError
from hub.formats import json as json_format

# fmt: off
ISSUE_CODES: Final = frozenset([
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired",
    "forbidden", "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found",
    "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict",
    "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled",
    "informational",
])
# fmt: on
"""FHIR R4 value set issue-type (required): the only words of an outcome that are repeated."""

REFUSALS: Final = "urn:sharing-hub:refusal"
HTTP_ERRORS: Final = "https://fhir.nhs.uk/Codesystem/http-error-codes"
"""As the published examples of booking and referral spell it, the small s included."""

_HTTP: Final = {
    400: "REC_BAD_REQUEST", 401: "REC_UNAUTHORIZED", 403: "REC_FORBIDDEN", 404: "REC_NOT_FOUND",
    405: "REC_METHOD_NOT_ALLOWED", 408: "REC_TIMEOUT", 422: "REC_UNPROCESSABLE_ENTITY", 500: "REC_SERVER_ERROR",
    503: "REC_SERVICE_UNAVAILABLE",
}  # fmt: skip
_BY_STATUS: Final = {
    401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 408: "timeout", 413: "too-long",
    415: "not-supported", 503: "transient",
}  # fmt: skip
_BY_CODE: Final = {"id.used-before": "duplicate", "identity.closed": "business-rule", "too-large": "too-long"}
_BY_KIND: Final = {
    "missing": "required", "none": "required", "timestamp": "required", "header": "required", "too-deep": "too-costly",
    "too-many-entries": "too-costly", "reference": "invariant", "focus": "invariant", "full-url": "invariant",
    "full-url-twice": "invariant", "id": "invariant", "event": "not-supported",
}  # fmt: skip
_NAMESPACE: Final = uuid.UUID("0c9d8a5e-52d1-5b1c-9a56-7e0c44f1a0b2")
_SEVERITIES: Final = ("fatal", "error", "warning", "information")  # worst first
_RESPONSES: Final = {"ok": "ok", "transient-error": "response.transient-error"}


class Asked(NamedTuple):
    """What an answer needs of the message it answers: its id, and its event as it was said."""

    id: str
    event: Mapping[str, Any]


def asked(body: bytes) -> Asked | None:
    """The header of a message bundle, looked at no further; None where it has none with an id."""
    try:
        bundle = json_format.document(body)
    except MessageError:
        return None
    match bundle:
        case {"entry": [{"resource": {"resourceType": "MessageHeader", **header}} as entry, *_]}:
            found = header.get("id") or _bare(str(entry.get("fullUrl") or ""))
            if not isinstance(found, str) or re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", found) is None:
                return None
            return Asked(found, {name: header[name] for name in ("eventCoding", "eventUri") if name in header})
    return None


def outcome_of(body: bytes, to: str | None = None) -> str:
    """
    What a partner's answer says, in words of FHIR's own closed lists only; nothing else of it is repeated.

    `<severity>.<code>` of the worst issue of an OperationOutcome, `response.<code>` of a message's response
    where that is not `ok`, `ok` for any other resource, and "" for what is no FHIR JSON. Where *to* is given, the
    id of the MessageHeader that was sent, a response to another one is `another`, whatever else it says.
    """
    try:
        answer = json_format.document(body)
    except MessageError:
        return ""
    if not isinstance(answer, dict) or not isinstance(answer.get("resourceType"), str):
        return ""
    if to is not None and any(_bare(one) != _bare(to) for one in _answered(answer)):
        return "another"
    said = [word for word in _outcomes(answer) if word != "ok"]
    return min(said, key=_badness, default="ok")


def _outcomes(resource: dict[str, Any]) -> Iterator[str]:
    match resource:
        case {"resourceType": "OperationOutcome", "issue": [*issues]}:
            for issue in issues:
                found = issue if isinstance(issue, dict) else {}
                severity, code = found.get("severity"), found.get("code")
                # An issue without a severity that we know is an error: doubt must not read as delivered.
                known = severity if severity in _SEVERITIES else "error"
                yield f"{known}.{code if isinstance(code, str) and code in ISSUE_CODES else 'unknown'}"
        case {"resourceType": "OperationOutcome"}:
            yield "error.unknown"
        case {"resourceType": "MessageHeader", "response": response}:
            code = response.get("code") if isinstance(response, dict) else None
            yield _RESPONSES.get(str(code), "response.fatal-error")
        case {"resourceType": "Bundle", "entry": [*entries]}:
            for entry in entries:
                inner = entry.get("resource") if isinstance(entry, dict) else None
                if isinstance(inner, dict) and inner.get("resourceType") != "Bundle":
                    yield from _outcomes(inner)


def _badness(outcome: str) -> int:
    severity = outcome.partition(".")[0]
    order = ("response", *_SEVERITIES)
    return order.index(severity)


def _answered(answer: dict[str, Any]) -> Iterator[str]:
    """The ids of the messages that a message's response says it answers, as far as it says."""
    for entry in answer.get("entry") or [] if isinstance(answer.get("entry"), list) else []:
        match entry:
            case {"resource": {"resourceType": "MessageHeader", "response": {"identifier": str(identifier)}}}:
                yield identifier


def _bare(identifier: str) -> str:
    return identifier.strip().lower().removeprefix("urn:uuid:")


# --- our own answers --------------------------------------------------------------------------------------------


def accepted(body: bytes, line: str, at: datetime, said: str) -> bytes:
    """
    The answer to a message that was taken whole: a message bundle whose response is `ok` (FHIR R4, messaging).

    *body* is the message, *line* whose it is, *said* what became of it, in words of ours. Its ids follow from the
    message's own, so that the same message has the same answer; only the timestamp says when this copy was made.
    """
    header = asked(body)
    if header is None:
        raise ValueError("what was taken had a header")
    ids = {part: str(uuid.uuid5(_NAMESPACE, f"{line}\x00{header.id}\x00{part}")) for part in ("b", "h", "o")}
    detail = {"reference": f"urn:uuid:{ids['o']}", "type": "OperationOutcome"}
    head = {
        "resourceType": "MessageHeader",
        "id": ids["h"],
        **header.event,
        "source": {
            "name": "Children's services sharing hub",
            "endpoint": f"urn:uuid:{uuid.uuid5(_NAMESPACE, line)}",
        },
        "response": {"identifier": header.id, "code": "ok", "details": detail},
        "focus": [detail],
    }
    issue = {"severity": "information", "code": "informational", "diagnostics": said}
    outcome = {"resourceType": "OperationOutcome", "id": ids["o"], "issue": [issue]}
    bundle = {
        "resourceType": "Bundle",
        "id": ids["b"],
        "type": "message",
        "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "entry": [
            {"fullUrl": f"urn:uuid:{ids['h']}", "resource": head},
            {"fullUrl": f"urn:uuid:{ids['o']}", "resource": outcome},
        ],
    }
    return json.dumps(bundle, separators=(",", ":")).encode()


def refused(status: int, code: str, place: str, mend: str, detail: str) -> bytes:
    """
    Why a request of HTTP *status* was not taken, as an OperationOutcome that says what to mend, and where.

    *code* is ours, *place* where it is wrong (told as an expression where it is a path of FHIR), *mend* what to do,
    *detail* what became of the message. The first coding of `details` is ours, the second NHS England's for the
    status.
    """
    codings = [{"system": REFUSALS, "code": code}]
    if status in _HTTP:
        codings.append({"system": HTTP_ERRORS, "code": _HTTP[status]})
    told = [code, f"at {place}" if place else "", mend]
    issue: dict[str, Any] = {
        "severity": "error",
        "code": issue_code(status, code),
        "details": {"coding": codings, "text": detail},
        "diagnostics": " ".join(part for part in told if part),
    }
    if re.fullmatch(r"[A-Z][A-Za-z]+(\.[A-Za-z]+(\[[0-9]+\])?)*", place):
        issue["expression"] = [place]
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}, separators=(",", ":")).encode()


def issue_code(status: int, code: str) -> str:
    """The word of the value set issue-type for a refusal by HTTP *status* and our *code*."""
    if status not in (400, 422):
        return _BY_STATUS.get(status, "exception")
    kind = code.rpartition(".")[2]
    return _BY_CODE.get(code) or _BY_KIND.get(kind) or ("structure" if status == 400 else "invalid")
