"""One connection in OCPP 2.0.1: what the station says."""

from datetime import datetime

from ocpp.v201 import call, call_result

from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.exchange import Exchange
from chargepoint_sim.station.v201 import notices, spelling
from chargepoint_sim.station.v201.answers import routes
from chargepoint_sim.station.v201.desk import Desk
from chargepoint_sim.station.words import (
    IdToken,
    MeterNews,
    NeedsNews,
    News,
    Registered,
    SecurityNews,
    Socket,
    StatusNews,
    TokenInfo,
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
        self.route_map = routes(Desk(cabinet, self._ask, self._later))

    async def boot(self, reason: str) -> Registered:
        """BootNotification."""
        model = self._cabinet.equipment.model
        station: dict[str, object] = {
            "model": model.text("ChargingStation", "Model"),
            "vendorName": model.text("ChargingStation", "VendorName"),
            "serialNumber": model.text("ChargingStation", "SerialNumber"),
            "firmwareVersion": model.text("ChargingStation", "FirmwareVersion"),
        }
        request = call.BootNotification(charging_station=station, reason=reason)
        return await self._hear(request, spelling.registered)

    async def heartbeat(self) -> datetime:
        """Heartbeat; the answer is the server's time."""
        return await self._hear(call.Heartbeat(), lambda answer: spelling.moment(answer.current_time))

    async def authorize(self, token: IdToken) -> TokenInfo:
        """Authorize."""
        request = call.Authorize(id_token=spelling.written_token(token))
        return await self._hear(request, lambda answer: spelling.token_info(answer.id_token_info))

    async def tell(self, news: News) -> Told:
        """Tell the server what has happened."""
        match news:
            case TransactionNews():
                return await self._hear(spelling.transaction_event(news), spelling.told)
            case StatusNews():
                await self._ask(spelling.status_notification(news))
            case NeedsNews():
                return Told(str((await self._ask(spelling.charging_needs(news))).status))
            case MeterNews():
                await self._ask(spelling.meter_values(news))
            case SecurityNews():
                await self._ask(spelling.security_event(news))
            case notice:
                request = notices.written(notice)
                if request is not None:
                    return Told(getattr(await self._ask(request), "status", None))
        return Told()
