"""What goes to the child health record is the NHS school-move extract, column by column."""

from __future__ import annotations

import csv as plain
import io

from hub.formats import csv_write

COLUMNS = (
    "NHS_REF SURNAME FORENAME GENDER DOB ADDRESS1 ADDRESS2 ADDRESS3 TOWN POSTCODE COUNTY ETHNIC_OR ETHNIC_DESCRIPTION "
    "NATIONAL_URN_NO BASE_NAME STARTDATE STUD_ID DES_NUMBER"
)
"""As NHS Mavis's exporter of school moves writes them."""


def test_the_heading_is_that_of_the_school_move_extract(catalog):
    """Eighteen columns, each by its name, in its place; an import that misses one fails."""
    (door,) = catalog.agencies["chis"].hears["child_demographics"].doors
    heading = csv_write.render([], door.columns).decode()
    assert heading == COLUMNS.replace(" ", ",") + "\r\n"
    assert len(next(plain.reader(io.StringIO(heading)))) == 18


def test_ethnic_group_has_its_columns_and_is_never_in_them(catalog):
    """The layout has room for it and the policy has not: the columns are there, and always blank."""
    (door,) = catalog.agencies["chis"].hears["child_demographics"].doors
    assert (door.columns["ETHNIC_OR"], door.columns["ETHNIC_DESCRIPTION"]) == (None, None)
    granted = catalog.policies["chis"].hears["child_demographics"]
    assert not [path for path in (*granted.fields, *granted.coarse) if "ethnic" in path]


def test_an_import_is_given_names_as_they_are(catalog):
    """What a spreadsheet would need marked, an import would keep as part of the name."""
    (door,) = catalog.agencies["chis"].hears["child_demographics"].doors
    row = {"child": {"surname": "=Tester", "forename": "-Ada"}}
    written = csv_write.render([row], door.columns, opened_in=door.opened_in).decode().splitlines()[1]
    assert written.startswith(",=Tester,-Ada,")
