"""HTTPS: agencies post to us and are answered after the commit, and we post to them; no message is understood here."""

from __future__ import annotations

from hub.transports.https.client import HttpsSink
from hub.transports.https.server import HttpsSource

__all__ = ["HttpsSink", "HttpsSource"]
