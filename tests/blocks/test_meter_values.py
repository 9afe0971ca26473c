"""Block J: outside transactions."""

from datetime import timedelta

from csms.domain.facts import MeterRead
from csms.domain.meter import MeterReport, Reading
from csms.store import transactions
from tests.blocks.bench import START, STATION, Bench


async def test_j01_clock_aligned_values_are_kept_once_and_told(bench: Bench) -> None:
    readings = tuple(
        Reading(at=START + timedelta(minutes=m), power_w=100.0 * m, context="Sample.Clock") for m in (1, 2)
    )
    for _ in range(2):
        assert await bench.tell(MeterReport(1, readings)) is None
    rows = await transactions.readings(bench.db, STATION, 1, START, START + timedelta(hours=1))
    assert [row.power_w for row in rows] == [100.0, 200.0]
    assert bench.told(MeterRead)[0] == MeterRead(START, STATION, 1, 200.0, None)


async def test_row_40_split_data_with_one_time_stamp_are_both_kept(bench: Bench) -> None:
    readings = (Reading(at=START, power_w=1.0), Reading(at=START, soc=50.0))
    await bench.tell(MeterReport(1, readings))
    rows = await transactions.readings(bench.db, STATION, 1, START, START + timedelta(hours=1))
    assert len(rows) == 2
