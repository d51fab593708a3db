"""What gradient estimators and learners must do: answer for whole batches, and say what they cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.random import Generator, default_rng

from estimators import GradientMoments, Streams
from experiments.catalogue.required.feedback import batches, costs_outcome, moments_outcome, no_moments
from experiments.catalogue.required.outcome import CheckOutcome, members, run_checks, shape_outcome
from experiments.catalogue.required.problems import SmallProblem, first_accepted

STEP_SIZE = 0.01


def estimator_outcomes(estimator: Any) -> Iterator[CheckOutcome]:
    """Check a gradient estimator."""
    checks = _estimator_members, _costs, _estimate, _gradient_moments
    yield from run_checks(checks, estimator, gates=3)


def _estimator_members(estimator: Any) -> Iterator[CheckOutcome]:
    yield members(estimator, ("n_trajectories", "n_votes"), ("estimate", "moments"))


def _costs(estimator: Any) -> Iterator[CheckOutcome]:
    yield costs_outcome(estimator, ("n_trajectories", "n_votes"))


def _estimate(estimator: Any) -> Iterator[CheckOutcome]:
    """Both with a generator and with streams, which the ascent loop hands over."""

    def draw(batch: tuple[int, ...], rng: Generator | Streams, problem: SmallProblem) -> Any:
        return estimator.estimate(problem.mdp, problem.policy, problem.thetas(batch), rng)

    for batch in batches(estimator):
        for rng in (default_rng(6), Streams.of(default_rng(6))):
            problem, drawn = first_accepted(partial(draw, batch, rng))
            outcome = shape_outcome("estimate", "estimates", (*batch, problem.policy.dim), drawn)
            if not outcome.passed:
                yield outcome
                return
    yield outcome


def _gradient_moments(estimator: Any) -> Iterator[CheckOutcome]:
    batch = batches(estimator)[0]

    def moments(problem: SmallProblem) -> Any:
        return estimator.moments(problem.mdp, problem.policy, problem.thetas(batch), default_rng(7))

    try:
        problem, found = first_accepted(moments)
    except NotImplementedError:
        yield no_moments()
        return
    core = {field.name: batch for field in dataclasses.fields(GradientMoments)}
    vectors = dict.fromkeys(("mean", "bias_smoothing", "bias_inversion"), (*batch, problem.policy.dim))
    yield moments_outcome(found, core | vectors, ("variance_direction", "variance_trajectory", "variance_query", "mse"))


def learner_outcomes(learner: Any) -> Iterator[CheckOutcome]:
    """Check a learner."""
    yield from run_checks((_learner_members, _costs, _update), learner, gates=2)


def _learner_members(learner: Any) -> Iterator[CheckOutcome]:
    yield members(learner, ("n_trajectories", "n_votes"), ("begin",))


def _update(learner: Any) -> Iterator[CheckOutcome]:
    """Three iterations of a batch of runs."""
    batch = batches(learner)[-1]

    def run(problem: SmallProblem) -> Any:
        return iterate(learner, problem, batch, default_rng(8))

    problem, theta = first_accepted(run)
    yield shape_outcome("update", "parameters", (*batch, problem.policy.dim), theta)


def iterate(learner: Any, problem: SmallProblem, batch: tuple[int, ...], rng: Generator, n_iterations: int = 3) -> Any:
    """Parameters after some iterations from the problem's start."""
    theta: Any = np.broadcast_to(problem.start, (*batch, problem.policy.dim)).copy()
    update = learner.begin(problem.mdp, problem.policy, theta)
    streams = Streams.of(rng)
    for _ in range(n_iterations):
        theta = update(theta, np.array([STEP_SIZE]), streams)
    return theta


def built_outcomes(built: Any) -> Iterator[CheckOutcome]:
    """Check what a method builds: a learner or an estimator."""
    return learner_outcomes(built) if kind_of_built(built) == "learner" else estimator_outcomes(built)


def kind_of_built(built: Any) -> Literal["learner", "estimator"]:
    """Which of the two it is: the ascent loop asks for `begin`."""
    return "learner" if hasattr(built, "begin") else "estimator"
