"""A scenario out of its file. What is wrong is said in one line that names the key."""

import math
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from chargepoint_sim.dice import dice
from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.faults import BadFault, parse_fault
from chargepoint_sim.fleet.catalogue import Catalogue
from chargepoint_sim.fleet.fleet import Plan
from chargepoint_sim.fleet.guest import Arrival
from chargepoint_sim.fleet.sessions import SHIPPED
from chargepoint_sim.scenario.sentences import NoSentence, amount, read_sentence
from chargepoint_sim.scenario.story import Around, Expectation, GridEvent, Happening, Measure, Scenario
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.link import BackOff, wrong_address
from chargepoint_sim.station.station import Behaviour
from chargepoint_sim.station.steering import Change
from chargepoint_sim.station.words import Version

_Above = Annotated[float, Meta(gt=0.0, le=1e9)]
_Least = Annotated[float, Meta(ge=0.0, le=1e9)]
_Percent = Annotated[float, Meta(ge=0.0, le=100.0)]
_Count = Annotated[int, Meta(ge=1, le=100_000)]
_Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
_LONGEST_PREFIX = 40


class BadScenario(Exception):
    """The file is not a scenario."""


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    """A table of the file."""


class _Fleet(_Table):
    count: _Count
    url: str | None = None
    prefix: str = "SIM"
    password: str | None = None
    seed: str | int = "1"
    speed: _Above = 1.0
    evses: Annotated[int, Meta(ge=1, le=100)] = 1
    meter_interval_s: _Count = 30
    loop_period_s: _Above = 5.0
    max_charge_w: _Least = 11_000.0
    max_discharge_w: _Least = 11_000.0
    site_import_w: _Least | None = None
    site_export_w: _Least | None = None
    hlc: HighLevel = HighLevel.MEMORY
    versions: dict[Version, _Above] = {}
    vehicles: dict[str, _Above] = {}
    soc: tuple[_Percent, _Percent] | None = None
    reserve_soc: _Percent | None = None
    sessions: str | None = None
    session_time: datetime | None = None
    back_off_s: _Least = 0.5
    back_off_random_s: _Least = 0.5


class _Arrival(_Table):
    station: _Count
    vehicle: str
    soc: _Percent
    leaves_s: _Above
    at_s: Annotated[float, Meta(ge=-1e9, le=1e9)] = 0.0
    target_soc: _Percent = 80.0
    reserve_soc: _Percent = 30.0


class _Fault(_Table):
    fault: str
    at_s: _Least | None = None
    until_s: _Above | None = None
    station: _Count | list[_Count] | None = None
    share: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None


class _Around(_Table):
    at_s: _Least = 0.0
    station: _Count | list[_Count] | None = None
    share: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    frequency_hz: _Above | None = None
    load: str | float | None = None
    limit: str | float | None = None
    setpoint: str | float | None = None


class _Event(_Table):
    power: str | float
    for_s: Annotated[float, Meta(ge=1.0, le=1e9)]
    at_s: _Least = 0.0
    lead_s: _Least = 0.0
    program: str | None = None
    min_soc: _Percent | None = None


class _Expect(_Table):
    that: str | None = None
    what: Measure | None = None
    min: _Number | None = None
    max: _Number | None = None
    at_s: _Least | None = None
    from_s: _Least | None = None
    station: _Count | None = None


class _File(_Table):
    duration_s: _Above
    fleet: _Fleet
    name: str | None = None
    program: str | None = None
    arrival: list[_Arrival] = []
    fault: list[_Fault] = []
    event: list[_Event] = []
    around: list[_Around] = []
    expect: list[_Expect] = []


def read_scenario(path: Path, url: str | None) -> Scenario:
    """Read a scenario; `url` replaces the server in the file. Raises `BadScenario`."""
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
        return _scenario(file, path, url)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise BadScenario(f"{path}: {failure}") from failure
    except msgspec.ValidationError as failure:
        raise BadScenario(f"{path}: {str(failure).replace('`$.', '`')}") from failure


def _wrong(where: str, why: object) -> msgspec.ValidationError:
    return msgspec.ValidationError(f"{why} - at `$.{where}`")


