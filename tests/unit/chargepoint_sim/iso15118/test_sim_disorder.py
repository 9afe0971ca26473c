"""What is out of order in ISO 15118-20: what a station refuses, and what a vehicle does not put up with."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.appprotocol.messages import supportedAppProtocolReq
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import Ending
from chargepoint_sim.iso15118.protocols import to_frame
from chargepoint_sim.iso15118.services import Control
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20.numbers import rational
from tests.unit.chargepoint_sim.iso15118.sequence import DC, PLAN, handshake, to_the_loop
from tests.unit.chargepoint_sim.iso15118.table import Setting, Table, Watched, a_vehicle, laid, session


async def until(table: Table, name: str, times: int = 1) -> Element:
    """Play the real vehicle up to a request, which is returned and not answered."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(table.evcc.run())
        while True:
            request = await table.station_end.recv(10)
            times -= type(request).__name__ == name
            if not times:
                running.cancel()
                return request
            await table.station_end.send(table.secc.answer(request))
            if type(request).__name__ == "DC_ChargeLoopReq":
                table.evcc.stop()


def refusal(response: Element) -> tuple[str, str]:
    assert isinstance(response, m.V2GResponseType)
    return type(response).__name__, response.ResponseCode


def head(table: Table, session_id: bytes | None = None) -> m.MessageHeaderType:
    return m.MessageHeaderType(SessionID=session_id or table.secc.session_id, TimeStamp=1)


ALL_REQUESTS = [*DC[1:], "AC_ChargeParameterDiscoveryReq", "AC_ChargeLoopReq"]


EXPECTED = {
    "ServiceDetailReq": {"ServiceDetailReq", "ServiceSelectionReq"},
    "ServiceSelectionReq": {"ServiceDetailReq", "ServiceSelectionReq"},
    "DC_ChargeLoopReq": {"DC_ChargeLoopReq", "PowerDeliveryReq"},
}


async def example_requests() -> dict[str, Element]:
    """One of each request, as real vehicles send them."""
    found: dict[str, Element] = {}
    for current in Current:
        async with session(Setting(a_vehicle(current))) as table:
            await to_the_loop(table)
            table.evcc.stop()
            await table.advance(5)
        found |= {type(one).__name__: one for one in table.traffic.sent}
    return found


@pytest.mark.parametrize("reached", DC[1:])
async def test_every_wrong_request_gets_its_own_response_and_ends_the_session(reached: str) -> None:
    """In every state every request that is not for it, in an open and a closed power path."""
    examples = await example_requests()
    for name in dict.fromkeys(ALL_REQUESTS):
        if name in EXPECTED.get(reached, {reached}) or (name == "SessionStopReq" and reached != DC[1]):
            continue
        async with laid(Setting(a_vehicle())) as table:
            await until(table, reached)
            header = head(table, bytes(8) if reached == DC[1] else None)
            wrong = replace_header(examples[name], header)
            response = table.secc.answer(wrong)
            assert refusal(response) == (name.replace("Req", "Res"), "FAILED_SequenceError"), reached
            to_frame(response)
            assert table.secc.failed
            assert not table.path_closed()


def replace_header(message: Element, header: m.MessageHeaderType) -> Element:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return type(message)(**(fields | {"Header": header}))


async def test_before_the_handshake_everything_is_out_of_order() -> None:
    async with laid(Setting(a_vehicle())) as table:
        response = table.secc.answer(m.SessionSetupReq(Header=head(table), EVCCID="A"))
        assert refusal(response) == ("SessionSetupRes", "FAILED_SequenceError")


@pytest.mark.parametrize("reached", DC[2:])
async def test_an_unknown_session_is_refused(reached: str) -> None:
    async with laid(Setting(a_vehicle())) as table:
        request = await until(table, reached)
        response = table.secc.answer(replace_header(request, head(table, b"\xff" * 8)))
        assert refusal(response) == (reached.replace("Req", "Res"), "FAILED_UnknownSession")
        to_frame(response)
        assert not table.path_closed()
        assert table.secc.failed


@pytest.mark.parametrize("reached", DC[2:])
async def test_session_stop_is_taken_anywhere(reached: str) -> None:
    async with laid(Setting(a_vehicle())) as table:
        await until(table, reached)
        stop = m.SessionStopReq(Header=head(table), ChargingSession="Terminate")
        assert refusal(table.secc.answer(stop)) == ("SessionStopRes", "OK")
        assert not table.path_closed()
        assert not table.secc.failed


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        (handshake(), "OK_SuccessfulNegotiation"),
        (handshake(minor=3), "OK_SuccessfulNegotiationWithMinorDeviation"),
        (handshake(major=2), "Failed_NoNegotiation"),
        (handshake("urn:din:70121:2012:MsgDef"), "Failed_NoNegotiation"),
    ],
)
async def test_handshakes(offer: supportedAppProtocolReq, code: str) -> None:
    async with laid(Setting(a_vehicle())) as table:
        response = table.secc.answer(offer)
        assert getattr(response, "ResponseCode", None) == code
        assert getattr(response, "SchemaID", None) == (None if code.startswith("Failed") else 7)
        assert table.secc.failed is code.startswith("Failed")


