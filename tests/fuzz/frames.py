"""Whole frames that are none or nearly, and bytes below them. Chance comes from the `Random` given."""

import json
from random import Random

from tests.fuzz.payloads import SERVED_ACTIONS, WORDS, Maker, anything, schema, written

HEADS = (
    "2",
    "2.0",
    "3",
    "4",
    "5",
    "6",
    "-1",
    "99",
    '"2"',
    "true",
    "null",
    "2e0",
    "02",
    "-2",
    "[2]",
    "9" * 400,
)
IDS = (
    '"i"',
    '""',
    "7",
    "null",
    '"' + "i" * 36 + '"',
    '"' + "i" * 37 + '"',
    '"\\ud800"',
    '"\\u0000"',
    '"é"',
    "[]",
)
ACTIONS = (
    '"Heartbeat"',
    '"heartbeat"',
    '"Reset"',
    '""',
    "7",
    "null",
    '["Heartbeat"]',
    '"\\ud800"',
    '"\\u0000"',
)
ERRORS = ('"GenericError"', '"InternalError"', '"Made up"', '"' + "e" * 5000 + '"', "5", "null")


def odd_frame(dice: Random) -> str | bytes:
    """Something that a WebSocket message may hold."""
    match dice.randrange(9):
        case 0:
            return "".join(
                dice.choice((*WORDS, "[", "]", "{", "}", ",", '"', "2")) for _ in range(dice.randrange(60))
            )
        case 1:
            return dice.randbytes(dice.randrange(200))
        case 2:
            return dice.choice("[{") * dice.choice((1, 40, 5000, 60_000))
        case 3:
            return written(anything(dice, 4))
        case 4:
            return _damaged(dice)
        case 5:
            return _sent(dice, dice.choice(("3", "3", "4", "4", "5")))
        case 6:
            return "[2," + "9" * dice.choice((10, 5000)) + ',"Heartbeat",{}]'
        case 7:
            return json.dumps(
                [2, "x" * 36, dice.choice(SERVED_ACTIONS), "y" * dice.choice((1, 1000, 100_000))]
            )
    return _sent(dice, dice.choice(HEADS))


def _sent(dice: Random, head: str) -> str:
    """A frame with its parts chosen one by one."""
    word = dice.choice(ERRORS if head in ("4", "5") else ACTIONS)
    payload = written(anything(dice, 2)) if dice.random() < 0.5 else "{}"
    parts = [head, dice.choice(IDS), word, payload, "{}"]
    if head == "3":
        del parts[2]
    count = dice.choice((0, 1, 2, 3, 4, 4, 4, 5, 5, 6))
    space = dice.choice(("", " ", "\n\t "))
    return f"{space}[{f'{space},{space}'.join([*parts, '{}'][:count])}]{space}"


def _damaged(dice: Random) -> str:
    """A sound call with a few characters gone, doubled or changed."""
    action = dice.choice(SERVED_ACTIONS)
    text = f'[2,"d","{action}",{written(Maker(schema(action), dice).valid(), dice.random() < 0.5)}]'
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(text) + 1)
        match dice.randrange(4):
            case 0:
                text = text[:at]
            case 1:
                text = text[:at] + text[at + dice.randrange(1, 9) :]
            case 2:
                text = text[:at] + dice.choice((*WORDS, "]", "}", ",", "0", "\0")) + text[at:]
            case 3:
                text = text[:at] + text[at : at + 20] + text[at:]
    return text


def answers_to(frame: str | bytes) -> tuple[int, int]:
    """How few and how many frames may come back for this one."""
    if isinstance(frame, bytes):
        return 1, 1
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        kind = frame.lstrip().lstrip("[").lstrip()[:1]
        return (0, 1) if kind in ("3", "4") else (1, 1)  # an answer with a flaw is not answered
    if isinstance(value, list) and value and isinstance(value[0], int) and not isinstance(value[0], bool):
        if value[0] not in (3, 4):
            return 1, 1
        return (0, 1) if "\\ud" in frame else (0, 0)  # half a character: for some readers it is no JSON
    return 1, 1


def odd_bytes(dice: Random) -> bytes:
    """Something that comes out of a TCP connection in place of WebSocket frames."""
    match dice.randrange(6):
        case 0:
            return dice.randbytes(dice.randrange(1, 300))
        case 1:  # a header that means nothing good
            return bytes([dice.randrange(256), dice.randrange(256)]) + dice.randbytes(dice.randrange(20))
        case 2:  # not masked
            return b"\x81\x02[]"
        case 3:  # reserved bits, unknown opcodes, fragmented control frames
            return bytes([dice.choice((0xF1, 0x83, 0x8B, 0x09, 0x08, 0x0A, 0x91)), 0x80, 0, 0, 0, 0])
        case 4:  # text that is not UTF-8
            return b"\x81\x84\0\0\0\0\xff\xfe\xed\xa0"
    return b"\x81\xff" + (2**63 + dice.randrange(2**20)).to_bytes(8, "big") + dice.randbytes(8)
