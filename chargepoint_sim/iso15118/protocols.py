"""Which schema a frame is read with, and which frame a message is written to."""

from collections.abc import Mapping

from chargepoint_sim.iso15118.appprotocol.messages import SAP, supportedAppProtocolRes
from chargepoint_sim.iso15118.exi.bits import ExiError
from chargepoint_sim.iso15118.exi.codec import decode, encode
from chargepoint_sim.iso15118.exi.grammar import Schema
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.v2.messages import V2
from chargepoint_sim.iso15118.v2gtp import PayloadType, frame
from chargepoint_sim.iso15118.v20.messages import AC, COMMON, DC

_BY_TYPE: Mapping[int, Schema] = {
    PayloadType.HANDSHAKE: SAP,
    PayloadType.COMMON: COMMON,
    PayloadType.AC: AC,
    PayloadType.DC: DC,
}
_FRAMES: Mapping[type[Element], tuple[int, Schema]] = {
    kind: (payload_type, schema)
    for payload_type, schema in [*_BY_TYPE.items(), (PayloadType.HANDSHAKE, V2)]
    for kind in schema.messages.values()
}


def ends_handshake(message: Element) -> bool:
    """Whether the protocol is agreed on after this message."""
    return isinstance(message, supportedAppProtocolRes)


def to_frame(message: Element) -> bytes:
    """A message as bytes for the wire; `ExiError` for what no schema allows."""
    if type(message) not in _FRAMES:
        raise ExiError(f"{type(message).__name__} is no message")
    payload_type, schema = _FRAMES[type(message)]
    return frame(payload_type, encode(schema, message))


def from_frame(payload_type: int, payload: bytes, agreed: bool) -> Element:
    """A message out of a frame; `agreed` after the handshake, when -2 uses its payload type. `ExiError`."""
    schema = V2 if agreed and payload_type == PayloadType.HANDSHAKE else _BY_TYPE.get(payload_type)
    if schema is None:
        raise ExiError(f"payload type {payload_type:04x} holds no message")
    return decode(schema, payload)
