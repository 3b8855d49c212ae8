"""Names of files: whatever a message or a sender says, a name stays in its folder and keeps its place in a row."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Refused
from hub.transports import Delivery
from hub.transports.mesh.content import inflate
from hub.transports.naming import ROOM, file_name, finished, folder_name, names_like

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=300)


def or_refused(named: Callable[[], str]) -> str | None:
    """The name, or None where it is refused for good."""
    try:
        return named()
    except Refused:
        return None


@given(st.text(), st.text(), st.text(), st.text())
def test_a_delivery_has_one_plain_name_or_is_refused(name, stream, message_id, suffix):
    """A name that could lead elsewhere, hide, look like an option or like half a file is no name."""
    delivery = Delivery(message_id, "chis", stream, "", "text/csv", b"", suffix, name)
    found = or_refused(lambda: file_name(delivery, "files"))
    assert found == or_refused(lambda: file_name(delivery, "sftp"))
    if found is not None:
        assert found.isascii()
        assert found[0].isalnum()
        assert not {"/", "\\", "\0", "\n", " "} & set(found)
        assert ".." not in found
        assert finished(found)


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,70}") | st.text())
def test_an_address_is_a_plain_folder_or_is_refused(address):
    """It comes from data."""
    found = or_refused(lambda: folder_name(address, "files"))
    assert found is None or (found == address and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", found))


@given(NAMES)
def test_other_names_are_different_fit_on_a_disk_and_lead_nowhere(name):
    """The sender's own name comes first, as long as it leaves room for what is written beside it."""
    found = list(islice(names_like(name), 5))
    assert len(set(found)) == 5
    assert (found[0] == name) is (len(os.fsencode(name)) <= ROOM)
    for one in found:
        assert "/" not in one
        assert len(os.fsencode(f"{one}.why.json")) <= 255


@given(st.binary(max_size=5000), st.lists(st.integers(1, 400), min_size=1, max_size=20), st.booleans())
def test_what_was_packed_unfolds_however_it_was_cut(content, sizes, twice):
    """The network decides where a block ends."""
    packed, rest, blocks = gzip.compress(content) * (2 if twice else 1), 0, []
    while rest < len(packed):
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(packed[rest : rest + size])
        rest += size
    assert b"".join(inflate(blocks, 20_000)) == content * (2 if twice else 1)
