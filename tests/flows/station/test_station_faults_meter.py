"""Lies of the meter and about the state of charge, seen at the server's end of the wire."""

from itertools import pairwise
from typing import Any

import pytest

from tests.flows.station.steps import charging, lease, measured, until
from tests.flows.station.steps_faults import begin, meter_of, over, until_power


async def test_lies_about_the_state_of_charge(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    true = one.station.cabinet.visits[1].vehicle.battery
    for fault, shown in [
        ("soc-missing", None),
        ("soc-nan", float("nan")),
        ("soc-impossible", 250.0),
        ("soc-offset:-20", true.soc - 20.0),
        ("none", true.soc),
    ]:
        await begin(one, fault)
        seen = measured(await meter_of(csms, peer), "SoC")
        assert seen == pytest.approx(shown, nan_ok=True, abs=1.0), fault
        await over(one, fault)


async def test_a_state_of_charge_that_stands_still_or_jumps(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    battery = one.station.cabinet.visits[1].vehicle.battery
    await begin(one, "soc-stale")
    first = measured(await meter_of(csms, peer), "SoC")
    await until(lambda: battery.soc > 51.0)
    assert measured(await meter_of(csms, peer), "SoC") == first
    await over(one, "soc-stale")
    await begin(one, "soc-jump:30")
    told = [measured(await meter_of(csms, peer), "SoC") or 0.0 for _ in range(3)]
    assert [round(abs(later - earlier), -1) for earlier, later in pairwise(told)] == [
        30,
        30,
    ]


async def test_lies_of_the_meter(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await peer.call("SetChargingProfile", lease(csms, transaction, -5_000))
    await until_power(one, -5_000)
    nan = float("nan")
    for fault, imported, exported in [
        ("none", 0.0, 5_000.0),
        ("meter-wrong-sign", 5_000.0, 0.0),
        ("meter-negative-import", -5_000.0, None),
        ("meter-scale:0.001", 0.0, 5.0),
        ("meter-nan", nan, nan),
        ("meter-silent", None, None),
    ]:
        await begin(one, fault)
        event = await meter_of(csms, peer)
        for name, value in (("Import", imported), ("Export", exported)):
            assert measured(event, f"Power.Active.{name}") == pytest.approx(value, nan_ok=True), fault
        await over(one, fault)


async def test_registers_that_stand_still_or_run_backwards(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    register, meter = "Energy.Active.Import.Register", one.station.cabinet.evses[1].meter
    for fault, grows in [("meter-frozen", 0), ("meter-backwards", -1), ("none", 1)]:
        await begin(one, fault)
        first, enough = measured(await meter_of(csms, peer), register) or 0.0, meter.import_wh + 50.0
        await until(lambda enough=enough: meter.import_wh > enough)  # type: ignore[misc]
        later = measured(await meter_of(csms, peer), register) or 0.0
        assert (later > first) - (later < first) == grows, fault
        await over(one, fault)
