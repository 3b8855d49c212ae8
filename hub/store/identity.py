"""
The identity index in SQL: names, links and marks of what is closed; whom they lead to is `hub.identity`'s to say.

What lies here is the only copy of most of it. Kafka keeps the events that said it for a week, so that no more than the
last week's links could be said again from there; what persons decided is nowhere else; and what an adoption order closed
follows from its topic for the identifiers that it names, but not for the hospital's and school's numbers that were
closed with them. So the database is backed up, which is why personal data in it is sealed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, exists, func, or_, select, text, update

from hub.identity.closing import closing
from hub.identity.graph import Graph, Link
from hub.identity.index import Looked, News, mark, word_mark, word_of
from hub.identity.names import NHS_NUMBER, Name
from hub.identity.statements import Doubt, Source, name_of
from hub.keys import Keys
from hub.store import create, insert, reading
from hub.store.identity_tables import audit, closed, doubts, links, metadata, names

AT_ONCE = 400  # values in one IN: below what either database takes, and few enough statements for a file
WHOLE = "-"
