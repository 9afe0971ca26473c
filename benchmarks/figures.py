"""What was measured, as medians and ratios with their spread, beside the floors of the plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

Round = dict[str, float]


@dataclass(slots=True)
class Series:
    """One subject in one scenario: a dict of figures for each round."""

    scenario: str
    subject: str
    load: str
    rounds: list[Round] = field(default_factory=list)

    def values(self, key: str) -> list[float]:
        """One figure of all rounds, in their order."""
        return [each[key] for each in self.rounds if key in each]

    def median(self, key: str) -> float | None:
        """The median over the rounds; None if it was not measured."""
        values = self.values(key)
        return median(values) if values else None


@dataclass(frozen=True, slots=True)
class Claim:
    """A ratio of two series in the same run. `at_most`: smaller is better, the floor is a ceiling.

    Without `under` it is no ratio but the figure itself.
    """

    text: str
    key: str
    over: str
    under: str
    floor: float | None = None
    aim: float | None = None
    at_most: bool = False
    inverse: bool = False
    """The ratio is that of `under` to `over`: how many times faster, told by seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim with its ratio: the median of the ratios of the single rounds, and their range."""

    claim: Claim
    ratio: float
    low: float
    high: float

    @property
    def met(self) -> bool | None:
        """Whether the floor is reached; None if there is none."""
        return self._reaches(self.claim.floor)

    @property
    def aimed(self) -> bool | None:
        """Whether the aim is reached; None if there is none."""
        return self._reaches(self.claim.aim)

    def _reaches(self, limit: float | None) -> bool | None:
        if limit is None:
            return None
        return self.ratio <= limit if self.claim.at_most else self.ratio >= limit


def judge(claims: Sequence[Claim], series: Sequence[Series]) -> list[Verdict]:
    """The claims for which both sides were measured."""
    by_subject = {f"{each.subject}/{each.load}": each for each in series}
    verdicts = []
    for claim in claims:
        over, under = by_subject.get(claim.over), by_subject.get(claim.under)
        if over is None or (claim.under and under is None):
            continue
        figures = over.values(claim.key)
        ones = [1.0] * len(figures) if under is None else under.values(claim.key)
        pairs = zip(figures, ones, strict=False)
        ratios = [(b / a if claim.inverse else a / b) for a, b in pairs if a and b]
        if ratios:
            verdicts.append(Verdict(claim, median(ratios), min(ratios), max(ratios)))
    return verdicts
