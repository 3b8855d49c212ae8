"""MESH: the NHS's message exchange, by mailboxes that store and forward; what a message says is not understood here."""

from hub.transports.mesh.mailbox import Mailbox
from hub.transports.mesh.sink import MeshSink
from hub.transports.mesh.source import REPORT, MeshSource

__all__ = ["REPORT", "Mailbox", "MeshSink", "MeshSource"]
