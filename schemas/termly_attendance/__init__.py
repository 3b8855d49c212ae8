"""
Termly attendance: how often one mark was given to one pupil in a term; single sessions are `school_attendance`.

From the school census attendance module, `termlysessiondetails`, which is reported one term in arrears. Records
are named by the extract's own table key, which is not a pupil number and fits no other system.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import LocalId
from schemas.school_attendance import STATISTICAL_CLASS, AttendanceMark, StatisticalClass


class Pupil(Event):
    """A pupil of the census extract, under the extract's own key."""

    record_id: Annotated[LocalId, Field(description="The pupil's key within the extract."), Sensitivity.IDENTIFIER]
    school: Annotated[LocalId, Field(description="The school as the extract calls it."), Sensitivity.PERSONAL]


class TermlySessionsCounted(Event):
    """A school counted the sessions of a term that have one mark (school census, attendance module)."""

    pupil: Annotated[Pupil, Field(description="Whose sessions were counted."), Sensitivity.IDENTIFIER]
    sessions: Annotated[
        int, Field(ge=0, le=420, description="Half days with this mark in the term."), Sensitivity.PERSONAL
    ]
    mark: Annotated[
        AttendanceMark,
        Field(description="The mark; some tell of illness, religion or ethnic group."),
        Sensitivity.SPECIAL,
    ]
    statistical_class: Annotated[StatisticalClass, Field(description="How the mark is counted."), Sensitivity.PERSONAL]

    @model_validator(mode="after")
    def _class_fits(self) -> Self:
        if self.statistical_class != STATISTICAL_CLASS[self.mark]:
            raise PydanticCustomError("class_of_another_mark", "the statistical class is not the one of this mark")
        return self


stream = Stream(
    name="termly_attendance",
    event=TermlySessionsCounted,
    key=("pupil.school/pupil.record_id",),
    keep="days",
    steward="education",
)