async def test_a_wrong_choice_is_refused() -> None:
    detail = m.ServiceDetailReq
    for service, parameters, code in (
        (9, 1, "FAILED_NoEnergyTransferServiceSelected"),
        (6, 3, "FAILED_ServiceSelectionInvalid"),
    ):
        async with laid(Setting(a_vehicle())) as table:
            await until(table, "ServiceSelectionReq")
            chosen = m.SelectedServiceType(ServiceID=service, ParameterSetID=parameters)
            asked = m.ServiceSelectionReq(Header=head(table), SelectedEnergyTransferService=chosen)
            assert refusal(table.secc.answer(asked)) == ("ServiceSelectionRes", code)
    async with laid(Setting(a_vehicle())) as table:
        await until(table, "ServiceDetailReq")
        response = table.secc.answer(detail(Header=head(table), ServiceID=9))
        assert refusal(response) == ("ServiceDetailRes", "FAILED_ServiceIDInvalid")


async def test_one_way_parameters_for_a_bidirectional_service_are_refused() -> None:
    async with laid(Setting(a_vehicle())) as table:
        await until(table, "DC_ChargeParameterDiscoveryReq")
        async with session(Setting(a_vehicle(bidirectional=False))) as other:
            other.evcc.stop()
            await other.advance(5)
        wrong = replace_header(other.traffic.last(m.DC_ChargeParameterDiscoveryReq), head(table))
        assert refusal(table.secc.answer(wrong)) == (
            "DC_ChargeParameterDiscoveryRes",
            "FAILED_WrongChargeParameter",
        )


async def test_a_start_with_a_schedule_that_was_not_offered_is_refused() -> None:
    setting = Setting(a_vehicle(), plan=replace(PLAN, control=Control.SCHEDULED))
    for profile, code in (
        (None, "FAILED_EVPowerProfileInvalid"),
        (profile_of(2, 1_000), "FAILED_ScheduleSelectionInvalid"),
        (profile_of(1, 99_000), "FAILED_EVPowerProfileViolation"),
    ):
        async with laid(setting) as table:
            await until(table, "PowerDeliveryReq")
            asked = m.PowerDeliveryReq(
                Header=head(table), EVProcessing="Finished", ChargeProgress="Start", EVPowerProfile=profile
            )
            assert refusal(table.secc.answer(asked)) == ("PowerDeliveryRes", code)
            assert not table.path_closed()


def profile_of(schedule: int, power_w: float) -> m.EVPowerProfileType:
    entry = m.PowerScheduleEntryType(Duration=60, Power=rational(power_w))
    return m.EVPowerProfileType(
        TimeAnchor=0,
        Scheduled_EVPPTControlMode=m.Scheduled_EVPPTControlModeType(SelectedScheduleTupleID=schedule),
        EVPowerProfileEntries=m.EVPowerProfileEntryListType(EVPowerProfileEntry=(entry,)),
    )


async def test_standby_is_not_allowed_and_breaks_nothing() -> None:
    async with laid(Setting(a_vehicle())) as table:
        await until(table, "DC_ChargeLoopReq")
        asked = m.PowerDeliveryReq(Header=head(table), EVProcessing="Finished", ChargeProgress="Standby")
        assert refusal(table.secc.answer(asked)) == ("PowerDeliveryRes", "WARNING_StandbyNotAllowed")
        assert table.path_closed()


def forgeries() -> Iterator[Element]:
    header = m.MessageHeaderType(SessionID=bytes(7) + b"\1", TimeStamp=1)
    yield m.SessionStopRes(Header=header, ResponseCode="OK")
    yield m.AuthorizationSetupRes(
        Header=header,
        ResponseCode="FAILED",
        AuthorizationServices=("EIM",),
        CertificateInstallationService=False,
        EIM_ASResAuthorizationMode=m.EIM_ASResAuthorizationModeType(),
    )
    yield m.AuthorizationSetupRes(
        Header=header,
        ResponseCode="OK",
        AuthorizationServices=("PnC",),
        CertificateInstallationService=False,
        PnC_ASResAuthorizationMode=m.PnC_ASResAuthorizationModeType(GenChallenge=bytes(16)),
    )
    yield m.AuthorizationSetupRes(
        Header=m.MessageHeaderType(SessionID=b"\7" * 8, TimeStamp=1),
        ResponseCode="OK",
        AuthorizationServices=("EIM",),
        CertificateInstallationService=False,
        EIM_ASResAuthorizationMode=m.EIM_ASResAuthorizationModeType(),
    )
    yield handshake()


@pytest.mark.parametrize("forged", list(forgeries()), ids=lambda one: type(one).__name__)
async def test_a_vehicle_leaves_a_station_that_answers_wrong(forged: Element) -> None:
    setting = Setting(a_vehicle())
    async with laid(setting) as table, asyncio.TaskGroup() as tasks:
        table.start(tasks)
        end = table.station_end

        async def send(message: Element) -> None:
            wrong = type(message) is m.AuthorizationSetupRes
            await Watched.send(end, forged if wrong else message)

        end.send = send  # type: ignore[method-assign]
        await table.finish()
    assert table.endings == (Ending.BROKEN, Ending.LOST)
    assert table.evcc.failure
