"""OCPP 2.0.1."""

from csms.wire.dialect import Dialect
from csms.wire.messages import Vocabulary
from csms.wire.session import Rules
from csms.wire.v201.inbound import INBOUND
from csms.wire.v201.messages import ASKED, CALLS, SERVED
from csms.wire.v201.outbound import OUTBOUND

DIALECT = Dialect(
    version="2.0.1",
    subprotocol="ocpp2.0.1",
    rules=Rules(),
    vocabulary=Vocabulary(calls=CALLS, served=SERVED, asked=ASKED, folder="v201"),
    inbound=INBOUND,
    outbound=OUTBOUND,
)
