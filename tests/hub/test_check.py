"""`hub check`: every way in which a catalog can be wrong is told, with its file, its line and how to mend it."""
# ruff: noqa: E501  what `hub check` prints stands as it is printed, unbroken

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated

import pytest
from pydantic import Field

from hub import catalog as catalogs
from hub import check
from hub.check.marks import marks
from hub.errors import CatalogError
from hub.stream import Event, Local, Sensitivity, Stream

CHIS = "connectors/chis/policy.yaml"
HOSPITAL = "connectors/great_western_hospital/policy.yaml"
ATV = "connectors/adopt_thames_valley/policy.yaml"
HEALTH = "connectors/mash_health/policy.yaml"
POLICE = "connectors/wiltshire_police/policy.yaml"
SCHOOLS = "connectors/schools/policy.yaml"
VIRTUAL = "connectors/virtual_school/policy.yaml"
WORKER = "connectors/social_worker/policy.yaml"
BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
)


@dataclass(frozen=True)
class Broken:
    """
    One way to break the house: at *place*, *new* in the place of *old*, or as the whole file where there is no *old*.

    *told* are the lines of `hub check`, in its order; `{line}` is the number of the line that holds *at*.
    """

    name: str
    place: str
    old: str | None
    new: str | bytes
    at: str
    told: list[str]

    def apply(self, house) -> None:
        """Break it."""
        if self.old is None:
            house.write(self.place, self.new)
        else:
            house.edit(self.place, self.old, self.new)

    def expected(self, house) -> list[str]:
        """What must be told of it."""
        line = house.line(self.place, self.at) if self.at else 1
        return [one.replace("{place}", self.place).replace("{line}", str(line)) for one in self.told]

    def __str__(self) -> str:
        return self.name


