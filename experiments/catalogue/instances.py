"""The named instances, and how a user's own becomes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from experiments.catalogue import user_modules
from experiments.catalogue.instance import Instance, at_optimum, content_of, default_link
from experiments.catalogue.lookup import Kind, called
from experiments.catalogue.requirements import require_sound
from theory import (
    CircularPolicy,
    ComplementaryLogLog,
    InputError,
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
    policy_value,
)


def _instance(name: str, summary: str, mdp: TabularMDP, policy: Policy) -> Instance:
    return Instance(name, summary, mdp, policy, np.zeros(policy.dim), default_link(mdp), link_is_default=True)


def _tabular(name: str, summary: str, mdp: TabularMDP) -> Instance:
    return _instance(name, summary, mdp, TabularSoftmax(mdp.n_states, mdp.n_actions))


def _garnet() -> TabularMDP:
    # Of the first 300 seeds, this one has a unique circular optimum, with the largest curvature in its flattest
    # direction.
    return garnet(5, 3, 3, 5, np.random.default_rng(57))


def _circular(name: str, summary: str, mdp: TabularMDP) -> Instance:
    return _instance(name, summary, mdp, CircularPolicy(mdp.n_states, mdp.n_actions, concentration=1.0))


def _random_circular(seed: int, name: str, summary: str) -> Instance:
    return _circular(name, summary, garnet(5, 3, 3, 5, np.random.default_rng(seed)))


def _log_linear(name: str, summary: str) -> Instance:
    mdp = _garnet()
    features = np.random.default_rng(5).uniform(-1, 1, (mdp.n_states, mdp.n_actions, 4))
    return _instance(name, summary, mdp, LogLinearSoftmax(features))


# Of the bandit whose copies `_circular_steps` puts in a row, and steps in all.
_ARMS, N_STEPS = (0.2, 0.5, 0.8), 16


def bandits(n_copies: int) -> TabularMDP:
    """Copies of one three-armed Bernoulli bandit. One of them, drawn uniformly, is played once."""
    law = np.broadcast_to([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]], (n_copies, 3, 2))
    stay = np.broadcast_to(np.arange(n_copies)[:, None, None], law.shape)
    first = np.full(n_copies, 1 / n_copies)
    return TabularMDP.from_outcomes(law, stay, np.broadcast_to([0.0, 1.0], law.shape), first, 1)


def _circular_bandits(n_copies: int, name: str, summary: str) -> Instance:
    return at_optimum(_circular(name, summary, bandits(n_copies)))


def _circular_steps(n_bandits: int, name: str, summary: str) -> Instance:
    """Steps in a row, an angle for each of the first `n_bandits`, started at the optimum.

    The first steps are copies of one bandit. At the optimum the other steps pay as often as these, whatever is done.
    So the law of the return does not depend on their number there, and the Hessian of V is a multiple of the identity.
    """
    one = at_optimum(_circular("", "", bandit(_ARMS)))
    chances = np.full((N_STEPS, n_bandits, 3), float(policy_value(one.mdp, one.policy, one.start)))
    chances[:n_bandits] = _ARMS
    law = np.stack([1 - chances, chances], axis=-1)
    following = np.minimum(np.arange(n_bandits) + 1, n_bandits - 1)[:, None, None]
    next_states, paid = np.broadcast_to(following, law.shape), np.broadcast_to([0.0, 1.0], law.shape)
    mdp = TabularMDP.from_outcomes(law, next_states, paid, np.eye(n_bandits)[0], N_STEPS)
    return replace(_circular(name, summary, mdp), start=np.tile(one.start, n_bandits))


def risky_bandit(sure: float = 0.6, chance: float = 0.55) -> TabularMDP:
    """Two arms, one pull: the first pays `sure`, the second 1 with probability `chance` and otherwise 0."""
    law = [[[1.0, 0.0], [1 - chance, chance]]]
    return TabularMDP.from_outcomes(law, np.zeros((1, 2, 2), dtype=np.int64), [[[sure, 0.0], [0.0, 1.0]]], [1.0], 1)


def paying_grid(slip: float = 0.3, side: int = 5, horizon: int = 20) -> TabularMDP:
    """Square grid without a goal. Every step pays 0, 1/2 or 1, by the cell it begins in."""
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
    "circular-cloglog": (
        "the same, raters of a link that is not symmetric: complementary log-log, scale 3",
        lambda n, s: replace(_circular(n, s, _garnet()), link=ComplementaryLogLog(3.0), link_is_default=False),
    ),
    **{
        f"circular-bandits-{d}": (
            f"{d} copies of a three-armed bandit, one of which is played; circular policy, started at its optimum",
            partial(_circular_bandits, d),
        )
        for d in (4, 8, 16, 32)
    },
    **{
        f"circular-steps-{d}": (
            f"{N_STEPS} steps, of which {d} are three-armed bandits; circular policy, started at its optimum",
            partial(_circular_steps, d),
        )
        for d in (1, 2, 4, 8, 16)
    },
    **{
        f"random-circular-{seed}": (
            f"random garnet {seed} of 24 (5 states, 3 actions, 3 successors, H = 5), none selected; circular policy",
            partial(_random_circular, seed),
        )
        for seed in range(24)
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
        lambda n, s: replace(_tabular(n, s, risky_bandit()), link=Logistic(0.15), link_is_default=False),
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


@lru_cache(maxsize=64)
def _built_in(name: str) -> Instance:
    summary, build = _BUILDERS[name]
    return build(name, summary)


def _accepted(text: str, found: object) -> Instance:
    """Instance made from what a user gave, checked once."""
    if isinstance(found, Instance):
        return _sound(text, found)
    if not isinstance(found, TabularMDP) and not callable(found):
        raise _not_an_instance(text, found)
    return _converted(text, user_modules.loaded_digest(), found)


@lru_cache(maxsize=64)
def _converted(text: str, sources: str, found: object) -> Instance:  # noqa: ARG001  (other sources, another instance)
    made = _as_instance(text, found)
    drawn = callable(found) and not isinstance(found, TabularMDP)
    if drawn and content_of(_as_instance(text, found)) != content_of(made):
        raise InputError(
            f"instance {text!r} must be the same whenever it is built, got two different ones from two calls; "
            "seed what it draws, for example np.random.default_rng(0)"
        )
    return _sound(text, made)


def _as_instance(text: str, found: object) -> Instance:
    built = found
    if callable(found) and not isinstance(found, TabularMDP | Instance):
        build: Callable[[], object] = found
        built = called("instance", text, build)
    if isinstance(built, TabularMDP):
        return _tabular(text, f"your own: {built!r}, tabular softmax", built)
    if isinstance(built, Instance):
        return built
    raise _not_an_instance(text, built)


def _not_an_instance(text: str, found: object) -> InputError:
    return InputError(
        f"instance {text!r} must be a TabularMDP, an Instance or a function returning one, got {type(found).__name__}"
    )


@lru_cache(maxsize=64)
def _sound(text: str, instance: Instance) -> Instance:
    require_sound("instance", text, instance)
    return instance


KIND = Kind("instance", lambda: INSTANCES, _built_in, _accepted)
