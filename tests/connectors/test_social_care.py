"""What social care's files come to, counted to the unit: most numbers in them are doubtful, and no child is lost."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from pydantic import BaseModel

from connectors.social_care.inbound import FLAGS
from connectors.social_care.status import SharingStatus
from hub.catalog import folder_of
from hub.inbound import Queried, Refusal, SetAside, Understood, read
from hub.stream import facts_of, unwrap
from schemas.cpis_flag import FlagChanged
from schemas.fields import upn_check_letter_holds
from schemas.sharing_status import SharingStatusRecorded

# By file: line, rows, queried; one event a row, and where that row ends in an adoption order one that says so.
FILES = {
    "header.csv": ("ssda903_header", 2_675, {("upn.check-letter", "UPN"): 2_568}),
    "episodes.csv": ("ssda903_episodes", 5_050, {("adoption.other-numbers", "CHILD"): 113}),
    "placed_for_adoption.csv": ("ssda903_placed_for_adoption", 29, {("code.unknown", "REASON_PLACED_CEASED"): 29}),
    "placed_for_adoption_errors.csv": (
        "ssda903_placed_for_adoption", 30, {("code.unknown", "REASON_PLACED_CEASED"): 30},
    ),
    "ad1.csv": ("ssda903_ad1", 29, {("adoption.order-not-said", "CHILD"): 29}),
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), list(FILES.items()))
def test_every_row_of_the_return_is_an_event(catalog, keys, public_data, name, expected):
    """
    Nothing of the public return is set aside or refused; what is doubtful in it is queried, and counted.

    107 of its 2,675 UPNs pass their check letter, and its reasons for ceasing all are XXX. 113 of its episodes ended
    with an adoption order.
    """
    line, rows, queried = expected
    outcomes = list(read(catalog.line("social_care", line), (public_data / "ssda903" / name).read_bytes(), keys))
    said = Counter(type(one.event) is SharingStatusRecorded for one in outcomes if isinstance(one, Understood))
    assert (said[False], said[True]) == (rows, 113 if line == "ssda903_episodes" else 0)
    assert [one for one in outcomes if isinstance(one, SetAside | Refusal)] == []
    assert Counter((one.code, one.place) for one in outcomes if isinstance(one, Queried)) == queried


NOT_NEEDED = {
    "reviews.csv": "SSDA903 reviews", "uasc.csv": "SSDA903 uasc", "oc2.csv": "SSDA903 oc2", "oc3.csv": "SSDA903 oc3",
    "previous_permanence.csv": "SSDA903 prev_perm", "missing.csv": "SSDA903 missing",
    "sw_episodes.csv": "SSDA903 sw_episodes", "DoLo.csv": "SSDA903 DoLo",
}  # fmt: skip


@pytest.mark.parametrize(("name", "called"), list(NOT_NEEDED.items()))
@pytest.mark.parametrize("line", ["ssda903_header", "ssda903_episodes", "ssda903_ad1", "adoptions"])
def test_a_file_that_nobody_needs_is_refused_by_its_name_in_any_folder(catalog, keys, public_data, line, name, called):
    """What is not asked for is not taken, whatever mark or folder it has, and its sender is told which file it was."""
    data = (public_data / "ssda903" / name).read_bytes()
    (refusal,) = read(catalog.line("social_care", line), data, keys)
    assert (refusal.code, refusal.place) == ("file.not-needed", called)


def test_a_file_in_the_folder_of_another_line_is_refused_with_the_name_of_its_own(catalog, keys, public_data):
    """The wrong folder is a slip of the hand; the answer says where to put the file."""
    for name, (line, *_) in FILES.items():
        for other in {one for one, *_ in FILES.values()} - {line}:
            data = (public_data / "ssda903" / name).read_bytes()
            (refusal,) = read(catalog.line("social_care", other), data, keys)
            assert (refusal.code, refusal.place) == ("csv.other-line", line)


def test_every_file_of_the_return_is_either_taken_or_named_as_not_needed(public_data):
    """A file that the return gains must be decided about."""
    assert {path.name for path in (public_data / "ssda903").iterdir()} == FILES.keys() | NOT_NEEDED.keys()


def test_the_readme_names_every_file_that_is_not_needed_with_its_columns(catalog):
    """Who sends can look it up beforehand."""
    text = (folder_of("connectors") / "social_care" / "README.md").read_text(encoding="utf-8")
    table = text.split("| file | by these columns |\n|---|---|\n")[1].split("\n\n")[0]
    unneeded = catalog.agencies["social_care"].unneeded
    assert table.splitlines() == [f"| {name} | {', '.join(columns)} |" for name, columns in unneeded.items()]


def test_a_doubtful_number_is_kept_as_it_is(catalog, keys, public_data):
    """The event carries the UPN whose check letter fails: the school knows its pupil by it all the same."""
    data = (public_data / "ssda903" / "header.csv").read_bytes()
    events = [
        one.event for one in read(catalog.line("social_care", "ssda903_header"), data, keys) if hasattr(one, "event")
    ]
    assert sum(event.child.upn is not None for event in events) == 2_675
    assert sum(upn_check_letter_holds(event.child.upn) for event in events) == 107


def test_codes_and_days_of_the_return_are_read_as_its_guide_says(catalog, keys):
    """Day first, 2 is a girl, and the mother's column is a table program's 1.0."""
    data = b"CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n7,2,01/02/2009,WBRI,,1.0,03/04/2026\n"
    (one,) = read(catalog.line("social_care", "ssda903_header"), data, keys)
    child = one.event.child
    assert (child.sex, child.born, child.mother, child.mothers_child_born) == (
        "F", date(2009, 2, 1), True, date(2026, 4, 3),
    )  # fmt: skip


@pytest.mark.parametrize("column", ["NHS_NUMBER", "SURNAME", "FORENAME", "DOB", "STARTED", "AUTHORITY", "ODS_CODE"])
def test_a_flag_with_a_gap_is_refused_at_its_column(catalog, keys, column):
    """What DCB1609 needs of a flag must be there; the refusal names the column as the extract does."""
    cells = {
        "NHS_NUMBER": "9990000018", "CHILD_ID": "1", "SURNAME": "Tester", "FORENAME": "Ada", "DOB": "14/03/2019",
        "PLAN": "CPP", "STARTED": "02/02/2026 10:15", "ENDED": "", "DELETED": "", "AUTHORITY": "Swindon",
        "ODS_CODE": "866X", "OFFICE_PHONE": "01632 960101", "EMERGENCY_PHONE": "01632 960102", "WORKER_ID": "",
    }  # fmt: skip
    cells[column] = ""
    data = "\r\n".join([",".join(cells), ",".join(cells.values())]).encode()
    (refusal,) = read(catalog.line("social_care", "flags"), data, keys)
    assert (refusal.code, refusal.place) == ("cell.blank", column)


def test_every_field_of_a_flag_has_its_column():
    """A field that the stream gains must be asked of the case system too."""
    wanted = {fact.name for fact in facts_of(FlagChanged) if fact.record is None}
    assert {field.path for field in FLAGS._fields} == wanted


def rows(model, above=""):
    """Each field of a format as README.md says it."""
    for name, info in model.model_fields.items():
        kind, _, repeated = unwrap(info.annotation)
        path = f"{above}{name}{'[]' if repeated else ''}"
        yield f"| `{path}` | {'yes' if info.is_required() else ''} | {info.description} |"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from rows(kind, f"{path}.")


def test_the_readme_documents_every_field_of_the_sharing_status_with_its_sentence():
    """The table in README.md is the model's, row by row, so that a case system can be made to send it."""
    text = (folder_of("connectors") / "social_care" / "README.md").read_text(encoding="utf-8")
    table = text.split("| field | must be there | what it is |\n|---|---|---|\n")[1].split("\n\n")[0]
    assert table.splitlines() == list(rows(SharingStatus))
