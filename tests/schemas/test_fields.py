# ruff: noqa: RUF001  the digits of other scripts are what is tested
"""Field types: what the figures of the standards let in, what they refuse, and that no refusal repeats the value."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.adoption_case import ReversalReason
from schemas.fields import (
    Code,
    Day,
    Email,
    EthnicityCode,
    LaCode,
    LocalId,
    Moment,
    Name,
    Narrative,
    NhsNumber,
    OdsCode,
    Phone,
    Postcode,
    Upn,
    Urn,
    Words,
    nhs_number_check_digit_holds,
    upn_check_letter_holds,
)
from schemas.looked_after_child import RETIRED_PLACEMENTS, Placement, ReasonEnded
from schemas.mash_referral import RETIRED_FACTORS, FactorCode, ReferralSource
from schemas.school_attendance import RETIRED_MARKS, STATISTICAL_CLASS, AttendanceMark, StatisticalClass

UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
DIGITS = st.text(alphabet=string.digits, min_size=9, max_size=9)


def read(kind: Any, value: Any) -> Any:
    """*value* as the field type *kind* keeps it."""
    return TypeAdapter(kind).validate_python(value)


def refusal(kind: Any, value: Any) -> str:
    """The code with which *kind* refuses *value*."""
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    code: str = caught.value.errors(include_input=False)[0]["type"]
    return code


# --- NHS number -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    ["9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069", "9990000077"],
)
def test_numbers_kept_for_tests_are_nhs_numbers(number: str) -> None:
    """Numbers that are kept for tests and whose check digit holds are taken as they are."""
    assert read(NhsNumber, number) == number


@pytest.mark.parametrize("number", ["1234567895", "1112223330", "9912345678", "9219068409", "0449310999", "9990000019"])
def test_numbers_whose_check_digit_fails_are_refused(number: str) -> None:
    """Numbers from published examples that look right and are not; the first would need a check digit of ten."""
    assert refusal(NhsNumber, number) == "nhs_number_check_digit"


@pytest.mark.parametrize("number", [*(digit * 10 for digit in string.digits), "9876543210"])
def test_numbers_that_only_fill_the_box_are_refused(number: str) -> None:
    """One digit ten times and the count-down pass the sum, and are what is typed where a number is mandatory."""
    assert refusal(NhsNumber, number) == "nhs_number_check_digit"


@pytest.mark.parametrize("written", ["999 000 0018", "999-000-0018", " 9990000018 ", "999\u00a0000\u20110018"])
def test_gaps_in_an_nhs_number_go(written: str) -> None:
    """Spaces and hyphens of every kind are how people write an NHS number, and are not part of it."""
    assert read(NhsNumber, written) == "9990000018"


@pytest.mark.parametrize(
    "written",
    ["", "999000001", "99900000180", "999000001O", "٩٩٩٠٠٠٠٠١٨", "９９９００００018", "999.000.0018", "²990000018"],
)
def test_what_is_not_ten_digits_is_no_nhs_number(written: str) -> None:
    """Too few, too many, letters and the digits of other scripts are refused by form."""
    assert refusal(NhsNumber, written) == "nhs_number_form"


def test_an_nhs_number_is_text() -> None:
    """A number loses its leading zeros somewhere; it is not turned into text here."""
    assert refusal(NhsNumber, 9990000018) == "string_type"


@given(DIGITS)
def test_each_nine_digits_have_at_most_one_check_digit(nine: str) -> None:
    """Of the ten numbers that share nine digits one is an NHS number, or none where the sum asks for ten."""
    held = [digit for digit in string.digits if nhs_number_check_digit_holds(nine + digit)]
    wanted = (11 - sum(int(digit) * (10 - at) for at, digit in enumerate(nine)) % 11) % 11
    boxed = len(set(nine + str(wanted))) == 1 or nine + str(wanted) == "9876543210"
    assert held == ([] if wanted == 10 or boxed else [str(wanted)])


@given(DIGITS, st.integers(0, 9), st.integers(1, 9))
def test_one_mistyped_digit_is_always_noticed(nine: str, at: int, by: int) -> None:
    """Eleven is prime and no weight is a multiple of it, so that one wrong digit never passes."""
    for check in string.digits:
        number = nine + check
        if nhs_number_check_digit_holds(number):
            wrong = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
            assert not nhs_number_check_digit_holds(wrong)


@given(DIGITS, st.integers(0, 8))
def test_two_neighbours_exchanged_are_always_noticed(nine: str, at: int) -> None:
    """Neighbouring weights differ by one, so that exchanging two different digits never passes."""
    for check in string.digits:
        number = nine + check
        if nhs_number_check_digit_holds(number) and number[at] != number[at + 1]:
            assert not nhs_number_check_digit_holds(number[:at] + number[at + 1] + number[at] + number[at + 2 :])


# --- UPN ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "upn", ["B801200005001", "A950000178301", "H243278544154", "X00180001701A", "T866900119001", "D86690012001A"]
)
def test_published_upns_have_the_letter_that_fits(upn: str) -> None:
    """Published examples, one of them temporary, and two of the authority's own."""
    assert upn_check_letter_holds(upn)


