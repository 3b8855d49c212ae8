"""MLLP framing: a stream of bytes cut into frames, however it was cut on the way; no socket and no clock."""

from __future__ import annotations

BEGIN, END = b"\x0b", b"\x1c\r"  # HL7 UK A.3: VT, the message, FS CR
LONGEST_FRAME = 1024 * 1024  # bytes


class Framer:
    """Cuts a stream of bytes into frames; *fault* says, by a code, why it takes no more."""

    def __init__(self, longest: int = LONGEST_FRAME) -> None:
        self.fault = ""
        self._longest = longest
        self._buffer = bytearray()
        self._seen = 0

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)

    def feed(self, chunk: bytes) -> list[bytes]:
        """
        The frames that *chunk* completes, without their framing.

        Between frames only line ends may stand, which some senders add; anything else, a frame within a frame, an
        end without its CR or a frame that is too long is a fault, after which nobody can say where a message is.
        """
        frames: list[bytes] = []
        self._buffer += chunk
        while not self.fault:
            if not self._seen:
                del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))]
            if not self._buffer:
                break
            if not self._buffer.startswith(BEGIN):
                self.fault = "mllp.garbage"
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
                self._seen = 0
        return frames
