"""The ledgers of the stations against the database, as one snapshot, and against the REST interface.

What must hold at any moment: acknowledged <= kept <= sent; payloads equal to the byte; a transaction's row is
what its kept events fold to; its readings are theirs, each once; conflicts are kept beside, none twice.
"""

import json
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from reliability import fold
from reliability.databases import Rows, Store
from reliability.fold import State
from reliability.ledger import Key, Ledger
from reliability.station import Witness

FAULTS_SHOWN = 20
PAGE = 500
_STATE = tuple(State.__dataclass_fields__)
_EVENTS = "SELECT transaction_id, seq_no, payload FROM transaction_event WHERE identity = ? ORDER BY 1, 2"
_STATES = f'SELECT transaction_id, conflicts, {", ".join(_STATE)} FROM "transaction" WHERE identity = ?'
_READINGS = (
    "SELECT source, seq_no, part, at, power_w, import_wh, export_wh, soc FROM ("
    "SELECT identity, source, seq_no, part, at, power_w, import_wh, export_wh, soc FROM reading UNION ALL "
    "SELECT identity, transaction_id, seq_no, 0, read_at, power_w, import_wh, export_wh, soc "
    "FROM transaction_event WHERE read_at IS NOT NULL) AS reading WHERE identity = ?"
)
_CONFLICTS = "SELECT transaction_id, seq_no, payload FROM transaction_event_conflict WHERE identity = ?"
_OF = " AND {} IN ({})"
ReadingKey = tuple[str, int, int, int]


@dataclass
class Finding:
    """What an audit has looked at, and what was wrong."""

    acknowledged: int = 0
    events: int = 0
    transactions: int = 0
    readings: int = 0
    conflicts: int = 0
    energy_wh: float = 0.0
    energy_acknowledged_wh: float = 0.0
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Something does not hold; the first ones are told."""
        if len(self.faults) < FAULTS_SHOWN:
            self.faults.append(text)

    def add(self, other: "Finding") -> None:
        """Take another audit's findings in."""
        self.acknowledged += other.acknowledged
        self.events += other.events
        self.transactions += other.transactions
        self.readings += other.readings
        self.conflicts += other.conflicts
        self.energy_wh += other.energy_wh
        self.energy_acknowledged_wh += other.energy_acknowledged_wh
        for text in other.faults:
            self.fault(text)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds of one station."""

    events: Mapping[str, dict[int, bytes]]
    states: Mapping[str, tuple[int, State]]
    readings: Mapping[ReadingKey, tuple[float | None, ...]]
    conflicts: Mapping[Key, set[bytes]]
    rows: int


async def audit(store: Store, stations: Iterable[Witness], *, touched_only: bool = False) -> Finding:
    """All stations, or only the transactions in which something has happened since the last such look."""
    total = Finding()
    for station in stations:
        scope = station.ledger.touched if touched_only else None
        if scope is not None and not scope:
            continue
        kept = await _kept(store, station.identity, scope)
        total.add(compare(station.identity, station.ledger, kept, scope))
        station.ledger.touched = set()
    return total


def compare(identity: str, ledger: Ledger, kept: Kept, scope: set[str] | None = None) -> Finding:
    """One station's ledger against what is kept of it."""
    finding = Finding(events=kept.rows, transactions=len(kept.states), readings=len(kept.readings))
    for transaction in ledger.sent.keys() - {""} if scope is None else scope - {""}:
        acknowledged = ledger.acknowledged.get(transaction, {})
        events = kept.events.get(transaction, {})
        finding.acknowledged += len(acknowledged)
        for seq_no in acknowledged.keys() - events.keys():
            finding.fault(f"{identity} {transaction} {seq_no}: acknowledged, not kept")
        for seq_no, told in ledger.sent.get(transaction, {}).items():
            if events.get(seq_no, told.payload) != told.payload:
                finding.fault(f"{identity} {transaction} {seq_no}: kept otherwise than sent")
    for transaction, events in kept.events.items():
        for seq_no in events.keys() - ledger.sent.get(transaction, {}).keys():
            finding.fault(f"{identity} {transaction} {seq_no}: kept, never sent")
    _compare_states(identity, ledger, kept, finding)
    _compare_readings(identity, ledger, kept, finding, scope)
    _compare_conflicts(identity, ledger, kept, finding, scope)
    return finding


def _compare_states(identity: str, ledger: Ledger, kept: Kept, finding: Finding) -> None:
    if set(kept.states) != set(kept.events):
        finding.fault(f"{identity}: events without their transaction, or the other way round")
    for transaction, events in kept.events.items():
        if transaction not in kept.states:
            continue
        right, (_, found) = fold.state(events), kept.states[transaction]
        finding.energy_wh += found.energy_wh
        finding.energy_acknowledged_wh += right.energy_wh
        for name in _STATE:
            if not _equal(getattr(right, name), getattr(found, name)):
                told = f"{getattr(found, name)!r}, not {getattr(right, name)!r}"
                finding.fault(f"{identity} {transaction}: {name} is {told}")


def _compare_readings(
    identity: str, ledger: Ledger, kept: Kept, finding: Finding, scope: set[str] | None
) -> None:
    right: dict[ReadingKey, tuple[float | None, ...]] = {}
    for transaction, events in kept.events.items():
        for seq_no, payload in events.items():
            right.update(_readings_of(json.loads(payload), transaction, seq_no))
    if scope is None or "" in scope:
        for number, told in ledger.sent.get("", {}).items():
            outside = _readings_of(json.loads(told.payload), "", -1)
            if number in ledger.acknowledged.get("", {}) or outside.keys() <= kept.readings.keys():
                right.update(outside)
    for place, values in right.items():
        if place not in kept.readings:
            finding.fault(f"{identity} {place}: a reading is missing")
        elif not all(map(_equal, values, kept.readings[place])):
            finding.fault(f"{identity} {place}: a reading is {kept.readings[place]}, not {values}")
    for place in kept.readings.keys() - right.keys():
        finding.fault(f"{identity} {place}: a reading of nobody")


