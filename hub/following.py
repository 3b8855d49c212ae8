"""Following: what is said of children's standing, taken into a view record by record; who reads it is elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.catalog import Catalog
from hub.envelope import Envelope, Record
from hub.log import note
from hub.view import View
from hub.wire import Wire

NEVER = datetime.fromtimestamp(0, UTC)


class Following:
    """A view, and what takes the records of *topics* into it."""

    def __init__(self, catalog: Catalog) -> None:
        self.view = View()
        self._streams = {stream.topic: stream for stream in catalog.standing}
        self._wire = Wire(catalog)
        self.topics = tuple(self._streams)

    def take(self, record: Record) -> None:
        """
        Take in one record.

        A record without a value forgets. One that cannot be read puts the child in doubt, by the key it lies under,
        until something readable is said under the same key.
        """
        key = record.key or b""
        if record.value is None:
            self.view.take(key, None, "", NEVER)
            return
        try:
            papers = Envelope.from_headers(record.headers)
            self.view.take(key, self._wire.read(self._streams[record.topic], record.value), papers.id, papers.time)
        except Exception as error:  # noqa: BLE001  whatever is wrong with it, the child is in doubt and the next is read
            note("view", "what is known of a child could not be read", topic=record.topic, kind=type(error).__name__)
            self.view.unreadable(key)
