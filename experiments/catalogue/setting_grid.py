"""Settings that a method may be tuned over: a grid without ends, of which a few points are tried first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

# How often the ratios of step size and knob are applied.
GridIndex = tuple[int, int]


class Setting(NamedTuple):
    """What a method is run with: a step size, and the value of its knob (nan where it has none)."""

    step_size: float
    knob: float


@dataclass(frozen=True)
class SettingGrid:
    """Step sizes, and values of one more knob, in constant ratios.

    Attributes
    ----------
    step, knob : float
        At index (0, 0); knob is nan where nothing else is tuned.
    step_ratio, knob_ratio : float
        From one value to the next, above 1.
    shape : (int, int)
        Step sizes and knobs tried first, from index (0, 0) on; where it is 1, that is all there is.
    coupled : bool
        Whether step sizes fall as the knob grows: by knob_ratio from one knob to the next.
    least_knob : float
        Smaller ones have no meaning.
    """

    step: float
    step_ratio: float
    shape: GridIndex
    knob: float = math.nan
    knob_ratio: float = 1.0
    coupled: bool = False
    least_knob: float = 0.0

    @property
    def first(self) -> tuple[GridIndex, ...]:
        """Indices tried first."""
        steps, knobs = self.shape
        return tuple((i, j) for j, i in product(range(knobs), range(steps)))

    def setting(self, index: GridIndex) -> Setting:
        """Step size and knob at an index."""
        i, j = index
        step = self.step * self.step_ratio**i
        return Setting(step / self.knob_ratio**j if self.coupled else step, self.knob * self.knob_ratio**j)

    def beside(self, index: GridIndex) -> tuple[tuple[GridIndex, ...], tuple[GridIndex, ...]]:
        """Next smaller and larger step size, and next smaller and larger knob, as far as there are any."""
        i, j = index
        steps = ((i - 1, j), (i + 1, j)) if self.shape[0] > 1 else ()
        knobs = ((i, j - 1), (i, j + 1)) if self.shape[1] > 1 else ()
        return steps, tuple(at for at in knobs if self.setting(at).knob >= self.least_knob)
