"""The reward lattice: the multiples of 1/m that all rewards are."""

from __future__ import annotations

import math
from fractions import Fraction

from theory.arrays import FloatArray

LATTICE_TOLERANCE = 1e-9
LARGEST_LATTICE = 10_000


def common_denominator(rewards: FloatArray) -> tuple[int, float | None]:
    """Smallest m such that every reward is a multiple of 1/m, as far as m is at most 10,000.

    Parameters
    ----------
    rewards : array (n,)
        Distinct rewards.

    Returns
    -------
    int
        m, or what it had grown to when a reward did not fit.
    float or None
        The first reward that does not fit, if there is one.
    """
    denominator = 1
    for reward in rewards.tolist():
        nearest = Fraction(reward).limit_denominator(LARGEST_LATTICE)
        denominator = math.lcm(denominator, nearest.denominator)
        if abs(float(nearest) - reward) > LATTICE_TOLERANCE / LARGEST_LATTICE or denominator > LARGEST_LATTICE:
            return denominator, reward
    return denominator, None
