"""Claims on exactly computed properties of one estimate. They need no runs and have no noise."""

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
        Name of the quantity that varies.
    grid : tuple of float
    exponent : float
    limit : {"infinity", "zero"}
        The limit of the axis.
    two_sided : bool
        Whether the claim is that the exponent is attained.
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
