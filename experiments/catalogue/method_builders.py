"""How the built-in methods are built, and the settings that they are tuned over.

The grids were fixed from pilot runs with other seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from estimators import (
    Blocks,
    Directions,
    Dpo,
    Gpomdp,
    LearnedCritic,
    Ppo,
    PreferenceFeedback,
    Reinforce,
    ReturnFeedback,
    RewardModel,
    Sphere,
    ZerothOrder,
)
from estimators.feedback import Feedback
from experiments.catalogue.instance import Instance
from experiments.catalogue.method import Look, Method, Oracle
from experiments.catalogue.setting_grid import SettingGrid
from theory import InputError
from theory.errors import require_function, require_kind, require_positive
from theory.links import scale_of

# Settings tried first, the same number for every method: 12 step sizes, or 4 step sizes times 3 values of the knob.
N_SETTINGS = 12

DIRECTIONS, VARIANTS = "directions", "variants of ZPG"
LEARNERS, YARDSTICKS = "learn a reward or compare likelihoods", "need no votes"


def _sphere(dim: int) -> Directions:  # noqa: ARG001  (any number of parameters)
    return Sphere()


def blocks(block_size: int) -> Callable[[int], Directions]:
    """Directions from blocks of this size, for any number of parameters."""
    return lambda dim: Blocks(block_size)  # noqa: ARG005


def _votes(oracle: Oracle) -> Feedback:
    return oracle


def perturbing(
    name: str,
    title: str,
    directions: Callable[[int], Directions] = _sphere,
    feedback: Callable[[Oracle], Feedback] = _votes,
    *,
    step: float = 1.6,
    radius: Callable[[int], float] = lambda dim: 0.9 * float(np.sqrt(dim)),
    symmetric: bool = False,
    stacks: bool = True,
    **record: Any,
) -> Method:
    """Method of a zeroth-order estimator.

    The first step sizes are of order 1/d. The first radius moves a coordinate by about 1.

    Parameters
    ----------
    name, title : str
    directions : function of dim -> Directions
    feedback : function of the preference oracle -> Feedback
    step : float
        First step size, times d.
    radius : function of dim -> float
        First radius.
    symmetric : bool
        See `ZerothOrder`.
    stacks : bool
        Whether `feedback` takes a stacked oracle.
    record
        Other fields of `Method`.

    Raises
    ------
    InputError
        If an argument has another type, or a number is out of its range.
    """
    for argument, function in (("directions", directions), ("feedback", feedback), ("radius", radius)):
        require_function(argument, function, "lambda dim: ...")
    require_positive("step", step)
    require_kind("symmetric", symmetric, bool, "True")

    def grid(instance: Instance) -> SettingGrid:
        dim = instance.policy.dim
        return SettingGrid(step / dim, 5.0, (4, 3), radius(dim), 3.0)

    def build(dim: int, oracle: Oracle, knob: Any) -> ZerothOrder:
        return ZerothOrder(directions(dim), feedback(oracle), knob, symmetric=symmetric)

    return Method(name, title, build, grid, stacks=stacks, **record)


def one_coordinate(dim: int) -> float:  # noqa: ARG001  (the radius moves one coordinate)
    """First radius for blocks of one coordinate, which move this coordinate alone."""
    return 3.0


def averaged(oracle: Oracle, k: int) -> PreferenceFeedback:
    """The oracle with 1/k of its pairs, for each of k directions."""
    plain = _plain("zpg-averaged", oracle)
    if plain.n_pairs % k:
        raise InputError(f"n_pairs must be a multiple of {k} to be shared by {k} directions, got {plain.n_pairs:g}")
    return replace(plain, n_pairs=plain.n_pairs / k)


def _plain(name: str, oracle: Oracle) -> PreferenceFeedback:
    if not isinstance(oracle, PreferenceFeedback):
        raise InputError(f"method {name} must have one oracle for all runs of a batch, got {type(oracle).__name__}")
    return oracle


def common(oracle: Oracle) -> Feedback:
    """The oracle with common random numbers for the two trajectories of a pair."""
    return replace(_plain("zpg-common", oracle), common_random_numbers=True)


def returns(oracle: Oracle) -> Feedback:
    """Feedback that shows the returns of as many pairs."""
    return ReturnFeedback(np.asarray(oracle.n_pairs), getattr(oracle, "sampler", "law"))


def ppo(name: str, title: str, look: Look, *, online: bool, sampled: bool = False) -> Method:
    """Reward model learned from the votes, and proximal policy optimisation on this model."""

    def build(dim: int, oracle: Oracle, ridge: Any) -> Ppo:  # noqa: ARG001
        asked = _plain(name, oracle)
        rollouts = 2 * int(asked.n_pairs) if sampled else None
        return Ppo(asked, RewardModel(asked.votes.link, ridge), online=online, n_rollouts=rollouts)

    def grid(instance: Instance) -> SettingGrid:  # noqa: ARG001
        return SettingGrid(0.1, 10.0, (4, 3), 1.0, 10.0)

    return Method(name, title, build, grid, knob="ridge", group=LEARNERS, work=4.0, look=look)


def ppo_kl() -> Method:
    """Reward model, and PPO as practised: a KL penalty, and advantages from a learned critic on further rollouts."""

    def build(dim: int, oracle: Oracle, kl: Any) -> Ppo:  # noqa: ARG001
        asked = _plain("ppo-kl", oracle)
        rollouts = 2 * int(asked.n_pairs)
        model = RewardModel(asked.votes.link)
        return Ppo(asked, model, online=True, n_rollouts=rollouts, critic=LearnedCritic(), kl=kl)

    def grid(instance: Instance) -> SettingGrid:
        return SettingGrid(0.1, 10.0, (4, 3), 0.003 * scale_of(instance.link), 10.0)

    look = Look("#661100", "h", 5.0, True, (8, 1, 3, 1))
    title = "RLHF: reward model + PPO with KL, learned critic"
    return Method("ppo-kl", title, build, grid, knob="kl", group=LEARNERS, work=5.0, look=look)


def dpo_online() -> Method:
    """Online DPO.

    Beta is small compared with the scale of the raters' link, because a large one keeps the policy near its reference.
    Step sizes are of order 1/beta.
    """

    def build(dim: int, oracle: Oracle, beta: Any) -> Dpo:  # noqa: ARG001
        return Dpo(_plain("dpo-online", oracle), beta, online=True)

    def grid(instance: Instance) -> SettingGrid:
        return SettingGrid(1 / 0.003, 8.0, (4, 3), 0.003 * scale_of(instance.link), 3.0, coupled=True)

    look = Look("#B36B00", "d", 5.5, True, (3, 0.8, 1, 0.8))
    return Method("dpo-online", "DPO, online", build, grid, knob="beta", group=LEARNERS, work=3.0, look=look)


def dpo_early() -> Method:
    """Offline DPO, stopped early. The number of steps is tuned; beta is 1/100 of the scale of the assumed link."""

    def build(dim: int, oracle: Oracle, n_steps: Any) -> Dpo:  # noqa: ARG001
        asked = _plain("dpo-early", oracle)
        return Dpo(asked, 0.01 * scale_of(asked.votes.link), n_steps=n_steps)

    def grid(instance: Instance) -> SettingGrid:  # noqa: ARG001
        return SettingGrid(32 / 0.01, 16.0, (4, 3), 1.0, 5.0, least_knob=1.0)

    look = Look("#B36B00", "h", 5.0, False, (2, 1.2, 1, 1.2, 1, 1.2))
    return Method(
        "dpo-early", "DPO, offline, few steps", build, grid, knob="steps", group=LEARNERS, work=3.0, look=look
    )


def dpo_minimised() -> Method:
    """Offline DPO that minimises its loss. The step size has no effect."""

    def build(dim: int, oracle: Oracle, beta: Any) -> Dpo:  # noqa: ARG001
        return Dpo(_plain("dpo-offline", oracle), beta)

    def grid(instance: Instance) -> SettingGrid:
        return SettingGrid(1.0, 1.0, (1, N_SETTINGS), 0.001 * scale_of(instance.link), 2.0)

    return Method(
        "dpo-offline",
        "DPO, offline, to the end",
        build,
        grid,
        knob="beta",
        steps=False,
        one_split=True,
        group=LEARNERS,
        work=3.0,
        look=Look("#B36B00", "D", 4.0, False, (6, 1.2, 1, 1.2)),
    )


def seeing(
    name: str, title: str, build: Callable[[int], Reinforce | Gpomdp], look: Look | None = None, *, tuned: bool = False
) -> Method:
    """Score-function method on 2 N trajectories, as many as N pairs have."""

    def grid(instance: Instance) -> SettingGrid:  # noqa: ARG001
        return SettingGrid(0.02, 2.5, (N_SETTINGS, 1))

    return Method(
        name,
        title,
        lambda dim, oracle, knob: build(2 * int(_plain(name, oracle).n_pairs)),  # noqa: ARG005
        grid if tuned else None,
        knob="",
        group=YARDSTICKS,
        look=look,
    )
