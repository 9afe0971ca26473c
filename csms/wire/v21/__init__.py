"""OCPP 2.1."""

from csms.wire.dialect import Dialect
from csms.wire.messages import Vocabulary
from csms.wire.session import Rules
from csms.wire.v21.inbound import INBOUND
from csms.wire.v21.messages import ASKED, CALLS, SERVED
from csms.wire.v21.outbound import OUTBOUND

DIALECT = Dialect(
    version="2.1",
    subprotocol="ocpp2.1",
    rules=Rules(has_later_types=True),
    vocabulary=Vocabulary(calls=CALLS, served=SERVED, asked=ASKED, folder="v21"),
    inbound=INBOUND,
    outbound=OUTBOUND,
)
