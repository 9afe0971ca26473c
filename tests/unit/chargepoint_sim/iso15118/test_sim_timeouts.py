"""Time-outs of ISO 15118-20 at the ends of a session and in AC; how long a station may put a vehicle off."""

import asyncio
from collections.abc import Callable

import pytest

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.channel import ChannelClosed
from chargepoint_sim.iso15118.evcc import Plan
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import Ending
from chargepoint_sim.iso15118.services import Control
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20 import vehicle
from chargepoint_sim.iso15118.v20.numbers import rational
from tests.unit.chargepoint_sim.iso15118.table import Setting, Table, a_vehicle, laid

Forge = Callable[[m.MessageHeaderType], Element]


async def silence(table: Table, name: str, within_s: float) -> Ending:
    """The station answers up to a message, and that one not: in time the vehicle has left; how."""
    async with asyncio.TaskGroup() as tasks:
        talking = tasks.create_task(table.evcc.run())
        while True:
            request = await table.station_end.recv(10)
            if type(request).__name__ == name:
                break
            await table.station_end.send(table.secc.answer(request))
            if type(request).__name__.endswith("ChargeLoopReq"):
                table.evcc.stop()
        await table.clock.advance(within_s - 0.01)
        assert not talking.done()
        await table.clock.advance(0.02)
        assert talking.done()
    return talking.result()


@pytest.mark.parametrize(
    ("current", "name", "within_s"),
    [
        (Current.DC, "DC_WeldingDetectionReq", 2.0),
        (Current.DC, "SessionStopReq", 2.0),
        (Current.AC, "AC_ChargeParameterDiscoveryReq", 2.0),
        (Current.AC, "AC_ChargeLoopReq", 0.5),
        (Current.AC, "SessionStopReq", 2.0),
    ],
)
async def test_a_station_that_falls_silent_is_left_in_time(
    current: Current, name: str, within_s: float
) -> None:
    async with laid(Setting(a_vehicle(current))) as table:
        assert await silence(table, name, within_s) is Ending.LOST
        assert table.evcc.power_w == 0.0


async def put_off(table: Table, kind: type[Element], forged: Forge) -> float:
    """A station answers a kind of request always the same: after how long the vehicle has enough."""
    table.begin_vehicle()
    began: float | None = None
    try:
        while True:
            receiving = asyncio.ensure_future(table.station_end.recv(1000))
            while not receiving.done():
                await table.clock.advance(0.25)
            request = receiving.result()
            header = m.MessageHeaderType(SessionID=table.secc.session_id, TimeStamp=1)
            if type(request) is kind and began is None:
                began = table.clock.monotonic()
            answer = forged(header) if type(request) is kind else table.secc.answer(request)
            await table.station_end.send(answer)
    except ChannelClosed:
        assert table.vehicle_done()
    assert began is not None
    return table.clock.monotonic() - began


@pytest.mark.parametrize(
    ("kind", "forged", "most_s"),
    [
        (
            m.DC_PreChargeReq,
            lambda head: m.DC_PreChargeRes(Header=head, ResponseCode="OK", EVSEPresentVoltage=rational(0)),
            10.0,
        ),
        (
            m.DC_CableCheckReq,
            lambda head: m.DC_CableCheckRes(Header=head, ResponseCode="OK", EVSEProcessing="Ongoing"),
            40.0,
        ),
        (
            m.ScheduleExchangeReq,
            lambda head: m.ScheduleExchangeRes(
                Header=head,
                ResponseCode="OK",
                EVSEProcessing="Ongoing",
                Dynamic_SEResControlMode=m.Dynamic_SEResControlModeType(),
            ),
            60.0,
        ),
    ],
    ids=["pre-charge", "cable check", "schedule"],
)
async def test_a_station_may_put_a_vehicle_off_only_so_long(
    kind: type[Element], forged: Forge, most_s: float
) -> None:
    async with laid(Setting(a_vehicle())) as table:
        took_s = await put_off(table, kind, forged)
    assert most_s <= took_s <= most_s + 6.0  # it asks at most every five seconds


async def test_a_schedule_that_is_still_made_up_is_waited_for() -> None:
    plan = Plan(vehicle.DIALECTS, control=Control.SCHEDULED)
    async with laid(Setting(a_vehicle(), plan=plan)) as table, asyncio.TaskGroup() as tasks:
        asked: list[float] = []
        table.evse.waits = lambda: table.clock.monotonic() < 30.0
        table.evse.on_needs = lambda needs: asked.append(table.clock.monotonic())
        table.start(tasks)
        await table.advance(25)
        before = table.path_closed()
        await table.advance(15)
        assert (before, table.path_closed(), len(asked)) == (False, True, 1)
        table.evcc.stop()
        await table.finish()
