"""The station without its network: EVSEs, visits, profiles, and what the server's wishes do to them.

Outcomes are OCPP's words; how they are spelled in a message is the dialect's business.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from enum import StrEnum

from chargepoint_sim.ev.vehicle import PowerLimits, Vehicle
from chargepoint_sim.meter import Context
from chargepoint_sim.profiles.checks import Refusal
from chargepoint_sim.profiles.composite import Step, Window
from chargepoint_sim.profiles.profile import VOLTAGE_V, Profile, Purpose, RateUnit
from chargepoint_sim.profiles.store import Criteria, Installed
from chargepoint_sim.station import lies, quirks
from chargepoint_sim.station.authorization import Authorizer, Cache
from chargepoint_sim.station.availability import Availability
from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.drivers import Drivers
from chargepoint_sim.station.equipment import Equipment, HighLevel
from chargepoint_sim.station.evse import Evse
from chargepoint_sim.station.instruments import Instruments
from chargepoint_sim.station.knobs import Knob
from chargepoint_sim.station.local_list import LocalList
from chargepoint_sim.station.visit import CONNECTOR_ID, Visit
from chargepoint_sim.station.words import (
    ConnectorStatus,
    MeterNews,
    NeedsNews,
    News,
    StoppedReason,
    Told,
    TransactionNews,
    Trigger,
)

_PHASES = 3


class Order(StrEnum):
    """What the server wants of the station's conversation itself."""

    REBOOT = "reboot"
    BOOT_NOTIFICATION = "BootNotification"
    HEARTBEAT = "Heartbeat"


