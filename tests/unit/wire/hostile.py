"""The inputs that end, silence or fool the usual library, and what each must be answered (section 2.3)."""

import pytest

HEAD = '[2,"m1","MeterValues",'
VALUE = '{"evseId":1,"meterValue":[{"timestamp":"%s","sampledValue":[{"value":%s,"measurand":"SoC"}]}]}'
TIME = "2026-11-22T10:00:00Z"


def soc(number: str) -> str:
    return HEAD + VALUE % (TIME, number) + "]"


def at(time: str) -> str:
    return HEAD + VALUE % (time, "50") + "]"


REFUSED = [
    pytest.param("hello", "-1", "RpcFrameworkError", id="not JSON"),
    pytest.param("[]", "-1", "RpcFrameworkError", id="empty array"),
    pytest.param("{}", "-1", "RpcFrameworkError", id="object"),
    pytest.param("null", "-1", "RpcFrameworkError", id="null"),
    pytest.param("5", "-1", "RpcFrameworkError", id="number"),
    pytest.param('[6,"m1","Heartbeat",{}]', "m1", "MessageTypeNotSupported", id="type 6"),
    pytest.param('[99,"m1",{}]', "m1", "MessageTypeNotSupported", id="type 99"),
    pytest.param('[2,"m1","Heartbeat"]', "m1", "RpcFrameworkError", id="three elements"),
    pytest.param('[2,"m1","Heartbeat",{},{}]', "m1", "RpcFrameworkError", id="five elements"),
    pytest.param('[true,"m1","Heartbeat",{}]', "-1", "RpcFrameworkError", id="true as type"),
    pytest.param(b'[2,"m1","Heartbeat",{}]', "-1", "RpcFrameworkError", id="binary frame"),
    pytest.param('[2,"m1",["Heartbeat"],{}]', "m1", "RpcFrameworkError", id="action is a list"),
    pytest.param("[" * 100_000, "-1", "RpcFrameworkError", id="100,000 brackets"),
    pytest.param(
        '[2,"m1","Heartbeat",' + '{"a":' * 20_000 + "1" + "}" * 20_000 + "]",
        "m1",
        "FormatViolation",
        id="20,000 deep",
    ),
    pytest.param(soc("9" * 5000), "m1", "PropertyConstraintViolation", id="5,000 digits"),
    pytest.param('[2,7,"Heartbeat",{}]', "-1", "RpcFrameworkError", id="numeric id"),
    pytest.param('[2,null,"Heartbeat",{}]', "-1", "RpcFrameworkError", id="null id"),
    pytest.param(f'[2,"{"x" * 37}","Heartbeat",{{}}]', "-1", "RpcFrameworkError", id="37 characters"),
    pytest.param('[2.0,"m1","Heartbeat",{}]', "-1", "RpcFrameworkError", id="type 2.0"),
    pytest.param(
        soc("50").replace('"evseId":1', '"evseId":1,"evseId":2'),
        "m1",
        "FormatViolation",
        id="duplicate key",
    ),
    pytest.param(
        '[2,"m1","Authorize",{"idToken":{"idToken":"\\ud800","type":"Central"}}]',
        "m1",
        "FormatViolation",
        id="lone surrogate",
    ),
    pytest.param(
        '[2,"m1","Authorize",{"idToken":{"idToken":"a\\u0000","type":"Central"}}]',
        "m1",
        "PropertyConstraintViolation",
        id="NUL",
    ),
    pytest.param('[2,"m1","Nonsense",{}]', "m1", "NotImplemented", id="unknown action"),
    pytest.param('[2,"m1","Reset",{"type":"Immediate"}]', "m1", "NotSupported", id="not served"),
    pytest.param(soc("NaN"), "m1", "TypeConstraintViolation", id="NaN"),
    pytest.param(soc("Infinity"), "m1", "TypeConstraintViolation", id="Infinity"),
    pytest.param(soc("-Infinity"), "m1", "TypeConstraintViolation", id="-Infinity"),
    pytest.param(soc("1e400"), "m1", "TypeConstraintViolation", id="1e400"),
    pytest.param(at("not-a-date"), "m1", "PropertyConstraintViolation", id="not a date"),
    pytest.param(at("2026-11-22T10:00:00+25:00"), "m1", "PropertyConstraintViolation", id="+25:00"),
]
"""Text or bytes, then id and code of the one CALLERROR."""
