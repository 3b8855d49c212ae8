"""
Knocking: the way to a partner's door: its name, a connection, its certificate; nothing is handed over.

Roads that go by TCP share it. What is found wrong is said with what to do: whoever asks has the partner's engineer on
the telephone.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from hub.errors import TransportError
from hub.transports import Reached

SECONDS = 10.0
SOON_DAYS = 30
LISTEN_SECONDS = 0.5  # in which a server that wants a certificate which we do not show closes (TLS 1.3 says so late)

# OpenSSL's verify codes (openssl-verification-options): what is wrong with a certificate
_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
_UNKNOWN_SIGNER = frozenset({2, 18, 19, 20, 21})


class Unreached(TransportError):
    """
    The step that did not go well: *code* is a closed word, *found* what is wrong, *mend* what to do.

    *reached* are the steps before it.
    """

    def __init__(self, step: str, code: str, found: str, mend: str, reached: Sequence[Reached] = ()) -> None:
        self.step, self.code, self.found, self.mend, self.reached = step, code, found, mend, tuple(reached)
        super().__init__(f"{code}: {found}; {mend}")


async def knock(host: str, port: int, context: ssl.SSLContext | None, seconds: float = SECONDS) -> list[Reached]:
    """
    Look the name up, connect, and where *context* is given shake hands and look at the certificate; then let go.

    Raises `Unreached`, which has the steps that went well, at the first that did not.
    """
    reached: list[Reached] = []
    address = await _looked_up(host, port, reached)
    await _connected(host, address, port, reached, seconds)
    if context is not None:
        await _shaken(host, address, port, context, reached, seconds)
    return reached


async def _looked_up(host: str, port: int, reached: list[Reached]) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        mend = "look at its spelling in the setting, and whether this machine's DNS knows the partner's network"
        raise Unreached("name", "dns.unknown", f"{host} has no address", mend) from None
    address = str(found[0][4][0])
    if address != host:
        reached.append(Reached("name", f"{host} is {address}"))
    return address


async def _connected(host: str, address: str, port: int, reached: list[Reached], seconds: float) -> None:
    place = f"{host} port {port}"

    def no(code: str, found: str, mend: str) -> NoReturn:
        raise Unreached("connection", code, found, mend, reached) from None

    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address, port)
    except ConnectionRefusedError:
        no("tcp.refused", f"nobody listens on {place}", "have the partner start its listener, or mend host and port")
    except TimeoutError:
        mend = "a firewall between drops it: ask for this machine's address to be let through"
        no("tcp.timeout", f"{place} does not answer within {seconds:g} s", mend)
    except OSError as error:
        mend = "look at the network between: route, VPN, proxy"
        no("tcp.unreachable", f"{place} is not to be reached ({error.strerror or type(error).__name__})", mend)
    reached.append(Reached("connection", f"{place} takes connections"))
    writer.transport.abort()


async def _shaken(
    host: str, address: str, port: int, context: ssl.SSLContext, reached: list[Reached], seconds: float
) -> None:
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=host, ssl_handshake_timeout=seconds + 1.0
            )
    except ssl.SSLCertVerificationError as error:
        raise _distrusted(error, host, await _shown(host, address, port, seconds), reached) from None
    except TimeoutError:
        found = f"the TLS handshake is not done within {seconds:g} s"
        raise Unreached("TLS", "tls.timeout", found, "ask whether TLS is spoken on this port", reached) from None
    except ssl.SSLError as error:
        raise _no_handshake(error, reached) from None
    except OSError:
        mend = "ask whether TLS is spoken on this port, and whether it wants a client certificate"
        raise Unreached("TLS", "tls.closed", "it closes during the TLS handshake", mend, reached) from None
    try:
        kept = writer.get_extra_info("ssl_object")
        shown = x509.load_der_x509_certificate(kept.getpeercert(binary_form=True))
        reached.append(Reached("TLS", f"{kept.version()}; {described(shown)}"))
        await _stays(reader, reached)
    finally:
        writer.transport.abort()


async def _stays(reader: asyncio.StreamReader, reached: list[Reached]) -> None:
    """Raise where the other side lets go at once: by TLS 1.3 that is how a certificate that is missing is told."""
    try:
        async with asyncio.timeout(LISTEN_SECONDS):
            said = await reader.read(1)
    except TimeoutError:
        return
    except ssl.SSLError as error:
        raise _no_handshake(error, reached) from None
    except OSError:
        said = b""
    if not said:
        mend = "ask whether it wants a client certificate, or lets in only some addresses"
        raise Unreached("TLS", "tls.closed", "it closes as soon as TLS is set up", mend, reached)


async def _shown(host: str, address: str, port: int, seconds: float) -> x509.Certificate | None:
    """The certificate of somebody who is not trusted, to say what is wrong with it; nothing is sent to them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    except OSError:
        return None
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(found) if found else None


