"""A site's import limit with stations that take a negative limit for none, and with silent meters."""

from csms.domain.program import Program, Terms
from csms.store import programs
from tests.grid.stage import Stage


async def test_who_takes_a_negative_limit_for_none_counts_at_its_site(stage: Stage) -> None:
    """It charges at full power under a lease to discharge; nobody else at the site is let up meanwhile."""
    async with stage.db.begin() as conn:
        await programs.put(conn, Program("soak-up", "soak-up", Terms()))
    await stage.site("small", export_w=20_000.0, import_w=12_000.0)
    odd = await stage.car("odd", site_id="small", manner="invert")
    other = await stage.car("other", site_id="small", programs_=("soak-up",))
    await stage.event(-8_000, duration_s=600)
    await stage.live(10)
    await stage.live(10)
    assert odd.power_w > 7_000
    await stage.event(+10_000, duration_s=300, program_id="soak-up")
    await stage.turn()
    other.wish_w = 10_000.0
    for _ in range(10):
        await stage.live(2, 2)
        assert odd.power_w + other.power_w <= 12_000.5
    assert other.leases


async def test_silent_meter_counts_with_its_rating_before_others_are_let_up(stage: Stage) -> None:
    await stage.site("small", import_w=12_000.0)
    silent = await stage.car("silent", site_id="small", wish_w=10_000.0, programs_=())
    silent.meter_stuck = True
    other = await stage.car("other", site_id="small", wish_w=0.0)
    await stage.live(130)
    other.wish_w = 10_000.0
    await stage.event(+10_000, duration_s=300)
    await stage.live(60)
    assert silent.power_w == 10_000.0
    assert other.power_w <= 2_000.5
