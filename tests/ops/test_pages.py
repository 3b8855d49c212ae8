"""Every page for every role as HTML: what it says, to whom, and what stands in no page and no address."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from hub.errors import TransportError
from hub.ops.web import flow, server, telling
from hub.ops.web.frame import HEADERS
from tests.ops.invented import NOW, SUBJECT, ago, calm, delivery, large
from tests.ops.serving import CALLERS, CSRF, ROLES

WHY = "The school asks which row of its register was refused."
PAGES = (
    "/",
    "/agencies",
    "/agencies/schools",
    "/streams",
    "/streams/school_attendance",
    "/quarantine",
    "/policies",
    "/policies/streams/hospital_alert",
    "/policies/agencies/schools",
    "/disclosures",
)
OF_STAFF = [(path, role) for path in PAGES for role in ("ops", "governance") if (path, role) != ("/disclosures", "ops")]


def test_there_is_no_page_of_which_no_test_knows():
    """Each route is asked for here, or is a form or an item that a test of its own sends."""
    named = {re.sub(r"\{(\w+)[^}]*\}+", r"{\1}", one.path) for one in server.ROUTES if one.method == "GET"}
    assert named == {
        "/",
        "/agencies",
        "/agencies/{agency}",
        "/streams",
        "/streams/{stream}",
        "/quarantine",
        "/quarantine/{item}",
        "/policies",
        "/policies/streams/{stream}",
        "/policies/agencies/{agency}",
        "/disclosures",
        "/api/picture.json",
    }


@pytest.mark.parametrize(("path", "role"), OF_STAFF)
def test_a_page_is_sound_for_whoever_has_it_read_aloud(page, path, role):
    """One first heading, none left out below it, landmarks, captions, names of fields, ids that stand once."""
    said = page.get(path, role)
    document = said.page

    assert said.status == 200
    assert len(document.xpath("//h1")) == 1
    levels = [int(one.tag[1]) for one in document.iter("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert [len(document.xpath(f"//{one}")) for one in ("header", "main", "footer")] == [1, 1, 1]
    assert document.xpath("//body/*")[0].get("href") == "#page"
    assert all(one.xpath("./caption") for one in document.xpath("//table"))
    ids = document.xpath("//@id")
    assert len(ids) == len(set(ids))
    fields = document.xpath("//input[not(@type='hidden')] | //select | //textarea")
    labelled = set(document.xpath("//label/@for"))
    assert all(one.get("id") in labelled or one.get("aria-label") for one in fields)
    assert all(
        one in ids for each in document.xpath("//@aria-describedby | //@aria-labelledby") for one in each.split()
    )
    assert document.xpath("//html/@lang") == ["en-GB"]


@pytest.mark.parametrize(("path", "role"), OF_STAFF)
def test_every_column_has_a_heading_that_begins_like_a_sentence(page, path, role):
    """As all do; on a phone it stands before each value."""
    heads = [one.text_content() for one in page.get(path, role).page.xpath("//th[@role='columnheader']")]

    assert [one for one in heads if one[:1] != one[:1].upper() or not one] == []


@pytest.mark.parametrize(("path", "role"), OF_STAFF)
def test_nothing_on_a_page_is_a_script_a_style_or_another_hosts(page, path, role):
    """The content security policy would stop it, and then something would be missing."""
    said = page.get(path, role)
    document = said.page

    assert document.xpath("//@style | //style | //@onclick | //script[not(@src)]") == []
    asked = document.xpath("//@src | //link/@href | //form/@action | //a/@href")
    assert [one for one in asked if not one.startswith(("/", "#"))] == []
    assert {name: said.headers[name.lower()] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", PAGES)
def test_a_partner_is_shown_no_page_of_the_others(page, path):
    """Not the overview, nor what anybody else hears."""
    said = page.get(path, "partner")

    assert said.status in (303, 403, 404)
    assert "Schools and academies" not in said.body.decode()


def test_a_partner_is_led_to_its_own_page_which_names_nobody_else(page, catalog):
    """Its own deliveries and ground, and no way to where it may not go."""
    assert page.get("/", "partner").headers["location"] == "/agencies/great_western_hospital"
    said = page.get("/agencies/great_western_hospital", "partner")

    assert said.status == 200
    assert "4 min of 5 min" in said.text
    others = [one.name for key, one in catalog.agencies.items() if key != "great_western_hospital"]
    assert [one for one in others if one in said.text] == []
    ways = {one for one in said.page.xpath("//nav//a/@href | //main//a/@href") if not one.startswith("#")}
    assert {one for one in ways if page.get(one, "partner").status != 200} == set()


@pytest.mark.parametrize("role", ["ops", "partner", "nobody"])
def test_who_was_told_is_for_governance_alone(page, asked, role):
    """Neither the form nor its answer."""
    assert page.get("/disclosures", role).status in (401, 403)
    assert page.post("/disclosures", role, subject=SUBJECT, because=WHY).status in (401, 403)
    assert asked.asked == []


@pytest.mark.parametrize("path", [one.path for one in server.ROUTES if one.method == "GET"])
def test_a_stranger_sees_nothing(page, path):
    """Not even that there is such a page."""
    assert page.get(re.sub(r"\{[^/]*", "a" * 32, path), "nobody").status == 401


def test_the_first_page_says_first_who_is_not_told_in_time(page):
    """In words, before anything else; what is worst stands first."""
    document = page.get("/").page
    answer, troubles = document.get_element_by_id("answer"), document.xpath("//ol[@class='troubles']/li")

    assert answer.text_content().strip() == "No: 1 delivery is late, of 16."
    assert document.xpath("//main/*")[1] is answer
    assert "7 min of 5 min" in troubles[0].text_content()
    assert [one.get("class") for one in troubles] == ["trouble", "warning", "warning"]
    first, second = document.xpath("//section[@id='told']/table/tbody/tr")[:2]
    assert tuple(" ".join(one.text_content().split()) for one in first[2:4]) == ("late", "7 min of 5 min")
    assert tuple(" ".join(one.text_content().split()) for one in second[2:4]) == ("nearly late", "4 min of 5 min")


def test_when_all_is_well_it_says_so(page, looked, catalog):
    """And lists nothing to look at."""
    looked.now = calm(catalog)
    document = page.get("/").page

    assert document.get_element_by_id("answer").text_content().strip() == (
        "Yes: all 16 are told in time, and nothing wants a look."
    )
    assert document.xpath("//ol[@class='troubles']") == []


def test_what_could_not_be_looked_at_never_reads_as_calm(page, looked, catalog):
    """Kafka does not answer, so nobody knows; and an old picture is told as one."""
    looked.now = replace(calm(catalog), faults={"kafka": "no broker answers"}, at=ago(2))
    said = page.get("/")

    assert "It cannot be said" in said.page.get_element_by_id("answer").text_content()
    assert "Kafka : no broker answers" in said.text
    assert "not looked at for 2 min" in said.text


@pytest.mark.parametrize(
    ("minutes", "look", "words"),
    [
        (1, "waiting", "1 min of 5 min"),
        (4, "nearly late", "4 min of 5 min"),
        (6, "late", "6 min of 5 min"),
    ],
)
def test_a_delivery_is_told_against_its_deadline(minutes, look, words):
    """Of minutes how many are used up."""
    one = delivery("a", "b", undelivered=1, oldest=ago(minutes), due=ago(minutes - 5), within="5 minutes")

    assert (telling.standing(one, NOW).state, telling.waits(one, NOW)) == (look, words)


def test_a_deadline_of_days_is_told_by_when_it_ends():
    """As people say it."""
    one = delivery("a", "b", undelivered=1, oldest=ago(60), due=NOW + timedelta(hours=21), within="1 working day")

    assert telling.waits(one, NOW) == "1 h; due Wed 09:30, in 21 h"
    assert telling.waits(replace(one, oldest=ago(600), due=ago(30)), NOW) == "10 h; was due 12:00, 30 min ago"


def test_what_is_late_is_told_though_the_observer_did_not(catalog, looked):
    """The page knows no less than its own figures say."""
    silent = replace(looked.now, troubles=())
    (one,) = telling.troubles(catalog, silent, NOW)

    assert (one.severity, one.agency) == ("trouble", "social_worker")
    assert one.sentence.endswith("7 min of 5 min")


def test_the_flow_holds_every_way_that_the_catalog_has(catalog, looked):
    """Each line, watch and grant is drawn, and what waits is marked where it is."""
    found = flow.flow(catalog, looked.now, NOW)

    says = {(a.key, s) for a in catalog.agencies.values() for line in a.says.values() for s in line.into}
    watches = {(f"watch {one.name}", one.emits) for one in catalog.watches.values()}
    assert {(one.start, one.end) for one in found.into} == says | watches
    hears = {(stream, agency) for agency, policy in catalog.policies.items() for stream in policy.hears}
    assert {(one.start, one.end) for one in found.out} == hears
    marked = {(one.end, one.stream): one.look for one in found.out if one.look}
    assert marked[("social_worker", "hospital_alert")] == "trouble"
    assert found.looks == {"termly_attendance": "warning"}


def test_parked_children_are_counted_and_not_named(page):
    """How many wait for a person."""
    assert "Parked 2 messages, about nobody who is named here" in page.get("/agencies/virtual_school").text


def test_an_agencys_page_says_what_it_hears_and_on_what_ground(page, catalog):
    """The words of its policy, each stream for itself."""
    said = page.get("/agencies/virtual_school").text
    policy = catalog.policies["virtual_school"]

    for grant in policy.hears.values():
        assert " ".join(grant.because.split()) in said
        assert grant.basis.statute in said
        assert f"section “{grant.notice}”" in said
    assert "until 31 August 2027 at most" in said


def test_the_lag_of_a_day_is_drawn_and_said(page):
    """As a plot, whose words are the caption too."""
    (plot,) = page.get("/agencies/great_western_hospital").page.xpath("//*[local-name()='svg' and @role='img']")

    assert plot.get("aria-label").startswith("In the last 1 d the longest wait was 7 min")
    assert "over the 5 minutes that were agreed, 2 times" in plot.get("aria-label")


def test_the_matrix_is_what_the_policies_say(page, catalog):
    """Each cell, by its address: in full, coarsened in words, or not at all."""
    document = page.get("/policies").page
    for agency, policy in catalog.policies.items():
        for stream, grant in policy.hears.items():
            for fact in catalog.streams[stream].facts():
                if fact.record is None:
                    cell = document.get_element_by_id(f"{stream}.{agency}.{fact.name}")
                    look = "coarse" if fact.name in grant.coarse else "full" if fact.name in grant.fields else "no"
                    assert cell.get("class") == look, cell.get("id")
                    assert cell.xpath("./a/@href") == [f"#{stream}.{agency}.{fact.name}"]
    coarse = document.get_element_by_id("mash_referral.mash_health.child.address.postcode").text_content()
    assert coarse == "the first half of the postcode only"


@pytest.mark.parametrize(
    "path",
    [
        "/agencies/nobody",
        "/streams/nothing",
        "/policies/streams/nothing",
        "/policies/agencies/nobody",
        "/quarantine/" + "0" * 32,
    ],
)
def test_what_is_not_there_is_said_in_words(page, path):
    """With what to do instead."""
    said = page.get(path)

    assert said.status == 404
    assert "There is no such" in said.page.xpath("//h1")[0].text


def test_programs_have_the_same_picture(page, looked):
    """As JSON, moments in UTC."""
    said = json.loads(page.get("/api/picture.json").body)

    assert said["at"] == looked.now.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert len(said["deliveries"]) == len(looked.now.deliveries)
    assert said["troubles"][1]["code"] == "group.stopped"


def test_the_queue_lists_codes_and_places_and_never_what_was_sent(page):
    """By agency, code and age; the oldest first."""
    said = page.get("/quarantine")
    assert "attendance-code.unknown" in said.text
    assert "use a code of SI 2024/208" in said.text
    assert "Ferrars" not in said.text

    rows = {
        query: len(page.get(f"/quarantine?{query}").page.xpath("//input[@name='item']"))
        for query in ("agency=schools", "agency=cpis", "code=attendance-code.*", "code=csv.*", "age=day", "age=gone")
    }
    assert rows == {
        "agency=schools": 3,
        "agency=cpis": 0,
        "code=attendance-code.*": 3,
        "code=csv.*": 0,
        "age=day": 2,
        "age=gone": 1,
    }


def item_of(page) -> str:
    """The oldest item that is open."""
    return page.get("/quarantine").page.xpath("//input[@name='item']/@value")[0]


def test_what_was_sent_is_shown_once_it_is_on_record_and_as_text(page, put):
    """By the name that was checked; what would be markup is none."""
    item = item_of(page)
    assert "Ferrars" not in page.get(f"/quarantine/{item}").text
    said = page.post(f"/quarantine/{item}/show", because=WHY, by="Somebody Else")

    (done,) = put.done
    assert (done.item, done.action, done.by, done.because) == (item, "shown", "Ada Quill", WHY)
    assert "Ferrars" in said.text
    assert "&lt;b&gt;Zoë&lt;/b&gt;" in said.body.decode()
    assert said.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("deed", ["show", "replay", "discard"])
@pytest.mark.parametrize(
    ("because", "wrong"),
    [("", "Say in a sentence"), ("because I want", "Say in a sentence"), (WHY + " Of 999 000 0018.", "an NHS number")],
)
def test_without_a_reason_nothing_is_done_and_what_is_wrong_is_said_at_the_field(page, put, deed, because, wrong):
    """What was typed stands there still."""
    said = page.post(f"/quarantine/{item_of(page)}/{deed}", because=because)

    assert said.status == 422
    assert put.done == []
    assert "Ferrars" not in said.text
    (field,) = said.page.xpath("//textarea[@aria-invalid='true']")
    assert (field.get("id"), field.text or "") == (f"{deed}-because", because)
    told = said.page.get_element_by_id(f"{deed}-because-fault").text_content()
    assert wrong.lower() in told.lower()
    assert said.page.xpath("//div[@role='alert']//a/@href") == [f"#{deed}-because"]


@pytest.mark.parametrize(
    "path", ["/quarantine", "/quarantine/{}/show", "/quarantine/{}/replay", "/quarantine/{}/discard"]
)
def test_a_form_that_is_not_ours_does_nothing(page, put, path):
    """Whoever made the browser send it."""
    item = item_of(page)
    said = page.post(path.format(item), csrf="guessed", because=WHY, item=item, deed="discard")

    assert said.status == 403
    assert put.done == []


def test_nothing_is_shown_where_it_could_not_be_put_on_record(page, put):
    """Kafka is away: not a word of it."""
    item = item_of(page)
    put.fails = TransportError("no broker answers")
    said = page.post(f"/quarantine/{item}/show", because=WHY)

    assert said.status == 409
    assert "no broker answers" in said.text
    assert "Ferrars" not in said.text


@pytest.mark.parametrize("said", [{"deed": "try"}, {"deed": "undo"}, {}])
def test_what_is_not_said_to_be_done_is_only_tried(page, put, said):
    """A form that says try, one that says something unknown, and one that says nothing."""
    tried = page.post(f"/quarantine/{item_of(page)}/replay", because=WHY, **said)
    assert "What would come of it: nothing was done" in tried.text
    assert put.done == []


def test_a_replay_says_why_nothing_comes_of_it(page, put):
    """By the functions of the command line: today's code refuses that mark as well."""
    item = item_of(page)
    said = page.post(f"/quarantine/{item}/replay", because=WHY, deed="replay")
    assert "not replayed, attendance-code.unknown at MARK → use a code of SI 2024/208" in said.text
    assert [one.action for one in put.done] == ["tried"]