class Cabinet:
    """Everything of a station but its conversation. Visits live in `tasks`; `orders` go to the station."""

    def __init__(self, identity: str, equipment: Equipment, evses: dict[int, Evse]) -> None:
        self.identity = identity
        self.equipment = equipment
        self.evses = evses
        self.visits: dict[int, Visit] = {}
        self.orders: asyncio.Queue[Order] = asyncio.Queue()
        self.tasks: asyncio.TaskGroup | None = None
        self.registered = False
        self.messages_waiting: Callable[[str | None], bool] = lambda transaction_id: False
        self.boot_reason = "RemoteReset"
        evse_ids, equipment.spawn = tuple(evses), self.spawn
        self.availability = Availability(equipment, evse_ids, self.visits, self._begin_again, self.reboot)
        self.reservations = self.availability.reservations
        model, clock = equipment.model, equipment.clock
        ask = lambda token: equipment.authorize(token)  # noqa: E731 - the station fills it in later
        self.authorizer = Authorizer(model, clock, LocalList(model), Cache(model, clock), ask)
        self.drivers = Drivers(
            equipment,
            evse_ids,
            self.visits,
            self.authorizer,
            self.reservations,
            self.availability.in_service,
        )
        self.instruments = Instruments(equipment, self)
        equipment.closed_paths = lambda: sum(evse.closed for evse in evses.values())
        equipment.status_changed = self.availability.changed
        equipment.transaction_over = self.availability.transaction_over

    def spawn(self, what: Coroutine[object, object, None]) -> None:
        """Let something go on by itself."""
        if self.tasks is None:
            what.close()
            return
        self.tasks.create_task(what)

    def plug(self, evse_id: int, vehicle: Vehicle) -> Visit:
        """Connect a vehicle."""
        if evse_id not in self.evses or evse_id in self.visits or self.tasks is None:
            raise ValueError(f"EVSE {evse_id} is not free")
        visit = Visit(self.equipment, self.evses[evse_id], vehicle, self.availability.in_service(evse_id))
        self.visits[evse_id] = visit
        self.spawn(self._stay(evse_id, visit))
        self.equipment.observe("plugged", {"evse": evse_id, "soc": round(vehicle.battery.soc, 2)})
        return visit

    async def _stay(self, evse_id: int, visit: Visit) -> None:
        async with asyncio.TaskGroup() as stay:
            driver = stay.create_task(self.drivers.arrive(evse_id, visit))
            await visit.run()
            driver.cancel()
        del self.visits[evse_id]
        visit.over.set()
        self.equipment.observe("unplugged", {"evse": evse_id, "soc": round(visit.vehicle.battery.soc, 2)})
        self.availability.changed(evse_id)

    # Transactions and their ends, blocks E and F

    def heard(self, news: News, told: Told) -> None:
        """The server's word on what it was told."""
        if isinstance(news, NeedsNews) and told.ends_transaction and news.evse_id in self.visits:
            visit, reason = self.visits[news.evse_id], StoppedReason.TRANSFER_REJECTED
            self.spawn(visit.stop(Trigger.ABNORMAL_CONDITION, reason))
        if not isinstance(news, TransactionNews):
            return
        if told.cost is not None:
            self.show_cost(news.transaction_id, told.cost)
        if news.id_token is None or told.token is None:
            return
        self.authorizer.learned(news.id_token, told.token)
        if told.token.status != "Accepted":
            self._invalid(news.transaction_id)

    def _invalid(self, transaction_id: str) -> None:
        """The server does not want this driver (E05)."""
        visit = self.visit_of(transaction_id)
        if visit is None or visit.holder is None:
            return
        if self.equipment.model.flag("TxCtrlr", "StopTxOnInvalidId"):
            self.spawn(visit.stop(Trigger.DEAUTHORIZED, StoppedReason.DEAUTHORIZED))
        else:
            visit.hold()

    def show_cost(self, transaction_id: str, cost: float) -> bool:
        """Show the driver what it costs so far (I02, I03); whether there is such a transaction."""
        visit = self.visit_of(transaction_id)
        if visit is not None and visit.transaction is not None:
            visit.transaction.cost = cost
        self.equipment.observe("cost_shown", {"transaction": transaction_id, "cost": cost})
        return visit is not None

    def visit_of(self, transaction_id: str) -> Visit | None:
        """The visit that a transaction belongs to."""
        running = (visit for visit in self.visits.values() if visit.transaction is not None)
        return next(
            (one for one in running if one.transaction and one.transaction.id == transaction_id), None
        )

    def request_stop(self, transaction_id: str) -> bool:
        """End a transaction from afar; whether there is such a one."""
        visit = self.visit_of(transaction_id)
        if visit is None:
            return False
        self.spawn(visit.stop(Trigger.REMOTE_STOP, StoppedReason.REMOTE))
        return True

    def unlock_ends(self, visit: Visit) -> None:
        """The cable is let go of while a transaction runs: that ends it (1.6)."""
        self.spawn(visit.stop(Trigger.UNLOCK_COMMAND, StoppedReason.UNLOCK))

    def unlock(self, evse_id: int, connector_id: int) -> str:
        """Let go of a cable."""
        if evse_id not in self.evses or connector_id != CONNECTOR_ID:
            return "UnknownConnector"
        visit = self.visits.get(evse_id)
        if visit is not None and visit.authorized and visit.transaction is not None:
            return "OngoingAuthorizedTransaction"
        return "Unlocked"

    # Smart charging, block K

    def install(self, evse_id: int, profile: Profile) -> Refusal | None:
        """Take a charging profile, or say why not."""
        visit = self.visits.get(evse_id)
        transaction = visit.transaction if visit is not None else None
        remote_start = transaction is not None and transaction.remote_start_id is not None
        quirk = quirks.refusal(self.equipment, profile, remote_start)
        if quirk is not None:
            return quirk
        if (
            visit is not None
            and transaction is not None
            and profile.purpose is Purpose.TX
            and self.equipment.high_level is not HighLevel.NONE
            and not visit.needs_told
        ):
            return Refusal("InvalidMessageSeq", "the vehicle has not told its needs yet")  # K15
        running = transaction.id if transaction is not None else None
        refusal = self.equipment.profiles.install(evse_id, profile, running)
        if refusal is None:
            self._profiles_changed()
        return refusal

    def clear(self, criteria: Criteria) -> int:
        """Remove profiles; how many."""
        late_s = self.equipment.knobs.number(Knob.CLEAR_LATE)
        if late_s is not None:
            self.equipment.clock.call_later(late_s, lambda: self._clear(criteria))
            return len(self.equipment.profiles.matching(criteria))
        return self._clear(criteria)

    def _clear(self, criteria: Criteria) -> int:
        count = self.equipment.profiles.clear(criteria)
        self._profiles_changed()
        return count

    def composite(self, evse_id: int, window: Window, unit: RateUnit) -> list[Step] | None:
        """The composite schedule of an EVSE (0: of the station), as it is told; None: not at all."""
        return quirks.told_composite(self.equipment, evse_id, window, self.relative_starts(), unit)

    def installed(self, criteria: Criteria) -> list[Installed]:
        """The profiles that are meant."""
        return self.equipment.profiles.matching(criteria)

    def went_offline(self) -> None:
        """The connection is lost: some profiles hold only for so long without it."""
        late_s = self.equipment.knobs.number(Knob.NOTICE_OFFLINE_LATE) or 0.0
        self.equipment.profiles.went_offline(self.equipment.clock.now() + timedelta(seconds=late_s))
        if self.equipment.knobs.on(Knob.FULL_POWER_OFFLINE):
            self._clear(Criteria())
        self.equipment.profiles_changed.ring()

    def came_online(self) -> None:
        """The connection is back."""
        self.equipment.profiles.came_online(self.equipment.clock.now())
        self.equipment.profiles_changed.ring()

    def relative_starts(self) -> dict[int, datetime]:
        """Since when the power path of each EVSE's transaction is closed."""
        running = ((one, visit.transaction) for one, visit in self.visits.items() if visit.transaction)
        return {one: run.path_closed_at for one, run in running if run.path_closed_at is not None}

    def _profiles_changed(self) -> None:
        entries = str(len(self.equipment.profiles.installed))
        self.equipment.model.put(Place("SmartChargingCtrlr"), "Entries", entries, "ChargingProfiles")
        self.equipment.profiles_changed.ring()

    # Availability and meter values, blocks G and J

    def status(self, evse_id: int) -> ConnectorStatus:
        """What the connector of an EVSE is."""
        return self.availability.status(evse_id)

    def tell_status(self, evse_id: int) -> None:
        """Report a connector."""
        self.availability.tell(evse_id)

    def change_availability(self, evse_id: int | None, operative: bool) -> str:
        """Take EVSEs (None: all) in or out of service."""
        return self.availability.change(evse_id, operative)

    def connector_types(self) -> set[str]:
        """What connectors there are."""
        model = self.equipment.model
        places = (Place("Connector", evse_id, CONNECTOR_ID) for evse_id in self.evses)
        return {value for _, value in (model.get(place, "ConnectorType") for place in places) if value}

    def tell_meter(self, evse_id: int, trigger: Trigger, context: Context) -> None:
        """Send meter values of an EVSE now, in its transaction if one runs."""
        visit = self.visits.get(evse_id)
        if visit is not None and visit.transaction is not None:
            idle_only = self.equipment.model.flag("AlignedDataCtrlr", "SendDuringIdle")
            if context is not Context.ALIGNED or not idle_only:
                visit.report(trigger, context)
            return
        wanted = self.equipment.model.members("AlignedDataCtrlr", "Measurands")
        samples = self.evses[evse_id].sample(wanted, context)
        samples = lies.told(samples, evse_id, self.equipment.knobs)
        if samples:
            self.equipment.emit(MeterNews(evse_id, self.equipment.clock.now(), samples))

    def keep_aligned(self) -> None:
        """A round time: measure for the last events of running transactions (J01)."""
        for visit in self.visits.values():
            visit.keep(Context.ALIGNED)

    # Reset, block B

    def reset(self, when_idle: bool, evse_id: int | None = None) -> str:
        """Restart the station or one EVSE, at once or when no transaction runs there."""
        return self.availability.reset(when_idle, evse_id)

    def reboot(self, why: str) -> None:
        """Restart the station; its boot tells why."""
        self.boot_reason = why
        self.orders.put_nowait(Order.REBOOT)

    async def stop_all(self) -> None:
        """End all transactions, because the station restarts."""
        for visit in list(self.visits.values()):
            await visit.stop(Trigger.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET)
        if self.equipment.knobs.on(Knob.FORGET_PROFILES):
            self._clear(Criteria())

    def begin_again(self) -> None:
        """The station has restarted; its vehicles are still there."""
        self.instruments.firmware.restarted()
        for visit in self.visits.values():
            self._begin_again(visit)

    def _begin_again(self, visit: Visit) -> None:
        if visit.transaction is None and self.availability.in_service(visit.evse.evse_id):
            visit.begin_again()
            self.spawn(self.drivers.arrive(visit.evse.evse_id, visit))


def local_amperes(rating: PowerLimits) -> float:
    """What an EVSE can do by itself, A per phase."""
    return rating.charge_w / (VOLTAGE_V * _PHASES)
