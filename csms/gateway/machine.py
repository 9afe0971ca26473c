"""RFC 6455 and RFC 7692 by websockets' Sans-I/O protocol, frame by frame, with the messages put together.

All that depends on how websockets works inside is in this file.
"""

from codecs import IncrementalDecoder, getincrementaldecoder
from types import GeneratorType
from typing import Protocol, cast

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.base import ServerExtensionFactory
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.streams import StreamReader
from websockets.typing import Subprotocol

FRAGMENTS_MIN = 4096  # any message may have so many, and one more for each so many bytes it may have
FRAGMENT_BYTES = 16
_DEFLATE: ServerExtensionFactory = ServerPerMessageDeflateFactory(
    server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
)  # accepted when offered, never asked for (row 5); small windows (section 2.2, row 13)
_utf8 = getincrementaldecoder("utf-8")


class Ear(Protocol):
    """Who listens to a machine."""

    def message(self, message: str | bytes) -> None:
        """A whole message."""

    def pong(self, payload: bytes) -> None:
        """A pong."""


class Machine(ServerProtocol):
    """Tells each message and pong the moment it is read: the portions in which bytes come make no difference.

    It answers pings and closes by itself. Text that is not UTF-8 is 1007 at its first bad fragment; a message
    that is too big, once inflated, or comes in too many fragments is 1009 (section 2.2, row 13).
    """

    def __init__(self, ear: Ear, max_size: int, subprotocols: list[Subprotocol] | None = None) -> None:
        """For a new connection if there are subprotocols to choose from, else for one that is open."""
        super().__init__(
            state=State.OPEN if subprotocols is None else State.CONNECTING,
            subprotocols=subprotocols,
            extensions=[_DEFLATE],
            max_size=max_size,
        )
        self._ear = ear
        self._count = 0  # fragments of the message that is on its way
        self._data = bytearray()
        self._decoder: IncrementalDecoder | None = None  # of a text that is on its way

    @property
    def at_rest(self) -> bool:
        """Between two messages of an open connection without extensions: a fresh machine could go on."""
        if self.state is not State.OPEN or self.extensions or self._count:
            return False
        code, waiting = None, cast(object, self.parser)
        while isinstance(waiting, GeneratorType):
            code, waiting = waiting.gi_code, waiting.gi_yieldfrom
        return code is StreamReader.at_eof.__code__  # nothing is read of the next frame

    def recv_frame(self, frame: Frame) -> None:
        """A frame has been read. What is raised here becomes the close code."""
        if self.state is State.CONNECTING:
            raise ProtocolError("frame before the handshake")
        if frame.opcode is Opcode.CLOSE:  # as any control frame, it may come within a message (5.4)
            self.current_size = None
        super().recv_frame(frame)
        self.events.pop()
        if frame.opcode is Opcode.PONG:
            self._ear.pong(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            message = self._whole(frame)
            if message is not None:
                self._ear.message(message)

    def _whole(self, frame: Frame) -> str | bytes | None:
        if frame.fin and frame.opcode is not Opcode.CONT:
            data = bytes(frame.data)
            return data.decode() if frame.opcode is Opcode.TEXT else data
        if frame.opcode is Opcode.TEXT:
            self._decoder = _utf8()
        self._count += 1
        size = self.max_message_size or 0
        if self._count > FRAGMENTS_MIN + size // FRAGMENT_BYTES:
            raise PayloadTooBig(None, size)
        if self._decoder is not None:
            self._decoder.decode(bytes(frame.data), frame.fin)
        self._data += frame.data
        if not frame.fin:
            return None
        data, text = bytes(self._data), self._decoder is not None
        self._count, self._data, self._decoder = 0, bytearray(), None
        return data.decode() if text else data
