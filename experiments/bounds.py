"""The finite-sample bound of every measured point: a certificate where it is proved, a prediction elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from estimators.feedback import preferences
from experiments.cells import Point
from experiments.instances import Instance
from theory import Bound, certificate, optimal_value, prediction

FloatArray = NDArray[np.float64]


def bound_points(
    instance: Instance, points: Sequence[Point], start_values: Sequence[float], smoothness: float, *, proved: bool
) -> list[Bound]:
    """Bound of the mean squared gradient norm over the window of each point.

    Parameters
    ----------
    instance : Instance
    points : sequence of Point
    start_values : sequence of float
        Mean V at the first iterate of each window: by the Markov property the bound holds from there on.
    smoothness : float
        A proved L, or the largest Hessian norm found.
    proved : bool
        Whether the smoothness is proved: the result is then a certificate, and the step must be at most 1 / (4 L d).
    """
    best = optimal_value(instance.mdp)
    formula = certificate if proved else prediction
    bounds = []
    for point, start in zip(points, start_values, strict=True):
        table = preferences(math.inf, point.n_queries, instance.link).table(instance.mdp)
        bounds.append(
            formula(
                value_gap=best - start,
                dim=instance.policy.dim,
                smoothness=smoothness,
                n_iterations=point.n_iterations - point.first,
                step_size=point.step_size,
                radius=point.radius,
                n_pairs=point.n_pairs,
                inversion_bias=table.largest_bias,
                second_moment=table.largest_second_moment,
            )
        )
    return bounds
