"""A station of a few lines of plain JSON at a real server process, and the command line beside it."""

import base64
import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from csms.cli.main import run
from tests.cli.conftest import Cli, Ended, start, stop

Json = dict[str, Any]
Here = Callable[..., Ended]

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
BOOT_16 = {"chargePointVendor": "V", "chargePointModel": "M"}
WAIT_S = 20.0
NOW = "2026-01-01T00:00:00Z"
PLACE = {"component": {"name": "TxCtrlr"}, "variable": {"name": "StopTxOnInvalidId"}}


class Station:
    """Accepts whatever it is asked; tells what it was asked for after the answer."""

    def __init__(self, socket: ClientConnection, boot: Json = BOOT) -> None:
        self.socket = socket
        self.asked: list[tuple[str, Json]] = []
        self.replies: dict[str, Json] = {}
        self.boot = boot
        self.said = 0
        self.told: queue.Queue[list[Any]] = queue.Queue()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def call(self, action: str, payload: Json) -> None:
        self.send([2, f"{action}{len(self.asked)}", action, payload])

    def says(self, action: str, payload: Json) -> list[Any]:
        """A call of the station's own, and the frame that answers it."""
        self.said += 1
        id = f"says-{self.said}"
        self.send([2, id, action, payload])
        while (frame := self.told.get(timeout=WAIT_S))[1] != id:
            pass  # answers to what it told by itself
        return frame

    def send(self, frame: list[Any]) -> None:
        self.socket.send(json.dumps(frame))

    def run(self) -> None:
        self.call("BootNotification", self.boot)
        try:
            for text in self.socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    self.asked.append((frame[2], frame[3]))
                    self.send([3, frame[1], self.answer(frame[2], frame[3])])
                    self.follow(frame[2], frame[3])
                else:
                    self.told.put(frame)
        except ConnectionClosed:
            return

    def answer(self, action: str, payload: Json) -> Json:
        if action in self.replies:
            return self.replies[action]
        if action == "GetVariables":
            got = [
                {**one, "attributeStatus": "Accepted", "attributeValue": "7"}
                for one in payload["getVariableData"]
            ]
            return {"getVariableResult": got}
        if action == "SetVariables":
            places = [
                {key: one[key] for key in ("component", "variable")} for one in payload["setVariableData"]
            ]
            return {"setVariableResult": [{**one, "attributeStatus": "Accepted"} for one in places]}
        if action == "GetLocalListVersion":
            return {"versionNumber": 0}
        return {"status": "Unlocked" if action == "UnlockConnector" else "Accepted"}

    def follow(self, action: str, payload: Json) -> None:
        if action == "GetBaseReport":
            value = {"value": "false", "mutability": "ReadWrite"}
            data = [{**PLACE, "variableAttribute": [value]}]
            told = {"requestId": payload["requestId"], "generatedAt": NOW, "seqNo": 0, "reportData": data}
            self.call("NotifyReport", told)
        elif action == "GetLog":
            told = {"requestId": payload["requestId"], "status": "UploadFailure"}
            self.call("LogStatusNotification", told)
        elif action == "GetDERControl":
            limit = {"priority": 1, "pctMaxDischargePower": 40.0}
            one = {"id": "l", "isDefault": False, "isSuperseded": False, "limitMaxDischarge": limit}
            self.call("ReportDERControl", {"requestId": payload["requestId"], "limitMaxDischarge": [one]})


@contextmanager
def served(folder: Path, version: str, **fields: object) -> Iterator[tuple[Cli, Station]]:
    """A server, and the station C1 of this OCPP version at it, registered with these fields."""
    process, ready = start(folder)
    csms = Cli(folder, {"CSMS_URL": ready["api"]})
    with person(csms) as http:
        body = http.post("/stations", json={"identity": "C1", **fields}).raise_for_status().json()
    credentials = base64.b64encode(f"c1:{body['password']}".encode()).decode()
    with connect(
        f"{ready['ocpp']}/c1",
        subprotocols=[Subprotocol(f"ocpp{version}")],
        additional_headers={"Authorization": f"Basic {credentials}"},
        proxy=None,
    ) as socket:
        station = Station(socket, BOOT_16 if version == "1.6" else BOOT)
        station.thread.start()
        yield csms, station
    assert stop(process) == 0


@contextmanager
def person(csms: Cli) -> Iterator[httpx.Client]:
    """An administrator at the REST API of that server."""
    key = (csms.folder / "var" / "admin.key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{csms.env['CSMS_URL']}/api/v1", headers=headers, timeout=30) as http:
        yield http


@contextmanager
def beside(csms: Cli, capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    """The command line in this process: many commands in little time."""

    def command(*arguments: str) -> Ended:
        code = run(list(arguments))
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(csms.folder)
        patch.setenv("CSMS_URL", csms.env["CSMS_URL"])
        yield command
