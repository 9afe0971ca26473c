"""DER controls: which one holds, which overrules which, when each begins and ends (R04)."""

from datetime import UTC, datetime, timedelta

from chargepoint_sim.station.der import LIMIT_MAX_DISCHARGE, DerControl, DerControls

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def default(control_id: str, priority: int, percent: float = 50.0) -> DerControl:
    """A control that holds when no scheduled one does."""
    settings = {"priority": priority, "pct_max_discharge_power": percent}
    return DerControl(control_id, LIMIT_MAX_DISCHARGE, True, "limit_max_discharge", settings)


def scheduled(
    control_id: str, priority: int, after_s: float, duration_s: float, percent: float = 10.0
) -> DerControl:
    """A control for a time."""
    settings = {"priority": priority, "pct_max_discharge_power": percent}
    start = NOW + timedelta(seconds=after_s)
    named = (control_id, LIMIT_MAX_DISCHARGE, False, "limit_max_discharge", settings)
    return DerControl(*named, start, duration_s)


def at(seconds: float) -> datetime:
    """So many seconds later."""
    return NOW + timedelta(seconds=seconds)


def turned(controls: DerControls, seconds: float) -> list[tuple[str, bool, tuple[str, ...]]]:
    """What begins and ends at a moment."""
    return [(turn.control.id, turn.started, turn.superseded) for turn in controls.turn(at(seconds))]


def test_r04_fr_03_a_default_of_lower_number_overrules() -> None:
    controls = DerControls()
    assert controls.set(default("a", 5, 40), NOW) == ()
    assert controls.set(default("b", 3, 30), NOW) == ("a",)
    assert controls.set(default("c", 9, 90), NOW) == ("c",)
    assert controls.most_discharge_w(10_000, NOW) == 3000
    assert [one.id for one in controls.controls if one.superseded] == ["a", "c"]


def test_r04_fr_11_a_scheduled_control_holds_for_its_time_then_the_default_again() -> None:
    controls = DerControls()
    controls.set(default("d", 1, 40), NOW)
    assert controls.set(scheduled("s", 5, 60, 120), NOW) == ()
    assert controls.next_at(NOW) == at(60)
    assert turned(controls, 59) == []
    assert controls.most_discharge_w(10_000, at(59)) == 4000
    assert turned(controls, 60) == [("s", True, ())]
    assert controls.most_discharge_w(10_000, at(60)) == 1000
    assert controls.next_at(at(60)) == at(180)
    assert turned(controls, 180) == [("s", False, ())]
    assert controls.most_discharge_w(10_000, at(180)) == 4000
    assert [one.id for one in controls.controls] == ["d"]


def test_r04_fr_06_a_waiting_control_is_superseded_at_once() -> None:
    controls = DerControls()
    controls.set(scheduled("a", 5, 60, 600), NOW)
    assert controls.set(scheduled("b", 2, 120, 600), NOW) == ("a",)
    assert turned(controls, 60) == []
    assert turned(controls, 120) == [("b", True, ())]


def test_r04_fr_07_a_running_control_goes_on_until_the_better_one_starts() -> None:
    controls = DerControls()
    controls.set(scheduled("a", 5, 0, 600), NOW)
    assert turned(controls, 0) == [("a", True, ())]
    assert controls.set(scheduled("b", 2, 60, 600), NOW) == ()
    assert turned(controls, 60) == [("b", True, ("a",))]
    assert turned(controls, 600) == []  # what was overruled does not end a second time


def test_r04_fr_08_a_worse_control_is_superseded_by_the_running_one() -> None:
    controls = DerControls()
    controls.set(scheduled("a", 2, 0, 600), NOW)
    controls.turn(NOW)
    assert controls.set(scheduled("b", 5, 60, 600), NOW) == ("b",)
    assert turned(controls, 60) == []


def test_a_control_with_the_same_id_is_replaced_and_criteria_all_have_to_hold() -> None:
    controls = DerControls()
    controls.set(default("a", 5, 40), NOW)
    controls.set(default("a", 7, 20), NOW)
    assert controls.most_discharge_w(10_000, NOW) == 2000
    assert controls.clear(default=False, kind=None, control_id="a") == 0
    assert controls.clear(default=True, kind=LIMIT_MAX_DISCHARGE, control_id=None) == 1
    assert controls.most_discharge_w(10_000, NOW) is None
