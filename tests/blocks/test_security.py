"""Block A: security events."""

import pytest

from csms.blocks.security import CRITICAL, HOLDS_DISCHARGE
from csms.domain.facts import SecurityAlarmRaised
from csms.store import journal
from csms.wire import words
from tests.blocks.bench import STATION, Bench


def _event(type: str, at: str = "2026-03-01T12:00:00Z") -> words.SecurityEventNotificationRequest:
    return words.SecurityEventNotificationRequest(type=type, timestamp=at, tech_info="<b>x</b>")


async def test_a04_fr_03_every_event_is_kept_once_even_of_an_unknown_type(bench: Bench) -> None:
    for event in (_event("NobodyKnowsThis"), _event("NobodyKnowsThis"), _event("InvalidMessages")):
        assert await bench.tell(event) is None
    kept = await journal.security_events(bench.db, STATION, 10)
    assert sorted(row.type for row in kept) == ["InvalidMessages", "NobodyKnowsThis"]
    assert not bench.told(SecurityAlarmRaised)


@pytest.mark.parametrize("type", sorted(CRITICAL))
async def test_a04_fr_02_critical_events_raise_an_alarm_and_some_hold_discharge(
    bench: Bench, type: str
) -> None:
    await bench.tell(_event(type))
    assert [alarm.kind for alarm in bench.told(SecurityAlarmRaised)] == [type]
    assert (await bench.station()).hold == (type if type in HOLDS_DISCHARGE else None)
