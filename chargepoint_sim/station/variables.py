"""The variables that a simulated station is made with: the device model as data."""

from dataclasses import dataclass, field

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.meter import Measurand
from chargepoint_sim.station.device_model import DataType, Mutability, Place, Variable
from chargepoint_sim.station.display import FORMATS, PRIORITIES, STATES
from chargepoint_sim.station.words import Version

_RW = Mutability.READ_WRITE
_RATING = PowerLimits(11_000.0, 11_000.0)
_TX_POINTS = (
    "ParkingBayOccupancy",
    "EVConnected",
    "Authorized",
    "DataSigned",
    "PowerPathClosed",
    "EnergyTransfer",
)
_MEASURANDS = tuple(Measurand)
_NAME = 64  # characters of a name in a certificate


@dataclass(frozen=True)
class Fixed:
    """What is fixed when a station is built. `meter_interval_s` may be changed by the server later."""

    identity: str
    password: str
    model: str = "V2G-11"
    vendor: str = "SimEVSE"
    serial_number: str = "SIM-000000"
    firmware: str = "1.0.0"
    evses: int = 1
    rating: PowerLimits = _RATING
    meter_interval_s: int = 30
    heartbeat_interval_s: int = 300
    version: Version = Version.V201
    security_profile: int | None = None
    """As its address and its certificate have it, if it is not said."""
    trust_pem: str = ""
    """The roots by which it knows its server, for security profiles 2 and 3."""
    chain_pem: str = ""
    """Its own certificate, and what lies between that and a root, for security profile 3."""
    key_pem: str = field(default="", repr=False)


def standard_variables(fixed: Fixed) -> list[Variable]:
    """All variables of a station."""
    return [
        *_station(fixed),
        *_communication(fixed),
        *_metering(fixed),
        *_transactions(),
        *_smart_charging(fixed),
        *_diagnostics(),
        *(variable for evse_id in range(1, fixed.evses + 1) for variable in _evse(fixed, evse_id)),
    ]


def _whole(
    component: str, name: str, value: int, mutability: Mutability = _RW, unit: str | None = None
) -> Variable:
    """A whole number, not negative."""
    return Variable(Place(component), name, str(value), mutability, DataType.INTEGER, unit=unit, lowest=0)


def _flag(component: str, name: str, value: bool, mutability: Mutability = _RW) -> Variable:
    """A yes or no."""
    return Variable(Place(component), name, str(value).lower(), mutability, DataType.BOOLEAN)


def _list(
    component: str, name: str, value: str, allowed: tuple[str, ...], mutability: Mutability = _RW
) -> Variable:
    """A list of members."""
    return Variable(Place(component), name, value, mutability, DataType.MEMBER_LIST, allowed=allowed)


def _station(fixed: Fixed) -> list[Variable]:
    station, profile = Place("ChargingStation"), str(fixed.security_profile or 1)
    certificates = _whole("SecurityCtrlr", "CertificateEntries", 0, Mutability.READ_ONLY)
    certificates.highest = 20
    return [
        Variable(station, "VendorName", fixed.vendor),
        Variable(station, "Model", fixed.model),
        Variable(station, "SerialNumber", fixed.serial_number),
        Variable(station, "FirmwareVersion", fixed.firmware),
        Variable(station, "AvailabilityState", "Available", summary=True),
        Variable(station, "Available", "true", data_type=DataType.BOOLEAN),
        Variable(station, "Problem", "false", data_type=DataType.BOOLEAN, summary=True),
        Variable(station, "SupplyPhases", "3", data_type=DataType.INTEGER),
        Variable(Place("SecurityCtrlr"), "Identity", fixed.identity),
        Variable(
            Place("SecurityCtrlr"),
            "BasicAuthPassword",
            fixed.password,
            Mutability.WRITE_ONLY,
            lowest=16,
            highest=40,
        ),
        Variable(Place("SecurityCtrlr"), "SecurityProfile", profile, data_type=DataType.INTEGER),
        Variable(Place("SecurityCtrlr"), "OrganizationName", "Simulated", _RW, lowest=1, highest=_NAME),
        certificates,
        _whole("SecurityCtrlr", "CertSigningWaitMinimum", 60, unit="s"),
        _whole("SecurityCtrlr", "CertSigningRepeatTimes", 3),
        _flag("SecurityCtrlr", "AdditionalRootCertificateCheck", False, Mutability.READ_ONLY),
        Variable(
            Place("ClockCtrlr"),
            "TimeSource",
            "Heartbeat",
            _RW,
            DataType.SEQUENCE_LIST,
            allowed=("Heartbeat",),
        ),
        Variable(Place("ClockCtrlr"), "DateTime", "", data_type=DataType.DATE_TIME),
    ]


