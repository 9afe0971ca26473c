"""The local authorization list (block D): whom the server has told this station about, and which version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chargepoint_sim.station.device_model import DeviceModel, Place
from chargepoint_sim.station.words import IdToken, TokenInfo

_CONTROLLER = "LocalAuthListCtrlr"


class Kept(StrEnum):
    """What became of a list that was sent."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"


@dataclass
class LocalList:
    """`version` is 0 as long as there is no list (D02.FR.02)."""

    model: DeviceModel
    version: int = 0
    entries: dict[IdToken, TokenInfo] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether the list is used at all."""
        return self.model.flag(_CONTROLLER, "Enabled")

    def find(self, token: IdToken) -> TokenInfo | None:
        """What the list says of a token; None if nothing, or if it is switched off."""
        return self.entries.get(folded(token)) if self.enabled else None

    def replace(self, version: int, entries: Mapping[IdToken, TokenInfo | None]) -> Kept:
        """Take a full list (D01.FR.03, D01.FR.04): an empty one clears."""
        if version <= 0 or not self.enabled or any(info is None for info in entries.values()):
            return Kept.FAILED
        return self._keep(version, {folded(one): info for one, info in entries.items() if info})

    def change(self, version: int, changes: Mapping[IdToken, TokenInfo | None]) -> Kept:
        """Take a difference; a token with nothing is removed. All of it or none (D01.FR.05 and following)."""
        if version <= 0 or not self.enabled:
            return Kept.FAILED
        if version <= self.version:
            return Kept.VERSION_MISMATCH  # D01.FR.19
        entries = dict(self.entries)
        for token, info in changes.items():
            if info is None:
                entries.pop(folded(token), None)
            else:
                entries[folded(token)] = info
        return self._keep(version, entries)

    def forget(self, token: IdToken) -> bool:
        """Remove a customer (N10); whether they were listed."""
        gone = self.entries.pop(folded(token), None) is not None
        self._count()
        return gone

    def _keep(self, version: int, entries: dict[IdToken, TokenInfo]) -> Kept:
        most = self.model.limit(_CONTROLLER, "Entries")
        if most is not None and len(entries) > most:
            return Kept.FAILED
        self.version, self.entries = version, entries
        self._count()
        return Kept.ACCEPTED

    def _count(self) -> None:
        self.model.put(Place(_CONTROLLER), "Entries", str(len(self.entries)))


def folded(token: IdToken) -> IdToken:
    """Tokens are compared without case (C01.FR.20)."""
    return IdToken(token.value.casefold(), token.kind)