@pytest.mark.parametrize(
    ("upn", "why"),
    [
        ("Q207000016049", "the help pages' worked example: its sum is 266, not 267"),
        ("B207000016049", "the same without its letter worked out"),
        ("Z00180001701A", "as made by a generator that adds two to a temporary letter"),
        ("X00180001701a", "in lower case: normalise before asking"),
        ("X00180001701S", "ends in a letter that no UPN has"),
        ("X0018000170IA", "a letter before the last place"),
        ("X0018000170", "too short"),
        ("", "nothing"),
        ("X٠٠١٨٠٠٠١٧٠١A", "the digits of another script"),
        ("T8669001190011", "too long"),
    ],
)
def test_upns_with_another_letter_do_not_hold(upn: str, why: str) -> None:
    """Traps in published material, and what has not the form of a UPN at all."""
    assert not upn_check_letter_holds(upn), why


def test_the_worked_example_ends_with_its_true_letter() -> None:
    """B207000016049 of the help pages, worked out right: 266 modulo 23 is 13, the letter P."""
    assert upn_check_letter_holds("P207000016049")


@given(st.text(alphabet=string.digits, min_size=11, max_size=11), st.sampled_from(string.digits + UPN_LETTERS))
def test_exactly_one_letter_fits_a_upn(body: str, last: str) -> None:
    """Permanent or temporary, each twelve figures have one check letter, found by the DfE's sum."""
    values = [int(digit) for digit in body] + [int(last) if last.isdigit() else UPN_LETTERS.index(last)]
    letter = UPN_LETTERS[sum(value * weight for weight, value in enumerate(values, 2)) % 23]
    held = [one for one in string.ascii_uppercase if upn_check_letter_holds(one + body + last)]
    assert held == [letter]


@pytest.mark.parametrize("last", ["I", "O", "S", "a", "-", "²"])
def test_no_letter_fits_a_upn_that_ends_in_none_of_its_figures(last: str) -> None:
    """Whatever stands in front: what is not in the alphabet has no value to add."""
    assert not any(upn_check_letter_holds(f"{letter}00180001701{last}") for letter in string.ascii_uppercase)


@given(st.text(max_size=20))
def test_any_text_can_be_asked_for_its_letter(text: str) -> None:
    """The question is for input of every kind, and answers without raising."""
    assert upn_check_letter_holds(text) in (True, False)


def test_a_upn_whose_letter_fails_is_still_taken() -> None:
    """Most UPNs of the sector's own test data fail: a query for a person, not a reason to lose a register."""
    assert read(Upn, "a866900119001") == "A866900119001"


@pytest.mark.parametrize(
    "written", ["T86690011900", "T8669001190011", "1866900119001", "T86690011900-", "T86690011900É", "ß86690011900"]
)
def test_what_has_not_the_form_of_a_upn_is_refused(written: str) -> None:
    """A letter and twelve figures are needed even where the letter is not asked."""
    assert refusal(Upn, written) == "upn_form"


