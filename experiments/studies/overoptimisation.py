"""Over-optimisation: gain under a learned reward and true gain, as the learned reward is optimised harder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.catalogue.instance import Instance
from experiments.studies.reward_errors import learn_rewards
from theory import Link, TabularMDP, VoteModel, optimal_value, policy_value
from theory.arrays import FloatArray
from theory.batching import columns
from theory.kl_control import soft_optimum
from theory.values import action_value_columns

PRESSURES = tuple(np.geomspace(0.03, 100, 15).tolist())


def learned_once(
    instance: Instance,
    *,
    n_pairs: Sequence[int] = (32, 256, 2048),
    n_queries: float = 5,
    pressures: Sequence[float] = PRESSURES,
    ridge: float = 0.01,
    n_replicates: int = 20,
    rater_link: Link | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Gains under a reward that is learned once, and true gains, for several pressures of optimisation.

    The policy is the exact maximum of the learned return minus 1 / pressure times the KL divergence from the start. No
    method can gain more of this objective.

    Parameters
    ----------
    instance : Instance
    n_pairs : sequence of int
        Numbers of pairs of trajectories of the start policy. Each number has its own data set.
    n_queries : int
        Votes per pair.
    pressures : sequence of float
        1 / beta of `soft_optimum`, in units of 1 / return.
    ridge : float
        Of the `RewardModel`. The default is so small that the votes alone determine the rewards.
    n_replicates, rater_link, seed
        As for `coverage_error`.

    Returns
    -------
    DataFrame
        One row per (pairs, pressure, replicate): ``n_pairs``, ``pressure``, ``replicate``, and ``proxy_gain``,
        ``true_gain``, ``overoptimisation`` as for `joint_training`. ``possible_gain`` is that of an optimal policy.
    """
    mdp, policy, start = instance.mdp, instance.policy, instance.start
    reference = policy.probabilities(start)
    possible = optimal_value(mdp) - float(policy_value(mdp, policy, start))
    vote = VoteModel(instance.link, n_queries, rater_link=rater_link)
    push = np.asarray(pressures, dtype=np.float64)
    frames = []
    for pairs, rng in zip(n_pairs, np.random.default_rng([seed, 7]).spawn(len(n_pairs)), strict=True):
        learned = learn_rewards(mdp, policy, start, vote, pairs, ridge, n_replicates, rng)
        for replicate, rewards in enumerate(learned):
            tables = _optimised(mdp, reference, rewards, push)
            promised, found = _gains(mdp, tables, reference, rewards), _gains(mdp, tables, reference, None)
            known = {"n_pairs": pairs, "pressure": push, "replicate": replicate}
            gains = {"proxy_gain": promised, "true_gain": found, "overoptimisation": promised - found}
            frames.append(pd.DataFrame(known | gains).assign(possible_gain=possible))
    return pd.concat(frames, ignore_index=True)


def _optimised(mdp: TabularMDP, reference: FloatArray, rewards: FloatArray, pressures: FloatArray) -> FloatArray:
    """Optimal policies (n_pressures, H, S, A) for learned rewards at each pressure."""
    low = float(rewards.min())
    high = max(float(rewards.max()), low + 1)
    paid = np.broadcast_to(rewards[..., None], mdp.probabilities.shape)
    believed = TabularMDP.from_outcomes(
        mdp.probabilities, mdp.next_states, paid, mdp.initial, mdp.horizon, reward_range=(low, high)
    )
    # Rewards are mapped to [0, 1], so beta is mapped with them.
    return soft_optimum(believed, reference, 1 / (pressures * (high - low))).probabilities


def _gains(mdp: TabularMDP, tables: FloatArray, reference: FloatArray, rewards: FloatArray | None) -> FloatArray:
    """Values (B,) of policies (B, H, S, A) minus that of the reference, under the MDP's rewards or given ones."""
    paid = None if rewards is None else rewards[..., None]
    values = [mdp.initial @ action_value_columns(mdp, columns(pi, 3), paid)[1] for pi in (tables, reference)]
    return np.asarray(values[0] - values[1])
