"""V2G transfer protocol: eight bytes before every message, `01 FE`, payload type, length."""

import struct
from collections.abc import Iterator
from enum import IntEnum

from chargepoint_sim.iso15118.exi.codec import MOST_BYTES

_HEADER = struct.Struct(">HHI")
_MAGIC = 0x01FE  # version 1 and its complement


class PayloadType(IntEnum):
    """What a frame holds."""

    HANDSHAKE = 0x8001
    """The handshake, and everything of -2."""
    COMMON = 0x8002
    AC = 0x8003
    DC = 0x8004
    SDP_REQUEST = 0x9000
    SDP_RESPONSE = 0x9001


class BadFrame(Exception):
    """Bytes that begin no frame; what follows them cannot be understood either."""


def frame(payload_type: int, payload: bytes) -> bytes:
    """A payload with its header."""
    return _HEADER.pack(_MAGIC, payload_type, len(payload)) + payload


class Frames:
    """Puts frames together out of a stream that may be split anywhere.

    Never holds more than one frame and what came with it; a length above `most` bytes is refused as soon
    as the header is there.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take more bytes; payload type and payload of every frame that is whole now. `BadFrame` if none."""
        self._held += data
        while len(self._held) >= _HEADER.size:
            magic, payload_type, length = _HEADER.unpack_from(self._held)
            if magic != _MAGIC:
                raise BadFrame(f"a frame begins with {magic:04x}")
            if length > self._most:
                raise BadFrame(f"{length} bytes are more than a frame may have")
            end = _HEADER.size + length
            if len(self._held) < end:
                return
            payload = bytes(self._held[_HEADER.size : end])
            del self._held[:end]
            yield payload_type, payload
