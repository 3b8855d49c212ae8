"""The Common Transfer File is read again by a reader that shares no code with its writer, and what is none is told."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.schools import ctf
from connectors.schools.outbound import pupil_in_care_as_xml
from hub.envelope import Envelope
from hub.errors import NotUnderstood
from hub.formats import xml
from hub.outbound import Letter, Run

AT = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)
FIRST = "X866400115001"
SECOND = "L866400115002"


def pupil(upn=FIRST, dfe_number="8664001", **more):
    return {
        "pupil": {"upn": upn, "surname": "Sampler", "forename": "Ada", "born": date(2013, 11, 4), "sex": "F"},
        "care": {"in_care": True, "authority": "866"},
        "school": {"urn": "990001", "dfe_number": dfe_number},
        **more,
    }


def letters(*values):
    papers = Envelope("0" * 32, "/tests", "pupil-in-care.v1", AT, "00-" + "0" * 32 + "-" + "0" * 16 + "-01")
    return [Letter(one, papers) for one in values]


class Reader:
    """A school's import: by the order of elements that it knows, and by nothing of ours."""

    # fmt: off
    KNOWN = (
        "UPN", "UniqueLearnerNumber", "UCI", "Surname", "Forename", "DOB", "Sex", "BasicDetails", "FSMhistory",
        "LookedAfter", "SENhistory", "Address", "Phones", "Email", "Contacts", "Attendance", "StageAssessments",
        "SchoolHistory",
    )
    # fmt: on

    def __init__(self, data: bytes) -> None:
        root = ElementTree.fromstring(data)  # noqa: S314  what we wrote ourselves
        assert root.tag == "CTfile"
        assert [part.tag for part in root] == ["Header", "CTFpupilData"]
        self.header = {one.tag: one.text for one in root[0]}
        self.source = {one.tag: one.text for one in root[0].find("SourceSchool")}
        self.destination = {one.tag: one.text for one in root[0].find("DestSchool")}
        assert {one.tag for one in root[1]} == {"Pupil"}
        self.pupils = list(root[1])
        for one in self.pupils:
            tags = [part.tag for part in one]
            assert tags == sorted(set(tags), key=self.KNOWN.index)

    def said(self, number: int, path: str) -> str | None:
        """The text at *path* of a pupil."""
        return self.pupils[number].findtext(path)


def test_a_school_reads_what_the_virtual_school_said():
    """Header, identity, care status, needs, attendance and schools come out as they went in."""
    whole = pupil(
        special_needs={"provision": "K", "since": date(2024, 1, 8)},
        attendance={
            "year": 2025, "dfe_number": "8662999", "possible": 380, "attended": 350, "authorised": 20,
            "unauthorised": 10,
        },
        former_school={"dfe_number": "8662999", "name": "Old", "started": None, "left": date(2026, 7, 21)},
    )  # fmt: skip
    made = pupil_in_care_as_xml(letters(whole), Run(7, AT))
    file = Reader(made.body)
    assert made.name == "866LLLL_CTF_8664001_007.xml"
    assert (file.header["DocumentName"], file.header["CTFversion"]) == ("Common Transfer File", "25.0")
    assert (file.header["DocumentQualifier"], file.header["DateTime"]) == ("partial", "2026-09-15T10:30:00")
    assert (file.source["LEA"], file.source["Estab"], file.source["AcademicYear"]) == ("866", "LLLL", "2026")
    assert file.destination == {"LEA": "866", "Estab": "4001"}
    said = {
        "UPN": FIRST, "DOB": "2013-11-04", "Sex": "F", "LookedAfter/InCare": "true", "LookedAfter/CareAuthority": "866",
        "SENhistory/SEN/SENprovision": "K", "Attendance/YearData/SessionsPossible": "380",
        "Attendance/YearData/SessionsUnauthorised": "10", "SchoolHistory/School[1]/LeavingDate": "2026-07-21",
        "SchoolHistory/School[2]/Estab": "4001",
    }  # fmt: skip
    assert {path: file.said(0, path) for path in said} == said


def test_several_pupils_of_a_school_go_in_one_file_and_each_letter_knows_its_record():
    """A pupil who was said twice stands once, with the newest word, where both letters then lead."""
    moved = pupil() | {"care": {"in_care": False, "authority": "866"}}
    made = pupil_in_care_as_xml(letters(pupil(), pupil(SECOND), moved), Run(1, AT))
    file = Reader(made.body)
    assert [one.findtext("UPN") for one in file.pupils] == [FIRST, SECOND]
    assert file.said(0, "LookedAfter/InCare") == "false"
    assert made.records == (1, 2, 1)


def test_the_same_letters_are_the_same_bytes_at_every_attempt():
    """What is tried again must be recognised as the same file: its time is the run's, not the clock's."""
    first, second = (pupil_in_care_as_xml(letters(pupil(), pupil(SECOND)), Run(3, AT)) for _ in range(2))
    assert first == second


