"""How long vehicle and station of ISO 15118-20 wait for each other."""

import asyncio
from dataclasses import replace
from enum import StrEnum

import pytest

from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import Ending, Permission
from chargepoint_sim.iso15118.secc import Answer, Handler, Hardware, Secc, on
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20 import station, vehicle
from chargepoint_sim.iso15118.v20.vehicle import State as EvState
from tests.unit.chargepoint_sim.iso15118.sequence import PLAN, handshake, to_the_loop
from tests.unit.chargepoint_sim.iso15118.table import Setting, a_vehicle, laid, session


async def test_a_silent_vehicle_is_given_20_seconds_and_then_a_minute() -> None:
    async with laid(Setting(a_vehicle())) as table, asyncio.TaskGroup() as tasks:
        station_ = tasks.create_task(table.secc.run())
        await table.clock.advance(19)
        await table.vehicle_end.send(handshake())
        await table.clock.advance(59)
        assert not station_.done()
        await table.clock.advance(2)
    assert station_.result() is Ending.LOST
    async with laid(Setting(a_vehicle())) as table, asyncio.TaskGroup() as tasks:
        station_ = tasks.create_task(table.secc.run())
        await table.clock.advance(20.1)
    assert station_.result() is Ending.LOST


TIMEOUTS_S = {
    "supportedAppProtocolReq": 2.0,
    "SessionSetupReq": 2.0,
    "AuthorizationSetupReq": 2.0,
    "AuthorizationReq": 2.0,
    "ServiceDiscoveryReq": 2.0,
    "ServiceDetailReq": 5.0,
    "ServiceSelectionReq": 2.0,
    "DC_ChargeParameterDiscoveryReq": 2.0,
    "ScheduleExchangeReq": 2.0,
    "DC_CableCheckReq": 2.0,
    "DC_PreChargeReq": 2.0,
    "PowerDeliveryReq": 2.0,
    "DC_ChargeLoopReq": 0.5,
}


@pytest.mark.parametrize("name", list(TIMEOUTS_S))
async def test_a_station_that_falls_silent_is_left_in_time(name: str) -> None:
    """The station answers up to one message, and that one not."""
    async with laid(Setting(a_vehicle())) as table, asyncio.TaskGroup() as tasks:
        vehicle_ = tasks.create_task(table.evcc.run())
        while True:
            request = await table.station_end.recv(10)
            if type(request).__name__ == name:
                break
            await table.station_end.send(table.secc.answer(request))
        await table.clock.advance(TIMEOUTS_S[name] - 0.01)
        assert not vehicle_.done()
        await table.clock.advance(0.02)
        assert vehicle_.done()
    assert vehicle_.result() is Ending.LOST


async def test_a_cable_check_may_take_40_seconds_and_no_more() -> None:
    for takes_s, ending in ((35.0, Ending.BY_STATION), (60.0, Ending.BROKEN)):
        hardware = Hardware("ZZTEST1", cable_check_s=takes_s)
        async with session(Setting(a_vehicle(), hardware=hardware)) as table:
            await table.advance(50)
            table.secc.terminate()
            await table.advance(6)
        assert table.endings[0] is ending


@pytest.mark.parametrize(
    ("processing", "left_after_s"),
    [("Ongoing", 66), ("Ongoing_WaitingForCustomerInteraction", None)],
)
async def test_only_people_may_keep_a_vehicle_waiting(
    processing: m.processingType, left_after_s: float | None
) -> None:
    """60 s for a station that is busy, no limit where somebody looks for a card."""

    def busy(secc: Secc, asked: m.AuthorizationReq) -> Answer:
        header = m.MessageHeaderType(SessionID=secc.session_id, TimeStamp=1)
        response = m.AuthorizationRes(Header=header, ResponseCode="OK", EVSEProcessing=processing)
        return Answer(station.State.AUTHORIZATION, response)

    rows: dict[StrEnum, dict[type[Element], Handler]] = {
        station.State.AUTHORIZATION: dict([on(m.AuthorizationReq, busy)])
    }
    async with session(Setting(a_vehicle(), granted=Permission.PENDING)) as table:
        dialects = [replace(one, allowed={**one.allowed, **rows}) for one in station.DIALECTS]
        table.secc._dialects = table.secc._dialects + tuple(dialects)
        table.secc._dialect = dialects[0]
        await table.advance(50)
        assert table.over() == (False, False)
        await table.advance(left_after_s or 500)
        assert table.over()[0] is (left_after_s is not None)
        table.evcc.stop()
        await table.advance(6)
    assert ("ongoing for more than 60 s" in table.evcc.failure) is (left_after_s is not None)


async def test_a_vehicle_that_does_not_stop_is_cut_off_after_a_minute() -> None:
    dc = vehicle.DIALECTS[0]
    deaf = replace(dc.steps[EvState.LOOP], answer=lambda evcc, response: EvState.LOOP)
    plan = replace(PLAN, dialects=(replace(dc, steps={**dc.steps, EvState.LOOP: deaf}),))
    async with session(Setting(a_vehicle(), plan=plan)) as table:
        await to_the_loop(table)
        table.secc.terminate()
        await table.advance(59)
        assert table.path_closed()
        assert table.over() == (False, False)
        await table.advance(6)
        assert not table.path_closed()
    assert table.endings == (Ending.LOST, Ending.BY_STATION)
