"""One connection in OCPP 2.1: what the station says, and what it does by itself while connected."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from ocpp.v21 import call

from chargepoint_sim.profiles.profile import Kind, Profile, Values
from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.notices import DerAlarmNews, DerRunNews, PriorityNews
from chargepoint_sim.station.v21 import spelling
from chargepoint_sim.station.v21.answers import routes
from chargepoint_sim.station.v21.exchange import ExactExchange
from chargepoint_sim.station.v21.memory import Memory
from chargepoint_sim.station.v201 import spelling as v201
from chargepoint_sim.station.v201.conversation import Conversation as Older
from chargepoint_sim.station.v201.desk import Desk, ProfileSpelling
from chargepoint_sim.station.words import (
    EventType,
    IdToken,
    NeedsNews,
    News,
    NoAnswer,
    Offline,
    Refused,
    Socket,
    TokenInfo,
    Told,
    TransactionNews,
)

_PROTOCOL = "urn:iso:std:iso:15118:-20:DC:1.0"
_LONGEST_WAIT_S = 60.0
_PROFILES = ProfileSpelling(spelling.profile, spelling.written_profile, spelling.periods)


class Conversation(ExactExchange, Older):
    """A `Dialect`."""

    def __init__(self, cabinet: Cabinet, memory: Memory, socket: Socket, validate_every: int = 1) -> None:
        Older.__init__(self, cabinet, socket, validate_every)
        self._memory = memory
        self.route_map = routes(Desk(cabinet, self._ask, self._later, _PROFILES), memory)

    async def serve(self) -> None:
        """Answer the server until the connection breaks; pull updates of Dynamic profiles meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            pulling = tasks.create_task(self._pull())
            try:
                await super().serve()
            finally:
                pulling.cancel()

    async def authorize(self, token: IdToken) -> TokenInfo:
        """Authorize; the answer also says whether energy may come back (Q01.FR.01)."""
        request = call.Authorize(id_token=v201.written_token(token))
        info, transfers = await self._hear(
            request, lambda answer: (v201.token_info(answer.id_token_info), answer.allowed_energy_transfer)
        )
        self._memory.allow(token, transfers)
        return info

    async def tell(self, news: News) -> Told:
        """Tell the server what has happened."""
        match news:
            case TransactionNews():
                self._note_departure(news)
                request = spelling.transaction_event(news, self._evccid(news.evse_id))
                return await self._hear(request, v201.told)
            case NeedsNews():
                return await self._tell_needs(news)
            case PriorityNews():
                await self._ask(_priority(news))
            case DerRunNews():
                await self._ask(_der_run(news))
            case DerAlarmNews():
                await self._ask(_der_alarm(news))
            case _:
                return await Older.tell(self, news)
        return Told()

    async def _tell_needs(self, news: NeedsNews) -> Told:
        """NotifyEVChargingNeeds; a refusal ends the transaction (Q01.FR.04, Q01.FR.06)."""
        self._note_vehicle(news)
        visit = self._cabinet.visits.get(news.evse_id)
        able_both = news.needs.bidirectional or (visit is not None and visit.vehicle.model.bidirectional)
        rating = self._cabinet.evses[news.evse_id].rating
        answer = await self._ask(spelling.charging_needs(news, rating, able_both))
        return Told(str(answer.status), ends_transaction=answer.status == "Rejected")

    def _note_vehicle(self, news: NeedsNews) -> None:
        """Q01.FR.36: the device model shows the vehicle."""
        model, place = self._cabinet.equipment.model, Place("ConnectedEV", news.evse_id)
        model.put(place, "Available", "true")
        model.put(place, "VehicleID", news.needs.evccid)
        model.put(place, "ProtocolAgreed", _PROTOCOL)
        model.put(place, "ProtocolSupportedByEV", _PROTOCOL, "1")

    def _note_departure(self, news: TransactionNews) -> None:
        if news.event is not EventType.ENDED:
            return
        model, place = self._cabinet.equipment.model, Place("ConnectedEV", news.evse_id)
        model.put(place, "Available", "false")
        model.put(place, "VehicleID", "")

    def _evccid(self, evse_id: int) -> str | None:
        """Who the vehicle at an EVSE is."""
        visit = self._cabinet.visits.get(evse_id)
        return None if visit is None else visit.vehicle.evccid

    # Dynamic profiles, K28

    async def _pull(self) -> None:
        """Ask for the values of Dynamic profiles as often as each says (K28.FR.10)."""
        equipment, asked = self._cabinet.equipment, dict[int, datetime]()
        while True:
            now = equipment.clock.now()
            pulled = self._pulled()
            due = {one.id: _due_at(one, asked.get(one.id)) for one in pulled}
            for profile in pulled:
                if due[profile.id] <= now and self._cabinet.registered:
                    asked[profile.id] = now
                    await self._pull_one(profile)
            waits = [(at - now).total_seconds() for at in due.values() if at > now]
            wait = min([_LONGEST_WAIT_S, *waits]) if len(waits) == len(due) else 1.0
            await equipment.profiles_changed.wait(equipment.clock, max(0.05, wait))

    def _pulled(self) -> list[Profile]:
        """The Dynamic profiles that want to be asked for."""
        installed = (one.profile for one in self._cabinet.equipment.profiles.installed)
        return [one for one in installed if one.kind is Kind.DYNAMIC and one.update_interval_s]

    async def _pull_one(self, profile: Profile) -> None:
        equipment = self._cabinet.equipment
        try:
            request = call.PullDynamicScheduleUpdate(charging_profile_id=profile.id)
            values = await self._hear(request, _updated_values)
        except (Offline, NoAnswer, Refused) as failure:
            equipment.observe("pull_failed", {"profile": profile.id, "failure": repr(failure)})
            return
        if values is None:
            equipment.observe("pull_rejected", {"profile": profile.id})
            return
        refusal = equipment.profiles.update(profile.id, values, equipment.clock.now())
        told: dict[str, object] = {
            "profile": profile.id,
            "reason": None if refusal is None else refusal.reason,
        }
        equipment.observe("schedule_pulled", told)
        equipment.profiles_changed.ring()


def _updated_values(answer: Any) -> Values | None:
    """What an answer to a pull says of power, None if nothing."""
    update = answer.schedule_update
    return spelling.values(update) if answer.status == "Accepted" and update is not None else None


def _due_at(profile: Profile, asked_at: datetime | None) -> datetime:
    """When a profile's values are to be asked for."""
    interval = timedelta(seconds=profile.update_interval_s or 0)
    known = [at for at in (profile.updated_at, asked_at) if at is not None]
    return max(known) + interval if known else datetime.min.replace(tzinfo=UTC)


def _priority(news: PriorityNews) -> object:
    return call.NotifyPriorityCharging(transaction_id=news.transaction_id, activated=news.active)


def _der_run(news: DerRunNews) -> object:
    return call.NotifyDERStartStop(
        control_id=news.control_id,
        started=news.started,
        timestamp=v201.text(news.at),
        superseded_ids=list(news.superseded) or None,
    )


def _der_alarm(news: DerAlarmNews) -> object:
    return call.NotifyDERAlarm(
        control_type=news.control,
        timestamp=v201.text(news.at),
        grid_event_fault=news.fault,
        alarm_ended=news.ended or None,
        extra_info=news.extra,
    )
