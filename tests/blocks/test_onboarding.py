"""What happens after an accepted boot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select

from csms.blocks.onboarding import Onboarding
from csms.domain.facts import StationBooted
from csms.domain.recommended import MEASURANDS, at_most, including, recommended
from csms.errors import StationTimeout
from csms.store import requests
from csms.wire import words
from tests.blocks.bench import STATION, Bench

LIST = "SampledDataCtrlr", "TxUpdatedMeasurands"


class Station:
    """Answers the onboarding's asks; `bench.tell` brings its reports."""

    def __init__(self, bench: Bench, *variables: tuple[str, str], refuses: str = "") -> None:
        self.bench = bench
        self.variables = variables
        self.refuses = refuses
        self.asked: asyncio.Queue[object] = asyncio.Queue()
        self.set: list[str] = []
        self.fails = False

    async def __call__(self, ask: object, _: float) -> object:
        self.asked.put_nowait(ask)
        if self.fails:
            raise StationTimeout(STATION)
        if isinstance(ask, words.GetBaseReportRequest):
            return words.GetBaseReportResponse(status="Accepted")
        assert isinstance(ask, words.SetVariablesRequest)
        return words.SetVariablesResponse(set_variable_result=tuple(map(self._result, ask.set_variable_data)))

    def _result(self, data: words.SetVariableDataType) -> words.SetVariableResultType:
        refused = bool(self.refuses) and self.refuses in data.attribute_value
        if not refused:
            self.set.append(data.attribute_value)
        return words.SetVariableResultType(
            attribute_status="Rejected" if refused else "Accepted",
            component=data.component,
            variable=data.variable,
        )

    async def next(self) -> object:
        """The next ask."""
        async with asyncio.timeout(5):
            return await self.asked.get()

    async def report(self, request_id: int) -> None:
        """Tell the device model."""
        data = tuple(
            words.ReportDataType(
                component=words.ComponentType(name=component),
                variable=words.VariableType(name=variable),
                variable_attribute=(words.VariableAttributeType(value="x"),),
            )
            for component, variable in self.variables
        )
        request = words.NotifyReportRequest(
            request_id=request_id, generated_at="2026-03-01T12:00:00Z", seq_no=0, report_data=data
        )
        await self.bench.tell(request)
        self.bench.bus.publish(self.bench.facts[-1])


@asynccontextmanager
async def onboarding(bench: Bench, station: Station) -> AsyncIterator[Onboarding]:
    async with asyncio.TaskGroup() as group, bench.bus.answer(STATION, station):
        house = Onboarding(bench.db, bench.bus, bench.clock, bench.policy)
        task = group.create_task(house.run())
        await asyncio.sleep(0)
        yield house
        task.cancel()


async def _boot(bench: Bench, registration: str = "Accepted") -> None:
    bench.bus.publish(StationBooted(bench.clock.now(), STATION, registration))


async def _dealt_with(bench: Bench, house: Onboarding, count: int) -> None:
    """Until so many boots and reports have been followed to their end."""
    async with asyncio.timeout(5):
        while house.dealt_with < count:
            await bench.db.first(select(1))  # the others go on meanwhile


async def test_tc_b_12_inventory_then_what_the_grid_needs(bench: Bench) -> None:
    station = Station(bench, LIST, ("SampledDataCtrlr", "TxUpdatedInterval"))
    async with onboarding(bench, station):
        await _boot(bench)
        ask = await station.next()
        assert isinstance(ask, words.GetBaseReportRequest)
        assert ask.report_base == "FullInventory"
        await station.report(ask.request_id)
        await station.next()
    interval_s, told = station.set
    assert interval_s == "30"
    assert told.split(",") == [*MEASURANDS[0], "x"]