# --- other identifiers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "good", "bad", "code"),
    [
        (Urn, "900101", "90010", "urn_form"),
        (Urn, "000001", "9001011", "urn_form"),
        (LaCode, "866", "86", "la_code_form"),
        (LaCode, "001", "86A", "la_code_form"),
        (OdsCode, "ZZ1", "ZZ", "ods_code_form"),
        (OdsCode, "ZZ9001", "ZZ-90", "ods_code_form"),
        (OdsCode, "ZZ9", "zzı", "ods_code_form"),
    ],
)
def test_codes_of_registers_have_their_form(kind: Any, good: str, bad: str, code: str) -> None:
    """School, authority and organisation codes are taken by form; whether one exists is the register's to say."""
    assert read(kind, good) == good
    assert refusal(kind, bad) == code


def test_an_ods_code_is_in_capitals() -> None:
    """Codes are compared letter by letter further on."""
    assert read(OdsCode, "zz101") == "ZZ101"


@pytest.mark.parametrize(
    ("kind", "longest"), [(LocalId, 40), (Code, 20), (Name, 120), (Words, 300), (Narrative, 10_000)]
)
def test_text_has_an_end(kind: Any, longest: int) -> None:
    """Text is taken up to its length and refused one character later, and is never empty."""
    assert read(kind, "x" * longest) == "x" * longest
    assert refusal(kind, "x" * (longest + 1)) == "string_too_long"
    assert refusal(kind, "") == "string_too_short"


@pytest.mark.parametrize("hidden", ["\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ufffe"])
@pytest.mark.parametrize("kind", [Name, Words, Narrative, LocalId, Code])
def test_hidden_characters_are_refused(kind: Any, hidden: str) -> None:
    """Control characters and bidirectional overrides never travel."""
    assert refusal(kind, f"Test{hidden}well") == "hidden_character"


@pytest.mark.parametrize("kind", [Name, Words, LocalId, Code])
def test_one_line_is_one_line(kind: Any) -> None:
    """A line break within a name would end a CSV record or an HL7 segment."""
    assert {refusal(kind, f"Test{end}well") for end in "\r\n\t\x0b\x0c"} == {"hidden_character"}


def test_a_narrative_may_have_lines() -> None:
    """What somebody tells has lines and tabs."""
    assert read(Narrative, "one\r\n\ttwo") == "one\r\n\ttwo"


@pytest.mark.parametrize("name", ["Ó Briain", "D'Arcy-Smith", "Nguyễn", "李", "أحمد", "J."])
def test_names_of_every_script_are_names(name: str) -> None:
    """No name is refused for its letters."""
    assert read(Name, name) == name


# --- time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    ["20160501", "1462060800", "-1462060800", "2016-5-1", "01/05/2016", "2016-05-01T00:00:00", "2016-05-01Z", 20160501,
     1.5, True, datetime(2016, 5, 1, tzinfo=UTC), "٢٠١٦-٠٥-٠١"],
)  # fmt: skip
def test_a_day_is_written_one_way(written: object) -> None:
    """Left alone pydantic makes days in 1970 of most of these, and the evening before of midnight in summer."""
    assert refusal(Day, written) == "not_an_iso_day"


@pytest.mark.parametrize("written", ["2016-02-30", "2016-13-01"])
def test_a_day_exists(written: str) -> None:
    """The form is not enough."""
    assert refusal(Day, written).startswith("date_")


