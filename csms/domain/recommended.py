"""What the controllers' variables should be, and why (docs/device-model.md shows this table).

Only what bears on our work is here. Where transactions start and stop, who may charge offline at whose risk,
and what a display says is the operator's to decide.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from csms.domain.device_model import Place, Value, members, same

METER_INTERVAL_S = 30

_POWER = ("Power.Active.Import", "Power.Active.Export")
_REGISTERS = ("Energy.Active.Import.Register", "Energy.Active.Export.Register")

MEASURANDS = (
    (*_POWER, *_REGISTERS, "SoC"),
    (*_POWER, *_REGISTERS),
    (_POWER[0], _REGISTERS[0], "SoC"),
    (_POWER[0], _REGISTERS[0]),
)
"""What a reading should hold, the best first: a station refuses a list with one measurand that it has not."""

REGISTERS = (_REGISTERS, (_REGISTERS[0],))

Rule = Callable[[str], Sequence[str]]
"""From what is set now: what to set, the best first; nothing if it is good as it is."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """One variable: `rule` says what to set, `wish` the same in words, `why` what depends on it."""

    component: str
    variable: str
    rule: Rule
    wish: str
    why: str
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable that is not as it should be; `values` to try, the best first."""

    place: Place
    reported: str | None
    values: tuple[str, ...]
    why: str


def exactly(value: str) -> Rule:
    """This value."""
    return lambda current: () if same(current, value) else (value,)


def at_most(most: int) -> Rule:
    """A number from 1 to `most`; 0 stands for never and is too few."""

    def rule(current: str) -> Sequence[str]:
        often = current.strip().isdecimal() and 0 < int(current) <= most
        return () if often else (str(most),)

    return rule


def at_least(least: int) -> Rule:
    """A number not below `least`."""
    return lambda current: () if current.strip().isdecimal() and int(current) >= least else (str(least),)


def including(lists: Sequence[Sequence[str]]) -> Rule:
    """A list with all of the first of `lists`, or of a later one if that is refused; what it has stays."""

    def rule(current: str) -> Sequence[str]:
        if set(lists[0]) <= members(current):
            return ()
        told = [part.strip() for part in current.split(",") if part.strip()]
        return [",".join(dict.fromkeys((*wanted, *told))) for wanted in lists]

    return rule


def recommended(meter_interval_s: int = METER_INTERVAL_S) -> tuple[Recommended, ...]:
    """The table, with the reading interval that this house wants."""
    return (
        *_sampling(meter_interval_s),
        *_transactions(),
        *_connection(),
        *_features(),
    )


def _sampling(interval_s: int) -> tuple[Recommended, ...]:
    sampled, aligned = "SampledDataCtrlr", "AlignedDataCtrlr"
    return (
        Recommended(
            sampled, "TxUpdatedInterval", at_most(interval_s), f"1 to {interval_s} s", "the grid loop's sense"
        ),
        Recommended(
            sampled, "TxUpdatedMeasurands", including(MEASURANDS), "power, registers, SoC", "the same"
        ),
        Recommended(
            sampled, "TxStartedMeasurands", including(REGISTERS), "both registers", "settlement and cost"
        ),
        Recommended(
            sampled, "TxEndedMeasurands", including(REGISTERS), "both registers", "settlement and cost"
        ),
        Recommended(
            aligned, "Interval", at_most(900), "1 to 900 s", "baselines of EVSEs without a transaction"
        ),
        Recommended(aligned, "Measurands", including(REGISTERS), "both registers", "the same"),
    )


def _transactions() -> tuple[Recommended, ...]:
    tx, auth, comm = "TxCtrlr", "AuthCtrlr", "OCPPCommCtrlr"
    return (
        Recommended(
            tx, "StopTxOnInvalidId", exactly("true"), "true", "who may not charge is not charged for"
        ),
        Recommended(
            tx, "StopTxOnEVSideDisconnect", exactly("true"), "true", "a transaction without a vehicle"
        ),
        Recommended(
            auth,
            "OfflineTxForUnknownIdEnabled",
            exactly("false"),
            "false",
            "who is unknown waits",
        ),
        Recommended(
            comm,
            "MessageAttempts",
            at_least(5),
            "at least 5",
            "a transaction event is not given up early",
            "TransactionEvent",
        ),
        Recommended(
            comm,
            "MessageAttemptInterval",
            at_most(60),
            "1 to 60 s",
            "a transaction event is not given up early",
            "TransactionEvent",
        ),
    )


def _connection() -> tuple[Recommended, ...]:
    comm, security = "OCPPCommCtrlr", "SecurityCtrlr"
    return (
        Recommended(
            comm,
            "RetryBackOffRandomRange",
            at_least(10),
            "at least 10 s",
            "a fleet comes back spread out",
        ),
        Recommended(comm, "RetryBackOffWaitMinimum", at_least(5), "at least 5 s", "the same"),
        Recommended(comm, "RetryBackOffRepeatTimes", at_least(3), "at least 3", "the same"),
        Recommended(
            comm,
            "WebSocketPingInterval",
            at_most(60),
            "1 to 60 s",
            "a dead connection is noticed",
        ),
        Recommended(
            comm,
            "OfflineThreshold",
            at_most(600),
            "1 to 600 s",
            "status is told after an outage",
        ),
        Recommended(
            security, "CertSigningWaitMinimum", at_least(30), "at least 30 s", "a slow certificate authority"
        ),
        Recommended(security, "CertSigningRepeatTimes", at_least(2), "at least 2", "the same"),
    )


def _features() -> tuple[Recommended, ...]:
    return (
        Recommended(
            "SmartChargingCtrlr", "Enabled", exactly("true"), "true", "without it there is no grid event"
        ),
        Recommended(
            "SmartChargingCtrlr",
            "NotifyChargingLimitWithSchedules",
            exactly("true"),
            "true",
            "limits of others bound what we may offer",
        ),
        Recommended("SampledDataCtrlr", "Enabled", exactly("true"), "true", "the grid loop's sense"),
        Recommended("AlignedDataCtrlr", "Enabled", exactly("true"), "true", "baselines"),
        Recommended("MonitoringCtrlr", "Enabled", exactly("true"), "true", "faults are told"),
        Recommended("LocalAuthListCtrlr", "Enabled", exactly("true"), "true", "lists work during an outage"),
    )


def settings(reported: Iterable[Value], table: Sequence[Recommended]) -> list[Setting]:
    """What to set at a station that reports this; what it has not, or does not let be set, is left alone."""
    known = {value.place.key(): value for value in reported}
    found = []
    for one in table:
        place = Place(one.component, one.variable, variable_instance=one.instance)
        told = known.get(place.key())
        if told is None or not told.settable:
            continue
        values = tuple(one.rule(told.value or ""))
        if values:
            found.append(Setting(told.place, told.value, values, one.why))
    return found
