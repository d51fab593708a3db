"""The root of the drift: where an algorithm really goes, with all the biases of its estimate."""

from __future__ import annotations

import numpy as np

from estimators.second_moments import StepMoments
from theory.arrays import FloatArray
from theory.errors import InputError

LONGEST_SEARCH = 40
# |E g| over the norm of its derivative: about the distance to the root, in parameters.
FOUND = 1e-9
# The derivative is worked out again if |E g| after a step is off by more than this share of |E g| before it.
BENT = 0.1
# Where the derivative has fallen to this share, the search is on its way to infinity.
VANISHED = 1e-6


def drift_root(
    moments: StepMoments, start: FloatArray, basis: FloatArray, jacobian: FloatArray | None = None
) -> FloatArray:
    """Root of basis' E g(start + basis y), near y = 0.

    By implicit Euler steps of dy/dt = basis' E g, which grow as the root comes near. They follow the drift first, so
    they end where it leads to, and become Newton steps.

    Parameters
    ----------
    moments : StepMoments
    start : array (dim,)
    basis : array (dim, m)
        Orthonormal columns.
    jacobian : array (dim, dim), optional
        Derivative of E g at the start, if it is known.

    Raises
    ------
    InputError
        If no root is found; the drift of a policy whose optimum is at infinity has none.
    """
    theta, drift = start, basis.T @ moments.drift(start)
    slope, fresh = basis.T @ (moments.jacobian(start) if jacobian is None else jacobian) @ basis, True
    steepest = _size(slope)
    time = 1 / max(steepest, np.finfo(np.float64).tiny)
    for _ in range(LONGEST_SEARCH):
        if _size(slope) < VANISHED * steepest:
            break
        if is_root(drift, slope):
            return theta
        # Where the drift grows, steps must be short enough to follow it.
        rise = max(0.0, float(np.linalg.eigvalsh((slope + slope.T) / 2)[-1]))
        damping = max(1 / time, 2 * rise)
        step = np.linalg.solve(damping * np.eye(len(drift)) - slope, drift)
        moved = theta + basis @ step
        found = basis.T @ moments.drift(moved)
        # A linear drift would be damping * step after this step.
        error = float(np.linalg.norm(found - damping * step) / np.linalg.norm(drift))
        if error < 1:
            theta, drift = moved, found
        time *= 10 if error < BENT else 2 if error < 0.5 else 0.5 if fresh else 1
        fresh = error >= BENT
        if fresh:
            slope = basis.T @ moments.jacobian(theta) @ basis
    raise InputError(
        f"theta must lie near a root of the drift E g, found none in {LONGEST_SEARCH} steps, after which |E g| = "
        f"{np.linalg.norm(drift):.2g}; start at an interior optimum of V (that of a tabular softmax is at infinity)"
    )


def is_root(drift: FloatArray, slope: FloatArray) -> bool:
    """Whether a drift (m,) is 0 as far as its derivative (m, m) lets one tell."""
    return bool(np.linalg.norm(drift) <= FOUND * _size(slope))


def _size(matrix: FloatArray) -> float:
    return float(np.linalg.norm(matrix, 2))
