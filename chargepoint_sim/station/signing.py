"""Signed meter values (J): the registers in the Open Charge Metering Format, signed by the meter."""

import base64
import json
from datetime import datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chargepoint_sim.meter import SignedValue

_METHOD = "ECDSA-secp256r1-SHA256"


class MeterKey:
    """The key of one meter. The number of each signed reading is one more than that of the one before."""

    def __init__(self, serial_number: str) -> None:
        self._serial_number = serial_number
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._pagination = 0

    @property
    def public_key(self) -> str:
        """The public key as OCPP wants it: its kind and the DER form in hexadecimal, in base64."""
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(b"oca:base16:asn1:" + der.hex().encode()).decode("ascii")

    def sign(self, at: datetime, import_wh: float, export_wh: float, with_key: bool) -> SignedValue:
        """Both registers at a moment, signed."""
        self._pagination += 1
        payload = {
            "FV": "1.0",
            "GI": "chargepoint-sim",
            "GS": self._serial_number,
            "PG": f"T{self._pagination}",
            "MS": self._serial_number,
            "RD": [
                {"TM": f"{at.isoformat(timespec='milliseconds')} S", "RV": value, "RI": obis, "RU": "Wh"}
                for obis, value in (("1-b:1.8.0", round(import_wh, 3)), ("1-b:2.8.0", round(export_wh, 3)))
            ],
        }
        text = json.dumps(payload, separators=(",", ":"))
        signature = self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex()
        signed = f'OCMF|{text}|{{"SA":"{_METHOD}","SD":"{signature}"}}'
        key = self.public_key if with_key else ""
        return SignedValue(base64.b64encode(signed.encode()).decode("ascii"), _METHOD, "OCMF", key)
