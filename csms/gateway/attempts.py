"""Failed logins: who has guessed too often (section 2.2, row 5).

Counted for (address, identity) and for the address alone, never for the identity alone: otherwise anybody
could lock a station out. An address that is over its limit still lets in those stations that have been let in
from there before, so that a guesser behind the same router does not take the others with it.
"""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

REMEMBERED = 100_000


class _Count(NamedTuple):
    since: float
    failures: int


class Attempts:
    """Counts within a window of time; times are seconds that never run backwards."""

    def __init__(self, per_identity: int, per_address: int, window_s: float) -> None:
        self._limits = (per_identity, per_address)
        self._window_s = window_s
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._good: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, address: str, identity: str, now: float) -> float:
        """How long this peer has to wait before it may try again; 0 if it may try now."""
        network = network_of(address)
        pair = (network, identity)
        wait = self._wait(pair, self._limits[0], now)
        if wait == 0.0 and pair not in self._good:
            wait = self._wait((network, ""), self._limits[1], now)
        return wait

    def failed(self, address: str, identity: str, now: float) -> int:
        """Wrong credentials; how often from this network within the window."""
        network = network_of(address)
        self._add((network, identity), now)
        return self._add((network, ""), now)

    def succeeded(self, address: str, identity: str) -> None:
        """Right credentials: forgets this pair's failures."""
        pair = (network_of(address), identity)
        self._counts.pop(pair, None)
        self._good[pair] = None
        self._good.move_to_end(pair)
        if len(self._good) > REMEMBERED:
            self._good.popitem(last=False)

    def _wait(self, key: tuple[str, str], limit: int, now: float) -> float:
        count = self._counts.get(key)
        if count is None or count.failures < limit:
            return 0.0
        return max(0.0, count.since + self._window_s - now)

    def _add(self, key: tuple[str, str], now: float) -> int:
        count = self._counts.get(key)
        if count is None or now - count.since >= self._window_s:
            count = _Count(now, 0)
        self._counts[key] = _Count(count.since, count.failures + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        return count.failures + 1


def network_of(address: str) -> str:
    """What one subscriber has: an IPv4 address, or an IPv6 /64."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return ":".join(ip.exploded.split(":")[:4])
