"""Which ratios follow from a scenario, and the floors and aims of the plan for them."""

from dataclasses import replace

from benchmarks.figures import Claim
from benchmarks.plan import Plan
from benchmarks.subjects import (
    ECHO,
    FORGETFUL,
    GATEWAY,
    POSTGRESQL,
    README,
    RPC,
    SECURE,
    SECURE_ECHO,
    SQLITE,
)

EVENT, BEAT, BOOT = "/event", "/heartbeat", "/boot"
JUDGED_FAN_OUT = 10_000  # the plan's floor is for so many stations; fewer are told beside it


def _ratio(text: str, over: str, under: str, floor: float | None = None, aim: float | None = None) -> Claim:
    return Claim(text, "rate", over, under, floor, aim)


def _durable(echo: tuple[float, float], postgresql: tuple[float, float] | tuple[None, None]) -> list[Claim]:
    return [
        _ratio("durable, SQLite, of echo", SQLITE + EVENT, ECHO + EVENT, *echo),
        _ratio("durable, PostgreSQL, of echo", POSTGRESQL + EVENT, ECHO + EVENT, *postgresql),
        _ratio(f"durable, SQLite, of {README} (stores nothing)", SQLITE + EVENT, README + EVENT, 6.0, 10.0),
        _ratio(f"durable, PostgreSQL, of {README} (stores nothing)", POSTGRESQL + EVENT, README + EVENT),
        _ratio(f"durable, SQLite, of {RPC} (stores nothing)", SQLITE + EVENT, RPC + EVENT),
    ]


def _validated() -> list[Claim]:
    """The floors are for what is validated, dispatched and answered and has nothing to store.

    The event that nobody keeps is told beside it: it is all of the product but the disk.
    """
    beat, event = "Heartbeat, validated, not stored", "TransactionEvent with its fold and facts, not kept"
    return [
        _ratio(f"{beat}, of echo", SQLITE + BEAT, ECHO + BEAT, 0.60, 0.80),
        _ratio(f"{beat}, of {RPC}", SQLITE + BEAT, RPC + BEAT, 1.0, 1.3),
        _ratio(f"{beat}, of {README}", SQLITE + BEAT, README + BEAT),
        _ratio(f"{event}, of echo", FORGETFUL + EVENT, ECHO + EVENT),
        _ratio(f"{event}, of {RPC}", FORGETFUL + EVENT, RPC + EVENT),
        _ratio(f"{event}, of {README}", FORGETFUL + EVENT, README + EVENT),
    ]


def _fan_out(count: int) -> Claim:
    floor, aim = (8.0, 12.0) if count >= JUDGED_FAN_OUT else (None, None)
    over, under = f"{GATEWAY}/{count}", f"{README}/{count}"
    text = f"fan-out to {count:,} stations, times as fast as ChargePoint.call"
    return Claim(text, "seconds", over, under, floor, aim, inverse=True)


def _open_loop(rate: float) -> list[Claim]:
    text, keeping = f"p99 at {rate:,.0f} events/s", "of the same keeping nothing"
    sqlite, postgresql, forgetful = SQLITE + EVENT, POSTGRESQL + EVENT, FORGETFUL + EVENT
    return [
        Claim(f"{text}, SQLite, {keeping}", "p99", sqlite, forgetful, 3.0, 1.5, at_most=True),
        Claim(f"{text}, PostgreSQL, {keeping}", "p99", postgresql, forgetful, at_most=True),
    ]


def _connections() -> list[Claim]:
    sqlite, echo, readme = SQLITE + BOOT, ECHO + BOOT, README + BOOT
    memory, handshake = "memory of an idle booted station", "handshake, authentication and boot"
    return [
        Claim(f"{memory}, of bare websockets", "kib", sqlite, echo, 2.5, 1.6, at_most=True),
        Claim(f"{memory}, of {README}", "kib", sqlite, readme, at_most=True),
        _ratio(f"{handshake}, of bare websockets", sqlite, echo),
        _ratio(f"{handshake}, of {README}", sqlite, readme),
    ]


def _tls() -> list[Claim]:
    text, echo = "TLS (profile 2)", "of websockets over TLS"
    return [
        Claim(f"{text}, KiB of an idle booted station", "kib", SECURE + BOOT, "", 150.0, 110.0, at_most=True),
        Claim(f"{text}, memory, {echo}", "kib", SECURE + BOOT, SECURE_ECHO + BOOT, at_most=True),
        _ratio(f"{text}, handshake, authentication and boot, {echo}", SECURE + BOOT, SECURE_ECHO + BOOT),
        _ratio(f"{text}, Heartbeat, {echo}", SECURE + BEAT, SECURE_ECHO + BEAT),
        _ratio(f"{text}, durable TransactionEvent, {echo}", SECURE + EVENT, SECURE_ECHO + EVENT),
    ]


def claims(scenario: str, plan: Plan) -> list[Claim]:
    """The ratios of a scenario."""
    few, many = f"{plan.few} stations", f"{plan.many:,} stations"
    if scenario == "durable-100":
        return _with(few, _durable((0.25, 0.40), (None, None)))
    if scenario == "durable-1000":
        return _with(many, _durable((0.30, 0.50), (0.22, 0.35)))
    if scenario == "validated":
        return _with(few, _validated())
    if scenario == "open-loop":
        return _open_loop(plan.open_rate)
    if scenario == "fan-out":
        return [_fan_out(count) for count in plan.fan_out]
    if scenario == "tls":
        return _tls()
    return _connections() if scenario == "connections" else []


def _with(stations: str, found: list[Claim]) -> list[Claim]:
    return [replace(claim, text=f"{claim.text}, {stations}") for claim in found]
