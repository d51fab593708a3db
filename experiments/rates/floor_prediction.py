"""Predictions of the law of the algorithm for claims on constants, and which of the claims can be judged."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from estimators.feedback import preferences
from estimators.stationary_law import stationary_law
from experiments.catalogue.claims import Point
from experiments.catalogue.instance import Instance, at_optimum
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.rates.floor_claim import FloorClaim
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory.errors import InputError

# A claim is judged if the next order is below this share of the prediction, and if the runs can be long enough to mix.
LARGEST_NEXT_ORDER, LONGEST_MIXING = 0.02, 1000
# Mixing times left out at the start of a run, mixing times averaged over, and least number of averaged iterations.
BURN_IN, AVERAGED, LEAST_AVERAGED = 6, 12, 400


@dataclass(frozen=True)
class FloorPrediction:
    """Prediction of the law of the algorithm for a claim.

    Attributes
    ----------
    start : tuple of float
        Root of the drift, where runs start.
    floor, error, bias_part : float
        Stationary E|grad V|^2, the next order included; its standard error where directions are sampled; its bias part.
    next_order : float
        Size of the next order over what the linear law gives.
    mixing : float
        Iterations in which a distance from the floor falls to a share of 1/e.
    reason : str
        Why the claim cannot be judged; empty if it can.
    """

    start: tuple[float, ...] = ()
    floor: float = math.nan
    error: float = math.nan
    bias_part: float = math.nan
    next_order: float = math.nan
    mixing: float = math.nan
    reason: str = ""

    @property
    def iterations(self) -> tuple[int, int]:
        """Burn-in, and iterations that are averaged."""
        mixing = int(self.mixing)
        return BURN_IN * mixing, max(LEAST_AVERAGED, AVERAGED * mixing)


@dataclass(frozen=True)
class _Prediction:
    """A task: the prediction for one claim."""

    instance: str | Instance
    claim: FloorClaim
    seed: int


def predict_floors(claims: Sequence[FloorClaim], execution: Execution) -> list[FloorPrediction]:
    """Predictions in the order of the claims."""
    tasks = [_Prediction(claim.instance, claim, execution.seed) for claim in claims]
    return run_tasks(_predict, tasks, _work, execution)


def _predict(task: _Prediction) -> FloorPrediction:
    claim, where = task.claim, task.claim.where
    rng = np.random.default_rng([task.seed, 5, zlib.crc32(claim.name.encode())])
    point = Point(claim.n_queries, claim.n_pairs, claim.radius, claim.step_size, n_iterations=1)
    with threadpool_limits(limits=1):
        return predict_floor(where, find("method", claim.method), at_optimum(where).start, point, rng)


def predict_floor(where: Instance, method: Method, optimum: ArrayLike, point: Point, rng: Generator) -> FloorPrediction:
    """Prediction of the law of a method at the N, M, radius and step of a point.

    Parameters
    ----------
    where : Instance
    method : Method
    optimum : array (dim,)
        Near it the root of the drift is sought.
    point : Point
    rng : Generator
        Draws directions that cannot be enumerated.
    """
    try:
        oracle = preferences(point.n_pairs, point.n_queries, where.link)
        estimator = method.build(where.policy.dim, oracle, np.asarray(point.radius))
        law = stationary_law(where.mdp, where.policy, estimator, optimum, point.step_size, rng)
        next_order = law.next_order
    except (InputError, FloatingPointError, NotImplementedError) as error:
        return FloorPrediction(reason=str(error))
    if not abs(next_order) <= LARGEST_NEXT_ORDER:
        reason = f"outside the linear regime: the next order is {next_order:+.1%} of the floor"
        return FloorPrediction(next_order=float(next_order), mixing=law.mixing_iterations, reason=reason)
    if law.mixing_iterations > LONGEST_MIXING:
        reason = f"not mixed: a run needs {law.mixing_iterations:,} iterations to forget its start"
        return FloorPrediction(next_order=float(next_order), mixing=law.mixing_iterations, reason=reason)
    return FloorPrediction(
        tuple(law.theta.tolist()),
        law.gradient_norm_sq * (1 + float(next_order)),
        law.standard_error,
        law.bias_part,
        float(next_order),
        law.mixing_iterations,
    )


def _work(task: _Prediction) -> float:
    return float(task.claim.where.policy.dim)
