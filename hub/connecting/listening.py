"""Listening: what the gateway listens on for one line, how a partner reaches it, and whether anybody answers there."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from hub.catalog import Catalog
from hub.connecting import Step, Way, not_done
from hub.doors import tokens
from hub.doors.callers import callers, token_url
from hub.endpoints import guard
from hub.errors import CatalogError, HubError
from hub.loopback import is_loopback
from hub.settings import Settings
from hub.supervise import announced
from hub.transports.folder_trial import tried
from hub.transports.https import MEDIA_TYPES
from hub.transports.knocking import knock
from hub.transports.tls import client_context, make_local_ca

ANSWER_SECONDS = 10.0
START = "start it: hub run gateway, or hub run"


async def tried_line(catalog: Catalog, settings: Settings, way: Way) -> list[Step]:
    """How the partner sends to us, then each step of going there as it would; nothing is said there."""
    del catalog  # a line is what its agency.yaml says, and that is in *way*
    try:
        if way.by == "files":
            return _folder(settings, way)
        if way.by == "mllp":
            return await _mllp(settings, way)
        if way.by == "https":
            return await _https(settings, way)
    except HubError as error:
        return [not_done(error, "settings")]
    return [Step("address", None, f"lines by {way.by} are fetched: what they are fetched from is in the settings")]


def _folder(settings: Settings, way: Way) -> list[Step]:
    folder = settings.inbox_folder / way.agency / way.name
    told = Step("address", True, f"put files into {folder}, under a name that ends in .part until they are whole")
    try:
        return [told, *(Step(one.step, True, one.found) for one in tried(folder))]
    except HubError as error:
        found = not_done(error, "folder")
        mend = f"{START} (it makes the folder)" if found.code == "files.missing" else found.mend
        before = [Step(one.step, True, one.found) for one in getattr(error, "reached", ())]
        return [told, *before, Step(found.name, False, found.found, found.code, mend)]


def _port(settings: Settings, road: str) -> int | None:
    said = announced(settings, "gateway") or {}
    ports = said.get("ports")
    number = ports.get(road) if isinstance(ports, dict) else None
    return int(number) if number is not None else None


def _host(settings: Settings) -> str:
    """Where this machine itself finds the gateway: what listens everywhere is on the loopback too."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen_host, settings.listen_host)  # noqa: S104  compared


def _absent(way: Way, wanted: str) -> list[Step]:
    found = f"no gateway runs here, so that nobody listens for {way.agency}/{way.name}{wanted}"
    return [Step("address", False, found, "gateway.down", START)]


async def _mllp(settings: Settings, way: Way) -> list[Step]:
    port = _port(settings, f"mllp {way.agency}/{way.name}")
    if port is None:
        return _absent(way, "")
    told = Step("address", True, f"send HL7 v2 by MLLP to {settings.listen_host} port {port}")
    steps = [told, *await _knocked(settings, port, None)]
    if Settings.endpoint(way.agency, way.name, "TLS") == "plain" and not is_loopback(settings.listen_host):
        found = f"by no TLS, as the settings say: whoever reaches the port speaks as {way.agency}"
        steps.append(Step("TLS", None, f"{found}; {guard(way.agency, way.name)}"))
    return steps


async def _https(settings: Settings, way: Way) -> list[Step]:
    path = f"/{way.agency}/{way.name}"
    port = _port(settings, "https")
    if port is None:
        return _absent(way, f" ({path})")
    kinds = " or ".join(sorted(MEDIA_TYPES[way.format]))  # type: ignore[index]  # a line's format is one
    told = Step("address", True, f"POST https://{settings.listen_host}:{port}{path} as {kinds}, with a bearer token")
    named = Settings.endpoint(way.agency, "https", "TOKEN_FILE")
    if not named and (step := _otherwise(settings, way)):
        return [told, step, *await _knocked(settings, port, _authority(settings), own=_is_own(settings))]
    file = Path(named) if named else settings.path("secrets", f"{way.agency}.token")
    if not file.exists():
        mend = "make one (openssl rand -hex 32), write it there, and give it to the partner by a road of its own"
        return [told, Step("token", False, f"{file} is not there", "token.missing", mend)]
    steps = [told, Step("token", True, f"in {file}; the partner has it by a road of its own")]
    ca = _authority(settings)
    knocked = await _knocked(settings, port, ca, own=_is_own(settings))
    if any(step.ok is False for step in knocked):
        return [*steps, *knocked]
    return [*steps, *knocked, await _asked(settings, port, path, way.agency, ca)]


