"""Block F, and the small blocks that answer little: H, L, N01, P."""

import pytest

from csms.blocks import ROUTER, remote_control
from csms.domain.transaction import IdToken
from csms.errors import OcppError
from csms.wire import words
from tests.blocks.bench import STATION, Bench


async def test_f01_f03_f06_what_we_ask(bench: Bench) -> None:
    async def station(ask: object, _: float) -> object:
        if isinstance(ask, words.RequestStartTransactionRequest):
            assert (ask.evse_id, ask.remote_start_id, ask.id_token.id_token) == (1, 9, "t")
            return words.RequestStartTransactionResponse(status="Accepted")
        if isinstance(ask, words.RequestStopTransactionRequest):
            return words.RequestStopTransactionResponse(status="Rejected")
        return words.TriggerMessageResponse(status="NotImplemented")

    async with bench.bus.answer(STATION, station):
        started = await remote_control.start(bench.bus, STATION, 1, IdToken("t", "Central"), 9)
        assert started.status == "Accepted"
        assert (await remote_control.stop(bench.bus, STATION, "tx")).status == "Rejected"
        assert (await remote_control.trigger(bench.bus, STATION, "Heartbeat")).status == "NotImplemented"


async def test_p02_fr_06_an_unknown_vendor_is_told_so(bench: Bench) -> None:
    answer = await bench.tell(words.DataTransferRequest(vendor_id="com.example"))
    assert isinstance(answer, words.DataTransferResponse)
    assert answer.status == "UnknownVendorId"


@pytest.mark.parametrize(
    "request_",
    [
        words.FirmwareStatusNotificationRequest(status="Installed", request_id=1),
        words.PublishFirmwareStatusNotificationRequest(status="Published", location=("x",)),
        words.LogStatusNotificationRequest(status="Uploaded", request_id=1),
        words.ReservationStatusUpdateRequest(reservation_id=1, reservation_update_status="Expired"),
    ],
    ids=lambda request: type(request).__name__,
)
async def test_l01_l03_n01_h04_notifications_are_answered(bench: Bench, request_: object) -> None:
    assert await bench.tell(request_) is None


def test_row_11_what_nobody_serves_is_not_supported() -> None:
    with pytest.raises(OcppError, match="NotSupported"):
        ROUTER.handler(words.Get15118EVCertificateRequest)
