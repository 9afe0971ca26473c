"""Block F: start and stop transactions from here; trigger messages."""

from typing import cast

from csms.bus.bus import Bus
from csms.domain.transaction import IdToken
from csms.wire import words


async def start(
    bus: Bus,
    station_id: str,
    evse_id: int | None,
    token: IdToken,
    remote_start_id: int,
    timeout_s: float = 30.0,
) -> words.RequestStartTransactionResponse:
    """F01, F02: ask for a transaction; `remote_start_id` comes back in its events. Raises `StationError`."""
    request = words.RequestStartTransactionRequest(
        evse_id=evse_id,
        id_token=words.IdTokenType(id_token=token.token, type=token.type),
        remote_start_id=remote_start_id,
    )
    answer = await bus.ask(station_id, request, timeout_s=timeout_s)
    return cast(words.RequestStartTransactionResponse, answer)


async def stop(
    bus: Bus, station_id: str, transaction_id: str, timeout_s: float = 30.0
) -> words.RequestStopTransactionResponse:
    """F03: ask for the end of a transaction. Raises `StationError`."""
    request = words.RequestStopTransactionRequest(transaction_id=transaction_id)
    answer = await bus.ask(station_id, request, timeout_s=timeout_s)
    return cast(words.RequestStopTransactionResponse, answer)


async def trigger(
    bus: Bus,
    station_id: str,
    message: words.MessageTriggerEnumType,
    evse: words.EVSEType | None = None,
    timeout_s: float = 30.0,
) -> words.TriggerMessageResponse:
    """F06: ask for a message now, of one EVSE or connector if `evse` is given. Raises `StationError`."""
    request = words.TriggerMessageRequest(requested_message=message, evse=evse)
    answer = await bus.ask(station_id, request, timeout_s=timeout_s)
    return cast(words.TriggerMessageResponse, answer)