def test_pupils_of_two_establishments_never_share_a_file():
    """One URN with two numbers is somebody's mistake: no school may be told of the other's pupil."""
    with pytest.raises(NotUnderstood) as caught:
        pupil_in_care_as_xml(letters(pupil(), pupil(SECOND, "8664002")), Run(1, AT))
    assert caught.value.code == "ctf.two-schools"


@pytest.mark.parametrize(
    ("number", "serial"), [(1, "001"), (42, "042"), (999, "999"), (1000, "001"), (1998, "999"), (1999, "001")]
)
def test_the_serial_has_three_digits_and_begins_anew_after_999(number, serial):
    """The name has room for three digits; 000 is none."""
    assert ctf.file_name("8664001", number) == f"866LLLL_CTF_8664001_{serial}.xml"


def test_a_file_that_is_not_numbered_has_no_name_of_the_standard():
    """The name needs a serial: without one the road names the file."""
    assert pupil_in_care_as_xml(letters(pupil()), Run(0, AT)).name == ""


@pytest.mark.parametrize(
    ("day", "year"), [(date(2026, 8, 31), 2025), (date(2026, 9, 1), 2026), (date(2027, 1, 1), 2026)]
)
def test_the_academic_year_is_named_by_the_year_in_which_it_began(day, year):
    """It begins with September."""
    assert ctf.academic_year(day) == year


def test_the_time_is_that_of_clocks_in_england():
    """A file of January is not an hour off."""
    at = datetime(2027, 1, 5, 8, 0, tzinfo=UTC)
    assert Reader(pupil_in_care_as_xml(letters(pupil()), Run(1, at)).body).header["DateTime"] == "2027-01-05T08:00:00"


GOOD = pupil_in_care_as_xml(letters(pupil()), Run(1, AT)).body.decode()


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ("CTFpupilData>", "Pupils>", "CTfile/CTFpupilData"),
        ("CTfile>", "CTFile>", "CTfile"),
        ("Pupil>", "Learner>", "CTfile/CTFpupilData/Pupil"),
        ("<Sex>F</Sex>", "<Gender>F</Gender>", "Pupil/Sex"),
        ("<Sex>F</Sex>", "<Sex>Female</Sex>", "Sex"),
        ("<DOB>2013-11-04</DOB>", "<DOB>04/11/2013</DOB>", "DOB"),
        ("<DOB>2013-11-04</DOB><Sex>F</Sex>", "<Sex>F</Sex><DOB>2013-11-04</DOB>", "Pupil"),
        ("<Surname>Sampler</Surname>", "<Surname>A</Surname><Surname>B</Surname>", "Pupil"),
        (f"<UPN>{FIRST}</UPN>", "", "Pupil/UPN"),
        (f"<UPN>{FIRST}</UPN>", "<UPN>866400115001</UPN>", "UPN"),
        ("<LookedAfter><InCare>true</InCare><CareAuthority>866</CareAuthority></LookedAfter>", "", "Pupil/LookedAfter"),
        ("<InCare>true</InCare>", "<InCare>Y</InCare>", "InCare"),
        ("<Estab>4001</Estab></DestSchool>", "</DestSchool><Extra/>", "Header/Extra"),
        ("</CTFpupilData>", "<Contact/></CTFpupilData>", "CTFpupilData/Contact"),
        ("2026-09-15T10:30:00", "2026-09-15 10:30", "DateTime"),
    ],
)
def test_what_is_no_common_transfer_file_is_told_by_its_element(written, instead, fault):
    """A builder that writes `<Pupils>`, a name of before 2024, a day in English order, two elements changed round."""
    assert written in GOOD
    assert fault in set(ctf.faults(xml.document(GOOD.replace(written, instead).encode())))


def test_what_we_write_has_no_fault():
    """The rules that catch the others let ours through."""
    assert list(ctf.faults(xml.document(GOOD.encode()))) == []


def test_a_pupil_that_the_standard_cannot_carry_does_not_leave():
    """A number that is none of its form is parked with the element's name, and without the number."""
    with pytest.raises(NotUnderstood) as caught:
        pupil_in_care_as_xml(letters(pupil("not a UPN")), Run(1, AT))
    assert (caught.value.code, caught.value.place) == ("ctf.form", "UPN")
    assert "not a UPN" not in str(caught.value)


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1)


@given(names, names, st.permutations([FIRST, SECOND]))
def test_any_name_is_read_as_it_was_written(surname, forename, upns):
    """Signs that XML needs for itself are no end of a name, and no beginning of an element."""
    said = [pupil(one) for one in upns]
    for one in said:
        one["pupil"] |= {"surname": surname, "forename": forename}
    try:
        file = Reader(pupil_in_care_as_xml(letters(*said), Run(1, AT)).body)
    except ValueError:  # what XML 1.0 has no way to write, such as U+FFFE
        assert re.search("[\ufffe\uffff]", surname + forename)
        return
    for number, path in itertools.product(range(2), ("Surname", "Forename")):
        assert file.said(number, path) == (surname if path == "Surname" else forename)
