"""What the fuzzer does to a gateway: a few stations, each with its own kind of misbehaviour, and a good one.

calls    CALLs of all actions, several in work at once      each answered once, as the oracle says
gate     the same from a station that is not accepted       SecurityError, or the boot's answer
frames   messages that are no frames                        as many answers as there may be; it lives on
answers  bad answers to what we ask                         the asker has a StationError or an answer
bytes    no WebSocket at all                                it is closed
good     an honest station                                  is answered all the time
"""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from websockets.exceptions import ConnectionClosed

from csms.errors import CsmsError, StationError
from csms.wire.dialect import RawCall
from csms.wire.v201.messages import ASKED, CALLS
from tests.flows.gateway.front import BOOT, Client, Front, event
from tests.fuzz.frames import answers_to, odd_bytes, odd_frame
from tests.fuzz.oracle import is_json, verdict
from tests.fuzz.payloads import SERVED_ACTIONS, Maker, schema, written

IN_WORK = 6
PATIENCE_S = 30.0
WITNESS_EVERY = 50
ASKS = tuple(sorted(ASKED))
LARGEST, LARGEST_BEFORE_ACCEPTED = 200_000, 60_000
LONGEST = 2000


class Failure(AssertionError):
    """The gateway did what it may not; `text` is what it was told."""

    def __init__(self, why: str, text: object = "") -> None:
        super().__init__(f"{why}: {text!r}"[:LONGEST])


@dataclass
class Score:
    """What was sent and what came of it."""

    inputs: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    def add(self, other: "Score") -> None:
        """One more round."""
        self.inputs += other.inputs
        self.outcomes += other.outcomes
        self.failures += other.failures
        self.slowest_s = max(self.slowest_s, other.slowest_s)


