"""Whether a driver may charge (block C): the server's word, the local list, the cache, the rules offline.

The list comes before the cache (C13, C14); what neither knows is asked, and while the server is away it is
taken only where OfflineTxForUnknownIdEnabled says so (C15).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chargepoint_sim.clock import Clock
from chargepoint_sim.station.device_model import DeviceModel
from chargepoint_sim.station.local_list import LocalList, folded
from chargepoint_sim.station.words import IdToken, NoAnswer, Offline, Refused, TokenInfo

ACCEPTED = "Accepted"
NO_AUTHORIZATION = "NoAuthorization"
_CACHE, _LIST, _RULES = "AuthCacheCtrlr", "LocalAuthListCtrlr", "AuthCtrlr"
_MOST_CACHED = 1000


@dataclass(frozen=True)
class _Remembered:
    info: TokenInfo
    until: datetime | None


@dataclass
class Cache:
    """What the server has said of tokens (C10). It outlives a restart; the oldest entry makes room."""

    model: DeviceModel
    clock: Clock
    entries: dict[IdToken, _Remembered] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether the cache is used."""
        return self.model.flag(_CACHE, "Enabled")

    def find(self, token: IdToken) -> TokenInfo | None:
        """What is remembered and still holds."""
        found = self.entries.get(folded(token)) if self.enabled else None
        if found is None or (found.until is not None and found.until <= self.clock.now()):
            return None
        return found.info

    def remember(self, token: IdToken, info: TokenInfo) -> None:
        """Keep what the server has said (C10.FR.04), as long as it said or LifeTime says (C10.FR.08)."""
        if not self.enabled or token.kind in (NO_AUTHORIZATION, "Central"):
            return
        life_s = self.model.integer(_CACHE, "LifeTime")
        until = info.until or (self.clock.now() + timedelta(seconds=life_s) if life_s else None)
        self.entries.pop(folded(token), None)
        self.entries[folded(token)] = _Remembered(info, until)
        if len(self.entries) > _MOST_CACHED:
            del self.entries[next(iter(self.entries))]

    def clear(self) -> bool:
        """Forget everybody; not while the cache is switched off (C11.FR.04)."""
        if not self.enabled:
            return False
        self.entries.clear()
        return True

    def forget(self, token: IdToken) -> bool:
        """Forget one customer (N10); whether they were known."""
        return self.entries.pop(folded(token), None) is not None


@dataclass
class Authorizer:
    """`ask` asks the server; it raises `Offline`, `NoAnswer` or `Refused`."""

    model: DeviceModel
    clock: Clock
    local_list: LocalList
    cache: Cache
    ask: Callable[[IdToken], Awaitable[TokenInfo]]

    async def decide(self, token: IdToken) -> TokenInfo:
        """What a token may do. `Offline` and its kind if nobody can say."""
        if token.kind == NO_AUTHORIZATION or not self.model.flag(_RULES, "Enabled"):
            return TokenInfo(ACCEPTED)
        known = self.local_list.find(token)
        listed, known = known is not None, known or self.cache.find(token)
        if known is not None and self._stands(known, listed):
            return known
        try:
            info = await self.ask(token)
        except (Offline, NoAnswer, Refused):
            return self._alone(known)
        self.cache.remember(token, info)
        return info

    def learned(self, token: IdToken, info: TokenInfo) -> None:
        """The server has said something of a token in another answer."""
        self.cache.remember(token, info)

    def is_master(self, info: TokenInfo) -> bool:
        """Whether a token may end everybody's transaction, and start none (C16)."""
        master = self.model.text(_RULES, "MasterPassGroupId")
        return bool(master) and info.group is not None and info.group.value.casefold() == master.casefold()

    def _stands(self, known: TokenInfo, listed: bool) -> bool:
        """Whether the server need not be asked (C12, C14)."""
        if known.status == ACCEPTED:
            return self.model.flag(_RULES, "LocalPreAuthorize")
        return self.model.flag(_LIST if listed else _CACHE, "DisablePostAuthorize")

    def _alone(self, known: TokenInfo | None) -> TokenInfo:
        """Without the server (C13, C15). Raises `Offline` if nobody can say."""
        if known is not None and self.model.flag(_RULES, "LocalAuthorizeOffline"):
            return known
        if known is None and self.model.flag(_RULES, "OfflineTxForUnknownIdEnabled"):
            return TokenInfo(ACCEPTED)
        raise Offline


def same_holder(one: IdToken, group: IdToken | None, other: IdToken, info: TokenInfo) -> bool:
    """Whether two tokens may end each other's transactions: the same one, or one group (C09)."""
    if folded(one) == folded(other):
        return True
    return group is not None and info.group is not None and folded(group) == folded(info.group)
