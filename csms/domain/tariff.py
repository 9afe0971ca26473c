"""What a transaction costs: exact decimals, rounded once, at the end, to the currency's smallest unit."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from csms.domain.transaction import Transaction, energy_wh

_CENT = Decimal("0.01")
_KILO = Decimal(1000)
_HOUR = Decimal(3600)
_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tariff:
    """Amounts in one currency. `export_per_kwh` is what the driver gets for energy given back.

    `minimum` is what a transaction costs at least; it may be undercut by what was given back.
    """

    tariff_id: str
    currency: str
    start_fee: Decimal = _NONE
    energy_per_kwh: Decimal = _NONE
    export_per_kwh: Decimal = _NONE
    time_per_hour: Decimal = _NONE
    minimum: Decimal = _NONE


def cost(tariff: Tariff, transaction: Transaction) -> Decimal:
    """What a transaction costs so far. Energy that was not metered is not charged for.

    Negative if more was earned by giving back than charged for. A register that ran backwards counts as
    zero: a person looks at that (row 43).
    """
    imported, exported = energy_wh(transaction)
    charged = tariff.start_fee + _energy(tariff.energy_per_kwh, imported) + _time(tariff, transaction)
    total = max(charged, tariff.minimum) - _energy(tariff.export_per_kwh, exported)
    return total.quantize(_CENT, rounding=ROUND_HALF_UP)


def _energy(price: Decimal, energy: float | None) -> Decimal:
    # a float's shortest text is what the meter said
    return _NONE if energy is None or energy <= 0 else price * Decimal(repr(energy)) / _KILO


def _time(tariff: Tariff, transaction: Transaction) -> Decimal:
    until = transaction.ended_at or transaction.updated_at
    if transaction.started_at is None or until is None or until <= transaction.started_at:
        return _NONE
    span = until - transaction.started_at
    seconds = Decimal(span.days * 86_400 + span.seconds) + Decimal(span.microseconds) / 1_000_000
    return tariff.time_per_hour * seconds / _HOUR
