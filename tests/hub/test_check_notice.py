"""`hub check` on the notice: no flow without a promise, no promise without a flow or a reason."""
# ruff: noqa: E501  what `hub check` prints stands as it is printed, unbroken

from __future__ import annotations

import pytest

from hub import catalog as catalogs
from hub import check
from hub.errors import CatalogError

NOTICE = "connectors/notice.yaml"
CHIS = "connectors/chis/policy.yaml"
SECTION = "CHIS (Child Health Information Service)"
CHILD = "        child: children who live or go to school in the borough\n"
SAFEGUARDING = "    no_flow: Not built yet. Schools tell of worries by the front door of the MASH; none of that is passed on under this.\n"
NAMES = f"name the stream there in {NOTICE}, or choose the section it does rest on"
NONE = "has neither a flow nor a reason why there is none → name the streams that rest on it, or write no_flow: why nothing flows under it"


def unheard(section):
    """What is told of a stream that nobody hears under *section*."""
    return f"no grant hears it under this section → write `notice: {section}` in the grant that rests on it, or take it out and say why in no_flow"


# name, edits (place, old, new), told: (place, words on the line, what)
BROKEN = [
    (
        "section_without_a_flow_or_a_reason",
        [(NOTICE, SAFEGUARDING, "")],
        [(NOTICE, "  Education Safeguarding:", f"sections.Education Safeguarding: {NONE}")],
    ),
    (
        "section_with_a_flow_and_a_reason",
        [(NOTICE, CHILD, f"{CHILD}    no_flow: It is not built yet.\n")],
        [(NOTICE, "no_flow: It is not", f"sections.{SECTION}.no_flow: says why nothing flows, and that child_demographics does → take one of the two out")],
    ),
    (
        "stream_that_nobody_hears_under_its_section",
        [(NOTICE, CHILD, f"{CHILD}      termly_attendance: {{pupil: pupils}}\n")],
        [(NOTICE, "termly_attendance", f"sections.{SECTION}.streams.termly_attendance: {unheard(SECTION)}")],
    ),
    (
        "grant_under_a_section_of_other_streams",
        [(CHIS, f"notice: {SECTION}", "notice: Virtual School")],
        [
            (CHIS, "notice:", f"hears.child_demographics.notice: no child_demographics flows under this section → {NAMES}"),
            (NOTICE, "      child_demographics:", f"sections.{SECTION}.streams.child_demographics: {unheard(SECTION)}"),
        ],
    ),
    (
        "grant_under_a_section_where_nothing_flows",
        [
            (CHIS, f"notice: {SECTION}", "notice: Education Safeguarding"),
            (NOTICE, f"    streams:\n      child_demographics:\n{CHILD}", "    no_flow: It is not built yet.\n"),
        ],
        [(CHIS, "notice:", f"hears.child_demographics.notice: no child_demographics flows under this section by what it says in no_flow → {NAMES}")],
    ),
    (
        "grant_under_no_section",
        [(CHIS, f"notice: {SECTION}", "notice: CHIS (Child Health Service)")],
        [(CHIS, "notice:", f"hears.child_demographics.notice: the privacy notice has no such section → did you mean '{SECTION}'?")],
    ),
    (
        "stream_that_nobody_wrote",
        [(NOTICE, CHILD, f"{CHILD}      child_demografics: {{child: children}}\n")],
        [(NOTICE, "child_demografics", f"sections.{SECTION}.streams.child_demografics: no stream 'child_demografics' → did you mean 'child_demographics'?")],
    ),
    (
        "people_of_a_field_that_is_not_there",
        [(NOTICE, "        household: people", "        houshold: people")],
        [(NOTICE, "houshold", "sections.MASH (Multi Agency Safeguarding Hub).streams.mash_referral.houshold: mash_referral has no field 'houshold' → did you mean 'household'?")],
    ),
    (
        "people_of_whom_a_recipient_hears_nothing",
        [(NOTICE, "        child: children about whom somebody is worried, unborn children among them\n", "")],
        [(NOTICE, "mash_referral:", "sections.MASH (Multi Agency Safeguarding Hub).streams.mash_referral: does not say whom it is about that mash_health hears → name a field that is granted, or its record, and who that is")],
    ),
    (
        "unknown_key_of_a_section",
        [(NOTICE, SAFEGUARDING, SAFEGUARDING.replace("no_flow", "no_flows"))],
        [(NOTICE, "no_flows", "sections.Education Safeguarding.no_flows: Extra inputs are not permitted → did you mean 'no_flow'?")],
    ),
    (
        "section_twice",
        [(NOTICE, "  Education Safeguarding:", '  "Virtual School":')],
        [(NOTICE, '"Virtual School":', "the key 'Virtual School' stands twice → keep one of the two")],
    ),
    (
        "nobody_answers",
        [(NOTICE, "controller:\n  name: Swindon Borough Council\n  email: DataProtection@Swindon.gov.uk\n  phone: 01793 445500\n", "")],
        [(NOTICE, "title:", "controller: Field required → write 'controller'")],
    ),
    (
        "still_to_be_written",
        [(NOTICE, SAFEGUARDING, "    no_flow: TODO say why nothing flows\n")],
        [(NOTICE, "TODO", "sections.Education Safeguarding.no_flow: still says TODO → write it")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "told"), [one[1:] for one in BROKEN], ids=[one[0] for one in BROKEN])
def test_a_notice_that_does_not_fit_the_policies_is_told_with_file_line_and_mend(edits, told, house):
    """Only that, and at the line where it stands."""
    for place, old, new in edits:
        house.edit(place, old, new)

    findings = house.findings()

    assert findings == [f"{place}:{house.line(place, words)}: {what}" for place, words, what in told]


def test_a_notice_that_is_missing_is_the_one_thing_told(house):
    """Nothing can be said of sections that could not be read."""
    (house.root / NOTICE).unlink()

    assert house.findings() == [f"{NOTICE}:1: is missing → write it"]


def test_a_policy_that_cannot_be_read_does_not_leave_its_section_without_a_flow(house):
    """What it grants is not known, so nothing is said of it."""
    house.edit(CHIS, "gate: statute", "gate: any")

    assert [one.partition(":")[0] for one in house.findings()] == [CHIS]


def test_what_is_shared_without_a_section_does_not_start(house):
    """A grant on which nobody could have read is refused, as any other fault of a policy."""
    house.edit(CHIS, f"notice: {SECTION}", "notice: Virtual School")

    with pytest.raises(CatalogError):
        check.sound(catalogs.look())


def test_a_grant_can_be_taken_out_in_haste_before_the_notice_follows(house):
    """`hub check` asks for the notice's other half, but stopping a flow stops no other."""
    (house.root / CHIS).unlink()
    house.edit("connectors/chis/agency.yaml", "hears:", "hears: {}\nwas:")
    agency = house.text("connectors/chis/agency.yaml").partition("\nwas:")[0]
    house.write("connectors/chis/agency.yaml", f"{agency}\n")

    assert check.sound(catalogs.look()).findings == ()
    assert any(unheard(SECTION) in finding for finding in house.findings())
