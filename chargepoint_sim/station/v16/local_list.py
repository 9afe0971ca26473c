"""What a 1.6 station answers: Local Auth List and Reservation."""

from ocpp.v16 import call_result

from chargepoint_sim.station.local_list import Kept, folded
from chargepoint_sim.station.reservations import Reservation
from chargepoint_sim.station.v16 import spelling
from chargepoint_sim.station.v16.spelling import Payload
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.words import IdToken

_NOT_HERE = -1


class LocalList:
    """Local Auth List Management and Reservation."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "CancelReservation": self.cancel_reservation,
            "GetLocalListVersion": self.get_local_list_version,
            "ReserveNow": self.reserve_now,
            "SendLocalList": self.send_local_list,
        }

    def get_local_list_version(self, **_: object) -> object:
        """Which local list is here."""
        listed = self._desk.cabinet.authorizer.local_list
        return call_result.GetLocalListVersion(list_version=listed.version if listed.enabled else _NOT_HERE)

    def send_local_list(
        self,
        list_version: int,
        update_type: str,
        local_authorization_list: list[Payload] | None = None,
        **_: object,
    ) -> object:
        """Take a local list, or a difference."""
        listed, rows = self._desk.cabinet.authorizer.local_list, local_authorization_list or []
        if not listed.enabled:
            return call_result.SendLocalList(status="NotSupported")
        entries = {IdToken(row["id_tag"]): spelling.token_info(row.get("id_tag_info")) for row in rows}
        twice = len({folded(token) for token in entries}) < len(rows)
        take = listed.replace if update_type == "Full" else listed.change
        return call_result.SendLocalList(status=Kept.FAILED if twice else take(list_version, entries))

    def reserve_now(
        self,
        connector_id: int,
        expiry_date: str,
        id_tag: str,
        reservation_id: int,
        parent_id_tag: str | None = None,
    ) -> object:
        """Keep a connector, or any, for a driver."""
        cabinet = self._desk.cabinet
        if not cabinet.equipment.model.flag("ReservationCtrlr", "Enabled"):
            return call_result.ReserveNow(status="Rejected")
        wanted = Reservation(
            reservation_id,
            IdToken(id_tag),
            spelling.moment(expiry_date),
            connector_id or None,
            None if parent_id_tag is None else IdToken(parent_id_tag),
        )
        return call_result.ReserveNow(status=cabinet.reservations.reserve(wanted))

    def cancel_reservation(self, reservation_id: int, **_: object) -> object:
        """Give a reservation up."""
        found = self._desk.cabinet.reservations.cancel(reservation_id)
        return call_result.CancelReservation(status="Accepted" if found else "Rejected")
