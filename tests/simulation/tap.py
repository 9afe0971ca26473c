"""One conversation as the server's end of the link sees it, and the rules that it must keep at each step."""

import json
import re
from collections import Counter, deque
from math import inf
from typing import TYPE_CHECKING

from tests.simulation.network import Link, Tap
from tests.simulation.websocket import BINARY, CLOSE, PING, TEXT, Head, Message, Reader, read_head

if TYPE_CHECKING:
    from tests.simulation.world import World

WORK_MAX = 8
MESSAGE_TIMEOUT_S = 30.0
EPSILON_S = 1e-6
OUR_FAULT = {"InternalError", "GenericError", "NotSupported", "NotImplemented"}
_MARK = re.compile(r"ask-(\d+)\b")
_PATH = re.compile(rb"GET \S*/(\S+) HTTP")


class Conversation(Tap):
    """Bytes both ways, put together to messages, checked."""

    def __init__(self, world: "World", link: Link, number: int) -> None:
        self.world, self.link, self.number = world, link, number
        self.identity = ""
        self.head: Head | None = None
        self.asked_at = self.begun_at = world.now
        self.closed: tuple[int, str] | None = None
        self.ended = False
        self.ended_at = inf
        self.commands = 0
        self.waits_since = 0.0
        """When the oldest call that is not answered became the oldest."""
        self.overrun = False
        self._raw_in, self._raw_out = bytearray(), bytearray()
        self._in: Reader | None = None
        self._out: Reader | None = None
        self._calls: deque[str] = deque()
        self._said: dict[str, tuple[str, bytes]] = {}
        self._answered: set[str] = set()
        self._loose: Counter[str] = Counter()
        self._bad = 0
        self._flight: tuple[str, float] | None = None

    @property
    def open(self) -> bool:
        """Whether messages count: upgraded and nobody has begun to close."""
        return self.head is not None and self.head.status == 101 and self.closed is None and not self.ended

    @property
    def unanswered(self) -> list[str]:
        """Calls that still want an answer."""
        return [*self._calls, *self._loose.elements()]

    @property
    def waited_s(self) -> float:
        """How long the oldest call waits for its answer on a line to which nothing was done."""
        if not self.open or not self._calls or self.link.touched:
            return 0.0
        return self.world.now - self.waits_since

    def __repr__(self) -> str:
        return f"link {self.number} of {self.identity or '?'}"

    def heard(self, data: bytes) -> None:
        """Bytes for the server."""
        self._raw_in += data
        if not self.identity:
            found = _PATH.match(self._raw_in)
            if b"\r\n\r\n" not in self._raw_in or found is None:
                return
            self.identity = found[1].decode().lower()
            self.asked_at = self.world.now
            del self._raw_in[: self._raw_in.index(b"\r\n\r\n") + 4]
            self.world.note("knock", self)
        self._read_in()

    def said(self, data: bytes) -> None:
        """Bytes from the server."""
        if self.head is None:
            self._raw_out += data
            self.head = read_head(self._raw_out)
            if self.head is None:
                return
            data = bytes(self._raw_out)
            self.world.upgraded(self, self.head.status)
            self._in = Reader(deflates=self.head.deflates)
            self._out = Reader(deflates=self.head.deflates)
        if self.head.status != 101:
            return
        assert self._out is not None
        for message in self._out.feed(data):
            self._from_server(message)

    def over(self) -> None:
        """The server's end is closed."""
        self.ended = True
        self.ended_at = self.world.now
        self.world.note("over", self)

    def _read_in(self) -> None:
        if self._in is not None:
            data = bytes(self._raw_in)
            self._raw_in.clear()
            for message in self._in.feed(data):
                if self.open:
                    self._from_station(message)

    # ---- what stations say

    def _from_station(self, message: Message) -> None:
        if message.kind == TEXT:
            text = message.payload.decode(errors="replace")
            self.world.note("heard", self, text)
            self._station_text(text)
        elif message.kind == BINARY:
            self._bad += 1
        elif message.kind == CLOSE:
            self.world.note("heard", self, "CLOSE")

    def _station_text(self, text: str) -> None:
        try:
            frame = json.loads(text)
            kind, id = frame[0], frame[1]
            sound = isinstance(id, str) and 0 < len(id) <= 36
        except (ValueError, LookupError, TypeError):
            self._bad += 1
            return
        if kind == 2 and sound and len(frame) == 4 and isinstance(frame[2], str):
            self._called(id, frame[2], _payload_of(text, frame))
        elif kind in (3, 4) and sound and self._flight is not None and id == self._flight[0]:
            self._flight = None
        elif kind not in (3, 4):
            self._bad += 1

    def _called(self, id: str, action: str, payload: bytes) -> None:
        self.world.ledger.heard(self.identity, action, payload)
        if id in self._calls or id in self._answered:
            self._loose[id] += 1
            if id not in self._calls:
                self._said[id] = (action, payload)
            return
        self._said[id] = (action, payload)
        if not self._calls:
            self.waits_since = self.world.now
        self._calls.append(id)
        if len(self._calls) > WORK_MAX:
            self.overrun = True

    # ---- what the server says

    def _from_server(self, message: Message) -> None:
        world = self.world
        if message.kind == CLOSE:
            code = int.from_bytes(message.payload[:2], "big") if message.payload else 1005
            self.closed = (code, message.payload[2:].decode())
            world.note("CLOSE", self, *self.closed)
            if code == 1008 and "duplicate" in self.closed[1] and self.commands:
                world.blame(f"{self}: a command to the loser of a conflict")
            if self.closed[1].startswith("replaced") and self.link.answers_pings:
                world.blame(f"{self}: displaced, though it answers pings")
            if code == 1011 and self.closed[1] != "ping not answered":
                world.blame(f"{self}: closed with 1011 {self.closed[1]}")
        elif message.kind == TEXT:
            if self.closed is not None:
                world.blame(f"{self}: text after CLOSE")
            text = message.payload.decode()
            world.note("said", self, text)
            world.served(self)
            self._server_text(text)
        elif message.kind == PING:
            world.note("ping", self)

    def _server_text(self, text: str) -> None:
        frame = json.loads(text)
        if frame[0] == 2:
            self._command(frame[1], text)
        else:
            self._answer(frame)

    def _command(self, id: str, text: str) -> None:
        now, world = self.world.now, self.world
        self.commands += 1
        if self._flight is not None and now < self._flight[1] + MESSAGE_TIMEOUT_S - EPSILON_S:
            world.blame(f"{self}: a second call in flight: {text}")
        self._flight = (id, now)
        for number in {int(mark) for mark in _MARK.findall(text)}:
            ask = world.ledger.asks[number]
            ask.sent += 1
            ask.line = self
            if ask.sent > 1:
                world.blame(f"{self}: ask {number} sent {ask.sent} times")
            if now > ask.deadline + EPSILON_S:
                world.blame(f"{self}: ask {number} sent {now - ask.deadline:.3f} s late")
            if ask.identity != self.identity:
                world.blame(f"{self}: ask {number} is for {ask.identity}")

    def _answer(self, frame: list[object]) -> None:
        kind, id = frame[0], str(frame[1])
        error = str(frame[2]) if kind == 4 else ""
        misused = error == "RpcFrameworkError"
        repeated = bool(self._loose[id]) and (misused or id not in self._calls)  # while in work or after
        if repeated:
            self._loose[id] -= 1
        elif self._calls and self._calls[0] == id and not misused:
            self._calls.popleft()
            self.waits_since = self.world.now
            self._answered.add(id)
        elif id in self._calls and not misused:
            self.world.blame(f"{self}: {id} is answered out of order")
        elif kind == 4 and self._bad:
            self._bad -= 1
            return
        else:
            self.world.blame(f"{self}: an answer to nothing: {frame}")
            return
        action, payload = self._said.get(id, ("", b""))
        if kind == 3:
            self.world.ledger.answered(self.identity, action, payload, repeated=repeated)
        elif action == "TransactionEvent" and error in OUR_FAULT:
            self.world.blame(f"{self}: a TransactionEvent is refused with {error}")


def _payload_of(text: str, frame: list[object]) -> bytes:
    """The payload to the byte, as it stands in the frame: models write frames without spaces."""
    head = json.dumps(frame[:3], separators=(",", ":"), ensure_ascii=False)[:-1] + ","
    if text.startswith(head):
        return text[len(head) : -1].encode()
    return json.dumps(frame[3], separators=(",", ":")).encode()
