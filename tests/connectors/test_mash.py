"""The MASH's agencies: what their examples cannot say one by one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from connectors.mash_front_door.inbound import referrals
from connectors.mash_front_door.referral import Referral
from connectors.wiltshire_police.inbound import public_protection_notices
from connectors.wiltshire_police.notice import Notice
from hub.case import Case
from hub.catalog import Catalog, folder_of, look
from hub.errors import MessageError, NotForUs, NotUnderstood
from hub.inbound import Query
from hub.policy import Released, Withheld, decide
from hub.stream import Event, Sensitivity, unwrap
from schemas.mash_referral import ContactReceived

MARKER = "Zqx7-marker"
LINES: dict[str, tuple[Callable[[dict[str, Any]], Iterator[Event | Query]], str]] = {
    "mash_front_door": (referrals, "referrals/neglect_told_by_a_school.json"),
    "wiltshire_police": (
        public_protection_notices,
        "public_protection_notices/two_children_at_a_domestic_incident_one_school_missing.json",
    ),
}
MODELS: dict[str, type[BaseModel]] = {"mash_front_door": Referral, "wiltshire_police": Notice}
Way = tuple[str | int, ...]


@cache
def catalog() -> Catalog:
    return look()


def folder(agency: str) -> Path:
    return folder_of("connectors") / agency


@cache
def _text(agency: str) -> str:
    return (folder(agency) / "examples" / LINES[agency][1]).read_text(encoding="utf-8")


def document(agency: str) -> dict[str, Any]:
    """A fresh copy of one sound document of the agency."""
    value: dict[str, Any] = json.loads(_text(agency))
    return value


def leaves(value: Any, above: Way = ()) -> Iterator[Way]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, (*above, name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, (*above, index))
    else:
        yield above


def put(value: Any, path: Way, new: Any) -> None:
    for part in path[:-1]:
        value = value[part]
    value[path[-1]] = new


def contacts(agency: str, message: dict[str, Any]) -> list[ContactReceived]:
    return [one for one in LINES[agency][0](message) if isinstance(one, ContactReceived)]


def queries(agency: str, message: dict[str, Any]) -> list[Query]:
    return [one for one in LINES[agency][0](message) if isinstance(one, Query)]


def refusal(agency: str, message: dict[str, Any]) -> MessageError | None:
    """How the line refuses *message*, as the gateway would tell it, or None."""
    try:
        list(LINES[agency][0](message))
    except ValidationError as error:
        return NotUnderstood.from_validation(error)
    except MessageError as error:
        return error
    return None


def rows(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        kind, _, repeated = unwrap(info.annotation)
        path = f"{above}{name}{'[]' if repeated else ''}"
        yield f"| `{path}` | {'yes' if info.is_required() else ''} | {info.description} |"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from rows(kind, f"{path}.")


@pytest.mark.parametrize("agency", sorted(MODELS))
def test_the_readme_documents_every_field_of_the_format_with_its_sentence(agency: str) -> None:
    """The table in README.md is the model's, row by row, so that a partner can build from it."""
    text = (folder(agency) / "README.md").read_text(encoding="utf-8")
    table = text.split("| field | must be there | what it is |\n|---|---|---|\n")[1].split("\n\n")[0]

    assert table.splitlines() == list(rows(MODELS[agency]))


@pytest.mark.parametrize("agency", sorted(LINES))
def test_no_refusal_repeats_what_was_sent(agency: str) -> None:
    """Whatever leaf is spoilt, the code, the place and the mend hold nothing of it."""
    refused = 0
    for path in leaves(document(agency)):
        message = document(agency)
        put(message, path, [MARKER])
        fault = refusal(agency, message)
        assert fault is not None, path
        assert MARKER not in f"{fault} {fault.code} {fault.place} {fault.mend}", path
        refused += 1
    assert refused > 30


@pytest.mark.parametrize("agency", sorted(LINES))
def test_the_name_of_an_unknown_field_is_not_repeated(agency: str) -> None:
    """A name we do not know is the sender's own words: the place tells only where it stood."""
    fault = refusal(agency, document(agency) | {MARKER: 1})

    assert fault is not None
    assert (fault.code, fault.place) == ("invalid.extra-forbidden", "")
    assert MARKER not in str(fault)


@pytest.mark.parametrize("agency", sorted(LINES))
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_is_an_absent_field(agency: str, blank: str | None) -> None:
    """Every top-level field that may be left out may as well be blank."""
    for name, info in MODELS[agency].model_fields.items():
        if info.is_required() or name == "grade":
            continue
        without = document(agency)
        without.pop(name, None)
        assert contacts(agency, {**without, name: blank}) == contacts(agency, without), name


