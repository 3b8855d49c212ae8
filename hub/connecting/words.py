"""Words: what a courier's codes mean to whoever sets up a door, and what to do about each; nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping

from hub.errors import TransportError
from hub.parcel import code_of

Said = tuple[str, str]
"""What is wrong, and what to do."""

CODES: Mapping[str, Said] = {
    "https": ("it takes the connection, and gives no answer in time",
              "ask what stands behind the address, and whether it waits for somebody else"),
    "https.200": ("it answers 200, with something that acknowledges nothing (200)",
                  "have it answer what it takes: with nothing, or in FHIR at a door of FHIR, and with no web page"),
    "https.400": ("it cannot read the message (400)", "have the partner look why: `hub try` shows what was sent"),
    "https.401": ("it does not accept the token (401)",
                  "put the token that the partner gave in the file that HUB_<AGENCY>_<STREAM>_TOKEN_FILE names"),
    "https.token": ("its token endpoint gives no token",
                    "ask its engineers whether HUB_<AGENCY>_<STREAM>_TOKEN_URL is right, and whether it answers"),
    "https.token.400": ("its token endpoint does not understand what we ask (400)",
                        "ask its engineers whether it takes a signed assertion (RFC 7523) for client_credentials"),
    "https.token.401": ("its token endpoint does not know us (401)",
                        "have the partner register our public key under its kid, and our name, CLIENT_ID"),
    "https.403": ("the token may not do this (403)", "have the partner allow it, or this machine's address"),
    "https.404": ("there is no such path (404)", "mend the path in HUB_<AGENCY>_<STREAM>_URL"),
    "https.405": ("it takes no POST at this path (405)", "mend the path in HUB_<AGENCY>_<STREAM>_URL"),
    "https.408": ("it calls us too slow (408)", "look at the network between"),
    "https.413": ("the message is too large for it (413)", "have the partner raise its limit"),
    "https.415": ("it does not take this format (415)", "agree on the content type that the door's format has"),
    "https.422": ("it reads the message, and does not take what it says (422)",
                  "have the partner look why: `hub try` shows what was sent"),
    "https.429": ("it asks us to come less often (429)", "try again in a while; couriers wait as it says"),
    "https.500": ("its server failed (500)", "have the partner look in its log for our message id"),
    "https.502": ("what stands before its server has no answer from it (502)", "ask its engineers, and try again"),
    "https.503": ("it is being mended, or has too much to do (503)", "try again in a while; couriers do by themselves"),
    "https.504": ("what stands before its server waited in vain for it (504)", "ask its engineers, and try again"),
    "mllp.no-answer": ("it takes the message, and acknowledges nothing in time",
                       "ask whether its interface is started, and whether it sends HL7 acknowledgements at all"),
    "mllp.connection-lost": ("it closes the connection before it acknowledges",
                             "ask its engineers: the frame, or the message, may be more than their engine takes"),
    "mllp.rejected": ("it rejects the message for good (AR or CR)",
                      "ask which message types and versions its interface takes; its own words are in its log"),
    "mllp.error": ("it could not take the message now (AE or CE)", "have the partner look in its log for our MSH-10"),
    "mllp.another-answer": ("it acknowledges another message than the one sent: MSA-2 is not our MSH-10",
                            "have its engine give back MSH-10 as it came, with upper and lower case and all signs"),
    "mllp.unknown-code": ("MSA-1 of its answer is none of AA, AE, AR, CA, CE, CR", "have the partner mend its answer"),
    "mllp.unreadable-answer": ("its answer is no HL7 message", "ask whether this port is its HL7 interface"),
    "mllp.two-answers": ("it answers more than once", "have its engine send one acknowledgement for each message"),
    "mllp.garbage": ("its answer is not framed by VT and FS CR", "ask whether this port speaks MLLP"),
    "mllp.unsendable": ("the message has no MSH-10, or framing characters in it",
                        "mend connectors/<agency>/outbound.py"),
    "files.ENOENT": ("the folder is not there", "make it, or mount the share"),
    "files.ENOSPC": ("the disk is full", "make room"),
    "files.EACCES": ("the folder may not be written to", "let the account that the hub runs as write there"),
}  # fmt: skip


def in_words(error: TransportError) -> tuple[str, str, str]:
    """An error's code, what it means and what to do; nothing of what the partner said is in any of them."""
    code = code_of(error)
    found, mend = CODES.get(code) or CODES.get(code.partition(".")[0], (str(error), ""))
    if code not in CODES and code.startswith("https."):
        found, mend = f"it answers {code.removeprefix('https.')}", "ask the partner what it means by that"
    return code, found, mend or "ask the partner's engineers"
