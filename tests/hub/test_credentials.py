"""Credentials: passwords are made once, for their owner only, and none is lost half way."""

from __future__ import annotations

import stat

import pytest

from hub.credentials import Passwords
from hub.errors import CatalogError


def test_a_password_is_made_once_and_for_its_owner_only(tmp_path):
    """Each principal has its own, in a folder that nobody else may look into."""
    folder = tmp_path / "kafka"
    passwords = Passwords(folder)

    one, other = passwords.of("hub-gateway"), passwords.of("hub-ops")

    assert one != other
    assert len(one) >= 32
    assert Passwords(folder).of("hub-gateway") == one
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "hub-gateway.password").stat().st_mode) == 0o600


def test_a_change_that_was_interrupted_goes_on_with_the_same_password(tmp_path):
    """The cluster may have it already: another would lock its owner out."""
    passwords = Passwords(tmp_path)
    old = passwords.of("hub-ops")
    fresh = passwords.begin("hub-ops")

    assert passwords.of("hub-ops") == old != fresh
    assert passwords.begin("hub-ops") == fresh
    passwords.end("hub-ops")
    assert passwords.of("hub-ops") == fresh
    assert passwords.begin("hub-ops") != fresh


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    """And what is wrong with it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogError, match="no password can be kept there"):
        Passwords(tmp_path / "file").of("hub-ops")
