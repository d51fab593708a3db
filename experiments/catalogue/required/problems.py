"""Small problems on which components that users write are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np

from theory import CircularPolicy, Link, Logistic, Policy, TabularMDP, TabularSoftmax, garnet
from theory.arrays import FloatArray

T = TypeVar("T")

# Parameters and steps of the circular garnets, in the order in which they are tried: large blocks need many parameters,
# steep links few steps.
SIZES = ((3, 3), (6, 3), (3, 1), (6, 1), (16, 3), (64, 3))


@dataclass(frozen=True, eq=False)
class SmallProblem:
    """A problem that has all that an instance has.

    Attributes
    ----------
    name, summary : str
    mdp : TabularMDP
    policy : Policy
    start : array (dim,)
        Where nothing is symmetric.
    link : Link
    link_is_default : bool
    """

    name: str
    summary: str
    mdp: TabularMDP
    policy: Policy
    start: FloatArray
    link: Link
    link_is_default: bool = False

    def thetas(self, batch: tuple[int, ...]) -> FloatArray:
        """Parameters around the start, (batch..., dim), far apart and the same at every call."""
        noise = np.random.default_rng(31).normal(size=(*batch, self.policy.dim))
        return np.asarray(self.start + noise)


@lru_cache(maxsize=64)
def circular_garnet(dim: int, horizon: int = 3) -> SmallProblem:
    """Garnet of so many states and two actions under a circular policy: one parameter a state."""
    mdp = garnet(dim, 2, min(2, dim), horizon, np.random.default_rng(7), lattice=2)
    return _problem(f"circular-garnet-{dim}", mdp, CircularPolicy(dim, 2, concentration=1.0))


@lru_cache(maxsize=1)
def tabular_garnet() -> SmallProblem:
    """The smallest of these garnets under a tabular softmax policy."""
    return _problem("tabular-garnet", circular_garnet(3).mdp, TabularSoftmax(3, 2))


def first_accepted(use: Callable[[SmallProblem], T]) -> tuple[SmallProblem, T]:
    """Find the first problem that can be used so, and what comes of it.

    Raises
    ------
    Exception
        What the first problem raised, if all of them do.
    """
    raised: Exception | None = None
    builders: tuple[Callable[[], SmallProblem], ...] = (
        *(partial(circular_garnet, *size) for size in SIZES),
        tabular_garnet,
    )
    for build in builders:
        problem = build()
        try:
            return problem, use(problem)
        except Exception as error:
            raised = raised or error
    assert raised is not None
    raise raised


def matching_mdp(policy: Policy) -> TabularMDP:
    """Random MDP of a policy's size, the same at every call."""
    horizon = policy.horizon or 3
    rng = np.random.default_rng(0)
    return garnet(policy.n_states, policy.n_actions, min(policy.n_states, 3), horizon, rng, lattice=4)


def _problem(name: str, mdp: TabularMDP, policy: Policy) -> SmallProblem:
    start = np.random.default_rng(5).uniform(0.4, 1.2, policy.dim)
    return SmallProblem(name, f"{mdp!r}, to try components on", mdp, policy, start, Logistic(mdp.horizon / 2))