# fmt: off
BROKEN = [
    Broken(
        "unknown_key", VIRTUAL,
        old="coarse:\n      pupil.born",
        new="coarce:\n      pupil.born",
        at="coarce:",
        told=[
            "{place}:{line}: hears.school_attendance.coarce: Extra inputs are not permitted → did you mean 'coarse'?",
        ],
    ),
    Broken(
        "unknown_field", POLICE,
        old="- police_reference",
        new="- police_refrence",
        at="police_refrence",
        told=[
            "{place}:{line}: hears.mash_referral.fields.4: mash_referral has no field 'police_refrence' → did you mean 'police_reference'?",
        ],
    ),
    Broken(
        "unknown_stream", HEALTH,
        old="\n  mash_referral:",
        new="\n  mash_referal:",
        at="mash_referal:",
        told=[
            "connectors/mash_health/agency.yaml:5: hears.mash_referral: policy.yaml does not grant it → grant it there, or take this out",
            "{place}:{line}: hears.mash_referal: no stream 'mash_referal' → did you mean 'mash_referral'?",
        ],
    ),
    Broken(
        "expired_agreement", SCHOOLS,
        old="expires: 2027-08-31",
        new="expires: 2026-09-14",
        at="expires",
        told=[
            "{place}:{line}: expires: the agreement ended on 2026-09-14: nothing is released → renew the agreement, or take its lines out",
            "topics/personal_education_plan.yaml:1: is out of date → run `hub sync` and read what changed",
            "topics/pupil_in_care.yaml:1: is out of date → run `hub sync` and read what changed",
            "topics/school_attendance.yaml:1: is out of date → run `hub sync` and read what changed",
        ],
    ),
    Broken(
        "agreement_that_soon_ends", SCHOOLS,
        old="expires: 2027-08-31",
        new="expires: 2026-09-15",
        at="expires",
        told=[
            "{place}:{line}: warning: expires: the agreement ends in 0 days → begin to renew it",
            "topics/personal_education_plan.yaml:1: is out of date → run `hub sync` and read what changed",
            "topics/pupil_in_care.yaml:1: is out of date → run `hub sync` and read what changed",
            "topics/school_attendance.yaml:1: is out of date → run `hub sync` and read what changed",
        ],
    ),
    Broken(
        "day_that_no_calendar_has", SCHOOLS,
        old="expires: 2027-08-31",
        new="expires: 2027-02-29",
        at="expires",
        told=[
            "{place}:{line}: expires: there is no such day or number → mend the value",
        ],
    ),
    Broken(
        "no_basis", WORKER,
        old="    basis:\n      article6: e\n      article9: g\n      schedule1: 18\n      statute: Children Act 1989 s.22(3) and s.47; Children Act 2004 s.11\n",
        new="",
        at="  hospital_alert:",
        told=[
            "{place}:{line}: hears.hospital_alert.basis: Field required → write 'basis'",
        ],
    ),
    Broken(
        "statute_that_is_not_named", CHIS,
        old="      statute: National Health Service Act 2006 s.82; Children Act 2004 s.10; SI 2013/351 reg.5A\n",
        new="",
        at="basis:",
        told=[
            "{place}:{line}: hears.child_demographics.basis: gate `statute` names no statute → write basis.statute",
        ],
    ),
    Broken(
        "opting_out_of_what_no_statute_says", CHIS,
        old="      statute: National Health Service Act 2006 s.82; Children Act 2004 s.10; SI 2013/351 reg.5A\n    gate: statute",
        new="    gate: opt-out",
        at="basis:",
        told=[
            "{place}:{line}: hears.child_demographics.basis: gate `opt-out` names no statute → write basis.statute",
        ],
    ),
    Broken(
        "word_by_the_day_for_another_type", VIRTUAL,
        old="placement_postcode: outward_postcode",
        new="placement_postcode: age_band",
        at="placement_postcode: age_band",
        told=[
            "{place}:{line}: hears.looked_after_child.coarse.episode.placement_postcode: 'age_band' does not take a str → there is: initial, initials, outward_postcode, present",
        ],
    ),
    Broken(
        "consent_that_the_stream_has_no_record_of", CHIS,
        old="gate: statute",
        new="gate: consent",
        at="gate:",
        told=[
            "{place}:{line}: hears.child_demographics.gate: child_demographics carries no record of consent → use another gate",
        ],
    ),
    Broken(
        "stage_that_the_stream_does_not_carry", CHIS,
        old="gate: statute",
        new="gate: contact-stage",
        at="gate:",
        told=[
            "{place}:{line}: hears.child_demographics.gate: child_demographics carries no record of consent → use another gate",
            "{place}:{line}: hears.child_demographics.gate: child_demographics carries no stage → use another gate",
        ],
    ),
    Broken(
        "override_that_the_stream_does_not_carry", CHIS,
        old="gate: statute",
        new="gate: significant-harm",
        at="gate:",
        told=[
            "{place}:{line}: hears.child_demographics.gate: child_demographics carries no override → use another gate",
        ],
    ),
    Broken(
        "gate_that_is_none", CHIS,
        old="gate: statute",
        new="gate: any",
        at="gate:",
        told=[
            "{place}:{line}: hears.child_demographics.gate: Input should be 'statute', 'consent', 'contact-stage', 'significant-harm' or 'opt-out' → mend the value",
        ],
    ),
    Broken(
        "function_without_a_line", "connectors/wiltshire_police/inbound.py",
        old=None,
        new="def public_protection_notices(message):\n    yield\n\n\ndef missing_persons(message):\n    yield\n",
        at="def missing",
        told=[
            "{place}:{line}: no line of `says` is called 'missing_persons' → add the line, or begin the function's name with _",
        ],
    ),
    Broken(
        "line_without_a_function", "connectors/wiltshire_police/inbound.py",
        old=None,
        new="def _public_protection_notices(message):\n    yield\n",
        at="",
        told=[
            "connectors/wiltshire_police/agency.yaml:5: says.public_protection_notices: inbound.py has no function of that name → write `def public_protection_notices(message)` in connectors/wiltshire_police/inbound.py",
        ],
    ),
    Broken(
        "inbound_that_is_not_python", "connectors/wiltshire_police/inbound.py",
        old=None,
        new="def public_protection_notices(message):\n    yield from\n",
        at="yield from",
        told=[
            "{place}:{line}: is not Python: invalid syntax → mend the module",
        ],
    ),
    Broken(
        "renderer_that_no_door_needs", "connectors/chis/outbound.py",
        old=None,
        new="def child_demographics_as_hl7(letter):\n    return b''\n",
        at="def",
        told=[
            "{place}:{line}: no door of `hears` needs 'child_demographics_as_hl7' → add the door, or begin its name with _",
        ],
    ),
    Broken(
        "alias_bomb", ATV,
        old=None,
        new=BOMB,
        at="a: &a",
        told=[
            "{place}:1: uses a YAML anchor or alias → write the values out",
            "{place}:2: uses a YAML anchor or alias → write the values out",
            "{place}:3: uses a YAML anchor or alias → write the values out",
        ],
    ),
    Broken(
        "duplicate_key", CHIS,
        old="    kept: 14 days",
        new="    kept: 14 days\n    kept: 9999 days",
        at="9999",
        told=[
            "{place}:{line}: the key 'kept' stands twice → keep one of the two",
        ],
    ),
    Broken(
        "merged_keys", CHIS,
        old="    kept: 14 days",
        new="    <<: {kept: 14 days}",
        at="<<",
        told=[
            "{place}:{line}: uses a YAML merge → write the values out",
        ],
    ),
    Broken(
        "policy_of_65_kilobytes", HOSPITAL,
        old=None,
        new="#" * (64 * 1024 + 1),
        at="",
        told=[
            "{place}:{line}: 65537 bytes, over the limit of 65536 → a file that nobody can read aloud is not a policy: split or shorten it",
        ],
    ),
    Broken(
        "policy_of_ten_megabytes", HOSPITAL,
        old=None,
        new="[" * 10_000_000,
        at="",
        told=[
            "{place}:{line}: 10000000 bytes, over the limit of 65536 → a file that nobody can read aloud is not a policy: split or shorten it",
        ],
    ),
    Broken(
        "bottomless_policy", HOSPITAL,
        old=None,
        new="a:\n  " + "[" * 60_000,
        at="[[",
        told=[
            "{place}:{line}: is nested deeper than 20 → write it flat",
        ],
    ),
    Broken(
        "yaml_tag", WORKER,
        old="agreement: ISA",
        new="agreement: !!python/name:os.system ISA",
        at="!!python",
        told=[
            "{place}:{line}: uses a YAML tag → write a plain value",
        ],
    ),
    Broken(
        "character_that_nobody_sees", WORKER,
        old="agreement: ISA-2026-009",
        new="agreement: ISA-\u202e900-6202",
        at="agreement",
        told=[
            "{place}:{line}: holds a character that nobody sees → write the line anew",
        ],
    ),
    Broken(
        "policy_that_is_not_utf_8", WORKER,
        old=None,
        new=b"agreement: caf\xe9\n",
        at="",
        told=[
            "{place}:{line}: is not UTF-8 → save it as UTF-8",
        ],
    ),
    Broken(
        "policy_that_is_a_list", WORKER,
        old=None,
        new="- agreement\n",
        at="- agreement",
        told=[
            "{place}:{line}: Input should be a valid dictionary or instance of Policy → mend the value",
        ],
    ),
    Broken(
        "empty_policy", WORKER,
        old=None,
        new="# nothing yet\n",
        at="",
        told=[
            "{place}:{line}: is empty → write it, or delete the file",
        ],
    ),
    Broken(
        "record_granted_whole", POLICE,
        old="- consent.status",
        new="- consent",
        at="- consent",
        told=[
            "{place}:{line}: hears.mash_referral.fields.26: 'consent' is a record: a part added to it later would be heard unasked → name its fields one by one",
        ],
    ),
    Broken(
        "field_granted_twice", POLICE,
        old="- police_reference",
        new="- contact_id",
        at="immediate_protection",
        told=[
            "{place}:24: hears.mash_referral.fields.4: 'contact_id' stands twice → keep one",
        ],
    ),
    Broken(
        "field_both_whole_and_coarse", HEALTH,
        old="- child.gp_ods",
        new="- child.address.postcode",
        at="postcode: outward",
        told=[
            "{place}:{line}: hears.mash_referral.coarse.child.address.postcode: is heard in full too → keep it in one of the two",
        ],
    ),
    Broken(
        "where_that_always_holds", POLICE,
        old="rag: [red, amber]",
        new="rag: [red, amber, green, blue]",
        at="rag:",
        told=[
            "{place}:{line}: hears.mash_referral.where.rag: names every possible value, so it holds always → take the line out",
        ],
    ),
    Broken(
        "where_that_holds_for_true_and_false", POLICE,
        old="rag: [red, amber]",
        new="immediate_protection: [true, false]",
        at="immediate_protection: [",
        told=[
            "{place}:{line}: hears.mash_referral.where.immediate_protection: names every possible value, so it holds always → take the line out",
        ],
    ),
    Broken(
        "where_that_the_gate_asks_too", POLICE,
        old="rag: [red, amber]",
        new="stage: [contact]",
        at="stage: [",
        told=[
            "{place}:{line}: hears.mash_referral.where.stage: is asked already, before any `where` → take the line out",
        ],
    ),
    Broken(
        "where_that_a_seal_asks_too", CHIS,
        old="    gate: statute",
        new="    gate: statute\n    where: {child.restricted: [true]}",
        at="where:",
        told=[
            "{place}:{line}: hears.child_demographics.where.child.restricted: is asked already, before any `where` → take the line out",
        ],
    ),
    Broken(
        "where_without_a_value", POLICE,
        old="rag: [red, amber]",
        new="rag: []",
        at="rag:",
        told=[
            "{place}:{line}: hears.mash_referral.where.rag: accepts no value, so nothing is ever heard → name the values",
        ],
    ),
    Broken(
        "where_with_a_value_that_never_occurs", POLICE,
        old="rag: [red, amber]",
        new="rag: [red, ambre]",
        at="rag:",
        told=[
            "{place}:{line}: hears.mash_referral.where.rag: 'ambre' never occurs → did you mean 'amber'?",
        ],
    ),
    Broken(
        "where_with_a_value_that_the_field_writes_otherwise", SCHOOLS,
        old="[swindon]",
        new="[Swindon]",
        at="[Swindon]",
        told=[
            "{place}:{line}: hears.school_attendance.where.pupil.in_care_of: 'Swindon' never occurs → did you mean 'swindon'?",
        ],
    ),
    Broken(
        "where_with_a_value_that_the_field_refuses", SCHOOLS,
        old="pupil.in_care_of: [swindon]",
        new='pupil.registered_urn: ["12"]',
        at='["12"]',
        told=[
            "{place}:{line}: hears.school_attendance.where.pupil.registered_urn: '12' never occurs → look at the field's type",
        ],
    ),
    Broken(
        "where_with_a_number_for_text", SCHOOLS,
        old="pupil.in_care_of: [swindon]",
        new="school_urn: [123456]",
        at="[123456]",
        told=[
            "{place}:{line}: hears.school_attendance.where.school_urn: is a str, and one of these is not → put text in quotes, and numbers without",
        ],
    ),
    Broken(
        "where_with_text_for_a_truth", POLICE,
        old="rag: [red, amber]",
        new='immediate_protection: ["yes"]',
        at='["yes"]',
        told=[
            "{place}:{line}: hears.mash_referral.where.immediate_protection: is true or false → write true or false, without quotes",
        ],
    ),
    Broken(
        "where_with_a_day", SCHOOLS,
        old="pupil.in_care_of: [swindon]",
        new='day: ["2026-09-01"]',
        at="day: [",
        told=[
            "{place}:{line}: hears.school_attendance.where.day: is a date: `where` knows values only → let the event carry the fact",
        ],
    ),
    Broken(
        "where_with_what_is_no_value", SCHOOLS,
        old="[swindon]",
        new="[{not: swindon}]",
        at="not:",
        told=[
            "{place}:{line}: hears.school_attendance.where.pupil.in_care_of.0: Input should be a valid string → mend the value",
        ],
    ),
    Broken(
        "where_in_a_list", POLICE,
        old="rag: [red, amber]",
        new="household.relationship: [father]",
        at="[father]",
        told=[
            "{place}:{line}: hears.mash_referral.where.household.relationship: lies in a list: which of them should it be? → let the event carry the fact in a field of its own",
        ],
    ),
    Broken(
        "coarse_word_that_is_unknown", VIRTUAL,
        old="placement_postcode: outward_",
        new="placement_postcode: outwards_",
        at="outwards_postcode",
        told=[
            "{place}:{line}: hears.looked_after_child.coarse.episode.placement_postcode: no word 'outwards_postcode' → did you mean 'outward_postcode'?",
        ],
    ),
    Broken(
        "coarse_word_for_another_type", VIRTUAL,
        old="pupil.born: year",
        new="pupil.upn: year",
        at="pupil.upn: year",
        told=[
            "connectors/virtual_school/agency.yaml:23: hears.school_attendance.columns.YEAR_OF_BIRTH: 'pupil.born' is not granted → did you mean 'pupil.upn'?",
            "{place}:{line}: hears.school_attendance.coarse.pupil.upn: 'year' does not take a str → there is: initial, initials, outward_postcode, present",
            "{place}:{line}: hears.school_attendance.coarse.pupil.upn: is heard in full too → keep it in one of the two",
        ],
    ),
    Broken(
        "section_that_the_notice_does_not_have", POLICE,
        old="notice: MASH (Multi Agency Safeguarding Hub)",
        new="notice: MASH (Multi Agency Hub)",
        at="notice:",
        told=[
            "{place}:{line}: hears.mash_referral.notice: the privacy notice has no such section → did you mean 'MASH (Multi Agency Safeguarding Hub)'?",
        ],
    ),
    Broken(
        "special_category_without_article_9", SCHOOLS,
        old="      article9: g\n      schedule1: 18\n      statute: Children Act 1989 s.22(3A); Children Act 2004 s.10 and",
        new="      statute: Children Act 1989 s.22(3A); Children Act 2004 s.10 and",
        at="basis:",
        told=[
            "{place}:{line}: hears.school_attendance.basis: 'mark' is special category data without an Article 9 ground → write basis.article9, or leave the field out",
        ],
    ),
    Broken(
        "article_9_without_its_condition", CHIS,
        old="schedule1: 2",
        new="schedule1: 18",
        at="basis:",
        told=[
            "{place}:{line}: hears.child_demographics.basis: Article 9(2)(h) holds only with paragraph 2 of Schedule 1 → write basis.schedule1",
        ],
    ),
    Broken(
        "substantial_interest_without_its_condition", POLICE,
        old="      schedule1: 18\n",
        new="",
        at="basis:",
        told=[
            "{place}:{line}: hears.mash_referral.basis: 'police_reference' tells of crime, without a condition of Schedule 1 (UK GDPR article 10) → write basis.schedule1, or leave the field out",
            "{place}:{line}: hears.mash_referral.basis: Article 9(2)(g) holds only with paragraph 6 to 28 of Schedule 1 → write basis.schedule1",
        ],
    ),
    Broken(
        "column_that_is_not_granted", "connectors/schools/agency.yaml",
        old="CLASS: statistical_class",
        new="BORN: pupil.born",
        at="BORN:",
        told=[
            "{place}:{line}: hears.school_attendance.columns.BORN: 'pupil.born' is not granted → did you mean 'pupil.upn'?",
        ],
    ),
    Broken(
        "address_that_is_not_granted", "connectors/schools/agency.yaml",
        old="addressed_by: pupil.registered_urn",
        new="addressed_by: pupil.local_id",
        at="addressed_by",
        told=[
            "{place}:{line}: hears.school_attendance.addressed_by: 'pupil.local_id' is not granted as it is → did you mean 'pupil.upn'?",
        ],
    ),
    Broken(
        "address_that_is_a_day", "connectors/schools/agency.yaml",
        old="addressed_by: pupil.registered_urn",
        new="addressed_by: day",
        at="addressed_by",
        told=[
            "{place}:{line}: hears.school_attendance.addressed_by: 'day' is not one piece of text → name a field that is",
        ],
    ),
    Broken(
        "stream_that_nobody_wrote", "connectors/great_western_hospital/agency.yaml",
        old="by: mllp, into: [hospital_attendance]",
        new="by: mllp, into: [hospital_atendance]",
        at="adt:",
        told=[
            "{place}:{line}: says.adt.into: no stream 'hospital_atendance' → did you mean 'hospital_attendance'?",
        ],
    ),
    Broken(
        "format_that_nothing_reads", "connectors/great_western_hospital/agency.yaml",
        old="adt: {format: hl7, by: mllp",
        new="adt: {format: avro, by: kafka",
        at="adt:",
        told=[
            "{place}:{line}: says.adt: nothing here reads avro → there is: csv, fhir, hl7, json, xml",
            "{place}:{line}: says.adt: the gateway does not listen on kafka → there is: files, https, mesh, mllp, sftp",
        ],
    ),
    Broken(
        "table_by_mllp", "connectors/chis/agency.yaml",
        old="by: files\n    batch: 500",
        new="by: mllp\n    batch: 500",
        at="child_demographics:",
        told=[
            "{place}:{line}: hears.child_demographics: csv does not go by mllp → use hl7, or another road",
            "{place}:8: hears.child_demographics.batch: only a file that can hold more than one message has 'batch' → "
            "take it out",
            "{place}:10: hears.child_demographics.newest: only a file that can hold more than one message has 'newest' → "
            "take it out",
        ],
    ),
    Broken(
        "newest_where_each_goes_alone", "connectors/chis/agency.yaml",
        old="by: files\n    batch: 500\n",
        new="by: mllp\n",
        at="child_demographics:",
        told=[
            "{place}:{line}: hears.child_demographics: csv does not go by mllp → use hl7, or another road",
            "{place}:9: hears.child_demographics.newest: only a file that can hold more than one message has 'newest' → "
            "take it out",
        ],
    ),
    Broken(
        "acknowledged_by_no_stream", "connectors/chis/agency.yaml",
        old="    batch: 500\n",
        new="    batch: 500\n    numbered: true\n    acknowledged_by: mash_referal\n",
        at="acknowledged_by",
        told=[
            "{place}:{line}: hears.child_demographics.acknowledged_by: no stream 'mash_referal' → did you mean 'mash_referral'?",
        ],
    ),
    Broken(
        "acknowledged_by_what_says_no_such_thing", "connectors/chis/agency.yaml",
        old="    batch: 500\n",
        new="    batch: 500\n    acknowledged_by: mash_referral\n",
        at="acknowledged_by",
        told=[
            "{place}:{line}: hears.child_demographics.acknowledged_by: 'mash_referral' says nothing of what became of a file → "
            "name a stream whose event is a hub.acknowledgement.Acknowledgement",
            "{place}:{line}: hears.child_demographics.acknowledged_by: nothing says which file is meant: files are not numbered, "
            "and files gives a delivery no id → write `numbered: true`",
        ],
    ),
    Broken(
        "mesh_door_without_a_workflow", "connectors/chis/agency.yaml",
        old="by: files\n    batch: 500",
        new="by: mesh\n    batch: 500",
        at="child_demographics:",
        told=[
            "{place}:{line}: hears.child_demographics: MESH carries nothing without a workflow → write `workflow`, the id "
            "that MESH's workflow list gives it",
        ],
    ),
    Broken(
        "mesh_line_without_a_workflow", "connectors/great_western_hospital/agency.yaml",
        old="adt: {format: hl7, by: mllp",
        new="adt: {format: hl7, by: mesh",
        at="adt:",
        told=[
            "{place}:{line}: says.adt: MESH carries nothing without a workflow → write `workflow`, the id that MESH's "
            "workflow list gives it",
        ],
    ),
    Broken(
        "xml_in_a_spreadsheet", "connectors/schools/agency.yaml",
        old="- {format: xml, by: sftp, batch: 50, numbered: true}",
        new="- {format: xml, by: sftp, batch: 50, numbered: true, opened_in: machine}",
        at="  pupil_in_care:",
        told=[
            "{place}:{line}: hears.pupil_in_care.opened_in: only CSV is opened in spreadsheets → take it out",
        ],
    ),
    Broken(
        "file_that_nothing_tells", "connectors/social_care/agency.yaml",
        old="  SSDA903 oc3: [CHILD, DOB, IN_TOUCH, ACTIV, ACCOM]",
        new="  SSDA903 oc3: []",
        at="SSDA903 oc3",
        told=[
            "{place}:{line}: unneeded.SSDA903 oc3: Tuple should have at least 1 item after validation, not 0 → mend the value",
        ],
    ),
    Broken(
        "agency_without_a_name", "connectors/mash_health/agency.yaml",
        old="name: Swindon MASH health partners\n",
        new="",
        at="steward",
        told=[
            "{place}:1: name: Field required → write 'name'",
        ],
    ),
    Broken(
        "scaffold_that_was_not_filled_in", HEALTH,
        old="agreement: ISA-2026-004",
        new="agreement: TODO",
        at="agreement",
        told=[
            "{place}:{line}: agreement: still says TODO → write it",
        ],
    ),
    Broken(
        "way_to_keep_that_the_hub_needs", "topics/keeping.yaml",
        old="\nquarantine:\n",
        new="\nisolation:\n",
        at="",
        told=[
            "{place}:3: has no 'quarantine', which the hub's own topics need → write 'quarantine'",
        ],
    ),
    Broken(
        "kind_of_principal_without_a_quota", "topics/quotas.yaml",
        old="\nperson:\n",
        new="\npersons:\n",
        at="",
        told=[
            "{place}:3: has no 'person': principals of that kind would have no bound → write 'person'",
        ],
    ),
    Broken(
        "frozen_schema_that_moved", "schemas/termly_attendance/v1.avsc",
        old='"long"',
        new='"int"',
        at="",
        told=[
            "{place}:{line}: is frozen, and the model says something else now → add fields that may be absent only, or raise `version` in the Stream and run `hub sync`",
        ],
    ),
    Broken(
        "frozen_schema_that_nobody_can_read", "schemas/termly_attendance/v1.avsc",
        old=None,
        new="{",
        at="",
        told=[
            "{place}:{line}: is frozen, and the model says something else now → add fields that may be absent only, or raise `version` in the Stream and run `hub sync`",
        ],
    ),
    Broken(
        "derived_file_that_is_stale", "topics/hospital_attendance.yaml",
        old="partitions: 6",
        new="partitions: 7",
        at="",
        told=[
            "{place}:{line}: is out of date → run `hub sync` and read what changed",
        ],
    ),
    Broken(
        "derived_file_of_a_stream_that_is_gone", "topics/school_meal.yaml",
        old=None,
        new="a: b\n",
        at="",
        told=[
            "{place}:{line}: there is no stream 'school_meal' → delete it",
        ],
    ),
    Broken(
        "folder_without_its_agency", "connectors/dentists/policy.yaml",
        old=None,
        new="hears: {}\n",
        at="",
        told=[
            "connectors/dentists/agency.yaml:1: is missing → write it, or delete the folder",
        ],
    ),
    Broken(
        "folder_that_nobody_looks_into", "connectors/school-nursing/agency.yaml",
        old=None,
        new="name: Nurses\n",
        at="",
        told=[
            "connectors/school-nursing:1: is no name for a folder here → write it in lower case, words joined by _",
        ],
    ),
]
# fmt: on

