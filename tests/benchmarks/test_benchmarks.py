"""The benchmarks run, tell what they must, and stop at an answer that is none. Figures are not judged."""

import asyncio
import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.claims import claims
from benchmarks.figures import Claim, Series, judge
from benchmarks.load.loops import ClosedLoop
from benchmarks.load.station import BadReply, Station
from benchmarks.plan import FULL, TINY
from benchmarks.report import in_page, summed_up
from benchmarks.scenarios import SCENARIOS


def test_the_validated_scenario_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "result.json"
    assert main(["--tiny", "--offline", "--only", "validated", "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert not result["failed"]
    for series in result["series"]:
        assert all(each["count"] > 0 for each in series["rounds"])
    assert {verdict["claim"]["floor"] for verdict in result["verdicts"]} == {0.6, None}
    assert "NOT BROUGHT: ocpp-rpc strict" in capsys.readouterr().out


def test_a_floor_that_is_missed_is_told() -> None:
    fast = Series("s", "fast", "event", [{"rate": 10.0}, {"rate": 12.0}, {"rate": 30.0}])
    slow = Series("s", "slow", "event", [{"rate": 5.0}, {"rate": 5.0}, {"rate": 5.0}])
    claim = Claim("of slow", "rate", "fast/event", "slow/event", floor=2.5)
    (verdict,) = judge([claim], [fast, slow])
    assert (verdict.ratio, verdict.low, verdict.high) == (2.4, 2.0, 6.0)
    assert verdict.met is False


def test_a_result_takes_the_place_of_the_one_before_in_its_page() -> None:
    page = Path(__file__).parents[2].joinpath("docs/benchmarks.md").read_text()
    once = in_page(page, "| a | b |")
    assert "\n| a | b |\n" in once
    assert in_page(once, "| c |") == once.replace("| a | b |", "| c |")
    assert once.startswith(page[: page.index("<!-- begin")])
    with pytest.raises(ValueError, match="begin of the result"):
        in_page("no marks", "")


def test_a_figure_that_is_no_ratio_is_judged_by_itself() -> None:
    series = Series("s", "csms", "boot", [{"kib": 90.0}, {"kib": 130.0}, {"kib": 120.0}])
    claim = Claim("KiB", "kib", "csms/boot", "", floor=150.0, aim=110.0, at_most=True)
    (verdict,) = judge([claim], [series])
    assert (verdict.ratio, verdict.met, verdict.aimed) == (120.0, True, False)
    assert summed_up([verdict]) == "1 of 1 floors met. Not met: none. Aims that are reached too: none."


def test_every_scenario_but_the_writer_alone_has_its_ratios() -> None:
    assert {name for name in SCENARIOS if not claims(name, FULL)} == {"writer"}
    assert not [claim for claim in claims("fan-out", TINY) if claim.floor is not None]


@pytest.mark.parametrize(
    "answer", ['[3,"another",{}]', '[4,"{id}","InternalError","",{}]', '[3,"{id}",[]]', "[3,"]
)
async def test_a_wrong_answer_ends_the_measurement(answer: str) -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: BACScCJPNqyz+UBoqMH89VmURoA=\r\n\r\n"
        )
        call = await reader.read(4096)
        message_id = json.loads(call[call.index(b"[") :])[1]
        text = answer.replace("{id}", message_id).encode()
        writer.write(bytes((0x81, len(text))) + text)
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        station = Station("s0", "", "/ocpp", echo=False, run="r")
        await asyncio.get_running_loop().create_connection(lambda: station, "127.0.0.1", port)
        await station.opened
        with pytest.raises((BadReply, ValueError)):
            await ClosedLoop([station], "heartbeat").run(0.2)
        station.close()
        async with asyncio.timeout(5):
            await gone.wait()
