"""Claims on one estimate, computed exactly: no run, no noise, so that a slope is a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theory.arrays import FloatArray

CERTIFICATE = "theory.bounds.certificate, parts (a) and (b)"


@dataclass(frozen=True, eq=False)
class ExactClaim:
    """A power law of an exactly computed quantity.

    Attributes
    ----------
    name : str
    axis : str
        What varies.
    grid : tuple of float
    exponent : float
    limit : {"infinity", "zero"}
        Where the axis tends to.
    two_sided : bool
        Whether the exponent is claimed to be attained.
    source, reason : str
    measure : function of the grid value -> quantity
    margin : float
    """

    name: str
    axis: str
    grid: tuple[float, ...]
    exponent: float
    limit: Literal["infinity", "zero"]
    two_sided: bool
    source: str
    reason: str
    measure: Callable[[float], float]
    margin: float = 0.05

    def values(self) -> FloatArray:
        """The quantity at every grid point."""
        return np.array([self.measure(x) for x in self.grid])