def test_a_flag_is_only_ever_yes_no_or_empty() -> None:
    """The ten flags of the SSD become ten truths, and any other word is refused."""
    for flag, answer in itertools.product(document("mash_front_door")["contact"]["cont_contact_outcome_json"], "YN"):
        message = document("mash_front_door")
        message["contact"]["cont_contact_outcome_json"][flag] = answer
        outcome = contacts("mash_front_door", message)[0].outcome.model_dump()
        assert [name for name, said in outcome.items() if said] == ([flag.lower()] if answer == "Y" else [])
        message["contact"]["cont_contact_outcome_json"][flag] = "yes"
        assert refusal("mash_front_door", message) is not None


@pytest.mark.parametrize("factor", ["18a", "18A", "19a", " 19A "])
@pytest.mark.parametrize("agency", sorted(LINES))
def test_a_retired_factor_stands_and_is_queried(agency: str, factor: str) -> None:
    """In any case of letters, as the rule of the CIN validators has it."""
    message = document(agency) | {"factors": [factor]}

    assert contacts(agency, message)[0].factors == (factor.strip().upper(),)
    assert Query("factor.retired", "factors") in queries(agency, message)


def test_a_child_born_past_midnight_in_summer_is_not_born_after_the_contact() -> None:
    """Half past midnight on 2 July in England is still 1 July in UTC."""
    message = document("mash_front_door")
    message["contact"]["cont_contact_date"] = "2026-07-02T00:30:00+01:00"
    message["child"]["pers_dob"] = "2026-07-02"
    assert refusal("mash_front_door", message) is None

    message["child"]["pers_dob"] = "2026-07-03"
    fault = refusal("mash_front_door", message)
    assert fault is not None
    assert fault.code == "born.after-contact"


@pytest.mark.parametrize(
    ("grade", "regrade", "rag"),
    [
        ("High", None, "red"),
        ("Medium", None, "amber"),
        ("Low", None, "green"),
        ("Low", "High", "red"),
        ("High", "Low", "green"),
    ],
)
def test_the_central_teams_grade_counts(grade: str, regrade: str | None, rag: str) -> None:
    """The officer's grade gives the rating unless the central safeguarding team changed it."""
    message = document("wiltshire_police") | {"grade": grade}
    if regrade is not None:
        message["regrade"] = {"grade": regrade, "rationale": "Known to us."}

    found = contacts("wiltshire_police", message)
    assert {contact.rag for contact in found} == {rag}
    assert all(("Known to us." in (contact.concern or "")) == (regrade is not None) for contact in found)


@pytest.mark.parametrize(
    ("born", "at", "is_child"),
    [
        ("2008-03-02", "2026-03-01T21:40:00+00:00", True),
        ("2008-03-01", "2026-03-01T21:40:00+00:00", False),
        ("2008-07-02", "2026-07-01T23:30:00+00:00", False),  # half past midnight on 2 July in England
        ("2008-02-29", "2026-02-28T12:00:00+00:00", True),
        ("2008-02-29", "2026-03-01T12:00:00+00:00", False),
    ],
)
def test_a_victim_is_a_child_until_the_eighteenth_birthday(born: str, at: str, is_child: bool) -> None:
    """Counted on the day of the incident in England (Children Act 1989 s.105)."""
    message = document("wiltshire_police")
    message["incident"]["at"] = at
    message["subjects"] = [{"number": 1, "role": "victim", "surname": "Tamsin", "born": born}]

    if is_child:
        assert [contact.contact_id for contact in contacts("wiltshire_police", message)] == ["PPN-2026-003311/1"]
    else:
        with pytest.raises(NotForUs):
            contacts("wiltshire_police", message)


@pytest.mark.parametrize(("born", "asked"), [("2022-03-02", False), ("2022-03-01", True)])
def test_a_school_is_missed_from_four_years_on(born: str, asked: bool) -> None:
    """A child too young for a reception class has no school to be missed."""
    message = document("wiltshire_police")
    message["subjects"] = [{"number": 1, "role": "child", "surname": "Tamsin", "born": born, "ethnicity": "NOBT"}]

    assert queries("wiltshire_police", message) == ([Query("school.missing", "subjects.0.school_urn")] if asked else [])


def test_the_order_of_subjects_does_not_move_a_contacts_number() -> None:
    """A notice sent again with its subjects in another order is about the same contacts."""
    message = document("wiltshire_police")
    turned = message | {"subjects": message["subjects"][::-1]}

    ids = [{contact.contact_id for contact in contacts("wiltshire_police", one)} for one in (message, turned)]
    assert ids[0] == ids[1] == {"PPN-2026-003311/3", "PPN-2026-003311/4"}


def test_the_longest_notice_still_fits_its_contact() -> None:
    """Every field at its limit: what the notice may hold, the stream can carry."""
    message = document("wiltshire_police")
    message["reference"] = "R" * 32
    message["incident"]["location"] = "L" * 300
    message["regrade"] = {"grade": "Low", "rationale": "R" * 300}
    message["circumstances"] = "C" * 8_000
    for subject, number in zip(message["subjects"], (1, 2, 999, 4), strict=True):
        subject["number"] = number
        subject["relationships"] = []

    assert contacts("wiltshire_police", message)[0].contact_id == f"{'R' * 32}/999"
    assert refusal("wiltshire_police", message | {"circumstances": "C" * 8_001}) is not None
    assert refusal("wiltshire_police", message | {"reference": "R" * 33}) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("agency", sorted(LINES))
