"""What comes of optimising a learned reward harder and harder: its promise against the true return."""

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
    """What a reward learned once promises and what comes of it, under more and more optimisation.

    The policy is the exact optimum of the learned return less 1 / pressure times its divergence from the start: the
    most that any method could make of this reward at this price.

    Parameters
    ----------
    instance : Instance
    n_pairs : sequence of int
        Pairs of the start policy's trajectories, each a data set of its own.
    n_queries : int
        Votes a pair.
    pressures : sequence of float
        1 / beta of `soft_optimum`, in units of 1 / return.
    ridge : float
        By default so small that hardly anything but the votes holds the rewards.
    n_replicates, rater_link, seed
        As for `coverage_error`.

    Returns
    -------
    DataFrame
        A row a (pairs, pressure, replicate): ``n_pairs``, ``pressure``, ``replicate``, ``proxy_gain``, ``true_gain``,
        ``overoptimisation``, as for `joint_training`; ``possible_gain``, that of an optimal policy.
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
    """Best policies (n_pressures, H, S, A) for learned rewards at each pressure."""
    low = float(rewards.min())
    high = max(float(rewards.max()), low + 1)
    paid = np.broadcast_to(rewards[..., None], mdp.probabilities.shape)
    believed = TabularMDP.from_outcomes(
        mdp.probabilities, mdp.next_states, paid, mdp.initial, mdp.horizon, reward_range=(low, high)
    )
    # Rewards were mapped to [0, 1], and so must be the price.
    return soft_optimum(believed, reference, 1 / (pressures * (high - low))).probabilities


def _gains(mdp: TabularMDP, tables: FloatArray, reference: FloatArray, rewards: FloatArray | None) -> FloatArray:
    """Values (B,) of policies (B, H, S, A) less that of the reference, under the MDP's rewards or others."""
    paid = None if rewards is None else rewards[..., None]
    values = [mdp.initial @ action_value_columns(mdp, columns(pi, 3), paid)[1] for pi in (tables, reference)]
    return np.asarray(values[0] - values[1])
