"""`Departure`: what must be in the battery when the vehicle leaves, and what that leaves for the grid."""

from dataclasses import dataclass

CHARGE_EFFICIENCY = 0.85  # losses, and the taper of a battery that is nearly full


@dataclass(frozen=True, slots=True)
class Departure:
    """A need with a time: `needed_wh` more in the battery in `left_s` seconds.

    `needed_wh` is negative if there is more than needed already. `charge_w` is the power at the meter that
    can be counted on until then, but for the first `idle_s` seconds: so long an event's fallback may hold the
    vehicle if our word does not reach it any more.
    """

    needed_wh: float
    left_s: float
    charge_w: float
    idle_s: float = 0.0

    @property
    def recharge_w(self) -> float:
        """What of the charging power arrives in the battery."""
        return self.charge_w * CHARGE_EFFICIENCY

    def spare_wh(self, lease_s: int) -> float:
        """What may leave the battery and still be charged again in time; negative if the need is in danger.

        Two leases are kept free: one for the discharge itself, one for getting the charging started.
        """
        useful_s = self.left_s - max(2 * lease_s, self.idle_s)
        return self.recharge_w * max(0.0, useful_s) / 3600 - self.needed_wh

    def must_w(self, lease_s: int) -> float:
        """Least charging during the next two leases that keeps the need within reach; W at the meter."""
        missing_wh = -self.spare_wh(lease_s)
        window_s = min(self.left_s, 2 * lease_s)
        if missing_wh <= 0 or window_s <= 0:
            return self.charge_w if missing_wh > 0 else 0.0
        return min(self.charge_w, missing_wh * 3600 / window_s / CHARGE_EFFICIENCY)
