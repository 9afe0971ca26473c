"""All that is left to chance follows from a seed: one seed, one run.

Every station, and every matter that draws, has dice of its own: what one draws changes no other's luck.
Identifiers and keys are no draws: a server would take those of a second run for repeats of the first.
"""

import random


def dice(*about: object) -> random.Random:
    """The dice for a matter: the same for the same words. Not for secrets."""
    return random.Random("/".join(map(str, about)))  # noqa: S311