@pytest.mark.parametrize("written", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31"])
def test_days_that_stand_for_none_are_refused(written: str) -> None:
    """The first and last day of a calendar are what systems write for an unknown day."""
    assert refusal(Day, written) == "implausible_day"


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_every_plausible_day_is_kept(day: date) -> None:
    """As a day or as text it is the same day."""
    assert read(Day, day) == read(Day, day.isoformat()) == day


@pytest.mark.parametrize(
    "written",
    ["20160501100000+0100", "1462060800", "-1462060800", "2016-05-01", "10:00", 1462060800, 1.5, True,
     date(2016, 5, 1)],
)  # fmt: skip
def test_an_instant_is_written_one_way(written: object) -> None:
    """Numbers, HL7's own form and a mere day are no instants."""
    assert refusal(Moment, written) == "not_an_iso_moment"


@pytest.mark.parametrize("written", ["2026-10-25T01:30:00", datetime(2026, 10, 25, 1, 30)])  # noqa: DTZ001  the point
def test_an_instant_has_an_offset(written: object) -> None:
    """Half past one on the last Sunday of October happens twice."""
    assert refusal(Moment, written) == "no_offset"


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_instants_at_the_ends_of_the_calendar_are_refused(written: str) -> None:
    """They stand for none, and their offset would lead out of the calendar."""
    assert refusal(Moment, written) == "implausible_moment"


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)),  # noqa: DTZ001  hypothesis wants bounds without one
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_is_kept_in_utc_to_the_millisecond(local: datetime, minutes: int) -> None:
    """The offset goes, the instant stays, and what the wire would cut off is cut off already."""
    moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    kept = read(Moment, moment)
    assert kept.tzinfo is UTC
    assert kept.microsecond % 1000 == 0
    assert timedelta(0) <= moment - kept < timedelta(milliseconds=1)
    assert read(Moment, kept.isoformat()) == kept == read(Moment, kept)


# --- how to reach somebody ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("zz99zz", "ZZ9 9ZZ"),
        ("ZZ9 9ZZ", "ZZ9 9ZZ"),
        (" zz9  9zz ", "ZZ9 9ZZ"),
        ("ZZ99 3VZ", "ZZ99 3VZ"),
        ("Z9Z9ZZ", "Z9Z 9ZZ"),
        ("ZZ9Z9ZZ", "ZZ9Z 9ZZ"),
        ("Z99ZZ", "Z9 9ZZ"),
        ("gir0aa", "GIR 0AA"),
    ],
)
def test_a_postcode_is_kept_one_way(written: str, kept: str) -> None:
    """Upper case, one space, whatever the sender's habit."""
    assert read(Postcode, written) == kept


@pytest.mark.parametrize(
    "written", ["", "ZZ9", "ZZ9 9Z", "9ZZ ZZ9", "ZZ9 9ZZ, Swindon", "ZZZ9 9ZZ", "ſZ9 9ZZ", "ßZ9 9ZZ", "ZZ٩ 9ZZ"]
)
def test_a_part_of_a_postcode_is_none(written: str) -> None:
    """Half a postcode compares equal to nothing."""
    assert refusal(Postcode, written) == "postcode_form"


OUTWARD = st.from_regex(r"(?:[A-Z]{1,2}[0-9][A-Z0-9]?|GIR)", fullmatch=True)
INWARD = st.from_regex(r"[0-9][A-Z]{2}", fullmatch=True)


@given(OUTWARD, INWARD, st.sampled_from(["", " ", "  ", "\u00a0", "-"]), st.booleans())
def test_reading_a_postcode_again_changes_nothing(outward: str, inward: str, gap: str, lower: bool) -> None:
    """However it was written there is one form, and that form stays."""
    written = f"{outward}{gap}{inward}"
    kept = read(Postcode, written.lower() if lower else written)
    assert kept == f"{outward} {inward}" == read(Postcode, kept)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("01632 960 101", "01632960101"),
        ("+44 (0)1632 960101", "+441632960101"),
        ("0044 (0) 1632 960101", "00441632960101"),
        ("(01632) 960-101", "01632960101"),
        ("tel:+441632960101", "+441632960101"),
        ("101", "101"),
    ],
)
def test_a_telephone_can_be_dialled(written: str, kept: str) -> None:
    """What is left is what may follow `tel:` in DCB1609."""
    assert read(Phone, written) == kept


@pytest.mark.parametrize(
    "written",
    ["", "+", "01632 960101 (mum)", "01632 960101 / 07700 900123 x", "1" * 16, "++441632960101", "٠١٦٣٢٩٦٠١٠١"],
)
def test_what_cannot_be_dialled_is_refused(written: str) -> None:
    """Words, two numbers and the digits of other scripts are for a person to sort out."""
    assert refusal(Phone, written) == "phone_form"