TOGETHER = (
    "unknown_key", "unknown_field", "unknown_stream", "expired_agreement", "no_basis", "statute_that_is_not_named",
    "function_without_a_line", "alias_bomb", "policy_of_65_kilobytes", "record_granted_whole", "where_that_always_holds",
    "where_with_a_value_that_the_field_writes_otherwise", "coarse_word_that_is_unknown",
    "article_9_without_its_condition", "column_that_is_not_granted", "stream_that_nobody_wrote",
    "folder_without_its_agency", "section_that_the_notice_does_not_have",
)  # fmt: skip


def test_a_sound_house_has_no_findings(house):
    """What the other tests break is whole."""
    assert house.findings() == []


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_told_with_file_line_and_mend(broken, house):
    """One fault, and nothing but what is said of it."""
    broken.apply(house)

    assert house.findings() == broken.expected(house)


def test_all_faults_are_told_in_one_run_of_the_command(house):
    """Every fault of one run, each as if it were alone, and exit code 1 without a traceback."""
    chosen = [one for one in BROKEN if one.name in TOGETHER]
    for one in chosen:
        one.apply(house)

    ran = house.hub("check")

    found, expected = set(ran.stdout.splitlines()), {line for one in chosen for line in one.expected(house)}
    ended = {line for line in found if ": the agreement ended on " in line}  # of those the real day has more, one day
    follows = {one for one in expected if one.startswith("topics/")}  # is said only where nothing else is wrong
    assert len(chosen) == len(TOGETHER)
    assert expected - found == follows
    assert found - ended - expected == set()
    assert re.match(r"\d+ streams, \d+ agencies, \d+ grants: \d+ faults", ran.stderr)
    assert ran.returncode == 1


