"""
Told in time: from a partner's stopping to the page of `hub ops` and to its `/metrics`, and from its going on to both.

Measured is the command in a process of its own, from the moment at which the partner is told to stop, or to go on, to
the first answer that says so: the page as a browser without script has it, signed in by the link that was printed, and
`/metrics`, in which the selector of the shipped alert finds it. promtool, where it is there, then works the alert's own
expression out on the answers before, then and after. What Prometheus adds is not in the figures: a scrape and an
evaluation, 5 seconds each at the most (deploy/prometheus/prometheus.yml), and the `for` of the alert.

Of a receiver is told once an attempt failed: where nobody listens that is at once, where somebody takes the connection
and says nothing it is after the half minute that a courier waits. With HUB_PROVE that is measured too, and the figures
are printed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from hub import cluster
from hub.catalog import Catalog
from hub.patience import LONGEST_SECONDS
from hub.settings import Settings
from hub.store import engine
from hub.store.ledger import Ledger
from tests.broker.ops_command import OpsCommand, Page
from tests.broker.readers import ALERT, GROUP, HOSPITAL, OFFICER, POLICE, Partner, alert, saying
from tests.flow.partners import HttpsPartner, until
from tests.flow.prometheus import PROMTOOL, Alert, Scrape, Series, scrape
from tests.flow.running import Running

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PROVE = bool(os.environ.get("HUB_PROVE"))
IN_TIME = 15.0
ATTEMPT_SECONDS = 30.0  # how long a courier waits for an answer by HTTPS
PATIENCE = LONGEST_SECONDS + 4 * IN_TIME  # for what is measured and may take as long as it takes
READER = {"reader": "partner", "agency": POLICE, "stream": OFFICER}
WAY = {"agency": HOSPITAL, "stream": ALERT}


class Sign(NamedTuple):
    """
    How one condition shows, and how it shows that all is well.

    *sentence* stands on the page, and the selector of *alert* finds something *about* these labels; all is well where
    the page's row (of a section, with some words in it) says *settled*, and the series *well* is *good*. That nothing
    is said is neither.
    """

    sentence: str
    alert: str
    about: Mapping[str, str]
    row: tuple[str, ...]
    settled: str
    well: Series
    good: float

    def on(self, page: Page) -> bool:
        """Whether the page says it."""
        return any(self.sentence in one for one in page.to_look_at())

    def off(self, page: Page) -> bool:
        """Whether the page says that all is well."""
        return self.settled in page.row(*self.row) and not self.on(page)

    def selected(self, answer: Scrape) -> bool:
        """Whether the alert's selector finds it."""
        return Alert.named(self.alert).selects(answer, self.about)

    def gone(self, answer: Scrape) -> bool:
        """Whether the metrics say that all is well."""
        return answer.get(self.well) == self.good and not self.selected(answer)


def of_reader(sentence: str, name: str) -> Sign:
    """A sign about the police's own consumer."""
    in_order = Series("hub_reader_condition", frozenset((READER | {"condition": "ok"}).items()))
    return Sign(f"({GROUP}) {sentence}: ", name, READER, ("groups", GROUP), "in order", in_order, 1.0)


LEFT = of_reader("has stopped", "ReaderStopped")
STILL = of_reader("stands still", "ReaderStalled")
UNANSWERED = Sign(
    "does not take hospital alert: ", "TroubleTold", WAY | {"code": "delivery.unanswered"},
    ("told", "Great Western Hospital", "hospital alert"), "nothing waits",
    Series("hub_delivery_undelivered_messages", frozenset((WAY | {"lane": "urgent", "road": "https"}).items())), 0.0,
)  # fmt: skip


class Took(NamedTuple):
    """Seconds until the page and the metrics said so, and the answer in which the metrics did."""

    page: float
    metrics: float
    answer: Scrape


