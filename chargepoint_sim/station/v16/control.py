"""What a 1.6 station answers: Core and Remote Trigger."""

from collections.abc import Callable

from ocpp.v16 import call_result

from chargepoint_sim.meter import Context
from chargepoint_sim.station.cabinet import Order
from chargepoint_sim.station.credentials import STATION
from chargepoint_sim.station.drivers import StartRequest
from chargepoint_sim.station.v16 import configuration, spelling
from chargepoint_sim.station.v16.memory import Memory
from chargepoint_sim.station.v16.spelling import Payload
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.words import IdToken, Trigger

_REMOTE = 0  # 1.6 does not number remote starts


class Control:
    """Core and Remote Trigger."""

    def __init__(self, desk: Desk, memory: Memory) -> None:
        self._desk = desk
        self._memory = memory

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "ChangeAvailability": self.change_availability,
            "ChangeConfiguration": self.change_configuration,
            "ClearCache": self.clear_cache,
            "DataTransfer": self.data_transfer,
            "ExtendedTriggerMessage": self.extended_trigger_message,
            "GetConfiguration": self.get_configuration,
            "RemoteStartTransaction": self.remote_start_transaction,
            "RemoteStopTransaction": self.remote_stop_transaction,
            "Reset": self.reset,
            "TriggerMessage": self.trigger_message,
            "UnlockConnector": self.unlock_connector,
        }

    def get_configuration(self, key: list[str] | None = None, **_: object) -> object:
        """Read keys, or all."""
        model, asked = self._desk.cabinet.equipment.model, key or list(configuration.KEYS)
        if len(asked) > model.integer("Configuration16", "GetConfigurationMaxKeys"):
            asked = asked[: model.integer("Configuration16", "GetConfigurationMaxKeys")]
        known = [name for name in map(configuration.find, asked) if name is not None]
        unknown = [name for name in asked if configuration.find(name) is None]
        rows = [configuration.read(model, name) for name in known]
        return call_result.GetConfiguration(configuration_key=rows, unknown_key=unknown)

    def change_configuration(self, key: str, value: str, **_: object) -> object:
        """Write a key."""
        name = configuration.find(key)
        if name is None:
            return call_result.ChangeConfiguration(status="NotSupported")
        status = configuration.write(self._desk.cabinet.equipment.model, name, value)
        self._desk.cabinet.equipment.observe("key_changed", {"key": name, "status": status})
        return call_result.ChangeConfiguration(status=status)

    def change_availability(self, connector_id: int, type: str, **_: object) -> object:
        """Take the station or a connector in or out of service."""
        evse_id = connector_id or None
        status = self._desk.cabinet.change_availability(evse_id, type == "Operative")
        return call_result.ChangeAvailability(status=status)

    def clear_cache(self, **_: object) -> object:
        """Forget what the server has said of drivers."""
        cleared = self._desk.cabinet.authorizer.cache.clear()
        return call_result.ClearCache(status="Accepted" if cleared else "Rejected")

    def data_transfer(
        self, vendor_id: str, message_id: str | None = None, data: str | None = None, **_: object
    ) -> object:
        """A vendor's message."""
        status, answer = self._desk.cabinet.instruments.vendors.answer(vendor_id, message_id, data)
        return call_result.DataTransfer(status=status, data=None if answer is None else str(answer))

    def remote_start_transaction(
        self,
        id_tag: str,
        connector_id: int | None = None,
        charging_profile: Payload | None = None,
        **_: object,
    ) -> object:
        """Serve a driver from afar."""
        now = self._desk.cabinet.equipment.clock.now()
        profile = None if charging_profile is None else spelling.profile(charging_profile, None, now)
        request = StartRequest(IdToken(id_tag), _REMOTE, connector_id, profile)
        accepted = self._desk.cabinet.drivers.request_start(request).accepted
        return call_result.RemoteStartTransaction(status="Accepted" if accepted else "Rejected")

    def remote_stop_transaction(self, transaction_id: int, **_: object) -> object:
        """End a transaction from afar."""
        known = self._memory.transaction(transaction_id)
        stopped = known is not None and self._desk.cabinet.request_stop(known)
        return call_result.RemoteStopTransaction(status="Accepted" if stopped else "Rejected")

    def reset(self, type: str, **_: object) -> object:
        """Restart the station."""
        self._memory.reset = type
        self._desk.cabinet.reset(when_idle=False)
        return call_result.Reset(status="Accepted")

    def unlock_connector(self, connector_id: int, **_: object) -> object:
        """Let go of a cable; a transaction ends by it."""
        cabinet = self._desk.cabinet
        if connector_id not in cabinet.evses:
            return call_result.UnlockConnector(status="NotSupported")
        visit = cabinet.visits.get(connector_id)
        if visit is not None and visit.transaction is not None:
            cabinet.unlock_ends(visit)
        return call_result.UnlockConnector(status="Unlocked")

    # Remote Trigger

    def trigger_message(self, requested_message: str, connector_id: int | None = None, **_: object) -> object:
        """Send a message now."""
        return call_result.TriggerMessage(status=self._trigger(requested_message, connector_id))

    def extended_trigger_message(
        self, requested_message: str, connector_id: int | None = None, **_: object
    ) -> object:
        """Send a message now, one of the security extension as well."""
        return call_result.ExtendedTriggerMessage(status=self._trigger(requested_message, connector_id))

    def _trigger(self, requested: str, connector_id: int | None) -> str:
        cabinet = self._desk.cabinet
        if connector_id is not None and connector_id not in (0, *cabinet.evses):
            return "Rejected"
        if requested in ("BootNotification", "Heartbeat"):
            cabinet.orders.put_nowait(Order(requested))
            return "Accepted"
        send = self._messages(list(cabinet.evses) if not connector_id else [connector_id]).get(requested)
        if send is None:
            return "NotImplemented"
        self._desk.later(lambda: _do(send))
        return "Accepted"

    def _messages(self, evses: list[int]) -> dict[str, Callable[[], None]]:
        """What can be triggered beside the conversation's own."""
        cabinet, instruments = self._desk.cabinet, self._desk.cabinet.instruments

        def each(act: Callable[[int], None]) -> Callable[[], None]:
            def act_all() -> None:
                for evse_id in evses:
                    act(evse_id)

            return act_all

        def meter(evse_id: int) -> None:
            cabinet.tell_meter(evse_id, Trigger.TRIGGER, Context.TRIGGER)

        return {
            "StatusNotification": each(cabinet.tell_status),
            "MeterValues": each(meter),
            "FirmwareStatusNotification": instruments.firmware.tell,
            "DiagnosticsStatusNotification": instruments.logs.tell,
            "LogStatusNotification": instruments.logs.tell,
            "SignChargePointCertificate": lambda: instruments.credentials.ask(STATION),
        }


async def _do(act: Callable[[], None]) -> None:
    act()
