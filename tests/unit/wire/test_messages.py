"""What is taken and what is refused, and with which word: rows 10, 11 and 15 to 19, and all schemas."""

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft6Validator  # type: ignore[import-untyped]

from csms.errors import OcppError
from csms.wire import messages
from csms.wire.messages import FORMAT, OCCURRENCE, PROPERTY, TYPE
from csms.wire.v16 import DIALECT as V16
from csms.wire.v21 import DIALECT as V21
from csms.wire.v201 import DIALECT
from csms.wire.v201.messages import ASKED, SERVED

V = DIALECT.vocabulary
TIME = "2026-11-22T10:00:00Z"
METER = {"evseId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": 1.5}]}]}
STATUS = {"timestamp": TIME, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


def refusal(action: str, payload: Any) -> tuple[str, str]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    with pytest.raises(OcppError) as caught:
        V.read_request(action, raw)
    return caught.value.code, caught.value.description


@pytest.mark.parametrize(
    "action", ["", "Nonsense", "heartbeat", "HeartbeatRequest", "NotifyPriorityCharging"]
)
def test_row_10_unknown_actions_are_not_implemented(action: str) -> None:
    assert refusal(action, {})[0] == "NotImplemented"


@pytest.mark.parametrize("action", sorted(ASKED - SERVED))
def test_row_11_what_a_csms_asks_is_not_supported_from_a_station(action: str) -> None:
    assert refusal(action, {})[0] == "NotSupported"


@pytest.mark.parametrize(
    ("payload", "description"),
    [
        ({k: v for k, v in STATUS.items() if k != "evseId"}, "evseId is missing."),
        ({}, "timestamp is missing."),
    ],
)
def test_row_15_missing(payload: Any, description: str) -> None:
    assert refusal("StatusNotification", payload) == (OCCURRENCE, description)


def test_row_15_too_few_and_too_many() -> None:
    assert refusal("MeterValues", {"evseId": 1, "meterValue": []}) == (
        OCCURRENCE,
        "meterValue has too few elements.",
    )
    info = [{"additionalIdToken": "a", "type": "b"}]
    token = {"idToken": "a", "type": "Central", "additionalInfo": info}
    hashes = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "a", "serialNumber": "a"}
    many = {"idToken": token, "iso15118CertificateHashData": [{**hashes, "responderURL": "a"}] * 5}
    assert refusal("Authorize", many) == (OCCURRENCE, "iso15118CertificateHashData has too many elements.")


@pytest.mark.parametrize("value", ["1", None, True, [], {}, 1.5])
def test_row_16_wrong_type(value: Any) -> None:
    assert refusal("StatusNotification", {**STATUS, "evseId": value}) == (TYPE, "evseId has a wrong type.")


def test_row_16_the_place_is_named() -> None:
    payload = {
        "evseId": 1,
        "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": 1}, {"value": "1"}]}],
    }
    assert refusal("MeterValues", payload) == (TYPE, "meterValue[0].sampledValue[1].value has a wrong type.")


@pytest.mark.parametrize("payload", [b"[]", b"5", b'"x"', b"true"])
def test_row_16_a_payload_that_is_no_object(payload: bytes) -> None:
    assert refusal("Heartbeat", payload)[0] == TYPE


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999"])
def test_row_16_not_finite(number: str) -> None:
    payload = json.dumps(METER).replace("1.5", number).encode()
    assert refusal("MeterValues", payload) == (TYPE, "A number is not finite.")


