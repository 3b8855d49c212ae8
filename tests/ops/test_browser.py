"""The page in a real browser, Chromium driven by Playwright: light and dark, phone and desk, without script too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.keys import Keys
from hub.ops.web.ground import Ground
from tests.ops import axe
from tests.ops.invented import NOW, SUBJECT, Asked, Looked, Put, calm, decided, large, troubled
from tests.ops.serving import Served, TestDoor, served

CHROMIUM = os.environ.get("HUB_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
HOW = "no Chromium: apt-get install chromium, or name one in HUB_TEST_CHROMIUM"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason=HOW)]
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not here; it is in the dev group")

WIDTHS = {"phone": 390, "desk": 1280}
WHY = "The school asks which row of its register was refused."
SHOTS = os.environ.get("HUB_TEST_SHOTS", "")
"""A folder for pictures of every page, for people to look at."""


class Seen:
    """A page in a browser, with what went wrong on it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.faults: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(url) else self.elsewhere.append(asked.url))

    def go(self, path: str) -> Any:
        """Open a page."""
        self.page.goto(self.url + path)
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for the module."""
    with playwright.sync_playwright() as drives:
        found = drives.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def looked(catalog) -> Looked:
    """Who looks; each test says at what."""
    return Looked(troubled(catalog))


@pytest.fixture(scope="module")
def put(catalog, keys: Keys) -> Put:
    """A quarantine, filled before there is a browser: its loop would be in the way."""
    found = Put(catalog, keys)
    found.fill()
    return found


@pytest.fixture(scope="module")
def house(catalog, keys: Keys, looked: Looked, put: Put) -> Iterator[Served]:
    """The page."""
    ground = Ground(
        catalog=catalog,
        looking=looked,
        door=TestDoor(),
        quarantine=put,
        clock=lambda: NOW,
        inquiries=Asked(decided(catalog, keys)),
    )
    with served(ground) as found:
        yield found


@pytest.fixture
def opened(catalog, house: Served, looked: Looked, browser: Any) -> Any:
    """How a test opens a page, for the length of a `with` block."""
    looked.now = troubled(catalog)

    @contextmanager
    def open_(width: str = "desk", scheme: str = "light", role: str = "governance", **said: Any) -> Iterator[Seen]:
        size = {"width": WIDTHS[width], "height": 900}
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce", **said)
        context.add_cookies([{"name": "as", "value": role, "url": house.url}])
        try:
            yield Seen(context.new_page(), house.url)
        finally:
            context.close()

    return open_


@pytest.fixture(scope="module")
def item(put: Put) -> str:
    """One item of quarantine."""
    from hub.quarantine.ward import Wanted

    return put.entries(Wanted())[0].item.id


@pytest.fixture(scope="module")
def newest(put: Put) -> str:
    """Another, which a test may end."""
    from hub.quarantine.ward import Wanted

    return put.entries(Wanted())[-1].item.id


PAGES = {
    "overview": "/",
    "agencies": "/agencies",
    "agency": "/agencies/social_worker",
    "streams": "/streams",
    "stream": "/streams/school_attendance",
    "quarantine": "/quarantine",
    "item": "/quarantine/{item}",
    "policies": "/policies",
    "policy": "/policies/streams/mash_referral",
    "disclosures": "/disclosures",
}


def search(page: Any) -> None:
    """Ask who was told."""
    page.fill("#subject", SUBJECT)
    page.fill("#because", WHY)
    page.click("text=Look for it")


def look(page: Any) -> None:
    """Look at what was sent."""
    page.fill("#show-because", WHY)
    page.click("#show button")


AFTER = {
    "found": ("/disclosures", search),
    "shown": ("/quarantine/{item}", look),
    "refused": ("/quarantine/{item}", lambda page: page.click("#discard button")),
}


def picture(page: Any, name: str, width: str, scheme: str) -> None:
    """Keep a picture of it, where somebody wants to look."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_every_page_is_accessible_fits_its_width_and_asks_nobody_else(opened, item, width, scheme):
    """Axe finds nothing serious; nothing scrolls sideways; no request leaves the host; the policy stops nothing."""
    checker = axe.source()
    if checker is None:
        pytest.skip(f"axe-core is not here and npm does not fetch it: {' '.join(axe.FETCH)}")
    found = []
    with opened(width, scheme, bypass_csp=False) as seen:
        for name, (path, then) in ({n: (p, None) for n, p in PAGES.items()} | AFTER).items():
            page = seen.go(path.format(item=item))
            if then is not None:
                then(page)
            picture(page, name, width, scheme)
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found += [f"{name}: {over} px too wide"] if over > 0 else []
            heard, seen.faults = seen.faults, []
            found += [f"{name}: {one}" for one in heard if "status of 422" not in one]
            page.evaluate(checker)
            result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            found += [
                f"{name}: {one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}"
                for one in result["violations"]
                if one["impact"] in ("serious", "critical")
            ]
            seen.faults = []
        assert found == []
        assert seen.elsewhere == []


def test_a_large_hub_loads_within_a_second(opened, looked, catalog):
    """60 topics and 500 partitions: by the browser's own clock, to the end of loading; a second, where it is proved."""
    with opened() as seen:
        looked.now = large(catalog)
        took = {}
        for path in ("/", "/streams/school_attendance"):
            page = seen.go(path)
            page.wait_for_load_state("load")
            took[path] = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        print(f"loaded in ms: {took}")
        assert max(took.values()) < (1_000 if os.environ.get("HUB_PROVE") else 10_000), took


