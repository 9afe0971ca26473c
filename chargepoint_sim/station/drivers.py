"""The people before the station: who shows which token, who is served from afar, who may end what.

Blocks C (identification), E (local start and stop) and F (remote start).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chargepoint_sim.profiles.checks import objection
from chargepoint_sim.profiles.profile import Profile, Purpose
from chargepoint_sim.station import quirks
from chargepoint_sim.station.authorization import ACCEPTED, Authorizer, same_holder
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.reservations import Reservations
from chargepoint_sim.station.visit import Grant, Visit
from chargepoint_sim.station.words import (
    IdToken,
    NoAnswer,
    Offline,
    Refused,
    StoppedReason,
    TokenInfo,
    Trigger,
)

_AGAIN_S = 10.0


@dataclass(frozen=True)
class StartRequest:
    """A driver who is to be served. Without EVSE the first free one is taken; without `remote_start_id`
    they stand here themselves."""

    token: IdToken
    remote_start_id: int | None = None
    evse_id: int | None = None
    profile: Profile | None = None
    group: IdToken | None = None


@dataclass(frozen=True)
class StartAnswer:
    """Whether it will be done, in which transaction if one runs already, else why not."""

    accepted: bool
    transaction_id: str | None = None
    reason: str | None = None


@dataclass
class Drivers:
    """`in_service` says whether an EVSE may be used."""

    equipment: Equipment
    evse_ids: tuple[int, ...]
    visits: Mapping[int, Visit]
    authorizer: Authorizer
    reservations: Reservations
    in_service: Callable[[int], bool]

    def __post_init__(self) -> None:
        self._waiting: dict[int, StartRequest] = {}

    # Somebody stands here

    async def arrive(self, evse_id: int, visit: Visit) -> None:
        """The driver of a vehicle shows its token, if it has one, until somebody has an opinion."""
        waiting = self._waiting.pop(evse_id, None)
        if waiting is not None:
            await asyncio.sleep(0)
            await self._serve(visit, waiting)
        if visit.vehicle.id_token is None or not self.in_service(evse_id):
            return
        token = IdToken(visit.vehicle.id_token)
        while not visit.authorized and not visit.over.is_set():
            try:
                info = await self.authorizer.decide(token)
            except (Offline, NoAnswer, Refused):
                await self.equipment.clock.sleep(_AGAIN_S)
                continue
            self._judge(visit, token, info)
            return

    async def swipe(self, evse_id: int, token: IdToken) -> TokenInfo:
        """A token is shown at an EVSE: it starts, or ends what its holder or their group has started.

        Raises `Offline` and its kind if nobody can say what the token may do.
        """
        visit = self.visits.get(evse_id)
        holder = None if visit is None else visit.holder
        if (
            visit is not None
            and holder is not None
            and same_holder(holder.token, None, token, TokenInfo(ACCEPTED))
        ):
            await visit.stop(Trigger.STOP_AUTHORIZED, StoppedReason.LOCAL, token)  # E07: no question needed
            return TokenInfo(ACCEPTED)
        info = await self.authorizer.decide(token)
        if info.message is not None:
            self.equipment.observe("shown", {"evse": evse_id, "text": info.message})
        if info.status != ACCEPTED:
            return info
        if self.authorizer.is_master(info):
            await self._stop_everybody(token)
        elif visit is None:
            self._expect(evse_id, StartRequest(token, evse_id=evse_id, group=info.group))
        elif holder is None:
            self._judge(visit, token, info)
        elif same_holder(holder.token, holder.group, token, info):
            await visit.stop(Trigger.STOP_AUTHORIZED, StoppedReason.LOCAL, token)
        return info

    async def _stop_everybody(self, token: IdToken) -> None:
        """C16: a master pass ends every transaction."""
        for visit in list(self.visits.values()):
            if visit.transaction is not None:
                await visit.stop(Trigger.STOP_AUTHORIZED, StoppedReason.MASTER_PASS, token)

    def _judge(self, visit: Visit, token: IdToken, info: TokenInfo) -> None:
        allowed = info.status == ACCEPTED and not self.authorizer.is_master(info)
        if not allowed or not self._admit(visit, token, info, Grant(token, Trigger.AUTHORIZED, info.group)):
            visit.refuse()

    def _admit(self, visit: Visit, token: IdToken, info: TokenInfo, grant: Grant) -> bool:
        """Let a driver charge, unless the place is kept for another one."""
        evse_id = visit.evse.evse_id
        if not self.reservations.admits(evse_id, token, info):
            return False
        grant = grant.under(self.reservations.use(evse_id, token, info))
        visit.grant(grant)
        return True

    # Somebody is served from afar

    def request_start(self, request: StartRequest) -> StartAnswer:
        """Serve a driver from afar (F01, F02)."""
        evse_id = request.evse_id if request.evse_id is not None else self._free_evse()
        if evse_id is None or evse_id not in self.evse_ids:
            return StartAnswer(False, reason="UnknownEvse")
        if not self.in_service(evse_id):
            return StartAnswer(False, reason="NotEnabled")
        if request.profile is not None and (why := self._objection(request.profile)) is not None:
            return StartAnswer(False, reason=why)
        if not self.reservations.admits(evse_id, request.token, TokenInfo(ACCEPTED, request.group)):
            return StartAnswer(False, reason="Reserved")
        visit = self.visits.get(evse_id)
        if visit is None:
            self._expect(evse_id, request)
            return StartAnswer(True)
        if visit.authorized:
            return StartAnswer(False, reason="TxInProgress")
        running = visit.transaction.id if visit.transaction is not None else None
        self.equipment.spawn(self._serve(visit, request))
        return StartAnswer(True, running)

    def _expect(self, evse_id: int, request: StartRequest) -> None:
        """The cable is to come, within EVConnectionTimeOut (E03, F02)."""
        self._waiting[evse_id] = request
        wait_s = self.equipment.model.integer("TxCtrlr", "EVConnectionTimeOut")
        self.equipment.clock.call_later(wait_s, lambda: self._give_up(evse_id, request))

    def _give_up(self, evse_id: int, request: StartRequest) -> None:
        if self._waiting.get(evse_id) is request:
            del self._waiting[evse_id]

    async def _serve(self, visit: Visit, request: StartRequest) -> None:
        """Begin; a driver from afar is authorized first if AuthorizeRemoteStart says so (F01.FR.01)."""
        info, trigger = TokenInfo(ACCEPTED, request.group), Trigger.AUTHORIZED
        if request.remote_start_id is not None:
            trigger = Trigger.REMOTE_START
            if self.equipment.model.flag("AuthCtrlr", "AuthorizeRemoteStart"):
                try:
                    info = await self.authorizer.decide(request.token)
                except (Offline, NoAnswer, Refused):
                    return
        grant = Grant(request.token, trigger, info.group, request.remote_start_id, request.profile)
        if info.status != ACCEPTED or not self._admit(visit, request.token, info, grant):
            visit.refuse()

    def _free_evse(self) -> int | None:
        """Where nobody charges: first where somebody waits, and rather where it is possible."""
        waiting = [evse_id for evse_id, visit in self.visits.items() if not visit.authorized]
        empty = [evse_id for evse_id in self.evse_ids if evse_id not in self.visits]
        return min(waiting + empty, key=lambda one: not self.in_service(one), default=None)

    def _objection(self, profile: Profile) -> str | None:
        """Why a driver cannot be served under a profile (K05.FR.02), None if they can."""
        if not _fits_start(profile):
            return "InvalidProfile"
        known = self.equipment.profiles.capability
        found = quirks.refusal(self.equipment, profile, remote_start=True) or objection(known, profile)
        return None if found is None else found.reason


def _fits_start(profile: Profile) -> bool:
    return profile.purpose is Purpose.TX and profile.transaction_id is None
