"""Configuration keys of OCPP 1.6 <-> components and variables.

The standard keys stand where later versions have them (2.0.1 part 2 appendix 3, "referenced components");
all others, standard or a vendor's, are variables of a component of their own, `Configuration`.
"""

from collections.abc import Iterable

from msgspec import UNSET

from csms.domain.device_model import Inventory, Place, Value
from csms.errors import NotSupportedByDialect
from csms.wire import words
from csms.wire.dialect import Outbound, by_ask
from csms.wire.redaction import secret_variable
from csms.wire.v16 import messages as m

OWN = "Configuration"
"""The component of keys that later versions do not know."""

_DATA = "DeviceDataCtrlr"
_KEYS: dict[str, tuple[str, str, str]] = {
    "AdditionalRootCertificateCheck": ("SecurityCtrlr", "AdditionalRootCertificateCheck", ""),
    "AllowOfflineTxForUnknownId": ("AuthCtrlr", "OfflineTxForUnknownIdEnabled", ""),
    "AuthorizationCacheEnabled": ("AuthCacheCtrlr", "Enabled", ""),
    "AuthorizationKey": ("SecurityCtrlr", "BasicAuthPassword", ""),
    "AuthorizeRemoteTxRequests": ("AuthCtrlr", "AuthorizeRemoteStart", ""),
    "CertificateSignedMaxChainSize": ("SecurityCtrlr", "MaxCertificateChainSize", ""),
    "ChargeProfileMaxStackLevel": ("SmartChargingCtrlr", "ProfileStackLevel", ""),
    "ChargingScheduleAllowedChargingRateUnit": ("SmartChargingCtrlr", "RateUnit", ""),
    "ChargingScheduleMaxPeriods": ("SmartChargingCtrlr", "PeriodsPerSchedule", ""),
    "ClockAlignedDataInterval": ("AlignedDataCtrlr", "Interval", ""),
    "ConnectionTimeOut": ("TxCtrlr", "EVConnectionTimeOut", ""),
    "ConnectorSwitch3to1PhaseSupported": ("SmartChargingCtrlr", "Phases3to1", ""),
    "CpoName": ("SecurityCtrlr", "OrganizationName", ""),
    "GetConfigurationMaxKeys": (_DATA, "ItemsPerMessage", "GetVariables"),
    "HeartbeatInterval": ("OCPPCommCtrlr", "HeartbeatInterval", ""),
    "LocalAuthListEnabled": ("LocalAuthListCtrlr", "Enabled", ""),
    "LocalAuthorizeOffline": ("AuthCtrlr", "LocalAuthorizeOffline", ""),
    "LocalPreAuthorize": ("AuthCtrlr", "LocalPreAuthorize", ""),
    "MaxEnergyOnInvalidId": ("TxCtrlr", "MaxEnergyOnInvalidId", ""),
    "MeterValueSampleInterval": ("SampledDataCtrlr", "TxUpdatedInterval", ""),
    "MeterValuesAlignedData": ("AlignedDataCtrlr", "Measurands", ""),
    "MeterValuesSampledData": ("SampledDataCtrlr", "TxUpdatedMeasurands", ""),
    "ReserveConnectorZeroSupported": ("ReservationCtrlr", "NonEvseSpecific", ""),
    "ResetRetries": ("OCPPCommCtrlr", "ResetRetries", ""),
    "SecurityProfile": ("SecurityCtrlr", "SecurityProfile", ""),
    "SendLocalListMaxLength": ("LocalAuthListCtrlr", "ItemsPerMessage", ""),
    "StopTransactionOnEVSideDisconnect": ("TxCtrlr", "StopTxOnEVSideDisconnect", ""),
    "StopTransactionOnInvalidId": ("TxCtrlr", "StopTxOnInvalidId", ""),
    "StopTxnAlignedData": ("AlignedDataCtrlr", "TxEndedMeasurands", ""),
    "StopTxnSampledData": ("SampledDataCtrlr", "TxEndedMeasurands", ""),
    "TransactionMessageAttempts": ("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    "TransactionMessageRetryInterval": ("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"),
    "UnlockConnectorOnEVSideDisconnect": ("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", ""),
    "WebSocketPingInterval": ("OCPPCommCtrlr", "WebSocketPingInterval", ""),
}
"""Key -> component, variable and the variable's instance."""

_PLACES = {tuple(part.lower() for part in place): key for key, place in _KEYS.items()}
_BY_KEY = {key.lower(): place for key, place in _KEYS.items()}
_RATE_UNITS = {"current": "A", "power": "W"}

ALWAYS = (Value(Place(_DATA, "ItemsPerMessage", variable_instance="SetVariables"), "1", settable=False),)
"""What is so by the version: ChangeConfiguration takes one key."""


def place_of(key: str) -> Place:
    """Where a key's value stands. Keys have no case (1.6 says CiString)."""
    component, variable, instance = _BY_KEY.get(key.lower(), (OWN, key, ""))
    return Place(component, variable, variable_instance=instance)


def key_of(component: words.ComponentType, variable: words.VariableType, attribute: str) -> str:
    """The key of a variable. Raises `NotSupportedByDialect` if 1.6 has none."""
    if component.evse is not None or component.instance or attribute != "Actual":
        raise NotSupportedByDialect("", "a key of OCPP 1.6 is the station's, and has its actual value only")
    name, instance = variable.name, variable.instance or ""
    if component.name.lower() == OWN.lower():
        if name.lower() in _BY_KEY:  # one way to each key, so that nobody gets round who may change it
            raise NotSupportedByDialect("", f"{name} is {'.'.join(_BY_KEY[name.lower()][:2])}")
        return name
    key = _PLACES.get((component.name.lower(), name.lower(), instance.lower()))
    if key is None:
        raise NotSupportedByDialect("", f"OCPP 1.6 has no key for {component.name}.{name}")
    return key


def value_of(key: m.ConfigurationKey) -> str | None:
    """A key's value in the words of later versions; None if it is not told, or is a secret."""
    if key.value is UNSET or secret_variable(key.key):
        return None
    if key.key.lower() == "chargingscheduleallowedchargingrateunit":
        told = [part.strip() for part in key.value.split(",")]
        return ",".join(_RATE_UNITS.get(part.lower(), part) for part in told)
    return key.value


# ---- all keys


def _all_keys(_: words.GetBaseReportRequest) -> tuple[str, m.GetConfigurationRequest]:
    return "GetConfiguration", m.GetConfigurationRequest()


def _inventory(_: words.GetBaseReportRequest, answer: m.GetConfigurationResponse) -> Inventory:
    told = answer.configuration_key or ()
    values = [Value(place_of(key.key), value_of(key), settable=not key.readonly) for key in told]
    return Inventory((*values, *ALWAYS))


# ---- some keys


def _get(ask: words.GetVariablesRequest) -> tuple[str, m.GetConfigurationRequest]:
    keys = [key_of(one.component, one.variable, one.attribute_type) for one in ask.get_variable_data]
    return "GetConfiguration", m.GetConfigurationRequest(key=tuple(dict.fromkeys(keys)))


def _got(ask: words.GetVariablesRequest, answer: m.GetConfigurationResponse) -> words.GetVariablesResponse:
    told = {key.key.lower(): key for key in answer.configuration_key or ()}
    return words.GetVariablesResponse(
        get_variable_result=tuple(_result(one, told) for one in ask.get_variable_data)
    )


def _result(
    one: words.GetVariableDataType, told: dict[str, m.ConfigurationKey]
) -> words.GetVariableResultType:
    key = told.get(key_of(one.component, one.variable, one.attribute_type).lower())
    status: words.GetVariableStatusEnumType = "UnknownVariable"
    if key is not None:
        status = "Rejected" if key.value is UNSET else "Accepted"  # it may be set, not read
    return words.GetVariableResultType(
        attribute_status=status,
        attribute_value=None if key is None else value_of(key),
        component=one.component,
        variable=one.variable,
    )


def _set(ask: words.SetVariablesRequest) -> tuple[str, m.ChangeConfigurationRequest]:
    if len(ask.set_variable_data) != 1:
        raise NotSupportedByDialect("", "ChangeConfiguration takes one key at a time")
    (one,) = ask.set_variable_data
    key = key_of(one.component, one.variable, one.attribute_type)
    return "ChangeConfiguration", m.ChangeConfigurationRequest(key=key, value=one.attribute_value)


_SET: dict[str, words.SetVariableStatusEnumType] = {
    "Accepted": "Accepted",
    "NotSupported": "UnknownVariable",
    "RebootRequired": "RebootRequired",
    "Rejected": "Rejected",
}


def _was_set(
    ask: words.SetVariablesRequest, answer: m.ChangeConfigurationResponse
) -> words.SetVariablesResponse:
    return words.SetVariablesResponse(set_variable_result=tuple(_said(ask.set_variable_data, answer.status)))


def _said(asked: Iterable[words.SetVariableDataType], status: str) -> Iterable[words.SetVariableResultType]:
    for one in asked:
        yield words.SetVariableResultType(
            attribute_status=_SET[status],
            component=one.component,
            variable=one.variable,
        )


OUTBOUND: dict[type, Outbound] = {
    words.GetBaseReportRequest: by_ask(_all_keys, _inventory),
    words.GetVariablesRequest: by_ask(_get, _got),
    words.SetVariablesRequest: by_ask(_set, _was_set),
}
