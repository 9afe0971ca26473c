"""What the station answers: transactions, remote control, availability, reservations (blocks E to H)."""

from collections.abc import Callable
from typing import Any

from ocpp.v201 import call_result

from chargepoint_sim.meter import Context
from chargepoint_sim.station.cabinet import Order
from chargepoint_sim.station.credentials import STATION, V2G
from chargepoint_sim.station.drivers import StartRequest
from chargepoint_sim.station.reservations import Reservation
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import Payload
from chargepoint_sim.station.words import Trigger


class Control:
    """Blocks E to H."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "ChangeAvailability": self.change_availability,
            "CancelReservation": self.cancel_reservation,
            "ReserveNow": self.reserve_now,
            "GetTransactionStatus": self.get_transaction_status,
            "RequestStartTransaction": self.request_start_transaction,
            "RequestStopTransaction": self.request_stop_transaction,
            "TriggerMessage": self.trigger_message,
            "UnlockConnector": self.unlock_connector,
        }

    def get_transaction_status(self, transaction_id: str | None = None, **_: object) -> object:
        """Whether messages wait, and whether a transaction runs."""
        ongoing = None
        if transaction_id is not None:
            ongoing = self._desk.cabinet.visit_of(transaction_id) is not None
        waiting = self._desk.cabinet.messages_waiting(transaction_id)
        return call_result.GetTransactionStatus(messages_in_queue=waiting, ongoing_indicator=ongoing)

    def request_start_transaction(
        self,
        id_token: Payload,
        remote_start_id: int,
        evse_id: int | None = None,
        charging_profile: Payload | None = None,
        group_id_token: Payload | None = None,
        **_: object,
    ) -> object:
        """Serve a driver from afar."""
        profile = None if charging_profile is None else self._desk.profiles.read(charging_profile)
        group = None if group_id_token is None else spelling.token(group_id_token)
        request = StartRequest(spelling.token(id_token), remote_start_id, evse_id, profile, group)
        answer = self._desk.cabinet.drivers.request_start(request)
        return call_result.RequestStartTransaction(
            status="Accepted" if answer.accepted else "Rejected",
            transaction_id=answer.transaction_id,
            status_info=None if answer.reason is None else {"reasonCode": answer.reason},
        )

    def request_stop_transaction(self, transaction_id: str, **_: object) -> object:
        """End a transaction from afar."""
        if self._desk.cabinet.request_stop(transaction_id):
            return call_result.RequestStopTransaction(status="Accepted")
        reason = {"reasonCode": "TxNotFound"}
        return call_result.RequestStopTransaction(status="Rejected", status_info=reason)

    def unlock_connector(self, evse_id: int, connector_id: int, **_: object) -> object:
        """Let go of a cable."""
        return call_result.UnlockConnector(status=self._desk.cabinet.unlock(evse_id, connector_id))

    def trigger_message(self, requested_message: str, evse: Payload | None = None, **_: object) -> object:
        """Send a message now."""
        cabinet = self._desk.cabinet
        evses = list(cabinet.evses) if evse is None else [evse["id"]]
        if any(evse_id not in cabinet.evses for evse_id in evses):
            return call_result.TriggerMessage(status="Rejected", status_info={"reasonCode": "UnknownEvse"})
        match requested_message:
            case "BootNotification" if cabinet.registered:
                return call_result.TriggerMessage(status="Rejected")  # F06.FR.17
            case "BootNotification" | "Heartbeat":
                cabinet.orders.put_nowait(Order(requested_message))
            case "StatusNotification":
                self._desk.later(lambda: _each(evses, cabinet.tell_status))
            case "MeterValues":
                self._desk.later(lambda: _each(evses, self._trigger_meter))
            case "TransactionEvent":
                self._desk.later(lambda: _each(evses, self._trigger_transaction))
            case instrument if instrument in (told := self._instruments()):
                self._desk.later(lambda: _once(told[instrument]))
            case _:
                return call_result.TriggerMessage(status="NotImplemented")
        return call_result.TriggerMessage(status="Accepted")

    def _instruments(self) -> dict[str, Callable[[], None]]:
        """What an instrument tells when triggered."""
        instruments = self._desk.cabinet.instruments
        return {
            "FirmwareStatusNotification": instruments.firmware.tell,
            "LogStatusNotification": instruments.logs.tell,
            "SignChargingStationCertificate": lambda: instruments.credentials.ask(STATION),
            "SignV2GCertificate": lambda: instruments.credentials.ask(V2G),
        }

    def _trigger_meter(self, evse_id: int) -> None:
        self._desk.cabinet.tell_meter(evse_id, Trigger.TRIGGER, Context.TRIGGER)

    def _trigger_transaction(self, evse_id: int) -> None:
        visit = self._desk.cabinet.visits.get(evse_id)
        if visit is not None:
            visit.report(Trigger.TRIGGER, Context.TRIGGER)

    def change_availability(
        self, operational_status: str, evse: Payload | None = None, **_: object
    ) -> object:
        """Take the station or an EVSE in or out of service."""
        evse_id = None if evse is None else evse["id"]
        status = self._desk.cabinet.change_availability(evse_id, operational_status == "Operative")
        return call_result.ChangeAvailability(status=status)

    def reserve_now(self, id: int, expiry_date_time: str, id_token: Payload, **more: Any) -> object:
        """Keep an EVSE, or any, for a driver."""
        cabinet, group = self._desk.cabinet, more.get("group_id_token")
        if not cabinet.equipment.model.flag("ReservationCtrlr", "Enabled"):  # H01.FR.01
            return call_result.ReserveNow(status="Rejected")
        if more.get("connector_type") not in (None, *cabinet.connector_types()):
            return call_result.ReserveNow(
                status="Rejected", status_info={"reasonCode": "UnknownConnectorType"}
            )
        wanted = Reservation(
            id,
            spelling.token(id_token),
            spelling.moment(expiry_date_time),
            more.get("evse_id"),
            None if group is None else spelling.token(group),
        )
        return call_result.ReserveNow(status=cabinet.reservations.reserve(wanted))

    def cancel_reservation(self, reservation_id: int, **_: object) -> object:
        """Give a reservation up."""
        found = self._desk.cabinet.reservations.cancel(reservation_id)
        return call_result.CancelReservation(status="Accepted" if found else "Rejected")


async def _once(act: Callable[[], None]) -> None:
    act()


async def _each(evses: list[int], act: Callable[[int], None]) -> None:
    for evse_id in evses:
        act(evse_id)
