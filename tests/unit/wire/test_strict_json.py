"""The cheap proof that a payload hides nothing is sound: a property twice never passes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.errors import OcppError
from csms.wire.strict_json import flaw, plain
from csms.wire.v201 import DIALECT

TIMES = st.sampled_from(["2026-11-22T10:00:00Z", "2026-11-22T10:00:00.5+00:00", "2026-11-22 10:00:00+0100"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ['"', '":', ":", "\\", " ", '\\"', "{}"]
)
CUSTOM = st.fixed_dictionaries({"vendorId": TEXTS}, optional={"extra": TEXTS})
SAMPLED = st.fixed_dictionaries(
    {"value": st.floats(-1e9, 1e9)},
    optional={"unitOfMeasure": st.fixed_dictionaries({"unit": TEXTS}), "customData": CUSTOM},
)
METERED = st.fixed_dictionaries(
    {"timestamp": TIMES, "sampledValue": st.lists(SAMPLED, min_size=1, max_size=3)}
)
PAYLOADS = st.fixed_dictionaries(
    {"evseId": st.integers(0, 9), "meterValue": st.lists(METERED, min_size=1, max_size=3)},
    optional={"customData": CUSTOM},
)


def objects(part: Any) -> list[dict[str, Any]]:
    """All objects inside a value."""
    if isinstance(part, list):
        return [found for one in part for found in objects(one)]
    if isinstance(part, dict):
        return [part, *(found for one in part.values() for found in objects(one))]
    return []


def text_of(part: Any, twice: Any, space: str, ascii: bool) -> str:
    """JSON text in which the first key of the object `twice` stands once more at the end."""
    if isinstance(part, list):
        return f"[{space}{','.join(text_of(one, twice, space, ascii) for one in part)}]"
    if isinstance(part, dict):
        pairs = list(part.items())
        pairs += pairs[:1] if part is twice else []
        written = (
            f"{json.dumps(key)}{space}:{space}{text_of(value, twice, space, ascii)}" for key, value in pairs
        )
        return f"{{{','.join(written)}{space}}}"
    return json.dumps(part, ensure_ascii=ascii)


@given(PAYLOADS, st.data(), st.sampled_from(["", " ", "\n", "\t"]), st.booleans())
def test_a_property_twice_is_always_refused(
    payload: Any, data: st.DataObject, space: str, ascii: bool
) -> None:
    twice = data.draw(st.sampled_from(objects(payload)))
    sound, doubled = (text_of(payload, one, space, ascii).encode() for one in (None, twice))
    message = msgspec.json.decode(sound, type=DIALECT.vocabulary.calls["MeterValues"][0])
    assert not plain(doubled, message)
    with pytest.raises(OcppError) as caught:
        DIALECT.read_call("MeterValues", doubled)
    found = flaw(sound)
    if found is None:
        assert caught.value.code == "FormatViolation"
        DIALECT.read_call("MeterValues", sound)


@given(PAYLOADS)
def test_what_stations_send_is_plain(payload: Any) -> None:
    """The proof holds for compact text without escapes and without properties of vendors."""
    raw = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    if b"\\" in raw or b"extra" in raw:
        return
    assert plain(raw, DIALECT.vocabulary.read_request("MeterValues", raw))


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b'{"a":1,"a":1}', "FormatViolation"),
        (b'{"a":NaN}', "TypeConstraintViolation"),
        (b'{"a":-1e999}', "TypeConstraintViolation"),
        (b'{"a":"\\u0000"}', "PropertyConstraintViolation"),
        (b'{"\\u0000":1}', "PropertyConstraintViolation"),
        (b'{"a":"\\ud800"}', "FormatViolation"),
        (b'{"a":"\xff"}', "FormatViolation"),
        (b"[" * 33 + b"]" * 33, "FormatViolation"),
        (b'[["]",' * 20 + b"1" + b']"["]' * 20, "FormatViolation"),
        (b"{", "FormatViolation"),
    ],
)
def test_flaws(payload: bytes, code: str) -> None:
    found = flaw(payload)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    "payload",
    [b"[" * 32 + b"]" * 32, b'["[","[","[",' * 10 + b"1" + b"]" * 10, b'{"a":"\\\\u0000"}', b"1" * 400],
)
def test_no_flaws(payload: bytes) -> None:
    assert flaw(payload) is None