def _communication(fixed: Fixed) -> list[Variable]:
    link = "OCPPCommCtrlr"
    return [
        _whole(link, "HeartbeatInterval", fixed.heartbeat_interval_s, unit="s"),
        _whole(link, "OfflineThreshold", 60, unit="s"),
        _whole(link, "RetryBackOffWaitMinimum", 1, unit="s"),
        _whole(link, "RetryBackOffRandomRange", 2, unit="s"),
        _whole(link, "RetryBackOffRepeatTimes", 5),
        _whole(link, "ResetRetries", 0),
        _whole(link, "NetworkProfileConnectionAttempts", 3),
        _whole(link, "WebSocketPingInterval", 30, unit="s"),
        Variable(
            Place(link),
            "NetworkConfigurationPriority",
            "1",
            _RW,
            DataType.SEQUENCE_LIST,
            allowed=tuple(str(slot) for slot in range(1, 10)),
            reboot=True,
        ),
        Variable(Place(link), "FileTransferProtocols", "HTTP,HTTPS", data_type=DataType.MEMBER_LIST),
        _flag(link, "UnlockOnEVSideDisconnect", True),
        Variable(
            Place(link),
            "PublicKeyWithSignedMeterValue",
            "OncePerTransaction",
            _RW,
            DataType.OPTION_LIST,
            allowed=("Never", "OncePerTransaction", "EveryMeterValue"),
        ),
        *_messages(link),
    ]


def _messages(link: str) -> list[Variable]:
    return [
        _instance(link, "MessageTimeout", "Default", 30, Mutability.READ_ONLY),
        _instance(link, "MessageAttempts", "TransactionEvent", 3),
        _instance(link, "MessageAttemptInterval", "TransactionEvent", 10),
        *(
            _instance("DeviceDataCtrlr", name, instance, most, Mutability.READ_ONLY)
            for name, most in (("ItemsPerMessage", 50), ("BytesPerMessage", 65_536))
            for instance in ("GetReport", "GetVariables", "SetVariables")
        ),
    ]


def _instance(component: str, name: str, instance: str, value: int, mutability: Mutability = _RW) -> Variable:
    """A whole number, not negative, of one kind of message."""
    place = Place(component)
    return Variable(place, name, str(value), mutability, DataType.INTEGER, instance=instance, lowest=0)


def _metering(fixed: Fixed) -> list[Variable]:
    sampled, aligned, everything = "SampledDataCtrlr", "AlignedDataCtrlr", ",".join(_MEASURANDS)
    return [
        _flag(sampled, "Enabled", True),
        _flag(sampled, "Available", True, Mutability.READ_ONLY),
        _whole(sampled, "TxUpdatedInterval", fixed.meter_interval_s, unit="s"),
        _whole(sampled, "TxEndedInterval", 0, unit="s"),
        _list(sampled, "TxStartedMeasurands", everything, _MEASURANDS),
        _list(sampled, "TxUpdatedMeasurands", everything, _MEASURANDS),
        _list(sampled, "TxEndedMeasurands", everything, _MEASURANDS),
        _flag(aligned, "Enabled", True),
        _flag(aligned, "Available", True, Mutability.READ_ONLY),
        _whole(aligned, "Interval", 0, unit="s"),
        _whole(aligned, "TxEndedInterval", 0, unit="s"),
        _flag(sampled, "SignReadings", False),
        _flag(aligned, "SignReadings", False),
        _flag(aligned, "SendDuringIdle", False),
        _list(aligned, "Measurands", everything, _MEASURANDS),
        _list(aligned, "TxEndedMeasurands", "", _MEASURANDS),
    ]


def _transactions() -> list[Variable]:
    return [
        _list("TxCtrlr", "TxStartPoint", "EVConnected", _TX_POINTS),
        _list("TxCtrlr", "TxStopPoint", "EVConnected,Authorized", _TX_POINTS),
        _whole("TxCtrlr", "EVConnectionTimeOut", 120, unit="s"),
        _flag("TxCtrlr", "StopTxOnEVSideDisconnect", True),
        _flag("TxCtrlr", "StopTxOnInvalidId", True),
        _flag("TxCtrlr", "TxBeforeAcceptedEnabled", False, Mutability.READ_ONLY),
        _flag("AuthCtrlr", "Enabled", True),
        _flag("AuthCtrlr", "AuthorizeRemoteStart", False),
        _flag("AuthCtrlr", "LocalAuthorizeOffline", False),
        _flag("AuthCtrlr", "LocalPreAuthorize", False),
        _flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled", False),
        *_identification(),
        _flag("ReservationCtrlr", "Enabled", True),
        _flag("ReservationCtrlr", "Available", True, Mutability.READ_ONLY),
        _flag("ReservationCtrlr", "NonEvseSpecific", True, Mutability.READ_ONLY),
    ]


