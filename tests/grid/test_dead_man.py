"""V-02, V-03: whatever happens to this server, discharge ends by itself."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms.domain.profile import LEASE_MAX_S, Purpose
from csms.domain.program import Terms
from tests.grid.stage import open_stage


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 40), st.sampled_from([60, 300, 900, 5000]), st.floats(0, 4000))
async def test_server_that_dies_leaves_no_discharge_behind(
    steps: int, lease_s: int, fallback_w: float
) -> None:
    async with open_stage() as stage:
        await stage.site()
        await stage.program(Terms(lease_s=lease_s, fallback_w=fallback_w))
        cars = [await stage.car(f"cs{number}", wish_w=9_000.0) for number in range(2)]
        event = await stage.event(-10_000, duration_s=1800, in_s=60)
        await stage.live(10 * steps)
        stage.loops.clear()
        left_s = min(LEASE_MAX_S, lease_s)
        await stage.live(left_s + 10)
        assert all(car.power_w >= 0 for car in cars)
        # idle or slow charging while the event lasts, never full power
        if stage.clock.now() < event.end and any(car.leases for car in cars):
            assert all(car.power_w <= fallback_w for car in cars if car.leases)
        await stage.live(2400, 30)
        assert all(car.power_w == 9_000.0 for car in cars)
        for car in cars:
            for lease in car.leases:
                assert lease.duration_s is not None
                assert lease.valid_to is not None
                sent_at = lease.start + timedelta(seconds=60)
                assert lease.valid_to <= sent_at + timedelta(seconds=LEASE_MAX_S)
                assert lease.start + timedelta(seconds=lease.duration_s) == lease.valid_to
            for profile in car.installs:
                if profile.purpose is not Purpose.TX:
                    assert all(period.limit_w >= 0 for period in profile.periods)