MEASURED = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "hub", *sys.argv[1:]]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak // 1024 if sys.platform == "darwin" else peak, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("#" * 10_000_000, "10000000 bytes, over the limit of 65536"),
        ("hears:\n" + "  a: &a [*a, *a]\n" * 600_000, "10200007 bytes, over the limit of 65536"),
        (BOMB, "uses a YAML anchor or alias"),
        ("a:\n  " + "[" * 60_000, "is nested deeper than 20"),
    ],
    ids=["ten megabytes", "ten megabytes of aliases", "alias bomb", "bottomless"],
)
def test_a_policy_that_would_exhaust_the_hub_is_refused_quickly_and_in_little_memory(content, told, house):
    """By the command itself, with its file and line, before anything is built of it."""
    house.write(HOSPITAL, content)
    began = time.monotonic()

    ran = house.python("-c", MEASURED, "check")

    kilobytes = int(ran.stderr.splitlines()[-1])
    assert ran.returncode == 1
    assert [line for line in ran.stdout.splitlines() if line.startswith(HOSPITAL) and told in line]
    assert "Traceback" not in ran.stderr
    assert time.monotonic() - began < 20  # it takes a second; the machine may be busy
    assert kilobytes < 200_000


@pytest.mark.parametrize(
    "name",
    [
        "unknown_key", "where_that_always_holds", "where_that_holds_for_true_and_false", "where_without_a_value",
        "where_that_the_gate_asks_too", "alias_bomb", "policy_of_ten_megabytes", "empty_policy", "merged_keys",
    ],
)  # fmt: skip
def test_a_hub_does_not_start_on_a_policy_that_says_nothing_or_hides_something(name, house):
    """A rule that always holds or never does, a word that nobody knows, a bomb: with the place, in the error itself."""
    broken = next(one for one in BROKEN if one.name == name)
    broken.apply(house)

    with pytest.raises(CatalogError) as caught:
        check.sound(catalogs.look())

    assert set(broken.expected(house)) <= {str(one) for one in caught.value.findings}


