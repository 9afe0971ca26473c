"""OCPP 1.6 with its security extension, by translation into the house words."""

from csms.wire.dialect import Dialect
from csms.wire.messages import Vocabulary
from csms.wire.session import Rules
from csms.wire.v16.inbound import INBOUND
from csms.wire.v16.messages import ASKED, CALLS, SERVED
from csms.wire.v16.outbound import OUTBOUND

_CODES = {
    "FormatViolation": "FormationViolation",
    "MessageTypeNotSupported": "GenericError",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",  # as 1.6 spells it
    "RpcFrameworkError": "GenericError",
}

DIALECT = Dialect(
    version="1.6",
    subprotocol="ocpp1.6",
    rules=Rules(answers_unknown_types=False, spelling=_CODES),
    vocabulary=Vocabulary(
        calls=CALLS,
        served=SERVED,
        asked=ASKED,
        folder="v16",
        request_suffix="",
        open_actions=frozenset(),
    ),
    inbound=INBOUND,
    outbound=OUTBOUND,
)
