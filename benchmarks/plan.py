"""How long and how much: three sizes of the same measurements."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of stations, rounds and seconds of each scenario."""

    rounds: int
    seconds: float
    few: int
    many: int
    open_rate: float
    open_seconds: float
    fan_out: tuple[int, ...]
    handshakes: int
    connection_rounds: int
    writer_rounds: int
    writer_events: int


FULL = Plan(
    rounds=3,
    seconds=3.0,
    few=100,
    many=1000,
    open_rate=2000.0,
    open_seconds=6.0,
    fan_out=(2000, 10_000),
    handshakes=2000,
    connection_rounds=3,
    writer_rounds=3,
    writer_events=30_000,
)
QUICK = Plan(
    rounds=2,
    seconds=1.0,
    few=100,
    many=1000,
    open_rate=2000.0,
    open_seconds=2.0,
    fan_out=(2000,),
    handshakes=500,
    connection_rounds=1,
    writer_rounds=1,
    writer_events=10_000,
)
TINY = Plan(
    rounds=1,
    seconds=0.2,
    few=4,
    many=8,
    open_rate=100.0,
    open_seconds=0.3,
    fan_out=(8,),
    handshakes=30,
    connection_rounds=1,
    writer_rounds=1,
    writer_events=500,
)
