"""What the station answers: what concerns people and vendors (blocks I, N09, N10, O and P)."""

from typing import Any

from ocpp.v201 import call, call_result

from chargepoint_sim.station.display import Message
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.desk import Desk, Routes, parts
from chargepoint_sim.station.v201.spelling import Payload
from chargepoint_sim.station.words import IdToken

_PIECE = 512  # characters of customer information in one message
_PART = 10


class Messages:
    """Blocks I, N09, N10, O and P."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._instruments = desk.cabinet.instruments

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "ClearDisplayMessage": self.clear_display_message,
            "CostUpdated": self.cost_updated,
            "CustomerInformation": self.customer_information,
            "DataTransfer": self.data_transfer,
            "GetDisplayMessages": self.get_display_messages,
            "SetDisplayMessage": self.set_display_message,
        }

    def cost_updated(self, total_cost: float, transaction_id: str, **_: object) -> object:
        """Show what it costs so far."""
        self._desk.cabinet.show_cost(transaction_id, total_cost)
        return call_result.CostUpdated()

    # Block O

    def set_display_message(self, message: Payload, **_: object) -> object:
        """Show a message."""
        content, start, end = message["message"], message.get("start_date_time"), message.get("end_date_time")
        wanted = Message(
            id=message["id"],
            priority=message["priority"],
            text=content["content"],
            format=content["format"],
            language=content.get("language"),
            state=message.get("state"),
            start=None if start is None else spelling.moment(start),
            end=None if end is None else spelling.moment(end),
            transaction_id=message.get("transaction_id"),
        )
        return call_result.SetDisplayMessage(status=self._instruments.display.set(wanted))

    def get_display_messages(self, request_id: int, **criteria: Any) -> object:
        """Announce a report of messages, then send it in parts."""
        found = self._instruments.display.find(
            criteria.get("id"), criteria.get("priority"), criteria.get("state")
        )
        if not found:
            return call_result.GetDisplayMessages(status="Unknown")
        self._desk.later(lambda: self._report_messages(request_id, found))
        return call_result.GetDisplayMessages(status="Accepted")

    async def _report_messages(self, request_id: int, found: list[Message]) -> None:
        for _, part, more in parts([_message(one) for one in found], _PART):
            await self._desk.ask(
                call.NotifyDisplayMessages(request_id=request_id, message_info=list(part), tbc=more)
            )

    def clear_display_message(self, id: int, **_: object) -> object:
        """Show a message no longer."""
        found = self._instruments.display.clear(id)
        return call_result.ClearDisplayMessage(status="Accepted" if found else "Unknown")

    # Block N09 and N10

    def customer_information(self, request_id: int, report: bool, clear: bool, **whose: Any) -> object:
        """Tell or erase what is known of a customer."""
        if not report and not clear:
            return call_result.CustomerInformation(status="Rejected")
        tokens = self._tokens(whose)
        if tokens is None:
            return call_result.CustomerInformation(status="Invalid")
        self._desk.later(lambda: self._tell_customer(request_id, tokens, report, clear))
        return call_result.CustomerInformation(status="Accepted")

    def _tokens(self, whose: dict[str, Any]) -> list[IdToken] | None:
        """Whom exactly one way of naming a customer means; None for none or several ways (N09.FR.02)."""
        names = ("id_token", "customer_identifier", "customer_certificate")
        given = [name for name in names if whose.get(name) is not None]
        if len(given) != 1:
            return None
        if given == ["id_token"]:
            return [spelling.token(whose["id_token"])]
        if given == ["customer_identifier"]:
            return self._instruments.customers.named(whose["customer_identifier"])
        return []  # no contract certificate is kept here

    async def _tell_customer(self, request_id: int, tokens: list[IdToken], report: bool, clear: bool) -> None:
        customers = self._instruments.customers
        known = "\n".join(filter(None, (customers.report(one) for one in tokens))) if report else ""
        for token in tokens if clear else ():
            customers.erase(token)
        now = spelling.text(self._desk.cabinet.equipment.clock.now())
        for seq_no, piece, more in parts(known, _PIECE):
            await self._desk.ask(
                call.NotifyCustomerInformation(
                    data="".join(piece), seq_no=seq_no, generated_at=now, request_id=request_id, tbc=more
                )
            )

    # Block P

    def data_transfer(
        self, vendor_id: str, message_id: str | None = None, data: object = None, **_: object
    ) -> object:
        """Answer a vendor's own message, if that vendor is known here."""
        status, answer = self._instruments.vendors.answer(vendor_id, message_id, data)
        return call_result.DataTransfer(status=status, data=answer)


def _message(one: Message) -> dict[str, object]:
    content = {"format": one.format, "content": one.text}
    written: dict[str, object | None] = {
        "id": one.id,
        "priority": one.priority,
        "state": one.state,
        "startDateTime": None if one.start is None else spelling.text(one.start),
        "endDateTime": None if one.end is None else spelling.text(one.end),
        "transactionId": one.transaction_id,
        "message": content if one.language is None else content | {"language": one.language},
    }
    return {key: value for key, value in written.items() if value is not None}