class Row(NamedTuple):
    """One condition that came and went."""

    what: str
    sign: Sign
    told: Took
    clear: Took

    @property
    def worst(self) -> float:
        """The longest that anybody waited to be told."""
        return max(self.told.page, self.told.metrics, self.clear.page, self.clear.metrics)

    def __str__(self) -> str:
        alert = f"{self.sign.alert} (for {Alert.named(self.sign.alert).hold})"
        told, clear = (f"{one.page:8.1f} s {one.metrics:9.1f} s" for one in (self.told, self.clear))
        return f"  {self.what:42} {told}  {clear}   {alert}"


HEAD = f"\n  {'':42} {'told: page':>10} {'/metrics':>11}  {'clear: page':>10} {'/metrics':>11}   alert"


class Looking:
    """Who looks at page and metrics again and again, as fast as they are answered."""

    def __init__(self, ops: OpsCommand, folder: Path) -> None:
        self.ops, self._folder = ops, folder

    def came_and_went(
        self, what: str, sign: Sign, stop: Callable[[], object], go_on: Callable[[], object],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Row:  # fmt: skip
        """
        Have it stop, be told, go on, and be told again; the alert is true of what was said between, and only then.

        *meanwhile* is done while it is told of, and is in no figure.
        """
        before = self._told(lambda: None, sign.off, sign.gone)
        told = self._told(stop, sign.on, sign.selected)
        meanwhile()
        clear = self._told(go_on, sign.off, sign.gone)
        if PROMTOOL:
            answers = [before.answer, told.answer, clear.answer]
            Alert.named(sign.alert).check(answers, sign.about, [False, True, False], self._folder)
        return Row(what, sign, told, clear)

    def goes_on(self, sign: Sign, until: Callable[[], bool]) -> None:
        """It is told of at every look until something else is so."""
        began = time.monotonic()
        while not until():
            assert sign.on(self.ops.page())
            assert sign.selected(scrape(self.ops.settings, "ops"))
            assert time.monotonic() - began < PATIENCE
            time.sleep(0.1)

    def _told(
        self, do: Callable[[], object], on_page: Callable[[Page], bool], in_metrics: Callable[[Scrape], bool]
    ) -> Took:
        answer: Scrape = {}
        began, page, metrics = time.monotonic(), 0.0, 0.0
        do()
        while not (page and metrics):
            if not page and on_page(self.ops.page()):
                page = time.monotonic() - began
            if not metrics and in_metrics(answer := scrape(self.ops.settings, "ops")):
                metrics = time.monotonic() - began
            waited = time.monotonic() - began
            assert waited < PATIENCE, f"page {page}, metrics {metrics}; {self.ops.page().to_look_at()}"
            time.sleep(0.1)
        return Took(page, metrics, answer)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A state folder with the hub's secret, and ledgers in which nothing is."""
    made = Settings(state=tmp_path_factory.mktemp("state"), canary_seconds=0)
    made.keys()
    for url in made.ledgers:
        store = engine(url)
        Ledger(store)
        store.dispose()
    return made


@pytest.fixture(scope="module")
def ops(empty_kafka: str, catalog: Catalog, settings: Settings) -> Iterator[OpsCommand]:
    """`hub ops`, on a cluster made ready, and signed in to."""
    cluster.prepare(catalog, settings, empty_kafka)
    made = OpsCommand(settings.state, empty_kafka)
    made.start()
    try:
        made.wait_ready("ops")
        made.sign_in()
        yield made
    finally:
        made.stop()


@pytest.fixture
def looking(ops: OpsCommand, tmp_path: Path) -> Looking:
    """Who looks at it."""
    return Looking(ops, tmp_path)


@pytest.fixture(scope="module")
def hospital(
    empty_kafka: str, settings: Settings, ops: OpsCommand, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HttpsPartner]:
    """The hospital's server, and the couriers of the urgent lane, in a process of their own."""
    with closing(HttpsPartner(tmp_path_factory.mktemp("hospital"))) as partner:
        couriers = Running(
            settings.state, empty_kafka, "couriers", "--lane", "urgent",
            HUB_TLS_CA=str(partner.ca),
            HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_URL=f"{partner.url}/alerts",
            HUB_SOCIAL_WORKER_HOSPITAL_ALERT_URL=f"{partner.url}/{{address}}",
            HUB_SOCIAL_WORKER_CPIS_ACCESS_NOTICE_URL=f"{partner.url}/{{address}}",
            HUB_SOCIAL_CARE_NHS_NUMBER_CHANGE_URL=f"{partner.url}/numbers",
            HUB_CPIS_CPIS_FLAG_DOOR="files",
        )  # fmt: skip
        couriers.start()
        try:
            couriers.wait_ready("couriers.urgent")
            yield partner
        finally:
            couriers.stop()  # who calls hangs up before the other is gone


@pytest.fixture(scope="module")
def arrive(empty_kafka: str, catalog: Catalog, settings: Settings) -> Callable[[], None]:
    """One more flagged arrival, of which the hospital is to be told."""
    numbers = count(1)
    return lambda: alert(catalog, settings, empty_kafka, next(numbers))


def test_a_partner_that_reads_kafka_itself(
    empty_kafka: str, catalog: Catalog, looking: Looking, capsys: pytest.CaptureFixture[str]
) -> None:
    """It leaves; and it stays and commits nothing, or died, which is the same to Kafka until its session ends."""
    topic = catalog.streams[OFFICER].topic_to(POLICE)
    partner = Partner(empty_kafka, topic)
    with saying(empty_kafka, topic):
        partner.start()
        try:
            rows = [
                looking.came_and_went("a partner leaves its group", LEFT, partner.stop, partner.start),
                looking.came_and_went("it stands still", STILL, partner.still.set, partner.still.clear),
            ]
        finally:
            partner.still.clear()
            partner.stop()
    shown(rows, capsys)
    assert max(row.worst for row in rows) < IN_TIME


def test_a_partner_to_whom_a_courier_goes(
    looking: Looking, hospital: HttpsPartner, arrive: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its server is down when there is something for it."""
    arrive()
    until(lambda: hospital.taken, "the first alert")
    row = looking.came_and_went("a receiver is down", UNANSWERED, partial(both, hospital.down, arrive), hospital.up)
    shown([row], capsys)
    assert row.worst < IN_TIME


@pytest.mark.skipif(not PROVE, reason="waits for half a minute and longer in earnest: HUB_PROVE=1")
def test_a_receiver_that_says_nothing_and_one_that_was_away_for_long(
    looking: Looking, hospital: HttpsPartner, settings: Settings, arrive: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Of the first is told once an attempt was given up; the second is found to be back when it is asked again."""
    hang, take = partial(hospital.behave, "hang"), partial(hospital.behave, "take")
    once = tried(settings) + 1
    silent = looking.came_and_went(
        "a receiver says nothing", UNANSWERED, partial(both, hang, arrive), take,
        partial(looking.goes_on, UNANSWERED, lambda: tried(settings) > once),
    )  # fmt: skip
    before = tried(settings)
    long = looking.came_and_went(
        "a receiver is down until it was tried 8 times", UNANSWERED, partial(both, hospital.down, arrive), hospital.up,
        lambda: until(lambda: tried(settings) >= before + 8, "eight attempts", PATIENCE, 0.2),
    )  # fmt: skip
    shown([silent, long], capsys)
    assert max(silent.told.page, silent.told.metrics) < ATTEMPT_SECONDS + IN_TIME
    assert max(silent.clear.page, silent.clear.metrics, long.told.page, long.told.metrics) < IN_TIME


def tried(settings: Settings) -> float:
    """How often the couriers tried in vain."""
    answer = scrape(settings, "couriers.urgent")
    failed = WAY | {"outcome": "again"}
    return sum(value for one, value in answer.items() if one.name == "hub_courier_attempts_total" and one.has(failed))


def both(first: Callable[[], object], then: Callable[[], object]) -> None:
    """One after the other."""
    first()
    then()


def shown(rows: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    """Print the figures, where they are asked for."""
    if PROVE:
        with capsys.disabled():
            print(HEAD, *rows, sep="\n")
