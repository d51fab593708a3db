"""Direct preference optimisation on trajectories: a policy from votes, with no reward model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimators.feedback import PreferenceFeedback
from estimators.learners import Update
from estimators.preference_data import PreferenceBuffer, PreferenceData, collect
from estimators.streams import Streams
from theory.errors import InputError
from theory.likelihood import SMALLEST_PROBABILITY, cross_entropy
from theory.mdp import TabularMDP
from theory.policies import Policy

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dpo:
    """Gradient descent on -log sigma(beta [log pi/pi_ref (tau1) - log pi/pi_ref (tau0)]).

    The reference pi_ref is the policy at the start. Transition probabilities cancel in the ratio, so the return that a
    policy implies is beta log pi/pi_ref: exact in bandits and deterministic MDPs, and not in stochastic ones.

    Parameters
    ----------
    feedback : PreferenceFeedback
        The preference oracle; its link is the one assumed.
    beta : float or array
        Weight of the KL divergence to the reference, in units of return; an array broadcasts against the batch.
    online : bool, default False
        Whether each iteration's pairs come from the current policy, and the step uses them alone. Otherwise they come
        from the reference, are kept, and every step uses all of them so far.

    Raises
    ------
    InputError
        If beta is not positive and finite.

    References
    ----------
    Rafailov, Sharma, Mitchell, Ermon, Manning and Finn, *Direct preference optimization* (2023); online: Guo et al.,
    *Direct language model alignment from online AI feedback* (2024).
    """

    feedback: PreferenceFeedback
    beta: ArrayLike
    online: bool = False

    def __post_init__(self) -> None:
        beta = np.asarray(self.beta, dtype=np.float64)
        if not (np.isfinite(beta) & (beta > 0)).all():
            raise InputError(f"beta must be positive and finite, got {beta}; it is in units of return")
        self.feedback.require_finite()
        object.__setattr__(self, "beta", beta)

    @property
    def n_trajectories(self) -> FloatArray:
        """2 N."""
        return np.asarray(2 * self.feedback.n_pairs)

    @property
    def n_votes(self) -> FloatArray:
        """N M."""
        return np.asarray(self.feedback.n_pairs * self.feedback.n_queries)

    def begin(self, mdp: TabularMDP, policy: Policy, start: FloatArray) -> Update:
        """Begin runs at `start`, (..., dim), which is also the reference."""
        reference = _log(policy.probabilities(start))
        n_stages = policy.horizon or 1
        kept = PreferenceBuffer()

        def update(theta: FloatArray, step: FloatArray, streams: Streams) -> FloatArray:
            fresh = collect(mdp, policy, theta if self.online else start, self.feedback, n_stages, streams)
            if not self.online:
                kept.append(fresh)
            slope = self.loss(policy, theta, fresh if self.online else kept.data, reference)[1]
            return theta - step * slope

        return update

    def loss(
        self, policy: Policy, theta: FloatArray, data: PreferenceData, log_reference: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Mean loss a vote, (...,), and its gradient, (..., dim).

        Parameters
        ----------
        policy : Policy
        theta : array (..., dim)
        data : PreferenceData
            With visits by the stages of the policy.
        log_reference : array (..., 1 or H, S, A)
            log pi_ref.
        """
        probabilities = policy.probabilities(theta)
        ratio = _log(probabilities) - log_reference
        beta = np.asarray(self.beta)
        implied = beta[..., None] * (data.visits @ ratio.reshape(*theta.shape[:-1], -1, 1))[..., 0]
        loss, slope = cross_entropy(self.feedback.votes.link, implied, data.shares)
        pulled = (slope[..., None, :] @ data.visits)[..., 0, :] / data.shares.shape[-1]
        weights = (beta[..., None] * pulled).reshape(probabilities.shape)
        return loss.mean(axis=-1), policy.score_product(theta, probabilities, weights)


def _log(probabilities: FloatArray) -> FloatArray:
    # A policy far out may round to 0 where the reference was.
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)))