def test_without_script_everything_is_there_and_forms_work(opened, put, item):
    """The overview reads, and an item is shown, with its audit."""
    before = len(put.done)
    with opened(java_script_enabled=False) as seen:
        page = seen.go("/")
        assert page.inner_text("#answer").strip() == "No: 1 delivery is late, of 16."
        assert page.locator("footer button").count() == 0
        look(seen.go(f"/quarantine/{item}"))
        assert "Ferrars" in page.inner_text("main")
        search(seen.go("/disclosures"))
        assert "did not hear" in page.inner_text("main")
    assert [one.action for one in put.done[before:]] == ["shown"]


def test_an_item_is_taken_as_a_file_mended_and_taken_in_once_another_person_agreed(opened, put, newest, tmp_path):
    """What comes is what was sent, under a name that says nothing; each step is on record, and no word of the file."""
    before, mended = len(put.done), tmp_path / "mended.csv"
    with opened() as seen:
        page = seen.go(f"/quarantine/{newest}")
        page.check("#as-file")
        page.fill("#show-because", WHY)
        with page.expect_download() as coming:
            page.click("#show button")
        sent = Path(coming.value.path()).read_bytes()
        assert coming.value.suggested_filename == f"{newest[:8]}.bin"
        assert sent.endswith(b",<b>Zo\xc3\xab</b>,2012-03-04,866,990001,990001,2026-09-12,PM,,?\r\n")
        mended.write_bytes(sent.replace(b",?\r\n", b",\\\r\n"))

        page.click("#correction summary")
        page.set_input_files("#corrected", mended)
        page.check("#deed-replay")
        page.fill("#replay-because", WHY)
        page.click("#replay button")
        assert page.get_attribute("#replay-second", "aria-invalid") == "true"
        assert page.is_visible("#corrected")
        assert [one.action for one in put.done[before:]] == ["shown"]

        page.set_input_files("#corrected", mended)  # a browser keeps what was typed, and no file
        page.check("#deed-replay")
        page.fill("#replay-second", "Ada Quill")
        page.click("#replay button")
        assert "replayed, 1 events" in page.inner_text("main")
        assert [one for one in seen.faults if "status of 422" not in one] == []
    done = [(one.item, one.action, one.by, one.second) for one in put.done[before:]]
    assert done == [(newest, "shown", "Bo Sample", ""), (newest, "replayed", "Bo Sample", "Ada Quill")]


def test_a_page_is_kept_up_to_date_and_keeps_what_is_unfolded_and_where_the_focus_is(opened, looked, catalog):
    """What stopped is said without loading anew, once, and aloud; what resumed as well."""
    with opened() as seen:
        page = seen.go("/")
        page.click("#all-told summary")
        page.focus("#told table a[href='/agencies/wiltshire_police']")
        looked.now = calm(catalog)
        page.locator("#answer", has_text="Yes").wait_for(timeout=15_000)
        assert page.locator("#all-told").get_attribute("open") is not None
        assert page.evaluate("document.activeElement.getAttribute('href')") == "/agencies/wiltshire_police"
        assert page.inner_text("footer [role=status]").startswith("Yes: all 16 are told in time")
        looked.now = troubled(catalog)
        page.locator("#answer", has_text="No").wait_for(timeout=15_000)
        assert seen.faults == []


def test_whoever_reads_can_stop_it_from_changing(opened, looked, catalog):
    """And start it again."""
    with opened() as seen:
        page = seen.go("/")
        asked: list[str] = []
        page.click("text=Stop keeping this page up to date")
        page.on("request", lambda one: asked.append(one.url))
        looked.now = calm(catalog)
        page.wait_for_timeout(6_000)
        assert asked == []
        page.click("text=Keep this page up to date")
        page.locator("#answer", has_text="Yes").wait_for(timeout=15_000)


def test_a_page_that_is_not_kept_up_to_date_any_more_says_so(opened, house):
    """As where the session ended."""
    with opened() as seen:
        page = seen.go("/")
        page.context.clear_cookies()
        page.get_by_text("not kept up to date any more").wait_for(timeout=20_000)


def test_all_can_be_done_by_keyboard(opened, item):
    """The first stop skips to the page; each has a focus that is seen; a form is filled and sent."""
    with opened() as seen:
        page = seen.go(f"/quarantine/{item}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
        assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        page.keyboard.press("Enter")
        stops = []
        for _ in range(40):
            page.keyboard.press("Tab")
            stop = page.evaluate(
                "(() => { const one = document.activeElement; const look = getComputedStyle(one);"
                " return [one.id || one.textContent, look.outlineStyle, parseFloat(look.outlineWidth)]; })()"
            )
            stops.append(stop)
            if stop[0] == "show-because":
                break
        assert stops[-1][0] == "show-because"
        assert [one for one in stops if one[1] == "none" or one[2] < 2] == []
        page.keyboard.type(WHY)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("What was sent").first.wait_for()
        assert "Ferrars" in page.inner_text("main")


def test_the_picture_of_the_flow_leads_where_the_table_does(opened):
    """By a click on whom it is about."""
    with opened() as seen:
        page = seen.go("/")
        page.click(".drawn [data-href='/agencies/social_worker'] text")
        page.wait_for_url("**/agencies/social_worker")


def test_it_prints_without_what_only_a_screen_has(opened):
    """No way, no button; the answer and the tables."""
    with opened() as seen:
        page = seen.go("/")
        page.emulate_media(media="print")
        assert not page.is_visible("header nav")
        assert not page.is_visible("footer button")
        assert page.is_visible("#answer")
