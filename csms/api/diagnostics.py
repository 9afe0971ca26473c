"""Logs, monitors, customer information, firmware: what is asked of a station and followed to its end.

The answer brings `requestId`; `GET /stations/{id}/requests/{requestId}` tells how it goes on.
"""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, JsonValue

from csms.api.asking import CALLS, Ask, word
from csms.api.auth import ADMINISTRATOR
from csms.api.shapes import Body, Flag, Md5, Number, Page, Shape, Time, Url, Whole
from csms.api.stations import registered
from csms.api.variables import VariablePlace
from csms.api.wiring import Wired
from csms.blocks import device_model, monitoring
from csms.blocks.calls import Followed
from csms.blocks.times import written
from csms.errors import Invalid
from csms.store import monitors
from csms.wire import words

router = APIRouter(tags=["diagnostics"])

Retries = Annotated[Whole, Field(ge=0, le=100)]
Seconds = Annotated[Whole, Field(ge=0, le=86_400)]


class Log(Body):
    """Which log, from when to when, and where the station shall put it."""

    type: words.LogEnumType = "DiagnosticsLog"
    location: Url
    oldest: Time | None = None
    latest: Time | None = None
    retries: Retries | None = None
    retry_interval_s: Seconds | None = None


class Firmware(Body):
    """Where a firmware is, when to fetch and install it; with certificate and signature it is secure."""

    location: Url
    retrieve_at: Time | None = None
    install_at: Time | None = None
    signing_certificate: Annotated[str, Field(max_length=5500)] | None = None
    signature: Annotated[str, Field(max_length=800)] | None = None
    retries: Retries | None = None
    retry_interval_s: Seconds | None = None


class Publication(Body):
    """A firmware that a local controller shall offer to the stations behind it; the checksum is its MD5."""

    location: Url
    checksum: Md5
    retries: Retries | None = None
    retry_interval_s: Seconds | None = None


class Customer(Body):
    """Of whom: exactly one of the three. `report`: tell what is known; `clear`: forget it."""

    id_token: Annotated[str, Field(max_length=36)] | None = None
    type: Annotated[str, Field(max_length=20)] = "Central"
    customer_identifier: Annotated[str, Field(max_length=64)] | None = None
    certificate: dict[str, JsonValue] | None = None
    report: Flag = True
    clear: Flag = False


class MonitoringReport(Body):
    """Which monitors to report; empty: all."""

    criteria: Annotated[tuple[words.MonitoringCriterionEnumType, ...], Field(max_length=3)] = ()
    places: Annotated[tuple[VariablePlace, ...], Field(max_length=500)] = ()


class NewMonitor(VariablePlace):
    """A monitor to set; `id` changes the one that has it."""

    variable: Annotated[str, Field(min_length=1, max_length=50)]
    id: Annotated[Whole, Field(ge=0)] | None = None
    type: words.MonitorEnumType
    value: Number
    severity: Annotated[Whole, Field(ge=0, le=9)] = 8
    in_transaction: Flag = False


class Monitors(Body):
    """Monitors to set."""

    monitors: Annotated[tuple[NewMonitor, ...], Field(min_length=1, max_length=500)]


class Cleared(Body):
    """Monitors to clear."""

    ids: Annotated[tuple[Whole, ...], Field(min_length=1, max_length=500)]


class Monitoring(Body):
    """Either: `base`, the monitors to begin with; `level`, the least severity (0 is worst) that is told."""

    base: words.MonitoringBaseEnumType | None = None
    level: Annotated[Whole, Field(ge=0, le=9)] | None = None


class Monitor(Shape):
    """A monitor as it was set or reported."""

    monitor_id: int
    component: str
    component_instance: str
    evse_id: int
    connector_id: int
    variable: str
    variable_instance: str
    kind: str
    value: float
    severity: int
    in_transaction: Flag
    origin: str | None
    reported_at: Time


class MonitorSet(Shape):
    """What the station said to one monitor: under `id`, if it took it."""

    id: int | None
    component: str
    variable: str
    type: str
    severity: int
    status: str


class MonitorCleared(Shape):
    """What the station said to one monitor."""

    id: int
    status: str


@router.post("/stations/{identity}/logs", openapi_extra=CALLS)
async def get_log(identity: str, body: Log, ask: Ask) -> Response:
    """N01: have the station put a log somewhere. A newer request takes the place of one under way."""
    log = words.LogParametersType(
        remote_location=body.location,
        oldest_timestamp=None if body.oldest is None else written(body.oldest),
        latest_timestamp=None if body.latest is None else written(body.latest),
    )
    return await ask.send(
        identity,
        Followed(
            "log",
            lambda number: words.GetLogRequest(
                log=log,
                log_type=body.type,
                request_id=number,
                retries=body.retries,
                retry_interval=body.retry_interval_s,
            ),
        ),
    )


