"""Reasons: who and why, in a sentence that can be kept for years; the rules themselves are tried in test_reviews."""

from __future__ import annotations

import pytest

from hub.reasons import NotAnswered, Reason, reason

BECAUSE = "The school sent the register again, without that row."


def test_a_reason_is_who_and_a_sentence():
    """Without the spaces around them."""
    assert reason(" Ada Quill ", f" {BECAUSE} ") == Reason("Ada Quill", BECAUSE)


def test_an_accounts_name_may_be_an_address_and_a_typed_one_may_not():
    """A provider's names are what it says they are; the sentence is held to the same rules."""
    assert reason("ada@authority.example", BECAUSE, verified=True).by == "ada@authority.example"
    with pytest.raises(NotAnswered, match="e-mail"):
        reason("ada@authority.example", BECAUSE)
    with pytest.raises(NotAnswered, match="e-mail"):
        reason("ada@authority.example", f"{BECAUSE} Ask zoe@school.example.", verified=True)


@pytest.mark.parametrize(
    ("by", "because", "why"),
    [("", BECAUSE, "name who does it"), ("Ada", "Because so.", "say in a sentence"),
     ("Ada", f"{BECAUSE} It was 999 000 0018.", "an NHS number"), ("Ada", f"{BECAUSE}\x1b[2J", "control characters")],
)  # fmt: skip
def test_what_says_too_little_or_too_much_is_no_reason(by, because, why):
    """And what is refused is not repeated."""
    with pytest.raises(NotAnswered, match=why) as refused:
        reason(by, because)
    assert BECAUSE not in str(refused.value)
