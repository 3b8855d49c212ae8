"""Sources: the roads on which agencies speak, made of what the catalog and the settings say of each line."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

from hub.agency import Saying
from hub.catalog import Catalog
from hub.doors.callers import callers
from hub.doors.endpoint import MESH, SFTP, Endpoint, mailbox, sftp
from hub.endpoints import guard, unguarded
from hub.errors import CatalogError
from hub.log import note
from hub.loopback import is_loopback
from hub.settings import Settings
from hub.transports import Source
from hub.transports.files import FolderSource
from hub.transports.https import HttpsSource
from hub.transports.mesh import Mailbox, MeshSource
from hub.transports.mllp import MllpSource
from hub.transports.sftp import SftpSource
from hub.transports.tls import make_local_ca, server_context

Lines = Mapping[tuple[str, str], Saying]


def sources(catalog: Catalog, settings: Settings) -> Mapping[str, Source]:
    """
    Every road on which agencies speak, by a name for it.

    A line that is fetched from a partner's server or from a mailbox of which no setting says a word is left out, and
    told; one of which they say too little is a CatalogError.
    """
    found: dict[str, Source] = {}
    if lines := _lines(catalog, "files"):
        folders = {(agency, line): f"{agency}/{line}" for agency, line in lines}
        found["files"] = FolderSource(settings.inbox_folder, folders)
    for index, (agency, line) in enumerate(_lines(catalog, "mllp")):
        of = Endpoint(agency, line)
        port = of.port(settings.mllp_port + index if settings.mllp_port else 0)
        found[f"mllp {agency}/{line}"] = MllpSource(settings.listen_host, port, agency, line, _mllp_tls(of, settings))
    if lines := _lines(catalog, "https"):
        known = callers(settings, (agency for agency, _ in lines))
        found["https"] = HttpsSource(
            settings.listen_host,
            settings.https_port,
            {f"/{agency}/{line}": saying.format for (agency, line), saying in lines.items()},
            known.partners,
            listening(settings, shown=known.certificates),
            known.granting,
        )
    if fetched := {line: sftp(Endpoint(*line)) for line in _lines(catalog, "sftp") if _is_set(line, "sftp", SFTP)}:
        found["sftp"] = SftpSource(fetched, every=settings.fetch_seconds)
    for box, workflows in _mailboxes(_lines(catalog, "mesh")).items():
        found[f"mesh {box.name}"] = MeshSource(box, workflows, every=settings.fetch_seconds)
    return found


def _lines(catalog: Catalog, by: str) -> Lines:
    said = ((a.key, name, saying) for a in catalog.agencies.values() for name, saying in a.says.items())
    return {(agency, name): saying for agency, name, saying in said if saying.by == by}


def _is_set(line: tuple[str, str], whole: str, words: tuple[str, ...]) -> bool:
    """Whether the settings say anything of a line's road; where they do not, nobody looks for what is said on it."""
    if any(Endpoint(line[0], name).said(word) for name in (line[1], whole) for word in words):
        return True
    where = Endpoint(line[0], whole).variable(words[0])
    note("gateway", f"not fetched: {where} is not set", level=logging.WARNING, agency=line[0], line=line[1])
    return False


def _mllp_tls(of: Endpoint, settings: Settings) -> ssl.SSLContext | None:
    """
    With `…_TLS` on, our certificate as for HTTPS; with `…_TLS_CLIENT_CA`, only for callers who show one of its.

    Where other machines reach us both are needed, or `…_TLS=plain`, which is noted.
    """
    by_tls, host = of.tls("TLS_CLIENT_CA", plain=True), settings.listen_host
    if unguarded(host, of.said("TLS"), of.said("TLS_CLIENT_CA")):
        why = f"HUB_LISTEN_HOST={host}: anybody there could speak as {of.agency}: {guard(of.agency, of.name)}"
        of.wrong("TLS", why)
    if not by_tls and not is_loopback(host):
        note("gateway", "plain MLLP: whoever reaches the port speaks as this agency", level=logging.WARNING,
             agency=of.agency, line=of.name)  # fmt: skip
    return listening(settings, of) if by_tls else None


def listening(settings: Settings, of: Endpoint | None = None, shown: str = "") -> ssl.SSLContext:
    """To listen with; *of* is the line that may name the authority of its callers, *shown* what some of them show."""
    certificate, key = _certificate(settings)
    client_ca = of.path("TLS_CLIENT_CA") if of is not None else None
    try:
        return server_context(certificate, key, client_ca, shown)
    except OSError:
        names = ["HUB_TLS_CERTIFICATE", "HUB_TLS_KEY", *([of.variable("TLS_CLIENT_CA")] if of else [])]
        raise CatalogError([f"{', '.join(names)}: not there, not PEM, or not each other's"]) from None


def _certificate(settings: Settings) -> tuple[Path, Path]:
    if settings.tls_certificate is not None and settings.tls_key is not None:
        return settings.tls_certificate, settings.tls_key
    if settings.tls_certificate is not None or settings.tls_key is not None:
        raise CatalogError(["HUB_TLS_CERTIFICATE, HUB_TLS_KEY: one is set, and the other is not"])
    local = make_local_ca(settings.path("tls"))
    return local.server_cert, local.server_key


def _mailboxes(lines: Lines) -> Mapping[Mailbox, Mapping[str, tuple[str, str]]]:
    """Each mailbox of ours, which agencies may share, with the line of each workflow id."""
    boxes: dict[Mailbox, dict[str, tuple[str, str]]] = {}
    for (agency, line), saying in lines.items():
        if not _is_set((agency, line), "mesh", MESH):
            continue
        of = Endpoint(agency, line)
        workflow = of.said("WORKFLOW") or saying.workflow or of.needed("WORKFLOW", "under what workflow id?")
        workflows = boxes.setdefault(mailbox(agency), {})
        if workflow in workflows:
            other = "/".join(workflows[workflow])
            of.wrong("WORKFLOW", f"{workflow} of the same mailbox is {other}'s already; only one line can take it")
        workflows[workflow] = agency, line
    return boxes
