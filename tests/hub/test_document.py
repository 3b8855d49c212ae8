"""Documents: YAML that hides nothing, read with the line of every entry, and refused with the line of the fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.document import LIMIT, Finding, near, read


@pytest.fixture
def document(tmp_path):
    """A function that reads what is given as a file."""

    def written(content):
        path = tmp_path / "policy.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path, "policy.yaml")

    return written


def test_a_document_knows_the_line_of_each_entry(document):
    """Keys, list entries and what is nested in them, each at the line at which it begins."""
    said = document("# a comment\nname: x\nhears:\n  stream:\n    fields:\n      - a\n      - b\n    kept: {of: 1}\n")

    assert said.value == {"name": "x", "hears": {"stream": {"fields": ["a", "b"], "kept": {"of": 1}}}}
    assert said.faults == ()
    assert said.line(("name",)) == 2
    assert said.line(("hears", "stream", "fields", 1)) == 7
    assert said.line(("hears", "stream", "kept", "of")) == 8


def test_an_entry_that_is_not_there_is_told_where_it_should_be(document):
    """A missing key is told at the line of what lacks it, and the whole file at its first line."""
    said = document("\nhears:\n  stream: {}\n")

    assert said.line(("hears", "stream", "basis", "article6")) == 3
    assert document("a: b\n").line(("c",)) == 1
    assert str(said.finding(("hears", "stream", "basis"), "is missing", "write it")) == (
        "policy.yaml:3: hears.stream.basis: is missing → write it"
    )


def test_a_finding_reads_as_one_line():
    """Place, line, what, and how to mend it where that can be said."""
    assert str(Finding("a.yaml", 3, "is odd")) == "a.yaml:3: is odd"
    assert str(Finding("a.yaml", 3, "will end", "renew it", warning=True)) == "a.yaml:3: warning: will end → renew it"


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("a: &b c\n", 1, "uses a YAML anchor or alias"),
        ("x: y\na: *b\n", 2, "uses a YAML anchor or alias"),
        ("a: &b\n  - 1\n", 1, "uses a YAML anchor or alias"),
        ("x: y\na: !!str b\n", 2, "uses a YAML tag"),
        ("a: !mine b\n", 1, "uses a YAML tag"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "uses a YAML tag"),
        ("a: !!set {b}\n", 1, "uses a YAML tag"),
        ("a: b\n'a': c\n", 2, "the key 'a' stands twice"),
        ("x:\n  a: b\n  a: c\n", 3, "the key 'a' stands twice"),
        ("x: {a: b, a: c}\n", 1, "the key 'a' stands twice"),
        ("x:\n  <<: {a: b}\n", 2, "uses a YAML merge"),
        ("? [a, b]\n: c\n", 1, "has a list or a record for a key"),
        ("x: y\nexpires: 2027-02-29\n", 2, "expires: there is no such day or number"),
        ("x:\n  - 2027-13-01\n", 2, "x.0: there is no such day or number"),
        ("2027-02-29: x\n", 1, "2027-02-29: there is no such day or number"),
        ("a: " + "9" * 5000, 1, "a: there is no such day or number"),
        ("a:\n" + "".join(f"{' ' * depth}- \n" for depth in range(1, 30)), 21, "is nested deeper than 20"),
        ("a: b\n---\nc: d\n", 2, "but found another document"),
        ("a:\n\tb: c\n", 2, "found character '\\t' that cannot start any token"),
        ("a: b\nc: 'd\n", 3, "found unexpected end of stream"),
        ("a: b\nc: \x07\n", 2, "special characters are not allowed"),
        ("a: b\nc: \u200bd\n", 2, "holds a character that nobody sees"),
        ("a: b # \u202edetnarg ton\n", 1, "holds a character that nobody sees"),
        (b"a: \xff\n", 1, "is not UTF-8"),
        ("", 1, "is empty"),
        ("# nothing\n", 1, "is empty"),
        ("a" * (LIMIT + 1), 1, f"{LIMIT + 1} bytes, over the limit of {LIMIT}"),
    ],
)
def test_what_could_hide_something_is_refused_at_its_line(content, line, what, document):
    """The value is withheld altogether: a document with a fault says nothing."""
    said = document(content)

    assert said.value is None
    assert (said.faults[0].line, said.faults[0].what) == (line, what)
    assert said.faults[0].mend


def test_a_bomb_is_told_a_few_times_only(document):
    """A thousand aliases are not a thousand lines of output."""
    assert len(document("a: &a x\nb: [" + ", ".join(["*a"] * 1000) + "]\n").faults) == 5


@pytest.mark.parametrize("content", ["[" * 60_000, "a: " + "{b: " * 12_000, "- " * 30_000, "? " * 30_000])
def test_a_bottomless_document_is_refused_and_not_followed(content, document):
    """Nesting without end exhausts neither the stack nor patience."""
    assert [fault.what for fault in document(content).faults] == ["is nested deeper than 20"]


def test_a_document_of_just_the_limit_is_read(document):
    """64 KB are within it, and a byte order mark is no character that nobody sees."""
    assert document("a: " + "b" * (LIMIT - 3)).faults == ()
    assert document("\ufeffa: b\n").value == {"a": "b"}


@given(st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"%@`#\n \t<0129._~=\\"), max_size=60))
def test_whatever_is_written_is_read_or_refused(tmp_path_factory, content):
    """No text makes anything but a document; where it has no fault it has a value, and its lines lie in it."""
    path = tmp_path_factory.getbasetemp() / "anything.yaml"
    path.write_text(content, encoding="utf-8", newline="")

    said = read(path, "anything.yaml")

    assert all(1 <= line <= content.count("\n") + 1 for line in [*said.lines.values(), *(f.line for f in said.faults)])
    assert not (said.faults and said.value is not None)


def test_the_nearest_name_is_hinted_at():
    """A slip is answered with what was meant, anything else with all there is."""
    assert near("atendance", ["referral", "attendance"]) == "did you mean 'attendance'?"
    assert near("zzz", ["b", "a"]) == "there is: a, b"


def test_what_still_says_todo_is_told_wherever_it_stands(document):
    """In values, in keys and in lists, as a word of its own."""
    said = document("name: TODO x\nhears:\n  TODO: [a, todo]\n  mastodons: todos\n")

    assert [(one.line, one.what) for one in said.unwritten()] == [
        (1, "name: still says TODO"),
        (3, "hears.TODO: still says TODO"),
        (3, "hears.TODO.1: still says TODO"),
    ]
