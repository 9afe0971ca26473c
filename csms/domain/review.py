"""What a person must look at before a transaction is billed (rows 35, 39 and 43).

Nothing is thrown away or put right here: what the station told stays as it came, and its energy is not billed
before somebody has looked.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from csms.domain.meter import Reading
from csms.domain.transaction import Transaction, energy_wh, gaps


class Doubt(StrEnum):
    """Why a transaction is held for review. Shown to people."""

    EVENTS_MISSING = "events missing"
    START_MISSING = "start missing"
    END_MISSING = "end missing"
    EVENTS_CONFLICT = "events conflict"
    REGISTER_WENT_BACK = "register went back"


def is_missing(transaction: Transaction) -> bool:
    """Whether the station has more to tell: numbers left out, or an end without its start."""
    return bool(gaps(transaction)) or (transaction.started_at is None and transaction.ended_at is not None)


def doubts(transaction: Transaction, open: bool, readings: Iterable[Reading] = ()) -> tuple[Doubt, ...]:
    """All doubts about a transaction; with its `readings` those inside it too.

    `open` False without an end: the station has said that it is over, and its last event will not come.
    """
    over = transaction.ended_at is not None or not open
    found = (
        (Doubt.EVENTS_MISSING, bool(gaps(transaction))),
        (Doubt.START_MISSING, transaction.started_at is None and over),
        (Doubt.END_MISSING, transaction.ended_at is None and not open),
        (Doubt.EVENTS_CONFLICT, transaction.conflicts > 0),
        (Doubt.REGISTER_WENT_BACK, _negative(transaction) or went_back(readings)),
    )
    return tuple(doubt for doubt, is_so in found if is_so)


def went_back(readings: Iterable[Reading]) -> bool:
    """Whether a register is lower at some time than before (row 43): reset, exchanged, or not true."""
    ordered = sorted(readings, key=lambda reading: reading.at)
    imports = [(each.at, each.import_wh) for each in ordered if each.import_wh is not None]
    exports = [(each.at, each.export_wh) for each in ordered if each.export_wh is not None]
    return _falls(imports) or _falls(exports)


def _falls(values: list[tuple[datetime, float]]) -> bool:
    return any(later < earlier for (at, earlier), (then, later) in pairwise(values) if then != at)


def _negative(transaction: Transaction) -> bool:
    return any(energy is not None and energy < 0 for energy in energy_wh(transaction))
