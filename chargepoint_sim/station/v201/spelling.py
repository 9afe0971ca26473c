"""House words from and to OCPP 2.0.1 payloads. What comes in has the library's snake_case keys."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ocpp.v201 import call

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.outlet import ChargingNeeds
from chargepoint_sim.meter import SampledValue
from chargepoint_sim.profiles.composite import Step
from chargepoint_sim.profiles.profile import Kind, Period, Profile, Purpose, RateUnit, Recurrency, Schedule
from chargepoint_sim.station.device_model import Mutability, Place, Variable
from chargepoint_sim.station.words import (
    IdToken,
    MeterNews,
    NeedsNews,
    Registered,
    Registration,
    SecurityNews,
    StatusNews,
    TokenInfo,
    Told,
    TransactionNews,
)

Payload = Mapping[str, Any]
_NEEDS_VENDOR = "org.v2g.ev-needs"  # 2.0.1 has no field for what a vehicle can give


def text(moment: datetime) -> str:
    """A time as OCPP writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(written: str) -> datetime:
    """A time as OCPP writes it; one without a zone is UTC."""
    read = datetime.fromisoformat(written)
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


def place(component: Payload) -> Place:
    """A component."""
    evse = component.get("evse") or {}
    return Place(component["name"], evse.get("id"), evse.get("connector_id"), component.get("instance"))


def component(of: Place) -> dict[str, object]:
    """A component."""
    written: dict[str, object] = {"name": of.component}
    if of.instance is not None:
        written["instance"] = of.instance
    if of.evse_id is not None:
        evse = {"id": of.evse_id}
        written["evse"] = evse if of.connector_id is None else evse | {"connectorId": of.connector_id}
    return written


def token(id_token: Payload) -> IdToken:
    """An id token."""
    return IdToken(id_token["id_token"], id_token["type"])


def profile(written: Payload, schedule: Callable[[Payload], Schedule] | None = None) -> Profile:
    """A charging profile. `schedule` reads each of its schedules, where a version says more in them."""
    recurrency = written.get("recurrency_kind")
    return Profile(
        id=written["id"],
        stack_level=written["stack_level"],
        purpose=Purpose(written["charging_profile_purpose"]),
        kind=Kind(written["charging_profile_kind"]),
        schedules=tuple(map(schedule or _schedule, written["charging_schedule"])),
        recurrency=None if recurrency is None else Recurrency(recurrency),
        valid_from=moment_or_none(written.get("valid_from")),
        valid_to=moment_or_none(written.get("valid_to")),
        transaction_id=written.get("transaction_id"),
    )


def moment_or_none(written: str | None) -> datetime | None:
    """A time, if there is one."""
    return None if written is None else moment(written)


def _schedule(written: Payload) -> Schedule:
    return Schedule(
        id=written["id"],
        unit=RateUnit(written["charging_rate_unit"]),
        periods=tuple(
            Period(one["start_period"], float(one["limit"]), one.get("number_phases"))
            for one in written["charging_schedule_period"]
        ),
        start=moment_or_none(written.get("start_schedule")),
        duration_s=written.get("duration"),
        min_rate=written.get("min_charging_rate"),
    )


def written_profile(one: Profile) -> dict[str, object]:
    """A charging profile, as it is reported."""
    written: dict[str, object | None] = {
        "id": one.id,
        "stackLevel": one.stack_level,
        "chargingProfilePurpose": one.purpose.value,
        "chargingProfileKind": one.kind.value,
        "recurrencyKind": one.recurrency.value if one.recurrency is not None else None,
        "validFrom": text(one.valid_from) if one.valid_from is not None else None,
        "validTo": text(one.valid_to) if one.valid_to is not None else None,
        "transactionId": one.transaction_id,
        "chargingSchedule": [written_schedule(schedule) for schedule in one.schedules],
    }
    return {key: value for key, value in written.items() if value is not None}


def written_schedule(one: Schedule) -> dict[str, object]:
    """A charging schedule."""
    written: dict[str, object | None] = {
        "id": one.id,
        "startSchedule": text(one.start) if one.start is not None else None,
        "duration": one.duration_s,
        "chargingRateUnit": one.unit.value,
        "minChargingRate": one.min_rate,
        "chargingSchedulePeriod": periods(
            Step(period.start_s, period.limit, period.phases) for period in one.periods
        ),
    }
    return {key: value for key, value in written.items() if value is not None}


def periods(steps: Iterable[Step]) -> list[dict[str, object]]:
    """Periods of a schedule; limits have one decimal."""
    written: list[dict[str, object]] = []
    for step in steps:
        period: dict[str, object] = {"startPeriod": step.start_s, "limit": round(step.limit or 0.0, 1)}
        written.append(period if step.phases is None else period | {"numberPhases": step.phases})
    return written


def report_data(variable: Variable) -> dict[str, object]:
    """A variable as a report shows it; what may only be written keeps its value."""
    attribute: dict[str, object] = {
        "type": "Actual",
        "mutability": variable.mutability.value,
        "persistent": True,
        "constant": False,
    }
    if variable.mutability is not Mutability.WRITE_ONLY:
        attribute["value"] = variable.value
    characteristics: dict[str, object] = {"dataType": variable.data_type.value, "supportsMonitoring": True}
    if variable.unit is not None:
        characteristics["unit"] = variable.unit
    if variable.lowest is not None:
        characteristics["minLimit"] = variable.lowest
    if variable.highest is not None:
        characteristics["maxLimit"] = variable.highest
    if variable.allowed:
        characteristics["valuesList"] = ",".join(variable.allowed)
    named: dict[str, object] = {"name": variable.name}
    if variable.instance is not None:
        named["instance"] = variable.instance
    return {
        "component": component(variable.place),
        "variable": named,
        "variableAttribute": [attribute],
        "variableCharacteristics": characteristics,
    }


