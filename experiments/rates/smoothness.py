"""The largest Hessian norm an instance shows: an estimate of L from below, for predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from joblib import Memory, Parallel, delayed
from numpy.random import Generator
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from experiments.catalogue.instances import Instance, get_instance
from experiments.running.run_tasks import fingerprint
from theory import CircularPolicy, hessian_norm

# An exact Hessian costs d gradients: fewer starts and steps where d is large.
GRADIENTS = 8192
N_REFINED = 2


def estimate_smoothness(instance: Instance, rng: Generator) -> float:
    """L_hat: the largest exact Hessian norm found by multi-start maximisation.

    Parameters
    ----------
    instance : Instance
    rng : Generator
        Draws the starts: angles for circular policies, standard normal parameters around the start otherwise.
    """
    mdp, policy = instance.mdp, instance.policy
    shape = (max(16, min(256, GRADIENTS // policy.dim)), policy.dim)
    if isinstance(policy, CircularPolicy):
        starts = rng.uniform(0, 2 * np.pi, shape)
    else:
        starts = instance.start + rng.standard_normal(shape)
    norms = hessian_norm(mdp, policy, starts)
    best = float(norms.max())
    for k in np.argsort(norms)[-N_REFINED:]:
        found = minimize(
            lambda theta: -float(hessian_norm(mdp, policy, theta)),
            starts[k],
            method="Powell",
            options={"maxfev": max(50, GRADIENTS // policy.dim)},
        )
        best = max(best, -float(found.fun))
    return best


def estimate_all(names: Sequence[str], seed: int, *, jobs: int = -1, cache: Path | None = None) -> list[float]:
    """L_hat of named instances, kept like finished cells."""
    call = _estimate if cache is None else Memory(cache, verbose=0).cache(_estimate)
    found = Parallel(n_jobs=jobs)(delayed(call)(name, seed, fingerprint(get_instance(name))) for name in names)
    return [float(value) for value in found]


def _estimate(name: str, seed: int, key: str) -> float:  # noqa: ARG001  (part of the cache's key)
    with threadpool_limits(limits=1):
        return estimate_smoothness(get_instance(name), np.random.default_rng([seed, 1]))
