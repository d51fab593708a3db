"""The largest Hessian norm an instance shows: an estimate of L from below, for predictions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy.optimize import minimize

from experiments.instances import Instance
from theory import CircularPolicy, hessian_norm

N_STARTS = 256
N_REFINED = 3


def estimate_smoothness(instance: Instance, rng: Generator) -> float:
    """L_hat: the largest exact Hessian norm found by multi-start maximisation.

    Parameters
    ----------
    instance : Instance
    rng : Generator
        Draws the starts: angles for circular policies, standard normal parameters around the start otherwise.
    """
    mdp, policy = instance.mdp, instance.policy
    shape = (N_STARTS, policy.dim)
    if isinstance(policy, CircularPolicy):
        starts = rng.uniform(0, 2 * np.pi, shape)
    else:
        starts = instance.start + rng.standard_normal(shape)
    norms = hessian_norm(mdp, policy, starts)
    best = float(norms.max())
    for k in np.argsort(norms)[-N_REFINED:]:
        found = minimize(
            lambda theta: -float(hessian_norm(mdp, policy, theta)), starts[k], method="Powell", options={"maxiter": 5}
        )
        best = max(best, -float(found.fun))
    return best
