"""What a transaction costs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from csms.domain.meter import Reading
from csms.domain.tariff import Tariff, cost
from csms.domain.transaction import Transaction

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def transaction(imported: float | None, exported: float | None = None, minutes: float = 60) -> Transaction:
    end = START + timedelta(minutes=minutes)
    return Transaction(
        "cs-1",
        "tx",
        1,
        started_at=START,
        ended_at=end,
        first=Reading(
            START, None, 0.0 if imported is not None else None, 0.0 if exported is not None else None
        ),
        last=Reading(end, None, imported, exported),
    )


def _zero(end: float | None) -> float | None:
    return None if end is None else 0.0


@pytest.mark.parametrize(
    ("tariff", "imported", "exported", "total"),
    [
        ({"energy_per_kwh": "0.30"}, 10_000.0, None, "3.00"),
        ({"energy_per_kwh": "0.30", "start_fee": "0.5"}, 0.0, None, "0.50"),
        ({"time_per_hour": "1.20"}, None, None, "1.20"),
        ({"energy_per_kwh": "0.1"}, 50.0, None, "0.01"),  # half a cent goes up
        ({"energy_per_kwh": "0.30", "export_per_kwh": "0.20"}, 10_000.0, 20_000.0, "-1.00"),
        ({"energy_per_kwh": "0.30", "minimum": "5"}, 1000.0, None, "5.00"),
        ({"energy_per_kwh": "0.30", "minimum": "5", "export_per_kwh": "1"}, 1000.0, 2000.0, "3.00"),
        ({"energy_per_kwh": "0.30"}, None, None, "0.00"),
    ],
)
def test_cost(tariff: dict[str, str], imported: float | None, exported: float | None, total: str) -> None:
    prices = {name: Decimal(price) for name, price in tariff.items()}
    assert str(cost(Tariff("t", "EUR", **prices), transaction(imported, exported))) == total


def test_a_register_that_runs_backwards_costs_nothing() -> None:
    tariff = Tariff("t", "EUR", energy_per_kwh=Decimal(1), export_per_kwh=Decimal(1))
    assert cost(tariff, transaction(-5000.0, -5000.0)) == Decimal("0.00")


def test_what_has_not_begun_costs_the_fee() -> None:
    tariff = Tariff("t", "EUR", start_fee=Decimal("0.50"), time_per_hour=Decimal(100))
    assert cost(tariff, Transaction("cs-1", "tx", 1)) == Decimal("0.50")
