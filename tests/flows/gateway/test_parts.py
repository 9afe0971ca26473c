"""The gateway's parts that decide without a socket."""

from datetime import UTC, datetime, timedelta

import pytest

from csms.domain.station import Registration
from csms.errors import OcppError, StationOffline
from csms.gateway.attempts import Attempts, network_of
from csms.gateway.gate import Gate
from csms.gateway.registry import Registry
from csms.gateway.skew import SkewEstimate
from csms.wire import words
from csms.wire.dialect import RawCall

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_attempts_are_forgotten_after_the_window_and_after_a_success() -> None:
    attempts = Attempts(per_identity=2, per_address=100, window_s=60.0)
    for now in (0.0, 1.0):
        attempts.failed("192.0.2.1", "a", now)
    assert attempts.wait_s("192.0.2.1", "a", 10.0) == pytest.approx(50.0)
    assert attempts.wait_s("192.0.2.1", "b", 10.0) == 0.0
    assert attempts.wait_s("192.0.2.2", "a", 10.0) == 0.0
    assert attempts.wait_s("192.0.2.1", "a", 60.0) == 0.0
    attempts.failed("192.0.2.1", "a", 61.0)
    attempts.succeeded("192.0.2.1", "a")
    attempts.failed("192.0.2.1", "a", 62.0)
    assert attempts.wait_s("192.0.2.1", "a", 63.0) == 0.0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
        ("2001:db8:1:2::9", "2001:0db8:0001:0002"),
        ("", ""),
    ],
)
def test_a_network_is_what_one_subscriber_has(address: str, network: str) -> None:
    assert network_of(address) == network


def _samples(estimate: SkewEstimate, *offsets_s: float) -> list[float | None]:
    return [estimate.sample(NOW + timedelta(seconds=offset), NOW) for offset in offsets_s]


def test_row_41_a_late_message_does_not_move_the_estimate() -> None:
    assert _samples(SkewEstimate(None), 0.0, -40.0, 0.5, -300.0) == [0.0, None, None, None]


def test_row_41_a_clock_ahead_shows_at_once_and_one_behind_when_it_is_sure() -> None:
    assert _samples(SkewEstimate(0.0), 30.0) == [30.0]
    assert _samples(SkewEstimate(0.0), -30.0, -31.0, -32.0) == [None, None, -30.0]


def test_row_41_a_clock_that_was_set_right_is_noticed() -> None:
    assert _samples(SkewEstimate(None), 60.0, 0.0, 0.0, 0.0, 0.0, 0.0)[-1] == 0.0


def test_r_01_what_may_be_said_by_registration() -> None:
    for registration in (None, Registration.PENDING, Registration.REJECTED):
        gate = Gate(registration)
        gate.check("BootNotification")
        with pytest.raises(OcppError, match="SecurityError"):
            gate.check("Heartbeat")
    Gate(Registration.ACCEPTED).check("Heartbeat")


def test_b02_fr_06_a_triggered_message_may_be_said_while_pending() -> None:
    gate = Gate(Registration.PENDING)
    gate.sent(
        "TriggerMessage", RawCall("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    )
    gate.check("SignCertificate")
    gate.sent("GetLog", RawCall("GetLog", {}))
    gate.check("LogStatusNotification")


def test_r_01_what_may_be_asked_by_registration() -> None:
    trigger = words.TriggerMessageRequest(requested_message="BootNotification")
    reset = words.ResetRequest(type="Immediate")
    Gate(None).check_ask("s", trigger)
    Gate(None).check_ask("s", RawCall("TriggerMessage", {"requestedMessage": "BootNotification"}))
    Gate(Registration.PENDING).check_ask("s", reset)
    for registration, ask in ((None, reset), (Registration.REJECTED, trigger)):
        with pytest.raises(StationOffline):
            Gate(registration).check_ask("s", ask)


class Holder:
    """A connection that answers pings or does not."""

    def __init__(self, alive: bool) -> None:
        self._alive = alive
        self.evicted = False

    async def alive(self, within_s: float) -> bool:
        """As told."""
        return self._alive

    def evict(self) -> None:
        """Remember it."""
        self.evicted = True


async def test_section_2_2_row_03_release_compares_the_epoch() -> None:
    registry: Registry[Holder] = Registry(1.0)
    old, new = Holder(alive=False), Holder(alive=True)
    first = registry.register("a", old, 7)
    assert first == 8
    assert registry.register("a", new, 7) is None
    assert await registry.is_free("a")
    assert old.evicted
    second = registry.register("a", new, 7)
    assert second == 9
    assert not registry.release("a", first)
    assert registry.get("a") is new
    assert not await registry.is_free("a")
    assert not new.evicted
    assert registry.release("a", second)
    assert len(registry) == 0
