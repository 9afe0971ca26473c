"""`make fuzz-parser SECONDS=60`: coverage-guided fuzzing of all that reads a station's text (atheris).

Wanted: `frames.read` raises `BadText` and nothing else, `Dialect.read_call` and `read_answer` raise
`OcppError` and nothing else, `Session.receive` raises nothing; and whatever call could be read has an answer
that is JSON.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["csms", "msgspec"]):
    from csms.errors import OcppError
    from csms.wire import frames
    from csms.wire.dialect import RawCall
    from csms.wire.session import Answered, CallReceived, Session
    from csms.wire.v201 import DIALECT
    from csms.wire.v201.messages import ASKED
    from tests.fuzz.frames import odd_frame
    from tests.fuzz.payloads import SERVED_ACTIONS, Maker, schema, written

ASKS = sorted(ASKED)


def one(data: bytes) -> None:
    """One input: its first byte says which of our calls is open, the rest is the text."""
    text = data[1:].decode("utf-8", "replace")
    with suppress(frames.BadText):
        frames.read(text)
    session = Session(DIALECT.rules)
    asked = ASKS[(data[0] if data else 0) % len(ASKS)]
    session.call("a", asked, b"{}")
    event = session.receive(text)
    if isinstance(event, CallReceived):
        json.loads(_answer(session, event))
    elif isinstance(event, Answered):
        with suppress(OcppError):
            DIALECT.read_answer(RawCall(asked, {}), event.payload)


def _answer(session: Session, call: CallReceived) -> str:
    try:
        DIALECT.read_call(call.action, call.payload)
    except OcppError as refusal:
        return session.refuse(call.id, refusal)
    return session.answer(call.id, b"{}")


def seeds(folder: str, count: int = 400) -> None:
    """A corpus to begin with: sound and odd frames of all actions."""
    dice = Random(1)
    for number in range(count):
        action = SERVED_ACTIONS[number % len(SERVED_ACTIONS)]
        maker = Maker(schema(action), dice)
        made = dice.choice((maker.valid, maker.near, maker.hostile))()
        frame = f'[2,"m","{action}",{written(made)}]' if number % 4 else odd_frame(dice)
        text = frame if isinstance(frame, bytes) else frame.encode("utf-8", "replace")
        (Path(folder) / f"seed-{number}").write_bytes(b"\0" + text[:20_000])


def main(arguments: Sequence[str]) -> None:
    """`python -m tests.fuzz.parser CORPUS -max_total_time=60`: a folder, and libFuzzer's own arguments."""
    folder = next((each for each in arguments[1:] if not each.startswith("-")), None)
    if folder is not None:
        seeds(folder)
    atheris.Setup(list(arguments), one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
