"""What a probe of a charger's dialect has seen, judged: nine steps, each with what it makes of the record.

The first four are harmless. The later ones follow a discharge of the smallest useful size, beneath a low
limit for the whole station, and are void again with another firmware.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum

from csms.domain.dialect_record import (
    Composite,
    DialectRecord,
    Discharge,
    MeterSign,
    Offline,
    Proof,
    Unit,
    Zero,
    limit_in_unit,
    power_of,
)


class Step(IntEnum):
    """The steps in their order."""

    VARIABLES = 1
    POSITIVE = 2
    ZERO = 3
    SAFE = 4
    NEGATIVE = 5
    EXPIRY = 6
    LINK = 7
    REBOOT = 8
    RATE = 9


PROVES = frozenset({Step.POSITIVE, Step.SAFE, Step.NEGATIVE, Step.EXPIRY})
"""Without these a station is not ordered to discharge."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a step has brought: the answer to its profile, the composite schedule and the meter, signed W.

    None: there was no answer, no composite schedule, no reading. `exported`: whether an export register rose.
    """

    accepted: bool | None = None
    reason: str | None = None
    composite_w: float | None = None
    power_w: float | None = None
    exported: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One step's result, for people."""

    step: Step
    passed: bool
    told: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe knows so far: the record as found, and the findings."""

    record: DialectRecord
    power_w: float
    findings: tuple[Finding, ...] = field(default=())

    @property
    def tolerance_w(self) -> float:
        """Less than this is no power."""
        return min(500.0, self.power_w / 2)

    @property
    def passed(self) -> frozenset[Step]:
        """The steps that went well."""
        return frozenset(finding.step for finding in self.findings if finding.passed)

    def found(self, step: Step, passed: bool, told: str, **changes: object) -> "Probe":
        """With one more finding, and what it changes in the record."""
        record = replace(self.record, **changes)  # type: ignore[arg-type]
        return replace(self, record=record, findings=(*self.findings, Finding(step, passed, told)))


def variables(probe: Probe, rate_units: str | None, entries: float | None) -> Probe:
    """Step 1: what the station's own variables say of units, and of how many profiles it can hold."""
    units = {part.strip().lower() for part in (rate_units or "").split(",")} - {""}
    watts = not units or bool(units & {"w", "power"})
    if entries is not None and entries < 2:
        told = f"holds {entries:.0f} profile at most: a lease needs one beneath it"
        return probe.found(Step.VARIABLES, False, told)
    told = f"limits in {rate_units}" if units else "its variables say nothing of smart charging"
    if not watts and probe.record.phases_for_limit is None:
        return probe.found(Step.VARIABLES, False, f"{told}: how many phases has it?")
    return probe.found(Step.VARIABLES, True, told, unit=probe.record.unit if watts else Unit.A)


def positive(probe: Probe, seen: Sighting) -> Probe:
    """Step 2: a limit to charge. The composite schedule is trusted if it shows the limit, or a lower one."""
    shown = Composite.NONE
    if seen.composite_w is not None:
        right = 0 <= seen.composite_w <= _told_w(probe, probe.power_w) + 1.0
        shown = Composite.TRUSTED if right else Composite.WRONG
    if not seen.accepted:
        return probe.found(Step.POSITIVE, False, f"not taken: {seen.reason}", composite=shown)
    if seen.power_w is None:
        return probe.found(Step.POSITIVE, False, "no meter reading came", composite=shown)
    kept = -probe.tolerance_w <= seen.power_w <= probe.power_w + probe.tolerance_w
    told = f"{seen.power_w:.0f} W under a limit of {probe.power_w:.0f} W, composite schedule {shown.value}"
    return probe.found(Step.POSITIVE, kept, told, composite=shown)


def zero(probe: Probe, seen: Sighting) -> Probe:
    """Step 3: a limit of 0, which many do not take for a stop."""
    if not seen.accepted:
        return probe.found(Step.ZERO, True, f"not taken: {seen.reason}", zero=Zero.REJECTED)
    if seen.power_w is None:
        return probe.found(Step.ZERO, False, "no meter reading came", zero=Zero.UNLIMITED)
    if abs(seen.power_w) <= probe.tolerance_w:
        return probe.found(Step.ZERO, True, f"{seen.power_w:.0f} W", zero=Zero.STOP)
    least = seen.power_w <= 3 * 1500.0
    means = Zero.MINIMUM if least else Zero.UNLIMITED
    return probe.found(Step.ZERO, True, f"{seen.power_w:.0f} W: 0 means {means.value}", zero=means)


