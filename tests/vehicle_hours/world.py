"""One seed: sites within a feeder, stations honest and odd, vehicles that come and go, a server that dies.

Everything that may go wrong between house and station goes wrong by chance: orders and answers are late or
lost, stations drop off, reboot, refuse, ignore or invert, meters stop, states of charge lie, drivers opt out
or want more kept. What must hold is looked at on the stations' side, at each change of power.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from csms.domain.dialect_record import Discharge, declared
from csms.domain.grid_event import EventState, GridEvent
from csms.domain.profile import LEASE_MAX_S
from csms.domain.program import Program, Terms
from csms.domain.site import SiteLimit, around
from csms.domain.soc import Said, SocSource, soc_report
from csms.grid.fleet import Snapshot
from csms.grid.leases import EvseKey
from csms.grid.setpoints import PutFallback, PutLease
from csms.store.readings import FirstSoc
from csms.store.transactions import FleetRow
from csms.store.vehicle_socs import VehicleSocRow
from tests.vehicle_hours.house import House, Memory
from tests.vehicle_hours.station import RESERVE, Held, Obeys, Says, Station, Vehicle

START = datetime(2026, 1, 5, tzinfo=UTC)
TIMEOUT_S = 30.0
HOUR_S = 3600.0
_OBEYS = (Obeys.YES,) * 92 + (Obeys.REFUSES,) * 3 + (Obeys.IGNORES,) * 3 + (Obeys.INVERTS,) * 2
_SAYS = (Says.TRUE,) * 80 + (Says.FROZEN, Says.CREEPS, Says.JUMPS) * 2 + (Says.NAN,) * 5 + (Says.NOTHING,) * 9
Order = PutLease | PutFallback | None


@dataclass
class Counts:
    """What a run has been worth."""

    vehicle_hours: float = 0.0
    site_hours: float = 0.0
    orders: int = 0
    discharges: int = 0
    exported_wh: float = 0.0
    crashes: int = 0
    violations: list[str] = field(default_factory=list)


class World:
    """`hours` of one seed."""

    def __init__(self, seed: int, hours: float, evses: int = 40) -> None:
        self.random = Random(seed)
        self.counts = Counts()
        self._hours = hours
        self._now_s = 0.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._terms = Terms(
            lease_s=self.random.choice((300, 600, 900)),
            fallback_w=self.random.choice((0.0, 1_400.0)),
            max_meter_age_s=300.0,
        )
        self._program = Program("p", "p", self._terms)
        # The loop ticks every 10 s; here mostly as seldom as leases allow, which is more hours for the money.
        self._gap_s = self.random.choice((60.0, 140.0, 140.0, *(280.0,) * 18))
        self._sites = self._lay_out(evses)
        names = [name for name, site in self._sites.items() if site.within]
        self._stations = {
            f"cs{number}": Station(
                f"cs{number}",
                self.random.choice(names),
                self.random.choice((7_400.0, 11_000.0)),
                self.random.choice(_OBEYS),
                self.random,
            )
            for number in range(evses)
        }
        self._rows: dict[str, FleetRow] = {}
        self._words: dict[str, VehicleSocRow] = {}
        self._memory = Memory()
        self._house: House | None = None
        self._event: GridEvent | None = None
        self._out_w = dict.fromkeys(self._sites, 0.0)

    def _lay_out(self, evses: int) -> dict[str, SiteLimit]:
        """A feeder with a few sites, each with less than its EVSEs could do."""
        sites = {
            f"site{number}": SiteLimit(
                f"site{number}",
                self.random.uniform(20_000, 90_000),
                self.random.choice((math.nan, 0.0, *(self.random.uniform(8_000, 60_000),) * 6)),
                "feeder",
                evses,
            )
            for number in range(self.random.randint(2, 5))
        }
        export_w = self.random.uniform(20_000, 150_000)
        return {"feeder": SiteLimit("feeder", 400_000.0, export_w, None, evses), **sites}

    # ---- time

    def run(self) -> Counts:
        """Play it to the end; `violations` says what did not hold."""
        self._wake()
        for station in self._stations.values():
            self._at(self.random.uniform(0, HOUR_S), partial(self._arrive, station))
            self._at(self.random.uniform(0, 4 * HOUR_S), partial(self._mishap, station))
        self._at(self.random.uniform(0, 600), self._begin_event)
        self._at(self.random.uniform(HOUR_S, 10 * HOUR_S), self._die)
        self._at(0.0, self._tick)
        end_s = self._hours * HOUR_S
        while self._queue and self._queue[0][0] <= end_s and not self.counts.violations:
            self._now_s, _, happen = heapq.heappop(self._queue)
            happen()
        for station in self._stations.values():
            self._live(station)
        self.counts.site_hours = self._hours * len(self._sites)
        self.counts.exported_wh = sum(one.export_wh for one in self._stations.values())
        return self.counts

    def _at(self, at_s: float, happen: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (max(at_s, self._now_s), self._number, happen))

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        self._at(self._now_s + seconds, happen)

    @property
    def _now(self) -> datetime:
        return START + timedelta(seconds=self._now_s)

    def _seconds(self, at: datetime) -> float:
        return (at - START).total_seconds()

    # ---- what must hold

    def _live(self, station: Station) -> None:
        reserve = RESERVE if station.lease is None else station.lease.reserve
        self.counts.vehicle_hours += station.live(self._now_s) / HOUR_S
        vehicle = station.vehicle
        if vehicle is not None and station.power_w < 0 and vehicle.soc < reserve - 1e-6:
            self._found(f"V-01 {station.name} discharging at {vehicle.soc:.3f} %, {vehicle.says.value}")

    def _change(self, station: Station, change: Callable[[], None]) -> None:
        """Something happens at a station: live until now, change it, look at all places around."""
        self._live(station)
        before_w = min(0.0, station.power_w)
        change()
        station.settle()
        after_w = min(0.0, station.power_w)
        for place in around(self._sites, station.site):
            self._out_w[place.site_id] += after_w - before_w
            if after_w < before_w and -self._out_w[place.site_id] > place.export_room_w + 1.0:
                self._found(f"V-05 {place.site_id} gives {-self._out_w[place.site_id]:.0f} W")
        turn_s = station.next_turn_s()
        if turn_s < math.inf:
            self._at(turn_s, lambda: self._turn(station, turn_s))

    def _turn(self, station: Station, turn_s: float) -> None:
        if station.next_turn_s() <= turn_s:
            self._change(station, lambda: None)

    def _found(self, what: str) -> None:
        self.counts.violations.append(f"{self._now_s:.0f} s: {what}")

    def _check(self, station: Station, item: PutLease) -> None:
        """What an order that arrives must be, whatever the station does with it."""
        self.counts.orders += 1
        left_s = self._seconds(item.lease.until) - self._now_s
        if left_s > LEASE_MAX_S:
            self._found(f"V-02 {station.name} gets a lease of {left_s:.0f} s")
        if item.lease.limit_w >= 0:
            return
        self.counts.discharges += 1
        fallback = station.fallback
        if fallback is None or fallback.bites_s > self._now_s or fallback.ends_s <= _end_s(item):
            self._found(f"V-04 {station.name} gets an order without a fallback under it")

    # ---- house and stations

    def _wake(self) -> None:
        self._house = House(self._memory, self._send, declared(Discharge.NEGATIVE_LIMIT))

    def _die(self) -> None:
        """The server is killed, and comes back after a while; what is on its way stays on its way."""
        self._house = None
        self.counts.crashes += 1
        self._after(self.random.choice((1.0, 60.0, 1_500.0)), self._wake)
        self._after(self.random.uniform(2 * HOUR_S, 12 * HOUR_S), self._die)

    def _tick(self) -> None:
        self._look()
        self._after(self._gap_s * self.random.uniform(0.7, 1.2), self._tick)

    def _look(self) -> None:
        if self._house is None:
            return
        for station in self._stations.values():
            if station.vehicle is not None and station.online and station.metered:
                self._read(station)
        rows = tuple(self._row(self._stations[name], row) for name, row in self._rows.items())
        words = {name: word for name, word in self._words.items() if word.valid_until > self._now}
        self._house.tick(self._event, self._program, Snapshot(self._now, rows, self._sites, words))

    def _row(self, station: Station, row: FleetRow) -> FleetRow:
        known, boot = self._memory.fallbacks.get((station.name, 1), (None, 0))
        stands = known is not None and known.acknowledged and known.until > self._now and boot == station.boot
        return row._replace(
            connected=station.online,
            boot_epoch=station.boot,
            hold="held" if station.name in self._memory.held else None,
            fallback_acknowledged=stands,
        )

    def _read(self, station: Station) -> None:
        """The meter's word, and the vehicle's, as they come in."""
        self._change(station, lambda: None)
        vehicle, row = station.vehicle, self._rows[station.name]
        assert vehicle is not None
        soc, at = station.say_soc(), self._now + timedelta(seconds=self.random.uniform(-5, 5))
        row = row._replace(
            power_w=station.power_w,
            power_at=self._now,
            last_import_wh=station.import_wh,
            last_export_wh=station.export_wh,
            last_at=self._now,
            need_reserve_soc=vehicle.reserve,
        )
        if soc is not None and math.isfinite(soc):
            row = row._replace(soc=soc, soc_at=at, soc_refused=False)
            first = FirstSoc(station.name, station.transaction, soc, at, station.import_wh, station.export_wh)
            self._memory.first_socs.setdefault(station.transaction, first)
        elif soc is not None:
            row = row._replace(soc_at=at, soc_refused=True)
        self._rows[station.name] = row

    def _send(self, key: EvseKey, item: Order) -> None:
        station, house = self._stations[key[0]], self._house
        assert house is not None
        driver = None if station.vehicle is None else station.vehicle.name
        if isinstance(item, PutLease) and item.lease.limit_w < 0 and driver in self._memory.opted_out:
            self._found(f"V-07 {station.name} is asked after an opt-out")
        if not station.online:
            house.unanswered(key, self._now)
            return
        house.busy.add(key)
        reserve = RESERVE if station.vehicle is None else station.vehicle.reserve
        late_s = self.random.choice((0.1, 0.1, 1.0, 25.0))
        if self.random.random() < 0.02:  # lost on its way
            self._after(TIMEOUT_S, lambda: self._unanswered(house, key))
        else:
            self._after(late_s, partial(self._deliver, house, key, item, (reserve, station.boot)))

    def _deliver(self, house: House, key: EvseKey, item: Order, when: tuple[float, int]) -> None:
        station, (reserve, boot) = self._stations[key[0]], when
        if not station.online or station.boot != boot:  # what was on its way went with the connection
            self._after(TIMEOUT_S, lambda: self._unanswered(house, key))
            return
        accepted = True
        if isinstance(item, PutLease):
            self._check(station, item)
            fits = station.vehicle is not None and item.lease.transaction_id == station.transaction
            accepted = fits and station.obeys is not Obeys.REFUSES
        if accepted:
            self._change(station, lambda: self._install(station, item, reserve))
        if self.random.random() < 0.03:  # obeyed, and the answer is lost
            self._after(TIMEOUT_S, lambda: self._unanswered(house, key))
        else:
            self._after(0.1, lambda: self._answered(house, key, item, accepted, boot))

    def _install(self, station: Station, item: Order, reserve: float) -> None:
        if item is None:
            station.lease = None
        elif isinstance(item, PutLease):
            until_s = self._seconds(item.lease.until)
            station.lease = Held(item.lease.limit_w, until_s, 0.0, station.transaction, reserve)
        else:
            fallback = item.fallback
            until_s, since_s = self._seconds(fallback.until), self._seconds(fallback.since)
            station.fallback = Held(fallback.limit_w, until_s, since_s)

    def _answered(self, house: House, key: EvseKey, item: Order, accepted: bool, boot: int) -> None:
        house.busy.discard(key)
        if house is self._house:
            house.answered(key, item, accepted, boot, self._now)

    def _unanswered(self, house: House, key: EvseKey) -> None:
        house.busy.discard(key)
        if house is self._house:
            house.unanswered(key, self._now)

    # ---- what happens

    def _begin_event(self) -> None:
        most_w = sum(one.rating_w for one in self._stations.values())
        self._number += 1
        self._event = GridEvent(
            id=f"e{self._number}",
            program_id="p",
            target_w=self.random.choice((-1.0, -0.6, -0.3, -0.1, 0.2)) * most_w,
            start=self._now,
            duration_s=self.random.choice((900, 1800, 3600, 7200)),
            state=EventState.ACTIVE,
            created_at=self._now,
        )
        self._after(self._event.duration_s, self._end_event)

    def _end_event(self) -> None:
        self._event = None
        self._after(self.random.uniform(60, 1800), self._begin_event)

    def _arrive(self, station: Station) -> None:
        self._live(station)
        stays_s = self.random.uniform(1, 14) * HOUR_S
        says = self.random.choice(_SAYS)
        vehicle = Vehicle(
            soc=self.random.uniform(15, 95),
            capacity_wh=self.random.choice((24_000.0, 40_000.0, 60_000.0, 80_000.0)),
            wish_w=self.random.choice((0.0, 0.0, 2_000.0, station.rating_w)),
            leaves_s=self._now_s + stays_s,
            out_efficiency=self.random.uniform(0.9, 0.97),
            says=says,
            name=f"{station.name}/{station.visits}",
        )
        self._change(station, lambda: station.plug(vehicle))
        self._rows[station.name] = self._plugged(station, vehicle)
        if says is Says.NOTHING:
            self._after(self.random.uniform(0, 1200), lambda: self._telematics(station, vehicle))
        self._after(stays_s, lambda: self._leave(station))

    def _leave(self, station: Station) -> None:
        self._change(station, station.unplug)
        del self._rows[station.name]
        self._after(self.random.uniform(300, 3 * HOUR_S), lambda: self._arrive(station))

    def _telematics(self, station: Station, vehicle: Vehicle) -> None:
        """Somebody else tells the state of charge, as well as it can, a while after it was true."""
        if station.vehicle is not vehicle:
            return
        self._live(station)
        row = self._rows[station.name]
        soc = min(100.0, max(0.0, vehicle.soc + self.random.uniform(-2, 2)))
        report = soc_report(vehicle.name, SocSource.TELEMATICS, Said(soc), self._now)
        self._words[vehicle.name] = VehicleSocRow(
            vehicle_id=vehicle.name,
            source=report.source.value,
            soc=report.soc,
            accuracy=report.accuracy,
            told_at=report.told_at,
            valid_until=report.valid_until,
            identity=station.name,
            transaction_id=station.transaction,
            export_wh=row.last_export_wh,
            read_at=row.last_at,
        )
        self._after(self.random.uniform(300, 2400), lambda: self._telematics(station, vehicle))

    def _mishap(self, station: Station) -> None:
        self.random.choice((self._drop_off, self._drop_off, self._reboot, self._stop_meter, self._opt_out,
                            self._want_more, self._turn_odd))(station)  # fmt: skip
        self._after(self.random.uniform(0.2, 8) * HOUR_S, lambda: self._mishap(station))

    def _drop_off(self, station: Station) -> None:
        station.online = False
        self._after(self.random.choice((10.0, 300.0, 3000.0)), lambda: self._return(station))

    def _return(self, station: Station) -> None:
        station.online = True
        if self._house is not None:
            for key, line in self._house.lines.items():  # V-09, as `Actuator.heard` does
                line.rewrite = line.rewrite or (key[0] == station.name and line.live)

    def _reboot(self, station: Station) -> None:
        station.boot += 1
        if self.random.random() < 0.5:  # K01.FR.27 is not kept by all
            self._change(station, lambda: self._wipe(station))
        self._drop_off(station)

    def _wipe(self, station: Station) -> None:
        station.lease = station.fallback = None

    def _stop_meter(self, station: Station) -> None:
        station.metered = False
        self._after(self.random.choice((200.0, 2000.0)), lambda: setattr(station, "metered", True))

    def _opt_out(self, station: Station) -> None:
        if station.vehicle is not None:
            self._memory.opted_out.add(station.vehicle.name)
            self._look()

    def _want_more(self, station: Station) -> None:
        if station.vehicle is not None:
            station.vehicle.reserve = self.random.choice((40.0, 60.0))
            self._rows[station.name] = self._rows[station.name]._replace(
                need_reserve_soc=station.vehicle.reserve
            )
            self._look()

    def _turn_odd(self, station: Station) -> None:
        obeys = self.random.choice(_OBEYS)
        self._change(station, lambda: setattr(station, "obeys", obeys))

    def _plugged(self, station: Station, vehicle: Vehicle) -> FleetRow:
        """The row of a transaction that has just begun, before anything was measured."""
        fields: dict[str, object] = dict.fromkeys(FleetRow._fields)
        fields |= {
            "station_id": station.name,
            "evse_id": 1,
            "transaction_id": station.transaction,
            "started_at": self._now,
            "charging_state": "Charging",
            "site_id": station.site,
            "connected": station.online,
            "registration": "Accepted",
            "boot_epoch": station.boot,
            "discharge": "negative_limit",
            "faulted": False,
            "clock_skew_s": 1.0,
            "max_charge_w": station.rating_w,
            "max_discharge_w": station.rating_w,
            "driver_id": vehicle.name,
            "vehicle_id": vehicle.name,
            "vehicle_capacity_wh": vehicle.capacity_wh,
            "vehicle_max_charge_w": station.rating_w,
            "vehicle_max_discharge_w": station.rating_w,
            "vehicle_bidirectional": True,
            "soc_refused": False,
            "first_import_wh": station.import_wh,
            "first_export_wh": station.export_wh,
            "need_reserve_soc": vehicle.reserve,
            "fallback_acknowledged": False,
            "priority": False,
        }
        return FleetRow(**fields)  # type: ignore[arg-type]


def _end_s(item: PutLease) -> float:
    """When a lease ends, in the world's seconds."""
    return (item.lease.until - START).total_seconds()
