"""Bits one after the other, the highest first."""

_WINDOW = 32  # bytes


class ExiError(ValueError):
    """A message that cannot be written, or bytes that are no message."""


class BitWriter:
    """Collects bits."""

    __slots__ = ("_bits", "_count", "_whole")

    def __init__(self) -> None:
        self._whole = bytearray()
        self._bits = 0
        self._count = 0

    def put(self, value: int, width: int) -> None:
        """Append the lowest `width` bits of a value that fits into them."""
        self._bits = self._bits << width | value
        self._count += width
        if self._count >= 256:
            rest = self._count & 7
            self._whole += (self._bits >> rest).to_bytes(self._count >> 3, "big")
            self._bits &= (1 << rest) - 1
            self._count = rest

    def put_unsigned(self, value: int) -> None:
        """Append a number in groups of seven bits, the lowest group first."""
        while value > 0x7F:
            self.put(value & 0x7F | 0x80, 8)
            value >>= 7
        self.put(value, 8)

    def written(self) -> tuple[int, int]:
        """All of it as one number, and how many bits that are; for few bits."""
        return int.from_bytes(self._whole, "big") << self._count | self._bits, len(
            self._whole
        ) * 8 + self._count

    def finish(self) -> bytes:
        """All of it, filled up with zero bits to a whole byte."""
        rest = -self._count & 7
        return bytes(self._whole) + (self._bits << rest).to_bytes(self._count + rest >> 3, "big")


class BitReader:
    """Gives bits back. Every method raises `ExiError` where the data end too early.

    A window of the data is held as one number; it moves on by whole bytes.
    """

    __slots__ = ("_at", "_data", "_held", "_window")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0  # the first byte behind the window
        self._window = 0
        self._held = 0  # bits of the window that are still to be given

    def take(self, width: int) -> int:
        """The next `width` bits as a number."""
        if width > self._held:
            self._move_on(width)
        self._held -= width
        return self._window >> self._held & (1 << width) - 1

    def _move_on(self, width: int) -> None:
        more = self._data[self._at : self._at + max(_WINDOW, (width - self._held + 7) >> 3)]
        self._at += len(more)
        kept = self._window & (1 << self._held) - 1
        self._window = kept << (len(more) << 3) | int.from_bytes(more, "big")
        self._held += len(more) << 3
        if width > self._held:
            raise ExiError("the message ends in the middle")

    def take_unsigned(self, most: int) -> int:
        """A number in groups of seven bits, not above `most`."""
        group = self.take(8)
        if group < 0x80 and group <= most:
            return group
        value, shift = 0, 0
        while True:
            value |= (group & 0x7F) << shift
            if value > most or shift > 63:
                raise ExiError(f"a number above {most}")
            if group < 0x80:
                return value
            shift += 7
            group = self.take(8)

    def finish(self) -> None:
        """Nothing but zero bits up to the next whole byte may be left."""
        left = self._held + (len(self._data) - self._at << 3)
        if left > 7 or self.take(left):
            raise ExiError(f"{left} bits after the end of the message")
