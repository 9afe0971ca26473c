"""The device model of a 2.1 station, where it holds more than that of 2.0.1, and what follows from it."""

from dataclasses import replace

from chargepoint_sim.profiles.checks import Capability
from chargepoint_sim.profiles.profile import Mode, Purpose
from chargepoint_sim.station.der import LIMIT_MAX_DISCHARGE
from chargepoint_sim.station.device_model import DataType, DeviceModel, Mutability, Place, Variable
from chargepoint_sim.station.steering import Balancing
from chargepoint_sim.station.variables import Fixed

_V2X, _SMART, _DER = "V2XChargingCtrlr", "SmartChargingCtrlr", "DCDERCtrlr"
_TRANSFERS = ("DC", "DC_BPT", "AC_three_phase", "AC_BPT")
_MODES = tuple(mode.value for mode in Mode)
_BALANCING = ("LowerThreshold", "UpperThreshold", "LowerOffset", "UpperOffset")
DER_CONTROLS = (LIMIT_MAX_DISCHARGE,)  # what is set is followed; the rest is not supported

CAPABILITY = Capability(signed_limits=False)
"""Before the device model has been looked at."""


def adapted(fixed: Fixed, variables: list[Variable]) -> list[Variable]:
    """All variables of a 2.1 station."""
    return [
        *variables,
        *_smart_charging(),
        *_v2x(),
        *_der(fixed),
        *(one for evse_id in range(1, fixed.evses + 1) for one in _connected_ev(evse_id)),
    ]


def _fixed(component: str, name: str, value: str, kind: DataType = DataType.BOOLEAN) -> Variable:
    return Variable(Place(component), name, value, data_type=kind)


def _smart_charging() -> list[Variable]:
    return [
        _fixed(_SMART, "SupportsDynamicProfiles", "true"),
        _fixed(_SMART, "SupportsMaxOfflineDuration", "true"),
        _fixed(_SMART, "SupportsLimitAtSoC", "true"),
        _fixed(_SMART, "SupportsUseLocalTime", "false"),
        _fixed(_SMART, "SupportsRandomizedDelay", "false"),
        _fixed(_SMART, "SupportsEvseSleep", "false"),
        _fixed(_SMART, "ExternalConstraintsProfileDisallowed", "false"),
        _fixed(_SMART, "SupportedAdditionalPurposes", Purpose.PRIORITY.value, DataType.MEMBER_LIST),
        _fixed(_SMART, "SetpointPriority", "ExternalSystem", DataType.OPTION_LIST),
        _fixed(_SMART, "MaxExternalConstraintsId", "-1", DataType.INTEGER),
        Variable(
            Place(_SMART),
            "ChargingProfilePersistence",
            "true",
            data_type=DataType.BOOLEAN,
            instance="TxProfile",
        ),
    ]


def _v2x() -> list[Variable]:
    writable = Mutability.READ_WRITE
    return [
        Variable(Place(_V2X), "Enabled", "true", writable, DataType.BOOLEAN),
        _fixed(_V2X, "Available", "true"),
        _fixed(_V2X, "SupportedEnergyTransferModes", ",".join(_TRANSFERS), DataType.MEMBER_LIST),
        _fixed(_V2X, "SupportedOperationModes", ",".join(_MODES), DataType.MEMBER_LIST),
        Variable(Place(_V2X), "LocalFrequencyUpdateThreshold", "10", writable, DataType.INTEGER, unit="mHz"),
        *(
            Variable(Place(_V2X), "LocalLoadBalancing", "", writable, DataType.DECIMAL, instance, unit="W")
            for instance in _BALANCING
        ),
    ]


def _der(fixed: Fixed) -> list[Variable]:
    inverter = (
        ("InverterManufacturer", fixed.vendor),
        ("InverterModel", fixed.model),
        ("InverterSwVersion", fixed.firmware),
        ("InverterHwVersion", "1"),
    )
    ratings = (("MaxW", fixed.rating.discharge_w), ("MaxChargeRateW", fixed.rating.charge_w))
    return [
        Variable(Place(_DER), "Enabled", "true", Mutability.READ_WRITE, DataType.BOOLEAN),
        *(_watts(name, power_w) for name, power_w in ratings),
        _fixed(_DER, "ModesSupported", ",".join(DER_CONTROLS), DataType.MEMBER_LIST),
        *(_fixed(_DER, name, value, DataType.STRING) for name, value in inverter),
    ]


def _watts(name: str, power_w: float) -> Variable:
    return Variable(Place(_DER), name, f"{power_w:.0f}", data_type=DataType.DECIMAL, unit="W")


def _connected_ev(evse_id: int) -> list[Variable]:
    vehicle = Place("ConnectedEV", evse_id)
    return [
        Variable(vehicle, "Available", "false", data_type=DataType.BOOLEAN),
        Variable(vehicle, "VehicleID", ""),
        Variable(vehicle, "VehicleCertificate", "", instance="Leaf"),
        Variable(vehicle, "ProtocolAgreed", ""),
        Variable(vehicle, "ProtocolSupportedByEV", "", instance="1"),
    ]


def capability(model: DeviceModel) -> Capability:
    """What the device model says of charging profiles at present."""
    modes = model.members(_V2X, "SupportedOperationModes") if model.flag(_V2X, "Enabled") else ()
    highest = model.integer(_SMART, "MaxExternalConstraintsId")
    return replace(
        CAPABILITY,
        modes=frozenset(Mode(mode) for mode in modes),
        purposes=frozenset(Purpose(one) for one in model.members(_SMART, "SupportedAdditionalPurposes")),
        dynamic=model.flag(_SMART, "SupportsDynamicProfiles"),
        limit_at_soc=model.flag(_SMART, "SupportsLimitAtSoC"),
        sleep=model.flag(_SMART, "SupportsEvseSleep"),
        balancing=balancing(model) is not None,
        highest_external_id=highest if highest >= 0 else None,
    )


def balancing(model: DeviceModel) -> Balancing | None:
    """The thresholds of local load balancing, if all are set and in order (Q09.FR.02)."""
    texts = [model.text(_V2X, "LocalLoadBalancing", instance) for instance in _BALANCING]
    if not all(texts):
        return None
    found = Balancing(*(float(text) for text in texts))
    return found if found.upper_w > found.lower_w else None
