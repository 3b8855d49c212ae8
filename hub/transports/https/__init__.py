"""HTTPS: agencies post to us and are answered after the commit, and we post to them; no message is understood here."""

from __future__ import annotations

from hub.transports.https.client import HttpsSink
from hub.transports.https.granted import Granted
from hub.transports.https.server import MEDIA_TYPES, HttpsSource

__all__ = ["MEDIA_TYPES", "Granted", "HttpsSink", "HttpsSource"]
