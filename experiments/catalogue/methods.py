"""The methods that have names. Where their grids of settings lie was fixed from pilot runs under other seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from estimators import (
    Baseline,
    Blocks,
    Directions,
    Dpo,
    ExactGradient,
    Gpomdp,
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
from experiments.catalogue.lookup import Kind
from experiments.catalogue.method import Look, Method, Oracle
from experiments.catalogue.requirements import require_sound
from experiments.catalogue.setting_grid import SettingGrid
from theory import HaldaneAnscombe, InputError, Jackknife, Link, MajoritySign
from theory.links import ScaledLink

# Settings tried first, the same number for every method: twelve step sizes, or four times three values of the knob.
N_SETTINGS = 12

DIRECTIONS, VARIANTS = "directions", "variants of ZPG"
LEARNERS, YARDSTICKS = "learn a reward or compare likelihoods", "need no votes"


def _sphere(dim: int) -> Directions:  # noqa: ARG001  (any number of parameters)
    return Sphere()


def _blocks(block_size: int) -> Callable[[int], Directions]:
    return lambda dim: Blocks(block_size)  # noqa: ARG005


def _votes(oracle: Oracle) -> Feedback:
    return oracle


def _perturbing(
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
    """Zeroth-order method; steps are of order 1/d, radii a multiple of that which moves a coordinate by about 1."""

    def grid(instance: Instance) -> SettingGrid:
        dim = instance.policy.dim
        return SettingGrid(step / dim, 5.0, (4, 3), radius(dim), 3.0)

    def build(dim: int, oracle: Oracle, knob: Any) -> ZerothOrder:
        return ZerothOrder(directions(dim), feedback(oracle), knob, symmetric=symmetric)

    return Method(name, title, build, grid, stacks=stacks, **record)


def _one_coordinate(dim: int) -> float:  # noqa: ARG001  (the radius moves one coordinate)
    return 3.0


def _averaged(oracle: Oracle, k: int) -> PreferenceFeedback:
    plain = _plain("zpg-averaged", oracle)
    if plain.n_pairs % k:
        raise InputError(f"n_pairs must be a multiple of {k} to be shared by {k} directions, got {plain.n_pairs:g}")
    return replace(plain, n_pairs=plain.n_pairs / k)


def _plain(name: str, oracle: Oracle) -> PreferenceFeedback:
    if not isinstance(oracle, PreferenceFeedback):
        raise InputError(f"method {name} must have one oracle for all runs of a batch, got {type(oracle).__name__}")
    return oracle


def _common(oracle: Oracle) -> Feedback:
    return replace(_plain("zpg-common", oracle), common_random_numbers=True)


def _returns(oracle: Oracle) -> Feedback:
    return ReturnFeedback(np.asarray(oracle.n_pairs), getattr(oracle, "sampler", "law"))


def _scale(link: Link) -> float:
    return link.scale if isinstance(link, ScaledLink) else 1.0


def _ppo(name: str, title: str, look: Look, *, online: bool, sampled: bool = False) -> Method:
    def build(dim: int, oracle: Oracle, ridge: Any) -> Ppo:  # noqa: ARG001
        asked = _plain(name, oracle)
        rollouts = 2 * int(asked.n_pairs) if sampled else None
        return Ppo(asked, RewardModel(asked.votes.link, ridge), online=online, n_rollouts=rollouts)

    def grid(instance: Instance) -> SettingGrid:  # noqa: ARG001
        return SettingGrid(0.1, 10.0, (4, 3), 1.0, 10.0)

    return Method(name, title, build, grid, knob="ridge", group=LEARNERS, work=4.0, look=look)


def _dpo_online() -> Method:
    """Beta is small beside the scale of the raters' link, or the reference would hold the policy back; steps 1/beta."""

    def build(dim: int, oracle: Oracle, beta: Any) -> Dpo:  # noqa: ARG001
        return Dpo(_plain("dpo-online", oracle), beta, online=True)

    def grid(instance: Instance) -> SettingGrid:
        return SettingGrid(1 / 0.003, 8.0, (4, 3), 0.003 * _scale(instance.link), 3.0, coupled=True)

    look = Look("#B36B00", "d", 5.5, True, (3, 0.8, 1, 0.8))
    return Method("dpo-online", "DPO, online", build, grid, knob="beta", group=LEARNERS, work=3.0, look=look)


