"""The largest Hessian norm found on an instance: an estimate of L from below, for predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from scipy.optimize import minimize

from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory import CircularPolicy, hessian_norm

# An exact Hessian costs d gradients, so a large d allows fewer starts and steps.
GRADIENTS = 8192
N_REFINED = 2


def estimate_smoothness(instance: Instance, rng: Generator) -> float:
    """L_hat: the largest exact Hessian norm found by multi-start maximisation.

    Parameters
    ----------
    instance : Instance
    rng : Generator
        Draws the starts: angles for circular policies, otherwise standard normal parameters around the start.
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


@dataclass(frozen=True)
class _Estimate:
    """The task of estimating L for one instance."""

    instance: str | Instance
    seed: int


def estimate_all(instances: Sequence[str | Instance], execution: Execution) -> list[float]:
    """L_hat of instances. They are kept like finished cells."""
    tasks = [_Estimate(instance, execution.seed) for instance in instances]
    return run_tasks(_estimate, tasks, _work, replace(execution, progress=None))


def _work(task: _Estimate) -> float:
    return float(find("instance", task.instance).policy.dim)


def _estimate(task: _Estimate) -> float:
    return estimate_smoothness(find("instance", task.instance), np.random.default_rng([task.seed, 1]))
