"""Every message of every version, both ways where it goes both ways: what the product says that it speaks.

A real server process, a station of plain JSON at its socket, a person at the command line and at REST. The
table is the versions' own messages: what is added there is driven here, and what the schemas have and we do
not (or the other way round) is told.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import httpx
import jsonschema_rs
import pytest

from csms.wire.dialect import Dialect
from csms.wire.v16 import DIALECT as V16
from csms.wire.v21 import DIALECT as V21
from csms.wire.v201 import DIALECT as V201
from csms.wire.words import WORDS
from tests.cli.conftest import Cli
from tests.cli.scripted import Here, Json, Station, beside, person, served
from tests.conformance.payloads import schema, smallest

DIALECTS = {dialect.version: dialect for dialect in (V16, V201, V21)}
COUNTS = {"1.6": (26, 14, 0, 39), "2.0.1": (40, 25, 0, 64), "2.1": (55, 36, 1, 91)}
"""Messages that we call, that stations call, that they only send; and all (DataTransfer goes both ways)."""

REASONS = {"SignedUpdateFirmware": "its signature is an example"}
KEPT_OF_SENT = {"NotifyPeriodicEventStream": ("/stations/c1/event-streams", "lastValue")}

Way = tuple[str, str]
"""Who says it (`csms` or `station`), and the action."""


@dataclass(frozen=True)
class Scene:
    """One version: a station that speaks it, and the two doors for people."""

    dialect: Dialect
    csms: Cli
    station: Station
    http: httpx.Client

    def message(self, action: str, answer: bool = False) -> str:
        """The name of a message's schema."""
        return f"{action}Response" if answer else action + self.dialect.vocabulary.request_suffix

    def least(self, action: str, answer: bool = False) -> Json:
        """The smallest payload that a message's schema takes."""
        return smallest(self.message(action, answer), self.dialect.vocabulary.folder)


@pytest.fixture(scope="module", params=DIALECTS)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    version: str = request.param
    folder = tmp_path_factory.mktemp("server")
    with served(folder, version, onboarding="none") as (csms, station), person(csms) as http:
        yield Scene(DIALECTS[version], csms, station, http)


@pytest.fixture
def here(scene: Scene, capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    with beside(scene.csms, capsys) as command:
        yield command


@pytest.mark.parametrize("version", DIALECTS)
def test_the_table_is_what_the_schemas_have(version: str) -> None:
    vocabulary = DIALECTS[version].vocabulary
    files = resources.files("ocpp").joinpath(vocabulary.folder, "schemas").iterdir()
    shipped = {file.name.removesuffix(".json") for file in files if file.name.endswith(".json")}
    actions = {name.removesuffix("Response").removesuffix("Request") for name in shipped}
    assert set(vocabulary.calls) == actions
    assert vocabulary.asked | vocabulary.served == actions
    assert vocabulary.asked & vocabulary.served == {"DataTransfer"}
    called = vocabulary.served - vocabulary.sent
    assert (len(vocabulary.asked), len(called), len(vocabulary.sent), len(actions)) == COUNTS[version]
    if version == "2.1":
        assert actions == set(WORDS)


@pytest.mark.timeout(600)
def test_every_message_is_said_and_answered(scene: Scene, here: Here) -> None:
    vocabulary, done = scene.dialect.vocabulary, set[Way]()
    for action in sorted(vocabulary.asked):
        _is_ordered(scene, here, action)
        done.add(("csms", action))
    for action in sorted(vocabulary.served - vocabulary.sent):
        _is_answered(scene, action)
        done.add(("station", action))
    for action in sorted(vocabulary.sent):
        _is_heard(scene, action)
        done.add(("station", action))
    table: Mapping[str, frozenset[str]] = {"csms": vocabulary.asked, "station": vocabulary.served}
    assert done == {(who, action) for who, actions in table.items() for action in actions}


def _is_ordered(scene: Scene, here: Here, action: str) -> None:
    """By the command line and by REST: the station hears it as it was said, the person sees its answer."""
    station, payload, reply = scene.station, scene.least(action), scene.least(action, answer=True)
    station.replies = {action: reply}
    station.asked.clear()
    why = {"override": REASONS[action]} if action in REASONS else {}
    words = ["station", "call", "C1", action, json.dumps(payload), *(f"--{k}={v}" for k, v in why.items())]
    shown, plain = here(*words, "--json").json, here(*words)
    told = scene.http.post(f"/stations/c1/calls/{action}", json=payload, params=why)
    station.replies = {}
    assert station.asked == [(action, payload)] * 3
    assert (shown["state"], shown["answer"]) == ("answered", reply), action
    assert (plain.code, plain.json) == (0, reply), action
    assert (told.status_code, told.json()["answer"]) == (200, reply), action
    for call_id in (shown["callId"], told.json()["callId"]):
        kept = scene.http.get(f"/calls/{call_id}").json()
        assert (kept["state"], kept["action"], kept["answer"]) == ("answered", action, reply)


def _is_answered(scene: Scene, action: str) -> None:
    """By a CALLRESULT that keeps its schema."""
    frame = scene.station.says(action, scene.least(action))
    assert frame[0] == 3, frame
    _validator(scene, action).validate(frame[2])


def _validator(scene: Scene, action: str) -> Any:
    return jsonschema_rs.validator_for(
        schema(scene.message(action, answer=True), scene.dialect.vocabulary.folder), validate_formats=True
    )


def _is_heard(scene: Scene, action: str) -> None:
    """It is kept, and nothing comes back."""
    payload = smallest(action, scene.dialect.vocabulary.folder)
    scene.station.send([6, "sent-1", action, payload])
    assert scene.station.says("Heartbeat", {})[0] == 3
    assert scene.station.told.empty()
    path, field = KEPT_OF_SENT[action]
    (found,) = scene.http.get(path).json()["items"]
    assert found[field] == "x"