def _dpo_early() -> Method:
    """Stopping early matters more than beta, which is a hundredth of the scale of the link that it assumes."""

    def build(dim: int, oracle: Oracle, n_steps: Any) -> Dpo:  # noqa: ARG001
        asked = _plain("dpo-early", oracle)
        return Dpo(asked, 0.01 * _scale(asked.votes.link), n_steps=n_steps)

    def grid(instance: Instance) -> SettingGrid:  # noqa: ARG001
        return SettingGrid(32 / 0.01, 16.0, (4, 3), 1.0, 5.0, least_knob=1.0)

    look = Look("#B36B00", "h", 5.0, False, (2, 1.2, 1, 1.2, 1, 1.2))
    return Method(
        "dpo-early", "DPO, offline, few steps", build, grid, knob="steps", group=LEARNERS, work=3.0, look=look
    )


def _dpo_minimised() -> Method:
    """The loss brought to its minimum, where the step size plays no part."""

    def build(dim: int, oracle: Oracle, beta: Any) -> Dpo:  # noqa: ARG001
        return Dpo(_plain("dpo-offline", oracle), beta)

    def grid(instance: Instance) -> SettingGrid:
        return SettingGrid(1.0, 1.0, (1, N_SETTINGS), 0.001 * _scale(instance.link), 2.0)

    return Method(
        "dpo-offline",
        "DPO, offline, to the end",
        build,
        grid,
        knob="beta",
        steps=False,
        group=LEARNERS,
        work=3.0,
        look=Look("#B36B00", "D", 4.0, False, (6, 1.2, 1, 1.2)),
    )


def _seeing(
    name: str, title: str, build: Callable[[int], Reinforce | Gpomdp], look: Look | None = None, *, tuned: bool = False
) -> Method:
    """Score-function method on as many trajectories as N pairs have."""

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