def _scenario(file: _File, path: Path, url: str | None) -> Scenario:
    end_s = file.duration_s
    return Scenario(
        name=file.name or path.stem,
        duration_s=end_s,
        plan=_plan(file, path.parent, url),
        program=file.program,
        happenings=tuple(
            _happening(row, f"fault[{at}]", file.fleet, end_s) for at, row in enumerate(file.fault)
        ),
        around=tuple(_around(row, f"around[{at}]", file.fleet, end_s) for at, row in enumerate(file.around)),
        events=tuple(_event(row, f"event[{at}]", end_s) for at, row in enumerate(file.event)),
        expectations=tuple(
            _expectation(row, f"expect[{at}]", file.fleet, end_s) for at, row in enumerate(file.expect)
        ),
    )


def _checked_url(file: _File, url: str | None) -> str:
    """The server, once the fleet's table is known to fit together."""
    fleet = file.fleet
    where = url or fleet.url
    if where is None:
        raise _wrong("fleet.url", "No server: neither here nor as --url")
    if (why := wrong_address(where)) is not None:
        raise _wrong("fleet.url", why)
    if not fleet.prefix.isprintable() or not 0 < len(fleet.prefix) <= _LONGEST_PREFIX or ":" in fleet.prefix:
        raise _wrong("fleet.prefix", f"1 to {_LONGEST_PREFIX} characters, none of them a colon")
    if fleet.soc is not None and fleet.soc[0] > fleet.soc[1]:
        raise _wrong("fleet.soc", "The lower one comes first")
    for name in fleet.vehicles:
        _check_vehicle(name, "fleet.vehicles")
    _check_arrivals(file.arrival, fleet.count)
    if fleet.sessions is not None and file.arrival:
        raise _wrong("arrival", "Either `fleet.sessions` or arrivals")
    if fleet.session_time is not None and fleet.session_time.tzinfo is None:
        raise _wrong("fleet.session_time", "It needs a zone, such as -07:00")
    if fleet.session_time is not None and fleet.sessions is None:
        raise _wrong("fleet.session_time", "It needs `fleet.sessions`")
    return where


def _check_vehicle(name: str, where: str) -> None:
    try:
        Catalogue().named(name)
    except KeyError as unknown:
        raise _wrong(where, unknown.args[0]) from None


def _check_arrivals(rows: list[_Arrival], stations: int) -> None:
    """Each at a station that there is, after the one before has left."""
    free: dict[int, float] = {}
    for at, row in sorted(enumerate(rows), key=lambda numbered: numbered[1].at_s):
        _check_vehicle(row.vehicle, f"arrival[{at}].vehicle")
        if row.station > stations:
            raise _wrong(f"arrival[{at}].station", f"There are {stations} stations")
        if row.leaves_s <= row.at_s:
            raise _wrong(f"arrival[{at}].leaves_s", "Not after `at_s`")
        if row.at_s < free.get(row.station, row.at_s):
            raise _wrong(f"arrival[{at}].at_s", "The one before is still there")
        free[row.station] = row.leaves_s


def _plan(file: _File, folder: Path, url: str | None) -> Plan:
    fleet, sessions = file.fleet, file.fleet.sessions
    plan = Plan(
        url=_checked_url(file, url),
        count=fleet.count,
        prefix=fleet.prefix,
        password=fleet.password,
        seed=str(fleet.seed),
        speed=fleet.speed,
        evses=fleet.evses,
        meter_interval_s=fleet.meter_interval_s,
        rating=PowerLimits(fleet.max_charge_w, fleet.max_discharge_w),
        versions=fleet.versions,
        vehicles=fleet.vehicles,
        soc=fleet.soc,
        reserve_soc=fleet.reserve_soc,
        sessions=None if sessions is None else _session_file(sessions, folder),
        session_time=fleet.session_time,
        arrivals=tuple(Arrival(**msgspec.structs.asdict(row)) for row in file.arrival),
        behaviour=Behaviour(
            high_level=fleet.hlc,
            loop_period_s=fleet.loop_period_s,
            back_off=BackOff(fleet.back_off_s, fleet.back_off_random_s),
            compress=False,
        ),
    )
    return plan.with_site(fleet.site_import_w, fleet.site_export_w)


