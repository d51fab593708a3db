"""The full contract of a gradient estimator: its draws have the moments that it states."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng
from scipy.special import stdtrit

from estimators import GradientMoments
from experiments.catalogue.required.feedback import batches
from experiments.catalogue.required.outcome import CheckOutcome, judged, run_checks
from experiments.catalogue.required.problems import SmallProblem, first_accepted
from experiments.contracts.common import pickle_outcome, unchanged_outcome
from experiments.contracts.draws import (
    FALSE_ALARM,
    draw_many,
    generator_outcomes,
    independence_outcome,
    mean_outcome,
    rows_to_compare,
)
from theory import policy_gradient
from theory.arrays import FloatArray

# Generators that moments which are themselves sampled are averaged over.
N_AVERAGED = 20
# At the common rate: mean, error and independence of the draws, and what sampled moments may be off by.
N_COMPARISONS = 5


@dataclass(frozen=True, eq=False)
class DrawnEstimator:
    """An estimator at two parameters of a problem that it accepts."""

    estimator: Any
    seed: int
    problem: SmallProblem

    @cached_property
    def own(self) -> tuple[int, ...]:
        """Batch that its settings have."""
        return batches(self.estimator)[0]

    @cached_property
    def theta(self) -> FloatArray:
        """Parameters, (..., dim): two, or one where its settings have a batch."""
        return self.problem.thetas(self.own or (2,))

    @cached_property
    def gradient(self) -> FloatArray:
        """The true gradient there."""
        return np.asarray(policy_gradient(self.problem.mdp, self.problem.policy, self.theta))

    @cached_property
    def stated(self) -> list[GradientMoments]:
        """Moments that it states, once where they are exact, and from several generators where they are sampled."""
        try:
            first = self._moments(0)
        except NotImplementedError:
            return []
        if not np.any(first.standard_error):
            return [first]
        return [first, *(self._moments(k) for k in range(1, N_AVERAGED))]

    def average(self, name: str) -> tuple[FloatArray, FloatArray]:
        """A field of the moments, and what its own sampling may be off by."""
        values = np.array([getattr(one, name) for one in self.stated])
        if len(values) == 1:
            return values[0], np.zeros_like(values[0])
        rate = FALSE_ALARM / (N_COMPARISONS * values[0].size)
        width = stdtrit(N_AVERAGED - 1, 1 - rate / 2)
        return values.mean(axis=0), width * values.std(axis=0, ddof=1) / np.sqrt(N_AVERAGED)

    @property
    def varies(self) -> bool:
        """Whether it says that anything is random; where it states nothing, whether it asks for anything."""
        if self.stated:
            return bool(np.any(self.stated[0].variance > 0))
        return bool(np.any(np.asarray(self.estimator.n_trajectories) > 0))

    def draw(self, estimator: Any, n: int, rng: Generator) -> FloatArray:
        """Rows of estimates, (n, *theta.shape)."""
        free = bool(self.own) and self.own[-1] == 1
        if free:
            rows = np.repeat(self.theta, n, axis=-2)
            drawn = estimator.estimate(self.problem.mdp, self.problem.policy, rows, rng)
            return np.moveaxis(np.asarray(drawn), -2, 0)[..., None, :]
        rows = np.broadcast_to(self.theta, (n, *self.theta.shape)).copy()
        return np.asarray(estimator.estimate(self.problem.mdp, self.problem.policy, rows, rng))

    @cached_property
    def sample(self) -> FloatArray:
        """Draws, (n, *theta.shape)."""
        return draw_many(lambda n, rng: self.draw(self.estimator, n, rng), default_rng([self.seed, 1]))

    def _moments(self, k: int) -> GradientMoments:
        rng = default_rng([self.seed, 2, k])
        found: GradientMoments = self.estimator.moments(self.problem.mdp, self.problem.policy, self.theta.copy(), rng)
        return found


def estimator_contract(estimator: Any, seed: int) -> Iterator[CheckOutcome]:
    """Check an estimator that has passed the quick checks.

    The draws fail a sound one at a rate of at most 1e-6 over all checks, if none lies further out than twice the range
    of those seen and moments that are sampled are near normal over 20 generators.
    """

    def usable(problem: SmallProblem) -> DrawnEstimator:
        drawn = DrawnEstimator(estimator, seed, problem)
        drawn.draw(estimator, 2, default_rng(0))
        return drawn

    _, drawn = first_accepted(usable)
    yield from run_checks(CHECKS, drawn, gates=0)


def _stated_gradient(drawn: DrawnEstimator) -> Iterator[CheckOutcome]:
    """Mean less biases is the true gradient, and the error is the sum of its parts."""
    if not drawn.stated:
        return
    found = drawn.stated[0]
    error = float(np.abs(found.mean - found.bias_smoothing - found.bias_inversion - drawn.gradient).max())
    required = "have moments whose mean, less the biases, is the gradient"
    came, remedy = f"one that is {error:.3g} off", "state the biases as mean minus gradient"
    size = max(1.0, float(np.abs(found.mean).max()))
    yield judged("stated gradient", error <= 1e-9 * size, required, came, remedy, error)
    bias = ((found.bias_smoothing + found.bias_inversion) ** 2).sum(axis=-1)
    parts = bias + found.variance_direction + found.variance_trajectory + found.variance_query
    error = float(np.abs(found.mse - parts).max())
    required = "have moments whose mse is |bias|^2 and the variances, added up"
    yield judged(
        "parts of the error", error <= 1e-9 * float(np.max(parts) + 1), required, f"{error:.3g} more or less", "", error
    )


def _drawn_moments(drawn: DrawnEstimator) -> Iterator[CheckOutcome]:
    """Means of the components, mean squared error, and independence of rows."""
    if not drawn.stated:
        return
    rate = FALSE_ALARM / N_COMPARISONS
    mean, granted = drawn.average("mean")
    yield mean_outcome("mean", "draw with the mean of its moments", drawn.sample, mean, rate, granted=granted)
    errors = ((drawn.sample - drawn.gradient) ** 2).sum(axis=-1)
    square = float((drawn.sample**2).sum(axis=-1).max())
    mse, granted = drawn.average("mse")
    required = "draw with the mean squared error of its moments"
    yield mean_outcome("error", required, errors, mse, rate, size=square, granted=granted)
    centred = (drawn.sample - drawn.sample.mean(axis=0)).reshape(len(drawn.sample), -1)
    yield independence_outcome("independent", centred, rate, square)


def _generators(drawn: DrawnEstimator) -> Iterator[CheckOutcome]:
    rows = rows_to_compare(drawn.sample)

    def draw(rng: Generator) -> FloatArray:
        return drawn.draw(drawn.estimator, rows, rng)

    yield from generator_outcomes(draw, drawn.seed, varies=drawn.varies)


def _rows_of_moments(drawn: DrawnEstimator) -> Iterator[CheckOutcome]:
    """Exact moments of a batch are those of its rows."""
    if len(drawn.stated) != 1 or drawn.own:
        return
    error = 0.0
    for k, theta in enumerate(drawn.theta):
        alone = drawn.estimator.moments(drawn.problem.mdp, drawn.problem.policy, theta.copy(), default_rng(0))
        for field in dataclasses.fields(GradientMoments):
            gap = np.abs(getattr(drawn.stated[0], field.name)[k] - getattr(alone, field.name))
            error = max(error, float(np.max(gap)) / max(1.0, float(np.max(np.abs(getattr(alone, field.name))))))
    came = f"differences up to {error:.3g}"
    required = "state for a row of a batch what it states for that theta alone"
    yield judged("rows of moments", error <= 1e-9, required, came, "let nothing be shared over leading axes", error)


def _arguments_unchanged(drawn: DrawnEstimator) -> Iterator[CheckOutcome]:
    def draw(theta: FloatArray) -> None:
        drawn.estimator.estimate(drawn.problem.mdp, drawn.problem.policy, theta, default_rng(0))

    yield unchanged_outcome(draw, {"theta": drawn.theta})


def _pickles(drawn: DrawnEstimator) -> Iterator[CheckOutcome]:
    yield pickle_outcome(drawn.estimator, lambda one: drawn.draw(one, 8, default_rng(drawn.seed)))


CHECKS = (_stated_gradient, _drawn_moments, _generators, _rows_of_moments, _arguments_unchanged, _pickles)
