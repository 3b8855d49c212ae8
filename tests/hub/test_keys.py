"""Keys: pseudonyms and ids that say nothing, are the same every time, and cannot be joined between recipients."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from hub.keys import Keys, digest
from hub.stream import Event, Sensitivity, Stream

KEYS = Keys(b"a secret for tests, of 32 bytes.")
OTHERS = Keys(b"another secret, also of 32 bytes")
PSEUDONYM = re.compile(r"[0-9a-f]{32}")


class Person(Event):
    """Somebody."""

    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    local_id: Annotated[str | None, Field(description="Local id."), Sensitivity.IDENTIFIER] = None


class Happened(Event):
    """Something happened to somebody."""

    child: Annotated[Person, Field(description="Who."), Sensitivity.IDENTIFIER]
    patient: Annotated[Person | None, Field(description="Who."), Sensitivity.IDENTIFIER] = None


def stream(*key: str) -> Stream:
    return Stream(name="happened", event=Happened, key=key, keep="days", steward="x")


CHILDREN = stream("child.nhs_number", "child.local_id")
PATIENTS = stream("patient.nhs_number")


@pytest.mark.parametrize("secret", [b"", b"short", b"x" * 31])
def test_a_secret_that_can_be_guessed_is_refused(secret):
    """The hub's secret has 32 bytes at least."""
    with pytest.raises(ValueError, match="32 bytes"):
        Keys(secret)


def test_a_subject_is_named_by_the_first_identifier_that_is_present():
    """Best first, then the next, then the event alone; an empty identifier is none."""
    both = {"child": {"nhs_number": "9990000018", "local_id": "7"}}
    local = {"child": {"nhs_number": "", "local_id": "7"}}
    nobody = {"child": {"nhs_number": None, "local_id": None}}

    assert KEYS.subject(CHILDREN, both, "e1") == KEYS.pseudonym("nhs_number", "9990000018")
    assert KEYS.subject(CHILDREN, local, "e1") == KEYS.subject(CHILDREN, local, "e2")
    assert KEYS.subject(CHILDREN, nobody, "e1") != KEYS.subject(CHILDREN, nobody, "e2")
    assert KEYS.subject(CHILDREN, nobody, "e1") == KEYS.subject(CHILDREN, {}, "e1")


def test_a_number_that_is_somebodys_own_is_another_childs_elsewhere():
    """Pupil 7 of one school is not pupil 7 of another, and neither is child 7 of the case system."""
    scoped = stream("child.nhs_number/child.local_id")
    one = {"child": {"nhs_number": "9990000018", "local_id": "7"}}
    other = {"child": {"nhs_number": "9990000026", "local_id": "7"}}
    unscoped = {"child": {"nhs_number": None, "local_id": "7"}}

    keys = [KEYS.subject(scoped, values, "e") for values in (one, other, unscoped)]
    keys.append(KEYS.subject(CHILDREN, unscoped, "e"))
    keys.append(KEYS.subject(dataclasses.replace(CHILDREN, name="elsewhere"), unscoped, "e"))

    assert len(set(keys)) == len(keys)
    assert keys[2] == KEYS.subject(scoped, {}, "e"), "half a name is none"


def test_the_same_identifier_is_the_same_subject_on_every_stream():
    """What is said of one NHS number as a child's and as a patient's stays together, so that a watch can join it."""
    child = KEYS.subject(CHILDREN, {"child": {"nhs_number": "9990000018"}}, "e1")
    patient = KEYS.subject(PATIENTS, {"patient": {"nhs_number": "9990000018"}}, "e2")

    assert child == patient


def test_identifiers_of_two_kinds_are_never_the_same_subject():
    """The number 7 of one system is not the number 7 of another."""
    assert KEYS.pseudonym("local_id", "7") != KEYS.pseudonym("nhs_number", "7")
    assert KEYS.pseudonym("a", "b\0c") != KEYS.pseudonym("a\0b", "d\0c")


@given(st.text(max_size=20))
def test_a_pseudonym_says_nothing_of_what_it_stands_for(value):
    """128 bits in hexadecimal, whatever the length and letters of the identifier, and another secret gives others."""
    pseudonym = KEYS.pseudonym("nhs_number", value)

    assert PSEUDONYM.fullmatch(pseudonym)
    assert len(value) < 4 or value not in pseudonym
    assert pseudonym != OTHERS.pseudonym("nhs_number", value)


def test_two_recipients_cannot_join_what_they_hear():
    """Each recipient has keys of its own, for subjects and for messages, and they are the same the next time."""
    names = ("police", "hospital", "subject", "id", "")

    keys = [key for name in names for key in KEYS.recipient(name)]

    assert len(set(keys)) == len(keys)
    assert KEYS.recipient("police") == Keys(b"a secret for tests, of 32 bytes.").recipient("police")
    assert KEYS.recipient("police") != OTHERS.recipient("police")


ID = st.text(alphabet="ab0\0", max_size=4)


@given(ID, st.integers(0, 12), ID, st.integers(0, 12))
def test_an_event_has_its_id_from_its_sender_its_name_and_its_place(one, here, other, there):
    """The same input twice is the same event, and no other input is, whatever letters the sender's id has."""
    same = (one, here) == (other, there)

    assert (KEYS.event_id("agency", "line", one, here) == KEYS.event_id("agency", "line", other, there)) is same


def test_two_senders_may_use_the_same_id():
    """An id is unique for its sender and line only."""
    ids = {KEYS.event_id(agency, line, "1", 0) for agency in ("a", "b") for line in ("x", "y")}

    assert len(ids) == 4


def test_a_box_opens_for_its_purpose_and_place_only():
    """What was sealed for one record opens neither as another's nor for another purpose, nor changed, nor by others."""
    box = KEYS.seal("quarantine", b"content", bound_to="record")

    assert KEYS.unseal("quarantine", box, bound_to="record") == b"content"
    assert b"content" not in box
    assert KEYS.seal("quarantine", b"content", bound_to="record") != box
    for keys, purpose, held, bound in (
        (OTHERS, "quarantine", box, "record"),
        (KEYS, "ledger", box, "record"),
        (KEYS, "quarantine", box, "other"),
        (KEYS, "quarantine", box[:-1] + bytes([box[-1] ^ 1]), "record"),
        (KEYS, "quarantine", box[:20], "record"),
    ):
        with pytest.raises(InvalidTag):
            keys.unseal(purpose, held, bound)


def test_a_digest_is_the_same_for_text_and_its_bytes():
    """The relay digests keys as bytes."""
    assert digest(b"key", "text") == digest(b"key", b"text")
