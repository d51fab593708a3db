"""Predictions of the law of the algorithm for claims on curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimators.stationary_law import StationaryLaw
from experiments.catalogue.instance import Instance
from experiments.rates.curve_claim import CHECKPOINTS, CurveClaim
from experiments.rates.floor_prediction import LARGEST_NEXT_ORDER, law_of, why_not
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory.errors import InputError
from theory.values import policy_gradient


@dataclass(frozen=True)
class CurvePrediction:
    """What the law predicts for a claim on a curve.

    Attributes
    ----------
    starts : tuple of tuple of float
        Where runs start: the root, or the two sides of it.
    mixing : float
        Iterations of a mixing time.
    times : tuple of int
        Iterates t that are read.
    predicted : tuple of float
        E|grad V(theta_t)|^2 at these.
    error : float
        Standard error of the predictions over the predictions, that of the floor.
    reason : str
        Why the claim cannot be judged; empty if it can.
    """

    starts: tuple[tuple[float, ...], ...] = ()
    mixing: float = math.nan
    times: tuple[int, ...] = ()
    predicted: tuple[float, ...] = ()
    error: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class _Prediction:
    """A task: the prediction for one claim."""

    instance: str | Instance
    claim: CurveClaim
    checkpoints: tuple[float, ...]
    seed: int


def predict_curves(
    claims: Sequence[CurveClaim], execution: Execution, checkpoints: Sequence[float] = CHECKPOINTS
) -> list[CurvePrediction]:
    """Predictions in the order of the claims, at times given in mixing times after the start."""
    tasks = [_Prediction(claim.setting.instance, claim, tuple(checkpoints), execution.seed) for claim in claims]
    return run_tasks(_predict, tasks, lambda task: float(task.claim.setting.where.policy.dim), execution)


def _predict(task: _Prediction) -> CurvePrediction:
    try:
        law = law_of(task.claim.setting, task.seed)
        reason = why_not(law)
    except (InputError, FloatingPointError) as error:
        return CurvePrediction(reason=str(error))
    if reason:
        return CurvePrediction(mixing=law.mixing_iterations, reason=reason)
    return _curve(law, task.claim.distance, task.checkpoints)


def _curve(law: StationaryLaw, distance: float, checkpoints: Sequence[float]) -> CurvePrediction:
    mixing, model = law.mixing_iterations, law.model
    times = tuple(dict.fromkeys(1 + round(share * mixing) for share in checkpoints))
    # A direction that favours no parameter, among those that matter.
    basis = model.relevant.basis
    towards = basis @ basis.T @ np.ones(len(law.theta))
    length = math.sqrt(distance * law.gradient_norm_sq) / float(np.linalg.norm(model.hessian @ towards))
    sides = np.array([[1.0], [-1.0]] if distance else [[0.0]]) * length * towards
    curve = law.curve(max(times), sides.T @ sides / len(sides))
    starts = law.theta + sides
    if distance:
        exact = float((policy_gradient(model.mdp, model.policy, starts) ** 2).sum(axis=1).mean())
        if abs(exact / curve[0] - 1) > LARGEST_NEXT_ORDER:
            reason = f"outside the linear regime: at the start |grad V|^2 is {exact / curve[0] - 1:+.1%} off"
            return CurvePrediction(mixing=mixing, reason=reason)
    return CurvePrediction(
        tuple(map(tuple, starts.tolist())),
        mixing,
        times,
        tuple(curve[[t - 1 for t in times]].tolist()),
        law.standard_error / law.gradient_norm_sq,
    )
