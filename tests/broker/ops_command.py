"""The command `hub ops` as whoever starts it meets it: its link, and its page in a browser without script."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from lxml import html

from tests.flow.partners import until
from tests.flow.running import READY_SECONDS, Running
from tests.flow.signing_in import Browser

LINK = re.compile(r"^open (http://127\.0\.0\.1:\d+)(/access/open\?code=\S+)$", re.MULTILINE)


class OpsCommand(Running):
    """`hub ops` on free ports of this machine, in a process of its own with settings of its own."""

    verb: ClassVar[str] = "ops"

    def __init__(self, state: Path, bootstrap: str, **given: str) -> None:
        super().__init__(state, bootstrap, "--port", "0", **given)
        self.log = state / "ops.log"
        self._browser = Browser()
        self._site = ""

    def sign_in(self) -> None:
        """Open the link that it prints, as the person does who started it."""
        self._site, way = until(lambda: LINK.findall(self.said()), "its link", READY_SECONDS)[-1]
        self._browser.go(self._site + way)
        assert self._browser.at == f"{self._site}/"

    def page(self) -> Page:
        """Its first page, asked for anew."""
        return Page(html.document_fromstring(self._browser.go(f"{self._site}/").decode()))


class Page:
    """The first page, by what it says."""

    def __init__(self, document: html.HtmlElement) -> None:
        self._document = document

    def to_look_at(self) -> list[str]:
        """What it tells a person to look at, in sentences."""
        return [_words(one) for one in self._document.xpath("//*[@id='troubles']//ol/li")]

    def row(self, table: str, *about: str) -> str:
        """The row of a section's tables in which all of these words stand, empty where there is none."""
        rows = map(_words, self._document.xpath(f"//*[@id='{table}']//tbody/tr"))
        return next((row for row in rows if all(word in row for word in about)), "")


def _words(element: html.HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())
