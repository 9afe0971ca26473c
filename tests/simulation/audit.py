"""The accounts at the end of a seed: the ledger against the database, read by plain sqlite3."""

import asyncio
import gc
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.simulation import reference
from tests.simulation.world import World

_READINGS = """
    SELECT identity, source, seq_no, part, at, power_w, import_wh, export_wh, soc FROM reading UNION ALL
    SELECT identity, transaction_id, seq_no, 0, read_at, power_w, import_wh, export_wh, soc
    FROM transaction_event WHERE read_at IS NOT NULL
"""
"""From both places where they lie: see `csms.store.readings`."""
CALM_S = 1.0
"""An answer takes no longer in calm weather; what is younger has just come."""
_DEAD = {"Connection", "StationSocket", "Outbound", "Session", "Inbound", "LiveTransactions", "Machine"}


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database file, read only."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()


def audit(world: World, path: Path) -> None:
    """All that can be said of the database when everything is over."""
    with opened(path) as db:
        _events(world, db)
        _transactions(world, db)
        _readings(world, db)
        _statuses(world, db)
        _stations(world, db)


def _events(world: World, db: sqlite3.Connection) -> None:
    kept: dict[tuple[str, str, int], set[bytes]] = {}
    for table in ("transaction_event", "transaction_event_conflict"):
        for row in db.execute(f"SELECT identity, transaction_id, seq_no, payload FROM {table}"):
            key = (row["identity"], row["transaction_id"], row["seq_no"])
            payload = bytes(row["payload"])
            if payload in kept.setdefault(key, set()):
                world.blame(f"event {key} is kept twice")
            kept[key].add(payload)
            if payload not in world.ledger.events.get(key, {}):
                world.blame(f"event {key} is kept in {table} and nobody said it: {payload!r}")
    for key, variants in world.ledger.events.items():
        for payload, acknowledged in variants.items():
            world.counts["events"] += acknowledged
            if acknowledged and payload not in kept.get(key, ()):
                world.blame(f"event {key} was acknowledged and is lost: {payload!r}")


def _transactions(world: World, db: sqlite3.Connection) -> None:
    events: dict[tuple[str, str], list[bytes]] = {}
    for row in db.execute("SELECT identity, transaction_id, payload FROM transaction_event"):
        events.setdefault((row["identity"], row["transaction_id"]), []).append(bytes(row["payload"]))
    conflicts = Counter(
        tuple(row) for row in db.execute("SELECT identity, transaction_id FROM transaction_event_conflict")
    )
    rows = {
        (row["identity"], row["transaction_id"]): row for row in db.execute('SELECT * FROM "transaction"')
    }
    if rows.keys() != events.keys():
        world.blame(f"transactions and their events differ: {rows.keys() ^ events.keys()}")
        return
    for key, row in rows.items():
        for name, wanted in reference.folded(events[key]).items():
            if row[name] != wanted and not _close(row[name], wanted):
                world.blame(f"transaction {key}: {name} is {row[name]!r} and should be {wanted!r}")
        if bool(row["conflicts"]) != bool(conflicts[key]) or row["conflicts"] < conflicts[key]:
            world.blame(f"transaction {key}: {row['conflicts']} conflicts, {conflicts[key]} kept")
        world.counts["transactions"] += 1


def _close(value: Any, wanted: Any) -> bool:
    return isinstance(value, float) and isinstance(wanted, float | int) and abs(value - wanted) < 1e-6


def _readings(world: World, db: sqlite3.Connection) -> None:
    """Each reading of each kept event, once, with its values; and those of acknowledged MeterValues."""
    kept: dict[tuple[str, int, str, int], sqlite3.Row] = {}
    parts: set[tuple[str, str, int, int]] = set()
    for row in db.execute(_READINGS):
        kept[row["identity"], row["at"], row["source"], row["seq_no"]] = row
        part = row["identity"], row["source"], row["seq_no"], row["part"]
        if part in parts and row["source"]:
            world.blame(f"reading {part} is there twice")
        parts.add(part)
    wanted: set[tuple[str, int, str, int]] = set()
    for row in db.execute("SELECT identity, transaction_id, seq_no, payload FROM transaction_event"):
        for reading in reference.readings(json.loads(row["payload"])):
            key = (row["identity"], reading["at"], row["transaction_id"], row["seq_no"])
            wanted.add(key)
            _check_reading(world, kept.get(key), reading, key)
    for (identity, payload), acknowledged in world.ledger.meters.items():
        try:
            found = reference.readings(json.loads(payload))
        except (LookupError, ValueError, TypeError):
            continue  # a bad one
        for reading in found:
            key = (identity, reading["at"], "", -1)
            wanted.add(key)
            if acknowledged:
                _check_reading(world, kept.get(key), reading, key)
    if kept.keys() - wanted:
        world.blame(f"readings that nobody said: {sorted(kept.keys() - wanted)[:3]}")


