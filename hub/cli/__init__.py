"""The command line: every verb of the hub, each said in a sentence; what it does is done elsewhere."""

from hub.cli import (  # noqa: F401  importing them adds their verbs
    backups,
    canaries,
    carrying,
    connecting,
    deliveries,
    governance,
    identity,
    kafka,
    keys,
    kits,
    lag,
    ops,
    policies,
    previews,
    quarantine,
    receipts,
    replays,
    reviews,
    settings,
    topics,
    trying,
    writing,
)
from hub.cli.ground import main

__all__ = ["main"]
