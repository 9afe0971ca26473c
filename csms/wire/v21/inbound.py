"""OCPP 2.1 calls -> house words, and the answers back: as in 2.0.1, with what 2.1 adds.

All that is not here is a house word as it stands, because the house words are the 2.1 messages.
"""

from typing import cast

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from csms.domain.transaction import TransactionEvent
from csms.wire.dialect import Inbound
from csms.wire.v21 import messages as m
from csms.wire.v201.inbound import INBOUND as ALIKE

_EVENT = ALIKE["TransactionEvent"]


def _transaction_event(event: m.TransactionEventRequest, payload: bytes) -> TransactionEvent:
    word = cast(TransactionEvent, _EVENT.read(event, payload))
    told = event.transaction_info
    besides = {
        "operationMode": told.operation_mode,
        "tariffId": told.tariff_id,
        "transactionLimit": told.transaction_limit,
        "costDetails": event.cost_details,
        "evseSleep": event.evse_sleep,
        "preconditioningStatus": event.preconditioning_status,
    }
    particulars = tuple(
        (name, msgspec.json.encode(value).decode()) for name, value in besides.items() if value is not UNSET
    )
    return replace(word, particulars=particulars) if particulars else word


INBOUND = {**ALIKE, "TransactionEvent": Inbound(_transaction_event, _EVENT.write)}
