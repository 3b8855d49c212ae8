"""`hub notice`: what the policies come to is told to the public in words, all of it, and nothing else."""

from __future__ import annotations

import ast
import csv
import inspect
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from typing import get_args

import pytest

from hub import catalog as catalogs
from hub import coarse, gates, seals
from hub.errors import CatalogError
from hub.markup import tag
from hub.notice import words
from hub.notice.article30 import COLUMNS, article30
from hub.notice.page import page
from hub.notice.register import register
from hub.policy import Basis, Grant
from hub.stream import Sensitivity, unwrap

PUBLISHED = (
    "Introduction",
    "Why organisations keep and share information about you and your child",
    "Why we collect and use this information",
    "The lawful basis on which we use this information",
    "Collecting this information",
    "Storing this information",
    "Who we share this information with",
    "Education and training",
    "Pupils aged 16+",
    "MASH (Multi Agency Safeguarding Hub)",
    "Supported Families Programme",
    "CP-IS (Child Protection Information Sharing) System",
    "ATV (Adoption Thames Valley)",
    "CHIS (Child Health Information Service)",
    "Eligibility for two-year-old early years funding",
    "Post-16 providers attended by Swindon learners",
    "Virtual School",
    "Education Safeguarding",
    "Exclusions and Reintegration",
    "Why we share this information",
    "Data collection requirements",
    "The National Pupil Database (NPD)",
    "Requesting access to your personal data",
    "Further information",
)
HOSTILE = """<script>alert(1)</script>"><img src=x onerror='alert(2)'> =1+1"""
VOID = {"meta", "br"}


class Read(HTMLParser):
    """A page taken apart: its elements, its text, and whether every element is closed where it ought to be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """An element ends, the one that began last."""
        if self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data):
        """Text, but for that of a style."""
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    def of(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of every element of that name."""
        return [attributes for tag, attributes in self.elements if tag == name]

    @property
    def said(self) -> str:
        """All of the page's text."""
        return " ".join("".join(self.text).split())


@pytest.fixture(scope="module")
def whole(catalog, now):
    """The register of the project's own house."""
    return register(catalog, now=now)


@pytest.fixture(scope="module")
def read(whole):
    """Its page, taken apart."""
    return Read(page(whole))


def in_house(house, now):
    """The register of a house that a test has changed."""
    look = catalogs.look()
    assert look.findings == ()
    return register(look, now=now)


def one(found, agency, stream):
    """One flow of a register."""
    return next(flow for flow in found.flows if (flow.agency, flow.subject.stream) == (agency, stream))


def test_every_gate_and_every_word_of_the_vocabulary_can_be_told():
    """A gate or a word that is new to the hub needs words for the public before anything rests on it."""
    assert set(words.GATES) == set(gates.GATES)
    assert set(coarse.WORDS) <= set(words.WORDS)


def test_every_seal_can_be_told():
    """Each word with which `hub.seals` may shut."""
    shut = {
        node.value.value
        for node in ast.walk(ast.parse(inspect.getsource(seals)))
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }

    assert shut
    assert shut == set(words.SEALS)


def test_every_ground_and_every_kind_of_field_can_be_told():
    """The articles that a policy may cite, and the sensitivities that a stream may give."""
    article6, article9 = (get_args(unwrap(Basis.model_fields[name].annotation)[0]) for name in ("article6", "article9"))

    assert set(words.ARTICLE_6) == set(article6)
    assert set(words.ARTICLE_9) == set(article9)
    assert set(words.CATEGORIES) == set(Sensitivity)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Date of birth.", "Date of birth"),
        ("DECOM: first day.", "First day"),
        ("REASON_PLACE_CHANGE: why the child moved.", "Why the child moved"),
        ("HL7 v2: not a code.", "HL7 v2: not a code"),
    ],
)
def test_the_codes_of_returns_are_left_out(sentence, said):
    """What a parent cannot know stays with those who fill in the return."""
    assert words.plain(sentence) == said


@pytest.mark.parametrize(
    ("text", "said"), [("Home address", "home address"), ("NHS number", "NHS number"), ("CP-IS flag", "CP-IS flag"),
                       ("", ""), ("X", "x")]
)  # fmt: skip
def test_abbreviations_stay_as_they_are_within_a_sentence(text, said):
    """Only a word that is large because it came first is made small."""
    assert words.within(text) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["red"], "red"),
        (["red", "amber", "not_known"], "red, amber or not known"),
        ([True], "yes"),
        (["C1", "E1", "V2"], "one of the codes C1, E1 or V2"),
    ],
)
def test_the_values_of_a_condition_are_told_in_words(values, said, catalog):
    """Truth as yes and no, and codes as what they are."""
    grant = catalog.policies["wiltshire_police"].hears["mash_referral"].model_copy(update={"where": {"rag": values}})

    assert words.accepted(grant, "rag") == said