def test_free_text_needs_an_article_9_ground(house):
    """A narrative may hold anything about anyone, so it is granted like special category data."""
    house.write(HEALTH, house.text(HEALTH).replace("      - factors\n", "").replace("      - rag\n", "")
                .replace("      - parents_know\n", "")
                .replace("      rag: [red, amber, green]", "      parents_know: [true]")
                .replace("      article9: g\n", ""))  # fmt: skip

    assert house.findings() == [
        f"{HEALTH}:{house.line(HEALTH, 'basis:')}: hears.mash_referral.basis: 'concern' is special category data without "
        "an Article 9 ground → write basis.article9, or leave the field out"
    ]


@pytest.mark.parametrize(
    ("line", "suffix", "word"),
    [
        ("chis/examples/child_demographics", "withheld", "withheld"),
        ("chis/examples/child_demographics", "event", "an event"),
        ("schools/examples/attendance", "events", "understood"),
        ("schools/examples/attendance", "refused", "refused"),
    ],
)
def test_a_line_without_an_example_of_each_verdict_is_told(line, suffix, word, house):
    """Taking the last example of one verdict away is one finding, at the line of agency.yaml that lacks it."""
    agency, _, name = line.split("/")
    for path in house.own(f"connectors/{line}").glob(f"*.{suffix}.json"):
        path.unlink()

    place = f"connectors/{agency}/agency.yaml"
    kind = "says" if suffix in ("events", "refused") else "hears"
    assert house.findings() == [
        f"{place}:{house.line(place, f'  {name}:')}: {kind}.{name}: has no example that is {word} "
        f"→ add connectors/{line}/<claim>.{suffix}.json"
    ]


