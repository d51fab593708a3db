"""Part b: the optimum, and the values of many policies, beside planners."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np
import planners
from ratios import Line, beside, missing, same_number

from theory import TabularMDP, TabularSoftmax, garnet, optimal_value, policy_value

PART = "b"
# States, actions, steps, successors.
SIZES = ((10, 3, 10, 3), (100, 4, 50, 3), (100, 4, 50, 100), (1000, 10, 100, 5), (10_000, 4, 50, 5))
DENSE_ENTRIES = 10**8
Planner = Callable[[TabularMDP], Callable[[], float]]
PLANNERS: tuple[tuple[str, str, Planner], ...] = (
    ("quantecon", "quantecon, dense", planners.quantecon_dense),
    ("quantecon", "quantecon, sparse", planners.quantecon_sparse),
    ("mdptoolbox", "pymdptoolbox", planners.mdptoolbox_sparse),
    ("mdpsolver", "mdpsolver", planners.mdpsolver_discounted),
)
POLICIES = ((100, 5.0), (1000, math.nan))
SOLVES = 10


def lines() -> Iterator[Line]:
    """Time optima at all sizes, and many policies on one MDP."""
    installed = [each for each in PLANNERS if find_spec(each[0])]
    for package in dict.fromkeys(each[0] for each in PLANNERS if each not in installed):
        yield missing(PART, package)
    for size in SIZES:
        mdp = garnet(size[0], size[1], size[3], size[2], np.random.default_rng(0))
        named = "S = {}, A = {}, H = {}, {} successors".format(*size)
        for package, peer, planner in installed:
            if peer == "quantecon, dense" and size[0] ** 2 * size[1] > DENSE_ENTRIES:
                yield Line(PART, f"optimum, {named}, beside {peer}", note="its arrays do not fit in memory")
                continue
            yield from _optimum(mdp, named, package, peer, planner)
    for n_successors in (3, 100):
        yield from _policies(n_successors, [each for each in installed if each[0] == "quantecon"])


def _optimum(mdp: TabularMDP, named: str, package: str, peer: str, planner: Planner) -> Iterator[Line]:
    discounted = package == "mdpsolver"
    if not discounted:
        same_number(optimal_value(mdp), planner(mdp)(), peer)
    yield beside(
        PART,
        f"optimum, {named}, from cold, beside {peer}",
        (lambda: optimal_value(planners.ours(mdp)), 1),
        (lambda: planner(mdp)(), 1),
        wanted=1.0,
        note="from arrays of outcomes to the number" + "; theirs is discounted, 1 - 1/H, to 1e-3" * discounted,
        longest=3.0,
    )
    if package == "quantecon":
        ready = planner(mdp)
        yield beside(
            PART,
            f"optimum, {named}, model ready, beside {peer}",
            (lambda: optimal_value(mdp), 1),
            (ready, 1),
            wanted=1.0,
            longest=3.0,
        )


def _policies(n_successors: int, quantecon: list[tuple[str, str, Planner]]) -> Iterator[Line]:
    n_states, n_actions, horizon = 100, 4, 50
    mdp = garnet(n_states, n_actions, n_successors, horizon, np.random.default_rng(0))
    policy = TabularSoftmax(n_states, n_actions)
    for n, wanted in POLICIES:
        theta = np.random.default_rng(1).normal(size=(n, policy.dim))
        for _, peer, planner in quantecon:
            solve = planner(mdp)
            yield beside(
                PART,
                f"{n} policies, S = 100, A = 4, H = 50, {n_successors} successors, beside solves of {peer}",
                (lambda theta=theta: policy_value(mdp, policy, theta), n),
                (lambda solve=solve: [solve() for _ in range(SOLVES)], SOLVES),
                wanted=wanted,
                note="one policy against one solve",
                longest=4.0,
            )
