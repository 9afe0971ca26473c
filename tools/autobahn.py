"""Run the Autobahn fuzzing client against our listener: `python tools/autobahn.py WSTEST [CASES ...]`.

WSTEST is the command of PyPI's autobahntestsuite 25.10.1, a Python 2.7 program. It needs, in the last
versions that run there: autobahn==0.10.9, twisted==19.10.0, txaio==2.1.0, jinja2==2.10.3, markupsafe==1.1.1,
werkzeug==0.16.1, klein==17.10.0, unittest2, pyopenssl==20.0.1, cryptography==3.3.2, service_identity==18.1.0.
"""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from csms.gateway.handshake import Claim, Login
from csms.gateway.house import GatewaySettings
from csms.gateway.listener import Listener
from csms.gateway.socket import StationSocket
from csms.store.stations import StationRow

MIB = 1 << 20
SETTINGS = GatewaySettings(
    port=0, max_message_before_accepted_bytes=64 * MIB, write_buffer_bytes=256 * MIB
)  # its largest message has 16 MiB


def screen(socket: StationSocket, request: Request) -> Claim:
    """It has no name and no password."""
    return Claim(socket.address, "autobahn", 1, Login("", ""))


async def admit(socket: StationSocket, claim: Claim) -> None:
    """Everybody."""
    row = StationRow(identity=claim.identity, password_hash="", created_at=datetime.now(UTC))
    socket.let_in(row)


def echo(socket: StationSocket) -> None:
    """Text and binary, though the gateway itself sends no binary."""

    def hear(message: str | bytes) -> None:
        if isinstance(message, str):
            socket.send(message)
        else:
            extensions = [] if socket._machine is None else socket._machine.extensions
            frame = Frame(Opcode.BINARY, message)
            socket._transport.write(frame.serialize(mask=False, extensions=extensions))

    socket.attach(hear, lambda: None)


async def run(wstest: str, cases: list[str], folder: Path) -> int:
    """All cases; the number that were not passed."""
    async with Listener(SETTINGS, [], screen, admit, echo).open() as ports:
        spec = {
            "outdir": str(folder),
            "servers": [{"agent": "csms", "url": f"ws://127.0.0.1:{ports.plain}"}],
            "cases": cases or ["*"],
            "exclude-cases": [],
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        process = await asyncio.create_subprocess_exec(
            wstest, "-m", "fuzzingclient", "-s", str(folder / "spec.json")
        )
        await process.wait()
    results = json.loads((folder / "index.json").read_text())["csms"]
    outcomes = Counter(result["behavior"] for result in results.values())
    print(f"{len(results)} cases:", ", ".join(f"{name} {count}" for name, count in outcomes.items()))
    good = {"OK", "NON-STRICT", "INFORMATIONAL"}
    bad = [
        name
        for name, result in results.items()
        if result["behavior"] not in good or result["behaviorClose"] not in good
    ]
    if bad:
        print("not passed:", ", ".join(bad))
    return len(bad)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(bool(asyncio.run(run(sys.argv[1], sys.argv[2:], Path(scratch)))))
