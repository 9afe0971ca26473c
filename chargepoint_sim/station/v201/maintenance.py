"""What the station answers: new firmware and logs (blocks L and N01)."""

from ocpp.v201 import call_result

from chargepoint_sim.station.firmware import Update
from chargepoint_sim.station.logs import LogRequest
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import Payload

_RETRY_INTERVAL_S = 30.0


class Maintenance:
    """Blocks L and N01. A station publishes no firmware for others: that is a local controller's."""

    def __init__(self, desk: Desk) -> None:
        self._instruments = desk.cabinet.instruments

    def routes(self) -> Routes:
        """Who answers what."""
        return {"GetLog": self.get_log, "UpdateFirmware": self.update_firmware}

    def update_firmware(
        self,
        request_id: int,
        firmware: Payload,
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: object,
    ) -> object:
        """Fetch and install other firmware."""
        install = firmware.get("install_date_time")
        update = Update(
            request_id,
            firmware["location"],
            spelling.moment(firmware["retrieve_date_time"]),
            None if install is None else spelling.moment(install),
            firmware.get("signing_certificate"),
            firmware.get("signature"),
            retries or 0,
            _RETRY_INTERVAL_S if retry_interval is None else float(retry_interval),
        )
        return call_result.UpdateFirmware(status=self._instruments.firmware.order(update))

    def get_log(
        self,
        log: Payload,
        log_type: str,
        request_id: int,
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: object,
    ) -> object:
        """Upload a log."""
        oldest, latest = log.get("oldest_timestamp"), log.get("latest_timestamp")
        request = LogRequest(
            request_id,
            log_type,
            log["remote_location"],
            None if oldest is None else spelling.moment(oldest),
            None if latest is None else spelling.moment(latest),
            retries or 0,
            _RETRY_INTERVAL_S if retry_interval is None else float(retry_interval),
        )
        status, name = self._instruments.logs.order(request)
        return call_result.GetLog(status=status, filename=name)
