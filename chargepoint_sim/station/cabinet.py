"""The station without its network: EVSEs, visits, profiles, and what the server's wishes do to them.

Outcomes are OCPP's words; how they are spelled in a message is the dialect's business.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chargepoint_sim.ev.vehicle import PowerLimits, Vehicle
from chargepoint_sim.meter import Context
from chargepoint_sim.profiles.checks import Refusal
from chargepoint_sim.profiles.profile import VOLTAGE_V, Profile, Purpose
from chargepoint_sim.profiles.store import Criteria, Installed
from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.equipment import Equipment, HighLevel
from chargepoint_sim.station.evse import Evse
from chargepoint_sim.station.visit import CONNECTOR_ID, Grant, Visit
from chargepoint_sim.station.words import (
    ConnectorStatus,
    IdToken,
    MeterNews,
    StatusNews,
    StoppedReason,
    Trigger,
)

_PHASES = 3


class Order(StrEnum):
    """What the server wants of the station's conversation itself."""

    REBOOT = "reboot"
    BOOT_NOTIFICATION = "BootNotification"
    HEARTBEAT = "Heartbeat"


@dataclass(frozen=True)
class StartRequest:
    """A driver who is to be served from afar. Without EVSE the first free one is taken."""

    token: IdToken
    remote_start_id: int
    evse_id: int | None = None
    profile: Profile | None = None


@dataclass(frozen=True)
class StartAnswer:
    """Whether it will be done, in which transaction if one runs already, else why not."""

    accepted: bool
    transaction_id: str | None = None
    reason: str | None = None


