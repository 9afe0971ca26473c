"""What every route is given: the rest of the house, handed over by `app` and never looked for."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from csms.api.numbers import Numbers
from csms.bus.bus import Bus
from csms.clock import Clock
from csms.pki.trust import Trust
from csms.store.database import Database
from csms.wire.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Wiring:
    """`health`: each part that must work, and whether it does; `connections`: how many stations are here.

    `dialects` are the OCPP versions that are spoken; `closing` is set when the server goes down: streams end
    then; `trust` is who vouches for whom.
    """

    db: Database
    bus: Bus
    clock: Clock
    health: Callable[[], Mapping[str, bool]]
    connections: Callable[[], int]
    numbers: Numbers = field(default_factory=Numbers)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    dialects: Sequence[Dialect] = ()
    trust: Trust = field(default_factory=Trust)

    def dialect(self, version: str | None) -> Dialect | None:
        """What a station speaks; None while nobody knows."""
        return next((one for one in self.dialects if one.version == version), None)


def wiring(request: Request) -> Wiring:
    """The wiring that the application was built with."""
    wired: Wiring = request.app.state.wiring
    return wired


Wired = Annotated[Wiring, Depends(wiring)]
