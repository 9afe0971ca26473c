"""Block G, and the part of N that tells the same."""

from datetime import timedelta

import pytest

from csms.domain.facts import ConnectorStatusChanged
from csms.domain.station import ConnectorStatus, Heartbeat, HeartbeatAnswer, StatusReport
from csms.store import stations
from csms.wire import words
from tests.blocks.bench import START, STATION, Bench


async def _status(bench: Bench) -> list[str]:
    return [row.status for row in await stations.connectors(bench.db, STATION)]


async def test_g02_fr_02_a_heartbeat_is_answered_with_our_time(bench: Bench) -> None:
    assert await bench.tell(Heartbeat()) == HeartbeatAnswer(START)
    assert not bench.kept


async def test_g01_a_status_is_kept_and_told(bench: Bench) -> None:
    assert await bench.tell(StatusReport(1, 1, ConnectorStatus.OCCUPIED, START)) is None
    assert await _status(bench) == ["Occupied"]
    assert bench.told(ConnectorStatusChanged) == [ConnectorStatusChanged(START, STATION, 1, 1, "Occupied")]


async def test_g01_the_newest_by_the_stations_own_time_wins(bench: Bench) -> None:
    await bench.tell(StatusReport(1, 1, ConnectorStatus.FAULTED, START))
    await bench.tell(StatusReport(1, 1, ConnectorStatus.AVAILABLE, START - timedelta(minutes=5)))
    assert await _status(bench) == ["Faulted"]


def _event(component: str, value: str, *, connector: int | None = 1) -> words.NotifyEventRequest:
    return words.NotifyEventRequest(
        generated_at="2026-03-01T12:00:00Z",
        seq_no=0,
        event_data=(
            words.EventDataType(
                event_id=1,
                timestamp="2026-03-01T12:00:00Z",
                trigger="Delta",
                actual_value=value,
                component=words.ComponentType(
                    name=component, evse=words.EVSEType(id=1, connector_id=connector)
                ),
                variable=words.VariableType(name="AvailabilityState"),
                event_notification_type="HardWiredNotification",
            ),
        ),
    )


async def test_g01_fr_08_n07_a_connectors_availability_state_is_its_status(bench: Bench) -> None:
    assert await bench.tell(_event("Connector", "Unavailable")) is None
    assert await _status(bench) == ["Unavailable"]
    assert [fact.status for fact in bench.told(ConnectorStatusChanged)] == ["Unavailable"]


@pytest.mark.parametrize(
    "event",
    [
        _event("EVSE", "Faulted"),
        _event("Connector", "Broken"),
        _event("Connector", "Faulted", connector=None),
    ],
)
async def test_n07_other_events_are_kept_and_change_no_status(
    bench: Bench, event: words.NotifyEventRequest
) -> None:
    assert await bench.tell(event) is None
    assert await _status(bench) == []
    assert len(bench.kept) == 1
