"""Direct preference optimisation on trajectories: a policy from votes, without a reward model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from estimators.feedback import PREFERENCE_EXAMPLE, PreferenceFeedback
from estimators.learners import Update
from estimators.preference_data import PreferenceBuffer, PreferenceData, collect
from estimators.streams import Streams
from theory.arrays import FloatArray
from theory.batching import fits_batch
from theory.errors import InputError, require_kind
from theory.kl_control import check_beta
from theory.likelihood import cross_entropy, log_probabilities
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.validation import count_array

# A search for the minimum ends at this slope of the loss over beta, or after this number of iterations.
SLOPE_SOUGHT, LONGEST_SEARCH = 3e-5, 100


@dataclass(frozen=True, eq=False)
class Dpo:
    """Gradient descent on -log sigma(beta [log pi/pi_ref (tau1) - log pi/pi_ref (tau0)]).

    The reference pi_ref is the policy at the start. Transition probabilities cancel in the ratio, so a policy implies
    the return beta log pi/pi_ref. This is exact in bandits and deterministic MDPs, but not in stochastic ones.

    Parameters
    ----------
    feedback : PreferenceFeedback
        The preference oracle; its link is the one the learner assumes.
    beta : float or array
        Weight of the KL divergence from the reference, in units of return; an array broadcasts against the batch.
    online : bool, default False
        True: pairs come from the current policy, and each step uses the pairs of its own iteration. False: pairs come
        from the reference and are kept, and the policy is trained again from the reference, on all pairs, each time
        they have grown by a quarter.
    n_steps : int, inf or array, default inf
        Offline only: gradient steps from the reference; an array broadcasts against the batch. A finite number is early
        stopping, which can end in a better policy than the minimum of the loss. With inf, L-BFGS searches for a minimum
        from the reference in at most 100 iterations, and the step size has no effect.

    Raises
    ------
    InputError
        If an argument has another type, if beta is not positive and finite, or if n_steps is not a whole number of at
        least 1.

    References
    ----------
    Rafailov, Sharma, Mitchell, Ermon, Manning and Finn, *Direct preference optimization* (2023); online: Guo et al.,
    *Direct language model alignment from online AI feedback* (2024).
    """

    feedback: PreferenceFeedback
    beta: ArrayLike
    online: bool = False
    n_steps: ArrayLike = math.inf

    def __post_init__(self) -> None:
        require_kind("feedback", self.feedback, PreferenceFeedback, PREFERENCE_EXAMPLE)
        require_kind("online", self.online, bool, "True")
        beta = check_beta(self.beta)
        steps = count_array("n_steps", self.n_steps)
        self.feedback.require_finite()
        object.__setattr__(self, "beta", beta)
        object.__setattr__(self, "n_steps", steps)

    @property
    def n_trajectories(self) -> FloatArray:
        """2 N."""
        return np.asarray(2 * self.feedback.n_pairs)

    @property
    def n_votes(self) -> FloatArray:
        """N M."""
        return np.asarray(self.feedback.n_pairs * self.feedback.n_queries)

    def begin(self, mdp: TabularMDP, policy: Policy, start: FloatArray) -> Update:
        """Begin runs at `start`, (..., dim), which is also the reference.

        Raises
        ------
        InputError
            If beta or n_steps does not broadcast against the batch.
        """
        for name, setting in (("beta", np.asarray(self.beta)), ("n_steps", np.asarray(self.n_steps))):
            if not fits_batch(start.shape[:-1], setting):
                raise InputError(
                    f"{name} must broadcast against the batch {start.shape[:-1]} of theta, got shape {setting.shape}"
                )
        reference = log_probabilities(policy.probabilities(start))
        n_stages = policy.horizon or 1
        kept = PreferenceBuffer()

        def online(theta: FloatArray, step: FloatArray, streams: Streams) -> FloatArray:
            fresh = collect(mdp, policy, theta, self.feedback, n_stages, streams)
            return theta - step * self.loss(policy, theta, fresh, reference)[1]

        def offline(theta: FloatArray, step: FloatArray, streams: Streams) -> FloatArray:
            kept.append(collect(mdp, policy, start, self.feedback, n_stages, streams))
            if not kept.has_grown():
                return theta
            return self._trained(policy, start, kept.data, reference, step)

        return online if self.online else offline

    def _trained(
        self, policy: Policy, start: FloatArray, data: PreferenceData, log_reference: FloatArray, step: FloatArray
    ) -> FloatArray:
        """Train one run after another: the data of one run fit the processor's cache."""
        batch = start.shape[:-1]
        betas, counts, sizes = (np.broadcast_to(np.asarray(x), batch) for x in (self.beta, self.n_steps, step[..., 0]))
        ends = np.empty_like(start)
        for run in np.ndindex(*batch):
            alone = replace(self, beta=betas[run], n_steps=counts[run])
            ends[run] = alone._train_one(policy, start[run], data.of_run(run), log_reference[run], float(sizes[run]))
        return ends

    def _train_one(
        self, policy: Policy, start: FloatArray, data: PreferenceData, log_reference: FloatArray, step_size: float
    ) -> FloatArray:
        def loss(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
            return self.loss(policy, theta, data, log_reference)

        def over_beta(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
            least, slope = loss(theta)
            return least / np.asarray(self.beta), slope / np.asarray(self.beta)

        if np.isinf(self.n_steps):
            # With separable data the minimum is at infinity, so the search ends at a small slope. Slopes are of the
            # order of beta. Warm starts from the minimum for fewer data end in worse minima.
            options = {"gtol": SLOPE_SOUGHT, "maxiter": LONGEST_SEARCH}
            return np.asarray(minimize(over_beta, start, jac=True, method="L-BFGS-B", options=options).x)
        theta = start
        for _ in range(int(np.asarray(self.n_steps))):
            theta = theta - step_size * loss(theta)[1]
        return theta

    def loss(
        self, policy: Policy, theta: FloatArray, data: PreferenceData, log_reference: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Mean loss per vote, (...,), and its gradient, (..., dim).

        Parameters
        ----------
        policy : Policy
        theta : array (..., dim)
        data : PreferenceData
            Its visits have the stages of the policy.
        log_reference : array (..., 1 or H, S, A)
            log pi_ref.
        """
        probabilities = policy.probabilities(theta)
        ratio = log_probabilities(probabilities) - log_reference
        beta = np.asarray(self.beta)
        implied = beta[..., None] * (data.visits @ ratio.reshape(*theta.shape[:-1], -1, 1))[..., 0]
        loss, slope = cross_entropy(self.feedback.votes.link, implied, data.shares)
        pulled = (slope[..., None, :] @ data.visits)[..., 0, :] / data.shares.shape[-1]
        weights = (beta[..., None] * pulled).reshape(probabilities.shape)
        return loss.mean(axis=-1), policy.score_product(theta, probabilities, weights)