def test_row_16_a_whole_number_may_be_written_with_a_point() -> None:
    """JSON schema (draft 6) takes 7.0 for an integer, and so do the words."""
    raw = json.dumps({**STATUS, "evseId": 7.0}).encode()
    assert DIALECT.read_call("StatusNotification", raw).evse_id == 7  # type: ignore[attr-defined]
    event = b'{"generatedAt":"%s","seqNo":3.0,"eventData":[{"eventId":1.0,"timestamp":"%s","trigger":"Delta",'
    event += b'"actualValue":"x","eventNotificationType":"CustomMonitor","component":{"name":"c"},'
    event += b'"variable":{"name":"v"}}]}'
    word = DIALECT.read_call("NotifyEvent", event % (TIME.encode(), TIME.encode()))
    assert word.seq_no == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "description"),
    [
        ({"connectorStatus": "available"}, "connectorStatus has a value that is not in the list."),
        ({"timestamp": "yesterday"}, "timestamp has a wrong format."),
        ({"evseId": 2**63}, "A value cannot be taken."),
    ],
)
def test_row_17_wrong_value(change: Any, description: str) -> None:
    assert refusal("StatusNotification", {**STATUS, **change}) == (PROPERTY, description)


def test_row_17_too_long() -> None:
    token = {"idToken": {"idToken": "x" * 37, "type": "Central"}}
    assert refusal("Authorize", token) == (PROPERTY, "idToken.idToken is too long.")


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-22T10:00:00+25:00",
        "2026-11-22T10:00:00",
        "2026-11-22",
        "2026-02-30T10:00:00Z",
        "x" * 300,
        "222222017-01-01T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
    ],
)
def test_section_2_2_18_times_that_are_none_are_refused(time: str) -> None:
    raw = json.dumps({**STATUS, "timestamp": time}).encode()
    with pytest.raises(OcppError) as caught:
        DIALECT.read_call("StatusNotification", raw)
    assert caught.value.code == PROPERTY


@pytest.mark.parametrize(
    "time", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-22t10:00:00.123456789+14:00"]
)
def test_section_2_2_18_far_off_times_are_kept(time: str) -> None:
    raw = json.dumps({**STATUS, "timestamp": time}).encode()
    assert DIALECT.read_call("StatusNotification", raw).at.tzname() == "UTC"  # type: ignore[attr-defined]


@pytest.mark.parametrize("time", ["2026-11-22 10:00:00Z", "2026-11-22T11:00:00+0100"])
def test_two_sloppy_forms_of_a_time_are_read(time: str) -> None:
    raw = json.dumps({**STATUS, "timestamp": time}).encode()
    word = DIALECT.read_call("StatusNotification", raw)
    assert word.at.isoformat() == "2026-11-22T10:00:00+00:00"  # type: ignore[attr-defined]


def test_row_18_unknown_properties_are_refused_outside_custom_data() -> None:
    assert refusal("Heartbeat", {"x": 1}) == (FORMAT, "The payload has an unknown property.")
    V.read_request("Heartbeat", b'{"customData":{"vendorId":"v","x":1}}')


@pytest.mark.parametrize("payload", [b"{", b"", b"{}{}", b"\xff", b'{"a":}'])
def test_row_18_not_json(payload: bytes) -> None:
    assert refusal("Heartbeat", payload)[0] == FORMAT


def test_row_19_null_is_the_empty_payload() -> None:
    V.read_request("Heartbeat", b"null")
    assert refusal("StatusNotification", b"null")[0] == OCCURRENCE
    V.read_response("ClearedChargingLimit", b"null")


def test_section_2_2_19_explaining_cannot_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("no schema")

    monkeypatch.setattr(messages, "_validator", broken)
    assert refusal("Heartbeat", {"x": 1}) == (PROPERTY, "A value cannot be taken.")


# All schemas, one fault at a time


@cache
def schema_of(folder: str, name: str) -> Any:
    return json.loads(
        resources.files("ocpp").joinpath(folder, "schemas", f"{name}.json").read_text("utf-8-sig")
    )


def resolved(part: Any, root: Any) -> Any:
    while "$ref" in part:
        part = root["definitions"][part["$ref"].rsplit("/", 1)[-1]]
    return part


