"""A day of messages, as real senders would write them, about people who do not exist; dates follow today's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
SCHOOLS = ("990001", "990002", "990003")
NAMES = ("Marlowe Zoë", "Okonjo Ada", "Tester Cal", "Sampler Jude", "Ferrars Noor", "Lindqvist Per", "Ashworth Nell",
         "Whitlock Dana", "Garrick Edith", "Vale Rhys", "Finch Iris", "Quill Tamsin")  # fmt: skip


class Sending(NamedTuple):
    """One message or file: whose line it is, a name for it, its bytes, and what it shows."""

    agency: str
    line: str
    name: str
    data: bytes
    shows: str


def upn(serial: int) -> str:
    """A UPN of local authority 866 with a sound check letter (UPN guide 1.2, annex A)."""
    body = f"866400126{serial:03d}"
    return LETTERS[sum(int(digit) * weight for weight, digit in enumerate(body, 2)) % 23] + body


def the_day(today: date) -> Iterator[Sending]:
    """Everything that is sent on *today*, in order."""
    yield from _statuses(today)
    yield from (_flags(today), _demographics(today), _adoptions(today), _episodes(today))
    yield from _referrals(today)
    yield from _notices(today)
    yield _participation(today)
    yield _pupils()
    yield from _registers(today)
    yield _class_list()
    yield from _arrivals(today)


def _csv(agency: str, line: str, name: str, rows: list[str], shows: str) -> Sending:
    return Sending(agency, line, f"{name}.csv", ("\r\n".join(rows) + "\r\n").encode(), shows)


def _flags(today: date) -> Sending:
    ago = lambda days: (today - timedelta(days=days)).strftime("%d/%m/%Y")  # noqa: E731
    authority = "Swindon Borough Council,866X,01632 960101,01632 960102"
    return _csv("social_care", "flags", "flags", [
        "NHS_NUMBER,CHILD_ID,SURNAME,FORENAME,DOB,PLAN,STARTED,ENDED,DELETED,AUTHORITY,ODS_CODE,OFFICE_PHONE,"
        "EMERGENCY_PHONE,WORKER_ID",
        f"999 000 0018,900001,Marlowe,Zoë,14/05/2019,CPP,{ago(120)} 09:30,,,{authority},SW0042",
        f"999 000 0026,900002,Tester,Cal,05/09/2009,LAC,{ago(800)} 12:00,,,{authority},SW0043",
        f"999 000 0034,900003,Sampler,Mary,02/06/2001,UCP,{ago(60)} 09:00,{ago(-90)},,{authority},SW0042",
        f"999 000 0042,900004,Ferrars,Noor,17/04/2015,CPP,{ago(900)} 09:00,{ago(400)},,{authority},SW0044",
        f"999 000 0050,900005,Vale,Rhys,01/02/2016,CPP,{ago(300)} 09:00,{ago(100)},,{authority},",
        f"123,900006,Quill,Tamsin,01/02/2017,CPP,{ago(30)} 09:00,,,{authority},SW0044",
    ], "six flags: one has no sound NHS number, one ended over a year ago")  # fmt: skip


def _statuses(today: date) -> Iterator[Sending]:
    """What is known of four children before anything is shared about them."""
    yesterday = f"{today - timedelta(days=1)}T16:20:00+00:00"
    for number, said, shows in (
        (1, {"nhs_number": "9990000115", "answers": [{"status": "withdrawn", "given_by": "parent",
                                                      "recorded_at": yesterday}]},
         "a parent took her agreement back"),
        (2, {"nhs_number": "9990000123", "address_confidential": True, "conflicts": ["mash_health"]},
         "in a refuge, from a father who is a nurse with the MASH's health partners"),
        (3, {"nhs_number": "9990000131", "case_id": "P-000010", "adopted": str(today - timedelta(days=30))},
         "an adoption order: these are the identifiers from before it"),
        (4, {"upn": upn(104), "born": f"{today.year - 17}-03-04", "opted_out": True},
         "a young person of 17 who opted out of more than name, address and date of birth"),
    ):  # fmt: skip
        document = {"id": f"status-{today:%Y%m%d}-{number}", **said}
        yield Sending("social_care", "sharing_status", f"status-{number}.json", json.dumps(document).encode(), shows)


def _participation(today: date) -> Sending:
    ended = (today - timedelta(days=1)).strftime("%Y-%m-%d")
    born = f"{today.year - 17}-03-04"
    return _csv("participation_team", "ccis", "ccis", [
        "YoungPersonsID,UniquePupilNumber,FamilyName,GivenName,DOB,PeriodEnd,CohortStatus,ActivityCode",
        f"866 10001,{upn(103)},Whitlock,Dana,{born},{ended},P,619",
        f"866 10002,{upn(104)},Garrick,Edith,{born},{ended},P,619",
        f"866 10003,{upn(105)},Vale,Rhys,{born},{ended},P,210",
    ], "three young people: two are in no learning or work, one of whom opted out")  # fmt: skip


def _pupils() -> Sending:
    head = "UPN,CHILD_ID,SURNAME,FORENAME,DOB,SEX,IN_CARE,CARE_AUTHORITY,SCHOOL_URN,DFE_NUMBER"
    rows = [f"{upn(10 * n)},90030{n},{NAMES[n].split()[0]},{NAMES[n].split()[1]},05/09/2014,F,Y,866,{urn},866/900{n}"
            for n, urn in enumerate(SCHOOLS, 1)]  # fmt: skip
    rows.append(f"{upn(40)},900304,Vale,Rhys,05/09/2014,M,,866,{SCHOOLS[0]},866/9001")
    return _csv("virtual_school", "pupils", "pupils", [head, *rows],
                "a pupil in care for each of three schools; of a fourth nobody said whether it is in care")  # fmt: skip


def _demographics(today: date) -> Sending:
    moved = (today - timedelta(days=3)).strftime("%d/%m/%Y")
    head = ("CHILD_ID,NHS_NUMBER,UPN,SURNAME,FORENAME,PREFERRED_FORENAME,SEX,DOB,ADDRESS_1,ADDRESS_2,ADDRESS_3,TOWN,"
            "COUNTY,POSTCODE,ETHNICITY,ETHNICITY_DESCRIPTION,SCHOOL_URN,SCHOOL_NAME,DFE_NUMBER,YEAR_GROUP,"
            "SCHOOL_STARTED,RESTRICTED")  # fmt: skip
    rows = [f"90010{n},{number},{upn(n)},{name.split()[0]},{name.split()[1]},,F,0{n}/03/2016,{n} Invented Row,,,"
            f"Swindon,,SN99 9ZZ,WBRI,,{SCHOOLS[n % 3]},Invented Primary School,866900{n % 3},4,{moved},{restricted}"
            for n, number, name, restricted in (
                (1, "9990000069", NAMES[0], "N"), (2, "9990000077", NAMES[1], "N"), (3, "9990000085", NAMES[4], "N"),
                (4, "9990000093", NAMES[6], "Y"), (5, "9990000107", NAMES[9], ""))]  # fmt: skip
    return _csv("social_care", "demographics", "demographics", [head, *rows],
                "five children: one restricted, one of whom nobody said whether it is")  # fmt: skip


def _adoptions(today: date) -> Sending:
    on = lambda days: (today - timedelta(days=days)).strftime("%d/%m/%Y")  # noqa: E731
    head = ("perm_person_id,pers_surname,pers_forename,pers_dob,perm_adm_decision_date,perm_ffa_cp_decision_date,"
            "perm_placement_order_date,perm_matched_date,perm_placed_for_adoption_date,perm_decision_reversed_date,"
            "perm_permanence_order_date,perm_permanence_order_type")  # fmt: skip
    return _csv("social_care", "adoptions", "adoptions", [
        head,
        f"900201,Sampler,Jude,15/01/2023,{on(300)},,{on(250)},{on(120)},{on(60)},,,",
        f"900202,Finch,Iris,02/02/2024,{on(90)},,,,,,,",
        f"900203,Quill,Tamsin,03/03/2022,{on(90)},,,{on(200)},,,,",
    ], "three cases: one is matched before it was decided, which cannot be")  # fmt: skip


def _episodes(today: date) -> Sending:
    began = (today - timedelta(days=200)).strftime("%d/%m/%Y")
    return _csv("social_care", "ssda903_episodes", "episodes", [
        "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN",
        f"900002,{began},S,C2,N1,U6,PR1,,,,SN99 1ZZ,SN99 2ZZ,SC999999",
        f"900007,{began},S,Z9,N1,U6,PR1,,,,SN99 1ZZ,SN99 2ZZ,SC999999",
    ], "two episodes of care: one has a legal status that is in no code list")  # fmt: skip


def _referral(today: date, number: int, **said: Any) -> Sending:
    at, before = f"{today.isoformat()}T09:{number:02d}:00+00:00", f"{today - timedelta(days=1)}T15:00:00+00:00"
    flags = ["NEW_REFERRAL", "EXISTING_REFERRAL", "CP_ENQUIRY", "NFA", "NON_AGENCY_ADOPTION", "PRIVATE_FOSTERING"]
    flags += ["ADVICE", "MISSING", "OLA_CP", "OTHER_OUTCOMES_EXIST"]
    surname, forename = NAMES[number % len(NAMES)].split()
    document = {
        "id": f"contact-{today:%Y%m%d}-{number:03d}",
        "contact": {
            "cont_contact_id": f"C-{today:%Y%m%d}-{number:03d}", "cont_contact_date": at,
            "cont_contact_source_code": "2A", "cont_contact_outcome_json": {f"{flag}_FLAG": "" for flag in flags},
            "stage": said.get("stage", "contact"), "rag": said.get("rag", "amber"), "immediate_protection": False,
            "concern": "Comes to school hungry; the teacher has spoken to the mother.", "parents_know": True,
        },
        "child": {
            "pers_person_id": f"P-{number:06d}", "pers_common_child_id": said.get("nhs", "9990000018"),
            "pers_surname": surname, "pers_forename": forename, "pers_dob": "2016-05-01", "pers_sex": "F",
            "address": {"line_1": f"{number} Invented Row", "town": "Swindon", "postcode": "SN99 9ZZ"},
            "address_confidential": False,
            "gp_ods": "J83999",
        },
        "factors": said.get("factors", ["16A"]),
        "referrer": {"role": "designated safeguarding lead", "organisation": "Invented Primary School",
                     "anonymous": False},
        "consent": said.get("consent", {"status": "given", "given_by": "parent", "recorded_at": before}),
    } | ({"override": said["override"]} if "override" in said else {})  # fmt: skip
    return Sending(
        "mash_front_door", "referrals", f"referral-{number}.json", json.dumps(document).encode(), said["shows"]
    )


def _referrals(today: date) -> Iterator[Sending]:
    refused, asked = {"status": "refused", "given_by": "parent"}, f"{today - timedelta(days=1)}T17:00:00+00:00"
    yield _referral(today, 1, shows="amber, the parent agreed")
    yield _referral(today, 2, rag="red", nhs="9990000026", shows="red, the parent agreed")
    yield _referral(today, 3, rag="green", nhs="9990000034", shows="green: health hears of it, police do not")
    yield _referral(today, 4, rag="red", nhs="9990000042", consent=refused, shows="the parent refused")
    override = {"reason": "significant_harm", "author": "MASH team manager", "recorded_at": asked}
    yield _referral(today, 5, rag="red", nhs="9990000050", consent=refused, override=override,
                    shows="the parent refused; a manager decided to share, and it is on record")  # fmt: skip
    yield _referral(today, 6, stage="assessment", nhs="9990000069", shows="past the point of contact")
    yield _referral(today, 8, nhs="9990000115", shows="the parent agreed, and took it back since")
    yield _referral(today, 9, rag="red", nhs="9990000123",
                    shows="in a refuge: police hear without an address, a nurse's partners not at all")  # fmt: skip
    yield _referral(today, 10, rag="red", nhs="9990000131", shows="names an adopted child as they were: refused")
    yield _referral(today, 7, factors=["99Z"], nhs="9990000077", shows="a factor that is in no code list")


def _notices(today: date) -> Iterator[Sending]:
    at = f"{today - timedelta(days=1)}T22:40:00+00:00"
    document = {
        "id": f"niche-{today:%Y%m%d}-1", "reference": f"PPN-{today:%Y}-003312", "occurrence_number": "54260018812",
        "sent_at": at, "type": "domestic_abuse", "incident": {"at": at, "location": "22 Imaginary Terrace, Swindon"},
        "grade": "High", "immediate_protection": True, "circumstances": "Called by the mother; a door was broken.",
        "factors": ["3B"], "reporting_officer": {"name": "Dana Whitlock", "role": "police constable"},
        "subjects": [
            {"number": 1, "role": "victim", "surname": "Garrick", "forenames": "Edith", "born": "1990-12-01"},
            {"number": 2, "role": "child", "surname": "Garrick", "forenames": "Ivo", "born": "2017-02-11"},
            {"number": 3, "role": "suspect", "surname": "Garrick", "forenames": "Neil"},
        ],
        "parents_know": True, "consent": {"status": "refused", "given_by": "parent", "recorded_at": at},
        "override": {"reason": "significant_harm", "author": "duty sergeant", "recorded_at": at},
    }  # fmt: skip
    line = ("wiltshire_police", "public_protection_notices")
    yield Sending(*line, "notice-1.json", json.dumps(document).encode(), "graded High, shared for significant harm")
    ungraded = {key: value for key, value in document.items() if key != "grade"} | {"id": f"niche-{today:%Y%m%d}-2"}
    yield Sending(*line, "notice-2.json", json.dumps(ungraded).encode(), "nobody graded it")


def _registers(today: date) -> Iterator[Sending]:
    head = "UPN,LOCAL_ID,SURNAME,FORENAME,DOB,IN_CARE_OF,REGISTERED_URN,SCHOOL_URN,DATE,SESSION,MARK,MINUTES_LATE"
    for index, school in enumerate(SCHOOLS):
        rows = [head]
        for pupil in range(1, 31):
            serial = index * 30 + pupil
            surname, forename = NAMES[serial % len(NAMES)].split()
            care = "Swindon" if pupil % 10 == 0 else ("Oxfordshire" if pupil == 5 else "")
            for session, present in (("AM", "/"), ("PM", "\\")):
                mark = "O" if pupil in (10, 15) else ("I" if pupil == 20 else present)
                mark = "H" if pupil == 30 and session == "PM" and index == 2 else mark
                rows.append(f"{upn(serial)},{7000 + serial},{surname},{forename},05/09/2014,{care},{school},{school},"
                            f"{today:%d/%m/%Y},{session},{mark},")  # fmt: skip
        yield _csv("schools", "attendance", f"register-{school}", rows,
                   "60 sessions of 30 pupils, three of them in Swindon's care")  # fmt: skip


def _class_list() -> Sending:
    return _csv("schools", "class_lists", "class-4B", [
        "\ufeffCHILD_FIRST_NAME,CHILD_LAST_NAME,CHILD_DATE_OF_BIRTH,CHILD_POSTCODE,CHILD_NHS_NUMBER",
        '"Required: Free text","Required: Free text","Required: DD/MM/YYYY","Optional","Optional"',
        "Zoë,Marlowe,2016-05-01,SN99 9ZZ,999 000 0018",
        "Per,Lindqvist,02/06/2016,SN99 9ZZ,",
    ], "a class list: a school cannot know whose record is restricted")  # fmt: skip


def adt(today: date, number: int, trigger: str, patient: str, name: str, born: str) -> bytes:
    """One ADT message as Great Western Hospital's system would send it (HL7 v2.4, HL7 UK A.3)."""
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S") + "+0000"
    surname, forename = name.split()
    structure = "ADT_A39" if trigger == "A40" else "ADT_A01"
    identifiers = f"{patient}^^^NHS^NH~000{number:04d}^^^RZZ^MR" if patient else f"000{number:04d}^^^RZZ^MR"
    segments = [
        f"MSH|^~\\&|CAREFLOW|RZZ|SHARINGHUB|SBC|{now}||ADT^{trigger}^{structure}|GWH{today:%y%m%d}{number:04d}|P|2.4|||||"
        "GBR|UNICODE|EN",
        f"EVN|{trigger}|{now}||||{now}",
        f"PID|1||{identifiers}||{surname}^{forename}^^^^^L||{born}|F|||14 Imaginary Crescent^^Swindon^^SN99 9ZZ",
        f"PV1|1|E|ED^MAJORS^BAY 4^RZZ01|21||||||||||19|||||AE26{number:05d}^^^RZZ^VN{'|' * 25}{now}",
    ]
    return ("\r".join(segments) + "\r").encode()


