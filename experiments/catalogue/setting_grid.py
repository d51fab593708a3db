"""Settings that a method may be tuned over: an unbounded grid. A few of its points are tried first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from theory.errors import InputError, require_integer, require_kind, require_number, require_positive

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

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    step: float
    step_ratio: float
    shape: GridIndex
    knob: float = math.nan
    knob_ratio: float = 1.0
    coupled: bool = False
    least_knob: float = 0.0

    def __post_init__(self) -> None:
        require_positive("step", self.step)
        at_least_1, not_negative = "be finite and at least 1", "be finite and not negative"
        for name in ("step_ratio", "knob_ratio"):
            require_number(name, getattr(self, name), at_least_1, lambda number: 1 <= number < math.inf)
        require_number("knob", self.knob, "be positive, or nan without a knob", lambda k: 0 < k < math.inf or k != k)
        require_number("least_knob", self.least_knob, not_negative, lambda number: 0 <= number < math.inf)
        require_kind("coupled", self.coupled, bool, "True")
        require_kind("shape", self.shape, tuple, "(4, 3)")
        if len(self.shape) != 2:
            raise InputError(f"shape must be numbers of step sizes and of knobs, got {self.shape}; write (12, 1)")
        for number in self.shape:
            require_integer("shape", number, 1)

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
