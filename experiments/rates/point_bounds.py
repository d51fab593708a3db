"""The finite-sample bound of every measured point: a certificate if it is proved, otherwise a prediction."""

from __future__ import annotations

from experiments.catalogue.certificates import read_by
from experiments.catalogue.claims import Point
from experiments.catalogue.instance import Instance
from experiments.catalogue.method import Method
from theory import Bound, certificate, optimal_value


def bound_point(
    instance: Instance, method: Method, point: Point, start_value: float, smoothness: float, *, proved: bool
) -> Bound:
    """Bound of the mean squared gradient norm over the averaged iterates of a point.

    Parameters
    ----------
    instance : Instance
    method : Method
        Its own readings of the votes count.
    point : Point
    start_value : float
        Mean V at the first averaged iterate. By the Markov property the bound holds from there.
    smoothness : float
        A proved L, or the largest Hessian norm found.
    proved : bool
        Whether the smoothness is proved. The result is then a certificate, and the step must be below 3 / (4 L d).
    """
    table, n_pairs = read_by(method, instance, point.n_pairs, point.n_queries)
    return certificate(
        value_gap=optimal_value(instance.mdp) - start_value,
        dim=instance.policy.dim,
        smoothness=smoothness,
        n_iterations=point.n_iterations - point.first,
        step_size=point.step_size,
        radius=point.radius,
        n_pairs=n_pairs,
        inversion_bias=table.largest_bias,
        second_moment=table.largest_second_moment,
        proved=proved,
    )
