"""Whether the server lives and can work, and its numbers. Open to all, so without identities."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from csms.api.numbers import Numbers
from csms.api.wiring import Wired
from csms.errors import CsmsError
from csms.grid import fleet

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process lives and its event loop turns."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(wired: Wired) -> JSONResponse:
    """Whether stations can be served: the store commits and the gateway listens."""
    parts = dict(wired.health())
    return JSONResponse({"ready": all(parts.values()), "parts": parts}, 200 if all(parts.values()) else 503)


@router.get("/metrics")
async def metrics(wired: Wired) -> Response:
    """The numbers."""
    families = [_gauge("csms_stations_connected", "Stations connected to this node.", wired.connections())]
    families += [
        _gauge(f"csms_ready_{name}", "Whether this part works.", up) for name, up in wired.health().items()
    ]
    families += await _of_fleet(wired) + _of_events(wired.numbers)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _of_fleet(wired: Wired) -> list[Metric]:
    try:
        now = await fleet.summary(wired.db, wired.clock.now())
    except CsmsError:
        return []  # a store that is down is told by csms_ready_store; the other numbers are still true
    power_w = sum(site.measured_w for site in now.sites)
    return [
        _gauge("csms_transactions_open", "Open transactions.", now.plugged_in),
        _gauge("csms_fleet_power_watts", "Net power of the fleet, positive into the vehicles.", power_w),
    ]


def _of_events(numbers: Numbers) -> list[Metric]:
    told = CounterMetricFamily("csms_facts", "Facts told in the house, by kind.", labels=["kind"])
    for kind, count in numbers.facts.items():
        told.add_metric([kind], count)
    ordered = CounterMetricFamily(
        "csms_discharge_orders", "Orders to discharge, by outcome.", labels=["outcome"]
    )
    for outcome, count in numbers.orders.items():
        ordered.add_metric([outcome], count)
    running = list(numbers.events.values())
    return [
        told,
        ordered,
        _gauge("csms_grid_events_running", "Grid events under way.", len(running)),
        _gauge("csms_event_target_watts", "What they ask for.", sum(one.target_w for one in running)),
        _gauge("csms_event_delivered_watts", "What the meters say.", sum(one.measured_w for one in running)),
    ]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


class _Given(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
