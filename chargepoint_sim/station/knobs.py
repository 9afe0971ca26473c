"""Which misbehaviour of a station is turned on. All off: it obeys the standard.

What each one does stands in `chargepoint_sim.faults`; where it acts, the code asks here.
"""

import random
from enum import StrEnum

from chargepoint_sim.dice import dice


class Knob(StrEnum):
    """A lasting misbehaviour, by the name of its fault."""

    HALF_OPEN = "half-open"
    SLOW_READER = "slow-reader"
    DELAY_ANSWERS = "delay-answers"
    DELAY_MESSAGES = "delay-messages"
    ANSWER_NOTHING = "answer-nothing"
    ANSWER_ERROR = "answer-error"
    NOT_IMPLEMENTED = "not-implemented"
    LOSE_ANSWERS = "lose-answers"
    CUT_IN_MESSAGE = "cut-in-message"
    REPEAT_FRAMES = "repeat-frames"
    REPEAT_MESSAGES = "repeat-messages"
    REORDER_EVENTS = "reorder-events"
    LOSE_EVENTS = "lose-events"
    NONSENSE = "nonsense"
    REJECT_PROFILES = "reject-profiles"
    IGNORE_PROFILES = "ignore-profiles"
    REJECT_NEGATIVE = "reject-negative"
    IGNORE_NEGATIVE = "ignore-negative"
    NEGATIVE_AS_ZERO = "negative-as-zero"
    INVERT_LIMITS = "invert-limits"
    SCALE_LIMITS = "scale-limits"
    REJECT_ZERO = "reject-zero"
    ZERO_IS_NO_LIMIT = "zero-is-no-limit"
    STACK_LEVEL_ZERO = "stack-level-zero"
    RISING_IDS = "rising-ids"
    ABSOLUTE_ONLY = "absolute-only"
    RELATIVE_ONLY = "relative-only"
    WATTS_ONLY = "watts-only"
    AMPERES_ONLY = "amperes-only"
    WHOLE_WATTS = "whole-watts"
    NO_TX_PROFILE = "no-tx-profile"
    NEEDS_REMOTE_START = "needs-remote-start"
    FLASH_BUDGET = "flash-budget"
    CLEAR_LATE = "clear-late"
    EXPIRED_BREAK = "expired-break"
    COMPOSITE_NONE = "composite-none"
    COMPOSITE_WRONG = "composite-wrong"
    REACT_LATE = "react-late"
    FULL_POWER_OFFLINE = "full-power-offline"
    KEEP_OFFLINE = "keep-offline"
    NEVER_EXPIRES = "never-expires"
    NOTICE_OFFLINE_LATE = "notice-offline-late"
    FORGET_PROFILES = "forget-profiles"
    DRAFT_V2X = "draft-v2x"
    SOC_MISSING = "soc-missing"
    SOC_NAN = "soc-nan"
    SOC_STALE = "soc-stale"
    SOC_IMPOSSIBLE = "soc-impossible"
    SOC_OFFSET = "soc-offset"
    SOC_JUMP = "soc-jump"
    METER_SILENT = "meter-silent"
    METER_FROZEN = "meter-frozen"
    METER_NAN = "meter-nan"
    METER_WRONG_SIGN = "meter-wrong-sign"
    METER_NEGATIVE_IMPORT = "meter-negative-import"
    METER_SCALE = "meter-scale"
    METER_BACKWARDS = "meter-backwards"


class Knobs:
    """One station's misbehaviour. `memory` is what single faults have to remember while they last.

    What happens by chance is drawn for each knob by itself: the so-manieth frame has the same fate whatever
    else is turned on.
    """

    def __init__(self, seed: str = "0") -> None:
        self._seed = seed
        self._dice: dict[Knob, random.Random] = {}
        self.memory: dict[tuple[Knob, object], float] = {}
        self._on: dict[Knob, float | str] = {}

    def __bool__(self) -> bool:
        return bool(self._on)

    def turn(self, knob: Knob, argument: float | str = 1.0) -> None:
        """Misbehave in this way from now on."""
        self._forget(knob)
        self._on[knob] = argument

    def off(self, knob: Knob) -> None:
        """Behave in this respect."""
        self._forget(knob)
        self._on.pop(knob, None)

    def clear(self) -> None:
        """Behave."""
        self._on.clear()
        self.memory.clear()

    def on(self, knob: Knob) -> bool:
        """Whether it misbehaves in this way."""
        return knob in self._on

    def number(self, knob: Knob) -> float | None:
        """The number that goes with a misbehaviour, None while that is off."""
        found = self._on.get(knob)
        return found if isinstance(found, float) else None

    def word(self, knob: Knob) -> str | None:
        """The word that goes with a misbehaviour, None while that is off."""
        found = self._on.get(knob)
        return found if isinstance(found, str) else None

    def happens(self, knob: Knob) -> bool:
        """Whether a misbehaviour with a share (0 to 1) strikes this time."""
        share = self.number(knob)
        if share is None:
            return False
        if knob not in self._dice:
            self._dice[knob] = dice(self._seed, knob)
        return self._dice[knob].random() < share

    def remember(self, knob: Knob, about: object, value: float) -> float:
        """What was said first about something since the misbehaviour began."""
        return self.memory.setdefault((knob, about), value)

    def _forget(self, knob: Knob) -> None:
        for key in [key for key in self.memory if key[0] is knob]:
            del self.memory[key]
