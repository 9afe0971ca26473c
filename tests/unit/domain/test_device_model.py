"""The device model: messages that fit, drift, recommended values."""

import pytest

from csms.domain.device_model import MessageLimit, Place, Value, batches, drift, message_limit, same
from csms.domain.recommended import MEASURANDS, recommended, settings


def value(component: str, variable: str, told: str | None, **more: object) -> Value:
    instance = str(more.pop("instance", ""))
    return Value(Place(component, variable, variable_instance=instance), told, **more)  # type: ignore[arg-type]


def test_limits_are_what_the_station_says_of_that_message() -> None:
    reported = [
        value("DeviceDataCtrlr", "ItemsPerMessage", "4", instance="GetVariables"),
        value("devicedatactrlr", "BYTESPERMESSAGE", "900", instance="getvariables"),
        value("DeviceDataCtrlr", "ItemsPerMessage", "9", instance="SetVariables"),
        value("DeviceDataCtrlr", "BytesPerMessage", "many", instance="SetVariables"),
    ]
    assert message_limit(reported, "DeviceDataCtrlr", "GetVariables") == MessageLimit(4, 900)
    assert message_limit(reported, "DeviceDataCtrlr", "SetVariables") == MessageLimit(9, None)
    assert message_limit([], "DeviceDataCtrlr", "GetReport") == MessageLimit()


@pytest.mark.parametrize(
    ("limit", "lengths"),
    [
        (MessageLimit(), [5]),
        (MessageLimit(items=2), [2, 2, 1]),
        (MessageLimit(bytes=160), [3, 2]),
        (MessageLimit(items=1, bytes=1), [1, 1, 1, 1, 1]),
    ],
)
def test_batches(limit: MessageLimit, lengths: list[int]) -> None:
    parts = batches("abcde", lambda _: 10, limit)
    assert [len(part) for part in parts] == lengths
    assert "".join(char for part in parts for char in part) == "abcde"


def test_nothing_to_send_is_no_message() -> None:
    assert batches([], lambda _: 1, MessageLimit(1, 1)) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("true", "True", True),
        ("1", "1.0", True),
        ("a,b", "b, a", True),
        ("a", "A", False),
        ("true", "1", False),
        ("", "0", False),
    ],
)
def test_same(one: str, other: str, expected: bool) -> None:
    assert same(one, other) is expected


def test_drift_is_what_is_not_as_ordered() -> None:
    places = [Place("C", name) for name in "abcd"]
    wanted = [(place, "1", "Accepted") for place in places[:3]] + [(places[3], "1", "Rejected")]
    reported = [Value(Place("c", "A"), "1"), Value(places[1], "2"), Value(places[2], None)]
    found = drift(wanted, reported)
    assert [(one.place.variable, one.reported, one.status) for one in found] == [
        ("b", "2", "Accepted"),
        ("d", None, "Rejected"),
    ]


def test_only_what_a_station_has_and_lets_be_set_is_recommended() -> None:
    reported = [
        value("SampledDataCtrlr", "TxUpdatedInterval", "300"),
        value("sampleddatactrlr", "txupdatedmeasurands", "Voltage"),
        value("TxCtrlr", "StopTxOnInvalidId", "false", settable=False),
        value("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "False"),
        value("OCPPCommCtrlr", "MessageAttempts", "3", instance="TransactionEvent"),
    ]
    found = settings(reported, recommended(60))
    assert [(one.place.variable, one.values[0]) for one in found] == [
        ("TxUpdatedInterval", "60"),
        ("txupdatedmeasurands", ",".join((*MEASURANDS[0], "Voltage"))),
        ("MessageAttempts", "5"),
    ]
