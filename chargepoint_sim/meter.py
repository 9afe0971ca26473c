"""A station's energy meter: two registers that only grow, and the values sampled from it."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Measurand(StrEnum):
    """What is measured, by its OCPP name."""

    POWER_IMPORT = "Power.Active.Import"
    POWER_EXPORT = "Power.Active.Export"
    ENERGY_IMPORT = "Energy.Active.Import.Register"
    ENERGY_EXPORT = "Energy.Active.Export.Register"
    SOC = "SoC"


class Context(StrEnum):
    """Why a sample was taken, by its OCPP name."""

    BEGIN = "Transaction.Begin"
    END = "Transaction.End"
    PERIODIC = "Sample.Periodic"
    ALIGNED = "Sample.Clock"
    TRIGGER = "Trigger"
    OTHER = "Other"


@dataclass(frozen=True)
class SignedValue:
    """What makes a measured value provable: the signed data, how it is signed and written, and whose key."""

    data: str
    method: str
    encoding: str
    public_key: str


@dataclass(frozen=True)
class SampledValue:
    """One measured value: W, Wh or percent, never negative but where a fault makes it so."""

    measurand: Measurand
    value: float
    unit: str
    context: Context
    location: str
    signed: SignedValue | None = None


@dataclass
class Meter:
    """Energy into the vehicle and out of it, Wh. The two are never netted."""

    import_wh: float = 0.0
    export_wh: float = 0.0

    def flow(self, power_w: float, seconds: float) -> None:
        """Count `power_w` (+ into the vehicle) for `seconds`."""
        if power_w >= 0.0:
            self.import_wh += power_w * seconds / 3600.0
        else:
            self.export_wh -= power_w * seconds / 3600.0

    def sample(
        self, power_w: float, soc: float | None, wanted: Collection[str], context: Context
    ) -> tuple[SampledValue, ...]:
        """The wanted values now; without a state of charge that one is left out."""
        values = [
            SampledValue(Measurand.POWER_IMPORT, round(max(0.0, power_w), 1), "W", context, "Outlet"),
            SampledValue(Measurand.POWER_EXPORT, round(max(0.0, -power_w), 1), "W", context, "Outlet"),
            SampledValue(Measurand.ENERGY_IMPORT, round(self.import_wh, 3), "Wh", context, "Outlet"),
            SampledValue(Measurand.ENERGY_EXPORT, round(self.export_wh, 3), "Wh", context, "Outlet"),
        ]
        if soc is not None:
            values.append(SampledValue(Measurand.SOC, round(soc, 2), "Percent", context, "EV"))
        return tuple(value for value in values if value.measurand in wanted)
