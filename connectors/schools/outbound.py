"""What schools hear in a form of their own: pupils in care as a Common Transfer File; it decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.schools import ctf
from hub.errors import NotUnderstood
from hub.formats import xml
from hub.outbound import Letter, Made, Run


def pupil_in_care_as_xml(letters: Sequence[Letter], run: Run) -> Made:
    """
    *letters*, all for one school, as one partial CTF 25; the newest word on a pupil is the one that stands.

    The file's name is the standard's where files are numbered; else the road makes one. Raises `NotUnderstood`: with
    `ctf.two-schools` where the letters name more than one establishment, with `ctf.form` and the element where what
    would leave is not as the standard has it.
    """
    numbers = {letter.values["school"]["dfe_number"] for letter in letters}
    if len(numbers) != 1:
        raise NotUnderstood("ctf.two-schools", "school.dfe_number", "ask which number the school of this URN has")
    (dfe_number,) = numbers
    newest = {letter.values["pupil"]["upn"]: letter.values for letter in letters}
    places = {upn: place for place, upn in enumerate(newest, start=1)}
    root = ctf.document(list(newest.values()), dfe_number, run.at)
    if fault := next(ctf.faults(root), None):
        raise NotUnderstood("ctf.form", fault, "see what the Virtual School wrote there")
    return Made(
        xml.render(root),
        ctf.file_name(dfe_number, run.number) if run.number else "",
        tuple(places[letter.values["pupil"]["upn"]] for letter in letters),
    )