def test_what_may_be_held_back_of_a_grant_is_told(catalog):
    """Addresses, free text, an uncertain match and an opting out, each where it can happen and only there."""
    stream = replace(catalog.streams["mash_referral"], match="stage")
    facts = {fact.name: fact for fact in stream.facts()}
    plain = catalog.policies["wiltshire_police"].hears["mash_referral"].model_copy(update={"fields": ("contact_id",)})
    pointer = {"uncertain": ("contact_id", "child.nhs_number"), "opted_out": ()}
    more = {"fields": ("contact_id", "concern"), "coarse": {"child.address.postcode": "present"}, "gate": "opt-out"}
    full = plain.model_copy(update={**more, "even_if": plain.even_if.model_copy(update=pointer)})

    assert list(words.limits(plain, replace(stream, match=None), facts)) == []
    assert list(words.limits(full, stream, facts)) == [
        "Where the family opted out: nothing.",
        "Where it is not certain which child is meant: only the contact's number where it was taken; NHS number.",
        "Addresses are left out while nobody may learn where the child is.",
        "Free text goes only after a named person has read it and released it.",
    ]


def test_the_ground_is_told_in_words_and_as_it_is_cited():
    """Also a paragraph of Schedule 1 whose heading agencies hardly ever need."""
    basis = Basis(article6="e", article9="g", schedule1=18, statute="Children Act 1989 s.47")
    grant = Grant(because="Because it is so.", notice="MASH", basis=basis, gate="statute", fields=("a",), kept="7 days")
    rare = grant.model_copy(update={"basis": Basis(article6="c", schedule1=27)})

    assert list(words.law(grant)) == [
        "a public task (UK GDPR article 6(1)(e))",
        "substantial public interest (UK GDPR article 9(2)(g))",
        "safeguarding of children and of individuals at risk (Data Protection Act 2018 Schedule 1 paragraph 18)",
        "Children Act 1989 s.47",
    ]
    assert list(words.law(rare)) == [
        "a legal duty (UK GDPR article 6(1)(c))",
        "Data Protection Act 2018 Schedule 1 paragraph 27",
    ]


def test_how_long_something_is_kept_is_told():
    """A compacted topic has no end of its own."""
    assert words.lasting("7 days") == "for 7 days"
    assert words.lasting("forever") == "until a newer one takes its place"


def test_the_notice_has_every_section_that_is_published(catalog):
    """None may be dropped because nothing flows under it: then it says why."""
    assert tuple(catalog.notice.sections) == PUBLISHED


def test_every_grant_stands_in_the_register_with_every_field_of_its_stream(catalog, whole):
    """Heard, told by the sharing itself, or not heard: each leaf is one of them, and what is heard is the grant."""
    grants = {
        (agency, name): grant for agency, policy in catalog.policies.items() for name, grant in policy.hears.items()
    }

    assert [(flow.agency, flow.subject.stream) for flow in whole.flows] == list(grants)
    for flow in whole.flows:
        grant = grants[flow.agency, flow.subject.stream]
        leaves = [fact.name for fact in catalog.streams[flow.subject.stream].facts() if fact.record is None]
        heard, told, not_heard = ([field.path for field in part] for part in (flow.heard, flow.told, flow.not_heard))
        assert set(heard) == {*grant.fields, *grant.coarse}
        assert set(told) == set(grant.where) - set(heard)
        assert Counter([*heard, *told, *not_heard]) == Counter(leaves)


def test_a_coarsened_field_is_told_with_its_word(whole):
    """Who hears the year of birth is not said to hear the birthday."""
    fields = {field.path: field for field in one(whole, "virtual_school", "school_attendance").heard}

    assert (fields["pupil.born"].sentence, fields["pupil.born"].exactly) == ("Date of birth", "the year only")
    assert fields["pupil.upn"].exactly == "in full"


def test_what_a_condition_gives_away_is_told(whole):
    """That a mark is shared tells that the child is in care, though the field is never sent."""
    told = {field.path: field.exactly for field in one(whole, "schools", "school_attendance").told}

    assert told == {"pupil.in_care_of": "only that it is: swindon"}


def test_people_are_those_of_whom_a_field_is_heard(whole):
    """The health partners hear nothing of the household, and the police do."""
    child, household = "children about whom somebody is worried, unborn children among them", "people who live with"

    assert one(whole, "mash_health", "mash_referral").people == (child,)
    assert [who.startswith(household) for who in one(whole, "wiltshire_police", "mash_referral").people] == [
        False,
        True,
    ]


