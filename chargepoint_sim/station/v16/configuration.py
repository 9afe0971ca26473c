"""The configuration keys of 1.6, each a variable of the device model or one of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chargepoint_sim.meter import Measurand
from chargepoint_sim.station.device_model import DataType, DeviceModel, Mutability, Place, Variable, Verdict
from chargepoint_sim.station.variables import Fixed

_OWN = "Configuration16"  # where keys live that have no variable in 2.x
_PROFILES = "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
_LINK, _SAMPLED, _ALIGNED, _SMART = (
    "OCPPCommCtrlr",
    "SampledDataCtrlr",
    "AlignedDataCtrlr",
    "SmartChargingCtrlr",
)
_UNITS = {"A": "Current", "W": "Power", "A,W": "Current,Power"}


@dataclass(frozen=True)
class Key:
    """Where a key's value lives. `limit`: the value is the most that the variable may hold."""

    component: str
    variable: str
    instance: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    limit: bool = False


KEYS: dict[str, Key] = {
    "AllowOfflineTxForUnknownId": Key("AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
    "AuthorizationCacheEnabled": Key("AuthCacheCtrlr", "Enabled"),
    "AuthorizationKey": Key("SecurityCtrlr", "BasicAuthPassword"),
    "AuthorizeRemoteTxRequests": Key("AuthCtrlr", "AuthorizeRemoteStart"),
    "ClockAlignedDataInterval": Key(_ALIGNED, "Interval"),
    "ConnectionTimeOut": Key("TxCtrlr", "EVConnectionTimeOut"),
    "CpoName": Key("SecurityCtrlr", "OrganizationName"),
    "HeartbeatInterval": Key(_LINK, "HeartbeatInterval"),
    "LocalAuthorizeOffline": Key("AuthCtrlr", "LocalAuthorizeOffline"),
    "LocalPreAuthorize": Key("AuthCtrlr", "LocalPreAuthorize"),
    "MeterValuesAlignedData": Key(_ALIGNED, "Measurands"),
    "MeterValuesSampledData": Key(_SAMPLED, "TxUpdatedMeasurands"),
    "MeterValueSampleInterval": Key(_SAMPLED, "TxUpdatedInterval"),
    "ResetRetries": Key(_LINK, "ResetRetries"),
    "SecurityProfile": Key("SecurityCtrlr", "SecurityProfile"),
    "StopTransactionOnEVSideDisconnect": Key("TxCtrlr", "StopTxOnEVSideDisconnect"),
    "StopTransactionOnInvalidId": Key("TxCtrlr", "StopTxOnInvalidId"),
    "TransactionMessageAttempts": Key(_LINK, "MessageAttempts", "TransactionEvent"),
    "TransactionMessageRetryInterval": Key(_LINK, "MessageAttemptInterval", "TransactionEvent"),
    "UnlockConnectorOnEVSideDisconnect": Key(_LINK, "UnlockOnEVSideDisconnect"),
    "WebSocketPingInterval": Key(_LINK, "WebSocketPingInterval"),
    "LocalAuthListEnabled": Key("LocalAuthListCtrlr", "Enabled"),
    "LocalAuthListMaxLength": Key("LocalAuthListCtrlr", "Entries", limit=True),
    "SendLocalListMaxLength": Key("LocalAuthListCtrlr", "ItemsPerMessage"),
    "ReserveConnectorZeroSupported": Key("ReservationCtrlr", "NonEvseSpecific"),
    "ChargeProfileMaxStackLevel": Key(_SMART, "ProfileStackLevel"),
    "ChargingScheduleAllowedChargingRateUnit": Key(_SMART, "RateUnit", words=_UNITS),
    "ChargingScheduleMaxPeriods": Key(_SMART, "PeriodsPerSchedule"),
    "MaxChargingProfilesInstalled": Key(_SMART, "Entries", "ChargingProfiles", limit=True),
    "ConnectorSwitch3to1PhaseSupported": Key(_SMART, "Phases3to1"),
    **{
        name: Key(_OWN, name)
        for name in (
            "GetConfigurationMaxKeys",
            "MinimumStatusDuration",
            "NumberOfConnectors",
            "StopTxnAlignedData",
            "StopTxnSampledData",
            "SupportedFeatureProfiles",
        )
    },
}
_BY_NAME = {name.casefold(): name for name in KEYS}


def adapted(fixed: Fixed, variables: list[Variable]) -> list[Variable]:
    """All variables of a 1.6 station: a transaction begins when cable and driver are there."""
    for one in variables:
        if (one.place.component, one.name) == ("TxCtrlr", "TxStartPoint"):
            one.value = "Authorized"
    own, measurands = Place(_OWN), tuple(Measurand)
    whole, writable = DataType.INTEGER, Mutability.READ_WRITE
    listed = DataType.MEMBER_LIST
    return [
        *variables,
        Variable(own, "GetConfigurationMaxKeys", "100", data_type=whole),
        Variable(own, "NumberOfConnectors", str(fixed.evses), data_type=whole),
        Variable(own, "SupportedFeatureProfiles", _PROFILES, data_type=listed),
        Variable(own, "MinimumStatusDuration", "0", writable, whole, lowest=0),
        Variable(own, "StopTxnSampledData", "", writable, listed, allowed=measurands),
        Variable(own, "StopTxnAlignedData", "", writable, listed, allowed=measurands),
    ]


def find(name: str) -> str | None:
    """A key's own spelling; names are compared without case."""
    return _BY_NAME.get(name.casefold())


def read(model: DeviceModel, name: str) -> dict[str, object]:
    """A row of GetConfiguration. What may only be written has no value."""
    key = KEYS[name]
    variable = model.variable(Place(key.component), key.variable, key.instance)
    if variable is None:
        raise KeyError(name)
    row: dict[str, object] = {
        "key": name,
        "readonly": variable.mutability is Mutability.READ_ONLY or key.limit,
    }
    if variable.mutability is Mutability.WRITE_ONLY:
        return row
    value = f"{variable.highest or 0:.0f}" if key.limit else variable.value
    return row | {"value": key.words.get(value, value)[:500]}


def write(model: DeviceModel, name: str, value: str) -> str:
    """Set a key; the status to answer."""
    key = KEYS[name]
    if key.limit:
        return "Rejected"
    verdict = model.set(Place(key.component), key.variable, key.instance, value, "Actual")
    if verdict is Verdict.ACCEPTED:
        _keep_readings(model)
    return verdict.value if verdict in (Verdict.ACCEPTED, Verdict.REBOOT_REQUIRED) else "Rejected"


def _keep_readings(model: DeviceModel) -> None:
    """Readings are kept for the last message of a transaction only while it is to carry some."""
    for controller, source, wanted in (
        (_SAMPLED, "TxUpdatedInterval", "StopTxnSampledData"),
        (_ALIGNED, "Interval", "StopTxnAlignedData"),
    ):
        interval = model.text(controller, source) if model.text(_OWN, wanted) else "0"
        model.put(Place(controller), "TxEndedInterval", interval)
        if controller == _ALIGNED:
            model.put(Place(controller), "TxEndedMeasurands", model.text(_OWN, wanted))
    model.changed.ring()


def stop_data(model: DeviceModel, aligned: bool) -> frozenset[str]:
    """What StopTransaction carries of readings that were kept."""
    return model.members(_OWN, "StopTxnAlignedData" if aligned else "StopTxnSampledData")
