"""Messages to EXI and back. The only error is `ExiError`; time and memory grow with the bytes, no faster."""

from chargepoint_sim.iso15118.exi.bits import BitReader, BitWriter, ExiError
from chargepoint_sim.iso15118.exi.grammar import Arm, Grammar, Particle, Schema, State, grammar_of
from chargepoint_sim.iso15118.exi.values import ValueCodec
from chargepoint_sim.iso15118.exi.vocabulary import Element

_HEADER = 0x80  # no options, version 1
MOST_BYTES = 65_536
_MOST_WRITTEN = 4096
_WRITTEN: dict[Element, tuple[int, int]] = {}
"""Small elements (a number with its exponent) and the bits they were written as: most come again."""


def encode(schema: Schema, message: Element) -> bytes:
    """A message as EXI; `ExiError` for what the schema does not allow."""
    if (code := schema.codes.get(type(message))) is None:
        raise ExiError(f"{type(message).__name__} is no message of {schema.namespace}")
    bits = BitWriter()
    bits.put(_HEADER, 8)
    bits.put(code, schema.width)
    _write(bits, grammar_of(type(message)), message)
    return bits.finish()


def decode(schema: Schema, data: bytes) -> Element:
    """A message out of EXI; `ExiError` for what is none."""
    if len(data) > MOST_BYTES:
        raise ExiError(f"{len(data)} bytes are more than a message has")
    bits = BitReader(data)
    if bits.take(8) != _HEADER:
        raise ExiError("not the header of an EXI stream without options")
    code = bits.take(schema.width)
    if (kind := schema.messages.get(code)) is None:
        raise ExiError(f"element {code} of {schema.namespace} is no message")
    message = _read(bits, grammar_of(kind))
    bits.finish()
    return message


def _write(bits: BitWriter, grammar: Grammar, element: Element) -> None:
    """Walk the sequence: for whatever is there its code and its content, END at the end."""
    state = grammar.entries[0]
    for number, particle in enumerate(grammar.particles):
        if particle.lone is not None:
            value = getattr(element, particle.lone)
            if value is None:
                continue
            _write_one(bits, grammar, state, particle.lone, value)
            state = grammar.entries[number + 1]
            continue
        for count, (name, value) in enumerate(_present(particle, element), start=1):
            _write_one(bits, grammar, state, name, value)
            state = grammar.entries[number + 1] if count == particle.most else grammar.again[number]
    if state.end is None:
        raise ExiError(f"{grammar.kind.__name__}: something is missing at the end")
    bits.put(state.end, state.width)


def _write_one(bits: BitWriter, grammar: Grammar, state: State, name: str, value: object) -> None:
    kind = type(value) if isinstance(value, Element) else None
    code = state.codes.get((name, kind))
    if code is None:
        raise ExiError(f"{grammar.kind.__name__}: {name} cannot stand here")
    production = state.productions[code]
    assert production is not None
    arm = production[0]
    if kind is not None:
        bits.put(code, state.width)
        _write_element(bits, arm, value)
    elif arm.value is None:
        raise ExiError(f"{name}: {type(value).__name__} cannot be written")
    elif arm.bare:
        bits.put(code, state.width)
        arm.value.write(bits, value)
    else:
        bits.put(code << 1, state.width + 1)  # and that its value comes
        arm.value.write(bits, value)
        bits.put(0, 1)


def _write_element(bits: BitWriter, arm: Arm, value: object) -> None:
    """An element inside; a number of few digits is written as it was the last time."""
    if arm.kind is None or not isinstance(value, Element):
        raise ExiError(f"{arm.field}: {type(value).__name__} cannot be written")
    grammar = grammar_of(arm.kind)
    if not grammar.small:
        _write(bits, grammar, value)
        return
    known = _WRITTEN.get(value)
    if known is None:
        alone = BitWriter()
        _write(alone, grammar, value)
        if len(_WRITTEN) >= _MOST_WRITTEN:
            _WRITTEN.clear()
        known = _WRITTEN[value] = alone.written()
    bits.put(*known)


def _present(particle: Particle, element: Element) -> list[tuple[str, object]]:
    """What of a particle is there; `ExiError` if too much."""
    found: list[tuple[str, object]] = []
    for name in particle.fields:
        value = getattr(element, name)
        if particle.repeats:
            found += [(name, one) for one in value]
        elif value is not None:
            found.append((name, value))
    if len(found) > particle.most:
        raise ExiError(f"{type(element).__name__}: {len(found)} of {particle.fields[0]}")
    return found


def _read(bits: BitReader, grammar: Grammar) -> Element:
    """Follow the codes to END, then make the element."""
    found: dict[str, object] = {}
    many: dict[str, list[object]] = {}
    state = grammar.entries[0]
    while True:
        code = bits.take(state.width)
        if code >= len(state.productions):
            raise ExiError(f"{grammar.kind.__name__}: what the schema does not declare")
        production = state.productions[code]
        if production is None:
            for name, values in many.items():
                found[name] = tuple(values)
            return grammar.kind(**found)
        arm, number, state = production
        if arm.value is None:
            if arm.kind is None:
                raise ExiError(f"{arm.field}: abstract, or not supported here")
            value: object = _read(bits, grammar_of(arm.kind))
        elif arm.bare:
            value = arm.value.read(bits)
        else:
            value = _read_value(bits, arm, arm.value)
        if not grammar.particles[number].repeats:
            found[arm.field] = value
            continue
        values = many.setdefault(arm.field, [])
        values.append(value)
        if len(values) == grammar.particles[number].most:
            state = grammar.entries[number + 1]


def _read_value(bits: BitReader, arm: Arm, codec: ValueCodec) -> object:
    """A simple value between the events around it."""
    if codec.place is not None:
        width, of_place = codec.place
        read = bits.take(width + 2)
        if read & 1 or read >> width + 1:
            raise ExiError(f"{arm.field}: something else than its value")
        return of_place(read >> 1)
    if bits.take(1):
        raise ExiError(f"{arm.field}: something else than its value")
    value = codec.read(bits)
    if bits.take(1):
        raise ExiError(f"{arm.field}: something after its value")
    return value
