"""Who holds which station.

One identity, one connection. Each gets an epoch, higher than all before it, and whatever a connection does at
its end names its epoch: an old one can never remove a new one (section 2.2, row 3).
A newcomer never displaces an incumbent that still answers a ping (row 2); one that does not answer within the
probe's time is gone, whatever its socket says (row 4).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Holder(Protocol):
    """A connection as the registry sees it."""

    async def alive(self, within_s: float) -> bool:
        """Whether the other end answers a ping within so many real seconds."""
        ...

    def evict(self) -> None:
        """Close: another connection has taken over. Returns at once."""
        ...


H = TypeVar("H", bound=Holder)


@dataclass(frozen=True, slots=True)
class _Held(Generic[H]):
    epoch: int
    holder: H


class Registry(Generic[H]):
    """The connections of this node by canonical identity."""

    def __init__(self, probe_timeout_s: float) -> None:
        self._probe_timeout_s = probe_timeout_s
        self._held: dict[str, _Held[H]] = {}
        self._newest: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[H]:
        return iter([held.holder for held in self._held.values()])

    def get(self, identity: str) -> H | None:
        """Who holds this identity now."""
        held = self._held.get(identity)
        return None if held is None else held.holder

    async def is_free(self, identity: str, *, newest_wins: bool = False) -> bool:
        """Whether a newcomer may have this identity. An incumbent that does not answer is evicted.

        So is every incumbent with `newest_wins`: for a station behind a proxy that answers pings itself.
        """
        held = self._held.get(identity)
        if held is None:
            return True
        if not newest_wins and await held.holder.alive(self._probe_timeout_s):
            return False
        self.release(identity, held.epoch)
        held.holder.evict()
        return True

    def register(self, identity: str, holder: H, stored_epoch: int) -> int | None:
        """Take an identity; the new epoch, or None if it is held. `stored_epoch` outlives restarts."""
        if identity in self._held:
            return None
        epoch = max(stored_epoch, self._newest.get(identity, 0)) + 1
        self._newest[identity] = epoch
        self._held[identity] = _Held(epoch, holder)
        return epoch

    def release(self, identity: str, epoch: int) -> bool:
        """Compare and delete: False if this epoch does not hold the identity any more."""
        held = self._held.get(identity)
        if held is None or held.epoch != epoch:
            return False
        del self._held[identity]
        return True
