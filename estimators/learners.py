"""Learners, which the ascent loop drives: gradient estimators, and methods that keep data between iterations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from estimators.streams import Streams
from estimators.zeroth_order import GradientEstimator
from theory.arrays import FloatArray
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy

# (theta (..., dim), step size (..., 1), streams) -> next theta
Update: TypeAlias = Callable[[FloatArray, FloatArray, Streams], FloatArray]


@runtime_checkable
class Learner(Protocol):
    """A method that improves a policy, one iteration at a time."""

    @property
    def n_trajectories(self) -> FloatArray:
        """Trajectories per iteration."""

    @property
    def n_votes(self) -> FloatArray:
        """Votes per iteration."""

    def begin(self, mdp: TabularMDP, policy: Policy, start: FloatArray) -> Update:
        """Begin a batch of runs at `start`, (..., dim); the update keeps their data."""


def update_of(learner: Learner | GradientEstimator, mdp: TabularMDP, policy: Policy, start: FloatArray) -> Update:
    """Update of a learner; for a gradient estimator it is theta + step size * estimate.

    Raises
    ------
    InputError
        If it is neither.
    """
    # A class passes as a runtime protocol, since it has the same methods.
    if isinstance(learner, type) or not (isinstance(learner, Learner) or hasattr(learner, "estimate")):
        raise InputError(
            f"estimator must be a GradientEstimator or a Learner, got {learner!r}; write for example ExactGradient()"
        )
    if isinstance(learner, Learner):
        return learner.begin(mdp, policy, start)
    return lambda theta, step, streams: theta + step * learner.estimate(mdp, policy, theta, streams)
