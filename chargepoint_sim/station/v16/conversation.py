"""One connection in OCPP 1.6: what the station says.

A transaction event becomes StartTransaction, MeterValues or StopTransaction, and the connector's new status.
"""

import json
from datetime import datetime
from typing import Any

from ocpp.v16 import call, call_result

from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.exchange import Exchange
from chargepoint_sim.station.v16 import configuration, notices, spelling
from chargepoint_sim.station.v16.answers import routes
from chargepoint_sim.station.v16.memory import Memory
from chargepoint_sim.station.v201.desk import Desk
from chargepoint_sim.station.words import (
    EventType,
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
    Trigger,
)

_MEASURED = (Trigger.METER_VALUE_PERIODIC, Trigger.METER_VALUE_CLOCK, Trigger.TRIGGER)
_NEEDS_VENDOR = "org.v2g.ev-needs"  # 1.6 has no message for what a vehicle needs and can give


class Conversation(Exchange):
    """A `Dialect`."""

    _call = call
    _call_result = call_result
    _ocpp_version = "1.6"

    def __init__(self, cabinet: Cabinet, memory: Memory, socket: Socket, validate_every: int = 1) -> None:
        super().__init__(cabinet, socket, validate_every)
        self._memory = memory
        self.route_map = routes(Desk(cabinet, self._ask, self._later), memory)

    async def boot(self, reason: str) -> Registered:
        """BootNotification."""
        model = self._cabinet.equipment.model
        request = call.BootNotification(
            charge_point_model=model.text("ChargingStation", "Model")[:20],
            charge_point_vendor=model.text("ChargingStation", "VendorName")[:20],
            charge_point_serial_number=model.text("ChargingStation", "SerialNumber")[:25],
            firmware_version=model.text("ChargingStation", "FirmwareVersion")[:50],
        )
        taken = await self._hear(request, spelling.registered)
        self._memory.told.pop(0, None)
        return taken

    async def heartbeat(self) -> datetime:
        """Heartbeat; the answer is the server's time."""
        return await self._hear(call.Heartbeat(), lambda answer: spelling.moment(answer.current_time))

    async def authorize(self, token: IdToken) -> TokenInfo:
        """Authorize."""
        request = call.Authorize(id_tag=spelling.id_tag(token))
        return await self._hear(request, _token_of) or TokenInfo("Invalid")

    async def tell(self, news: News) -> Told:
        """Tell the server what has happened."""
        match news:
            case TransactionNews():
                told = await self._tell_transaction(news)
                self._follow_status(news.evse_id, news.at)
                return told
            case StatusNews():
                await self._tell_status(news)
            case MeterNews():
                values = [spelling.meter_value(news.at, news.samples)]
                if news.samples:
                    await self._ask(call.MeterValues(connector_id=news.evse_id, meter_value=values))
            case NeedsNews():
                await self._ask(_needs(news))
            case SecurityNews():
                at, detail = spelling.text(news.at), news.detail
                await self._ask(call.SecurityEventNotification(news.kind, at, detail))
            case notice:
                request = notices.written(notice)
                if request is not None:
                    return Told(getattr(await self._ask(request), "status", None))
        return Told()

    # Transactions

    async def _tell_transaction(self, news: TransactionNews) -> Told:
        match news.event:
            case EventType.STARTED:
                return await self._start(news)
            case EventType.ENDED:
                return await self._stop(news)
            case _ if news.trigger in _MEASURED and news.samples:
                request = call.MeterValues(
                    connector_id=news.evse_id,
                    meter_value=[spelling.meter_value(news.at, news.samples)],
                    transaction_id=self._memory.number(news.transaction_id),
                )
                await self._ask(request)
        return Told()

    async def _start(self, news: TransactionNews) -> Told:
        """StartTransaction; the server gives the transaction its number."""
        request = call.StartTransaction(
            connector_id=news.evse_id,
            id_tag=spelling.id_tag(news.id_token),
            meter_start=spelling.register_wh(news.samples),
            timestamp=spelling.text(news.at),
            reservation_id=news.reservation_id,
        )
        number, token = await self._hear(
            request, lambda answer: (int(answer.transaction_id), _token_of(answer))
        )
        self._memory.learn(news.transaction_id, number)
        return Told(token=token)

    async def _stop(self, news: TransactionNews) -> Told:
        """StopTransaction, with the readings that were kept for it."""
        request = call.StopTransaction(
            transaction_id=self._memory.number(news.transaction_id),
            id_tag=None if news.id_token is None else spelling.id_tag(news.id_token),
            meter_stop=spelling.register_wh(news.samples),
            timestamp=spelling.text(news.at),
            reason=spelling.reason(news.stopped, self._memory.reset),
            transaction_data=self._kept(news) or None,
        )
        return Told(token=await self._hear(request, _token_of))

    def _kept(self, news: TransactionNews) -> list[dict[str, object]]:
        """The readings of a transaction that its end tells."""
        model, rows = self._cabinet.equipment.model, []
        for at, samples in (*news.earlier, (news.at, news.samples)):
            wanted = configuration.stop_data(model, spelling.is_aligned(samples))
            chosen = spelling.chosen(samples, wanted)
            if chosen:
                rows.append(spelling.meter_value(at, chosen))
        return rows

    # Statuses

    async def _tell_status(self, news: StatusNews) -> None:
        """StatusNotification, of the station as well when that has changed."""
        if self._memory.told.get(0) != self._memory.status(0):
            await self._send_status(0, news.at)
        await self._send_status(news.evse_id, news.at)

    async def _send_status(self, connector_id: int, at: datetime) -> None:
        status = self._memory.status(connector_id)
        request = call.StatusNotification(
            connector_id=connector_id, error_code="NoError", status=status, timestamp=spelling.text(at)
        )
        await self._ask(request)
        self._memory.told[connector_id] = status

    def _follow_status(self, evse_id: int, at: datetime) -> None:
        """A transaction has gone on: its connector may be something else now."""

        async def send() -> None:
            if self._memory.told.get(evse_id) != self._memory.status(evse_id):
                await self._send_status(evse_id, at)

        if self._memory.told.get(evse_id) != self._memory.status(evse_id):
            self._later(send)


def _token_of(answer: Any) -> TokenInfo | None:
    """What an answer says of a driver."""
    return spelling.token_info(answer.id_tag_info)


def _needs(news: NeedsNews) -> object:
    """What a vehicle needs and can give, W, Wh and percent, as a vendor's message."""
    needs, requests = news.needs, news.needs.requests
    written = {
        "connectorId": news.evse_id,
        "evccid": needs.evccid,
        "bidirectional": needs.bidirectional,
        "evMaxChargePower": round(needs.rating.charge_w),
        "evMaxDischargePower": round(needs.rating.discharge_w),
        "evTargetEnergyRequest": round(requests.target_wh),
        "evMaxV2XEnergyRequest": round(requests.v2x_maximum_wh),
        "evMinV2XEnergyRequest": round(requests.v2x_minimum_wh),
        "stateOfCharge": needs.soc,
        "evEnergyCapacity": needs.capacity_wh,
        "departureIn": needs.departure_in_s,
    }
    data = json.dumps({name: value for name, value in written.items() if value is not None})
    return call.DataTransfer(vendor_id=_NEEDS_VENDOR, message_id="ChargingNeeds", data=data)
