"""Settings that a method may be tuned over: a lattice without ends, of which a few are tried first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

Place = tuple[int, int]  # how often the ratios of step size and knob are applied
Setting = tuple[float, float]  # step size, knob


@dataclass(frozen=True)
class Lattice:
    """Step sizes, and values of one more knob, in constant ratios.

    Attributes
    ----------
    step, knob : float
        At place (0, 0); knob is nan where nothing else is tuned.
    step_ratio, knob_ratio : float
        From one value to the next, above 1.
    shape : (int, int)
        Step sizes and knobs tried first, from place (0, 0) on; where it is 1, that is all there is.
    coupled : bool
        Whether step sizes fall as the knob grows: step at a place is that of its knob's first, over knob_ratio for each
        larger knob.
    least_knob : float
        Smaller ones have no meaning.
    """

    step: float
    step_ratio: float
    shape: Place
    knob: float = math.nan
    knob_ratio: float = 1.0
    coupled: bool = False
    least_knob: float = 0.0

    @property
    def first(self) -> tuple[Place, ...]:
        """Places tried first."""
        steps, knobs = self.shape
        return tuple((i, j) for j, i in product(range(knobs), range(steps)))

    def setting(self, place: Place) -> Setting:
        """Step size and knob at a place."""
        i, j = place
        step = self.step * self.step_ratio**i
        return step / self.knob_ratio**j if self.coupled else step, self.knob * self.knob_ratio**j

    def beside(self, place: Place) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
        """Next smaller and larger step size, and next smaller and larger knob, as far as there are any."""
        i, j = place
        steps = ((i - 1, j), (i + 1, j)) if self.shape[0] > 1 else ()
        knobs = ((i, j - 1), (i, j + 1)) if self.shape[1] > 1 else ()
        return steps, tuple(at for at in knobs if self.setting(at)[1] >= self.least_knob)
