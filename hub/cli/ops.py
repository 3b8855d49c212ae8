"""Verbs for those who see to it that everybody is told in time: ops, the web page."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import click

from hub import log
from hub.cli.ground import bootstrap_of, main, sound
from hub.errors import CatalogError
from hub.log import note
from hub.principals import GOVERNANCE, OPERATOR, OPS
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.catalog import Catalog
    from hub.ops.observing import Observer
    from hub.ops.web.ground import Ground

T = TypeVar("T")


@main.command("ops")
@click.option("--host", metavar="ADDRESS", help="Where to listen; default HUB_OPS_HOST, which is this machine alone.")
@click.option("--port", type=click.IntRange(0, 65_535), help="On which port; default HUB_OPS_PORT; 0 takes a free one.")
def ops(host: str | None, port: int | None) -> None:
    r"""
    A web page: is every partner being told in time, and if not, who, since when, and what to do; until Ctrl-C.

    \b
      hub ops                     says at which address it is, with a link that opens it once
      hub ops --port 0            on a free port

    On it: what flows and where it waits, a page for each agency and stream, the work queue of quarantine, who hears
    which field, and, for governance, who was told about one pseudonymous child. It looks at Kafka, the ledger and the
    processes, and changes none of them but what somebody asks it to of quarantine, which is put on record as on the
    command line. Without HUB_OIDC_ISSUER it is for this machine alone.

    Needs Kafka, the hub's secret, and the stores of gateway and couriers (HUB_STORE_URL, or the state folder).
    """
    settings = Settings.read()
    log.start(settings.log)
    chosen = {name: one for name, one in (("ops_host", host), ("ops_port", port)) if one is not None}
    serve(settings.model_copy(update=chosen))


def serve(settings: Settings) -> None:
    """Serve the page by *settings* until told to stop; says its address."""
    from hub.access import front  # noqa: PLC0415
    from hub.cli.processes import until_stopped  # noqa: PLC0415
    from hub.ops.drift import Drifting  # noqa: PLC0415
    from hub.ops.observing import Observer  # noqa: PLC0415
    from hub.ops.telling import Telling  # noqa: PLC0415
    from hub.ops.web import server  # noqa: PLC0415
    from hub.supervise import announce  # noqa: PLC0415

    front.check(settings)
    settings = settings.acting_as(OPS)
    loaded, bootstrap = sound(), bootstrap_of(settings)
    ended = threading.Event()
    drifting = Drifting(loaded, settings, bootstrap)
    observer = Observer(loaded, settings, bootstrap, also=drifting.troubles)
    for name, work in (("observer", observer.run), ("drift", drifting.run)):
        threading.Thread(target=work, args=(ended,), name=name, daemon=True).start()
    ground = _ground(loaded, settings, bootstrap, observer)
    telling = Telling(loaded, settings, bootstrap, observer.picture)

    def tell(link: str) -> None:
        click.echo(f"open {link}")

    async def shown(stop: asyncio.Event) -> None:
        app = server.application(ground)
        await server.serve(
            app,
            settings.ops_host,
            settings.ops_port,
            stop=stop,
            tls=_tls(settings),
            hang=lambda port: front.hang(app, settings, loaded.agencies, port, tell),
            ready=lambda port: announce(settings, "ops", ports={"https": port}),
        )

    try:
        until_stopped(shown)
    finally:
        ended.set()
        telling.close()
        settings.path("run", "ops.json").unlink(missing_ok=True)


def _ground(loaded: Catalog, settings: Settings, bootstrap: str, observer: Observer) -> Ground:
    """
    What the pages stand on; what is asked of quarantine and receipts is done as those who may, not as ops.

    Where the folder of credentials does not hold theirs, those pages say so, and the rest is there.
    """
    from hub.access import door  # noqa: PLC0415
    from hub.cli.quarantine import ward_of  # noqa: PLC0415
    from hub.cli.replays import inbox_of  # noqa: PLC0415
    from hub.evidence import Ledger, uncounted  # noqa: PLC0415
    from hub.inquiry import Inquiries  # noqa: PLC0415
    from hub.ops.web.ground import Ground  # noqa: PLC0415
    from hub.ops.web.works import Works  # noqa: PLC0415

    return Ground(
        catalog=loaded,
        looking=observer,
        door=door,
        quarantine=_may(OPERATOR, settings, lambda _: Works(ward_of(uncounted), inbox_of)),
        inquiries=_may(GOVERNANCE, settings, lambda kafka: Inquiries(Ledger(loaded, bootstrap, kafka))),
    )


def _may(who: str, settings: Settings, make: Callable[[Mapping[str, str]], T]) -> T | None:
    """What *make* makes, where what *who* shows Kafka is at hand."""
    try:
        return make(settings.model_copy(update={"principal": ""}).acting_as(who).kafka())
    except CatalogError:
        note("ops", "not shown here: no credentials", level=logging.WARNING, kind=who)
        return None


def _tls(settings: Settings) -> ssl.SSLContext | None:
    from hub.transports.tls import server_context  # noqa: PLC0415

    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return server_context(settings.tls_certificate, settings.tls_key)