def registered(answer: Any) -> Registered:
    """How the server takes this station, by its answer to a boot; the same in every version."""
    return Registered(Registration(answer.status), moment(answer.current_time), float(answer.interval))


def status_notification(news: StatusNews) -> object:
    """StatusNotification."""
    return call.StatusNotification(
        timestamp=text(news.at),
        connector_status=news.status.value,
        evse_id=news.evse_id,
        connector_id=news.connector_id,
    )


def transaction_event(news: TransactionNews) -> object:
    """TransactionEvent."""
    info: dict[str, object] = {"transactionId": news.transaction_id, "chargingState": news.charging_state}
    if news.time_charging_s:
        info["timeSpentCharging"] = news.time_charging_s
    if news.stopped is not None:
        info["stoppedReason"] = news.stopped.value
    if news.remote_start_id is not None:
        info["remoteStartId"] = news.remote_start_id
    values = [value for at, samples in news.earlier for value in _meter_value(at, samples)]
    values += _meter_value(news.at, news.samples) if news.samples else []
    return call.TransactionEvent(
        event_type=news.event.value,
        timestamp=text(news.at),
        trigger_reason=news.trigger.value,
        seq_no=news.seq_no,
        transaction_info=info,
        meter_value=values or None,
        offline=True if news.offline else None,
        reservation_id=news.reservation_id,
        evse={"id": news.evse_id, "connectorId": news.connector_id},
        id_token=None if news.id_token is None else written_token(news.id_token),
    )


def written_token(one: IdToken) -> dict[str, object]:
    """An id token."""
    return {"idToken": one.value, "type": one.kind}


def meter_values(news: MeterNews) -> object:
    """MeterValues."""
    return call.MeterValues(evse_id=news.evse_id, meter_value=_meter_value(news.at, news.samples))


def _meter_value(at: datetime, samples: tuple[SampledValue, ...]) -> list[dict[str, object]]:
    sampled = [_sampled_value(sample) for sample in samples]
    return [{"timestamp": text(at), "sampledValue": sampled}]


def _sampled_value(sample: SampledValue) -> dict[str, object]:
    written: dict[str, object] = {
        "value": sample.value,
        "measurand": sample.measurand.value,
        "context": sample.context.value,
        "location": sample.location,
        "unitOfMeasure": {"unit": sample.unit},
    }
    if sample.signed is not None:
        written["signedMeterValue"] = {
            "signedMeterData": sample.signed.data,
            "signingMethod": sample.signed.method,
            "encodingMethod": sample.signed.encoding,
            "publicKey": sample.signed.public_key,
        }
    return written


def charging_needs(news: NeedsNews) -> object:
    """NotifyEVChargingNeeds; what a vehicle can give goes into customData."""
    needs = news.needs
    written: dict[str, object] = {
        "requestedEnergyTransfer": "DC" if needs.current is Current.DC else "AC_three_phase"
    }
    if needs.departure_in_s is not None:
        written["departureTime"] = text(news.at + timedelta(seconds=needs.departure_in_s))
    if needs.current is Current.DC:
        written["dcChargingParameters"] = _dc_parameters(needs)
    else:
        written["acChargingParameters"] = {
            "energyAmount": max(0, round(needs.requests.target_wh)),
            "evMinCurrent": 0,
            "evMaxCurrent": round(needs.max_current_a),
            "evMaxVoltage": round(needs.max_voltage_v),
        }
    custom: dict[str, object] = {
        "vendorId": _NEEDS_VENDOR,
        "evccid": needs.evccid,
        "bidirectional": needs.bidirectional,
        "evMaxDischargePower": round(needs.rating.discharge_w),
        "evMaxV2XEnergyRequest": round(needs.requests.v2x_maximum_wh),
        "evMinV2XEnergyRequest": round(needs.requests.v2x_minimum_wh),
    }
    return call.NotifyEVChargingNeeds(evse_id=news.evse_id, charging_needs=written, custom_data=custom)


def _dc_parameters(needs: ChargingNeeds) -> dict[str, object]:
    written: dict[str, object] = {
        "evMaxCurrent": round(needs.max_current_a),
        "evMaxVoltage": round(needs.max_voltage_v),
        "energyAmount": max(0, round(needs.requests.target_wh)),
        "evMaxPower": round(needs.rating.charge_w),
        "fullSoC": 100,
    }
    if needs.soc is not None:
        written["stateOfCharge"] = max(0, min(100, int(needs.soc)))
    if needs.capacity_wh is not None:
        written["evEnergyCapacity"] = round(needs.capacity_wh)
    return written


def security_event(news: SecurityNews) -> object:
    """SecurityEventNotification."""
    return call.SecurityEventNotification(type=news.kind, timestamp=text(news.at), tech_info=news.detail)


def token_info(written: Payload) -> TokenInfo:
    """What the server says of a token, as it comes in an answer."""
    group, message = written.get("group_id_token"), written.get("personal_message")
    return TokenInfo(
        status=str(written["status"]),
        group=None if group is None else token(group),
        until=moment_or_none(written.get("cache_expiry_date_time")),
        message=None if message is None else str(message["content"]),
    )


def told(answer: object) -> Told:
    """What an answer to a transaction event says."""
    info = cast("Payload | None", getattr(answer, "id_token_info", None))
    cost = cast("float | None", getattr(answer, "total_cost", None))
    if info is None:
        return Told(cost=cost)
    found = token_info(info)
    return Told(found.status, found, cost)