def test_a_stream_that_no_agency_hears_is_told_to_be_heard_by_nobody(whole, catalog):
    """And only such a stream."""
    heard = {name for policy in catalog.policies.values() for name in policy.hears}

    assert {subject.stream for subject in whole.unheard} == set(catalog.streams) - heard


def test_an_agency_on_trial_is_sent_nothing_and_told_so(house, now):
    """What only it would hear is heard by nobody."""
    house.edit("connectors/chis/agency.yaml", "name: Child Health Information Service", "name: Nurses\nstatus: trial")

    found = in_house(house, now)

    assert one(found, "chis", "child_demographics").state == "trial"
    assert "child_demographics" in {subject.stream for subject in found.unheard}
    assert "Being tried out with invented people: nothing is sent yet." in Read(page(found)).said


def test_an_agreement_that_has_ended_is_told_so_from_the_day_after_its_last(catalog):
    """Midnight in England, which in summer is eleven in the evening of UTC."""
    midnight = datetime(2027, 8, 31, 23, tzinfo=UTC)

    before, after = register(catalog, now=midnight - timedelta(seconds=1)), register(catalog, now=midnight)

    assert {flow.state for flow in before.flows} == {"live", "trial"}
    assert {flow.state for flow in after.flows} == {"ended"}
    assert "The agreement has ended" in Read(page(after)).said
    assert {row["State"] for row in rows_of(article30(after))} == {"ended: nothing is sent"}


def test_the_version_changes_with_what_is_said_and_with_nothing_else(house, whole, now):
    """The same policies give the same version on another day; another reason gives another."""
    same = in_house(house, now.replace(day=20))
    house.edit("connectors/chis/policy.yaml", "must follow.", "has to follow.")

    assert same.version == whole.version
    assert in_house(house, now).version != whole.version


def test_a_notice_that_cannot_be_read_has_no_register(house, now):
    """The register is never of half a house."""
    house.edit("connectors/notice.yaml", "transfers: None.", "transfer: None.")

    with pytest.raises(CatalogError, match="run `hub check`"):
        register(catalogs.look(), now=now)


def test_the_page_says_who_why_until_when_and_how_long(whole, read):
    """Each recipient, in words; and how to ask, object and complain."""
    for flow in whole.flows:
        for said in (
            flow.recipient,
            flow.because,
            flow.gate_says,
            words.day(flow.until),
            f"for {flow.kept}",
            flow.agreement,
        ):
            assert said in read.said, said
    for said in (
        *whole.notice.rights,
        "DataProtection@Swindon.gov.uk",
        "01793 445500",
        "Information Commissioner's Office",
    ):
        assert said in read.said, said
    for entry in whole.sections:
        assert entry.heading in read.said
        assert entry.promises in read.said


def test_the_page_lists_each_field_that_is_heard_with_how_exactly(whole):
    """Row by row, in the recipient's own table."""
    text = page(whole)
    tables: Counter[str] = Counter()
    for flow in whole.flows:
        recipient = flow.recipient.replace("'", "&#x27;")
        caption = f"<caption>What {recipient} hears</caption>"
        tables[caption] += 1
        start = [found.start() for found in re.finditer(re.escape(caption), text)][tables[caption] - 1]
        rows = re.findall(
            r'<th scope="row">(.*?)</th><td>(?:<strong>)?(.*?)<', text[start : text.index("</table>", start)]
        )
        assert Counter(rows) == Counter(
            (field.sentence.replace("'", "&#x27;"), field.exactly) for field in (*flow.heard, *flow.told)
        )


def test_the_page_is_well_formed_and_can_be_read_aloud(read):
    """Elements are closed, headings follow one another, cells know their heading, links lead somewhere."""
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    links = [attributes["href"] for attributes in read.of("a")]
    levels = [int(name[1]) for name, _ in read.elements if re.fullmatch("h[1-6]", name)]

    assert (read.open, read.crossed) == ([], [])
    assert read.of("html") == [{"lang": "en-GB"}]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in read.of("th"))
    assert len(read.of("caption")) == len(read.of("table"))


def test_the_page_needs_nothing_from_anywhere(whole, read):
    """No script, no picture, no font; the one address outside is that of the notice itself."""
    names = {name for name, _ in read.elements}
    outside = {value for _, attributes in read.elements for value in attributes.values() if value and "//" in value}

    assert names.isdisjoint({"script", "img", "link", "iframe", "object", "form", "input", "svg"})
    assert outside == {whole.notice.published}
    assert "url(" not in page(whole)
    assert "@import" not in page(whole)
    assert any("default-src 'none'" in (attributes.get("content") or "") for attributes in read.of("meta"))


