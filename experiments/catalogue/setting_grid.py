"""Settings that a method may be tuned over: an unbounded grid. A few of its points are tried first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

# Powers of the two ratios, of step size and of knob.
GridIndex = tuple[int, int]


class Setting(NamedTuple):
    """A step size and the value of the knob, nan for a method without a knob."""

    step_size: float
    knob: float


@dataclass(frozen=True)
class SettingGrid:
    """Step sizes, and values of one more knob, in constant ratios.

    Attributes
    ----------
    step, knob : float
        Values at index (0, 0). The knob is nan if only the step size is tuned.
    step_ratio, knob_ratio : float
        Ratio of one value to the one before, above 1.
    shape : (int, int)
        Numbers of step sizes and knobs tried first, from index (0, 0) on. Where it is 1 the grid does not grow.
    coupled : bool
        Whether step sizes fall as the knob grows, by knob_ratio from one knob to the next.
    least_knob : float
        The smallest knob that has a meaning.
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
        """Indices of the neighbouring step sizes, and of the neighbouring knobs, smaller ones first."""
        i, j = index
        steps = ((i - 1, j), (i + 1, j)) if self.shape[0] > 1 else ()
        knobs = ((i, j - 1), (i, j + 1)) if self.shape[1] > 1 else ()
        return steps, tuple(at for at in knobs if self.setting(at).knob >= self.least_knob)
