"""MLLP framing: a stream of bytes cut into frames, however it was cut on the way; no socket and no clock."""

from __future__ import annotations

BEGIN, END = b"\x0b", b"\x1c\r"  # HL7 UK A.3: VT, the message, FS CR
LONGEST_FRAME = 1024 * 1024  # bytes
MOST_GARBAGE = 1024  # bytes that may stand before a frame and belong to none


class Framer:
    """
    Cuts a stream of bytes into frames; *fault* says, by a code, why it takes no more.

    *skipped* counts the bytes that belonged to no frame, other than line ends, which some senders add.
    """

    def __init__(self, longest: int = LONGEST_FRAME) -> None:
        self.fault = ""
        self.skipped = 0
        self._gap = 0
        self._longest = longest
        self._buffer = bytearray()
        self._seen = 0

    @property
    def pending(self) -> str:
        """A code for what stands at the end and is no whole frame: one that has not ended, or bytes of none."""
        if self._buffer:
            return "mllp.unfinished"
        return "mllp.garbage" if self._gap else ""

    def feed(self, chunk: bytes) -> list[bytes]:
        """
        The frames that *chunk* completes, without their framing.

        What stands between frames is skipped, up to a limit: it was no message, nobody is answered for it, and
        whoever lost a message there sends it again. More of it, a frame within a frame, an end without its CR or a
        frame that is too long is a fault, after which nobody can say where a message is.
        """
        frames: list[bytes] = []
        self._buffer += chunk
        while not self.fault:
            if not self._seen:
                self._skip()
            if not self._buffer or self.fault:
                break
            end = self._buffer.find(END[:1], max(self._seen, 1))
            again = self._buffer.find(BEGIN, max(self._seen, 1), end if end >= 0 else len(self._buffer))
            if again >= 0:
                self.fault = "mllp.unfinished"
            elif (end if end >= 0 else len(self._buffer)) - 1 > self._longest:
                self.fault = "mllp.too-long"
            elif end < 0 or end + 1 == len(self._buffer):
                self._seen = len(self._buffer) if end < 0 else end
                break
            elif self._buffer[end + 1 : end + 2] != END[1:]:
                self.fault = "mllp.end"
            else:
                frames.append(bytes(self._buffer[1:end]))
                del self._buffer[: end + 2]
                self._seen = self._gap = 0
        return frames

    def _skip(self) -> None:
        begin = self._buffer.find(BEGIN)
        before = self._buffer[: len(self._buffer) if begin < 0 else begin]
        strays = len(before.translate(None, b"\r\n"))
        del self._buffer[: len(before)]
        self._gap += strays
        self.skipped += strays
        if self._gap > MOST_GARBAGE:
            self.fault = "mllp.garbage"
