"""What a station has told of one transaction, and what it folds to."""

from datetime import UTC, datetime, timedelta
from zlib import crc32

from msgspec.structs import replace

from csms.domain.fold import begin, fold
from csms.domain.meter import Reading
from csms.domain.station import Registration
from csms.domain.transaction import EventType, IdToken, Transaction, TransactionEvent
from csms.store import stations
from csms.store.statements import Change

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(seq_no: int, kind: EventType = EventType.UPDATED, **more: object) -> TransactionEvent:
    event = TransactionEvent(kind, "tx", seq_no, at(60 * seq_no), "Trigger", raw=b'{"a":1}', digest=b"d")
    return replace(event, **more)


STARTED = told(
    0,
    EventType.STARTED,
    evse_id=1,
    connector_id=1,
    id_token=IdToken("Card", "ISO14443"),
    remote_start_id=2**40,
)
MEASURED = told(
    1,
    charging_state="Charging",
    readings=(Reading(at(60), -6950.0, 100.0, 20.0, 55.5), Reading(at(60), power_w=-1.0)),
)
ENDED = told(5, EventType.ENDED, offline=True, stopped_reason="EVDisconnected")


def numbered(station: str, transaction_id: str = "tx") -> int:
    """A number of its own for each."""
    return crc32(f"{station}/{transaction_id}".encode())


OF_A = Transaction("a", "tx", numbered("a"))


def folded(*events: TransactionEvent, station: str = "a") -> Transaction:
    transaction = begin(station, events[0], numbered(station))
    for event in events[1:]:
        transaction = fold(transaction, event)
    return transaction


def booted(station: str, at: datetime) -> Change:
    """A boot that was accepted."""
    return stations.booted(
        station,
        vendor="V",
        model="M",
        serial=None,
        firmware=None,
        reason="PowerUp",
        at=at,
        registration=Registration.ACCEPTED,
    )