def _session_file(name: str, folder: Path) -> Path:
    """A file beside the scenario, or the name of one that comes with the simulator."""
    if name in SHIPPED:
        return Path(name)
    if not (folder / name).is_file():
        raise _wrong("fleet.sessions", f"There is no file {folder / name}")
    return folder / name


def _happening(row: _Fault, where: str, fleet: _Fleet, end_s: float) -> Happening:
    try:
        order = parse_fault(row.fault)
    except BadFault as mistake:
        raise _wrong(f"{where}.fault", mistake) from mistake
    for name, at_s in (("at_s", row.at_s), ("until_s", row.until_s)):
        if at_s is not None and at_s > end_s:
            raise _wrong(f"{where}.{name}", "After the end")
    if row.until_s is not None and row.until_s <= (row.at_s or 0.0):
        raise _wrong(f"{where}.until_s", "Not after its beginning")
    stations = _stations(row, where, fleet)
    return Happening(order, row.at_s, row.until_s, stations)


def _around(row: _Around, where: str, fleet: _Fleet, end_s: float) -> Around:
    if row.at_s > end_s:
        raise _wrong(f"{where}.at_s", "After the end")
    load_w, limit_w, setpoint_w = (
        None if written is None else _power(written, f"{where}.{name}")
        for name, written in (("load", row.load), ("limit", row.limit), ("setpoint", row.setpoint))
    )
    change = Change(row.frequency_hz, load_w, limit_w, setpoint_w)
    if not change.said():
        raise _wrong(where, "Nothing changes")
    return Around(row.at_s, change, _stations(row, where, fleet))


def _stations(row: _Fault | _Around, where: str, fleet: _Fleet) -> tuple[int, ...] | None:
    """Those that are named, or a share of all that the seed draws."""
    if row.share is not None:
        if row.station is not None:
            raise _wrong(f"{where}.share", "Either a station or a share")
        lot = dice(fleet.seed, where)
        return tuple(sorted(lot.sample(range(1, fleet.count + 1), math.ceil(row.share * fleet.count))))
    if row.station is None:
        return None
    named = (row.station,) if isinstance(row.station, int) else tuple(sorted(set(row.station)))
    if not named:
        raise _wrong(f"{where}.station", "No station")
    if max(named) > fleet.count:
        raise _wrong(f"{where}.station", f"There are {fleet.count} stations")
    return named


def _event(row: _Event, where: str, end_s: float) -> GridEvent:
    if row.at_s > end_s:
        raise _wrong(f"{where}.at_s", "After the end")
    power_w = _power(row.power, f"{where}.power")
    return GridEvent(row.at_s, power_w, row.for_s, row.lead_s, row.program, row.min_soc)


def _power(written: str | float, where: str) -> float:
    try:
        power_w = amount(written, "power")
    except NoSentence as mistake:
        raise _wrong(where, mistake) from mistake
    if not math.isfinite(power_w):
        raise _wrong(where, "No power")
    return power_w


def _expectation(row: _Expect, where: str, fleet: _Fleet, end_s: float) -> Expectation:
    if (row.that is None) is (row.what is None):
        raise _wrong(where, "Either `that` or `what`")
    if row.station is not None and row.station > fleet.count:
        raise _wrong(f"{where}.station", f"There are {fleet.count} stations")
    least, most, at_s, from_s = row.min, row.max, row.at_s, row.from_s
    measure = row.what
    if row.that is not None:
        try:
            said = read_sentence(row.that)
        except NoSentence as mistake:
            raise _wrong(f"{where}.that", mistake) from mistake
        measure, least, most = said.measure, said.least, said.most
        at_s, from_s = said.at_s if at_s is None else at_s, said.from_s if from_s is None else from_s
    if measure is None or (least is None and most is None):
        raise _wrong(where, "Neither `min` nor `max`")
    if least is not None and most is not None and least > most:
        raise _wrong(where, "`min` is above `max`")
    at_s = end_s if at_s is None else at_s
    if at_s > end_s:
        raise _wrong(f"{where}.at_s", "After the end")
    if min(at_s, from_s or 0.0) < 0.0:
        raise _wrong(f"{where}.that", "Before the beginning")
    if from_s is not None and from_s > at_s:
        raise _wrong(f"{where}.from_s", "After its end")
    return Expectation(measure, at_s, from_s, row.station, least, most)