def test_a_lock_that_two_branches_wrote_is_told_line_by_line(house):
    """After a careless merge no id may mean two schemas: the lines that are no entries, and the id given out twice."""
    lock = house.text("topics/schemas.lock").splitlines()
    again = json.dumps(json.loads(lock[-1]) | {"subject": "another"})
    house.write("topics/schemas.lock", "\n".join([*lock, "=======", again]) + "\n")

    mend = "→ keep the lines of the branch that is live, and run `hub sync`"
    assert house.findings() == [
        f"topics/schemas.lock:{len(lock) + 1}: is no entry {mend}",
        f"topics/schemas.lock:{len(lock) + 2}: has not the id {len(lock) + 2} {mend}",
    ]


def test_a_stream_that_does_not_import_is_told_once(house):
    """The module's own line, through the real command; that agencies speak into it is not told as well."""
    place = "schemas/termly_attendance/__init__.py"
    house.write(place, house.text(place) + "\nsurprise = 1 // 0\n")

    ran = house.hub("check")

    line = house.line(place, "surprise")
    found = [one for one in ran.stdout.splitlines() if "agreement" not in one]
    assert found == [f"{place}:{line}: does not import: ZeroDivisionError: integer division or modulo by zero "
                     "→ mend the module"]  # fmt: skip
    assert ran.returncode == 1


@pytest.mark.parametrize("said", ["stream = 1", "", "from hub.stream import Event, Stream\nstream = Stream(name='other', "
                                  "event=Event, key=(), keep='days', steward='me')"])  # fmt: skip
