"""The live view of a fleet: what its stations do, twice a second."""

from types import TracebackType

from rich.live import Live
from rich.table import Table

from chargepoint_sim.fleet.figures import figures_of
from chargepoint_sim.fleet.fleet import Fleet

_TITLES = {
    "online": "online",
    "charging": "charging",
    "discharging": "discharging",
    "power_w": "power, kW",
    "imported_wh": "imported, kWh",
    "exported_wh": "exported, kWh",
    "waiting": "messages waiting",
    "sent": "messages sent",
    "received": "messages received",
    "slowest_answer_s": "slowest answer, s",
    "cpu_s": "CPU, s",
}
_THOUSANDS = ("power_w", "imported_wh", "exported_wh")


class LiveView:
    """A table that follows a fleet. A context manager."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._live = Live(get_renderable=self.table, refresh_per_second=2.0)

    def __enter__(self) -> "LiveView":
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def table(self) -> Table:
        """What it looks like now."""
        figures = figures_of(self._fleet)
        table = Table(
            title=f"{figures['stations']} stations, {figures['vehicles']} vehicles", show_header=False
        )
        for name, title in _TITLES.items():
            value = figures[name]
            thousandth = value / 1000.0 if name in _THOUSANDS and isinstance(value, float) else value
            table.add_row(title, f"{thousandth:,.1f}" if isinstance(thousandth, float) else str(thousandth))
        return table
