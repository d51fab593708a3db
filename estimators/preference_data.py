"""Votes on pairs of trajectories, in the form that reward models and DPO learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimators.feedback import PreferenceFeedback
from estimators.rollouts import sample_trajectories
from estimators.streams import Streams
from estimators.visits import visit_counts
from theory.arrays import FloatArray
from theory.errors import InputError, require_kind
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.validation import first_entry, require_finite
from theory.votes import require_count


@dataclass(frozen=True, eq=False)
class PreferenceData:
    """Pairs of trajectories and the votes on them.

    Attributes
    ----------
    visits : array (..., n_pairs, F)
        Visits of the first trajectory minus visits of the second, by (stage, state, action) along one axis. Differences
        of sums of step values depend on nothing else. They are collected as small integers, to save memory.
    shares : array (..., n_pairs)
        Share of the votes for the first trajectory; with infinitely many votes, its limit.
    n_queries : float
        Votes per pair, M.
    weights : array (..., n_pairs), optional
        How much each pair counts for a reward model, not negative, with sum 1; by default all count alike. Pairs that
        are listed with their probabilities take the place of infinitely many that are drawn.

    Raises
    ------
    InputError
        If an argument has another type, shapes do not fit, a number is out of its range, or weights do not sum to 1.
    """

    visits: NDArray[Any]
    shares: FloatArray
    n_queries: float
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("visits", "shares"):
            require_kind(name, getattr(self, name), np.ndarray, "np.zeros((4, 6))")
            if getattr(self, name).dtype.kind not in "biuf":
                raise InputError(f"{name} must be real numbers, got an array of {getattr(self, name).dtype}")
        require_count("n_queries", self.n_queries)
        # Visits are collected as integers, so this costs nothing there.
        if self.visits.dtype.kind == "f":
            require_finite("visits", self.visits)
        if self.visits.shape[:-1] != self.shares.shape or self.visits.ndim < 2:
            raise InputError(
                f"visits must have shape (..., n_pairs, F) and shares (..., n_pairs), got {self.visits.shape} and "
                f"{self.shares.shape}"
            )
        outside = ~((self.shares >= 0) & (self.shares <= 1))
        if outside.any():
            raise InputError(
                f"shares must lie in [0, 1], got {first_entry(self.shares, outside)}; "
                "divide the votes for the first trajectory by n_queries"
            )
        if self.weights is None:
            return
        require_kind("weights", self.weights, np.ndarray, "np.full(4, 0.25)")
        if self.weights.dtype.kind not in "biuf":
            raise InputError(f"weights must be real numbers, got an array of {self.weights.dtype}")
        if self.weights.shape != self.shares.shape:
            raise InputError(f"weights must have shape {self.shares.shape} like shares, got {self.weights.shape}")
        if not (self.weights >= 0).all() or not np.allclose(self.weights.sum(axis=-1), 1, rtol=0, atol=1e-9):
            raise InputError(
                f"weights must be at least 0 with sum 1, got least {self.weights.min():g} and sums from "
                f"{self.weights.sum(axis=-1).min():g}; divide them by their sum"
            )

    def of_run(self, run: tuple[int, ...]) -> PreferenceData:
        """Data of one run of the batch, with visits as floats for fast products."""
        weights = None if self.weights is None else self.weights[run]
        return PreferenceData(self.visits[run].astype(np.float64), self.shares[run], self.n_queries, weights)


def collect(
    mdp: TabularMDP, policy: Policy, theta: FloatArray, feedback: PreferenceFeedback, n_stages: int, streams: Streams
) -> PreferenceData:
    """Simulate N pairs of trajectories of every policy, and draw the votes of the raters of `feedback`.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (..., dim)
        Parameters of the policy that both trajectories of a pair follow.
    feedback : PreferenceFeedback
        The preference oracle: number of pairs, raters, and votes per pair. Its sampler is not used: trajectories are
        always simulated.
    n_stages : int
        1, or H for separate `visits` of each step.
    streams : Streams
    """
    pairs = int(feedback.n_pairs)
    sampled = sample_trajectories(mdp, policy, theta, 2 * pairs, streams.trajectories)
    visits = visit_counts(mdp, sampled, n_stages).reshape(*theta.shape[:-1], 2 * pairs, -1)
    returns = sampled.rewards.sum(axis=0)
    gaps = mdp.on_lattice(returns[..., :pairs] - returns[..., pairs:])
    return PreferenceData(
        visits[..., :pairs, :] - visits[..., pairs:, :],
        feedback.shares(gaps, streams.votes),
        feedback.votes.n_queries,
    )


# Learners fit the kept data again each time these have grown by this factor.
GROWTH = 1.25


class PreferenceBuffer:
    """Data of a run that grow batch by batch; the allocated memory doubles when it is full, so copies are rare."""

    def __init__(self) -> None:
        self._data: PreferenceData | None = None
        self.n_pairs = 0
        self._used = 0

    def append(self, batch: PreferenceData) -> None:
        """Add a batch of pairs; all batches have the same leading axes."""
        grown = self.n_pairs + batch.shares.shape[-1]
        if self._data is None:
            self._data = _with_room(batch, grown)
        elif grown > self._data.shares.shape[-1]:
            kept, self._data = self.data, _with_room(batch, 2 * grown)
            self._write(kept, slice(0, self.n_pairs))
        self._write(batch, slice(self.n_pairs, grown))
        self.n_pairs = grown

    @property
    def data(self) -> PreferenceData:
        """All pairs so far, a view."""
        assert self._data is not None, "append first"
        return PreferenceData(
            self._data.visits[..., : self.n_pairs, :], self._data.shares[..., : self.n_pairs], self._data.n_queries
        )

    def has_grown(self) -> bool:
        """Whether the data have grown by a quarter since this was last True."""
        grown = self.n_pairs >= GROWTH * self._used
        if grown:
            self._used = self.n_pairs
        return grown

    def _write(self, batch: PreferenceData, where: slice) -> None:
        assert self._data is not None
        self._data.visits[..., where, :] = batch.visits
        self._data.shares[..., where] = batch.shares


def _with_room(like: PreferenceData, n_pairs: int) -> PreferenceData:
    *batch, _, n_features = like.visits.shape
    # Not `empty`: whatever stands there may not be finite, which is refused.
    visits = np.zeros((*batch, n_pairs, n_features), like.visits.dtype)
    return PreferenceData(visits, np.zeros((*batch, n_pairs)), like.n_queries)
