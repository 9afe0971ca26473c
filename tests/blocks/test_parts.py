"""Row 44: reports in parts are bound to their request, in time and in size."""

from datetime import timedelta

import pytest

from csms.blocks import parts
from csms.domain.facts import ReportCompleted
from csms.store import requests, variables
from csms.store.requests import RequestRow
from csms.wire import words
from tests.blocks.bench import STATION, Bench


def report(request_id: int, seq_no: int, *names: str, tbc: bool) -> words.NotifyReportRequest:
    data = tuple(
        words.ReportDataType(
            component=words.ComponentType(name="C"),
            variable=words.VariableType(name=name),
            variable_attribute=(words.VariableAttributeType(value="1"),),
        )
        for name in names
    )
    return words.NotifyReportRequest(
        request_id=request_id, generated_at="2026-03-01T12:00:00Z", seq_no=seq_no, tbc=tbc, report_data=data
    )


def customer(request_id: int, seq_no: int, data: str, *, tbc: bool) -> words.NotifyCustomerInformationRequest:
    return words.NotifyCustomerInformationRequest(
        request_id=request_id, generated_at="2026-03-01T12:00:00Z", seq_no=seq_no, tbc=tbc, data=data
    )


async def asked(bench: Bench, kind: str = "report") -> int:
    async with bench.db.begin() as conn:
        return await requests.open(conn, STATION, kind, bench.clock.now())


async def request_of(bench: Bench, request_id: int) -> RequestRow:
    row = await requests.get(bench.db, STATION, request_id)
    assert row is not None
    return row


async def names(bench: Bench) -> list[str]:
    return [row.variable for row in await variables.reported(bench.db, STATION)]


async def test_row_44_a_part_told_twice_is_kept_once(bench: Bench) -> None:
    number = await asked(bench)
    for _ in range(2):
        await bench.tell(report(number, 0, "a", "b", tbc=True))
    for _ in range(2):
        await bench.tell(report(number, 1, "c", tbc=False))
    assert await names(bench) == ["a", "b", "c"]
    assert len(bench.told(ReportCompleted)) == 1
    number = await asked(bench, "customer information")
    for seq_no in (0, 0, 1):
        await bench.tell(customer(number, seq_no, f"part {seq_no}", tbc=seq_no == 0))
    told = await requests.parts(bench.db, await request_of(bench, number))
    assert [part.payload for part in told] == ["part 0", "part 1"]


async def test_row_44_parts_of_two_requests_do_not_mix(bench: Bench) -> None:
    one, two = await asked(bench), await asked(bench)
    await bench.tell(report(one, 0, "a", tbc=True))
    await bench.tell(report(two, 0, "b", tbc=False))
    assert (await request_of(bench, one)).state == "open"
    assert (await request_of(bench, two)).state == "complete"


async def test_row_44_a_part_that_comes_too_late_ends_its_request(bench: Bench) -> None:
    number = await asked(bench)
    await bench.tell(report(number, 0, "a", tbc=True))
    bench.clock.at += parts.OPEN_FOR + timedelta(seconds=1)
    await bench.tell(report(number, 1, "b", tbc=False))
    assert (await request_of(bench, number)).state == "failed"
    assert await names(bench) == ["a"]
    assert not bench.told(ReportCompleted)


async def test_row_44_a_report_without_end_is_dropped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PARTS_MAX", 3)
    number = await asked(bench)
    for seq_no in range(6):
        await bench.tell(report(number, seq_no, f"v{seq_no}", tbc=True))
    assert (await request_of(bench, number)).state == "failed"
    assert await names(bench) == ["v0", "v1", "v2"]


async def test_row_44_a_device_model_has_a_size(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "VARIABLES_MAX", 3)
    number = await asked(bench)
    await bench.tell(report(number, 0, "a", "b", tbc=True))
    await bench.tell(report(number, 1, "c", "d", tbc=False))
    assert (await request_of(bench, number)).state == "failed"
    assert await names(bench) == ["a", "b"]


async def test_row_44_what_nobody_asked_for_is_answered_and_not_kept(bench: Bench) -> None:
    await bench.tell(report(77, 0, "a", tbc=False))
    await bench.tell(customer(78, 0, "a", tbc=False))
    assert await names(bench) == []
    row = RequestRow(
        identity=STATION, request_id=78, kind="x", opened_at=bench.clock.now(), changed_at=bench.clock.now()
    )
    assert await requests.parts(bench.db, row) == []


async def test_row_44_section_2_2_row_08_a_station_cannot_answer_anothers_request(bench: Bench) -> None:
    await bench.add_station("cs-2")
    number = await asked(bench)
    await bench.tell(report(number, 0, "a", tbc=False), "cs-2")
    assert (await request_of(bench, number)).state == "open"
    assert await names(bench) == []
