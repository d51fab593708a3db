"""The directions that matter to tr(A X A), and those that may mix slowly or never without being seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from estimators.linear_noise import LinearNoise, forms
from theory.arrays import FloatArray

# Directions that together hold less than this share of tr(A X A) are left out.
IRRELEVANT = 0.005
# A pull of the drift below this share of the largest counts as none.
FLAT = 1e-9


@dataclass(frozen=True, eq=False)
class RelevantDirections:
    """Eigen-directions of the Hessian at a point, split by what they hold of tr(A X A).

    Attributes
    ----------
    basis : array (dim, m)
        Those that matter; none if V is flat.
    others : array (dim, dim - m)
    noise : array (dim - m,)
        Second moment of a step along each of the others, over the square of the step size.
    """

    basis: FloatArray
    others: FloatArray
    noise: FloatArray

    @classmethod
    def of(cls, hessian: FloatArray, linear: LinearNoise) -> RelevantDirections:
        """Rank eigen-directions by a^2 S / (2 j): curvature of V, noise of a step, and pull of the drift along each."""
        values, vectors = np.linalg.eigh(hessian)
        noise, pull = (forms(vectors.T, matrix) for matrix in (linear.noise, -linear.jacobian))
        if not noise.max() > 0:
            noise = np.ones_like(noise)
        floor = FLAT * np.abs(pull).max()
        pulled = pull > floor
        held = values**2 * noise / np.where(pulled, pull, floor or 1.0)
        order = np.argsort(np.where(pulled, held, 0.0))
        sums = np.cumsum(np.where(pulled, held, 0.0)[order])
        negligible = np.empty(len(order), dtype=bool)
        negligible[order] = sums < IRRELEVANT * sums[-1]
        # What has curvature and no pull matters as well.
        left = np.where(pulled, negligible, held <= IRRELEVANT * sums[-1])
        return cls(vectors[:, ~left], vectors[:, left], noise[left])
