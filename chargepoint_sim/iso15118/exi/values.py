"""Simple values: how each kind is written and read. `codec_of` finds the pair for a kind."""

from collections.abc import Callable
from dataclasses import dataclass

from chargepoint_sim.iso15118.exi.bits import BitReader, BitWriter, ExiError
from chargepoint_sim.iso15118.exi.vocabulary import Integer, Octets, Text

_MOST_BITS_RANGE = 4096  # a wider range is written in groups of seven bits
_SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class ValueCodec:
    """Writes and reads one kind of value; both raise `ExiError` for what the schema does not allow.

    `place`: a value of so many bits, and what a number of them stands for. `whole`: it is a whole number.
    """

    write: Callable[[BitWriter, object], None]
    read: Callable[[BitReader], object]
    place: tuple[int, Callable[[int], object]] | None = None
    whole: bool = False


def boolean() -> ValueCodec:
    """True or false in a bit."""

    def write(bits: BitWriter, value: object) -> None:
        if not isinstance(value, bool):
            raise ExiError(f"{value!r} is not a bool")
        bits.put(value, 1)

    return ValueCodec(write, lambda bits: bits.take(1) == 1, (1, bool))


def enumeration(names: tuple[str, ...]) -> ValueCodec:
    """One of some names, as its place among them."""
    places, width = {name: place for place, name in enumerate(names)}, (len(names) - 1).bit_length()

    def write(bits: BitWriter, value: object) -> None:
        if not isinstance(value, str) or (place := places.get(value)) is None:
            raise ExiError(f"{value!r} is not one of {names}")
        bits.put(place, width)

    def of_place(place: int) -> str:
        if place >= len(names):
            raise ExiError(f"there is no value {place} among {len(names)}")
        return names[place]

    return ValueCodec(write, lambda bits: of_place(bits.take(width)), (width, of_place))


def integer(kind: Integer) -> ValueCodec:
    """A whole number: a small range as an offset, else in groups, with a sign where it may be negative."""
    low, high = kind.low, kind.high
    place: tuple[int, Callable[[int], object]] | None = None
    if high - low < _MOST_BITS_RANGE:
        width = (high - low).bit_length()
        place = width, lambda offset: _within(kind, offset + low)
        write, read = _small(kind)
    elif low >= 0:
        write, read = BitWriter.put_unsigned, lambda bits: bits.take_unsigned(high)
    else:
        write, read = _put_signed, lambda bits: _take_signed(bits, kind)

    def write_checked(bits: BitWriter, value: object) -> None:
        if type(value) is not int:
            raise ExiError(f"{value!r} is not a whole number")
        if not low <= value <= high:
            _within(kind, value)
        write(bits, value)

    return ValueCodec(write_checked, lambda bits: _within(kind, read(bits)), place, whole=True)


def _small(kind: Integer) -> tuple[Callable[[BitWriter, int], None], Callable[[BitReader], int]]:
    low, width = kind.low, (kind.high - kind.low).bit_length()
    return lambda bits, value: bits.put(value - low, width), lambda bits: bits.take(width) + low


def _put_signed(bits: BitWriter, value: int) -> None:
    bits.put(value < 0, 1)
    bits.put_unsigned(~value if value < 0 else value)


def _take_signed(bits: BitReader, kind: Integer) -> int:
    negative = bits.take(1)
    value = bits.take_unsigned(max(kind.high, ~kind.low))
    return ~value if negative else value


def _within(kind: Integer, value: int) -> int:
    if kind.low <= value <= kind.high:
        return value
    raise ExiError(f"{value} is not within {kind.low} and {kind.high}")


def text(kind: Text) -> ValueCodec:
    """A string: its length plus two (no string table), then its characters."""

    def write(bits: BitWriter, value: object) -> None:
        if not isinstance(value, str):
            raise ExiError(f"{value!r} is not a string")
        _check_length(len(value), kind)
        bits.put_unsigned(len(value) + 2)
        for character in value:
            bits.put_unsigned(_character(ord(character)))

    def read(bits: BitReader) -> str:
        length = bits.take_unsigned(kind.most + 2) - 2
        _check_length(length, kind)
        return "".join(chr(_character(bits.take_unsigned(0x10FFFF))) for _ in range(length))

    return ValueCodec(write, read)


def _character(point: int) -> int:
    if point == 0 or point in _SURROGATES:
        raise ExiError(f"{point:#x} is not a character")
    return point


def octets(kind: Octets) -> ValueCodec:
    """Bytes: their number, then they."""

    def write(bits: BitWriter, value: object) -> None:
        if not isinstance(value, bytes):
            raise ExiError(f"{value!r} is not bytes")
        _check_length(len(value), kind)
        bits.put_unsigned(len(value))
        bits.put(int.from_bytes(value, "big"), 8 * len(value))

    def read(bits: BitReader) -> bytes:
        length = bits.take_unsigned(kind.most)
        _check_length(length, kind)
        return bits.take(8 * length).to_bytes(length, "big")

    return ValueCodec(write, read)


def _check_length(length: int, kind: Text | Octets) -> None:
    if not kind.least <= length <= kind.most:
        raise ExiError(f"a length of {length} is not within {kind.least} and {kind.most}")
