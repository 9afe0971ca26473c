"""Messages that the schema allows and nobody means: either end answers or gives up, and never falls over."""

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargepoint_sim.clock import HandClock
from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.appprotocol.messages import SAP
from chargepoint_sim.iso15118.channel import ChannelClosed, MemoryChannel, Undecodable
from chargepoint_sim.iso15118.evcc import Evcc, Plan
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import Ending, Permission
from chargepoint_sim.iso15118.protocols import to_frame
from chargepoint_sim.iso15118.secc import Hardware, Memory, Secc
from chargepoint_sim.iso15118.services import Control
from chargepoint_sim.iso15118.v2 import messages as v2
from chargepoint_sim.iso15118.v2 import vehicle as vehicle_2
from chargepoint_sim.iso15118.v20 import vehicle as vehicle_20
from chargepoint_sim.iso15118.v20.messages import AC, COMMON, DC, MessageHeaderType, V2GMessageType
from chargepoint_sim.station.evse import Evse
from tests.unit.chargepoint_sim.iso15118.drawing import elements
from tests.unit.chargepoint_sim.iso15118.table import DIALECTS, RATING, START, Setting, a_vehicle, session

SESSION = (1).to_bytes(8, "big")
PLANS = {
    (current, protocol, control): Plan(dialects, loop_period_s=1.0, control=control)
    for current in Current
    for protocol, dialects in (("20", vehicle_20.DIALECTS), ("2", vehicle_2.DIALECTS))
    for control in Control
}
STORIES = [one for one in PLANS if one[1] == "20" or one[2] is Control.DYNAMIC]
KINDS_20 = [kind for schema in (COMMON, DC, AC) for kind in schema.messages.values()]
BODIES_2 = [
    kind for kind in vars(v2).values() if isinstance(kind, type) and kind.__name__.endswith(("Req", "Res"))
]


@cache
def talk(story: tuple[Current, str, Control]) -> tuple[Element, ...]:
    """A whole session, message by message."""

    async def play() -> tuple[Element, ...]:
        async with session(Setting(a_vehicle(story[0]), plan=PLANS[story])) as table:
            await table.advance(5)
            table.evcc.stop()
            await table.advance(3)
        return tuple(table.traffic.sent)

    return asyncio.run(play())


def nonsense(protocol: str, ending: str) -> st.SearchStrategy[Element]:
    """Any message of one direction, in the session that is going on."""
    if protocol == "20":
        kinds = [kind for kind in KINDS_20 if kind.__name__.endswith(ending)]
        return st.sampled_from(kinds).flatmap(elements).map(in_session)
    bodies = [kind for kind in BODIES_2 if kind.__name__.endswith(ending)]
    return st.sampled_from(bodies).flatmap(elements).map(enveloped)


def in_session(message: Element) -> Element:
    assert isinstance(message, V2GMessageType)
    fields: dict[str, Any] = {name: getattr(message, name) for name in message.__struct_fields__}
    return type(message)(**fields | {"Header": MessageHeaderType(SessionID=SESSION, TimeStamp=1)})


def enveloped(body: Any) -> Element:
    header = v2.MessageHeaderType(SessionID=SESSION)
    return v2.V2G_Message(Header=header, Body=v2.BodyType(BodyElement=body))


def same_kind(message: Element) -> st.SearchStrategy[Element]:
    """The right message, with any content."""
    if isinstance(message, V2GMessageType):
        return elements(type(message)).map(in_session)
    if isinstance(message, v2.V2G_Message) and message.Body.BodyElement is not None:
        return elements(type(message.Body.BodyElement)).map(enveloped)
    return elements(type(message))


def a_station() -> tuple[Secc, Evse]:
    clock = HandClock(START)
    evse = Evse(1, RATING, clock)
    evse.plug(a_vehicle())
    evse.granted = Permission.GRANTED
    end, _ = MemoryChannel.pair(clock, clock)
    return Secc(end, evse, clock, Hardware("ZZTEST1"), DIALECTS, Memory(new_session_id=lambda: SESSION)), evse


RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("story", STORIES, ids=str)
@RELAXED
@given(data=st.data())
def test_a_station_answers_or_hangs_up(story: tuple[Current, str, Control], data: st.DataObject) -> None:
    requests = talk(story)[::2]
    reached = data.draw(st.integers(0, len(requests) - 1))
    secc, evse = a_station()
    for request in requests[:reached]:
        to_frame(secc.answer(request))
    for _ in range(3):
        right = same_kind(requests[min(reached, len(requests) - 1)])
        message = data.draw(right | nonsense(story[1], "Req") | nonsense(story[1], "Res"))
        try:
            to_frame(secc.answer(message))
        except Undecodable:
            assert secc.failed
        if secc.failed:
            assert not evse.closed
            return
        evse.settle()
        assert -RATING.discharge_w <= evse.power_w <= RATING.charge_w
        if story[1] == "2":
            assert evse.power_w >= 0


class Played:
    """A channel whose other end says what a test wants, and then nothing more."""

    def __init__(self, said: Iterable[Element]) -> None:
        self._said = iter(said)

    async def send(self, message: Element) -> None:
        to_frame(message)

    async def recv(self, timeout_s: float) -> Element:
        message = next(self._said, None)
        if message is None:
            raise ChannelClosed
        return message

    async def pause(self, seconds: float) -> None:
        pass

    def nudge(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize("story", STORIES, ids=str)
@RELAXED
@given(data=st.data())
def test_a_vehicle_goes_on_or_gives_up(story: tuple[Current, str, Control], data: st.DataObject) -> None:
    responses = talk(story)[1::2]
    reached = data.draw(st.integers(0, len(responses) - 1))
    wrong = data.draw(same_kind(responses[reached]) | nonsense(story[1], "Res"))
    again = data.draw(same_kind(responses[min(reached + 1, len(responses) - 1)]))
    clock, vehicle = HandClock(START), a_vehicle(story[0])
    evcc = Evcc(Played([*responses[:reached], wrong, again]), vehicle, clock, PLANS[story])
    assert asyncio.run(evcc.run()) in Ending
    assert evcc.power_w == 0


@RELAXED
@given(data=st.data())
def test_any_handshake_is_answered(data: st.DataObject) -> None:
    secc, _ = a_station()
    to_frame(secc.answer(data.draw(elements(SAP.messages[0]))))