def _identification() -> list[Variable]:
    cache, listed = "AuthCacheCtrlr", "LocalAuthListCtrlr"
    entries = _whole(listed, "Entries", 0, Mutability.READ_ONLY)
    entries.highest = 500
    return [
        Variable(Place("AuthCtrlr"), "MasterPassGroupId", "", _RW, highest=36),
        _flag(cache, "Enabled", False),
        _flag(cache, "Available", True, Mutability.READ_ONLY),
        _whole(cache, "LifeTime", 0, unit="s"),
        _flag(cache, "DisablePostAuthorize", False),
        _flag(listed, "Enabled", True),
        _flag(listed, "Available", True, Mutability.READ_ONLY),
        _flag(listed, "DisablePostAuthorize", False),
        entries,
        _whole(listed, "ItemsPerMessage", 100, Mutability.READ_ONLY),
        _whole(listed, "BytesPerMessage", 65_536, Mutability.READ_ONLY),
    ]


def _diagnostics() -> list[Variable]:
    monitoring, display, cost = "MonitoringCtrlr", "DisplayMessageCtrlr", "TariffCostCtrlr"
    messages = _whole(display, "DisplayMessages", 0, Mutability.READ_ONLY)
    messages.highest = 20
    return [
        _flag(monitoring, "Enabled", True),
        _flag(monitoring, "Available", True, Mutability.READ_ONLY),
        _whole(monitoring, "OfflineQueuingSeverity", 4),
        _whole(monitoring, "ActiveMonitoringLevel", 9, Mutability.READ_ONLY),
        _flag(display, "Enabled", True),
        _flag(display, "Available", True, Mutability.READ_ONLY),
        messages,
        _list(display, "SupportedFormats", ",".join(FORMATS), FORMATS, Mutability.READ_ONLY),
        _list(display, "SupportedPriorities", ",".join(PRIORITIES), PRIORITIES, Mutability.READ_ONLY),
        _list(display, "SupportedStates", ",".join(STATES), STATES, Mutability.READ_ONLY),
        *(
            Variable(Place(cost), name, "true", mutability, DataType.BOOLEAN, instance=instance)
            for instance in ("Tariff", "Cost")
            for name, mutability in (("Enabled", _RW), ("Available", Mutability.READ_ONLY))
        ),
        Variable(Place(cost), "Currency", "EUR", _RW, highest=3),
    ]


def _smart_charging(fixed: Fixed) -> list[Variable]:
    name = "SmartChargingCtrlr"
    entries = Variable(Place(name), "Entries", "0", data_type=DataType.INTEGER, instance="ChargingProfiles")
    entries.highest = 100
    return [
        _flag(name, "Enabled", True),
        _flag(name, "Available", True, Mutability.READ_ONLY),
        _whole(name, "ProfileStackLevel", 10, Mutability.READ_ONLY),
        _list(name, "RateUnit", "A,W", ("A", "W"), Mutability.READ_ONLY),
        _whole(name, "PeriodsPerSchedule", 1024, Mutability.READ_ONLY),
        entries,
        Variable(
            Place(name), "LimitChangeSignificance", "1", _RW, DataType.DECIMAL, unit="Percent", lowest=0
        ),
        _flag(name, "NotifyChargingLimitWithSchedules", False),
        _flag(name, "Phases3to1", False, Mutability.READ_ONLY),
        _flag(name, "ExternalControlSignalsEnabled", False),
        _flag("ISO15118Ctrlr", "Enabled", True),
        Variable(
            Place("ISO15118Ctrlr"), "SeccId", f"SECC-{fixed.identity}"[:_NAME], _RW, lowest=1, highest=_NAME
        ),
        _flag("ISO15118Ctrlr", "Available", True, Mutability.READ_ONLY),
        _flag("ISO15118Ctrlr", "V2GCertificateInstallationEnabled", False),
        _flag("ISO15118Ctrlr", "ContractCertificateInstallationEnabled", False),
        _flag("ISO15118Ctrlr", "PnCEnabled", False),
    ]


def _evse(fixed: Fixed, evse_id: int) -> list[Variable]:
    evse, connector = Place("EVSE", evse_id), Place("Connector", evse_id, 1)
    power = Variable(evse, "Power", "0", data_type=DataType.DECIMAL, unit="W")
    power.highest = fixed.rating.charge_w
    return [
        Variable(evse, "AvailabilityState", "Available", summary=True),
        Variable(evse, "Available", "true", data_type=DataType.BOOLEAN),
        Variable(evse, "SupplyPhases", "3", data_type=DataType.INTEGER),
        Variable(evse, "ISO15118EvseId", f"ZZSIM{fixed.identity.replace('-', '')}{evse_id:02d}"[:37]),
        power,
        Variable(connector, "AvailabilityState", "Available", summary=True),
        Variable(connector, "Available", "true", data_type=DataType.BOOLEAN),
        Variable(connector, "ConnectorType", "cCCS2"),
        Variable(connector, "SupplyPhases", "3", data_type=DataType.INTEGER),
    ]
