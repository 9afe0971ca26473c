"""Where the server is: network profiles in slots, which are tried in what order (B09, B10, A05)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from chargepoint_sim.station.certificates import Certificates, Use
from chargepoint_sim.station.device_model import DeviceModel, Place, Variable
from chargepoint_sim.station.link import wrong_address

_LINK = "OCPPCommCtrlr"
_PRIORITY = "NetworkConfigurationPriority"
_SLOTS = range(1, 10)


@dataclass(frozen=True)
class NetworkProfile:
    """One way to the server."""

    url: str
    security_profile: int
    version: str = "OCPP20"
    transport: str = "JSON"


@dataclass
class Networks:
    """All slots of a station. `may_show` says whether there is a certificate of its own, `noted` hears of
    what concerns security. A changed order counts from the next restart on."""

    model: DeviceModel
    certificates: Certificates
    may_show: Callable[[], bool]
    noted: Callable[[str], None]
    slots: dict[int, NetworkProfile] = field(default_factory=dict)
    active: int = 1
    _order: list[int] = field(default_factory=lambda: [1])
    _place: int = 0
    _failures: int = 0

    def __post_init__(self) -> None:
        self.model.judge = self._judge

    @property
    def current(self) -> NetworkProfile:
        """What is tried next, or in use."""
        return self.slots[self.active]

    def set(self, slot: int, profile: NetworkProfile) -> tuple[str, str | None]:
        """Fill a slot: the status and why not (B09)."""
        if slot not in _SLOTS or profile.transport != "JSON" or not profile.version.startswith("OCPP2"):
            return "Rejected", "InvalidNetworkConf"
        secure = profile.url.startswith("wss://")
        if wrong_address(profile.url) is not None or secure is not (profile.security_profile >= 2):
            return "Rejected", "InvalidNetworkConf"
        if not 1 <= profile.security_profile <= 3:
            return "Rejected", "InvalidNetworkConf"
        if profile.security_profile < self._security():  # B09.FR.04
            return "Rejected", "NoSecurityDowngrade"
        if slot == self.active:
            return "Rejected", "PriorityNetworkConf"
        self.slots[slot] = profile
        return "Accepted", None

    def _security(self) -> int:
        return self.model.integer("SecurityCtrlr", "SecurityProfile")

    def _judge(self, variable: Variable, value: str) -> bool:
        """What only the station knows: whether each slot of an order could be used (A05.FR.02, B10)."""
        if variable.name != _PRIORITY:
            return True
        order = _numbers(value)
        return bool(order) and all(slot in self.slots and self._usable(self.slots[slot]) for slot in order)

    def _usable(self, profile: NetworkProfile) -> bool:
        if profile.security_profile >= 2 and not self.certificates.roots(Use.CSMS_ROOT):
            return False
        return profile.security_profile < 3 or self.may_show()

    def restart(self) -> None:
        """The order counts from now on."""
        order = _numbers(self.model.text(_LINK, _PRIORITY))
        self._order = [slot for slot in order if slot in self.slots] or [self.active]
        self._place = self._failures = 0
        self.active = self._order[0]

    def failed(self) -> None:
        """No connection came: after some attempts the next in order is tried (B10.FR.03)."""
        self._failures += 1
        if self._failures >= max(1, self.model.integer(_LINK, "NetworkProfileConnectionAttempts")):
            self._failures = 0
            self._place = (self._place + 1) % len(self._order)
            self.active = self._order[self._place]

    def connected(self) -> None:
        """It works: a higher security profile is kept, there is no way back (A05.FR.05, A05.FR.06)."""
        self._failures = 0
        used = self.current.security_profile
        if used <= self._security():
            return
        self.model.put(Place("SecurityCtrlr"), "SecurityProfile", str(used))
        self._order = [slot for slot in self._order if self.slots[slot].security_profile >= used]
        self._place = self._order.index(self.active)
        self.model.put(Place(_LINK), _PRIORITY, ",".join(str(slot) for slot in self._order))
        self.slots = {slot: one for slot, one in self.slots.items() if one.security_profile >= used}
        self.noted("ReconfigurationOfSecurityParameters")


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",") if one.strip().isdigit()]