_METHODS = (
    _perturbing("zpg", "ZPG", group=DIRECTIONS, look=Look("#0072B2", "o", 7.5, False)),
    _perturbing(
        "zbcpg-1", "ZBCPG, K = 1", _blocks(1), radius=_one_coordinate,
        group=DIRECTIONS, family="zbcpg", look=Look("#D55E00", "s", 4.6, False, (4, 1.5)),
    ),
    _perturbing(
        "zbcpg-3", "ZBCPG, K = 3", _blocks(3),
        least_dim=3, group=DIRECTIONS, family="zbcpg", look=Look("#000000", "D", 2.0, True, (1, 1.2)),
    ),
    _perturbing(
        "zbcpg-d", "ZBCPG, K = d", Blocks,
        group=DIRECTIONS, family="zbcpg", look=Look("#009E73", "^", 5.0, False, (5, 1, 1, 1)),
    ),
    _perturbing(
        "zspo", "ZSPO", feedback=lambda oracle: oracle.reading(MajoritySign()), step=8.0,
        group=DIRECTIONS, look=Look("#CC79A7", "v", 4.5, True, (7, 2)),
    ),
    _perturbing(
        "zpg-symmetric", "ZPG, symmetric pairs", symmetric=True,
        group=VARIANTS, look=Look("#44AA99", "8", 5.0, False, (8, 1.2, 2, 1.2)),
    ),
    _perturbing(
        "zpg-haldane", "ZPG, Haldane-Anscombe", feedback=lambda oracle: oracle.reading(HaldaneAnscombe()),
        group=VARIANTS, look=Look("#E69F00", "p", 5.0, False, (3, 1, 1, 1)),
    ),
    _perturbing(
        "zpg-jackknife", "ZPG, jackknife", feedback=lambda oracle: oracle.reading(Jackknife()),
        group=VARIANTS, look=Look("#000000", "*", 5.5, True, (1, 2.5)),
    ),
    _perturbing(
        "zpg-common", "ZPG, common random numbers", feedback=_common, stacks=False,
        group=VARIANTS, work=50.0, look=Look("#CC79A7", "H", 5.0, False, (5, 2)),
    ),
    Method(
        "zpg-averaged", "ZPG, 4 directions",
        lambda dim, oracle, radius: ZerothOrder(Sphere(), _averaged(oracle, 4), radius, n_directions=4),  # noqa: ARG005
        group=VARIANTS, look=Look("#332288", "1", 6.0, True, (6, 1, 1, 1, 1, 1)),
    ),
    _perturbing(
        "value-sphere", "value feedback, sphere", feedback=_returns,
        group=DIRECTIONS, look=Look("#56B4E9", "8", 5.0, True, (9, 2)),
    ),
    _perturbing(
        "value-1", "value feedback, K = 1", _blocks(1), _returns, radius=_one_coordinate,
        group=DIRECTIONS, look=Look("#E69F00", "p", 5.0, True, (2, 1)),
    ),
    _dpo_minimised(),
    _dpo_early(),
    _dpo_online(),
    _ppo(
        "ppo-offline", "reward model + PPO, offline", Look("#CC6677", "<", 5.0, False, (6, 1.2)), online=False
    ),
    _ppo("ppo-online", "reward model + PPO, online", Look("#882255", ">", 5.0, True, (3, 0.8)), online=True),
    _ppo(
        "ppo-sampled", "reward model + PPO, sampled", Look("#AA4499", "X", 5.0, True, (1.5, 0.8)),
        online=True, sampled=True,
    ),
    _seeing(
        "reinforce-none", "REINFORCE, no baseline", lambda n: Reinforce(n, Baseline.NONE),
        Look("#56B4E9", "2", 6.0, True, (4, 4)),
    ),
    _seeing(
        "gpomdp-none", "GPOMDP, no baseline", lambda n: Gpomdp(n, Baseline.NONE),
        Look("#E69F00", "3", 6.0, True, (6, 3)),
    ),
    _seeing(
        "reinforce", "REINFORCE (sees returns)", lambda n: Reinforce(n, Baseline.VALUE),
        Look("#56B4E9", "x", 5.0, True, (2, 2)), tuned=True,
    ),
    _seeing(
        "gpomdp", "GPOMDP (sees rewards)", lambda n: Gpomdp(n, Baseline.VALUE),
        Look("#E69F00", "P", 4.5, True, (3, 1, 1, 1, 1, 1)), tuned=True,
    ),
    _seeing(
        "reinforce-best", "REINFORCE, best baseline", lambda n: Reinforce(n, Baseline.BEST),
        Look("#0072B2", "4", 6.0, True, (1, 4)),
    ),
    Method(
        "exact", "exact ascent", lambda dim, oracle, knob: ExactGradient(),  # noqa: ARG005
        lambda instance: SettingGrid(0.1, 4, (N_SETTINGS, 1)),  # noqa: ARG005
        knob="", stacks=True, group=YARDSTICKS, work=0.2, look=Look("#000000", "+", 5.0, True, (9, 1.5, 1.5, 1.5)),
    ),
)  # fmt: skip

METHODS = {method.name: method for method in _METHODS}


def methods_named(pattern: str) -> list[str]:
    """Names of a method, of a family such as ``zbcpg``, or of all; ``module:attribute`` stands for itself.

    Raises
    ------
    InputError
        If there is none.
    """
    names = [name for name, method in METHODS.items() if pattern in ("all", name, method.family)]
    if not names:
        find_method(pattern)
        return [pattern]
    return names


def _accepted(text: str, found: object) -> Method:
    if not isinstance(found, Method):
        raise InputError(
            f"method {text!r} must be a Method, got {type(found).__name__}; write Method(name, title, build)"
        )
    require_sound("method", text, found)
    return found


KIND = Kind("method", lambda: {name: m.title for name, m in METHODS.items()}, METHODS.__getitem__, _accepted)
find_method = KIND.find
