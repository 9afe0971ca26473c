"""Keys of OCPP 1.6 are given in hexadecimal digits; stations log in with the digits or with the bytes."""

import base64

import pytest
from websockets.exceptions import InvalidStatus

from csms.pki import passwords
from csms.store import stations
from tests.flows.gateway.front import STATION, Front

KEY = bytes(range(0xF0, 0x100)) + b"\x00:\xff\x01"  # 20 bytes that are no text, with a colon among them
PLAIN = "000102030405060708090a0b0c0d0e0f10111213"


async def give(door: Front, password: str) -> None:
    """Register the station with this password."""
    async with door.db.begin() as conn:
        await stations.change(conn, STATION, password_hash=passwords.hash_password(password))


async def status(door: Front, password: bytes) -> int:
    """How a station with this password is answered."""
    told = base64.b64encode(STATION.encode() + b":" + password).decode()
    try:
        async with door.knock(
            subprotocols=("ocpp1.6",), headers={"Authorization": f"Basic {told}"}
        ) as socket:
            assert socket.subprotocol == "ocpp1.6"
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("stored", [KEY.hex(), KEY.hex().upper()])
@pytest.mark.parametrize("sent", [KEY, KEY.hex().encode(), KEY.hex().upper().encode()])
async def test_digits_in_any_spelling_and_bytes_are_one_key(door: Front, stored: str, sent: bytes) -> None:
    await give(door, stored)
    assert await status(door, sent) == 101


@pytest.mark.parametrize("wrong", [KEY[:-1], KEY.hex()[:-1].encode(), b"", PLAIN.encode()])
async def test_no_other_key_fits(door: Front, wrong: bytes) -> None:
    await give(door, KEY.hex())
    assert await status(door, wrong) == 401


async def test_control_characters_are_bytes_of_a_key(door: Front) -> None:
    await give(door, PLAIN)
    assert await status(door, bytes.fromhex(PLAIN)) == 101


async def test_the_case_of_any_other_password_counts(door: Front) -> None:
    await give(door, "Correct-Horse-Battery")
    assert await status(door, b"correct-horse-battery") == 401
    assert await status(door, b"Correct-Horse-Battery") == 101
