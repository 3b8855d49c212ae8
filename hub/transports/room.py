"""Room: how many connections a listener holds, of all and of one address; what is said on them is not seen here."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final

NOTED_SECONDS: Final = 60.0  # a flood is told once in this time, and not once for each connection


class Room:
    """
    Places for *most* connections, *most_of_one* of them for those of one address.

    *full* is called with the number that was refused since it was last called: at once, then once in NOTED_SECONDS.
    """

    def __init__(self, most: int, most_of_one: int, full: Callable[[int], None]) -> None:
        self._most, self._most_of_one, self._full = most, most_of_one, full
        self._held = Counter[str]()
        self._refused = 0
        self._noted = -NOTED_SECONDS

    @property
    def held(self) -> int:
        """How many connections there are, with those that are still shaking hands."""
        return self._held.total()

    def enter(self, host: str) -> Callable[[], None] | None:
        """What is to be called once the connection from *host* has ended, None where there is no place for it."""
        one = _neighbourhood(host)
        if self.held >= self._most or self._held[one] >= self._most_of_one:
            self._refused += 1
            if monotonic() - self._noted >= NOTED_SECONDS:
                refused, self._refused, self._noted = self._refused, 0, monotonic()
                self._full(refused)
            return None
        self._held[one] += 1
        return lambda: self._leave(one)

    def _leave(self, one: str) -> None:
        self._held[one] -= 1
        if not self._held[one]:
            del self._held[one]


def _neighbourhood(host: str) -> str:
    """Whose address *host* is: one of IPv4, and of IPv6 the /64, of which its owner has every address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)