def _arrivals(today: date) -> Iterator[Sending]:
    for number, trigger, patient, name, born, shows in (
        (1, "A04", "9990000018", "Marlowe Zoë", "20190514", "on a child protection plan: an alert"),
        (2, "A04", "9990000026", "Tester Cal", "20090905", "in care: an alert"),
        (3, "A04", "9990000034", "Sampler Mary", "20010602", "expecting a child who is on a plan: an alert"),
        (4, "A04", "9990000042", "Ferrars Noor", "20150417", "the plan ended 13 months ago: no alert"),
        (5, "A04", "9990000050", "Vale Rhys", "20160201", "the plan ended three months ago: an alert to duty"),
        (6, "A04", "9990000069", "Lindqvist Per", "20120101", "nothing known: no alert"),
        (7, "A04", "", "Quill Tamsin", "20140101", "no NHS number: the verdict is 'unknown', no alert"),
        (8, "A08", "9990000018", "Marlowe Zoë", "20190514", "an update is not an arrival"),
        (9, "A03", "9990000018", "Marlowe Zoë", "20190514", "a discharge"),
    ):  # fmt: skip
        yield Sending("great_western_hospital", "adt", f"{trigger}-{number}.hl7",
                      adt(today, number, trigger, patient, name, born), shows)  # fmt: skip
    result = adt(today, 10, "A04", "9990000018", "Marlowe Zoë", "20190514").replace(
        b"ADT^A04^ADT_A01", b"ORU^R01^ORU_R01"
    )
    yield Sending("great_western_hospital", "adt", "R01-10.hl7", result, "a laboratory result, which nobody here needs")
    yield Sending("great_western_hospital", "adt", "broken-11.hl7", b"MSH|broken", "not HL7 at all")