def _compare_conflicts(
    identity: str, ledger: Ledger, kept: Kept, finding: Finding, scope: set[str] | None
) -> None:
    finding.conflicts = sum(map(len, kept.conflicts.values()))
    for key, payloads in ledger.conflicts.items():
        if (scope is None or key[0] in scope) and not payloads <= kept.conflicts.get(key, set()):
            finding.fault(f"{identity} {key}: a conflict was acknowledged, not kept")
    for key, payloads in kept.conflicts.items():
        if not payloads <= ledger.conflicts_sent.get(key, set()):
            finding.fault(f"{identity} {key}: a conflict of nobody")
    for transaction, (count, _) in kept.states.items():
        rows = sum(len(payloads) for key, payloads in kept.conflicts.items() if key[0] == transaction)
        if count != rows:
            finding.fault(f"{identity} {transaction}: counts {count} conflicts and keeps {rows}")


def _readings_of(
    payload: dict[str, Any], source: str, seq_no: int
) -> dict[ReadingKey, tuple[float | None, ...]]:
    return {
        (source, seq_no, each.order[1], each.at): (each.power_w, each.import_wh, each.export_wh, each.soc)
        for each in fold.readings(payload, seq_no)
    }


def _equal(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, abs_tol=1e-6)
    return one == other


async def _kept(store: Store, identity: str, scope: set[str] | None) -> Kept:
    def query(text: str, column: str) -> tuple[str, Sequence[object]]:
        if scope is None:
            return text, (identity,)
        condition = _OF.format(column, ",".join("?" * len(scope)))
        return text.replace(" ORDER", f"{condition} ORDER") if " ORDER" in text else text + condition, (
            identity,
            *scope,
        )

    events, states, readings, conflicts = await store.snapshot(
        [
            query(_EVENTS, "transaction_id"),
            query(_STATES, "transaction_id"),
            query(_READINGS, "source"),
            query(_CONFLICTS, "transaction_id"),
        ]
    )
    return _of_rows(events, states, readings, conflicts)


def _of_rows(events: Rows, states: Rows, readings: Rows, conflicts: Rows) -> Kept:
    by_transaction: dict[str, dict[int, bytes]] = {}
    for transaction, seq_no, payload in events:
        by_transaction.setdefault(transaction, {})[seq_no] = bytes(payload)
    beside: dict[Key, set[bytes]] = {}
    for transaction, seq_no, payload in conflicts:
        beside.setdefault((transaction, seq_no), set()).add(bytes(payload))
    folded = {row[0]: (row[1], _state(row[2:])) for row in map(tuple, states)}
    measured = {(row[0], row[1], row[2], row[3]): tuple(row[4:]) for row in map(tuple, readings)}
    return Kept(by_transaction, folded, measured, beside, len(events))


def _state(values: Sequence[Any]) -> State:
    named = dict(zip(_STATE, values, strict=True))
    named["open"], named["offline"] = bool(named["open"]), bool(named["offline"])
    return State(**named)


async def audit_rest(rest: httpx.AsyncClient, stations: Iterable[Witness]) -> Finding:
    """What the REST interface tells of all transactions, against the acknowledged events.

    Every message has to be acknowledged by now.
    """
    finding = Finding()
    for station in stations:
        events = {
            transaction: {seq_no: told.payload for seq_no, told in acknowledged.items()}
            for transaction, acknowledged in station.ledger.acknowledged.items()
            if transaction
        }
        found = {each["transactionId"]: each async for each in _pages(rest, station.identity)}
        finding.transactions += len(found)
        if found.keys() != events.keys():
            finding.fault(f"{station.identity}: {len(found)} transactions, {len(events)} were told")
        for transaction in found.keys() & events.keys():
            _compare_rest(station.identity, found[transaction], fold.state(events[transaction]), finding)
    return finding


def _compare_rest(identity: str, found: dict[str, Any], right: State, finding: Finding) -> None:
    wanted: dict[str, object] = {
        "open": right.open,
        "idToken": right.id_token,
        "chargingState": right.charging_state,
        "stoppedReason": right.stopped_reason,
        "firstImportWh": right.first_import_wh,
        "firstExportWh": right.first_export_wh,
        "lastImportWh": right.last_import_wh,
        "lastExportWh": right.last_export_wh,
        "powerW": right.power_w,
        "soc": right.soc,
    }
    for name, value in wanted.items():
        if not _equal(value, found[name]):
            finding.fault(
                f"{identity} {found['transactionId']}: REST says {name} {found[name]!r}, not {value!r}"
            )
    ended = None if found["endedAt"] is None else fold.micros(found["endedAt"])
    if ended != right.ended_at:
        finding.fault(f"{identity} {found['transactionId']}: REST says ended {found['endedAt']}")
    finding.energy_acknowledged_wh += right.energy_wh
    finding.energy_wh += sum(found[f"last{way}Wh"] or 0.0 for way in ("Import", "Export"))
    finding.energy_wh -= sum(found[f"first{way}Wh"] or 0.0 for way in ("Import", "Export"))


async def _pages(rest: httpx.AsyncClient, identity: str) -> AsyncIterator[dict[str, Any]]:
    after: str | None = None
    while True:
        query = {"station": identity, "limit": str(PAGE)} | ({} if after is None else {"after": after})
        answer = (await rest.get("/transactions", params=query)).raise_for_status().json()
        for item in answer["items"]:
            yield item
        after = answer["next"]
        if after is None:
            return
