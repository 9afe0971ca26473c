"""The same faults at stations of 1.6 and 2.1: on the wire and at the meter."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.flows.station import steps_16, steps_21
from tests.flows.station.steps_16 import Central
from tests.flows.station.steps_faults import OFFER_W, begin, over, until_power


@dataclass(frozen=True)
class Scene:
    """A charging station of one version. `order` asks for a power, W; `tells` brings its meter's values."""

    one: Any
    order: Callable[[float], Awaitable[str]]
    tells: str
    read: Callable[[dict[str, Any], str], float | None]

    async def told(self, measurand: str) -> float | None:
        """What is told of a measurand from now on; the message after the next one was surely sent later."""
        known = sum(action == self.tells for action, _ in self.one.csms.heard)
        heard = await self.one.csms.wait_for(self.tells, count=known + 2)
        return self.read(heard[-1], measurand)


async def _at_16(csms: Any, bench: Any) -> Scene:
    Central(csms)
    one, peer = await steps_16.connected(csms, bench)

    async def order(power_w: float) -> str:
        return str((await peer.call("SetChargingProfile", steps_16.lease(power_w)))["status"])

    def read(payload: dict[str, Any], measurand: str) -> float | None:
        return next(iter(steps_16.measured(payload, measurand)), None)

    return Scene(one, order, "MeterValues", read)


async def _at_21(csms: Any, bench: Any) -> Scene:
    one, peer, transaction = await steps_21.connected(csms, bench)

    async def order(power_w: float) -> str:
        wanted = steps_21.order(csms, transaction, steps_21.setpoint(power_w))
        return str((await peer.call("SetChargingProfile", wanted))["status"])

    return Scene(one, order, "TransactionEvent", steps_21.measured)


@pytest.fixture(params=[_at_16, _at_21], ids=["1.6", "2.1"])
async def scene(request: pytest.FixtureRequest, csms: Any, bench: Any) -> Scene:
    """A station of either version with a vehicle that charges."""
    found: Scene = await request.param(csms, bench)
    return found


@pytest.mark.parametrize(
    ("fault", "ordered", "flows"),
    [
        ("ignore-profiles", -5_000, OFFER_W),
        ("ignore-negative", -5_000, OFFER_W),
        ("negative-as-zero", -5_000, 0),
        ("invert-limits", -5_000, 5_000),
        ("scale-limits:0.5", -5_000, -2_500),
        ("zero-is-no-limit", 0, OFFER_W),
    ],
)
async def test_how_orders_are_followed(scene: Scene, fault: str, ordered: float, flows: float) -> None:
    one, order = scene.one, scene.order
    assert await order(-3_000) == "Accepted"
    await until_power(one, -3_000)
    await begin(one, fault)
    assert await order(ordered) == "Accepted"
    await until_power(one, flows)
    await over(one, fault)
    await until_power(one, ordered)


@pytest.mark.parametrize(("fault", "ordered"), [("reject-negative", -5_000), ("reject-zero", 0)])
async def test_orders_that_are_refused(scene: Scene, fault: str, ordered: float) -> None:
    one, order = scene.one, scene.order
    await begin(one, fault)
    assert await order(ordered) == "Rejected"
    assert await order(4_000) == "Accepted"
    await until_power(one, 4_000)


@pytest.mark.parametrize(
    ("fault", "measurand", "shown"),
    [
        ("soc-missing", "SoC", None),
        ("soc-nan", "SoC", math.nan),
        ("soc-impossible", "SoC", 250.0),
        ("meter-nan", "Power.Active.Export", math.nan),
        ("meter-wrong-sign", "Power.Active.Import", 5_000.0),
        ("meter-negative-import", "Power.Active.Import", -5_000.0),
        ("meter-scale:0.001", "Power.Active.Export", 5.0),
    ],
)
async def test_what_the_meter_tells(scene: Scene, fault: str, measurand: str, shown: float | None) -> None:
    assert await scene.order(-5_000) == "Accepted"
    await until_power(scene.one, -5_000)
    assert await scene.told("Power.Active.Export") == 5_000
    await begin(scene.one, fault)
    assert await scene.told(measurand) == pytest.approx(shown, nan_ok=True)
