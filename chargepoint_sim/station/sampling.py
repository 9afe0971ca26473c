"""When a transaction is measured, what is measured, and what waits for its last event (block J)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chargepoint_sim.clock import Timer
from chargepoint_sim.meter import Context, Measurand, SampledValue
from chargepoint_sim.station import lies
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.evse import Evse
from chargepoint_sim.station.signing import MeterKey

_SAMPLED, _ALIGNED = "SampledDataCtrlr", "AlignedDataCtrlr"
_LONGEST_WAIT_S = 60.0
_MOST_KEPT = 500
_RATE_GAP_S = 5.0  # at least between two reports of a changed charging rate
_RATE_SHARE = 0.03  # of the EVSE's rating: a smaller change is not reported

Samples = tuple[SampledValue, ...]


class Sampling:
    """The measuring of one visit. `rate_changed` is told of a noticeably different power."""

    def __init__(self, equipment: Equipment, evse: Evse, rate_changed: Callable[[], None]) -> None:
        self._equipment = equipment
        self._evse = evse
        self._tell_rate = rate_changed
        self._kept: list[tuple[datetime, Samples]] = []
        self._key_told = False
        self._told_w = 0.0
        self._rate_timer: Timer | None = None
        self._rate_told_at = float("-inf")

    def take(self, kind: str, context: Context) -> Samples:
        """The values for an event: its own measurands, or the aligned ones at a round time."""
        name = f"Tx{kind}Measurands"
        aligned = context is Context.ALIGNED
        wanted = self._equipment.model.members(
            _ALIGNED if aligned else _SAMPLED, "Measurands" if aligned else name
        )
        self._told_w = self._evse.power_w
        return self._measure(wanted, context)

    def keep(self, context: Context) -> None:
        """Measure for the last event (J01.FR.03, J02.FR.03); too much is thinned out (J02.FR.14)."""
        controller = _ALIGNED if context is Context.ALIGNED else _SAMPLED
        if not self._equipment.model.flag(controller, "Enabled"):
            return
        wanted = self._equipment.model.members(controller, "TxEndedMeasurands")
        samples = self._measure(wanted, context) if wanted else ()
        if samples:
            self._kept.append((self._equipment.clock.now(), samples))
        if len(self._kept) > _MOST_KEPT:
            del self._kept[1::2]

    def release(self) -> tuple[tuple[datetime, Samples], ...]:
        """All that was kept; the next transaction begins anew."""
        kept, self._kept, self._key_told = tuple(self._kept), [], False
        return kept

    def _measure(self, wanted: frozenset[str], context: Context) -> Samples:
        equipment, evse = self._equipment, self._evse
        evse.settle()
        samples = lies.told(
            evse.meter.sample(evse.power_w, evse.soc, wanted, context), evse.evse_id, equipment.knobs
        )
        controller = _ALIGNED if context is Context.ALIGNED else _SAMPLED
        if not equipment.model.flag(controller, "SignReadings"):
            return samples
        return tuple(
            self._signed(one) if one.measurand is Measurand.ENERGY_IMPORT else one for one in samples
        )

    def _signed(self, sample: SampledValue) -> SampledValue:
        """J.FR: with the public key never, once in a transaction or always."""
        wish = self._equipment.model.text("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue")
        with_key = wish == "EveryMeterValue" or (wish == "OncePerTransaction" and not self._key_told)
        self._key_told = self._key_told or with_key
        meter, now = self._evse.meter, self._equipment.clock.now()
        if self._evse.meter_key is None:
            self._evse.meter_key = MeterKey(f"METER-{self._evse.evse_id}")
        signed = self._evse.meter_key.sign(now, meter.import_wh, meter.export_wh, with_key)
        return replace(sample, signed=signed)

    async def every(self, variable: str, act: Callable[[], None]) -> None:
        """Act as often as a variable of the sampled data says (0: never)."""
        equipment, last = self._equipment, self._equipment.clock.monotonic()
        while True:
            interval = equipment.model.integer(_SAMPLED, variable)
            wait = last + interval - equipment.clock.monotonic() if interval else _LONGEST_WAIT_S
            if await equipment.model.changed.wait(equipment.clock, wait) or not interval:
                continue
            last = equipment.clock.monotonic()
            if equipment.model.flag(_SAMPLED, "Enabled"):
                act()

    def rate(self) -> None:
        """Power may have changed: tell of a noticeable difference, not more often than every few seconds."""
        clock = self._equipment.clock
        if abs(self._evse.power_w - self._told_w) < _RATE_SHARE * self._evse.rating.charge_w:
            return
        wait = self._rate_told_at + _RATE_GAP_S - clock.monotonic()
        if wait > 0.0:
            if self._rate_timer is None:
                self._rate_timer = clock.call_later(wait, self._rate_due)
            return
        self._rate_told_at = clock.monotonic()
        self._tell_rate()

    def _rate_due(self) -> None:
        self._rate_timer = None
        self.rate()

    def cancel(self) -> None:
        """No report of a rate any more."""
        if self._rate_timer is not None:
            self._rate_timer.cancel()
            self._rate_timer = None
