"""The frame log: what is in it, and what never is (B-06)."""

import asyncio
from dataclasses import replace

import pytest

from csms.clock import RealClock
from csms.errors import StationRefused
from csms.gateway.frame_log import FrameLog, Recorder
from csms.store import journal
from csms.wire.dialect import RawCall
from tests.flows.gateway.front import PASSWORD, STATION, Front

SECRET = "canary-0123456789-canary"


async def logged(door: Front) -> list[str]:
    await door.gateway._frame_log.flush()
    return [f"{row.way} {row.text}" for row in await journal.frames(door.db, STATION, 0, 1000)]


async def test_both_ways_are_logged_in_their_order(door: Front) -> None:
    async with door.connected(boot=False) as client:
        await client.boot()
        await client.result("Heartbeat", {})
    frames = await logged(door)
    assert [frame.split(" ")[0] for frame in frames] == ["in", "out", "in", "out"]
    assert '"BootNotification"' in frames[0]


async def test_b_06_secrets_are_neither_in_the_frame_log_nor_in_any_other(
    door: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = {
        "attributeValue": SECRET,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
    }

    async def refused() -> None:
        with pytest.raises(StationRefused):
            await door.ask(RawCall("SetVariables", {"setVariableData": [setting]}))

    async with door.connected() as client, asyncio.TaskGroup() as group:
        group.create_task(refused())
        frame = await client.receive()
        await client.send([4, frame[1], "InternalError", f"bad value {SECRET}", {}])
    frames = "\n".join(await logged(door))
    assert '"SetVariables", "***"' in frames
    output = capsys.readouterr()
    for text in (frames, output.out, output.err):
        assert SECRET not in text
        assert PASSWORD not in text


def _texts(*texts: str | bytes) -> list[str]:
    frame_log = FrameLog(None, None, RealClock(), 10)  # type: ignore[arg-type]
    recorder = Recorder(frame_log, STATION)
    for text in texts:
        recorder.note("in", text)
    return [text for *_, text in frame_log.gathered]


def test_odd_texts_are_taken() -> None:
    assert _texts(b"\x00", "nonsense", "my Password is x", '["password"]', "[2]") == [
        "(binary)",
        "nonsense",
        "***",
        "***",
        "[2]",
    ]
    assert len(_texts("x" * 100_000)[0]) == 20_000


def test_calls_that_are_never_answered_are_not_remembered_for_ever() -> None:
    recorder = Recorder(FrameLog(None, None, RealClock(), 10), STATION)  # type: ignore[arg-type]
    for number in range(100):
        recorder.note("in", f'[2,"{number}","X",{{"password":"{SECRET}"}}]')
    assert len(recorder._hushed) < 20
    recorder.note("out", f'[3,"99",{{"told":"{SECRET}"}}]')
    assert SECRET not in str(recorder._log.gathered)


def test_a_login_in_an_address_is_hidden() -> None:
    (text,) = _texts('[2,"a","GetLog",{"log":{"remoteLocation":"ftp://user:pass@example.org/x"}}]')
    assert "ftp://***@example.org/x" in text


async def test_only_the_newest_frames_stay(door: Front) -> None:
    door.gateway._frame_log.kept = 10
    async with door.connected() as client:
        for _ in range(30):
            await client.result("Heartbeat", {})
    assert len(await logged(door)) == 10


async def test_it_can_be_switched_off(door: Front) -> None:
    assert replace(door.gateway.house.settings, frames_kept=0).frames_kept == 0
    door.gateway._frame_log.kept = 0
    async with door.connected() as client:
        await client.result("Heartbeat", {})
    assert await logged(door) == []
