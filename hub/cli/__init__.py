"""The command line: every verb of the hub, each said in a sentence; what it does is done elsewhere."""

from hub.cli import canaries, carrying, deliveries, governance, kafka, policies, previews, receipts, reviews, writing  # noqa: F401  importing them adds their verbs
from hub.cli.ground import main

__all__ = ["main"]