@router.post("/stations/{identity}/firmware", openapi_extra=CALLS)
async def update_firmware(identity: str, body: Firmware, ask: Ask) -> Response:
    """L01, L02: have the station fetch and install a firmware. A newer request takes an older one's place.

    A signed one is read by us first, and its signature checked; `override` says why that is not to be done.
    """
    if (body.signing_certificate is None) != (body.signature is None):
        raise Invalid("signature", "A certificate and a signature go together.")
    firmware = words.FirmwareType(
        location=body.location,
        retrieve_date_time=written(body.retrieve_at or ask.wired.clock.now()),
        install_date_time=None if body.install_at is None else written(body.install_at),
        signing_certificate=body.signing_certificate,
        signature=body.signature,
    )
    return await ask.send(
        identity,
        Followed(
            "firmware update",
            lambda number: words.UpdateFirmwareRequest(
                request_id=number,
                firmware=firmware,
                retries=body.retries,
                retry_interval=body.retry_interval_s,
            ),
        ),
    )


@router.post("/stations/{identity}/published-firmware", openapi_extra=CALLS)
async def publish_firmware(identity: str, body: Publication, ask: Ask) -> Response:
    """L03: have a local controller offer a firmware."""
    return await ask.send(
        identity,
        Followed(
            "firmware publishing",
            lambda number: words.PublishFirmwareRequest(
                location=body.location,
                checksum=body.checksum,
                request_id=number,
                retries=body.retries,
                retry_interval=body.retry_interval_s,
            ),
        ),
    )


@router.post("/stations/{identity}/published-firmware/{checksum}/unpublish", openapi_extra=CALLS)
async def unpublish_firmware(identity: str, checksum: str, ask: Ask) -> Response:
    """L04: have a local controller offer a firmware no longer."""
    return await ask.send(identity, words.UnpublishFirmwareRequest(checksum=checksum))


@router.post("/stations/{identity}/customer-information", openapi_extra=CALLS | ADMINISTRATOR)
async def customer_information(identity: str, body: Customer, ask: Ask) -> Response:
    """N09, N10: what a station knows of a customer, and having it forget that."""
    named = [body.id_token, body.customer_identifier, body.certificate]
    if sum(one is not None for one in named) != 1:  # N09.FR.09
        raise Invalid("idToken", "Name one: idToken, customerIdentifier or certificate.")
    if not (body.report or body.clear):
        raise Invalid("report", "Neither report nor clear: nothing to do.")
    token, certificate = None, None
    if body.id_token is not None:
        token = words.IdTokenType(id_token=body.id_token, type=body.type)
    if body.certificate is not None:
        certificate = word(words.CertificateHashDataType, body.certificate, "certificate")
    return await ask.send(
        identity,
        Followed(
            "customer information",
            lambda number: words.CustomerInformationRequest(
                request_id=number,
                report=body.report,
                clear=body.clear,
                id_token=token,
                customer_identifier=body.customer_identifier,
                customer_certificate=certificate,
            ),
        ),
    )


@router.get("/stations/{identity}/monitors")
async def list_monitors(identity: str, wired: Wired) -> Page[Monitor]:
    """The station's monitors as far as they were set or reported."""
    station = await registered(wired, identity)
    rows = await monitors.listing(wired.db, station.identity)
    return Page(items=[Monitor.model_validate(row) for row in rows])


@router.post("/stations/{identity}/monitors", openapi_extra=CALLS)
async def set_monitors(identity: str, body: Monitors, ask: Ask) -> Page[MonitorSet]:
    """N04: set monitors, in as many messages as the station wants: which were taken, and under which ids."""
    data = tuple(
        words.SetMonitoringDataType(
            id=one.id,
            transaction=one.in_transaction,
            value=one.value,
            type=one.type,
            severity=one.severity,
            component=device_model.component_of(one.place()),
            variable=device_model.variable_of(one.place()),
        )
        for one in body.monitors
    )
    results = await monitoring.set_monitors(ask.desk, await ask.order(identity), data)
    return Page(
        items=[
            MonitorSet(
                id=one.id,
                component=one.component.name,
                variable=one.variable.name,
                type=one.type,
                severity=one.severity,
                status=one.status,
            )
            for one in results
        ]
    )


@router.post("/stations/{identity}/monitors/clear", openapi_extra=CALLS)
async def clear_monitors(identity: str, body: Cleared, ask: Ask) -> Page[MonitorCleared]:
    """N06: clear monitors by their ids, in as many messages as the station wants."""
    results = await monitoring.clear_monitors(ask.desk, await ask.order(identity), body.ids)
    return Page(items=[MonitorCleared.model_validate(one) for one in results])


@router.post("/stations/{identity}/monitors/report", openapi_extra=CALLS)
async def report_monitors(identity: str, body: MonitoringReport, ask: Ask) -> Response:
    """N02: have the station report its monitors."""
    places = tuple(device_model.component_variable(one.place()) for one in body.places)
    return await ask.send(
        identity,
        Followed(
            "monitoring report",
            lambda number: words.GetMonitoringReportRequest(
                request_id=number,
                monitoring_criteria=body.criteria or None,
                component_variable=places or None,
            ),
        ),
    )


@router.put("/stations/{identity}/monitoring", openapi_extra=CALLS)
async def set_monitoring(identity: str, body: Monitoring, ask: Ask) -> Response:
    """N03, N05: the base of the monitors, or the severity from which on events are told."""
    if (body.base is None) == (body.level is None):
        raise Invalid("base", "Say either base or level.")
    if body.base is not None:
        return await ask.send(identity, words.SetMonitoringBaseRequest(monitoring_base=body.base))
    assert body.level is not None
    return await ask.send(identity, words.SetMonitoringLevelRequest(severity=body.level))
