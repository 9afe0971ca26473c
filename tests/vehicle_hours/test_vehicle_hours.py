"""A share of the vehicle-hours, and mistakes planted in the house that they find."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from csms.domain import safety
from csms.domain.flexibility import EvseView
from csms.grid import decision
from csms.grid.envelope import Envelope
from csms.grid.fleet import view_of
from csms.grid.leases import Line
from csms.grid.soc import SocWatch
from tests.vehicle_hours import house
from tests.vehicle_hours.world import World

HOURS = 8.0


@pytest.mark.parametrize("seed", range(6))
def test_no_reserve_no_envelope_no_lease_is_broken(seed: int) -> None:
    counts = World(seed, HOURS).run()
    assert counts.violations == []
    assert counts.vehicle_hours > 100
    assert counts.discharges > 100
    assert counts.exported_wh > 10_000


def _blind(self: SocWatch, snapshot: object) -> Iterator[None]:
    yield
    return set(), {}  # type: ignore[return-value] # what a generator returns


def _generous(self: Envelope, key: object) -> tuple[float, float]:
    return 1e9, 0.0


def _forgetful(self: Line, lease: object) -> None:
    """Sent, and not counted until it is answered."""


def _trusting(*given: object) -> EvseView:
    return replace(view_of(*given), fallback_acknowledged=True)  # type: ignore[arg-type]


def _without_fallback(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(house, "view_of", _trusting)
    patch.setattr(decision, "_ready", lambda view, offer, *_: offer.steerable)


def _for_long(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decision, "lease_seconds", lambda *_: 1500)
    patch.setattr(safety, "LEASE_MAX_S", 3600)


MISTAKES: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "a state of charge is believed whatever the meter says": (
        "V-01",
        lambda patch: patch.setattr(SocWatch, "watch", _blind),
    ),
    "what was told first is forgotten when the server dies": (
        "V-01",
        lambda patch: patch.setattr(SocWatch, "begin", lambda *_: None),
    ),
    "sites are not looked at": ("V-05", lambda patch: patch.setattr(Envelope, "export_room", _generous)),
    "what was not answered is not counted": ("V-05", lambda patch: patch.setattr(Line, "sent", _forgetful)),
    "a fallback is taken for granted": ("V-04", _without_fallback),
    "leases last too long": ("V-02", _for_long),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, plant = MISTAKES[mistake]
    plant(monkeypatch)
    found = (what for seed in range(60) for what in World(seed, 12.0).run().violations)
    assert any(rule in what for what in found)
