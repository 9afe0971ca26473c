"""The house's own numbers for transactions, under which their events are kept."""

import secrets
import time

_SINCE_S = 1_577_836_800  # 2020-01-01: 63 bits last from there for 272 years
_TICKS_A_SECOND = 1 << 20
_NODE_BITS = 10


class _Numbers:
    """The numbers that one process gives."""

    def __init__(self) -> None:
        self._node = secrets.randbits(_NODE_BITS)
        self._last = 0

    def next(self) -> int:
        """See `new_number`."""
        self._last = max(self._last + 1, int((time.time() - _SINCE_S) * _TICKS_A_SECOND))
        return self._last << _NODE_BITS | self._node


new_number = _Numbers().next
"""One that was not given before, and that is above those of a moment ago, whichever node gave them.

So the numbers of transactions that run at one time lie side by side. Should two nodes ever give the same one,
the store refuses the second transaction, and its station tells it again.
"""