def test_a_folder_that_holds_no_stream_of_its_name_is_told(said, house):
    """A stream is called as its folder, and there is one."""
    house.write("schemas/vision_screening/__init__.py", said)

    ran = house.hub("check")

    told = (
        "calls itself 'other' → name it as its folder" if "other" in said else "has no `stream` → end it with: stream"
    )
    assert f"schemas/vision_screening/__init__.py:1: {told}" in ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": ("pupil.upm",)}, "no field 'pupil.upm' → did you mean 'pupil.upn'?"),
        ({"key": ("pupil",)}, "key 'pupil' is a record or lies in a list → name a field that is one value"),
        ({"consent": "consent"}, "no field 'consent' → "),
        ({"restricted": "pupil.restricted"}, "no field 'pupil.restricted' → "),
        ({"conflicts": "conflicts"}, "no field 'conflicts' → "),
        ({"confidential": "pupil.confidential"}, "no field 'pupil.confidential' → "),
        ({"match": "match"}, "no field 'match' → "),
        ({"approvals": "approvals"}, "no field 'approvals' → "),
        ({"born": "pupil.birn"}, "no field 'pupil.birn' → did you mean 'pupil.born'?"),
        ({"subject": (("upn", "pupil.upm"),)}, "no field 'pupil.upm' → did you mean 'pupil.upn'?"),
        ({"subject": (("upn", "pupil"),)}, "subject 'pupil' is a record or lies in a list → name a field that is one"),
        ({"subject": (("unp", "pupil.upn"),)}, "subject: no kind 'unp' → did you mean 'upn'?"),
        ({"subject": ()}, "pupil.upn names the child, and `subject` does not have it → add ("),
        ({"keep": "weeks"}, "keep='weeks' is not in topics/keeping.yaml → there is: days, latest, "),
        ({"lane": "urgnt"}, "no lane 'urgnt' → did you mean 'urgent'?"),
        ({"steward": "TODO"}, "steward still says TODO → write who answers for it"),
    ],
)
def test_what_a_stream_says_of_itself_is_checked(change, said, catalog):
    """Each word of a Stream is one that there is, told at the line where the stream is made."""
    stream = replace(catalog.streams["school_attendance"], **change)
    told = [str(one) for one in check.faults(replace(catalog, streams={**catalog.streams, stream.name: stream}))]

    assert any(one.startswith("schemas/school_attendance/__init__.py:") and said in one for one in told)
    assert "/__init__.py:1:" not in told[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"born": "child.surname"}, "born='child.surname' is not a date → name a field that is"),
        ({"expected": "received_at"}, "expected='received_at' is not a date → name a field that is"),
        ({"born": "household.born"}, "born='household.born' lies in a list → name a field that is one value"),
        ({"conflicts": "child.surname"}, "conflicts='child.surname' is not a list of text → name a field that is"),
        ({"conflicts": "household"}, "conflicts='household' is not a list of text → name a field that is"),
        ({"conflicts": "approvals.by"}, "conflicts='approvals.by' lies in a list → name a field that is one value"),
        ({"confidential": "rag"}, "confidential='rag' is not true or false → name a field that is"),
        ({"restricted": "factors"}, "restricted='factors' is not one value → name a field that is"),
        ({"restricted": "source_code"}, "restricted='source_code' is not true or false → name a field that is"),
        ({"match": "rag"}, "match='rag' is not a Literal with 'certain' among its words → name a field that is"),
        ({"match": "contact_id"}, "match='contact_id' is not a Literal with 'certain' among its words → name a field that is"),
        ({"stage": "source_code"},
         "stage='source_code' is not a Literal with 'contact' among its words → name a field that is"),
        ({"approvals": "household"}, "approvals='household' is not a list of hub.gates.Approval → name a field that is"),
        ({"approvals": "override"}, "approvals='override' is not a list of hub.gates.Approval → name a field that is"),
        ({"consent": "override"}, "consent='override' is not a hub.gates.Consent → name a field that is"),
        ({"override": "rag"}, "override='rag' is not a hub.gates.Override → name a field that is"),
        ({"approvals": None}, "'concern' is free text, and nobody can release it: mash_referral carries no approvals → "
                              "leave it out, or let the stream carry them"),
        ({"subject": (("nhs_number", "child.nhs_number"),)},
         'child.upn names the child, and `subject` does not have it → add ("upn", "child.upn"), by which what is known of '
         "the child is found; or say in its name whose it is"),
        ({"subject": (("nhs_number", "child.nhs_number"), ("case_id", "child.upn"))},
         """subject 'child.upn' is said to be of the kind 'case_id' → write ("upn", "child.upn")"""),
        ({"subject": (("nhs_number", "child.nhs_number"), ("upn", "child.upn"), ("case_id", "child.born"))},
         "subject 'child.born' is not text → name a field that is"),
        ({"subject": (("nhs_number", "child.nhs_number"), ("upn", "child.upn"), ("case_id", "household.surname"))},
         "subject 'household.surname' is a record or lies in a list → name a field that is one value"),
    ],
)  # fmt: skip
def test_what_decisions_look_at_is_of_the_kind_that_they_expect(change, said, catalog):
    """A mark that is none would never be found, or never be what it is compared with; one finding each."""
    stream = replace(catalog.streams["mash_referral"], **change)
    told = [str(one) for one in check.faults(replace(catalog, streams={**catalog.streams, stream.name: stream}))]

    assert [one for one in told if one.endswith(said)] == told
    assert len(told) == 1


def test_a_number_that_a_merge_discards_names_the_child_too(catalog):
    """What is known of them may be known by that one, or by the one that the index knows."""
    stream = replace(catalog.streams["hospital_attendance"], subject=(("nhs_number", "patient.nhs_number"),))

    assert [what for what, _ in marks(stream, {fact.name: fact for fact in stream.facts()})] == [
        "former_nhs_number names the child, and `subject` does not have it",
        "identified.nhs_number names the child, and `subject` does not have it",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verified": "patient.surname"}, "verified='patient.surname' is not true or false"),
        (
            {"identified": "patient", "key": ("patient.nhs_number",)},
            "identified='patient' is not a hub.identified.Identified, or None",
        ),
        ({"key": ("patient.nhs_number",)}, "identified='identified' does not decide where the event lies"),
        ({"also": (Local("upn", "patient.hospital_number"),), "merged": ()}, "also: 'upn' is no local number"),
        ({"also": (Local("ward", "patient.ward"),), "merged": ()}, "also: no field 'patient.ward'"),
        ({"also": (Local("ward", "location", ("patient",)),), "merged": ()}, "also 'patient' is not one text"),
        ({"merged": (("former_ward", "patient.nhs_number"),)}, "merged: no field 'former_ward'"),
        ({"merged": (("location", "visit_number"),)}, "merged: 'visit_number' is in neither `subject` nor `also`"),
        ({"superseded": ("former_nhs_number", "at")}, "superseded 'at' is not text"),
        ({"superseded": ("former_nhs_number", "new")}, "superseded: no field 'new'"),
    ],
)
def test_what_the_identity_index_looks_at_is_checked(change, said, catalog):
    """Or a number would tie nothing, or what it should not; one finding each."""
    stream = replace(catalog.streams["hospital_attendance"], **change)

    assert [what for what, _ in marks(stream, {fact.name: fact for fact in stream.facts()})] == [said]