def _distrusted(
    error: ssl.SSLCertVerificationError, host: str, shown: x509.Certificate | None, reached: list[Reached]
) -> Unreached:
    whose = described(shown) if shown is not None else "it cannot be looked at"
    number = error.verify_code
    if number == _EXPIRED:
        day = f" on {shown.not_valid_after_utc:%Y-%m-%d}" if shown is not None else ""
        code, found, mend = "tls.expired", f"its certificate expired{day}", "have the partner renew it"
    elif number == _NOT_YET:
        code, found, mend = "tls.not-yet", "its certificate is not valid yet", "look at both machines' clocks"
    elif number in (_OTHER_NAME, _OTHER_ADDRESS):
        names = ", ".join(_names(shown)) if shown is not None else "others"
        code, found = "tls.other-name", f"its certificate is for {names}, not for {host}"
        mend = "write the name that the certificate has, or have the partner add this one"
    elif number in _UNKNOWN_SIGNER:
        code, found = "tls.not-trusted", "nobody that is trusted here signed its certificate"
        mend = (
            "put the PEM of the partner's own authority in the file that HUB_TLS_CA names, or have it use a public one"
        )
    else:
        code, found = "tls.not-trusted", f"its certificate does not hold ({error.verify_message})"
        mend = "have the partner mend its certificate"
    return Unreached("TLS", code, f"{found} ({whose})", mend, reached)


def _no_handshake(error: ssl.SSLError, reached: list[Reached]) -> Unreached:
    reason = (error.reason or "").lower()
    if "certificate" in reason or "handshake_failure" in reason:
        found = "it wants a certificate of ours that it knows, or offers no cipher that is safe"
        return Unreached("TLS", "tls.refused", found, "give the partner our certificate's authority", reached)
    if "version" in reason or "protocol" in reason:
        return Unreached("TLS", "tls.version", "it offers no TLS 1.2 or newer", "have it offer TLS 1.2", reached)
    mend = "ask on which port TLS is spoken"
    return Unreached("TLS", "tls.none", "what answers there does not speak TLS", mend, reached)


def described(shown: x509.Certificate) -> str:
    """Whose a certificate is, who signed it, and until when it is valid."""
    until = shown.not_valid_after_utc
    days = (until - datetime.now(UTC)).days
    soon = f", in {days} days: have it renewed" if 0 <= days < SOON_DAYS else ""
    return f"certificate of {', '.join(_names(shown))}, signed by {_called(shown.issuer)}, until {until:%Y-%m-%d}{soon}"


def _names(shown: x509.Certificate) -> list[str]:
    try:
        listed = shown.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return [_called(shown.subject)]
    assert isinstance(listed, x509.SubjectAlternativeName)  # noqa: S101  as the OID says
    return [str(one.value) for one in listed][:5]


def _called(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(oid):
            return str(found[0].value)
    return name.rfc4514_string() or "nobody"
