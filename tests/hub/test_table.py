"""A row becomes an event by its columns; what does not fit is told at the column, or left out where it may be."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import pytest
from pydantic import Field

from hub.agency import Saying
from hub.errors import NotUnderstood
from hub.formats import csv
from hub.inbound import Query
from hub.stream import Event
from hub.table import Table


class Friend(Event):
    """Somebody a badger knows."""

    name: str | None = None
    age: Annotated[int | None, Field(le=20)] = None


class Home(Event):
    """Where a badger lives."""

    sett: str | None = None


class Badger(Event):
    """Nobody's record."""

    name: str
    seen: date
    sex: Literal["M", "F"] | None = None
    home: Home | None = None
    friends: tuple[Friend, ...] = ()


COLUMNS = {
    "name": ("NAME", "OLD_NAME"), "seen": "SEEN", "sex": "SEX", "home.sett": "SETT",
    "friends.0.name": "F1", "friends.0.age": "A1", "friends.1.name": "F2", "friends.1.age": "A2",
}  # fmt: skip
TABLE = Table(Badger, COLUMNS, doubtful={"sex": "sex.unknown", "friends.1.age": "age.unlikely"})


def made(**cells: str) -> list[Event | Query]:
    data = "\n".join([",".join(cells), ",".join(cells.values())]).encode()
    (item,) = csv.parse(data, Saying(format="csv", by="files", into=("badgers",)))
    return list(TABLE.event(item.message))


def test_cells_become_fields_of_their_type():
    """Each cell is read as its field's type wants it."""
    (badger,) = made(NAME="Brock", SEEN="01/02/2026", SEX="M", SETT="Oak")
    assert badger == Badger(name="Brock", seen=date(2026, 2, 1), sex="M", home=Home(sett="Oak"))


def test_the_first_column_that_is_not_blank_counts():
    """Layouts rename their columns; both names are known."""
    assert made(NAME="", OLD_NAME="Grey", SEEN="2026-02-01")[0].name == "Grey"


def test_a_record_and_a_list_of_which_nothing_is_there_are_left_out():
    """A blank address is no address, and a blank friend no friend."""
    (badger,) = made(NAME="Brock", SEEN="2026-02-01", SETT="", F1="", A1="", F2="Meles", A2="3")
    assert badger.home is None
    assert badger.friends == (Friend(name="Meles", age=3),)


def test_a_blank_cell_that_is_needed_is_refused_at_its_column():
    """The sender is told the column, not the hub's name for it."""
    with pytest.raises(NotUnderstood) as caught:
        made(NAME="Brock", SEEN="")
    assert (caught.value.code, caught.value.place) == ("cell.blank", "SEEN")


def test_a_record_that_can_be_absent_is_whole_or_not_there():
    """What a record cannot do without is asked for once anything of it is filled in, and not before."""

    class Tail(Event):
        length: int
        colour: str | None = None

    class Dog(Event):
        name: str
        tail: Tail | None = None

    table = Table(Dog, {"name": "NAME", "tail.length": "LENGTH", "tail.colour": "COLOUR"})

    def dog(cells: bytes) -> Dog:
        (item,) = csv.parse(b"NAME,LENGTH,COLOUR\n" + cells, Saying(format="csv", by="files", into=("dogs",)))
        return next(table.event(item.message))

    assert dog(b"Rex,,").tail is None
    assert dog(b"Rex,9,").tail == Tail(length=9)
    with pytest.raises(NotUnderstood) as caught:
        dog(b"Rex,,brown")
    assert (caught.value.code, caught.value.place) == ("cell.blank", "LENGTH")


def test_a_doubtful_cell_is_left_out_and_queried():
    """The event stands without it, in a record of a list too, whose number shifts when one before it is blank."""
    badger, *queries = made(NAME="Brock", SEEN="2026-02-01", SEX="X", F1="", F2="Meles", A2="99")
    assert (badger.sex, badger.friends) == (None, (Friend(name="Meles"),))
    assert queries == [Query("sex.unknown", "SEX"), Query("age.unlikely", "A2")]


def test_a_doubtful_cell_that_cannot_be_read_is_queried_too():
    """It makes no difference whether the type or the rule says no."""
    badger, query = made(NAME="Brock", SEEN="2026-02-01", F2="Meles", A2="old")
    assert (badger.friends, query) == ((Friend(name="Meles"),), Query("age.unlikely", "A2"))


def test_what_is_not_doubtful_is_refused_at_its_column():
    """One sure fault refuses the row, whatever else is only doubtful."""
    with pytest.raises(NotUnderstood) as caught:
        made(NAME="Brock", SEEN="2026-02-01", SEX="X", F1="Meles", A1="99")
    assert (caught.value.code, caught.value.place) == ("invalid.less-than-equal", "A1")


def test_values_that_are_given_are_not_read():
    """What a connector worked out itself stands, even over a cell that could not be read."""
    data = b"NAME,SEEN\nBrock,yesterday"
    (item,) = csv.parse(data, Saying(format="csv", by="files", into=("badgers",)))
    assert next(TABLE.event(item.message, {"seen": date(2026, 2, 1)})).seen == date(2026, 2, 1)


@pytest.mark.parametrize("columns", [{"name": "NAME", "nmae": "X"}, {"name": "NAME", "friends.0.nmae": "X"}])
def test_a_field_that_is_not_there_is_a_fault_of_ours(columns):
    """A slip in a table is found when the connector is loaded, not when the first file comes."""
    with pytest.raises(ValueError, match="no field"):
        Table(Badger, columns)
    with pytest.raises(ValueError, match="no column"):
        Table(Badger, {"name": "NAME"}, doubtful={"sex": "sex.unknown"})
