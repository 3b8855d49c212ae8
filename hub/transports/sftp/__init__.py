"""SFTP: files that are fetched from, and left on, a partner's server; what they hold is nobody's business here."""

from hub.transports.sftp.session import Account
from hub.transports.sftp.sink import SftpSink
from hub.transports.sftp.source import SftpSource

__all__ = ["Account", "SftpSink", "SftpSource"]