def _check_reading(world: World, row: sqlite3.Row | None, reading: dict[str, Any], key: object) -> None:
    if row is None:
        world.blame(f"reading {key} is lost")
    elif any(row[name] != value and not _close(row[name], value) for name, value in reading.items()):
        world.blame(f"reading {key} is {dict(row)} and should be {reading}")


def _statuses(world: World, db: sqlite3.Connection) -> None:
    kept = {
        (row["identity"], row["evse_id"], row["connector_id"]): row
        for row in db.execute("SELECT * FROM connector")
    }
    for place, told in world.ledger.statuses.items():
        answered = [reference.micros(at) for at, _, done in told if done]
        row = kept.pop(place, None)
        if row is None:
            if answered and place[0] not in world.removed:
                world.blame(f"the status of {place} is lost")
            continue
        said = {(reference.micros(at), status) for at, status, _ in told}
        if (row["status_at"], row["status"]) not in said or (
            row["status_at"] < max(answered, default=0) and place[0] not in world.removed
        ):
            world.blame(f"the status of {place} is {dict(row)}")
    if kept:
        world.blame(f"statuses that nobody told: {sorted(kept)}")


def _stations(world: World, db: sqlite3.Connection) -> None:
    for row in db.execute("SELECT * FROM station"):
        identity = row["identity"]
        if row["connected"]:
            world.blame(f"{identity} is connected, says the store, and all is over")
        if row["hold"] == "duplicate identity" and identity not in world.conflicts_allowed:
            world.blame(f"{identity} is held for {row['hold']!r} and has no twin")
        low, high = world.ledger.boots_answered[identity], world.ledger.boots_heard[identity]
        if identity not in world.removed and not low <= row["boot_epoch"] <= high:
            world.blame(f"{identity} has booted {row['boot_epoch']} times; {low} answered, {high} heard")


def check_quiet(world: World, path: Path) -> None:
    """Everybody is there and has told everything: presence is right and nothing waits."""
    gateway = world.house.gateway
    if gateway is None:
        world.blame("there is no server in calm weather")
        return
    held = set(gateway._registry._held)
    with opened(path) as db:
        connected = {row["identity"] for row in db.execute("SELECT identity FROM station WHERE connected")}
    if held != connected:
        world.blame(f"connected are {sorted(held)}, the store says {sorted(connected)}")
    for station in world.stations:
        if station.identity not in held:
            world.blame(f"{station} is not connected in calm weather")
        if station.outbox:
            world.blame(f"{station} still has {len(station.outbox)} to tell: {station.outbox[0]}")
    for tap in world.conversations:
        if tap.open and tap.unanswered and tap.waited_s > CALM_S:
            world.blame(f"{tap}: not answered: {tap.unanswered}")


class Usual:
    """What is there when nobody is connected."""

    def __init__(self, world: World) -> None:
        self._tasks = _tasks()
        self._timers = _timers(world)
        self._objects = _objects()

    def check(self, world: World) -> None:
        """All are gone: nothing may be left of them."""
        gateway, bus = world.house.gateway, world.house.bus
        if gateway is None or bus is None:
            world.blame("there is no server in calm weather")
            return
        if gateway.connections or bus._servers:
            world.blame(f"left: {list(gateway._registry._held)} registered, {list(bus._servers)} served")
        if more := _tasks() - self._tasks:
            world.blame(f"tasks are left: {dict(more)}")
        if more := _timers(world) - self._timers:
            world.blame(f"timers are left: {dict(more)}")
        more = _objects() - self._objects
        if any(number > 1 for number in more.values()):  # one may hang on a loop's last turn
            world.blame(f"objects are left: {dict(more)}")


def _tasks() -> Counter[str]:
    return Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())


def _objects() -> Counter[str]:
    gc.collect()
    kinds = (type(each) for each in gc.get_objects())
    return Counter(
        kind.__name__ for kind in kinds if kind.__name__ in _DEAD and kind.__module__.startswith("csms.")
    )


def _timers(world: World) -> Counter[str]:
    callbacks = (getattr(timer, "_callback", None) for timer in world.loop.timers)
    return Counter(str(getattr(callback, "__qualname__", callback)) for callback in callbacks)