def _otherwise(settings: Settings, way: Way) -> Step | None:
    """How an agency shows who it is that has no token of its own: by its keys, by its certificate; None for neither."""
    keys = Settings.endpoint(way.agency, "https", "JWKS_FILE")
    certificate = Settings.endpoint(way.agency, "https", "PARTNER_CERTIFICATE")
    if not keys and not certificate:
        return None
    try:
        callers(settings, [way.agency])
        told = [f"its keys in {keys}: it gets tickets at {token_url(settings)}"] if keys else []
    except CatalogError as error:
        return not_done(error, "credentials")
    told += [f"its certificate in {certificate}"] if certificate else []
    return Step("credentials", True, f"known by {', and '.join(told)}")


def _authority(settings: Settings) -> Path | None:
    return settings.tls_ca if settings.tls_certificate else make_local_ca(settings.path("tls")).ca


def _is_own(settings: Settings) -> bool:
    """Whether our certificate is one that was made for this machine."""
    return settings.tls_certificate is None


async def _knocked(settings: Settings, port: int, ca: Path | None, *, own: bool = False) -> list[Step]:
    try:
        context = client_context(ca) if own or ca is not None else None
        steps = [Step(one.step, True, one.found) for one in await knock(_host(settings), port, context)]
    except HubError as error:
        before = [Step(one.step, True, one.found) for one in getattr(error, "reached", ())]
        return [*before, not_done(error, "connection")]
    if own:
        mend = "set HUB_TLS_CERTIFICATE and HUB_TLS_KEY before a partner from elsewhere is to come"
        steps.append(Step("TLS", None, f"the certificate is one for this machine only; {mend}"))
    return steps


async def _asked(settings: Settings, port: int, path: str, agency: str, ca: Path | None) -> Step:
    """Whether the gateway that runs knows the token that lies in the file: asked for a head, it names its method."""
    try:
        token = tokens(settings, [agency])[agency]
    except CatalogError as error:
        return not_done(error, "token")
    url = f"https://{_host(settings)}:{port}{path}"
    connector = aiohttp.TCPConnector(ssl=client_context(ca))
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.head(url, headers={"Authorization": f"Bearer {token}"}) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, OSError) as error:
        found = f"it answers no request ({type(error).__name__})"
        return Step("credentials", False, found, "https.silent", "look at the gateway's log")
    if status == 405:
        return Step("credentials", True, "the gateway knows the token and the line; it waits for a POST")
    if status == 401:
        mend = "the file was changed since it started: start it again"
        return Step("credentials", False, "the gateway does not know this token", "https.401", mend)
    mend = "start it again: the catalog was changed since" if status in (403, 404) else "look at the gateway's log"
    return Step("credentials", False, f"the gateway answers {status}", f"https.{status}", mend)


async def tried_topic(catalog: Catalog, settings: Settings, way: Way) -> list[Step]:
    """What a partner that reads Kafka itself is to know, and whether the brokers are to be reached from here."""
    topic = catalog.streams[way.name].topic_to(way.agency)
    steps = [Step("address", True, f"it reads the topic {topic} itself, with credentials of its own, as {way.format}")]
    if not settings.bootstrap_servers:
        return [*steps, Step("connection", None, "HUB_BOOTSTRAP_SERVERS names no cluster: nothing to go to")]
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            steps += [Step(one.step, True, one.found) for one in await knock(host.strip("[]"), int(port), None)]
        except ValueError:
            found = f"{server.strip()!r} is no host:port"
            return [*steps, Step("settings", False, found, "settings", "mend HUB_BOOTSTRAP_SERVERS")]
        except HubError as error:
            return [*steps, not_done(error, "connection")]
    return steps