def test_several_are_discarded_at_once_and_are_then_shown_to_nobody(page, put):
    """Each with its audit."""
    items = page.get("/quarantine").page.xpath("//input[@name='item']/@value")
    said = page.post("/quarantine", item=items[:2], deed="discard", because=WHY)

    assert said.text.count("discarded; its sealed bytes go by") == 2
    assert [(one.item, one.action, one.by) for one in put.done] == [
        (one, "discarded", "Ada Quill") for one in items[:2]
    ]
    assert page.get("/quarantine").page.xpath("//input[@name='item']/@value") == items[2:]
    shown = page.post(f"/quarantine/{items[0]}/show", because=WHY)
    assert (shown.status, "Ferrars" in shown.text) == (409, False)


@pytest.mark.parametrize(("item", "deed"), [("", "discard"), ("x", "burn")])
def test_no_deed_is_guessed(page, put, item, deed):
    """Where nothing is ticked, or something else is asked for."""
    said = page.post("/quarantine", because=WHY, deed=deed, **({"item": item} if item else {}))

    assert said.status == 422
    assert put.done == []


def test_who_was_told_is_found_once_the_question_is_on_record(page, asked, receipts):
    """Heard and not heard, why, and on what ground; the subject and the reason stand in no address."""
    form = page.get("/disclosures", "governance").page.xpath("//main//form")[0]
    assert (form.get("method"), form.get("action")) == ("post", "/disclosures")
    said = page.post("/disclosures", "governance", subject=f" {SUBJECT.upper()} ", because=WHY)

    assert [(name, why.by, why.because) for name, why in asked.asked] == [(SUBJECT, "Bo Sample", WHY)]
    assert said.text.count("Privacy notice") == len(receipts)
    assert "did not hear" in said.text
    assert "no agreement is recorded, and no decision to share without it" in said.text
    assert said.headers["cache-control"] == "no-store"
    assert said.page.xpath("//title/text()") == ["Who was told · Sharing hub"]


