"""One connection in OCPP 2.0.1: what the station says."""

from typing import Any

from ocpp.v201 import call, call_result

from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.exchange import Exchange
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.answers import Answers
from chargepoint_sim.station.words import (
    IdToken,
    MeterNews,
    NeedsNews,
    News,
    Registered,
    Registration,
    SecurityNews,
    Socket,
    StatusNews,
    Told,
    TransactionNews,
)


class Conversation(Exchange):
    """A `Dialect`."""

    _call = call
    _call_result = call_result
    _ocpp_version = "2.0.1"

    def __init__(self, cabinet: Cabinet, socket: Socket, validate_every: int = 1) -> None:
        super().__init__(cabinet, socket, validate_every)
        self.route_map = Answers(cabinet, self._ask, self._later).routes()

    async def boot(self, reason: str) -> Registered:
        """BootNotification."""
        model = self._cabinet.equipment.model
        station: dict[str, object] = {
            "model": model.text("ChargingStation", "Model"),
            "vendorName": model.text("ChargingStation", "VendorName"),
            "serialNumber": model.text("ChargingStation", "SerialNumber"),
            "firmwareVersion": model.text("ChargingStation", "FirmwareVersion"),
        }
        answer = await self._ask(call.BootNotification(charging_station=station, reason=reason))
        now = spelling.moment(answer.current_time)
        return Registered(Registration(answer.status), now, float(answer.interval))

    async def heartbeat(self) -> Any:
        """Heartbeat; the answer is the server's time."""
        answer = await self._ask(call.Heartbeat())
        return spelling.moment(answer.current_time)

    async def authorize(self, token: IdToken) -> str:
        """Authorize; the answer is the token's status."""
        answer = await self._ask(call.Authorize(id_token=spelling.written_token(token)))
        return str(answer.id_token_info["status"])

    async def tell(self, news: News) -> Told:
        """Tell the server what has happened."""
        match news:
            case TransactionNews():
                return Told(spelling.status_of(await self._ask(spelling.transaction_event(news))))
            case StatusNews():
                await self._ask(spelling.status_notification(news))
            case NeedsNews():
                return Told(str((await self._ask(spelling.charging_needs(news))).status))
            case MeterNews():
                await self._ask(spelling.meter_values(news))
            case SecurityNews():
                await self._ask(spelling.security_event(news))
        return Told()
