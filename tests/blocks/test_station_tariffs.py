"""Block I (2.1): our tariffs in the words by which a station counts."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.blocks.station_tariffs import in_words
from csms.domain.meter import Reading
from csms.domain.tariff import Tariff, cost
from csms.domain.transaction import Transaction
from csms.errors import Invalid, NotSupportedByDialect
from csms.wire import words
from csms.wire.v16 import DIALECT as V16
from csms.wire.v21 import DIALECT as V21
from csms.wire.v201 import DIALECT as V201
from tests.conformance.payloads import schema

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = jsonschema_rs.validator_for(schema("SetDefaultTariffRequest", "v21"), validate_formats=True)

amounts = st.decimals(-1000, 1000, places=4)
tariffs = st.builds(
    Tariff,
    st.text("abc-1", min_size=1, max_size=60),
    st.just("EUR"),
    start_fee=amounts,
    energy_per_kwh=amounts,
    time_per_hour=amounts,
    minimum=amounts,
)


def sent(tariff: Tariff, description: str | None = None) -> dict[str, Any]:
    """What goes out to a 2.1 station."""
    action, payload = V21.write_ask(
        words.SetDefaultTariffRequest(evse_id=0, tariff=in_words(tariff, description))
    )
    assert action == "SetDefaultTariff"
    told = json.loads(payload)
    SCHEMA.validate(told)
    found: dict[str, Any] = told["tariff"]
    return found


def counted(told: dict[str, Any], kwh: float, charging_min: float, idle_min: float) -> float:
    """What a station makes of it, by 2.1's meaning of each price."""

    def price(part: str, name: str) -> float:
        prices = told.get(part, {"prices": []})["prices"]
        return float(sum(one[name] for one in prices))

    total = price("fixedFee", "priceFixed") + price("energy", "priceKwh") * kwh
    total += price("chargingTime", "priceMinute") * charging_min + price("idleTime", "priceMinute") * idle_min
    return max(total, told["minCost"]["inclTax"]) if "minCost" in told else total


@given(tariffs, st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5))
def test_a_station_counts_what_we_count(tariff: Tariff, wh: int, charging_s: int, idle_s: int) -> None:
    until = BEGUN + timedelta(seconds=charging_s + idle_s)
    transaction = Transaction(
        "cs",
        "tx",
        1,
        started_at=BEGUN,
        ended_at=until,
        first=Reading(BEGUN, import_wh=0.0),
        last=Reading(until, import_wh=float(wh)),
    )
    told = counted(sent(tariff), wh / 1000, charging_s / 60, idle_s / 60)
    assert abs(told - float(cost(tariff, transaction))) <= 0.005 + 1e-6


def test_what_costs_nothing_is_not_told() -> None:
    assert sent(Tariff("free", "EUR")) == {"tariffId": "free", "currency": "EUR"}
    told = sent(Tariff("day", "EUR", Decimal("0.5"), Decimal("0.35"), minimum=Decimal(1)), "By day")
    assert told == {
        "tariffId": "day",
        "currency": "EUR",
        "description": [{"format": "UTF8", "content": "By day"}],
        "fixedFee": {"prices": [{"priceFixed": 0.5}]},
        "energy": {"prices": [{"priceKwh": 0.35}]},
        "minCost": {"inclTax": 1.0},
    }


@given(amounts.filter(bool))
def test_a_price_of_energy_given_back_cannot_be_told(price: Decimal) -> None:
    with pytest.raises(Invalid) as refused:
        in_words(Tariff("v2g", "EUR", export_per_kwh=price))
    assert refused.value.field == "exportPerKwh"


def test_a_name_that_is_too_long_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        sent(Tariff("x" * 61, "EUR"))
    assert refused.value.field == "tariff.tariffId"


@pytest.mark.parametrize("dialect", [V16, V201])
def test_older_versions_have_no_word_for_it(dialect: Any) -> None:
    tariff = in_words(Tariff("day", "EUR"))
    for ask in (
        words.SetDefaultTariffRequest(evse_id=0, tariff=tariff),
        words.ChangeTransactionTariffRequest(transaction_id="tx", tariff=tariff),
    ):
        with pytest.raises(NotSupportedByDialect, match=dialect.version):
            dialect.write_ask(ask)