def test_nothing_that_is_written_in_a_policy_becomes_markup_or_a_formula(house, now):
    """Names, reasons and headings are said as they are, on the page and in the table."""
    quoted = HOSTILE.replace("'", "''")
    house.edit("connectors/chis/agency.yaml", "name: Child Health Information Service", f"name: '={quoted}'")
    house.edit("connectors/chis/policy.yaml", "agreement: ISA-2026-011", f"agreement: '@{quoted}'")
    house.edit("connectors/chis/policy.yaml", "notice: CHIS (Child Health Information Service)", f"notice: '{quoted}'")
    house.edit("connectors/notice.yaml", "CHIS (Child Health Information Service):", f"'{quoted}':")
    house.edit(
        "connectors/notice.yaml", "child: children who live or go", f"child: '-{quoted}'\n        x: who live or go"
    )
    house.edit("connectors/notice.yaml", "\n        x: who live or go to school in the borough", "")

    found = in_house(house, now)

    read = Read(page(found))
    assert {name for name, _ in read.elements}.isdisjoint({"script", "img"})
    assert all(not key.startswith("on") for _, attributes in read.elements for key in attributes)
    assert (read.open, read.crossed) == ([], [])
    assert read.said.count(f"={HOSTILE}") >= 2
    (row,) = (row for row in rows_of(article30(found)) if row["Record"].startswith("chis/"))
    assert row["Recipient"] == f"'={HOSTILE}"
    assert row["Agreement"] == f"'@{HOSTILE}"
    assert row["Categories of data subjects"] == f"'-{HOSTILE}"


def rows_of(table):
    """A table as a spreadsheet reads it."""
    return list(csv.DictReader(StringIO(table.decode("utf-8-sig"), newline="")))


def test_the_record_of_processing_has_a_row_for_each_grant_and_no_cell_that_runs(whole):
    """All that article 30(1) asks for is filled in, and no cell begins as a formula would."""
    assert article30(whole).startswith(b"\xef\xbb\xbf")  # or a spreadsheet takes letters beyond ASCII for others
    rows = rows_of(article30(whole))
    may_be_empty = {"UK GDPR Article 9", "DPA 2018 Schedule 1 paragraph", "Statute or power"}

    assert [row["Record"] for row in rows] == [f"{flow.agency}/{flow.subject.stream}" for flow in whole.flows]
    for row in rows:
        assert list(row) == list(COLUMNS)
        assert [name for name, cell in row.items() if not cell and name not in may_be_empty] == []
        assert [name for name, cell in row.items() if cell.startswith(("=", "+", "-", "@", "\t"))] == []


def test_the_record_of_processing_says_what_is_special(whole):
    """A recipient who hears what only a case file tells has that category, and one who does not has not."""
    rows = {row["Record"]: row["Categories of personal data"] for row in rows_of(article30(whole))}

    assert words.CATEGORIES[Sensitivity.CRIMINAL] in rows["wiltshire_police/mash_referral"]
    assert words.CATEGORIES[Sensitivity.SPECIAL] not in rows["chis/child_demographics"]
    assert words.CATEGORIES[Sensitivity.CONTACT] in rows["chis/child_demographics"]


def test_the_command_writes_three_files_that_are_the_same_in_every_process(house):
    """Whatever the seed with which Python orders what has no order."""
    for seed in ("1", "2"):
        ran = house.hub("notice", "--out", f"register {seed}", PYTHONHASHSEED=seed)
        assert ran.returncode == 0, ran.stderr

    first, second = (sorted((house.root / f"register {seed}").iterdir()) for seed in ("1", "2"))
    assert [path.name for path in first] == ["article30.csv", "notice.html", "register.json"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    said = json.loads(first[2].read_text(encoding="utf-8"))
    assert said["notice"]["controller"]["name"] == "Swindon Borough Council"
    assert f"Version {said['version']}:" in first[1].read_text(encoding="utf-8")


def test_the_command_sums_up_who_receives_what_and_what_every_section_comes_to(house):
    """Each recipient, and each section with its flows or its reason."""
    ran = house.hub("notice", COLUMNS="300")

    assert ran.returncode == 0, ran.stderr
    assert "Who receives what" in ran.stdout
    assert "Wiltshire Police" in ran.stdout
    assert all(heading in ran.stdout for heading in PUBLISHED)
    assert "mash_health/mash_referral, wiltshire_police/mash_referral" in ran.stdout
    assert "Not built, and there is no agreement." in ran.stdout


def test_markup_is_escaped_unless_it_is_markup():
    """Text cannot become an element or end an attribute."""
    assert tag("a", "<b>", tag("i", "&"), href='"', class_="x", aria_label="y") == (
        '<a href="&quot;" class="x" aria-label="y">&lt;b&gt;<i>&amp;</i></a>'
    )
