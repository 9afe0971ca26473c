"""The command line as a process of its own, against the small server."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chargepoint_sim.scenario import read_scenario

ROOT = Path(__file__).parents[3]
SCENARIOS = sorted((ROOT / "configs" / "scenarios").glob("*.toml"))


class Process:
    """A running command; its events are JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    async def until(self, event: str) -> dict[str, Any]:
        """Read until an event comes."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            async for line in self.process.stdout:
                self.events.append(json.loads(line))
                if self.events[-1]["event"] == event:
                    return self.events[-1]
        raise AssertionError(f"{event} never came: {self.events}")

    async def type(self, line: str) -> None:
        """Type on its console."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[Process]:
    """`chargepoint-sim` with arguments."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chargepoint_sim",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def finished(*arguments: str) -> tuple[int | None, str, str]:
    """Exit code, stdout and stderr of a command."""
    async with started(*arguments) as one:
        out, err = await asyncio.wait_for(one.process.communicate(), 100)
        return one.process.returncode, out.decode(), err.decode()


async def test_a_fleet_gets_ready_and_sums_up_when_asked_to_end(csms: Any, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    arguments = [
        "fleet",
        "--url",
        csms.url,
        "--count",
        "5",
        "--speed",
        "100",
        "--json",
        "--truth",
        str(truth),
    ]
    async with started(*arguments) as one:
        ready = await one.until("ready")
        assert (ready["stations"], ready["vehicles"]) == (5, 5)
        await csms.wait_for(
            "TransactionEvent", lambda p: p["triggerReason"] == "MeterValuePeriodic", count=10
        )
        one.process.send_signal(signal.SIGTERM)
        summary = await one.until("summary")
        assert await one.process.wait() == 0
    rows = [json.loads(line) for line in truth.read_text().splitlines()]
    assert len(rows) == 5
    assert summary["imported_wh"] == pytest.approx(sum(row["imported_wh"] for row in rows), abs=1)
    assert summary["imported_wh"] > 0
    assert summary["exported_wh"] == 0
    assert {"id_token", "exported_wh", "soc", "min_soc", "reserve_soc"} <= set(rows[0])


async def test_one_station_with_its_console(csms: Any) -> None:
    async with started(
        "run", "--url", csms.url, "--identity", "CS1", "--password", "x" * 16, "--speed", "50", "--json"
    ) as one:
        await one.until("boot")
        await one.type("plug 1 TAG-9 55")
        await one.until("transaction_started")
        await csms.wait_for("TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "Charging")
        await one.type("plug 1")
        assert "not free" in (await one.until("mistake"))["why"]
        await one.type("dance")
        await one.until("mistake")
        await one.type("pause 1")
        assert (await one.until("paused"))["by"] == "vehicle"
        await one.type("wake 1")
        await csms.wait_for(
            "TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "Charging", count=2
        )
        await one.type("swipe 2 TAG-8")
        assert (await one.until("swiped"))["status"] == "Accepted"
        await one.type("stop 1")
        assert (await one.until("transaction_ended"))["reason"] == "Local"
        await one.type("unplug 1")
        await one.until("unplugged")
        await one.type("quit")
        await one.until("status")
        assert await one.process.wait() == 0


async def test_a_fleet_of_all_versions_tells_its_figures(csms: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [
        "fleet",
        "--url",
        csms.url,
        "--count",
        "4",
        "--speed",
        "50",
        "--json",
        "--version",
        "2.0.1=3",
    ]
    arguments += ["--figures-every", "0.2", "--metrics-port", str(port), "--sessions", "acn-jpl"]
    async with started(*arguments) as one:
        await one.until("ready")
        figures = await one.until("figures")
        assert (figures["stations"], figures["vehicles"], figures["online"]) == (4, 4, 4)
        assert figures["answers"] > 10
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        assert "chargepoint_sim_online 4.0" in text
        assert "chargepoint_sim_sent_total" in text


async def test_the_scenario_of_an_outage(csms: Any) -> None:
    code, out, err = await finished(
        "scenario", str(ROOT / "configs/scenarios/outage.toml"), "--url", csms.url, "--json"
    )
    events = [json.loads(line) for line in out.splitlines()]
    assert [event for event in events if event["event"] == "expectation" and not event["held"]] == []
    assert (code, err) == (0, "")
    assert events[-1] == {"event": "scenario", "name": "outage", "passed": True}


async def test_a_scenario_that_fails_says_so(csms: Any, tmp_path: Path) -> None:
    file = tmp_path / "hopeless.toml"
    fleet = '[fleet]\nurl = "ws://x"\ncount = 1\nspeed = 50\n'
    file.write_text(f'duration_s = 5\n{fleet}[[expect]]\nwhat = "exported_wh"\nmin = 1\n')
    code, out, _ = await finished("scenario", str(file), "--url", csms.url, "--json")
    assert code == 1
    assert json.loads(out.splitlines()[-1])["passed"] is False


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_of_the_product_can_be_read(file: Path) -> None:
    scenario = read_scenario(file, None)
    assert scenario.expectations


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Missing command"),
        (["fleet"], 2, "--url"),
        (["fleet", "--url", "ws://x", "--count", "many"], 2, "--count"),
        (["fleet", "--url", "http://x", "--count", "1"], 2, "ws://"),
        (["fleet", "--url", "ws://x", "--count", "1", "--session-time", "noon"], 2, "--session-time"),
        (["fleet", "--url", "ws://x", "--count", "1", "--sessions", "/nowhere"], 2, "nowhere"),
        (["fleet", "--url", "ws://x", "--count", "1", "--register", "http://x"], 2, "--api-key"),
        (
            ["run", "--url", "ws://x", "--identity", "a", "--password", "b", "--fault", "flood"],
            2,
            "unknown fault",
        ),
        (
            ["run", "--url", "ws://x", "--identity", "a", "--password", "b", "--plug-at-start", "9"],
            2,
            "--evses",
        ),
        (
            ["run", "--url", "wss://x", "--identity", "a", "--password", "b", "--key", __file__],
            2,
            "--certificate",
        ),
        (["scenario", "/nowhere.toml"], 2, "nowhere"),
        (["ev", "--secc", "nowhere"], 2, "HOST:PORT"),
        (["fleet", "--url", "ws://x", "--count", "1", "--version", "3.0"], 2, "--version"),
        (["fleet", "--url", "ws://x", "--count", "1", "--live", "--json"], 2, "--live"),
        (["scenario", "configs/scenarios/evening_peak.toml"], 2, "--register"),
        (
            [
                "fleet",
                "--url",
                "ws://x",
                "--count",
                "1",
                "--register",
                "http://127.0.0.1:1",
                "--api-key",
                "k",
            ],
            1,
            "/sites",
        ),
    ],
)
async def test_wrong_use_is_one_line(arguments: list[str], code: int, says: str) -> None:
    got, out, err = await finished(*arguments)
    assert (got, out) == (code, "")
    assert err.startswith("chargepoint-sim: ")
    assert err.count("\n") == 1
    assert says in err


async def test_both_ends_of_iso_15118_alone_over_tls(tmp_path: Path) -> None:
    pki = ["--pki", str(tmp_path / "pki")]
    async with started("secc", *pki, "--limit-w", "-7000", "--sessions", "1", "--json") as station:
        port = (await station.until("listening"))["port"]
        ev = ["ev", "--secc", f"127.0.0.1:{port}", *pki, "--loop-period-s", "0.05", "--loops", "40", "--json"]
        code, out, err = await finished(*ev)
        assert (code, err) == (0, "")
        events = [json.loads(line) for line in out.splitlines()]
        assert [one["event"] for one in events][:2] == ["connected", "power"]
        assert events[1]["power_w"] == pytest.approx(-7000)
        assert events[-1] == {"event": "ended", "how": "by vehicle", "why": "", "soc": events[-1]["soc"]}
        needs = await station.until("needs")
        assert needs["bidirectional"] is True
        assert needs["v2x_minimum_wh"] < 0
        assert (await station.until("ended"))["how"] == "by vehicle"
        assert await asyncio.wait_for(station.process.wait(), 30) == 0


@pytest.mark.parametrize("protocol", ["20", "2"])
async def test_a_station_alone_takes_orders_by_typing(protocol: str) -> None:
    async with started("secc", "--service", "2", "--sessions", "1", "--json") as station:
        port = (await station.until("listening"))["port"]
        ev = [
            "ev",
            "--secc",
            f"127.0.0.1:{port}",
            "--loop-period-s",
            "0.05",
            "--protocol",
            protocol,
            "--json",
        ]
        async with started(*ev) as vehicle:
            assert (await vehicle.until("power"))["power_w"] > 0
            await station.type("limit nowhere")
            await station.until("mistake")
            await station.type("limit 1500")
            assert (await vehicle.until("power"))["power_w"] == pytest.approx(1500)
            await station.type("stop")
            assert (await vehicle.until("ended"))["how"] == "by station"
        assert (await station.until("ended"))["how"] == "by station"


@pytest.mark.parametrize(
    "arguments",
    [
        ("ev",),
        ("ev", "--secc", "127.0.0.1:1", "--interface", "lo"),
        ("ev", "--secc", "127.0.0.1:1", "--control", "none"),
        ("ev", "--secc", "127.0.0.1:1", "--protocol", "3"),
        ("secc", "--service", "3"),
    ],
)
async def test_ends_refuse_wrong_options(arguments: tuple[str, ...]) -> None:
    code, _, err = await finished(*arguments)
    assert code == 2
    assert err.startswith("chargepoint-sim: --") or "either --secc" in err


async def test_a_vehicle_without_a_station_says_so() -> None:
    code, _, err = await finished("ev", "--secc", "127.0.0.1:1")
    assert code == 1
    assert "onnect" in err
