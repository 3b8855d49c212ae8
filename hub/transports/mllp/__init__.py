"""MLLP: frames on a TCP connection, each answered by an acknowledgement; what a frame says is not understood here."""

from hub.transports.mllp.client import MllpSink
from hub.transports.mllp.server import MllpSource

__all__ = ["MllpSink", "MllpSource"]
