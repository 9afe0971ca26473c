"""Onboarding without tables first."""

import pytest

from csms.blocks import enrolment
from csms.blocks.calls import Order
from csms.errors import StationTimeout
from csms.pki.passwords import hash_password, verify
from csms.store import stations
from csms.store.stations import SiteRow, StationRow
from csms.wire import words
from tests.blocks.bench import STATION, Bench

PASSWORD = "a-long-and-odd-password-73"
OWN = "another-long-and-odd-password-9"


async def _site(bench: Bench, hashed: str | None) -> None:
    async with bench.db.begin() as conn:
        await stations.put_site(conn, SiteRow(site_id="yard", enrolment_hash=hashed))


async def knock(bench: Bench, identity: str, password: str, profile: int = 1) -> StationRow | None:
    """As the handshake does where a login does not fit."""
    known = await stations.get(bench.db, identity)
    stranger = enrolment.Stranger(identity, password, profile)
    return await enrolment.second_chance(bench.db, stranger, known, bench.clock.now())


async def test_a_stranger_comes_in_as_pending_and_no_further(bench: Bench) -> None:
    await _site(bench, hash_password(PASSWORD))
    row = await knock(bench, "new-1", PASSWORD)
    assert row is not None
    assert (row.registration, row.enrolled, row.site_id) == ("Pending", True, "yard")
    assert verify(PASSWORD, (await bench.station("new-1")).password_hash)
    boot = words.BootNotificationRequest(
        reason="PowerUp", charging_station=words.ChargingStationType(vendor_name="V", model="M")
    )
    answer = await bench.tell(boot, "new-1")
    assert isinstance(answer, words.BootNotificationResponse)
    assert answer.status == "Pending"


@pytest.mark.parametrize("password", ["", "wrong-and-long-enough-password"])
async def test_a_wrong_password_lets_nobody_in(bench: Bench, password: str) -> None:
    await _site(bench, hash_password(PASSWORD))
    assert await knock(bench, "new-1", password) is None
    assert await stations.get(bench.db, "new-1") is None


async def test_it_is_off_by_default(bench: Bench) -> None:
    await _site(bench, None)
    assert await knock(bench, "new-1", PASSWORD) is None


async def test_who_is_registered_does_not_enrol(bench: Bench) -> None:
    await _site(bench, hash_password(PASSWORD))
    assert await knock(bench, STATION, PASSWORD) is None
    assert (await bench.station()).registration == "Accepted"


async def test_only_so_many_may_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await _site(bench, hash_password(PASSWORD))
    monkeypatch.setattr(enrolment, "AT_MOST", 1)
    assert await knock(bench, "new-1", PASSWORD) is not None
    assert await knock(bench, "new-2", PASSWORD) is None


class Station:
    """Answers the new password; looks at what is stored while it does."""

    def __init__(self, bench: Bench, status: words.SetVariableStatusEnumType | None) -> None:
        self.bench = bench
        self.status = status
        self.both = False

    async def __call__(self, ask: object, _: float) -> object:
        assert isinstance(ask, words.SetVariablesRequest)
        row = await self.bench.station()
        self.both = verify(OWN, row.next_password_hash or "") and not verify(OWN, row.password_hash)
        if self.status is None:
            raise StationTimeout(STATION)
        (data,) = ask.set_variable_data
        result = words.SetVariableResultType(
            attribute_status=self.status, component=data.component, variable=data.variable
        )
        return words.SetVariablesResponse(set_variable_result=(result,))


@pytest.mark.parametrize(
    ("status", "now", "perhaps"),
    [("Accepted", True, False), ("RebootRequired", False, True), ("Rejected", False, False)],
)
async def test_a01_a_password_counts_from_the_stations_word_on(
    bench: Bench, status: words.SetVariableStatusEnumType, now: bool, perhaps: bool
) -> None:
    station = Station(bench, status)
    async with bench.bus.answer(STATION, station):
        order = Order(await bench.station(), None)
        assert await enrolment.new_password(bench.desk, order, OWN) == status
    row = await bench.station()
    assert station.both
    assert verify(OWN, row.password_hash) == now
    assert (row.next_password_hash is not None) == perhaps


async def test_a01_without_an_answer_either_may_count(bench: Bench) -> None:
    async with bench.bus.answer(STATION, Station(bench, None)):
        with pytest.raises(StationTimeout):
            await enrolment.new_password(bench.desk, Order(await bench.station(), None), OWN)
    assert verify(OWN, (await bench.station()).next_password_hash or "")


async def test_a01_the_password_on_its_way_counts_once_it_is_used(bench: Bench) -> None:
    async with bench.bus.answer(STATION, Station(bench, None)):
        with pytest.raises(StationTimeout):
            await enrolment.new_password(bench.desk, Order(await bench.station(), None), OWN)
    assert await knock(bench, STATION, PASSWORD) is None
    assert await knock(bench, STATION, OWN, profile=2) is None
    row = await knock(bench, STATION, OWN)
    assert row is not None
    assert verify(OWN, row.password_hash)
    assert row.next_password_hash is None
