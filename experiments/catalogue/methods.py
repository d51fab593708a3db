"""The methods compared: how each is built from the one preference oracle, and the settings it may be tuned over.

Every method begins with the same number of settings, `N_SETTINGS`: twelve step sizes, or four times three values of one
more knob that is its own. Where these grids lie was fixed from pilot runs under other seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from experiments.catalogue.instances import Instance
from experiments.catalogue.setting_grid import Lattice
from theory import InputError, Link, MajoritySign
from theory.links import ScaledLink

N_SETTINGS = 12

Oracle = PreferenceFeedback


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes
    ----------
    name, title : str
    knob : str
        What is tuned beside the step size; empty if nothing is.
    lattice : function of Instance -> Lattice
    build : function of (dim, oracle, knob array) -> learner
    """

    name: str
    title: str
    knob: str
    lattice: Callable[[Instance], Lattice]
    build: Callable[[int, Oracle, Any], Learner | GradientEstimator]


def _steps_only(lowest: float, ratio: float) -> Callable[[Instance], Lattice]:
    return lambda instance: Lattice(lowest, ratio, (N_SETTINGS, 1))  # noqa: ARG005


def _perturbing(
    name: str, title: str, directions: Callable[[int], Directions], *, one: bool = False, sign: bool = False
) -> Method:
    """Zeroth-order method; steps are of order 1/d, radii a multiple of that which moves a coordinate by about 1."""

    def lattice(instance: Instance) -> Lattice:
        dim = instance.policy.dim
        return Lattice((8.0 if sign else 1.6) / dim, 5.0, (4, 3), 3.0 if one else 0.9 * np.sqrt(dim), 3.0)

    def build(dim: int, oracle: Oracle, radius: Any) -> ZerothOrder:
        feedback = oracle.reading(MajoritySign()) if sign else oracle
        return ZerothOrder(directions(dim), feedback, radius)

    return Method(name, title, "radius", lattice, build)


def _dpo_online() -> Method:
    """Beta is small beside the scale of the raters' link, or the reference would hold the policy back; steps 1/beta."""
    return Method(
        "dpo-online",
        "DPO, online",
        "beta",
        lambda instance: Lattice(1 / 0.003, 8.0, (4, 3), 0.003 * _scale(instance.link), 3.0, coupled=True),
        lambda dim, oracle, beta: Dpo(oracle, beta, online=True),  # noqa: ARG005
    )


def _dpo_early() -> Method:
    """Stopping early matters more than beta, which is a hundredth of the scale of the link that it assumes."""

    def build(dim: int, oracle: Oracle, n_steps: Any) -> Dpo:  # noqa: ARG001
        return Dpo(oracle, 0.01 * _scale(oracle.votes.link), n_steps=n_steps)

    return Method(
        "dpo-early",
        "DPO, offline, few steps",
        "steps",
        lambda instance: Lattice(32 / 0.01, 16.0, (4, 3), 1.0, 5.0, least_knob=1.0),  # noqa: ARG005
        build,
    )


def _dpo_minimised() -> Method:
    """The loss brought to its minimum, where the step size plays no part."""
    return Method(
        "dpo-offline",
        "DPO, offline, to the end",
        "beta",
        lambda instance: Lattice(1.0, 1.0, (1, N_SETTINGS), 0.001 * _scale(instance.link), 2.0),
        lambda dim, oracle, beta: Dpo(oracle, beta),  # noqa: ARG005
    )


def _scale(link: Link) -> float:
    return link.scale if isinstance(link, ScaledLink) else 1.0


def _ppo(name: str, title: str, *, online: bool, sampled: bool = False) -> Method:
    def build(dim: int, oracle: Oracle, ridge: Any) -> Ppo:  # noqa: ARG001
        rollouts = 2 * int(oracle.n_pairs) if sampled else None
        return Ppo(oracle, RewardModel(oracle.votes.link, ridge), online=online, n_rollouts=rollouts)

    return Method(name, title, "ridge", lambda instance: Lattice(0.1, 10.0, (4, 3), 1.0, 10.0), build)  # noqa: ARG005


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
