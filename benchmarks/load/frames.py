"""What the stations say: OCPP 2.0.1 calls as JSON text, written without a JSON library to cost little."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

EVENTS_A_TRANSACTION = 60
"""Started, 58 times Updated, Ended: an hour of charging with a reading a minute."""

TOKEN = "bench-token"

_compact = json.JSONEncoder(separators=(",", ":")).encode

_SAMPLE = (
    '{{"value":{value},"context":"Sample.Periodic","measurand":"{measurand}","location":"Outlet"'
    ',"unitOfMeasure":{{"unit":"{unit}"}}}}'
)


@dataclass(slots=True)
class _Now:
    """This moment as text; made anew once a second, as a meter that samples on the second does."""

    second: int = 0
    text: str = ""

    def __call__(self) -> str:
        second = int(time.time())
        if second != self.second:
            self.second = second
            self.text = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(second))
        return self.text


_now = _Now()


class Talk:
    """What one station says next. `run` makes its transaction ids differ from those of earlier runs."""

    __slots__ = ("_count", "_energy_wh", "_identity", "_run", "_seq_no", "_transaction")

    def __init__(self, identity: str, run: str) -> None:
        self._identity = identity
        self._run = run
        self._count = 0
        self._transaction = 0
        self._seq_no = 0
        self._energy_wh = 0

    def boot(self) -> tuple[str, str]:
        """A BootNotification: its message id and its text."""
        plate = {
            "model": "B1",
            "vendorName": "Bench",
            "serialNumber": f"B1-{self._identity}",
            "firmwareVersion": "1.0.0",
        }
        return self._call("BootNotification", _compact({"reason": "PowerUp", "chargingStation": plate}))

    def heartbeat(self) -> tuple[str, str]:
        """A Heartbeat: its message id and its text."""
        return self._call("Heartbeat", "{}")

    def event(self) -> tuple[str, str]:
        """The next TransactionEvent with three sampled values: its message id and its text."""
        seq_no = self._seq_no
        kind, reason, extra = "Updated", "MeterValuePeriodic", ""
        if seq_no == 0:
            kind, reason = "Started", "Authorized"
            extra = f',"idToken":{{"idToken":"{TOKEN}","type":"ISO14443"}}'
        elif seq_no == EVENTS_A_TRANSACTION - 1:
            kind, reason = "Ended", "EVDeparted"
        at = _now()
        self._energy_wh += 120
        samples = ",".join(
            (
                _SAMPLE.format(value=self._energy_wh, measurand="Energy.Active.Import.Register", unit="Wh"),
                _SAMPLE.format(value=7200 + seq_no, measurand="Power.Active.Import", unit="W"),
                _SAMPLE.format(value=20 + seq_no, measurand="SoC", unit="Percent"),
            )
        )
        payload = (
            f'{{"eventType":"{kind}","timestamp":"{at}","triggerReason":"{reason}","seqNo":{seq_no}'
            f',"transactionInfo":{{"transactionId":"{self._identity}-{self._run}-{self._transaction}"'
            f',"chargingState":"Charging"}},"evse":{{"id":1,"connectorId":1}}{extra}'
            f',"meterValue":[{{"timestamp":"{at}","sampledValue":[{samples}]}}]}}'
        )
        self._seq_no += 1
        if self._seq_no == EVENTS_A_TRANSACTION:
            self._seq_no = 0
            self._transaction += 1
        return self._call("TransactionEvent", payload)

    def say(self, kind: str) -> tuple[str, str]:
        """The next call of this kind: `boot`, `heartbeat` or `event`."""
        kinds: dict[str, Callable[[], tuple[str, str]]] = {
            "event": self.event,
            "heartbeat": self.heartbeat,
            "boot": self.boot,
        }
        return kinds[kind]()

    def _call(self, action: str, payload: str) -> tuple[str, str]:
        self._count += 1
        message_id = f"{self._run}{self._count:08x}"
        return message_id, f'[2,"{message_id}","{action}",{payload}]'
