"""What may be guessed of an instance that nobody has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory import Link, Logistic, TabularMDP
from theory.arrays import FloatArray
from theory.errors import InputError, require_integer, require_kind, require_positive

# Steps of the lattice of returns in one unit of return that a guess is worked out on.
LATTICE = 20


@dataclass(frozen=True)
class Guess:
    """What is guessed of an instance that is not given.

    Parameters
    ----------
    dim, horizon : int
        d and H.
    curvature : float
        tr(A), A minus the Hessian of V near the optimum.
    spread : float
        Standard deviation of the return of a policy; at most H / 2.
    value_gap : float
        V* - V at the start.
    link : Link, optional
        By default logistic with scale H / 2.
    smoothness : float, optional
        L; by default tr(A) / d, as if V had the same curvature in every direction.

    Raises
    ------
    InputError
        If a number is not positive and finite, an integer is below 1, or the spread is above H / 2.
    """

    dim: int
    horizon: int
    curvature: float
    spread: float
    value_gap: float
    link: Link | None = None
    smoothness: float | None = None

    def __post_init__(self) -> None:
        require_integer("dim", self.dim, 1)
        require_integer("horizon", self.horizon, 1)
        for name in ("curvature", "spread", "value_gap", "smoothness"):
            if name != "smoothness" or self.smoothness is not None:
                require_positive(name, getattr(self, name))
        if self.link is not None:
            require_kind("link", self.link, Link, "Logistic(2.0)")
        if self.spread > self.horizon / 2:
            raise InputError(
                f"spread must be at most H / 2 = {self.horizon / 2:g} for returns in [0, H], got {self.spread}"
            )

    @property
    def raters(self) -> Link:
        """The link."""
        return self.link or Logistic(self.horizon / 2)

    @property
    def steepness(self) -> float:
        """L."""
        return self.smoothness or self.curvature / self.dim

    @cached_property
    def ladder(self) -> TabularMDP:
        """An MDP that has every difference of returns in [-H, H], in steps of 1 / 20."""
        rewards = np.arange(LATTICE + 1) / LATTICE
        law = np.full((1, 1, LATTICE + 1), 1 / (LATTICE + 1))
        return TabularMDP.from_outcomes(
            law, np.zeros(law.shape, dtype=np.int64), rewards[None, None], [1.0], self.horizon
        )

    def difference_law(self, deltas: FloatArray) -> FloatArray:
        """Normal law of the difference of two returns, on a lattice."""
        weights = np.exp(-(deltas**2) / (4 * self.spread**2))
        return np.asarray(weights / weights.sum())
