"""Check digits: whether a national identifier can be one at all; how it is spelt is for `schemas.fields`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

UPN_LETTERS: Final = "ABCDEFGHJKLMNPQRTUVWXYZ"  # no I, O, S


def digits(value: str, count: int) -> bool:
    """Whether *value* is *count* digits; isdigit() alone also holds for superscripts and other scripts' digits."""
    return len(value) == count and value.isascii() and value.isdigit()


def nhs_number(number: str) -> bool:
    """
    Whether ten digits are a possible NHS number (NHS Data Dictionary, NHS NUMBER): modulus 11, weights 10 to 2.

    A remainder that asks for a check digit of ten makes the number impossible. One digit ten times, and 9876543210,
    pass the sum and are what people type into a mandatory box; they are not held either.
    """
    if not digits(number, 10) or len(set(number)) == 1 or number == "9876543210":
        return False
    check = -sum(int(digit) * weight for digit, weight in zip(number[:9], range(10, 1, -1), strict=True)) % 11
    return check == int(number[9])  # ten equals no digit


def upn(value: str) -> bool:
    """
    Whether the letter in front of a UPN fits the rest (DfE, Unique pupil numbers: guide, annex A).

    Sum of value times position (2 to 13), modulo 23. A temporary UPN ends in a letter, whose value is its place in
    the same alphabet. False for what does not have the form of a UPN at all.
    """
    if len(value) != 13 or not digits(value[1:12], 11):
        return False
    last = int(value[12]) if digits(value[12], 1) else UPN_LETTERS.find(value[12])
    total = sum(int(digit) * place for digit, place in zip(value[1:12], range(2, 13), strict=True)) + last * 13
    return last >= 0 and value[0] == UPN_LETTERS[total % 23]


HOLDS: Mapping[str, Callable[[str], bool]] = {"nhs_number": nhs_number, "upn": upn}
"""The kinds that have one, and how it is checked."""