class Cabinet:
    """Everything of a station but its conversation. Visits live in `tasks`; `orders` go to the station."""

    def __init__(self, identity: str, equipment: Equipment, evses: dict[int, Evse]) -> None:
        self.identity = identity
        self.equipment = equipment
        self.evses = evses
        self.visits: dict[int, Visit] = {}
        self.orders: asyncio.Queue[Order] = asyncio.Queue()
        self.tasks: asyncio.TaskGroup | None = None
        self.reset_when_idle = False
        self.registered = False
        self.messages_waiting: Callable[[str | None], bool] = lambda transaction_id: False
        self._starts: dict[int, StartRequest] = {}
        self._unavailable: set[int] = set()
        self._unavailable_soon: set[int] = set()
        equipment.closed_paths = lambda: sum(evse.closed for evse in evses.values())

    def plug(self, evse_id: int, vehicle: Vehicle) -> Visit:
        """Connect a vehicle."""
        if evse_id not in self.evses or evse_id in self.visits or self.tasks is None:
            raise ValueError(f"EVSE {evse_id} is not free")
        visit = Visit(self.equipment, self.evses[evse_id], vehicle, evse_id not in self._unavailable)
        self.visits[evse_id] = visit
        self.tasks.create_task(self._stay(evse_id, visit))
        self.equipment.observe("plugged", {"evse": evse_id, "soc": round(vehicle.battery.soc, 2)})
        return visit

    async def _stay(self, evse_id: int, visit: Visit) -> None:
        waiting = self._starts.pop(evse_id, None)
        if waiting is not None and self.tasks is not None:
            self.tasks.create_task(self._start_soon(visit, waiting))
        await visit.run()
        del self.visits[evse_id]
        visit.over.set()
        self.equipment.observe("unplugged", {"evse": evse_id, "soc": round(visit.vehicle.battery.soc, 2)})
        self._after_transaction()

    async def _start_soon(self, visit: Visit, request: StartRequest) -> None:
        await asyncio.sleep(0)
        self._grant(visit, request)

    # Remote control, block F

    def request_start(self, request: StartRequest) -> StartAnswer:
        """Serve a driver from afar."""
        evse_id = request.evse_id if request.evse_id is not None else self._free_evse()
        if evse_id is None or evse_id not in self.evses:
            return StartAnswer(False, reason="UnknownEvse")
        if evse_id in self._unavailable:
            return StartAnswer(False, reason="NotEnabled")
        if request.profile is not None and not _fits_start(request.profile):  # K05.FR.02
            return StartAnswer(False, reason="InvalidProfile")
        visit = self.visits.get(evse_id)
        if visit is None:
            self._wait_for_vehicle(evse_id, request)
            return StartAnswer(True)
        if visit.authorized:
            return StartAnswer(False, reason="TxInProgress")
        running = visit.transaction.id if visit.transaction is not None else None
        asyncio.get_running_loop().call_soon(self._grant, visit, request)
        return StartAnswer(True, running)

    def _wait_for_vehicle(self, evse_id: int, request: StartRequest) -> None:
        self._starts[evse_id] = request
        wait_s = self.equipment.model.integer("TxCtrlr", "EVConnectionTimeOut")
        self.equipment.clock.call_later(wait_s, lambda: self._give_up(evse_id, request))

    def _give_up(self, evse_id: int, request: StartRequest) -> None:
        if self._starts.get(evse_id) is request:
            del self._starts[evse_id]

    def _grant(self, visit: Visit, request: StartRequest) -> None:
        visit.grant(Grant(request.token, Trigger.REMOTE_START, request.remote_start_id, request.profile))

    def _free_evse(self) -> int | None:
        waiting = [evse_id for evse_id, visit in self.visits.items() if not visit.authorized]
        empty = [evse_id for evse_id in self.evses if evse_id not in self.visits]
        return next(iter(waiting + empty), None)

    def visit_of(self, transaction_id: str) -> Visit | None:
        """The visit that a transaction belongs to."""
        running = (visit for visit in self.visits.values() if visit.transaction is not None)
        return next(
            (one for one in running if one.transaction and one.transaction.id == transaction_id), None
        )

    def request_stop(self, transaction_id: str) -> bool:
        """End a transaction from afar; whether there is such a one."""
        visit = self.visit_of(transaction_id)
        if visit is None or self.tasks is None:
            return False
        self.tasks.create_task(self._stop(visit, Trigger.REMOTE_STOP, StoppedReason.REMOTE))
        return True

    def revoke(self, transaction_id: str) -> None:
        """The server does not want this driver (E05)."""
        visit = self.visit_of(transaction_id)
        if visit is not None and self.tasks is not None:
            self.tasks.create_task(self._stop(visit, Trigger.DEAUTHORIZED, StoppedReason.DEAUTHORIZED))

    async def _stop(self, visit: Visit, trigger: Trigger, reason: StoppedReason) -> None:
        await visit.stop(trigger, reason)
        self._after_transaction()

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
        knobs, negative = self.equipment.knobs, _has_negative(profile)
        if knobs.reject_profiles or (knobs.reject_negative and negative):
            return Refusal("InvalidProfile" if knobs.reject_profiles else "InvalidSchedule", "not here")
        if knobs.ignore_profiles or (knobs.ignore_negative and negative):
            return None
        visit = self.visits.get(evse_id)
        transaction = visit.transaction if visit is not None else None
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
        count = self.equipment.profiles.clear(criteria)
        self._profiles_changed()
        return count

    def installed(self, criteria: Criteria) -> list[Installed]:
        """The profiles that are meant."""
        return self.equipment.profiles.matching(criteria)

    def went_offline(self) -> None:
        """The connection is lost: some profiles hold only for so long without it."""
        self.equipment.profiles.went_offline(self.equipment.clock.now())
        self.equipment.profiles_changed.ring()

    def came_online(self) -> None:
        """The connection is back."""
        self.equipment.profiles.came_online(self.equipment.clock.now())
        self.equipment.profiles_changed.ring()

    def relative_starts(self) -> dict[int, datetime]:
        """Since when the power path of each EVSE's transaction is closed."""
        paths = {
            evse_id: visit.transaction.path_closed_at
            for evse_id, visit in self.visits.items()
            if visit.transaction is not None
        }
        return {evse_id: at for evse_id, at in paths.items() if at is not None}

    def _profiles_changed(self) -> None:
        entries = str(len(self.equipment.profiles.installed))
        self.equipment.model.put(Place("SmartChargingCtrlr"), "Entries", entries, "ChargingProfiles")
        self.equipment.profiles_changed.ring()

    # Availability and meter values, blocks G and J

    def status(self, evse_id: int) -> ConnectorStatus:
        """What the connector of an EVSE is."""
        if evse_id in self._unavailable:
            return ConnectorStatus.UNAVAILABLE
        return ConnectorStatus.OCCUPIED if evse_id in self.visits else ConnectorStatus.AVAILABLE

    def tell_status(self, evse_id: int) -> None:
        """Report a connector."""
        status, now = self.status(evse_id), self.equipment.clock.now()
        for place in (Place("EVSE", evse_id), Place("Connector", evse_id, CONNECTOR_ID)):
            self.equipment.model.put(place, "AvailabilityState", status.value)
        self.equipment.emit(StatusNews(evse_id, CONNECTOR_ID, status, now))

    def change_availability(self, evse_id: int | None, operative: bool) -> str:
        """Take EVSEs (None: all) in or out of service; a running transaction is let finish."""
        meant = list(self.evses) if evse_id is None else [evse_id]
        if any(one not in self.evses for one in meant):
            return "Rejected"
        scheduled = False
        for one in meant:
            visit = self.visits.get(one)
            if operative:
                self._return_to_service(one)
            elif visit is not None and visit.transaction is not None:
                self._unavailable_soon.add(one)
                scheduled = True
                continue
            else:
                self._unavailable.add(one)
            asyncio.get_running_loop().call_soon(self.tell_status, one)
        return "Scheduled" if scheduled else "Accepted"

    def tell_meter(self, evse_id: int, trigger: Trigger, context: Context) -> None:
        """Send meter values of an EVSE now, in its transaction if one runs."""
        visit = self.visits.get(evse_id)
        if visit is not None and visit.transaction is not None:
            visit.report(trigger, context)
            return
        wanted = self.equipment.model.members("AlignedDataCtrlr", "Measurands")
        samples = self.evses[evse_id].sample(wanted, context)
        self.equipment.emit(MeterNews(evse_id, self.equipment.clock.now(), samples))

    def _return_to_service(self, evse_id: int) -> None:
        self._unavailable_soon.discard(evse_id)
        if evse_id in self._unavailable:
            self._unavailable.discard(evse_id)
            self._begin_again(self.visits.get(evse_id))

    # Reset, block B

    def reset(self, when_idle: bool) -> str:
        """Restart the station, at once or when no transaction runs."""
        busy = any(visit.transaction is not None for visit in self.visits.values())
        if when_idle and busy:
            self.reset_when_idle = True
            return "Scheduled"
        self.orders.put_nowait(Order.REBOOT)
        return "Accepted"

    async def stop_all(self) -> None:
        """End all transactions, because the station restarts."""
        for visit in list(self.visits.values()):
            await visit.stop(Trigger.RESET_COMMAND, StoppedReason.IMMEDIATE_RESET)

    def begin_again(self) -> None:
        """The station has restarted; its vehicles are still there."""
        for visit in self.visits.values():
            self._begin_again(visit)

    def _begin_again(self, visit: Visit | None) -> None:
        if visit is not None and visit.transaction is None and self.tasks is not None:
            visit.begin_again()
            self.tasks.create_task(visit.present_token())

    def _after_transaction(self) -> None:
        for evse_id in list(self._unavailable_soon):
            visit = self.visits.get(evse_id)
            if visit is None or visit.transaction is None:
                self._unavailable_soon.discard(evse_id)
                self._unavailable.add(evse_id)
                self.tell_status(evse_id)
        if self.reset_when_idle and all(visit.transaction is None for visit in self.visits.values()):
            self.reset_when_idle = False
            self.orders.put_nowait(Order.REBOOT)


def local_amperes(rating: PowerLimits) -> float:
    """What an EVSE can do by itself, A per phase."""
    return rating.charge_w / (VOLTAGE_V * _PHASES)


def _fits_start(profile: Profile) -> bool:
    return profile.purpose is Purpose.TX and profile.transaction_id is None


def _has_negative(profile: Profile) -> bool:
    return any((period.limit or 0.0) < 0.0 for schedule in profile.schedules for period in schedule.periods)
