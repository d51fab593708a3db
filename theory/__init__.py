"""Exact, deterministic theory of zeroth-order policy gradient from preferences on tabular MDPs.

Nothing here draws random numbers, except `garnet`, which takes the caller's generator. Every function broadcasts over
the leading axes of `theta`.
"""

from theory.additive_moments import additive_moments, reward_error
from theory.bounds import Bound, certificate, hessian_norm, return_range, smoothness_bound
from theory.dpo_loss import DpoLoss, population_loss
from theory.dpo_optimum import DpoOptimum, dpo_optimum
from theory.enumeration import Trajectories, enumerate_trajectories
from theory.errors import InputError
from theory.gymnasium_tables import from_gymnasium
from theory.inversions import HaldaneAnscombe, Inversion, Jackknife, MajoritySign, Trimmed
from theory.kl_control import SoftOptimum, kl_regularised_value, soft_optimum
from theory.link_families import LINKS, Cauchit, ComplementaryLogLog, Linear, Logistic, Probit
from theory.links import Link
from theory.mdp import TabularMDP
from theory.mdp_families import bandit, chain, garnet, gridworld
from theory.policies import CircularPolicy, LogLinearSoftmax, Policy, TabularSoftmax
from theory.rates import (
    SHARPENED_RATE,
    STATED_RATE,
    UNBIASED_RATE,
    Rate,
    Schedule,
    sharpened_schedule,
    stated_schedule,
    unbiased_schedule,
)
from theory.return_law import ReturnDistribution, difference_law, return_distribution
from theory.until_disagreement import UntilDisagreement
from theory.values import (
    occupancy,
    optimal_value,
    policy_gradient,
    policy_hessian,
    policy_value,
    value_and_gradient,
)
from theory.vote_tables import VoteTable
from theory.votes import VoteModel

__all__ = [
    "LINKS",
    "SHARPENED_RATE",
    "STATED_RATE",
    "UNBIASED_RATE",
    "Bound",
    "Cauchit",
    "CircularPolicy",
    "ComplementaryLogLog",
    "DpoLoss",
    "DpoOptimum",
    "HaldaneAnscombe",
    "InputError",
    "Inversion",
    "Jackknife",
    "Linear",
    "Link",
    "LogLinearSoftmax",
    "Logistic",
    "MajoritySign",
    "Policy",
    "Probit",
    "Rate",
    "ReturnDistribution",
    "Schedule",
    "SoftOptimum",
    "TabularMDP",
    "TabularSoftmax",
    "Trajectories",
    "Trimmed",
    "UntilDisagreement",
    "VoteModel",
    "VoteTable",
    "additive_moments",
    "bandit",
    "certificate",
    "chain",
    "difference_law",
    "dpo_optimum",
    "enumerate_trajectories",
    "from_gymnasium",
    "garnet",
    "gridworld",
    "hessian_norm",
    "kl_regularised_value",
    "occupancy",
    "optimal_value",
    "policy_gradient",
    "policy_hessian",
    "policy_value",
    "population_loss",
    "return_distribution",
    "return_range",
    "reward_error",
    "sharpened_schedule",
    "smoothness_bound",
    "soft_optimum",
    "stated_schedule",
    "unbiased_schedule",
    "value_and_gradient",
]
