"""Messages to EXI and back. The only error is `ExiError`; time and memory grow with the bytes, no faster."""

from chargepoint_sim.iso15118.exi.bits import BitReader, BitWriter, ExiError
from chargepoint_sim.iso15118.exi.grammar import Arm, Grammar, Particle, Schema, grammar_of
from chargepoint_sim.iso15118.exi.vocabulary import Element

_HEADER = 0x80  # no options, version 1
MOST_BYTES = 65_536


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
        for count, (name, value) in enumerate(_present(particle, element), start=1):
            kind = type(value) if isinstance(value, Element) else None
            code = state.codes.get((name, kind))
            if code is None:
                raise ExiError(f"{grammar.kind.__name__}: {name} cannot stand here")
            bits.put(code, state.width)
            production = state.productions[code]
            assert production is not None
            _write_arm(bits, production[0], value)
            state = grammar.entries[number + 1] if count == particle.most else grammar.again[number]
    if state.end is None:
        raise ExiError(f"{grammar.kind.__name__}: something is missing at the end")
    bits.put(state.end, state.width)


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


def _write_arm(bits: BitWriter, arm: Arm, value: object) -> None:
    if arm.value is None:
        if arm.kind is None or not isinstance(value, Element):
            raise ExiError(f"{arm.field}: {type(value).__name__} cannot be written")
        _write(bits, grammar_of(arm.kind), value)
    elif arm.bare:
        arm.value.write(bits, value)
    else:
        bits.put(0, 1)
        arm.value.write(bits, value)
        bits.put(0, 1)


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
            found.update((name, tuple(values)) for name, values in many.items())
            return grammar.kind(**found)
        arm, number, state = production
        value = _read_arm(bits, arm)
        if not grammar.particles[number].repeats:
            found[arm.field] = value
            continue
        values = many.setdefault(arm.field, [])
        values.append(value)
        if len(values) == grammar.particles[number].most:
            state = grammar.entries[number + 1]


def _read_arm(bits: BitReader, arm: Arm) -> object:
    if arm.value is None:
        if arm.kind is None:
            raise ExiError(f"{arm.field}: abstract, or not supported here")
        return _read(bits, grammar_of(arm.kind))
    if arm.bare:
        return arm.value.read(bits)
    if bits.take(1):
        raise ExiError(f"{arm.field}: something else than its value")
    value = arm.value.read(bits)
    if bits.take(1):
        raise ExiError(f"{arm.field}: something after its value")
    return value