@given(st.text(max_size=30))
def test_a_telephone_is_refused_or_fits_behind_tel(written: str) -> None:
    """Of any text either nothing is kept or what the upload's schema takes: an optional plus, then digits."""
    try:
        kept = read(Phone, written)
    except ValidationError:
        return
    assert kept.removeprefix("+").isascii()
    assert kept.removeprefix("+").isdigit()


@pytest.mark.parametrize(
    "written", ["nobody", "a@b@c", "Avery <a@example.org>", "a@example.org,b@example.org", "a\u200b@example.org"]
)
def test_an_e_mail_address_is_one_address(written: str) -> None:
    """Lists, display names and invisible characters send to somebody else."""
    assert read(Email, "avery.testwell+school@example.org") == "avery.testwell+school@example.org"
    assert refusal(Email, written) == "email_form"


# --- lists ----------------------------------------------------------------------------------------------------


def test_every_mark_has_one_statistical_class() -> None:
    """SI 2024/208: the marks from August 2024, each counted, each class in use, and no retired one among them."""
    listed = r"/ \ B C C1 C2 D E G I J1 K L M N O P Q R S T U V W X Y1 Y2 Y3 Y4 Y5 Y6 Y7 Z #"
    marks = listed.split()
    assert sorted(get_args(AttendanceMark)) == sorted(marks)
    assert sorted(STATISTICAL_CLASS) == sorted(marks)
    assert set(STATISTICAL_CLASS.values()) == set(get_args(StatisticalClass))
    assert set(marks).isdisjoint(RETIRED_MARKS)


@pytest.mark.parametrize(
    ("marks", "counted"),
    [
        (r"/ \ L", "attending"),
        ("B K P V W", "attending_elsewhere"),
        ("D", "dual_registered"),
        ("C C1 C2 E I J1 M R S T", "authorised"),
        ("G N O U", "unauthorised"),
        ("Q Y1 Y2 Y3 Y4 Y5 Y6 Y7", "unable_to_attend"),
        ("X Z #", "not_required"),
    ],
)
def test_marks_are_counted_as_the_regulations_say(marks: str, counted: str) -> None:
    """SI 2024/208, tables 1 to 3 and regulation 10: which absence is authorised decides who hears of it."""
    assert {STATISTICAL_CLASS[mark] for mark in marks.split()} == {counted}  # type: ignore[index]  # one by one


@pytest.mark.parametrize(
    ("codes", "count"),
    [
        (ReferralSource, 22),
        (FactorCode, 44),
        (EthnicityCode, 20),
        (Placement, 32),
        (ReasonEnded, 22),
        (ReversalReason, 4),
    ],
)
def test_code_lists_are_complete(codes: Any, count: int) -> None:
    """As many codes as the census or return has, none of them twice."""
    assert len(get_args(codes)) == len(set(get_args(codes))) == count


def test_retired_codes_are_still_understood_but_marked() -> None:
    """Case systems send them for years; they are in their lists and named for a query."""
    assert set(get_args(FactorCode)) >= RETIRED_FACTORS == {"18A", "19A"}
    assert set(get_args(Placement)) >= RETIRED_PLACEMENTS == {"H5", "P2", "Z1"}


# --- silence --------------------------------------------------------------------------------------------------

TELLTALE = "Zq7"


@given(
    st.sampled_from([NhsNumber, Upn, Urn, LaCode, OdsCode, Postcode, Phone, Email, Day, Moment]), st.text(max_size=6)
)
def test_no_refusal_repeats_the_value(kind: Any, more: str) -> None:
    """The code and its sentence are the same whatever was sent."""
    value = f"{TELLTALE}{more}<{TELLTALE}!"  # with an @ between them it would be an address, but for the bracket
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    for fault in caught.value.errors(include_input=False, include_url=False):
        assert TELLTALE not in fault["type"] + fault["msg"]
        assert not fault.get("ctx")
