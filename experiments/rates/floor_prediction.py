"""Predictions of the law of the algorithm for claims on constants, and which of the claims can be judged."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.feedback import preferences
from estimators.stationary_law import StationaryLaw, stationary_law
from experiments.catalogue.claims import Point
from experiments.catalogue.instance import Instance, at_optimum
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.rates.floor_claim import FloorClaim
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory.errors import InputError

# A claim is judged if the next order is below this share of the prediction, and if the runs can be long enough to mix.
# The prediction holds the next order, and what follows is smaller as long as orders fall. Then no prediction is off by
# more than 1%, which is what the mean ratio of all claims may be off by.
LARGEST_NEXT_ORDER, LONGEST_MIXING = 0.01, 1000
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


def law_of(claim: FloorClaim, seed: int) -> StationaryLaw:
    """The law that predicts the floor of a claim.

    Raises
    ------
    InputError, FloatingPointError
        If there is no stable law at the optimum.
    """
    return _law(*_setting(claim, seed))


def why_not(law: StationaryLaw) -> str:
    """Why a law cannot be judged by runs; empty if it can."""
    if not abs(law.next_order) <= LARGEST_NEXT_ORDER:
        return f"outside the linear regime: the next order is {law.next_order:+.2%} of the floor"
    if law.mixing_iterations > LONGEST_MIXING:
        return f"not mixed: a run needs {law.mixing_iterations:,} iterations to forget its start"
    return ""


def _predict(task: _Prediction) -> FloorPrediction:
    return predict_floor(*_setting(task.claim, task.seed))


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
        law = _law(where, method, optimum, point, rng)
        next_order = law.next_order
    except (InputError, FloatingPointError, NotImplementedError) as error:
        return FloorPrediction(reason=str(error))
    if reason := why_not(law):
        return FloorPrediction(next_order=float(next_order), mixing=law.mixing_iterations, reason=reason)
    return FloorPrediction(
        tuple(law.theta.tolist()),
        law.gradient_norm_sq * (1 + float(next_order)),
        law.standard_error,
        law.bias_part,
        float(next_order),
        law.mixing_iterations,
    )


def _setting(claim: FloorClaim, seed: int) -> tuple[Instance, Method, ArrayLike, Point, Generator]:
    """Where a claim is about, by which method, the optimum, the settings, and the stream of its prediction."""
    where = claim.where
    point = Point(claim.n_queries, claim.n_pairs, claim.radius, claim.step_size, n_iterations=1)
    rng = np.random.default_rng([seed, 5, zlib.crc32(claim.name.encode())])
    return where, find("method", claim.method), at_optimum(where).start, point, rng


def _law(where: Instance, method: Method, optimum: ArrayLike, point: Point, rng: Generator) -> StationaryLaw:
    oracle = preferences(point.n_pairs, point.n_queries, where.link)
    estimator = method.build(where.policy.dim, oracle, np.asarray(point.radius))
    return stationary_law(where.mdp, where.policy, estimator, optimum, point.step_size, rng)


def _work(task: _Prediction) -> float:
    return float(task.claim.where.policy.dim)
