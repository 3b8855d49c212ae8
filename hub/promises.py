"""Promises: the shape of notice.yaml, the published privacy notice section by section; who hears what is a policy's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from hub.policy import Grant, Sentence, Shape

Words = Annotated[str, StringConstraints(min_length=3, strip_whitespace=True)]


class Office(Shape):
    """Somebody to write to or ring, as the notice publishes them."""

    name: Annotated[Words, Field(description="Who it is, as it stands within a sentence.")]
    email: Annotated[str | None, Field(pattern=r"^\S+@\S+$", description="E-mail address.")] = None
    phone: Annotated[str | None, Field(pattern=r"^[0-9 ]{10,14}$", description="Telephone.")] = None
    address: Annotated[tuple[Words, ...], Field(description="Postal address, line by line.")] = ()


class Section(Shape):
    """One section of the notice: what it promises, and what flows through the hub under it, or why nothing does."""

    promises: Annotated[Sentence, Field(description="What the section promises, in a sentence of our own.")]
    streams: Annotated[
        Mapping[str, Mapping[str, Words]],
        Field(description="The streams that rest on it, and of each whom it is about: the field, and who that is."),
    ] = {}
    no_flow: Annotated[Sentence | None, Field(description="Why nothing flows through the hub under it.")] = None

    def about(self, stream: str, grant: Grant) -> tuple[str, ...]:
        """Whom *grant* tells of, in the notice's words: those of whom it names a field of *stream*."""
        heard = (*grant.fields, *grant.coarse)
        return tuple(
            dict.fromkeys(
                who
                for path, who in self.streams.get(stream, {}).items()
                if any(one == path or one.startswith(f"{path}.") for one in heard)
            )
        )


class Notice(Shape):
    """
    The published privacy notice (UK GDPR articles 13 and 14), and what the record of processing needs beside it.

    Controller, data protection officer, transfers and security are asked for by UK GDPR article 30(1)(a), (e) and (g).
    """

    title: Annotated[Words, Field(description="The notice's title.")]
    published: Annotated[str, Field(pattern=r"^https://\S+$", description="Where it is published.")]
    controller: Annotated[Office, Field(description="Who answers for the processing.")]
    protection_officer: Annotated[Office, Field(description="The controller's data protection officer.")]
    regulator: Annotated[Office, Field(description="To whom one can complain about the controller.")]
    rights: Annotated[tuple[Sentence, ...], Field(min_length=1, description="What people may ask for.")]
    transfers: Annotated[Words, Field(description="What goes to countries outside the United Kingdom.")]
    security: Annotated[Sentence, Field(description="How it is kept safe, in general words.")]
    sections: Annotated[
        Mapping[str, Section], Field(min_length=1, description="Every section, by its heading as it is spelled there.")
    ]
