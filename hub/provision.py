"""Provision: a cluster held against what the catalog derives, and brought there; what differs is decided in drift."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from hub import drift
from hub.catalog import Catalog
from hub.credentials import Passwords
from hub.drift import Difference
from hub.errors import HubError, TransportError
from hub.settings import Settings
from hub.transports.kafka.altering import alter
from hub.transports.kafka.scram import set_password
from hub.transports.kafka.state import look

SETTLED_SECONDS = 20.0
"""In which every broker knows what one was told (metadata of a KRaft cluster reaches each by itself)."""


class Held(HubError):
    """Something would be lost, and nobody said that it may be; *refused* are these differences."""

    def __init__(self, refused: Sequence[Difference]) -> None:
        self.refused = tuple(refused)
        names = dict.fromkeys(f"{one.allow} {one.about}" for one in refused)
        super().__init__(f"nothing was changed, because something would be lost; to let it happen: {' '.join(names)}")


class Plan:
    """
    What differs between the cluster at *bootstrap* and what *catalog* derives.

    With *access* False topics alone are compared: for a cluster that asks nobody who they are. With *certificates*
    everybody is known by theirs, and passwords are not looked at. Raises `TransportError` where Kafka does not say.
    """

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        bootstrap: str,
        *,
        access: bool = True,
        certificates: bool = False,
    ) -> None:
        self._catalog, self._bootstrap, self._extra, self._access = catalog, bootstrap, settings.kafka(), access
        self.want = drift.wanted(catalog, settings.replication, certificates=certificates)
        self.differences = self._look()

    def _look(self) -> list[Difference]:
        have = look(self._bootstrap, self._extra, access=self._access)
        return drift.differences(self._catalog, self.want, have)

    def apply(
        self,
        passwords: Passwords | None,
        told: Callable[[Difference], None] = lambda done: None,
        *,
        lose: Iterable[str] = (),
        reorder: Iterable[str] = (),
    ) -> list[Difference]:
        """
        Do away with what differs, and return what is left: what only a person can mend.

        Returns once the cluster shows it. Raises `Held`, and changes nothing, where something would be lost that *lose*
        or *reorder* does not name, or a password is wanted and there is no folder for it.
        """
        if refused := drift.refused(self.differences, frozenset(lose), frozenset(reorder)):
            raise Held(refused)
        if passwords is None and any(one.subject == "user" and one.change == "make" for one in self.differences):
            raise HubError("passwords are to be made: name a folder for them, --passwords FOLDER or HUB_CREDENTIALS")

        def password_of(name: str) -> str:
            assert passwords is not None  # noqa: S101  said above
            return passwords.of(name)

        alter(self._bootstrap, self.want, self.differences, password_of, told, self._extra)
        left, deadline = self._look(), time.monotonic() + SETTLED_SECONDS
        while any(one.change != "none" for one in left):
            if time.monotonic() > deadline:
                raise TransportError(f"the cluster still shows {left[0].sentence}; see that all its brokers run")
            time.sleep(0.1)
            left = self._look()
        return left


def rotate(
    bootstrap: str,
    settings: Settings,
    names: Sequence[str],
    passwords: Passwords,
    told: Callable[[str], None] = lambda name: None,
) -> None:
    """
    Give each of *names* a new password, in its file and on the cluster.

    From then on nobody can connect by the old one; connections that are open stay so until they end. *told* is called
    after each. Raises `TransportError` where Kafka does not take one: those told of are done.
    """
    for name in names:
        set_password(bootstrap, name, passwords.begin(name), settings.kafka())
        passwords.end(name)
        told(name)


def as_json(found: Iterable[Difference]) -> list[Mapping[str, object]]:
    """The differences as JSON shows them."""
    return [
        {
            "subject": one.subject, "about": one.about, "what": one.what, "have": one.have, "want": one.want,
            "change": one.change, "loses": one.loses, "allow": one.allow, "mend": one.mend,
        }
        for one in found
    ]  # fmt: skip
