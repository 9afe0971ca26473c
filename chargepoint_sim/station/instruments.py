"""What a station has besides its EVSEs: firmware, logs, monitors, display, certificates, networks."""

from collections.abc import Callable
from typing import Protocol

from chargepoint_sim.station.authorization import Authorizer
from chargepoint_sim.station.availability import Availability
from chargepoint_sim.station.certificates import Certificates, Use, read_chain
from chargepoint_sim.station.credentials import Credentials, Pair
from chargepoint_sim.station.customers import Customers
from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.display import Display
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.external import ExternalLimits
from chargepoint_sim.station.firmware import Firmware, Site
from chargepoint_sim.station.logs import Logs
from chargepoint_sim.station.monitors import Monitors
from chargepoint_sim.station.networks import NetworkProfile, Networks
from chargepoint_sim.station.transfer import Transfer
from chargepoint_sim.station.variables import Fixed
from chargepoint_sim.station.vendors import Vendors
from chargepoint_sim.station.visit import Visit
from chargepoint_sim.station.words import SecurityNews


class _Station(Protocol):
    """The part of the cabinet that the instruments look at."""

    visits: dict[int, Visit]
    availability: Availability
    authorizer: Authorizer

    @property
    def reboot(self) -> Callable[[str], None]:
        """Restart; why."""


class Instruments:
    """All of one station. They outlive its restarts."""

    def __init__(self, equipment: Equipment, station: _Station) -> None:
        model, clock = equipment.model, equipment.clock
        self._equipment = equipment
        self._station = station
        self.certificates = Certificates(model, clock)
        # The way to tell the server is filled in later.
        self.credentials = Credentials(model, clock, self.certificates, lambda news: equipment.emit(news))
        self.networks = Networks(
            model, self.certificates, lambda: self.credentials.pair is not None, self._security_event
        )
        transfer = Transfer(lambda: self.credentials.context(2) if self._own_trust() else None)
        availability = station.availability
        site = Site(
            busy=availability.busy,
            hold=availability.hold,
            restart=lambda: station.reboot("FirmwareUpdate"),
            trusted=lambda pem: self.certificates.trusts(Use.MANUFACTURER_ROOT, pem),
        )
        self.firmware = Firmware(equipment, site, transfer)
        self.logs = Logs(equipment, transfer)
        self.monitors = Monitors(
            model,
            clock,
            lambda news: equipment.emit(news),
            lambda: equipment.online(),
            self._transaction_at,
        )
        self.display = Display(model, clock, self._transactions)
        self.customers = Customers(
            station.authorizer, availability.reservations, station.visits, equipment.observe
        )
        self.vendors = Vendors()
        self.external = ExternalLimits(equipment)

    def furnish(self, url: str, fixed: Fixed) -> None:
        """What a station is delivered with: where its server is and how it is known, its own certificate."""
        secure = url.startswith("wss://")
        profile = fixed.security_profile or (1 if not secure else 3 if fixed.chain_pem else 2)
        self._equipment.model.put(Place("SecurityCtrlr"), "SecurityProfile", str(profile))
        self.networks.slots[self.networks.active] = NetworkProfile(url, profile)
        for root in read_chain(fixed.trust_pem) if fixed.trust_pem else ():
            self.certificates.installed.setdefault(Use.CSMS_ROOT, []).append(root)
        self.certificates.counted()
        if fixed.chain_pem:
            self.credentials.use(Pair(fixed.chain_pem, fixed.key_pem))

    def _own_trust(self) -> bool:
        return bool(self.certificates.roots(Use.CSMS_ROOT))

    def _security_event(self, kind: str) -> None:
        self._equipment.emit(SecurityNews(kind, self._equipment.clock.now()))

    def _transaction_at(self, place: Place) -> str | None:
        visit = None if place.evse_id is None else self._station.visits.get(place.evse_id)
        return None if visit is None or visit.transaction is None else visit.transaction.id

    def _transactions(self) -> set[str]:
        """The transactions that run."""
        running = (visit.transaction for visit in self._station.visits.values())
        return {one.id for one in running if one is not None}
