"""Vendors' own messages (block P): who answers which."""

from collections.abc import Callable
from dataclasses import dataclass, field

VendorHandler = Callable[[object], object]


class Declined(Exception):
    """A handler does not want this message."""


def _echo(data: object) -> object:
    return data


@dataclass
class Vendors:
    """A registry by vendor and message. The simulator's own vendor knows one message, `Echo`."""

    handlers: dict[tuple[str, str | None], VendorHandler] = field(
        default_factory=lambda: {("org.v2g.sim", "Echo"): _echo}
    )

    def answer(self, vendor: str, message: str | None, data: object) -> tuple[str, object]:
        """The status and what is answered (P01.FR.05, P01.FR.06)."""
        handler = self.handlers.get((vendor, message))
        if handler is None:
            known = any(one == vendor for one, _ in self.handlers)
            return ("UnknownMessageId" if known else "UnknownVendorId"), None
        try:
            return "Accepted", handler(data)
        except Declined:
            return "Rejected", None