def negative(probe: Probe, form: Discharge, seen: Sighting) -> Probe:
    """Step 5: the discharge itself. `Accepted` proves nothing, the meter does."""
    if not seen.accepted:
        return probe.found(Step.NEGATIVE, False, f"not taken: {seen.reason}")
    ordered = f"ordered {-probe.power_w:.0f} W"
    trusted = probe.record.composite is Composite.TRUSTED
    if trusted and seen.composite_w is not None and not seen.composite_w < 0:
        told = f"{ordered}, but its composite schedule shows {seen.composite_w:.0f} W"
        return probe.found(Step.NEGATIVE, False, told)
    if seen.power_w is None:
        return probe.found(Step.NEGATIVE, False, f"{ordered}, and no meter reading came")
    told = f"{ordered}, measured {seen.power_w:.0f} W"
    if not -probe.power_w - probe.tolerance_w <= seen.power_w <= -probe.tolerance_w:
        return probe.found(Step.NEGATIVE, False, told)
    sign = MeterSign.EXPORT if seen.exported else MeterSign.NEGATIVE_IMPORT
    return probe.found(Step.NEGATIVE, True, told, discharge=form, meter_sign=sign)


def expiry(probe: Probe, seen: Sighting) -> Probe:
    """Step 6: the lease is over, so nothing flows out, and no more flows in than the fallback allows."""
    return _calm(probe, Step.EXPIRY, "after the lease", seen)


def link(probe: Probe, lost: bool, seen: Sighting) -> Probe:
    """Step 7: the connection was cut while it discharged, and came back after the lease's end."""
    if not lost:
        return probe.found(Step.LINK, False, "the connection was not cut", offline=Offline.UNLIMITED)
    after = _calm(probe, Step.LINK, "after a cut connection", seen)
    calm = after.findings[-1].passed
    return replace(after, record=replace(after.record, offline=Offline.KEEP if calm else Offline.UNLIMITED))


def reboot(probe: Probe, booted: bool, seen: Sighting) -> Probe:
    """Step 8: after a restart the safe profile still stands, by its composite schedule or its meter."""
    if not booted:
        return probe.found(Step.REBOOT, False, "it did not restart")
    shown = seen.composite_w
    if shown is not None and shown > _told_w(probe, probe.power_w) + 1.0:
        return probe.found(Step.REBOOT, False, f"its composite schedule shows {shown:.0f} W after a restart")
    return _calm(probe, Step.REBOOT, "after a restart", seen, needed=False)


def rate(probe: Probe, answers: int, pause_s: float | None) -> Probe:
    """Step 9: the same profile and changed ones in a row; what it says to that is its flash budget."""
    if pause_s is None:
        return probe.found(Step.RATE, True, f"took {answers} profiles in a row")
    told = f"after {answers} profiles it wanted {pause_s:.0f} s of quiet"
    return probe.found(Step.RATE, True, told, min_interval_s=max(pause_s, probe.record.min_interval_s))


def concluded(probe: Probe, probe_id: str, on: date, firmware: str | None) -> DialectRecord:
    """The record that the probe leaves. Without all that `PROVES` it is one that may not discharge."""
    if not probe.passed >= PROVES:
        return replace(probe.record, discharge=Discharge.NONE, meter_sign=MeterSign.UNKNOWN, verified_by=None)
    proof = Proof(probe_id, on, firmware, tuple(sorted(int(step) for step in probe.passed)))
    return replace(probe.record, verified_by=proof)


def _calm(probe: Probe, step: Step, when: str, seen: Sighting, needed: bool = True) -> Probe:
    if seen.power_w is None:
        return probe.found(step, not needed, f"no meter reading came {when}")
    calm = -probe.tolerance_w <= seen.power_w <= probe.power_w + probe.tolerance_w
    return probe.found(step, calm, f"{seen.power_w:.0f} W {when}")


def _told_w(probe: Probe, power_w: float) -> float:
    return power_of(limit_in_unit(power_w, probe.record), probe.record)
