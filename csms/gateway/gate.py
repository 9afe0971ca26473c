"""What a station may say, and be asked, before it is accepted (B01, B02, B03; R-01).

not booted   says: BootNotification                       is asked: TriggerMessage
Pending      says: BootNotification, what was asked for   is asked: anything
Rejected     says: BootNotification                       is asked: nothing
Accepted     says: anything                               is asked: anything

Nobody is asked to discharge before a word of this connection has been answered: it may be a boot, after which
the station holds no fallback any more (V-04).
"""

from csms.domain.profile import discharges
from csms.domain.station import Registration
from csms.errors import OcppError, StationOffline
from csms.wire import words
from csms.wire.dialect import RawCall

BOOT = "BootNotification"

# What a station sends later because of what we asked.
_FOLLOWS = {
    "CustomerInformation": "NotifyCustomerInformation",
    "GetBaseReport": "NotifyReport",
    "GetChargingProfiles": "ReportChargingProfiles",
    "GetDERControl": "ReportDERControl",
    "GetDisplayMessages": "NotifyDisplayMessages",
    "GetDiagnostics": "DiagnosticsStatusNotification",
    "GetLog": "LogStatusNotification",
    "GetMonitoringReport": "NotifyMonitoringReport",
    "GetReport": "NotifyReport",
    "PublishFirmware": "PublishFirmwareStatusNotification",
    "SignedUpdateFirmware": "SignedFirmwareStatusNotification",
    "UpdateFirmware": "FirmwareStatusNotification",
}
_TRIGGERS = {
    "SignChargePointCertificate": "SignCertificate",
    "SignChargingStationCertificate": "SignCertificate",
    "SignV2GCertificate": "SignCertificate",
    "SignCombinedCertificate": "SignCertificate",
}


class Gate:
    """One connection's registration state. `registration` None: no boot is known of this station.

    `heard`: a word of this connection was kept and answered.
    """

    __slots__ = ("_asked_for", "heard", "registration")

    def __init__(self, registration: Registration | None) -> None:
        self.registration = registration
        self.heard = False
        self._asked_for: set[str] = set()

    def check(self, action: str) -> None:
        """May the station say this now? Raises `OcppError` SecurityError (B02.FR.09, B03.FR.07)."""
        if self.registration is Registration.ACCEPTED or action == BOOT:
            return
        if self.registration is Registration.PENDING and action in self._asked_for:  # B02.FR.06
            return
        raise OcppError("SecurityError", "The station is not accepted.")

    def check_ask(self, station_id: str, ask: object) -> None:
        """May the station be asked this now? Raises `StationOffline`."""
        if self.registration is Registration.REJECTED:  # B03.FR.03
            raise StationOffline(station_id, "rejected at boot")
        if self.registration is None and _triggered(ask) is None:
            raise StationOffline(station_id, "not booted yet")
        if not self.heard and discharges(ask):
            raise StationOffline(station_id, "has said nothing yet")

    def sent(self, action: str, ask: object) -> None:
        """We have asked: what follows from it may be said while Pending."""
        message = _triggered(ask)
        if message is not None:
            self._asked_for.add(_TRIGGERS.get(message, message))
        elif action in _FOLLOWS:
            self._asked_for.add(_FOLLOWS[action])

    def booted(self, registration: Registration) -> None:
        """The station's BootNotification was answered so."""
        self.registration = registration


def _triggered(ask: object) -> str | None:
    """What a TriggerMessage asks for; None for any other ask."""
    if isinstance(ask, words.TriggerMessageRequest):
        return ask.requested_message
    if isinstance(ask, RawCall) and ask.action in ("TriggerMessage", "ExtendedTriggerMessage"):
        return str(ask.payload.get("requestedMessage"))
    return None
