"""Bits one after the other, the highest first."""


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

    def finish(self) -> bytes:
        """All of it, filled up with zero bits to a whole byte."""
        rest = -self._count & 7
        return bytes(self._whole) + (self._bits << rest).to_bytes(self._count + rest >> 3, "big")


class BitReader:
    """Gives bits back. Every method raises `ExiError` where the data end too early."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = len(data) * 8

    def take(self, width: int) -> int:
        """The next `width` bits as a number."""
        start, self._at = self._at, self._at + width
        if self._at > self._end:
            raise ExiError("the message ends in the middle")
        upper = self._at + 7 >> 3
        window = int.from_bytes(self._data[start >> 3 : upper], "big")
        return window >> (upper << 3) - self._at & (1 << width) - 1

    def take_unsigned(self, most: int) -> int:
        """A number in groups of seven bits, not above `most`."""
        value = shift = 0
        while True:
            group = self.take(8)
            value |= (group & 0x7F) << shift
            if value > most or shift > 63:
                raise ExiError(f"a number above {most}")
            if group < 0x80:
                return value
            shift += 7

    def finish(self) -> None:
        """Nothing but zero bits up to the next whole byte may be left."""
        left = self._end - self._at
        if left > 7 or self.take(left):
            raise ExiError(f"{left} bits after the end of the message")
