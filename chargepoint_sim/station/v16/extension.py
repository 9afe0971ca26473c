"""What a 1.6 station answers: Firmware Management, and the security extension (its third edition)."""

from ocpp.v16 import call_result

from chargepoint_sim.station.certificates import Use
from chargepoint_sim.station.firmware import Update
from chargepoint_sim.station.logs import LogRequest
from chargepoint_sim.station.v16 import spelling
from chargepoint_sim.station.v16.memory import UNSIGNED
from chargepoint_sim.station.v16.spelling import Payload
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.trust import Trust, written_hash_data

_RETRY_INTERVAL_S = 30
_USES = {
    "CentralSystemRootCertificate": Use.CSMS_ROOT,
    "ManufacturerRootCertificate": Use.MANUFACTURER_ROOT,
}


class Extension:
    """Firmware, diagnostics, logs, certificates."""

    def __init__(self, desk: Desk) -> None:
        self._instruments = desk.cabinet.instruments
        self._trust = Trust(desk, _USES.__getitem__)

    def routes(self) -> Routes:
        """Who answers what."""
        return self._trust.routes() | {
            "GetDiagnostics": self.get_diagnostics,
            "GetInstalledCertificateIds": self.get_installed_certificate_ids,
            "GetLog": self.get_log,
            "SignedUpdateFirmware": self.signed_update_firmware,
            "UpdateFirmware": self.update_firmware,
        }

    def update_firmware(
        self,
        location: str,
        retrieve_date: str,
        retries: int = 0,
        retry_interval: int = _RETRY_INTERVAL_S,
    ) -> object:
        """Fetch and install other firmware; nobody has signed it."""
        at = spelling.moment(retrieve_date)
        interval_s = float(retry_interval)
        self._instruments.firmware.order(
            Update(UNSIGNED, location, at, retries=retries, retry_interval_s=interval_s)
        )
        return call_result.UpdateFirmware()

    def signed_update_firmware(
        self,
        request_id: int,
        firmware: Payload,
        retries: int = 0,
        retry_interval: int = _RETRY_INTERVAL_S,
    ) -> object:
        """Fetch and install other firmware that somebody has signed."""
        update = Update(
            request_id,
            firmware["location"],
            spelling.moment(firmware["retrieve_date_time"]),
            spelling.moment_or_none(firmware.get("install_date_time")),
            firmware["signing_certificate"],
            firmware["signature"],
            retries,
            float(retry_interval),
        )
        return call_result.SignedUpdateFirmware(status=self._instruments.firmware.order(update))

    def get_diagnostics(
        self,
        location: str,
        start_time: str | None = None,
        stop_time: str | None = None,
        retries: int = 0,
        retry_interval: int = _RETRY_INTERVAL_S,
    ) -> object:
        """Upload what has happened."""
        times = spelling.moment_or_none(start_time), spelling.moment_or_none(stop_time)
        request = LogRequest(UNSIGNED, "DiagnosticsLog", location, *times, retries, float(retry_interval))
        _, name = self._instruments.logs.order(request)
        return call_result.GetDiagnostics(file_name=name)

    def get_log(
        self,
        log: Payload,
        log_type: str,
        request_id: int,
        retries: int = 0,
        retry_interval: int = _RETRY_INTERVAL_S,
    ) -> object:
        """Upload a log."""
        ends = (log.get("oldest_timestamp"), log.get("latest_timestamp"))
        oldest, latest = (spelling.moment_or_none(end) for end in ends)
        request = LogRequest(
            request_id, log_type, log["remote_location"], oldest, latest, retries, float(retry_interval)
        )
        status, name = self._instruments.logs.order(request)
        return call_result.GetLog(status=status, filename=name)

    def get_installed_certificate_ids(self, certificate_type: str, **_: object) -> object:
        """Say what is trusted."""
        rows = self._instruments.certificates.listed([_USES[certificate_type]])
        data = [written_hash_data(one) for _, one, _ in rows]
        if not data:
            return call_result.GetInstalledCertificateIds(status="NotFound")
        return call_result.GetInstalledCertificateIds(status="Accepted", certificate_hash_data=data)
