"""A central system as in the README of the `ocpp` package, with two more handlers. It stores nothing.

`fan_out` on standard input: `ChargePoint.call` of SetChargingProfile to all who are connected.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint as Library
from ocpp.v201 import call, call_result
from ocpp.v201.datatypes import ChargingProfileType, ChargingSchedulePeriodType, ChargingScheduleType
from ocpp.v201.enums import (
    Action,
    ChargingProfileKindEnumType,
    ChargingProfilePurposeEnumType,
    ChargingRateUnitEnumType,
    RegistrationStatusEnumType,
)
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.peers.pipe import obey, tell, told_all
from benchmarks.processes import raise_file_limit

logging.getLogger("ocpp").setLevel(logging.WARNING)
connected: dict[str, "ChargePoint"] = {}


class ChargePoint(Library):  # type: ignore[misc]
    """Answers as the README does."""

    @on(Action.boot_notification)  # type: ignore[untyped-decorator]
    def on_boot_notification(self, **_: Any) -> Any:
        """Accepted."""
        return call_result.BootNotification(
            current_time=_now(), interval=10, status=RegistrationStatusEnumType.accepted
        )

    @on(Action.heartbeat)  # type: ignore[untyped-decorator]
    def on_heartbeat(self) -> Any:
        """The time."""
        return call_result.Heartbeat(current_time=_now())

    @on(Action.transaction_event)  # type: ignore[untyped-decorator]
    def on_transaction_event(self, **_: Any) -> Any:
        """Nothing to say, nothing kept."""
        return call_result.TransactionEvent()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def profile(limit_w: float) -> Any:
    """A setpoint as a profile of one period."""
    return call.SetChargingProfile(
        evse_id=1,
        charging_profile=ChargingProfileType(
            id=1,
            stack_level=0,
            charging_profile_purpose=ChargingProfilePurposeEnumType.tx_profile,
            charging_profile_kind=ChargingProfileKindEnumType.absolute,
            transaction_id="t-1",
            valid_to=_now(),
            charging_schedule=[
                ChargingScheduleType(
                    id=1,
                    start_schedule=_now(),
                    duration=360,
                    charging_rate_unit=ChargingRateUnitEnumType.watts,
                    charging_schedule_period=[ChargingSchedulePeriodType(start_period=0, limit=limit_w)],
                )
            ],
        ),
    )


async def on_connect(socket: ServerConnection) -> None:
    """One station until it goes."""
    assert socket.request is not None
    identity = socket.request.path.rpartition("/")[2]
    charge_point = connected[identity] = ChargePoint(identity, socket)
    try:
        await charge_point.start()
    except ConnectionClosed:
        connected.pop(identity, None)


async def fan_out(command: dict[str, Any]) -> dict[str, Any]:
    """Seconds until every station has accepted."""

    async def one(charge_point: ChargePoint) -> bool:
        answer = await charge_point.call(profile(command["limit_w"]))
        return bool(answer is not None and answer.status == "Accepted")

    begun = time.perf_counter()
    accepted = await told_all(list(connected.values()), command["in_flight"], one)
    return {"seconds": time.perf_counter() - begun, "accepted": accepted}


async def main() -> None:
    """Serve until told to end."""
    raise_file_limit()
    async with serve(
        on_connect, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp2.0.1")], backlog=1024
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        tell({"event": "ready", "ocpp": f"ws://127.0.0.1:{port}/ocpp"})
        await obey(fan_out)


if __name__ == "__main__":
    asyncio.run(main())
