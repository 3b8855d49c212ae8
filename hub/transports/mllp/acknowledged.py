"""What a partner's acknowledgement says, and of which message; no connection is known here."""

from __future__ import annotations

from hub.errors import Refused, TransportError, Unreadable
from hub.formats import hl7


class WrongAnswer(Exception):
    """What came is no acknowledgement of what was sent; the text is a code."""


def read(frame: bytes) -> tuple[str, str]:
    """MSA-2 and MSA-1 of an acknowledgement; raises WrongAnswer where it cannot be read."""
    try:
        answer = hl7.read(frame, "iso-8859-1")
    except Unreadable:
        raise WrongAnswer("mllp.unreadable-answer") from None
    return answer["MSA-2"], answer["MSA-1"].upper()


def judge(codes: set[str]) -> str:
    """
    The verdict of one answer, or of several to the same message, by MSA-1: the code that accepts, AA or CA.

    Raises `Refused` where the partner rejected the message, `TransportError` where it should be tried again, and
    WrongAnswer where what was said is no verdict, as where it says yes and no at once.
    """
    if codes <= {"AA", "CA"}:
        return min(codes)
    code = min(codes - {"CA"})  # accepted, and then not: the application has the last word
    if codes <= {"CA", "AR"} or codes == {"CR"}:
        raise Refused(f"mllp.rejected: the partner answered {code}")
    if codes <= {"CA", "AE"} or codes == {"CE"}:
        raise TransportError(f"mllp.error: the partner answered {code}")
    raise WrongAnswer("mllp.two-answers" if len(codes) > 1 else "mllp.unknown-code")
