"""A fleet in figures: for the live view, for lines, and as Prometheus text."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chargepoint_sim.fleet.fleet import Fleet

_COUNTERS = {
    "imported_wh": "Energy into the vehicles, Wh.",
    "exported_wh": "Energy out of the vehicles, Wh.",
    "loops": "Exchanges between station and vehicle.",
    "sent": "Frames sent.",
    "received": "Frames received.",
    "answers": "Answers of the server.",
    "answers_s": "Time that the server took for all its answers, real seconds.",
    "cpu_s": "CPU time of this process, seconds.",
}
_GAUGES = {
    "stations": "Stations.",
    "vehicles": "Vehicles plugged in.",
    "online": "Stations that may talk.",
    "charging": "EVSEs that charge.",
    "discharging": "EVSEs that discharge.",
    "power_w": "Power into the vehicles, W.",
    "waiting": "Messages not told yet.",
    "profiles": "Installed charging profiles.",
    "slowest_answer_s": "The longest that an answer of the server took, real seconds.",
}


def figures_of(fleet: Fleet) -> dict[str, float | int]:
    """All figures now. Meters are as of the last exchange with each vehicle."""
    evses = [evse for station in fleet.stations for evse in station.cabinet.evses.values()]
    traffic = [station.link.traffic for station in fleet.stations]
    return {
        "stations": len(fleet.stations),
        "vehicles": sum(len(station.cabinet.visits) for station in fleet.stations),
        "online": sum(station.outbox.online for station in fleet.stations),
        "charging": sum(evse.power_w > 0.0 for evse in evses),
        "discharging": sum(evse.power_w < 0.0 for evse in evses),
        "power_w": round(sum(evse.power_w for evse in evses), 1),
        "imported_wh": round(sum(evse.meter.import_wh for evse in evses), 1),
        "exported_wh": round(sum(evse.meter.export_wh for evse in evses), 1),
        "loops": sum(evse.exchanges for evse in evses),
        "waiting": sum(len(station.outbox) for station in fleet.stations),
        "profiles": sum(len(station.cabinet.equipment.profiles.installed) for station in fleet.stations),
        "sent": sum(one.sent for one in traffic),
        "received": sum(one.received for one in traffic),
        "answers": sum(one.answers for one in traffic),
        "answers_s": round(sum(one.answers_s for one in traffic), 3),
        "slowest_answer_s": round(max((one.slowest_s for one in traffic), default=0.0), 3),
        "cpu_s": round(time.process_time(), 3),
    }


class _Figures(Collector):
    """The figures as Prometheus wants them."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        """Now."""
        figures = figures_of(self._fleet)
        for name, says in _COUNTERS.items():
            yield CounterMetricFamily(f"chargepoint_sim_{name}", says, value=figures[name])
        for name, says in _GAUGES.items():
            yield GaugeMetricFamily(f"chargepoint_sim_{name}", says, value=figures[name])


def serve_metrics(fleet: Fleet, port: int) -> Callable[[], None]:
    """Serve Prometheus text on loopback; the answer ends it. `OSError` where the port is taken."""
    registry = CollectorRegistry()
    registry.register(_Figures(fleet))
    server, thread = start_http_server(port, "127.0.0.1", registry)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end
