"""The opt-out of 16-year-olds, from a caseload system's file to what the provider of youth support hears."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.participation_team.inbound import CCIS, ccis
from hub.agency import Saying
from hub.catalog import Catalog
from hub.formats.csv import parse
from hub.gates import of_age
from hub.policy import matches
from hub.stream import pick
from schemas.participation import NEET, ActivityCode, ParticipationRecorded

HOME = Path(__file__).parents[2] / "connectors"
HEARD = HOME / "youth_support" / "examples" / "participation"
SAID = HOME / "participation_team" / "examples" / "ccis"
LEFT = {"FamilyName", "GivenName", "DOB", "AddressLine1", "AddressLine2", "AddressLine3", "Town", "County", "Postcode"}
"""What the Education and Skills Act 2008 s.14(2)(a) has told of everybody: name, address and date of birth."""


def told(name: str) -> dict[str, str]:
    """The one row that the provider gets."""
    (row,) = csv.DictReader(io.StringIO((HEARD / f"{name}.csv").read_text(encoding="utf-8")))
    return row


def recorded(**cells: str) -> ParticipationRecorded:
    """What becomes of the sound row with some other cells."""
    text = (SAID / "not_in_education_employment_or_training.csv").read_text(encoding="utf-8")
    (row,) = csv.DictReader(io.StringIO(text))
    out = io.StringIO()
    writer = csv.DictWriter(out, row)
    writer.writeheader()
    writer.writerow(row | cells)
    saying = Saying(format="csv", by="files", into=("participation",))
    (item,) = parse(out.getvalue().encode(), saying)
    (event,) = (one for one in ccis(item.message) if isinstance(one, ParticipationRecorded))  # type: ignore[arg-type]  # a sound row
    return event


def test_of_who_opted_out_only_name_address_and_date_of_birth_are_told() -> None:
    """The same young person with and without an opt-out: what the Act leaves is the same, all else is blank."""
    whole = told("not_in_education_employment_or_training")
    less = told("opted_out_and_only_name_address_and_date_of_birth")
    assert {name for name, cell in whole.items() if cell} > LEFT
    assert {name: cell for name, cell in less.items() if cell} == {name: whole[name] for name in LEFT}


def test_an_opt_out_leaves_what_the_act_names_and_no_more(catalog: Catalog) -> None:
    """Of the grant: surname, forename, date of birth and the lines of the address."""
    grant = catalog.policies["youth_support"].hears["participation"]
    columns = catalog.agencies["youth_support"].hears["participation"].doors[0].columns
    assert {name for name, path in columns.items() if path in grant.even_if.opted_out} == LEFT
    assert set(grant.even_if.opted_out) < {*grant.fields, *grant.coarse}


@pytest.mark.parametrize("days", [-366, -1, 0, 1, 366])
def test_who_is_sixteen_is_told_by_the_row_and_never_by_a_clock(days: int) -> None:
    """On the birthday and after it, by the last day of the period alone."""
    ended = date(2026, 8, 31)
    born = date(2010, 8, 31) - timedelta(days=days)
    event = recorded(DOB=born.isoformat(), PeriodEnd=ended.isoformat())
    assert event.young_person.sixteen is (days >= 0) is of_age(born, ended)


def test_whether_somebody_is_heard_of_follows_from_activity_age_and_cohort(catalog: Catalog) -> None:
    """All activities, ages and cohorts, against the sentence of the privacy notice: 16 and more, and in nothing."""
    where = catalog.policies["youth_support"].hears["participation"].where
    heard = 0
    for code, born, cohort in itertools.product(
        ActivityCode.__args__, ("2010-08-31", "2010-09-01"), ("P", "G", "A", "L", "T", "E", "M", "D")
    ):
        values = recorded(ActivityCode=code, DOB=born, CohortStatus=cohort).model_dump()
        may = code in NEET and born == "2010-08-31" and cohort in ("P", "G")
        assert all(matches(pick(values, path), accepted) for path, accepted in where.items()) == may
        heard += may
    assert heard == 2 * len(NEET)


def test_the_provider_never_hears_why(catalog: Catalog) -> None:
    """Neither the code of the activity, which may be an illness or a belief, nor any characteristic, nor a number."""
    grant = catalog.policies["youth_support"].hears["participation"]
    heard = {*grant.fields, *grant.coarse, *grant.where}
    assert not heard & {
        "activity.code", "young_person.characteristics", "young_person.ehcp", "young_person.sen_support",
        "young_person.ethnicity", "young_person.id", "young_person.upn", "young_person.uln", "young_person.case_id",
    }  # fmt: skip
    assert grant.basis.article9 is None  # so nothing of UK GDPR article 9 may be granted: `hub check` sees to it


def test_every_column_that_the_readme_names_is_read() -> None:
    """And every column that is read stands in README.md, so that a caseload system can be made to export it."""
    text = (HOME / "participation_team" / "README.md").read_text(encoding="utf-8")
    fields: Any = CCIS._fields
    read = {column for field in fields for column in field.columns} | {"CharacteristicCode", "AddressLine4"}
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| column")]
    named = {name.strip() for line in lines for name in line.split("|")[1].split(",")}
    assert read - {"AddressLine2", "AddressLine3", "AddressLine1", "AddressLine4"} == named - {
        "AddressLine1 to AddressLine4"
    }
