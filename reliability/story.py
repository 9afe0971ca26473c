"""What one station has to tell in its life: transactions with meter registers, and readings outside them.

A seed makes the story. Each message is written once, to the byte: a repeat is the same text.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

EVENT, READINGS = "TransactionEvent", "MeterValues"
START = datetime(2026, 11, 2, 8, tzinfo=UTC)
EVENTS_MAX = 40
_STATES = ("Charging", "SuspendedEV", "SuspendedEVSE", "EVConnected")
_WORDS = ("", "Köln \\u2713", "ÆØÅ", '\\"quoted\\"', "\\\\", "日本")


@dataclass(frozen=True, slots=True)
class Told:
    """One message. Its key is (transaction, seqNo); readings outside transactions have ("", their number)."""

    action: str
    key: tuple[str, int]
    payload: bytes

    def frame(self, message_id: str) -> str:
        """The call that carries it."""
        return f'[2,"{message_id}","{self.action}",{self.payload.decode()}]'


class Story:
    """The messages of one station, one after the other, for ever."""

    def __init__(self, identity: str, seed: int) -> None:
        self._identity = identity
        self._chance = random.Random(f"{seed} {identity}")
        self._at = START
        self._imported = self._exported = 0.0
        self._readings = 0
        self._transaction = 0
        self._seq_no = 0
        self._left = 0
        self._tokened = False

    def next(self, *, offline: bool = False) -> Told:
        """The next message. Offline a station may leave out Updated events (E04.FR.07)."""
        chance = self._chance
        self._at += timedelta(seconds=chance.randint(1, 60), microseconds=chance.choice((0, 0, 250_000)))
        if not self._left and chance.random() < 0.1:
            return self._outside()
        if not self._left:
            self._transaction += 1
            self._left = chance.randint(2, EVENTS_MAX)
            self._seq_no = 0
            return self._event("Started", offline)
        self._seq_no += 2 if offline and self._left > 1 and chance.random() < 0.2 else 1
        self._left -= 1
        return self._event("Updated" if self._left else "Ended", offline)

    def conflicting(self, told: Told) -> Told:
        """Another content under the number of an event that was told."""
        payload = json.loads(told.payload)
        payload["customData"] = {"vendorId": "liar", "number": self._chance.randrange(10**6)}
        return Told(told.action, told.key, json.dumps(payload).encode())

    def _event(self, kind: str, offline: bool) -> Told:
        chance = self._chance
        transaction_id = f"{self._identity}-{self._transaction}"
        info: dict[str, Any] = {"transactionId": transaction_id}
        if chance.random() < 0.8:
            info["chargingState"] = chance.choice(_STATES)
        if kind == "Ended":
            info["stoppedReason"] = chance.choice(("EVDisconnected", "Local", "Remote"))
        payload: dict[str, Any] = {
            "eventType": kind,
            "timestamp": self._time(),
            "triggerReason": "CablePluggedIn" if kind == "Started" else "MeterValuePeriodic",
            "seqNo": self._seq_no,
            "transactionInfo": info,
        }
        if kind == "Started" or chance.random() < 0.5:
            payload["evse"] = {"id": 1 + self._transaction % 2, "connectorId": 1}
        if kind == "Started" and chance.random() < 0.3:
            payload["idToken"] = {"idToken": f"token-{chance.randint(1, 9)}", "type": "ISO14443"}
        if offline:
            payload["offline"] = True
        if kind == "Ended" or chance.random() < 0.9:
            payload["meterValue"] = [self._sampled(ms) for ms in range(chance.choice((1, 1, 1, 2)))]
        return Told(EVENT, (transaction_id, self._seq_no), self._text(payload))

    def _outside(self) -> Told:
        self._readings += 1
        payload = {"evseId": 1, "meterValue": [self._sampled(0)]}
        return Told(READINGS, ("", self._readings), self._text(payload))

    def _sampled(self, offset_ms: int) -> dict[str, Any]:
        chance = self._chance
        self._imported += chance.choice((0, 12.5, 37, 120))
        self._exported += chance.choice((0, 0, 0, 25))
        samples = [
            {"value": self._imported, "unitOfMeasure": {"unit": "Wh"}},
            {
                "value": self._exported / 1000,
                "measurand": "Energy.Active.Export.Register",
                "unitOfMeasure": {"unit": "kWh"},
            },
        ]
        if chance.random() < 0.7:
            samples.append({"value": chance.randint(0, 22000), "measurand": "Power.Active.Import"})
        if chance.random() < 0.5:
            samples.append({"value": chance.randint(5, 95), "measurand": "SoC"})
        return {"timestamp": self._time(offset_ms), "sampledValue": samples}

    def _time(self, offset_ms: int = 0) -> str:
        return (self._at + timedelta(milliseconds=offset_ms)).isoformat().replace("+00:00", "Z")

    def _text(self, payload: dict[str, Any]) -> bytes:
        """As stations write: with and without blanks, in any script, with escapes that mean the same."""
        chance = self._chance
        separators = chance.choice(((",", ":"), (", ", ": "), (" ,\t", " : ")))
        text = json.dumps(payload, separators=separators, ensure_ascii=chance.random() < 0.5)
        word = chance.choice(_WORDS)
        if word:
            text = f'{text[:-1]},"customData":{{"vendorId":"{word}"}}}}'
        return text.encode()
