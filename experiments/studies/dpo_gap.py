"""Gap between the population optimum of trajectory DPO and the KL-regularised optimum, against noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from theory import Link, Logistic, TabularMDP, chain
from theory.dpo_optimum import dpo_optimum

BETAS = (0.1, 0.3, 1.0, 3.0)
NOISES = tuple(float(noise) for noise in np.linspace(0, 1, 11))
LINK = Logistic(1.0)

CHAIN_STATES, CHAIN_HORIZON = 3, 4
N_RANDOM, RANDOM_SEED = 12, 20
RANDOM_ACTIONS, RANDOM_HORIZON, RANDOM_LATTICE = 2, 3, 4
MEANS = (0.1, 0.3, 0.5, 0.7, 0.9)
# A smaller gain of the optimum over the reference counts as none.
NO_GAIN = 1e-12

MdpFamily = Mapping[str, Callable[[float], TabularMDP]]


def noisy_chain(noise: float) -> TabularMDP:
    """Chain in which, with probability `noise`, the action is replaced by a uniformly drawn one."""
    return chain(CHAIN_STATES, CHAIN_HORIZON, slip=noise / 2)


def noisy_bandit(noise: float) -> TabularMDP:
    """Bandit whose arms pay their mean. With probability `noise` they pay 1 or 0, with the same mean."""
    mean = np.array(MEANS)
    law = np.stack([np.full_like(mean, 1 - noise), noise * (1 - mean), noise * mean], axis=-1)[None]
    paid = np.stack([mean, np.zeros_like(mean), np.ones_like(mean)], axis=-1)[None]
    return TabularMDP.from_outcomes(law, np.zeros(law.shape, dtype=np.int64), paid, [1.0], 1)


def random_mdps(number: int = N_RANDOM, seed: int = RANDOM_SEED) -> MdpFamily:
    """Random MDPs with one first state.

    Each (state, action) has one successor. With probability `noise` the next state is uniform instead.

    Parameters
    ----------
    number : int
        Number of MDPs. They have 2 and 3 states in turn.
    seed : int

    Returns
    -------
    dict of functions of noise
        The reward of (state, action) is uniform on {0, 1/4, ..., 1} and has no noise.
    """
    rng = np.random.default_rng(seed)
    return {f"random-{i}": _random_mdp(2 + i % 2, rng) for i in range(number)}


def _random_mdp(n_states: int, rng: np.random.Generator) -> Callable[[float], TabularMDP]:
    successors = rng.integers(n_states, size=(n_states, RANDOM_ACTIONS))
    rewards = rng.integers(RANDOM_LATTICE, size=successors.shape, endpoint=True) / RANDOM_LATTICE

    def at(noise: float) -> TabularMDP:
        transitions = (1 - noise) * np.eye(n_states)[successors] + noise / n_states
        return TabularMDP(transitions, rewards, np.eye(n_states)[0], RANDOM_HORIZON)

    return at


FAMILIES: dict[str, MdpFamily] = {
    "chain": {"chain": noisy_chain},
    "random": random_mdps(),
    "bandit": {"bandit": noisy_bandit},
}


def dpo_gaps(
    families: Mapping[str, MdpFamily] | None = None,
    betas: Sequence[float] = BETAS,
    noises: Sequence[float] = NOISES,
    link: Link = LINK,
) -> pd.DataFrame:
    """Exact gap of the population optimum of DPO, with the uniform policy as reference.

    Parameters
    ----------
    families : dict of dicts of functions from noise to an MDP, default `FAMILIES`
    betas : sequence of float
        Weights of the KL divergence, in units of return.
    noises : sequence of float
        In [0, 1].
    link : Link
        Link of the raters, which DPO assumes as well.

    Returns
    -------
    DataFrame
        Columns ``family``, ``instance``, ``noise``, ``beta``, ``gap`` (of ``E R - beta KL``, in units of return),
        ``relative_gap`` (gap over the gain of the optimum on the reference; nan if this gain is 0; above 1 if DPO ends
        below its reference), ``value``, ``optimum``, ``reference_value``, ``gradient_norm`` and ``agreement`` (share of
        the starts that found this minimum).
    """
    rows = []
    for family, members in (FAMILIES if families is None else families).items():
        for instance, at in members.items():
            for noise in noises:
                mdp = at(noise)
                reference = np.full((1, mdp.n_states, mdp.n_actions), 1 / mdp.n_actions)
                for beta in betas:
                    found = dpo_optimum(mdp, reference, beta, link)
                    gain = found.optimum - found.reference_value
                    rows.append(
                        {
                            "family": family,
                            "instance": instance,
                            "noise": noise,
                            "beta": beta,
                            "gap": found.gap,
                            "relative_gap": found.gap / gain if gain > NO_GAIN else np.nan,
                            "value": found.value,
                            "optimum": found.optimum,
                            "reference_value": found.reference_value,
                            "gradient_norm": found.gradient_norm,
                            "agreement": found.agreement,
                        }
                    )
    return pd.DataFrame(rows)


def over_instances(gaps: pd.DataFrame) -> pd.DataFrame:
    """Mean, smallest and largest gap by family, beta and noise: columns ``mean``, ``low``, ``high``."""
    groups = gaps.groupby(["family", "beta", "noise"], sort=False)["gap"]
    return groups.agg(mean="mean", low="min", high="max").reset_index()