@pytest.mark.parametrize("subject", ["", "999 000 0018", "Zoë Ferrars", "5b0c", "../../etc"])
def test_what_is_no_pseudonym_is_not_looked_for_and_not_put_on_record(page, asked, subject):
    """An NHS number on a record that is kept for seven years would be one too many."""
    said = page.post("/disclosures", "governance", subject=subject, because=WHY)

    assert said.status == 422
    assert asked.asked == []
    assert said.page.xpath("//input[@aria-invalid='true']/@id") == ["subject"]


def test_nothing_is_found_without_a_reason_or_where_it_cannot_be_put_on_record(page, asked):
    """Not even that there is nothing."""
    assert page.post("/disclosures", "governance", subject=SUBJECT, because="why not").status == 422
    asked.fails = TransportError("no broker answers")
    said = page.post("/disclosures", "governance", subject=SUBJECT, because=WHY)

    assert said.status == 503
    assert "did not hear" not in said.text


def test_a_page_of_sixty_topics_and_five_hundred_partitions_is_whole(page, looked, catalog):
    """Nothing is left out of it."""
    looked.now = large(catalog)
    groups = page.get("/").page.xpath("//section[@id='groups']//tbody/tr")
    partitions = page.get("/streams/school_attendance").page.xpath("//section[@id='partitions']//tbody/tr")

    assert (len(groups), len(partitions)) == (60, 500)


def test_every_role_of_a_caller_has_been_tried():
    """A new role would need its tests here."""
    assert {role for one in CALLERS.values() for role in one.roles} == set(ROLES)
    assert CSRF
