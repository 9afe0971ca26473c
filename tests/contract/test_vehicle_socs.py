"""States of charge from elsewhere, kept beside the transaction that they were told in."""

from datetime import UTC, datetime, timedelta

from csms.domain.meter import Reading
from csms.domain.soc import Said, SocReport, SocSource, soc_report
from csms.domain.transaction import IdToken, Transaction
from csms.store import stations, tokens, transactions, vehicle_socs
from csms.store.database import Database
from csms.store.tokens import IdTokenRow
from csms.store.writer import Writer

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


async def test_where_a_vehicle_is_plugged_in(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        await stations.add(conn, stations.StationRow(identity="cs", password_hash="x", created_at=NOW))
        await tokens.put(conn, IdTokenRow(token="tag", type="ISO14443", vehicle_id="leaf"))
    assert await vehicle_socs.plugged(db, "leaf") is None
    running = Transaction(
        station_id="cs",
        transaction_id="tx",
        number=1,
        evse_id=1,
        id_token=IdToken("TAG", "ISO14443"),
        started_at=NOW,
        last=Reading(NOW, export_wh=1200.0),
    )
    await writer.commit([transactions.state_kept(running)])
    assert await vehicle_socs.plugged(db, "leaf") == ("cs", "tx", 1200.0, NOW)
    assert await vehicle_socs.plugged(db, "other") is None


async def test_the_newest_word_of_each_source(db: Database) -> None:
    def said(source: SocSource, soc: float, ago_s: float) -> None:
        reports.append(soc_report("leaf", source, Said(soc, NOW - timedelta(seconds=ago_s)), NOW))

    reports: list[SocReport] = []
    said(SocSource.MANUAL, 70.0, 1800)
    said(SocSource.TELEMATICS, 64.0, 900)
    said(SocSource.TELEMATICS, 63.0, 60)
    async with db.begin() as conn:
        for report in reports:
            await vehicle_socs.put(conn, report, vehicle_socs.Plugged("cs", "tx", 1.5, NOW))
    rows = await vehicle_socs.of_vehicle(db, "leaf")
    assert [row.report() for row in rows] == [reports[0], reports[2]]
    assert (rows[1].identity, rows[1].transaction_id, rows[1].export_wh, rows[1].read_at) == (
        "cs",
        "tx",
        1.5,
        NOW,
    )
    assert vehicle_socs.counting(await vehicle_socs.valid(db, NOW))["leaf"].source == "telematics"
    later = vehicle_socs.counting(await vehicle_socs.valid(db, NOW + timedelta(minutes=29, seconds=30)))
    assert later["leaf"].source == "manual"
    assert await vehicle_socs.valid(db, NOW + timedelta(hours=1)) == []
