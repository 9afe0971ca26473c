"""The EXI codec against golden vectors, its own round trip, and rubbish."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargepoint_sim.iso15118.appprotocol.messages import SAP
from chargepoint_sim.iso15118.exi.bits import BitReader, BitWriter, ExiError
from chargepoint_sim.iso15118.exi.codec import MOST_BYTES, decode, encode
from chargepoint_sim.iso15118.exi.grammar import Arm, Schema, grammar_of, peel
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.v2.messages import V2
from chargepoint_sim.iso15118.v20 import messages as v20
from chargepoint_sim.iso15118.v20.messages import AC, COMMON, DC
from tests.unit.chargepoint_sim.iso15118.drawing import elements

CASES = Path(__file__).parents[3] / "cases/iso15118"
SCHEMAS = {"SAP": SAP, "CM": COMMON, "DC": DC, "AC": AC, "V2": V2}
MESSAGES = [
    pytest.param(schema, kind, id=kind.__name__)
    for schema in SCHEMAS.values()
    for kind in schema.messages.values()
]


def vectors() -> Iterator[tuple[str, str, str, str]]:
    """Those of -20, then those of -2; written by the Java codec of the `iso15118` package."""
    texts = [(CASES / name).read_text() for name in ("golden.txt", "golden_v2.txt")]
    lines = "".join(texts).splitlines()
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        space, name, plain = first.split(" ", 2)
        yield space, name, plain, second.strip()


def built(kind: type[Element], plain: dict[str, object]) -> Element:
    """A message from the JSON of a vector."""
    arms: dict[str, tuple[Arm, bool]] = {}
    for particle in grammar_of(kind).particles:
        group = len(particle.arms) > len(particle.fields)
        for arm in particle.arms:
            element = arm.kind.__name__.removesuffix("Type") if group and arm.kind else arm.field
            arms[element] = arm, particle.repeats
    fields: dict[str, object] = {}
    for name, value in plain.items():
        arm, repeats = arms[name]
        if repeats:
            assert isinstance(value, list)
            fields[arm.field] = tuple(one(kind, arm, item) for item in value)
        else:
            fields[arm.field] = one(kind, arm, value)
    return kind(**fields)


def one(kind: type[Element], arm: Arm, value: object) -> object:
    if arm.kind is not None:
        assert isinstance(value, dict)
        return built(arm.kind, value)
    if peel(get_type_hints(kind, include_extras=True)[arm.field])[0] is bytes:
        return bytes.fromhex(str(value))
    return value


VECTORS = [
    pytest.param(*vector, id=f"{number}-{vector[1]}") for number, vector in enumerate(vectors(), start=1)
]


def test_there_are_28_vectors_of_each_standard() -> None:
    assert len(VECTORS) == 28 + 28


@pytest.mark.parametrize(("space", "name", "plain", "exi"), VECTORS)
def test_golden_vector(space: str, name: str, plain: str, exi: str) -> None:
    schema = SCHEMAS[space]
    kind = next(kind for kind in schema.messages.values() if kind.__name__ == name)
    message = built(kind, json.loads(plain))
    assert encode(schema, message).hex() == exi
    assert decode(schema, bytes.fromhex(exi)) == message


@pytest.mark.parametrize(("schema", "kind"), MESSAGES)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_message_comes_back_as_it_was(schema: Schema, kind: type[Element], data: st.DataObject) -> None:
    message = data.draw(elements(kind))
    assert decode(schema, encode(schema, message)) == message


@settings(max_examples=500, deadline=None)
@given(schema=st.sampled_from(list(SCHEMAS.values())), data=st.binary(max_size=400))
def test_rubbish_is_an_exi_error(schema: Schema, data: bytes) -> None:
    with pytest.raises(ExiError):
        decode(schema, b"\x7f" + data)
    try:
        message = decode(schema, b"\x80" + data)
    except ExiError:
        return
    assert decode(schema, encode(schema, message)) == message


@settings(max_examples=500, deadline=None)
@given(vector=st.sampled_from(list(vectors())), flips=st.lists(st.integers(8, 1200), min_size=1, max_size=5))
def test_a_mutated_message_is_read_or_refused(vector: tuple[str, str, str, str], flips: list[int]) -> None:
    data = bytearray.fromhex(vector[3])
    for place in flips:
        data[place // 8 % len(data)] ^= 1 << place % 8
    try:
        message = decode(SCHEMAS[vector[0]], bytes(data))
    except ExiError:
        return
    assert decode(SCHEMAS[vector[0]], encode(SCHEMAS[vector[0]], message)) == message


@pytest.mark.parametrize(("space", "name", "plain", "exi"), VECTORS)
def test_a_message_cut_anywhere_is_refused(space: str, name: str, plain: str, exi: str) -> None:
    data = bytes.fromhex(exi)
    for length in range(len(data)):
        with pytest.raises(ExiError):
            decode(SCHEMAS[space], data[:length])
    for more in (b"\0", b"\x80"):
        with pytest.raises(ExiError):
            decode(SCHEMAS[space], data + more)


def test_more_bytes_than_a_message_has_are_not_even_looked_at() -> None:
    with pytest.raises(ExiError, match="more than a message"):
        decode(COMMON, b"\x80" * (MOST_BYTES + 1))


@pytest.mark.parametrize("byte", [0x00, 0x55, 0xAA, 0xFF])
def test_the_longest_rubbish_takes_no_longer_than_its_bytes(byte: int) -> None:
    body = bytes([byte]) * (MOST_BYTES - 2)
    started = time.process_time()
    for schema in SCHEMAS.values():
        for code in schema.messages:
            start = code << 8 - schema.width & 0xFF
            with pytest.raises(ExiError):
                decode(schema, bytes([0x80, start]) + body)
    assert time.process_time() - started < 20


HEADER = v20.MessageHeaderType(SessionID=bytes(8), TimeStamp=1)
NUMBER = v20.RationalNumberType(Exponent=0, Value=1)


@pytest.mark.parametrize(
    "message",
    [
        v20.SessionSetupReq(Header=HEADER, EVCCID="x" * 256),
        v20.SessionSetupReq(Header=HEADER, EVCCID="\ud800"),
        v20.SessionSetupReq(Header=HEADER, EVCCID=7),  # type: ignore[arg-type]
        v20.SessionSetupReq(Header=v20.MessageHeaderType(SessionID=bytes(9), TimeStamp=1), EVCCID="A"),
        v20.SessionSetupReq(Header=v20.MessageHeaderType(SessionID=bytes(8), TimeStamp=-1), EVCCID="A"),
        v20.SessionSetupReq(Header=v20.MessageHeaderType(SessionID=bytes(8), TimeStamp=True), EVCCID="A"),
        v20.SessionStopReq(Header=HEADER, ChargingSession="Later"),  # type: ignore[arg-type]
        v20.ServiceDiscoveryReq(Header=HEADER, SupportedServiceIDs=v20.ServiceIDListType(ServiceID=())),
        v20.ServiceDiscoveryReq(
            Header=HEADER, SupportedServiceIDs=v20.ServiceIDListType(ServiceID=(1,) * 17)
        ),
        v20.AuthorizationReq(Header=HEADER, SelectedAuthorizationService="EIM"),
        v20.ServiceDetailRes(
            Header=HEADER,
            ResponseCode="OK",
            ServiceID=2,
            ServiceParameterList=v20.ServiceParameterListType(
                ParameterSet=(
                    v20.ParameterSetType(
                        ParameterSetID=1,
                        Parameter=(v20.ParameterType(Name="two", intValue=1, boolValue=True),),
                    ),
                )
            ),
        ),
        v20.ScheduleExchangeReq(Header=HEADER, MaximumSupportingPoints=11),
        v20.SessionSetupReq(Header=None, EVCCID="A"),  # type: ignore[arg-type]
    ],
)
def test_what_the_schema_does_not_allow_is_not_written(message: Element) -> None:
    with pytest.raises(ExiError):
        encode(COMMON, message)


def test_a_message_of_another_schema_is_not_written() -> None:
    with pytest.raises(ExiError, match="no message of"):
        encode(DC, v20.SessionStopReq(Header=HEADER, ChargingSession="Pause"))


def test_the_abstract_head_of_a_group_cannot_be_read() -> None:
    """Of five codes in a charge loop request the third one stands for nothing that could come."""
    request = v20.DC_ChargeLoopReq(
        Header=HEADER,
        MeterInfoRequested=False,
        EVPresentVoltage=NUMBER,
        CLReqControlMode=v20.Scheduled_DC_CLReqControlModeType(
            EVTargetCurrent=NUMBER, EVTargetVoltage=NUMBER
        ),
    )
    (state,) = (one for one in grammar_of(type(request)).entries if len(one.productions) == 5)
    assert [arm and arm[0].kind is None for arm in state.productions] == [False, False, True, False, False]


@given(st.lists(st.tuples(st.integers(0, 2**70), st.integers(71, 80)), max_size=40))
def test_bits_come_back(numbers: list[tuple[int, int]]) -> None:
    writer = BitWriter()
    for value, width in numbers:
        writer.put(value, width)
    reader = BitReader(writer.finish())
    assert [reader.take(width) for _, width in numbers] == [value for value, _ in numbers]
    reader.finish()


@given(st.integers(0, 2**64 - 1))
def test_a_number_in_groups_comes_back(number: int) -> None:
    writer = BitWriter()
    writer.put_unsigned(number)
    assert BitReader(writer.finish()).take_unsigned(2**64 - 1) == number


def test_a_number_without_an_end_is_refused() -> None:
    with pytest.raises(ExiError):
        BitReader(b"\xff" * 100).take_unsigned(2**64 - 1)
