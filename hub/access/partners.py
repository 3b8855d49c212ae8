"""Partners: which agency calls the gateway, by its token, its certificate or both; of people it knows none."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable, Mapping

from aiohttp import web

from hub.access.caller import Caller
from hub.access.denied import Denied, nobody
from hub.access.tickets import Tickets
from hub.access.tokens import Tokens


class Partners:
    """
    The agencies that may call, and what each must show.

    *tokens* maps an agency to the token of its file; while it changes to a new one, to both, on two lines.
    *certificates* maps it to the certificates (DER) with which it connects, two while they change. *signing* are the
    agencies that get *tickets* for a signed assertion. An agency for which a certificate is set must show it, and a
    token or ticket besides where it has one: each is one lock, and all of an agency's locks must be opened.
    """

    def __init__(
        self,
        tokens: Mapping[str, str],
        certificates: Mapping[str, Iterable[bytes]] | None = None,
        signing: Iterable[str] = (),
        tickets: Tickets | None = None,
    ) -> None:
        self._tokens = Tokens(tokens)
        shown = [(one, agency) for agency, several in (certificates or {}).items() for one in several]
        self._by_certificate = {hashlib.sha256(one).digest(): agency for one, agency in shown}
        if len(self._by_certificate) != len(shown):
            raise ValueError("a certificate is set twice; each agency has its own")
        self._signing, self._tickets = frozenset(signing), tickets
        self._certified = frozenset(certificates or {})
        self._tokened = frozenset(tokens) | self._signing
        self.agencies: frozenset[str] = self._tokened | self._certified

    def caller(self, request: web.BaseRequest) -> Caller:
        """Who calls; raises `Denied`."""
        certified, tokened = self._certificate(request), self._token(request)
        if certified and tokened and certified != tokened:
            raise Denied(403, "certificate", "the certificate is another agency's than the token")
        agency = tokened or certified
        if not agency:
            raise nobody()
        if agency in self._certified and not certified:
            raise Denied(401, "certificate", "connect with your agency's client certificate", shown=False)
        if agency in self._tokened and not tokened:
            raise Denied(401, "unauthenticated", "send your agency's bearer token besides", shown=False)
        return Caller(agency, frozenset({"partner"}), agency)

    def _certificate(self, request: web.BaseRequest) -> str:
        """The agency whose certificate the connection was made with; empty where none was shown."""
        tls = request.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLObject) else None
        return self._by_certificate.get(hashlib.sha256(shown).digest(), "") if shown else ""

    def _token(self, request: web.BaseRequest) -> str:
        """The agency whose token or ticket it is; empty where none is shown."""
        said = request.headers.get("Authorization", "")
        if not said:
            return ""
        scheme, _, token = said.partition(" ")
        known = self._tokens.agency_of(token.strip())
        if scheme.lower() == "bearer" and known:
            return known
        if scheme.lower() == "bearer" and self._tickets is not None:
            agency = self._tickets.agency_of(token.strip())
            if agency in self._signing:
                return agency
        raise Denied(401, "unauthenticated", "send your agency's bearer token")