def sample(part: Any, root: Any) -> Any:
    """A valid value with every property."""
    part = resolved(part, root)
    if "enum" in part:
        return part["enum"][-1]
    match part.get("type"):
        case "object":
            return {name: sample(prop, root) for name, prop in part.get("properties", {}).items()}
        case "array":
            return [sample(part["items"], root)] * part.get("minItems", 1)
        case "string":
            told = {"date-time": TIME, "uri": "ftp://host/x"}.get(part.get("format", ""))
            return told or "x" * min(part.get("maxLength", 9), 9)
        case "integer":
            return int(part.get("minimum", 7))
        case "number":
            return min(7.5, part.get("maximum", 7.5))
        case "boolean":
            return True
    return {"any": ["thing"]}


def faults(part: Any, root: Any) -> Iterator[tuple[Any, str]]:
    """Each way to break one place of a value, with the code for it."""
    part = resolved(part, root)
    kind = part.get("type")
    if kind is None:
        return
    wrong: Any
    for wrong in (None, "text", 7, 1.25, True, [], {}):
        if not Draft6Validator({"type": kind}).is_valid(wrong):
            yield wrong, TYPE
    for keyword, bad in (
        ("enum", lambda _: "no such value"),
        ("format", lambda _: "yesterday"),
        ("maxLength", lambda most: "y" * (most + 1)),
        ("minimum", lambda least: int(least) - 1),
        ("maximum", lambda most: int(most) + 1),
    ):
        if keyword in part and part[keyword] != "uri":  # addresses are looked at when we send them
            yield bad(part[keyword]), PROPERTY
    if kind == "array":
        yield from array_faults(part, root, sample(part, root))
    if kind == "object":
        yield from object_faults(part, root, sample(part, root))


def array_faults(part: Any, root: Any, good: Any) -> Iterator[tuple[Any, str]]:
    if part.get("minItems"):
        yield good[: part["minItems"] - 1], OCCURRENCE
    if "maxItems" in part:
        yield good[:1] * (part["maxItems"] + 1), OCCURRENCE
    yield from (([bad], code) for bad, code in faults(part["items"], root))


def object_faults(part: Any, root: Any, good: Any) -> Iterator[tuple[Any, str]]:
    if part.get("additionalProperties") is False:
        yield {**good, "unknownProperty": 1}, FORMAT
    for name in part.get("required", ()):
        yield {key: value for key, value in good.items() if key != name}, OCCURRENCE
    for name, prop in part.get("properties", {}).items():
        for bad, code in faults(prop, root):
            yield {**good, name: bad}, code


KINDS = [
    pytest.param(dialect.vocabulary, kind, id=f"{dialect.version}-{kind.__name__}")
    for dialect in (DIALECT, V16, V21)
    for pair in dialect.vocabulary.calls.values()
    for kind in pair
    if kind is not None
]


def check(vocabulary: messages.Vocabulary, kind: Any, payload: Any) -> str | None:
    action = kind.__name__.removesuffix("Request").removesuffix("Response")
    try:
        vocabulary._read(kind, action, json.dumps(payload).encode())
    except OcppError as error:
        return error.code
    return None


@pytest.mark.parametrize(("vocabulary", "kind"), KINDS)
def test_every_schema_and_its_struct_agree_on_every_single_fault(
    vocabulary: messages.Vocabulary, kind: Any
) -> None:
    schema = schema_of(vocabulary.folder, vocabulary._schema_name(kind))
    full = sample(schema, schema)
    least = {name: full[name] for name in schema.get("required", ())}
    assert check(vocabulary, kind, full) is None
    assert check(vocabulary, kind, least) is None
    for number, (bad, code) in enumerate(faults(schema, schema)):
        if bad is None:  # row 19
            continue
        assert check(vocabulary, kind, bad) == code, bad
        if number % 4 == 0 and "yesterday" not in json.dumps(
            bad
        ):  # a witness that is slow and knows no times
            assert not Draft6Validator(schema).is_valid(bad)