@dataclass
class Lane:
    """One misbehaving station: its place, its dice, how many inputs it gives."""

    door: Front
    identity: str
    dice: Random
    count: int
    score: Score

    def payload(self, action: str, largest: int) -> str:
        """A payload text for an action, good or bad."""
        known = action if action in CALLS else self.dice.choice(SERVED_ACTIONS)
        maker = Maker(schema(known), self.dice)
        kind = self.dice.choice((maker.valid, maker.near, maker.near, maker.hostile))
        text = written(kind(), self.dice.random() < 0.5)
        return text if len(text.encode()) < largest else "{}"

    async def calls(self, accepted: bool = True) -> None:
        """CALLs, up to `IN_WORK` at once; every answer is checked when it comes."""
        async with self.door.connected(self.identity, boot=accepted) as client:
            if not accepted:
                assert await client.boot() == "Pending"
            due: dict[str, tuple[str, str]] = {}
            for number in range(self.count):
                action = self._action()
                text = self.payload(action, LARGEST if accepted else LARGEST_BEFORE_ACCEPTED)
                id = f"{self.identity}-{number}"
                due[id] = action, text
                await client.send(f'[2,"{id}",{json.dumps(action)},{text}]')
                self.score.inputs["gate" if not accepted else "calls"] += 1
                while len(due) >= self.dice.randint(1, IN_WORK):
                    await self._one_answer(client, due, accepted)
            while due:
                await self._one_answer(client, due, accepted)
            await _still_there(client, accepted)

    def _action(self) -> str:
        if self.dice.random() < 0.03:
            return self.dice.choice(("Nonsense", "heartbeat", "Reset", "SetVariables", "", "é" * 200, "a/b"))
        if self.dice.random() < 0.3:
            return "TransactionEvent"
        return self.dice.choice(SERVED_ACTIONS)

    async def _one_answer(self, client: Client, due: dict[str, tuple[str, str]], accepted: bool) -> None:
        frame = await _next_answer(client)
        told = due.pop(frame[1], None) or _unread(due, frame)
        if told is None:
            raise Failure("answered what was not asked, or twice", frame)
        if frame[1] == "-1":
            self.score.outcomes["no JSON"] += 1
            return
        action, text = told
        right = verdict(action, text, accepted=accepted, witness=self.dice.randrange(WITNESS_EVERY) == 0)
        outcome = "CALLRESULT" if frame[0] == 3 else str(frame[2])
        self.score.outcomes[outcome] += 1
        if not right.allows(frame):
            raise Failure(f"{action} answered {outcome}, right would be {right}", text)

    async def gate(self) -> None:
        """As `calls`, before the station is accepted."""
        await self.calls(accepted=False)

    async def frames(self) -> None:
        """Messages that are no frames, in handfuls; a heartbeat after each shows that all were heard."""
        async with self.door.connected(self.identity) as client:
            left = self.count
            while left > 0:
                told = [odd_frame(self.dice) for _ in range(min(left, self.dice.randint(1, 7)))]
                left -= len(told)
                for frame in told:
                    await client.send(frame)
                    self.score.inputs["frames"] += 1
                await self._count_answers(client, told)

    async def _count_answers(self, client: Client, told: list[str | bytes]) -> None:
        beat = f"beat-{self.dice.randrange(2**60)}"
        await client.send(f'[2,"{beat}","Heartbeat",{{}}]')
        count = 0
        while (frame := await _next_answer(client))[1] != beat:
            count += 1
            self.score.outcomes["CALLRESULT" if frame[0] == 3 else str(frame[2])] += 1
        bounds = [answers_to(frame) for frame in told]
        if not sum(few for few, _ in bounds) <= count <= sum(many for _, many in bounds):
            raise Failure(f"{count} answers to {bounds}", [frame[:300] for frame in told])
        if frame[0] != 3:
            raise Failure("the heartbeat after it was refused", told)

    async def answers(self) -> None:
        """Bad answers to sound calls of ours."""
        async with self.door.connected(self.identity) as client, asyncio.TaskGroup() as group:
            for _ in range(self.count):
                action = self.dice.choice(ASKS)
                payload = json.loads(written(Maker(schema(action), self.dice).valid()))
                asked = group.create_task(self._asked(action, payload))
                if not await self._answered(client, action, asked):
                    continue
                self.score.inputs["answers"] += 1
                async with asyncio.timeout(PATIENCE_S):
                    self.score.outcomes[await asked] += 1

    async def _asked(self, action: str, payload: dict[str, Any]) -> str:
        try:
            answer = await self.door.ask(RawCall(action, payload), self.identity, timeout_s=PATIENCE_S)
        except StationError as error:
            return type(error).__name__
        except CsmsError as error:  # a number of more than 64 bits, say
            return f"not sent ({type(error).__name__})"
        if not isinstance(answer, dict):
            raise Failure("an answer that is no object", answer)
        return "answer"

    async def _answered(self, client: Client, action: str, asked: asyncio.Task[str]) -> bool:
        reading = asyncio.ensure_future(_next_call(client))
        await asyncio.wait([reading, asked], return_when=asyncio.FIRST_COMPLETED)
        if asked.done() and not reading.done():
            reading.cancel()
            self.score.outcomes[asked.result()] += 1
            return False
        id = await reading
        maker = Maker(schema(action, "Response"), self.dice)
        if CALLS[action][1] is None or self.dice.random() < 0.2:
            code = self.dice.choice(('"InternalError"', '"Odd"', "5", "null", '"' + "e" * 3000 + '"'))
            rest = self.dice.choice((',"text",{}', "", ',"text"', ",7,7", ',"' + "d" * 3000 + '",{}'))
            await client.send(f'[4,"{id}",{code}{rest}]')
        else:
            kind = self.dice.choice((maker.valid, maker.near, maker.hostile))
            text = written(kind(), self.dice.random() < 0.5)
            await client.send(f'[3,"{id}",{text}]')
            if not is_json(text):  # that ends no call: nobody can know which
                await client.send(f'[4,"{id}","GenericError","",{{}}]')
        return True

    async def bytes(self) -> None:
        """What is no WebSocket, before and after the handshake."""
        for number in range(self.count):
            self.score.inputs["bytes"] += 1
            if self.dice.random() < 0.3:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.door.gateway.port)
                writer.write(odd_bytes(self.dice) + b"\r\n\r\n")
            else:
                client = await self.door.raw(self.identity)
                reader, writer = client.reader, client.writer
                if client.status not in (101, 409):  # 409: the one before is not gone yet
                    raise Failure("not let in", client.head)
                writer.write(odd_bytes(self.dice))
            writer.write_eof()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await reader.read()
            except ConnectionError:
                pass
            except TimeoutError:
                raise Failure("not closed", number) from None
            writer.transport.abort()
            self.score.outcomes["closed"] += 1

    async def good(self, over: asyncio.Event) -> None:
        """An honest station, until the others are done."""
        async with self.door.connected(self.identity) as client:
            number = 0
            while not over.is_set():
                begun = time.perf_counter()
                await client.result("Heartbeat", {})
                await client.result("TransactionEvent", event(number, transaction_id="good"))
                self.score.slowest_s = max(self.score.slowest_s, time.perf_counter() - begun)
                self.score.inputs["good"] += 2
                number += 1
                await asyncio.sleep(0.02)  # it paces itself: the load is the others'


def _unread(due: dict[str, tuple[str, str]], frame: list[Any]) -> tuple[str, str] | None:
    """Row 6: the call that was no JSON, if that is what this answers."""
    if frame[:3] != [4, "-1", "RpcFrameworkError"]:
        return None
    for id, (action, text) in due.items():
        if not is_json(f'[2,"{id}",{json.dumps(action)},{text}]'):
            return due.pop(id)
    return None


async def _next_call(client: Client) -> str:
    """The id of the server's next call; its word on our text that was no JSON may come before it."""
    while (frame := await client.receive())[0] != 2:
        if frame[:3] != [4, "-1", "RpcFrameworkError"]:
            raise Failure("an answer is answered", frame)
    return str(frame[1])


async def _next_answer(client: Client) -> list[Any]:
    """The next frame that is not a call of the server's; those are answered soundly."""
    while True:
        try:
            frame = await client.receive()
        except ConnectionClosed as closed:
            raise Failure("the session was ended", closed) from None
        if frame[0] != 2:
            return frame
        await client.send([3, frame[1], {"status": "Accepted"}])


async def _still_there(client: Client, accepted: bool) -> None:
    action, payload = ("Heartbeat", {}) if accepted else ("BootNotification", BOOT)
    await client.send([2, "last", action, payload])
    if (await _next_answer(client))[:2] != [3, "last"]:
        raise Failure("not answered at the end")
