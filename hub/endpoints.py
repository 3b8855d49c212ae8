"""Endpoints: every word that the environment may say of where one agency is reached, and which road reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from hub.agency import Agency
from hub.loopback import is_loopback

Of = Literal["line", "stream", "agency", "caller"]
"""Of what a word is said: a line that an agency says, a stream it hears, all by one road, or all of its calls."""


class Word(NamedTuple):
    """
    One *name* that ends a variable `HUB_<AGENCY>_<LINE, STREAM OR ROAD>_<NAME>`.

    *road* is the road that reads it, empty where it is read whatever the road; *must* says that there is no going by
    that road without it; *numbered* that only the files of a numbered door ask for it.
    """

    name: str
    sentence: str
    of: tuple[Of, ...]
    road: str = ""
    must: bool = False
    numbered: bool = False


_PEER: tuple[Of, ...] = ("line", "stream", "agency")

WORDS: tuple[Word, ...] = (
    Word("DOOR", "The road by which the stream goes, where agency.yaml offers more than one.", ("stream",)),
    Word("FIRST_NUMBER", "The number of the first file, for a partner who was sent files before; else 1.", ("stream",),
         numbered=True),
    Word("URL", "Where it is posted to.", ("stream",), "https", must=True),
    Word("TOKEN_FILE", "File with the bearer token that the partner gave us.", ("stream",), "https"),
    Word("TOKEN_FILE", "File with the bearer token by which the partner calls us; two lines while it changes.",
         ("caller",), "https"),
    Word("JWKS_FILE", "JWKS file with the keys by which the partner signs for short tokens; two while it changes.",
         ("caller",), "https"),
    Word("PARTNER_CERTIFICATE", "PEM certificate with which the partner connects.", ("caller",), "https"),
    Word("TOKEN_URL", "In place of TOKEN_FILE: the partner's token endpoint, for short tokens.", ("stream",), "https"),
    Word("CLIENT_ID", "With TOKEN_URL: the name under which the partner knows us.", ("stream",), "https"),
    Word("CLIENT_JWK_FILE", "With TOKEN_URL: file with our private JWK, as `hub key` makes it.", ("stream",), "https"),
    Word("TLS_CA", "PEM certificates that the partner's server is checked by; else HUB_TLS_CA, else the system's.",
         ("stream",), "https"),
    Word("CLIENT_CERTIFICATE", "PEM certificate that we show, where the partner asks for one.", ("stream",), "https"),
    Word("CLIENT_KEY", "PEM key of that certificate.", ("stream",), "https"),
    Word("HOST", "The partner's host; else this machine, where a tunnel may end.", ("stream",), "mllp"),
    Word("PORT", "The partner's port.", ("stream",), "mllp", must=True),
    Word("PORT", "The port that we listen on; else the next one from HUB_MLLP_PORT.", ("line",), "mllp"),
    Word("TLS", "`on` for MLLP by TLS.", ("stream",), "mllp"),
    Word("TLS", "`on` for MLLP by TLS; `plain` to listen without it where other machines reach us: anybody may speak.",
         ("line",), "mllp"),
    Word("TLS_CA", "With TLS: PEM certificates that the partner's server is checked by.", ("stream",), "mllp"),
    Word("CLIENT_CERTIFICATE", "With TLS: PEM certificate that we show.", ("stream",), "mllp"),
    Word("CLIENT_KEY", "With TLS: PEM key of that certificate.", ("stream",), "mllp"),
    Word("TLS_CLIENT_CA", "With TLS, and needed where other machines reach us: the authority whose certificate callers "
         "must show, or the partner's own.", ("line",), "mllp"),
    Word("HOST", "The server on which the partner's files are.", _PEER, "sftp", must=True),
    Word("PORT", "Its port; else 22.", _PEER, "sftp"),
    Word("USER", "The name by which that server knows us.", _PEER, "sftp", must=True),
    Word("KNOWN_HOSTS", "File with that server's key, as OpenSSH writes it; never trusted on first use.", _PEER, "sftp",
         must=True),
    Word("KEY_FILE", "File with our private key.", _PEER, "sftp"),
    Word("PASSWORD_FILE", "File with our password, where there is no key.", _PEER, "sftp"),
    Word("FOLDER", "The folder on that server.", _PEER, "sftp", must=True),
    Word("URL", "The address of MESH.", ("agency",), "mesh", must=True),
    Word("MAILBOX", "Our mailbox for what is exchanged with this agency.", ("agency",), "mesh", must=True),
    Word("PASSWORD_FILE", "File with our mailbox's password.", ("agency",), "mesh", must=True),
    Word("SHARED_KEY_FILE", "File with the environment's shared key.", ("agency",), "mesh", must=True),
    Word("CERTIFICATE", "PEM certificate that we show to MESH.", ("agency",), "mesh"),
    Word("KEY", "PEM key of that certificate.", ("agency",), "mesh"),
    Word("CA", "PEM certificates that MESH is checked by; the NHS's own addresses need none.", ("agency",), "mesh"),
    Word("MAILBOX", "The recipient's mailbox for the stream.", ("stream",), "mesh", must=True),
    Word("WORKFLOW", "The workflow id; else the one in agency.yaml.", ("line", "stream"), "mesh"),
)  # fmt: skip

NAMES = frozenset(word.name for word in WORDS)


class Place(NamedTuple):
    """A line or stream of an agency, or all by one road: *name* as in the variable, and its *roads*."""

    agency: str
    name: str
    of: Of
    roads: tuple[str, ...]
    numbered: bool = False

    def words(self) -> Iterator[Word]:
        """What may be said of it."""
        for word in WORDS:
            if (
                self.of in word.of
                and (not word.road or word.road in self.roads)
                and (self.numbered or not word.numbered)
            ):
                yield word

    def variable(self, word: Word) -> str:
        """The variable that says *word* of it."""
        return variable(self.agency, self.name, word.name)


def variable(agency: str, name: str, what: str) -> str:
    """The variable that says *what* of a line, stream or road of an agency."""
    return f"HUB_{agency}_{name}_{what}".upper()


def unguarded(host: str, tls: str, client_ca: str) -> bool:
    """
    Whether an MLLP line on *host*, by what its `TLS` and `TLS_CLIENT_CA` say, believes whoever comes from elsewhere.

    MLLP itself has no word for who speaks: the certificate is the only proof. `plain` says that the network is to
    let nobody else come.
    """
    return not is_loopback(host) and tls != "plain" and not (tls == "on" and client_ca)


def guard(agency: str, line: str) -> str:
    """What to set of a line that is unguarded."""
    tls, client_ca = variable(agency, line, "TLS"), variable(agency, line, "TLS_CLIENT_CA")
    return (
        f"set {tls}=on and {client_ca} to the authority whose certificate the partner shows; or {tls}=plain, where "
        "the network lets nobody but the partner come to that port; or leave HUB_LISTEN_HOST at 127.0.0.1"
    )


def places(agencies: Iterable[Agency]) -> Iterator[Place]:
    """Every place of which the environment may say something, agency by agency."""
    for agency in agencies:
        calls, roads = set[str](), set[str]()
        for name, saying in agency.says.items():
            calls.add(saying.by)
            yield Place(agency.key, name, "line", (saying.by,))
        for name, hearing in agency.hears.items():
            by = tuple(dict.fromkeys(door.by for door in hearing.doors))
            roads |= set(by)
            yield Place(agency.key, name, "stream", by, any(door.numbered for door in hearing.doors))
        whole: tuple[tuple[Of, set[str]], ...] = (("caller", calls), ("agency", calls | roads))
        for of, theirs in whole:
            for road in sorted(theirs & {word.road for word in WORDS if of in word.of}):
                yield Place(agency.key, road, of, (road,))


def read(agencies: Iterable[Agency]) -> Mapping[str, Word]:
    """Every variable of the environment that somebody reads for one of *agencies*, with the word it says."""
    return {place.variable(word): word for place in places(agencies) for word in place.words()}
