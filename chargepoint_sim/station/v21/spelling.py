"""House words from and to OCPP 2.1, where it says more than 2.0.1."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from ocpp.v21 import call

from chargepoint_sim.ev.vehicle import Current, PowerLimits
from chargepoint_sim.iso15118.outlet import ChargingNeeds
from chargepoint_sim.iso15118.services import Control
from chargepoint_sim.profiles.composite import Step
from chargepoint_sim.profiles.profile import (
    Amount,
    Curve,
    Mode,
    Period,
    Profile,
    RateUnit,
    Regulation,
    Schedule,
    Values,
)
from chargepoint_sim.station.v201 import spelling as v201
from chargepoint_sim.station.v201.spelling import Payload
from chargepoint_sim.station.words import NeedsNews, TransactionNews

_EXTRAS = {"use_local_time": "useLocalTime", "randomized_delay": "randomizedDelay"}
_AMOUNTS = (("limit", "limit"), ("discharge_limit", "discharge"), ("setpoint", "setpoint"))
_WIRE = (("limit", "limit"), ("dischargeLimit", "discharge"), ("setpoint", "setpoint"))
_REACTIVE = ("setpoint_reactive", "reactive")
_PLACES = 1  # decimals of a value


def profile(written: Payload) -> Profile:
    """A charging profile."""
    return replace(
        v201.profile(written, _schedule),
        max_offline_s=written.get("max_offline_duration"),
        invalid_after_offline=bool(written.get("invalid_after_offline_duration")),
        update_interval_s=written.get("dyn_update_interval"),
        updated_at=v201.moment_or_none(written.get("dyn_update_time")),
    )


def _schedule(written: Payload) -> Schedule:
    at_soc = written.get("limit_at_so_c") or written.get("limit_at_soc")
    return Schedule(
        id=written["id"],
        unit=RateUnit(written["charging_rate_unit"]),
        periods=tuple(_period(one) for one in written["charging_schedule_period"]),
        start=v201.moment_or_none(written.get("start_schedule")),
        duration_s=written.get("duration"),
        min_rate=written.get("min_charging_rate"),
        at_soc=None if at_soc is None else (at_soc["soc"], float(at_soc["limit"])),
        extras=frozenset(name for key, name in _EXTRAS.items() if written.get(key)),
    )


def _period(written: Payload) -> Period:
    said = values(written)
    limit, *further = said.limit or (None,)
    return Period(
        start_s=written["start_period"],
        limit=limit,
        phases=written.get("number_phases"),
        further=tuple(one for one in further if one is not None),
        discharge=said.discharge,
        setpoint=said.setpoint,
        reactive=said.reactive,
        mode=Mode(written.get("operation_mode", Mode.CHARGING_ONLY)),
        regulation=_regulation(written),
        phase=written.get("phase_to_use"),
        sleep=bool(written.get("evse_sleep")),
        preconditioning=bool(written.get("preconditioning_request")),
    )


def values(written: Payload) -> Values:
    """What a period or an update says of power."""
    return Values(*(_amount(written, name) for name, _ in (*_AMOUNTS, _REACTIVE)))


def _amount(written: Payload, name: str) -> Amount | None:
    """One value, with those of L2 and L3 if they are given; without the first they mean nothing."""
    apart = [written.get(f"{name}_l2"), written.get(f"{name}_l3")]
    if written.get(name) is None:
        # K01.FR.146: refused as a conflict of phases, for which it must be seen.
        return None if apart == [None, None] else (0.0, *(float(one or 0.0) for one in apart))
    further = [] if apart == [None, None] else apart
    return (float(written[name]), *(float(one or 0.0) for one in further))


def _regulation(written: Payload) -> Regulation | None:
    """Baseline and curves; without a baseline there is nothing to add a curve to."""
    over_frequency = written.get("v2x_freq_watt_curve")
    if over_frequency is None or written.get("v2x_baseline") is None:
        return None
    over_signal = written.get("v2x_signal_watt_curve")
    return Regulation(
        float(written["v2x_baseline"]),
        Curve(tuple((float(one["frequency"]), float(one["power"])) for one in over_frequency)),
        None
        if over_signal is None
        else Curve(tuple((float(one["signal"]), float(one["power"])) for one in over_signal)),
    )


def written_profile(one: Profile) -> dict[str, object]:
    """A charging profile, as it is reported."""
    newer: dict[str, object | None] = {
        "maxOfflineDuration": one.max_offline_s,
        "invalidAfterOfflineDuration": True if one.invalid_after_offline else None,
        "dynUpdateInterval": one.update_interval_s,
        "dynUpdateTime": None if one.updated_at is None else v201.text(one.updated_at),
        "chargingSchedule": [_written_schedule(schedule) for schedule in one.schedules],
    }
    return v201.written_profile(one) | {key: value for key, value in newer.items() if value is not None}


def _written_schedule(one: Schedule) -> dict[str, object]:
    written = v201.written_schedule(one)
    written["chargingSchedulePeriod"] = [_written_period(period) for period in one.periods]
    if one.at_soc is not None:
        written["limitAtSoC"] = {"soc": one.at_soc[0], "limit": one.at_soc[1]}
    return written


def _written_period(one: Period) -> dict[str, object]:
    (written,) = periods([_as_step(one)])
    regulation = one.regulation
    if regulation is not None and regulation.over_frequency is not None:
        written["v2xBaseline"] = regulation.baseline_w
        written["v2xFreqWattCurve"] = [
            {"frequency": at, "power": power} for at, power in regulation.over_frequency.points
        ]
    if regulation is not None and regulation.over_signal is not None:
        written["v2xSignalWattCurve"] = [
            {"signal": round(at), "power": power} for at, power in regulation.over_signal.points
        ]
    flags = {"evseSleep": one.sleep, "preconditioningRequest": one.preconditioning}
    return written | {name: True for name, flag in flags.items() if flag}


def _as_step(one: Period) -> Step:
    said = one.values
    return Step(
        one.start_s,
        one.limit,
        one.phases,
        one.further,
        said.discharge,
        said.setpoint,
        said.reactive,
        one.mode,
    )


def periods(steps: Iterable[Step]) -> list[dict[str, object]]:
    """Periods of a schedule."""
    return [_written_step(step) for step in steps]


def _written_step(step: Step) -> dict[str, object]:
    written: dict[str, object] = {"startPeriod": step.start_s}
    for name, field in (*_WIRE, ("setpointReactive", "reactive")):
        amount: Amount | None = getattr(step.values, field)
        for suffix, value in zip(("", "_L2", "_L3"), amount or (), strict=False):
            written[name + suffix] = round(value, _PLACES)
    if step.phases is not None:
        written["numberPhases"] = step.phases
    if step.mode is not Mode.CHARGING_ONLY:
        written["operationMode"] = step.mode.value
    return written


def transaction_event(news: TransactionNews, evccid: str | None) -> object:
    """TransactionEvent; the first one of a vehicle that has told its EVCCID says so (Q01.FR.02)."""
    event = vars(v201.transaction_event(news))
    event["transaction_info"] |= {"operationMode": news.operation_mode or Mode.CHARGING_ONLY.value}
    if event["id_token"] is not None and evccid is not None:
        event["id_token"] |= {"additionalInfo": [{"additionalIdToken": evccid, "type": "EVCCID"}]}
    return call.TransactionEvent(**event)


def charging_needs(news: NeedsNews, evse: PowerLimits, able_both: bool) -> object:
    """NotifyEVChargingNeeds. `evse` is what the EVSE can do; `able_both`: the vehicle could also discharge.

    A session of -2 is told as in 2.0.1; one of -20 in v2xChargingParameters (K18.FR.06, K19.FR.06).
    """
    needs = news.needs
    if needs.control is None:
        told = vars(v201.charging_needs(news))["charging_needs"]
        return _needs(news, told)
    both, one_way = _transfers(needs)
    written: dict[str, object] = {
        "requestedEnergyTransfer": both if needs.bidirectional else one_way,
        "availableEnergyTransfer": [one_way, both] if able_both else [one_way],
        "controlMode": f"{'Dynamic' if needs.control is Control.DYNAMIC else 'Scheduled'}Control",
        "mobilityNeedsMode": "EVCC",
        "v2xChargingParameters": _v2x_parameters(needs, evse),
    }
    if needs.departure_in_s is not None:
        written["departureTime"] = v201.text(news.at + timedelta(seconds=needs.departure_in_s))
    return _needs(news, written)


def _needs(news: NeedsNews, written: object) -> object:
    at = v201.text(news.at)
    return call.NotifyEVChargingNeeds(evse_id=news.evse_id, charging_needs=written, timestamp=at)


def _transfers(needs: ChargingNeeds) -> tuple[str, str]:
    """The energy transfer both ways and one way."""
    return ("DC_BPT", "DC") if needs.current is Current.DC else ("AC_BPT", "AC_three_phase")


def _v2x_parameters(needs: ChargingNeeds, evse: PowerLimits) -> dict[str, object]:
    """What vehicle and EVSE can both do, and what the vehicle asks for; all discharge numbers above zero."""
    requests = needs.requests
    numbers: dict[str, float] = {
        "minChargePower": 0.0,
        "maxChargePower": min(needs.rating.charge_w, evse.charge_w),
        "maxChargeCurrent": needs.max_current_a,
        "maxVoltage": needs.max_voltage_v,
        "evTargetEnergyRequest": requests.target_wh,
        "evMinEnergyRequest": requests.minimum_wh,
        "evMaxEnergyRequest": requests.maximum_wh,
    }
    if needs.bidirectional:
        most_w = min(needs.rating.discharge_w, evse.discharge_w)
        numbers |= {"minDischargePower": 0.0, "maxDischargePower": most_w}
        if needs.max_voltage_v > 0.0:
            numbers["maxDischargeCurrent"] = most_w / needs.max_voltage_v
        if needs.control is Control.DYNAMIC:
            numbers["evMinV2XEnergyRequest"] = requests.v2x_minimum_wh
            numbers["evMaxV2XEnergyRequest"] = requests.v2x_maximum_wh
    written: dict[str, object] = {name: round(number, _PLACES) for name, number in numbers.items()}
    if needs.target_soc is not None:
        written["targetSoC"] = round(needs.target_soc)
    return written
