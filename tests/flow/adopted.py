"""Adopted children for tests: each with a life before the order and one after it, and what would join the two."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

from hub.envelope import Record
from tests.bench.events import numbers

Epoch = Literal["o", "n"]
OLD: Epoch = "o"
NEW: Epoch = "n"
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
ORDERED = date(2026, 9, 1)
NUMBERS = 1_000  # of NHS numbers to choose from
_TOLD = re.compile(rb"zq([on])([a-z]{3})|(?<!\d)(999[ -]?\d{3}[ -]?\d{4})(?!\d)|([a-z]866\d{9})|([0-9a-f]{32})")


class Sending(NamedTuple):
    """One message or file: whose line it is, its name where it is a file, and its bytes."""

    agency: str
    line: str
    name: str
    data: bytes


class Identity(NamedTuple):
    """Who a child is to everyone while it lasts: no value of it is anyone else's, nor the same child's other one's."""

    serial: int
    epoch: Epoch
    nhs_number: str
    upn: str

    @property
    def code(self) -> str:
        """What stands in every name and number of this identity but the two national ones."""
        first, rest = divmod(self.serial, 676)
        return f"zq{self.epoch}" + "".join(chr(97 + part) for part in (first, rest // 26, rest % 26))

    def word(self, stem: str) -> str:
        """A name or number of this identity."""
        return stem + self.code

    @property
    def case_id(self) -> str:
        """The number in the case system."""
        return self.word("K")


class Child(NamedTuple):
    """One child: who they were and who they are; the order is told in one of three *ways*."""

    serial: int
    old: Identity
    new: Identity
    way: Literal["adoptions", "sharing_status", "ssda903"]


def upn(serial: int) -> str:
    """A UPN of local authority 866 with a sound check letter (DfE, UPN guide)."""
    body = f"866400{serial:06d}"
    return LETTERS[sum(int(digit) * weight for weight, digit in enumerate(body, 2)) % 23] + body


def children(count: int) -> list[Child]:
    """Half are told of by the adoptions extract, the others by turns by a status or by an SSDA903 episode."""
    given = numbers(2 * count)
    return [
        Child(
            serial,
            Identity(serial, OLD, given[2 * serial], upn(2 * serial)),
            Identity(serial, NEW, given[2 * serial + 1], upn(2 * serial + 1)),
            "adoptions" if serial % 2 == 0 else "sharing_status" if serial % 4 == 1 else "ssda903",
        )
        for serial in range(count)
    ]


def life(of: Sequence[Identity], turn: int) -> Iterator[Sending]:
    """Events on every stream about *of*, as their senders write them; *turn* tells one round from another."""
    yield _csv("flags", turn, FLAGS, (flag(one) for one in of))
    yield demographics(turn, (row(one) for one in of))
    yield _csv("ssda903_header", turn, "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB",
               (f"{one.case_id},F,05/09/2015,MWBC,{one.upn},0," for one in of))  # fmt: skip
    yield episodes(turn, (f"{one.case_id},12/05/2025,S,E1,N1,U6,PR1,,,,SN99 1ZZ,SN99 2ZZ,SC999999" for one in of))
    yield adoptions(
        turn, (f"{one.case_id},{one.word('Quill')},{one.word('Ada')},05/09/2015,10/01/2025,,,," for one in of)
    )
    yield Sending("schools", "attendance", f"marks {turn}.csv", _lines(
        "UPN,LOCAL_ID,SURNAME,FORENAME,DOB,IN_CARE_OF,REGISTERED_URN,SCHOOL_URN,DATE,SESSION,MARK,MINUTES_LATE",
        (f"{one.upn},{one.word('L')},{one.word('Quill')},{one.word('Ada')},05/09/2015,866,990001,990002,"
         f"1{turn}/09/2026,AM,O," for one in of)))  # fmt: skip
    for one in of:
        yield adt(turn, one)
        yield referral(turn, one)


def standings(of: Sequence[Identity], turn: int) -> Iterator[Sending]:
    """What is known of each before any order: one word that names all, or two that have the case number in common."""
    for one in of:
        if one.serial % 3:
            yield status(turn, one, nhs_number=one.nhs_number, upn=one.upn, case_id=one.case_id)
        else:
            yield status(turn, one, nhs_number=one.nhs_number, case_id=one.case_id)
            yield status(turn + 1, one, upn=one.upn, case_id=one.case_id)


def orders(of: Sequence[Child], turn: int) -> Iterator[Sending]:
    """The adoption orders, each by its child's way."""
    yield adoptions(turn, (
        f"{one.case_id},{one.word('Quill')},{one.word('Ada')},05/09/2015,10/01/2025,,,{ORDERED:%d/%m/%Y},Adoption"
        for one in _by("adoptions", of)))  # fmt: skip
    yield episodes(turn, (
        f"{one.case_id},12/05/2025,S,E1,N1,A4,PR1,{ORDERED:%d/%m/%Y},{('E11', 'E12')[one.serial % 2]},,SN99 1ZZ,"
        "SN99 2ZZ,SC999999" for one in _by("ssda903", of)))  # fmt: skip
    for one in _by("sharing_status", of):
        yield status(turn, one, adopted=f"{ORDERED}", nhs_number=one.nhs_number, upn=one.upn, case_id=one.case_id)


def _by(way: str, of: Sequence[Child]) -> list[Identity]:
    return [one.old for one in of if one.way == way]


def hostile(child: Child, turn: int) -> Iterator[Sending]:
    """What names both who *child* was and who they are: none of it may come in, nor be kept for having been refused."""
    old, new = child.old, child.new
    yield adt(turn, new, "A40", f"MRG|{old.nhs_number}^^^NHS^NH~{old.word('H')}^^^RZZ^MR")
    yield adt(turn + 1, old)  # nothing of the new: but nobody arrives any more as who they were
    both = referral(turn, new, pers_person_id=old.case_id)
    yield both
    yield referral(turn + 1, new, pers_person_id=old.case_id, pers_dob="never")  # and refused for something else
    yield referral(1, new, pers_person_id=old.case_id)  # under an id that was used for something else
    yield status(turn, new, adopted=f"{ORDERED}", nhs_number=old.nhs_number, upn=new.upn)
    yield status(turn + 1, new, nhs_number=new.nhs_number, case_id=old.case_id)
    yield status(turn + 2, new, adopted=f"{ORDERED}", nhs_number=old.nhs_number, new_nhs_number=new.nhs_number)


def hostile_files(of: Sequence[Child], turn: int) -> Iterator[tuple[Sending, int]]:
    """Files whose rows name both, or of which one row does; with each, how many of its rows are sound."""
    mixed = [row(one.new, case_id=one.old.case_id) for one in of]
    yield demographics(turn, mixed), 0
    named = f"{of[0].old.nhs_number} is now {of[0].new.nhs_number}.csv"
    yield demographics(turn + 1, [*(row(one.new) for one in of[1:]), mixed[0]])._replace(name=named), len(of) - 1
    spelt = of[-1].old.nhs_number
    spelt = f"{spelt[:3]} {spelt[3:6]} {spelt[6:]}"  # in a cell where nobody looks for it, of a row without a birthday
    beside = row(of[-1].new).replace("05/09/2015", "never").replace("2 Inventedzq", f"{spelt} Inventedzq")
    assert spelt in beside
    yield demographics(turn + 2, [*(row(one.new) for one in of[1:]), beside]), len(of) - 1


OUTCOMES = (
    "NEW_REFERRAL_FLAG", "EXISTING_REFERRAL_FLAG", "CP_ENQUIRY_FLAG", "NFA_FLAG", "NON_AGENCY_ADOPTION_FLAG",
    "PRIVATE_FOSTERING_FLAG", "ADVICE_FLAG", "MISSING_FLAG", "OLA_CP_FLAG", "OTHER_OUTCOMES_EXIST_FLAG",
)  # fmt: skip
AUTHORITY = "Swindon Borough Council,866X,01632 960101,01632 960102"
FLAGS = ("NHS_NUMBER,CHILD_ID,SURNAME,FORENAME,DOB,PLAN,STARTED,ENDED,DELETED,AUTHORITY,ODS_CODE,OFFICE_PHONE,"
         "EMERGENCY_PHONE,WORKER_ID")  # fmt: skip


def flag(one: Identity) -> str:
    """A child protection plan that runs."""
    return (f"{one.nhs_number},{one.case_id},{one.word('Quill')},{one.word('Ada')},05/09/2015,CPP,02/02/2026 10:15,,,"
            f"{AUTHORITY},SW0042")  # fmt: skip


def row(one: Identity, case_id: str = "") -> str:
    """A row of demographics."""
    return (f"{case_id or one.case_id},{one.nhs_number},{one.upn},{one.word('Quill')},{one.word('Ada')},F,05/09/2015,"
            f"2 {one.word('Invented')} Row,Swindon,SN99 9ZZ,N,990001,Invented Primary School")  # fmt: skip


def demographics(turn: int, rows: Iterable[str]) -> Sending:
    """A file of demographics."""
    head = "CHILD_ID,NHS_NUMBER,UPN,SURNAME,FORENAME,SEX,DOB,ADDRESS_1,TOWN,POSTCODE,RESTRICTED,SCHOOL_URN,SCHOOL_NAME"
    return _csv("demographics", turn, head, rows)


def episodes(turn: int, rows: Iterable[str]) -> Sending:
    """A file of SSDA903 episodes."""
    head = "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN"
    return _csv("ssda903_episodes", turn, head, rows)


def adoptions(turn: int, rows: Iterable[str]) -> Sending:
    """A file of the permanence extract."""
    head = ("perm_person_id,pers_surname,pers_forename,pers_dob,perm_adm_decision_date,perm_ffa_cp_decision_date,"
            "perm_decision_reversed_date,perm_permanence_order_date,perm_permanence_order_type")  # fmt: skip
    return _csv("adoptions", turn, head, rows)


def adt(
    turn: int, one: Identity, trigger: str = "A04", more: str = "", *, number: str | None = None, mrn: str = ""
) -> Sending:
    """A message of the hospital's (HL7 v2.4), with the NHS *number* and hospital number of *one*, or with others."""
    number = one.nhs_number if number is None else number
    ids = "~".join(filter(None, (number and f"{number}^^^NHS^NH", f"{mrn or one.word('H')}^^^RZZ^MR")))
    at = f"202609{10 + turn % 5:02d}0930"
    structure = "ADT_A39" if trigger == "A40" else "ADT_A01"
    segments = [
        f"MSH|^~\\&|CAREFLOW|RZZ|SHARINGHUB|SBC|{at}||ADT^{trigger}^{structure}|G{turn}{one.code}|P|2.4|||||GBR|UNICODE|EN",
        f"EVN|{trigger}|{at}||||{at}",
        f"PID|1||{ids}||{one.word('Quill')}^{one.word('Ada')}^^^^^L||"
        f"20150905|F|||2 {one.word('Invented')} Row^^Swindon^^SN99 9ZZ",
        more or f"PV1|1|E|ED^MAJORS^BAY 4^RZZ01|21||||||||||19|||||{one.word('V')}{turn}^^^RZZ^VN{'|' * 25}{at}",
    ]
    return Sending("great_western_hospital", "adt", "", ("\r".join(segments) + "\r").encode())


def referral(turn: int, one: Identity, **child: str) -> Sending:
    """A contact with the front door, to which a parent agreed."""
    said = {
        "id": f"R{turn}{one.code}",
        "contact": {"cont_contact_id": f"C-{one.code}-{turn}", "cont_contact_date": "2026-09-10T10:25:00+01:00",
                    "cont_contact_source_code": "2A", "cont_contact_outcome_json": dict.fromkeys(OUTCOMES, ""),
                    "stage": "contact", "rag": "red", "immediate_protection": False,
                    "concern": f"{one.word('Ada')} comes hungry.", "parents_know": True},
        "child": {"pers_person_id": one.case_id, "pers_common_child_id": one.nhs_number, "pers_upn": one.upn,
                  "pers_surname": one.word("Quill"), "pers_forename": one.word("Ada"), "pers_dob": "2015-09-05",
                  "pers_sex": "F", "gp_ods": "J83999",
                  "address": {"line_1": f"2 {one.word('Invented')} Row", "town": "Swindon", "postcode": "SN99 9ZZ"}}
                 | child,
        "household": [{"surname": one.word("Parent"), "forenames": one.word("Iris"), "relationship": "mother"}],
        "factors": ["16A"], "referrer": {"role": "teacher", "anonymous": False},
        "consent": {"status": "given", "given_by": "parent", "recorded_at": "2026-03-02T09:50:00+00:00"},
    }  # fmt: skip
    return Sending("mash_front_door", "referrals", "", json.dumps(said).encode())


def status(turn: int, one: Identity, **said: Any) -> Sending:
    """What is known of a child, as social care says it."""
    return Sending("social_care", "sharing_status", "", json.dumps({"id": f"S{turn}{one.code}", **said}).encode())


def _csv(line: str, turn: int, head: str, rows: Iterable[str]) -> Sending:
    return Sending("social_care", line, f"{line} {turn}.csv", _lines(head, rows))


def _lines(head: str, rows: Iterable[str]) -> bytes:
    return ("\r\n".join((head, *rows)) + "\r\n").encode()


class Unit(NamedTuple):
    """One thing that is read as one: a record, a row, a line of a log, a file, a name."""

    place: str
    content: bytes


Who = tuple[int, Epoch]


@dataclass
class Search:
    """The search for whatever stands for a child as they were beside what stands for them as they are."""

    of: Sequence[Child]
    pseudonyms: defaultdict[bytes, set[Who]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        every = [one for child in self.of for one in (child.old, child.new)]
        self._words: Mapping[bytes, Who] = {
            word.lower().encode(): (one.serial, one.epoch)
            for one in every
            for word in (one.code, one.nhs_number, one.upn)
        }

    def told(self, content: bytes, *, pseudonyms: bool = True) -> set[Who]:
        """Who is named in *content*, in the open or by a key that `learn` has seen."""
        found: set[Who] = set()
        for match in _TOLD.finditer(content.replace(b"\x00", b"").lower()):
            word = match[0]
            if match[5]:
                found |= self.pseudonyms.get(word, set()) if pseudonyms else set()
            elif (who := self._words.get(word if match[1] else re.sub(b"[ -]", b"", word))) is not None:
                found.add(who)
        return found

    def learn(self, record: Record) -> None:
        """Whose the key of *record* is, by what its value says."""
        if record.key and record.value:
            self.pseudonyms[record.key] |= self.told(record.value, pseudonyms=False)

    def links(self, units: Iterable[Unit]) -> list[str]:
        """Where both of one child stand together, each place named without a name; and keys that stand for both."""
        found = [f"{unit.place}: child {serial}" for unit in units for serial in _both(self.told(unit.content))]
        found += [f"one key for both: child {serial}" for who in self.pseudonyms.values() for serial in _both(who)]
        return found

    def named(self, contents: Iterable[bytes]) -> set[Who]:
        """Everyone named in any of *contents*."""
        return set().union(*(self.told(content) for content in contents))


def _both(who: set[Who]) -> list[int]:
    return sorted(serial for serial, epoch in who if epoch == OLD and (serial, NEW) in who)


def unit(place: str, record: Record, value: bytes | None = None) -> Unit:
    """A record as a unit: its key, headers and value, or *value* in the place of its own."""
    papers = b" ".join(name.encode() + b"=" + (said or b"") for name, said in record.headers)
    return Unit(place, b" ".join((record.key or b"", papers, (record.value if value is None else value) or b"")))


MORNING = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
