"""The methods compared: how each is built from the one preference oracle, and the settings it may be tuned over.

Every method gets the same number of settings, `N_SETTINGS`: twelve step sizes, or four times three values of one more
knob that is its own. Grids were fixed from pilot runs; tables say where the best lies at the edge of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from estimators import (
    Baseline,
    Blocks,
    Directions,
    Dpo,
    ExactGradient,
    Gpomdp,
    Learner,
    Ppo,
    PreferenceFeedback,
    Reinforce,
    RewardModel,
    Sphere,
    ZerothOrder,
)
from estimators.zeroth_order import GradientEstimator
from experiments.instances import Instance
from theory import InputError, Link, MajoritySign
from theory.links import ScaledLink

N_SETTINGS = 12

Setting = tuple[float, float]  # step size, knob
Oracle = PreferenceFeedback


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes
    ----------
    name, title : str
    knob : str
        What is tuned beside the step size; empty if nothing is.
    settings : function of Instance -> N_SETTINGS pairs of step size and knob
    build : function of (dim, oracle, knob array) -> learner
    """

    name: str
    title: str
    knob: str
    settings: Callable[[Instance], tuple[Setting, ...]]
    build: Callable[[int, Oracle, Any], Learner | GradientEstimator]


def _steps_only(lowest: float, ratio: float) -> Callable[[Instance], tuple[Setting, ...]]:
    return lambda instance: tuple((lowest * ratio**k, np.nan) for k in range(N_SETTINGS))  # noqa: ARG005


def _grid(steps: Iterable[float], knobs: Iterable[float]) -> tuple[Setting, ...]:
    return tuple((float(step), float(knob)) for knob, step in product(knobs, steps))


def _perturbing(
    name: str, title: str, directions: Callable[[int], Directions], *, one: bool = False, sign: bool = False
) -> Method:
    """Zeroth-order method; steps are of order 1/d, radii a multiple of that which moves a coordinate by about 1."""

    def settings(instance: Instance) -> tuple[Setting, ...]:
        dim = instance.policy.dim
        steps = np.array([8.0, 40.0, 200.0, 1000.0]) if sign else np.array([1.6, 8.0, 40.0, 200.0])
        return _grid(steps / dim, (1.0, 3.0, 10.0) if one else np.array([0.3, 1.0, 3.0]) * np.sqrt(dim))

    def build(dim: int, oracle: Oracle, radius: Any) -> ZerothOrder:
        feedback = oracle.reading(MajoritySign()) if sign else oracle
        return ZerothOrder(directions(dim), feedback, radius)

    return Method(name, title, "radius", settings, build)


def _dpo_online() -> Method:
    """Beta is small beside the scale of the raters' link, or the reference would hold the policy back; steps 1/beta."""

    def settings(instance: Instance) -> tuple[Setting, ...]:
        shares = (0.01, 0.03, 0.1)
        return tuple(
            (c / share, share * _scale(instance.link)) for share, c in product(shares, (1.0, 8.0, 64.0, 512.0))
        )

    return Method(
        "dpo-online",
        "DPO, online",
        "beta",
        settings,
        lambda dim, oracle, beta: Dpo(oracle, beta, online=True),  # noqa: ARG005
    )


def _dpo_early() -> Method:
    """Stopping early matters more than beta, which is a hundredth of the scale of the link that it assumes."""

    def build(dim: int, oracle: Oracle, n_steps: Any) -> Dpo:  # noqa: ARG001
        return Dpo(oracle, 0.01 * _scale(oracle.votes.link), n_steps=n_steps)

    steps = np.array([2.0, 32.0, 512.0, 8192.0]) / 0.01
    return Method("dpo-early", "DPO, offline, few steps", "steps", lambda instance: _grid(steps, (1, 5, 25)), build)  # noqa: ARG005


def _dpo_minimised() -> Method:
    """The loss brought to its minimum, where the step size plays no part."""

    def settings(instance: Instance) -> tuple[Setting, ...]:
        return _grid([1.0], _scale(instance.link) * np.geomspace(0.001, 2.048, N_SETTINGS))

    return Method(
        "dpo-offline",
        "DPO, offline, to the end",
        "beta",
        settings,
        lambda dim, oracle, beta: Dpo(oracle, beta),  # noqa: ARG005
    )


def _scale(link: Link) -> float:
    return link.scale if isinstance(link, ScaledLink) else 1.0


def _ppo(name: str, title: str, *, online: bool, sampled: bool = False) -> Method:
    def build(dim: int, oracle: Oracle, ridge: Any) -> Ppo:  # noqa: ARG001
        rollouts = 2 * int(oracle.n_pairs) if sampled else None
        return Ppo(oracle, RewardModel(oracle.votes.link, ridge), online=online, n_rollouts=rollouts)

    return Method(name, title, "ridge", lambda instance: _grid((0.1, 1, 10, 100), (0.1, 1, 10)), build)  # noqa: ARG005


METHODS = {
    method.name: method
    for method in (
        _perturbing("zpg", "ZPG", lambda dim: Sphere()),  # noqa: ARG005
        _perturbing("zbcpg-1", "ZBCPG, K = 1", lambda dim: Blocks(1), one=True),  # noqa: ARG005
        _perturbing("zbcpg-d", "ZBCPG, K = d", Blocks),
        _perturbing("zspo", "ZSPO", lambda dim: Sphere(), sign=True),  # noqa: ARG005
        _dpo_minimised(),
        _dpo_early(),
        _dpo_online(),
        _ppo("ppo-offline", "reward model + PPO, offline", online=False),
        _ppo("ppo-online", "reward model + PPO, online", online=True),
        _ppo("ppo-sampled", "reward model + PPO, sampled", online=True, sampled=True),
        Method(
            "reinforce",
            "REINFORCE (sees returns)",
            "",
            _steps_only(0.02, 2.5),
            lambda dim, oracle, knob: Reinforce(2 * int(oracle.n_pairs), Baseline.VALUE),  # noqa: ARG005
        ),
        Method(
            "gpomdp",
            "GPOMDP (sees rewards)",
            "",
            _steps_only(0.02, 2.5),
            lambda dim, oracle, knob: Gpomdp(2 * int(oracle.n_pairs), Baseline.VALUE),  # noqa: ARG005
        ),
        Method("exact", "exact ascent", "", _steps_only(0.1, 4), lambda dim, oracle, knob: ExactGradient()),  # noqa: ARG005
    )
}


def get_method(name: str) -> Method:
    """Method of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, got {name!r}")
    return METHODS[name]