@given(data=st.data())
@settings(deadline=None)
def test_whatever_json_comes_is_understood_refused_or_set_aside(agency: str, data: st.DataObject) -> None:
    """Anything in place of anything: no other kind of error ever leaves the line."""
    message = document(agency)
    path = data.draw(st.sampled_from(sorted(leaves(message), key=str)))
    depth = data.draw(st.integers(min_value=1, max_value=len(path)))
    put(message, path[:depth], data.draw(JSON))

    try:
        found = list(LINES[agency][0](message))
    except (ValidationError, MessageError, NotForUs):
        return
    assert any(isinstance(one, Event) for one in found)


def _event() -> dict[str, Any]:
    path = folder("mash_health") / "examples" / "mash_referral" / "red_by_a_recorded_override.event.json"
    return ContactReceived.model_validate_json(path.read_text(encoding="utf-8")).model_dump()


@pytest.mark.parametrize("agency", ["wiltshire_police", "mash_health"])
def test_a_partner_hears_only_at_contact_stage_with_consent_or_a_whole_override(agency: str) -> None:
    """All combinations of stage, answer and override, against the sentence of the privacy notice."""
    stream, policy = catalog().streams["mash_referral"], catalog().policies[agency]
    whole = _event()["override"]
    overrides = [None, whole, *({**whole, part: None} for part in whole)]
    released = 0
    for stage, status, override in itertools.product(
        ("contact", "referral", "assessment", "closed"),
        ("given", "sought", "refused", "withdrawn", "not_sought"),
        overrides,
    ):
        event = _event() | {"stage": stage, "override": override}
        event["consent"] = {**event["consent"], "status": status, "given_by": "parent"}
        at = datetime(2026, 9, 1, tzinfo=UTC)
        verdict = decide(Case(event, stream, agency, "", at, at), policy)
        may = stage == "contact" and (status == "given" or override == whole)
        assert isinstance(verdict, Released) == may, (stage, status, override)
        released += may
    assert released == len(overrides) + 4


@pytest.mark.parametrize("agency", ["wiltshire_police", "mash_health", "social_worker"])
def test_nothing_is_released_the_day_after_the_agreement_ends(agency: str) -> None:
    """31 August 2027 is the last day."""
    policy = catalog().policies[agency]
    for name in policy.hears:
        stream = catalog().streams[name]
        event: dict[str, Any] = _event() if name == "mash_referral" else {"verdict": "flagged"}
        last, after = (datetime(2027, 8, 31, 12, tzinfo=UTC), datetime(2027, 9, 1, 12, tzinfo=UTC))
        assert isinstance(decide(Case(event, stream, agency, "", last, last), policy), Released)
        assert decide(Case(event, stream, agency, "", last, after), policy) == Withheld("expires")


NEVER = {
    "wiltshire_police": {"child.nhs_number", "child.upn", "child.ethnicity", "child.school_urn", "child.gp_ods"},
    "mash_health": {"police_reference", "child.upn", "child.ethnicity", "child.school_urn", "child.address.line_1"},
}


RELEASED = {"wiltshire_police": set(), "mash_health": {"concern"}}
"""The free text that a partner hears once a named person at the front door released it."""


@pytest.mark.parametrize("agency", sorted(NEVER))
def test_a_partner_is_never_granted_other_narrative_nor_who_told(agency: str) -> None:
    """What was told, by whom, and what this partner has no need of; a new field of those kinds is caught too."""
    grant = catalog().policies[agency].hears["mash_referral"]
    granted = {*grant.fields, *grant.coarse}
    facts = {fact.name: fact for fact in catalog().streams["mash_referral"].facts() if fact.record is None}

    assert {name for name in granted if facts[name].sensitivity is Sensitivity.NARRATIVE} == RELEASED[agency]
    assert not [name for name in granted if name.startswith("referrer.")]
    assert not granted & NEVER[agency]


def test_health_hears_nothing_of_crime() -> None:
    """No field that UK GDPR article 10 protects is granted to the health partners."""
    grant = catalog().policies["mash_health"].hears["mash_referral"]
    facts = {fact.name: fact for fact in catalog().streams["mash_referral"].facts()}

    assert not [name for name in (*grant.fields, *grant.coarse) if facts[name].sensitivity is Sensitivity.CRIMINAL]


def test_a_telephone_is_not_in_what_a_social_worker_hears() -> None:
    """The numbers on a plan are the authority's own; the grant leaves the whole authority out."""
    grant = catalog().policies["social_worker"].hears["hospital_alert"]

    assert not [name for name in (*grant.fields, *grant.coarse) if name.startswith("plans.authority")]
