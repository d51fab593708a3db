"""Named instances: an MDP, a policy class, where runs start, and the link of the raters."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from theory import (
    LINKS,
    CircularPolicy,
    InputError,
    Link,
    Logistic,
    LogLinearSoftmax,
    Policy,
    TabularMDP,
    TabularSoftmax,
    bandit,
    chain,
    from_gymnasium,
    garnet,
    gridworld,
    value_and_gradient,
)


@dataclass(frozen=True, eq=False)
class Instance:
    """What a claim is tested on.

    Attributes
    ----------
    name, summary : str
    mdp : TabularMDP
    policy : Policy
    start : array (dim,)
        Where runs start, theta_1.
    link : Link
        The link of the raters. Its scale grows with the horizon, so that votes stay informative.
    """

    name: str
    summary: str
    mdp: TabularMDP
    policy: Policy
    start: NDArray[np.float64]
    link: Link

    def __post_init__(self) -> None:
        if not isinstance(self.link, Link):
            raise InputError(
                f"link of instance {self.name} must have symmetric, probability, inverse, derivative and "
                f"second_derivative, got {type(self.link).__name__}; use one of {', '.join(LINKS)}"
            )
        start = np.asarray(self.start, dtype=np.float64)
        if start.shape != (self.policy.dim,) or not np.isfinite(start).all():
            raise InputError(
                f"start of instance {self.name} must be {self.policy.dim} finite numbers, got shape {start.shape}"
                f"{'' if np.isfinite(start).all() else ' with nan or inf'}"
            )
        object.__setattr__(self, "start", start)


def default_link(mdp: TabularMDP) -> Logistic:
    """Link of instances that name none."""
    return Logistic(scale=mdp.horizon / 2)


def _instance(name: str, summary: str, mdp: TabularMDP, policy: Policy) -> Instance:
    return Instance(name, summary, mdp, policy, np.zeros(policy.dim), default_link(mdp))


def _tabular(name: str, summary: str, mdp: TabularMDP) -> Instance:
    return _instance(name, summary, mdp, TabularSoftmax(mdp.n_states, mdp.n_actions))


def _garnet() -> TabularMDP:
    # Of the first 300 seeds, the one whose circular optimum is unique and curves most in its flattest direction.
    return garnet(5, 3, 3, 5, np.random.default_rng(57))


def _circular(name: str, summary: str, mdp: TabularMDP) -> Instance:
    return _instance(name, summary, mdp, CircularPolicy(mdp.n_states, mdp.n_actions, concentration=1.0))


def at_optimum(instance: Instance) -> Instance:
    """The instance, started where exact ascent from its start ends: noise floors are then reached at once."""

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = value_and_gradient(instance.mdp, instance.policy, theta)
        return -float(value), -gradient

    found = minimize(loss, instance.start, jac=True, method="BFGS", options={"gtol": 1e-9})
    return replace(instance, start=found.x)


def _log_linear(name: str, summary: str) -> Instance:
    mdp = _garnet()
    features = np.random.default_rng(5).uniform(-1, 1, (mdp.n_states, mdp.n_actions, 4))
    return _instance(name, summary, mdp, LogLinearSoftmax(features))


def bandits(n_copies: int) -> TabularMDP:
    """Copies of one three-armed Bernoulli bandit, a uniform one of which is played, once: only their number varies."""
    law = np.broadcast_to([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]], (n_copies, 3, 2))
    stay = np.broadcast_to(np.arange(n_copies)[:, None, None], law.shape)
    first = np.full(n_copies, 1 / n_copies)
    return TabularMDP.from_outcomes(law, stay, np.broadcast_to([0.0, 1.0], law.shape), first, 1)


def _circular_bandits(n_copies: int, name: str, summary: str) -> Instance:
    return at_optimum(_circular(name, summary, bandits(n_copies)))


def risky_bandit(sure: float = 0.6, chance: float = 0.55) -> TabularMDP:
    """Two arms, one pull: the first pays `sure`, the second 1 with probability `chance` and otherwise 0."""
    law = [[[1.0, 0.0], [1 - chance, chance]]]
    return TabularMDP.from_outcomes(law, np.zeros((1, 2, 2), dtype=np.int64), [[[sure, 0.0], [0.0, 1.0]]], [1.0], 1)


def paying_grid(slip: float = 0.3, side: int = 5, horizon: int = 20) -> TabularMDP:
    """Square grid without goals, whose cells pay 0, 1/2 or 1 for every step that begins in them."""
    moves = gridworld(["S" + "." * (side - 1), *["." * side] * (side - 1)], horizon, slip)
    paid = np.random.default_rng(0).integers(3, size=(side**2, 1, 1)) / 2
    law, next_states = moves.probabilities[0], moves.next_states[0]
    return TabularMDP.from_outcomes(law, next_states, np.broadcast_to(paid, law.shape), moves.initial, horizon)


_GRID = ["S....", ".#...", "...H.", ".H...", "....G"]

_BUILDERS: dict[str, tuple[str, Callable[[str, str], Instance]]] = {
    "circular": (
        "garnet (5 states, 3 actions, 3 successors, H = 5), circular policy: interior optimum",
        lambda n, s: _circular(n, s, _garnet()),
    ),
    **{
        f"circular-bandits-{d}": (
            f"{d} copies of a three-armed bandit, one of which is played; circular policy, started at its optimum",
            partial(_circular_bandits, d),
        )
        for d in (4, 8, 16, 32)
    },
    "circular-frozenlake": (
        "FrozenLake 4x4, slippery, H = 20, circular policy, started at its optimum",
        lambda n, s: at_optimum(_circular(n, s, from_gymnasium("FrozenLake-v1", 20))),
    ),
    "garnet": (
        "garnet (5 states, 3 actions, 3 successors, H = 5), tabular softmax",
        lambda n, s: _tabular(n, s, _garnet()),
    ),
    "log-linear": ("the same garnet, log-linear softmax of 4 random features", _log_linear),
    "bandit": (
        "5-armed Bernoulli bandit, tabular softmax",
        lambda n, s: _tabular(n, s, bandit([0.1, 0.3, 0.5, 0.7, 0.9])),
    ),
    "risky-bandit": (
        "a sure 0.6 against 1 with probability 0.55; raters so certain that most votes go to the worse arm",
        lambda n, s: replace(_tabular(n, s, risky_bandit()), link=Logistic(0.15)),
    ),
    "chain": (
        "deterministic chain of 5 states, H = 8, tabular softmax",
        lambda n, s: _tabular(n, s, chain(5, 8)),
    ),
    "gridworld": (
        "5x5 gridworld with a wall and holes, slip 0.1, H = 20, tabular softmax",
        lambda n, s: _tabular(n, s, gridworld(_GRID, 20, slip=0.1)),
    ),
    "stochastic-gridworld": (
        "5x5 gridworld whose cells pay 0, 1/2 or 1, slip 0.3, H = 20, tabular softmax",
        lambda n, s: _tabular(n, s, paying_grid()),
    ),
    "frozenlake": (
        "FrozenLake 4x4, slippery, H = 20, tabular softmax",
        lambda n, s: _tabular(n, s, from_gymnasium("FrozenLake-v1", 20)),
    ),
    "frozenlake-deterministic": (
        "FrozenLake 4x4, not slippery, H = 20, tabular softmax",
        lambda n, s: _tabular(n, s, from_gymnasium("FrozenLake-v1", 20, is_slippery=False)),
    ),
    "cliffwalking": (
        "CliffWalking 4x12, H = 20, tabular softmax",
        lambda n, s: _tabular(n, s, from_gymnasium("CliffWalking-v1", 20)),
    ),
    "taxi": (
        "Taxi (500 states), H = 20, tabular softmax",
        lambda n, s: _tabular(n, s, from_gymnasium("Taxi-v4", 20)),
    ),
}

INSTANCES: dict[str, str] = {name: summary for name, (summary, _) in _BUILDERS.items()}


@lru_cache(maxsize=32)
def get_instance(name: str) -> Instance:
    """Instance of that name, or the user's own from ``module:attribute``.

    Parameters
    ----------
    name : str
        One of `INSTANCES`, or ``module:attribute`` naming an `Instance`, a `TabularMDP` (tabular softmax is then used)
        or a function without arguments that returns either.

    Raises
    ------
    InputError
        If there is no such instance, or the module or attribute cannot be had.
    """
    if ":" in name:
        return _load(name)
    if name not in _BUILDERS:
        raise InputError(
            f"instance must be one of {', '.join(INSTANCES)}, or module:attribute for your own; got {name!r}"
        )
    summary, build = _BUILDERS[name]
    return build(name, summary)


def _called(name: str, build: Callable[[], object]) -> object:
    try:
        return build()
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"instance {name!r}: calling it without arguments failed ({type(error).__name__}: {error}); see to it there"
        ) from error


def _load(name: str) -> Instance:
    module_name, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except InputError:
        raise
    except AttributeError:
        raise InputError(f"instance {name!r}: module {module_name} has no attribute {attribute!r}") from None
    except Exception as error:
        raise InputError(f"instance {name!r}: cannot import {module_name} ({type(error).__name__}: {error})") from error
    if callable(found) and not isinstance(found, TabularMDP | Instance):
        found = _called(name, found)
    if isinstance(found, TabularMDP):
        return _tabular(name, f"your own: {found!r}, tabular softmax", found)
    if isinstance(found, Instance):
        return found
    raise InputError(
        f"instance {name!r} must be a TabularMDP, an Instance or a function returning one, got {type(found).__name__}"
    )
