"""Verbs for those who see to it that everybody is told in time: ops, the web page."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import TYPE_CHECKING

import click

from hub import log
from hub.cli.ground import bootstrap_of, main, sound
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.catalog import Catalog
    from hub.ops.web.ground import Ground


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
    from hub.ops.web import server  # noqa: PLC0415
    from hub.supervise import announce, on_stop  # noqa: PLC0415

    front.check(settings)
    loaded, bootstrap = sound(), bootstrap_of(settings)
    ended = threading.Event()
    ground = _ground(loaded, settings, bootstrap, ended)

    async def until_stopped() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        on_stop(lambda: loop.call_soon_threadsafe(stop.set))
        app = server.application(ground)
        await server.serve(
            app,
            settings.ops_host,
            settings.ops_port,
            stop=stop,
            tls=_tls(settings),
            hang=lambda port: front.hang(app, settings, port, lambda link: click.echo(f"open {link}")),
            ready=lambda port: announce(settings, "ops", ports={"https": port}),
        )

    try:
        asyncio.run(until_stopped())
    finally:
        ended.set()
        settings.path("run", "ops.json").unlink(missing_ok=True)


def _ground(loaded: Catalog, settings: Settings, bootstrap: str, ended: threading.Event) -> Ground:
    """What the pages stand on, with an observer that looks until it *ended*."""
    from hub.access import door  # noqa: PLC0415
    from hub.cli.quarantine import ward_of  # noqa: PLC0415
    from hub.cli.replays import inbox_of  # noqa: PLC0415
    from hub.evidence import Ledger, uncounted  # noqa: PLC0415
    from hub.inquiry import Inquiries  # noqa: PLC0415
    from hub.ops.observing import Observer  # noqa: PLC0415
    from hub.ops.web.ground import Ground  # noqa: PLC0415
    from hub.ops.web.works import Works  # noqa: PLC0415

    observer = Observer(loaded, settings, bootstrap)
    threading.Thread(target=observer.run, args=(ended,), name="observer", daemon=True).start()
    return Ground(
        catalog=loaded,
        looking=observer,
        door=door,
        quarantine=Works(ward_of(uncounted), inbox_of),
        inquiries=Inquiries(Ledger(loaded, bootstrap, settings.kafka())),
    )


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