def test_what_may_be_carried_by_another_childs_number_is_granted_to_nobody(house):
    """No limit would keep anything of it back; what a watch makes of it says how certain it is."""
    place = "connectors/great_western_hospital/policy.yaml"
    house.edit(place, "hears:\n  hospital_alert:\n", "hears:\n  hospital_attendance:\n")

    said = "hospital_attendance may be carried by another child's number, and no limit would keep that back"
    assert any(said in one for one in house.findings())


def test_a_number_that_is_somebody_elses_is_not_the_childs():
    """In a list of people, or by a name that says whose it is."""

    class Relative(Event):
        nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None

    class Visited(Event):
        upn: Annotated[str, Field(description="UPN."), Sensitivity.IDENTIFIER]
        mother_nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
        household: Annotated[tuple[Relative, ...], Field(description="Who."), Sensitivity.IDENTIFIER] = ()

    def told(**subject):
        stream = Stream(name="visited", event=Visited, key=("upn",), keep="days", steward="x", **subject)
        return [what for what, _ in marks(stream, {fact.name: fact for fact in stream.facts()})]

    assert told(subject=(("upn", "upn"),)) == []
    assert told() == ["upn names the child, and `subject` does not have it"]


def test_a_watch_over_streams_that_have_no_key_in_common_is_told(catalog):
    """Flags by NHS number and marks by UPN can never meet; and a stream that is not there is none to watch."""
    watch = catalog.watches["cpis"]
    odd = {"odd": replace(watch, on="termly_attendance"), "gone": replace(watch, emits="hospital_alerts")}

    told = [str(one) for one in check.faults(replace(catalog, watches=odd))]

    assert told == [
        "schemas/hospital_alert/watch.py:1: cpis_flag and termly_attendance are keyed by different identifiers "
        "→ join streams whose keys name the subject by the same national one",
        "schemas/hospital_alert/watch.py:1: emits: no stream 'hospital_alerts' → did you mean 'hospital_alert'?",
    ]


@pytest.mark.parametrize("emits", ["nhs_number_change", "hospital_attendance"])
def test_a_watch_whose_events_come_back_to_it_is_told(emits, catalog):
    """At once, or by way of another watch; to emit what it only keeps is sound."""
    loop = replace(catalog.watches["cpis-number"], emits=emits)
    back = replace(catalog.watches["cpis"], emits="nhs_number_change")

    told = [str(one) for one in check.faults(replace(catalog, watches={"loop": loop, "back": back}))]

    assert any(f"what it emits on {emits} leads back to nhs_number_change" in one for one in told), told
    assert not any("leads back" in str(one) for one in check.faults(catalog))


def test_a_hub_does_not_start_on_what_it_would_trip_over(house):
    """`sound` raises with every finding; an agreement that ended is no such thing, since it only withholds."""
    house.edit(SCHOOLS, "expires: 2027-08-31", "expires: 2020-01-01")
    assert check.sound(catalogs.look()).policies["schools"].expires == date(2020, 1, 1)
    house.edit(POLICE, "- police_reference", "- police_refrence")

    with pytest.raises(CatalogError) as caught:
        check.sound(catalogs.look())

    assert [finding.place for finding in caught.value.findings] == [POLICE]


def test_the_first_fault_of_a_file_does_not_hide_a_fault_of_another_grant(house):
    """A grant that is well formed is checked, also where the one above it is not."""
    house.edit(VIRTUAL, "coarse:\n      pupil.born", "coarce:\n      pupil.born")
    house.edit(VIRTUAL, "- episode.ended", "- episode.endet")

    assert [line.partition("→")[0].rpartition(": ")[2].strip() for line in house.findings()] == [
        "Extra inputs are not permitted",
        "looked_after_child has no field 'episode.endet'",
    ]


@pytest.mark.parametrize(
    ("place", "old", "new", "at", "said"),
    [
        (HOSPITAL, "visit_number, call, as_of]", "visit_number, site_ods, as_of]", "uncertain:",
         "hears.hospital_alert.even_if.uncertain.5: 'site_ods' is not granted, so it is not heard then either → "),
        (CHIS, "    gate: statute\n", "    gate: statute\n    even_if: {uncertain: [child.born]}\n", "even_if",
         "hears.child_demographics.even_if.uncertain: child_demographics does not say how certain it is who the child "
         "is → take it out"),
        (CHIS, "    gate: statute\n", "    gate: statute\n    even_if: {opted_out: [child.born]}\n", "even_if",
         "hears.child_demographics.even_if.opted_out: the gate statute knows of no opting out → write `gate: opt-out`"),
    ],
)  # fmt: skip
def test_what_is_heard_even_then_is_a_part_of_what_is_heard_and_can_happen(place, old, new, at, said, house):
    """A pointer, or what an opt-out leaves, of which a word does nothing would be read aloud for nothing."""
    house.edit(place, old, new)

    (told,) = house.findings()

    assert told.startswith(f"{place}:{house.line(place, at)}: {said}")