async def test_a_station_that_cannot_tell_soc_is_asked_for_less(bench: Bench) -> None:
    station = Station(bench, LIST, refuses="SoC")
    async with onboarding(bench, station):
        await _boot(bench)
        ask = await station.next()
        assert isinstance(ask, words.GetBaseReportRequest)
        await station.report(ask.request_id)
        await station.next()
        await station.next()
    assert len(station.set) == 1
    assert "Power.Active.Export" in station.set[0]


async def test_the_inventory_is_taken_and_the_variables_are_set_once_per_firmware(bench: Bench) -> None:
    station = Station(bench, LIST)
    dealt_with = 0
    async with onboarding(bench, station) as house:
        for firmware in ("1.0", "1.0", "1.1"):
            await bench.change_station(firmware=firmware)
            known = await requests.completed(bench.db, STATION, f"inventory {firmware}")
            await _boot(bench)
            dealt_with += 1
            if not known:  # else what was set is as it should be, and nothing is asked
                ask = await station.next()
                assert isinstance(ask, words.GetBaseReportRequest)
                await station.report(ask.request_id)
                assert isinstance(await station.next(), words.SetVariablesRequest)
                dealt_with += 1
            await _dealt_with(bench, house, dealt_with)
    assert station.asked.empty()


async def test_what_a_station_has_not_reported_is_not_set(bench: Bench) -> None:
    station = Station(bench, ("OCPPCommCtrlr", "MessageTimeout"))
    async with onboarding(bench, station):
        await _boot(bench)
        ask = await station.next()
        assert isinstance(ask, words.GetBaseReportRequest)
        await station.report(ask.request_id)
        await bench.change_station(firmware="2")
        await _boot(bench)
        assert isinstance(await station.next(), words.GetBaseReportRequest)  # and no SetVariables between
    assert station.set == []


async def test_what_fails_is_tried_again_at_the_next_boot(bench: Bench) -> None:
    station = Station(bench, LIST)
    station.fails = True
    async with onboarding(bench, station):
        await _boot(bench)
        await station.next()
        station.fails = False
        await _boot(bench)
        assert isinstance(await station.next(), words.GetBaseReportRequest)
    request = await requests.get(bench.db, STATION, 1)
    assert request is not None
    assert (request.state, request.status) == ("open", "StationTimeout")


async def test_only_accepted_stations_with_full_onboarding_are_asked(bench: Bench) -> None:
    station = Station(bench, LIST)
    async with onboarding(bench, station):
        await _boot(bench, "Pending")
        await bench.change_station(onboarding="none")
        await _boot(bench)
        for _ in range(5):
            await asyncio.sleep(0)
        await bench.change_station(onboarding="full")
        await _boot(bench)
        assert isinstance(await station.next(), words.GetBaseReportRequest)
    assert station.asked.empty()


@pytest.mark.parametrize(
    ("current", "expected"), [("60", ("30",)), ("0", ("30",)), ("", ("30",)), ("30", ()), ("5", ())]
)
def test_a_station_that_tells_often_enough_is_left_alone(current: str, expected: tuple[str, ...]) -> None:
    assert tuple(at_most(30)(current)) == expected


def test_a_station_that_tells_more_than_we_want_is_left_alone() -> None:
    measurands = including(MEASURANDS)
    assert measurands(", ".join(("Voltage", *MEASURANDS[0]))) == ()
    assert measurands("Voltage")[-1] == "Power.Active.Import,Energy.Active.Import.Register,Voltage"


def test_row_30_a_fleet_that_comes_back_is_spread_out() -> None:
    """What a station keeps to when it reconnects is set at commissioning, all three variables of it."""
    wanted = {each.variable: each.rule for each in recommended()}
    assert wanted["RetryBackOffWaitMinimum"]("1") == ("5",)
    assert wanted["RetryBackOffRandomRange"]("0") == ("10",)
    assert wanted["RetryBackOffRepeatTimes"]("0") == ("3",)
    for name in ("RetryBackOffWaitMinimum", "RetryBackOffRandomRange", "RetryBackOffRepeatTimes"):
        assert wanted[name]("600") == ()
