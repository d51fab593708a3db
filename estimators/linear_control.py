"""A control variate for checks of the stationary law: the linear recursion, driven by the draws of the real run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.ascent import Ascent, ascend
from estimators.direction_rules import DirectionRule
from estimators.feedback import Feedback
from estimators.moments import DifferenceMoments
from estimators.second_moments import ZerothOrderMoments
from estimators.stationary_law import StationaryLaw
from estimators.streams import Streams
from theory.arrays import FloatArray, IntArray
from theory.errors import InputError, require_integer, require_kind
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import real_parameters


@dataclass(frozen=True, eq=False)
class ControlledAscent:
    """An ascent, and what the linear recursion made of the same draws.

    Attributes
    ----------
    run : Ascent
    control : array (..., T)
        |grad V(theta_0) - A x_t|^2 of the linear recursion at t = 1..T, minus its exact mean: so its mean is 0, and in
        the linear regime it follows `run.gradient_norm_sq` closely once the start is forgotten.
    """

    run: Ascent
    control: FloatArray


@dataclass(eq=False)
class _Recording:
    """A feedback that keeps its last arguments and result."""

    feedback: Feedback
    last: tuple[FloatArray, FloatArray, FloatArray] = field(init=False)

    @property
    def n_pairs(self) -> FloatArray:
        return self.feedback.n_pairs

    @property
    def n_queries(self) -> float | FloatArray:
        return self.feedback.n_queries

    @property
    def batch_size(self) -> int | IntArray:
        return self.feedback.batch_size

    def expected_votes(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:
        return self.feedback.expected_votes(mdp, policy, first, second)

    def difference(
        self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray, streams: Streams
    ) -> FloatArray:
        found = self.feedback.difference(mdp, policy, first, second, streams)
        self.last = first, second, found
        return found

    def moments(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> DifferenceMoments:
        return self.feedback.moments(mdp, policy, first, second)


def ascend_with_control(law: StationaryLaw, theta: ArrayLike, n_iterations: int, rng: Generator) -> ControlledAscent:
    """Run the algorithm of a law, and beside it the linear recursion with the same directions and the same votes.

    The recursion starts at the root. In every step it moves along the direction of the run, by the mean length that is
    linear in x, plus the deviation of the run's value difference from its conditional mean, scaled to the variance at
    the root. So its law is exactly the linear one, and its second moments are known.

    Parameters
    ----------
    law : StationaryLaw
        Of a ZerothOrder estimator.
    theta : array (..., dim)
        The start; every leading index is one run.
    n_iterations : int
        T.
    rng : Generator

    Raises
    ------
    InputError
        If the law is that of another kind of estimator.
    """
    require_kind("law", law, StationaryLaw, "stationary_law(...)")
    require_integer("n_iterations", n_iterations, 1)
    start = real_parameters(law.model.mdp, law.model.policy, theta)
    model, step_size = law.model, law.step_size
    if not isinstance(model.moments, ZerothOrderMoments):
        raise InputError("law must be that of a ZerothOrder estimator for a control variate; others have no directions")
    moments = model.moments
    recording = _Recording(moments.estimator.feedback)
    basis, batch = model.relevant.basis, start.shape[:-1]
    x, readings = np.zeros((*batch, basis.shape[1])), np.empty((n_iterations, *batch))
    local, dim = _local_moments(law), model.policy.dim

    def observe(t: int, *_: object) -> None:
        nonlocal x
        readings[t - 1] = ((model.gradient + x @ (model.hessian @ basis).T) ** 2).sum(axis=-1)
        first, second, difference = recording.last
        given = recording.feedback.moments(model.mdp, model.policy, first, second)
        spread = np.sqrt(given.variance_trajectory + given.variance_query)
        noise = np.divide(difference - given.mean, spread, out=np.zeros_like(difference), where=spread > 0)
        directions = (first - second) * moments.scale / dim
        length, variance, pulls = local(directions)
        moved = length + ((pulls @ basis) * x).sum(axis=-1) + np.sqrt(variance) * noise
        steps = moved[..., None] * (directions @ basis)
        x = x + step_size * (steps.mean(axis=0) if moments.estimator.n_directions > 1 else steps)

    estimator = replace(moments.estimator, feedback=recording)
    run = ascend(model.mdp, model.policy, estimator, start, n_iterations, step_size, rng, observe)
    control = np.moveaxis(readings, 0, -1) - law.curve(n_iterations, corrected=False)
    return ControlledAscent(run, control)


def _local_moments(law: StationaryLaw) -> Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]:
    """Mean length, its variance and its gradient at the root, for drawn directions (..., dim)."""
    moments, theta, linear = law.model.moments, law.theta, law.model.linear
    assert isinstance(moments, ZerothOrderMoments)

    def looked_up(directions: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        index = np.argmax(directions @ linear.directions.T, axis=-1)
        return linear.lengths[index], linear.variances[index], linear.pulls[index]

    def worked_out(directions: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        flat = directions.reshape(-1, directions.shape[-1])
        drawn = replace(moments, rule=DirectionRule(flat, np.full(len(flat), 1 / len(flat)), 1)).linearised(theta)
        batch = directions.shape[:-1]
        return drawn.lengths.reshape(batch), drawn.variances.reshape(batch), drawn.pulls.reshape(directions.shape)

    return looked_up if linear.n_groups == 1 else worked_out
