"""Places as the grid loop reads them: sites within each other, limits of stations, what others have told."""

import math
from datetime import UTC, datetime

from csms.domain.site import SiteLimit
from csms.domain.station import EvseRating
from csms.grid.places import places
from csms.store import external_limits, stations
from csms.store.database import Database
from csms.store.places import evse_counts, limited
from csms.store.statements import Change
from csms.store.stations import SiteRow, StationRow
from csms.store.writer import Writer

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
TEN_KW = (
    '[{"id":1,"chargingRateUnit":"W","chargingSchedulePeriod":[{"startPeriod":0,"limit":10000,'
    '"dischargeLimit":-4000}]}]'
)


async def _furnished(db: Database) -> None:
    async with db.begin() as conn:
        await stations.put_site(conn, SiteRow(site_id="feeder", import_limit_w=9e4))
        await stations.put_site(conn, SiteRow(site_id="depot", export_limit_w=5e4, within_id="feeder"))
        rows = [
            StationRow(identity="plain", password_hash="x", site_id="depot", created_at=NOW),
            StationRow(
                identity="own", password_hash="x", site_id="feeder", export_limit_w=3e3, created_at=NOW
            ),
            StationRow(identity="told", password_hash="x", site_id="depot", created_at=NOW),
            StationRow(identity="alone", password_hash="x", import_limit_w=5e3, created_at=NOW),
        ]
        for row in rows:
            await stations.add(conn, row, [EvseRating(1, 1e4, 1e4), EvseRating(2, None, None)])


def _told(evse_id: int, source: str = "SO") -> Change:
    return external_limits.limited("told", evse_id, source, grid_critical=None, schedule=TEN_KW, at=NOW)


async def test_all_places(db: Database, writer: Writer) -> None:
    await _furnished(db)
    await writer.commit([_told(0), _told(2)])
    found = await places(db, NOW)
    assert {name: (place.within, place.evses) for name, place in found.items()} == {
        "feeder": (None, 6),
        "depot": ("feeder", 4),
        "#own": ("feeder", 2),
        "#told": ("depot", 2),
        "#told#2": ("#told", 1),
        "#alone": (None, 2),
    }
    assert (found["feeder"].import_w, math.isnan(found["feeder"].export_w)) == (9e4, True)
    assert (found["depot"].import_w, found["depot"].export_w) == (math.inf, 5e4)
    assert found["#told#2"] == SiteLimit("#told#2", 1e4, 4e3, "#told", 1)
    await writer.commit([external_limits.cleared("told", 2, "SO", NOW)])
    assert "#told#2" not in await places(db, NOW)


async def test_counts_and_limits_by_themselves(db: Database) -> None:
    await _furnished(db)
    assert await evse_counts(db) == {"feeder": 2, "depot": 4}
    assert {row.identity for row in await limited(db)} == {"own", "alone"}
    assert {row.identity for row in await limited(db, {"told", "own"})} == {"own", "alone", "told"}
