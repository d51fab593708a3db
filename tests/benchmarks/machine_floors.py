"""Part e: the law of the return beside what the machine needs for its products and for its memory alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from ratios import Line, Work, beside

from theory import TabularMDP, TabularSoftmax, from_gymnasium, garnet, return_distribution
from theory.arrays import stage

PART = "e"
WANTED = 0.3


def lines() -> Iterator[Line]:
    """Time the law, on two garnets and FrozenLake."""
    cases = (
        ("garnet S = 5, A = 3, H = 5", garnet(5, 3, 3, 5, np.random.default_rng(57)), 256),
        ("garnet S = 16, A = 4, H = 10", garnet(16, 4, 3, 10, np.random.default_rng(0)), 256),
        ("FrozenLake, H = 100", from_gymnasium("FrozenLake-v1", 100), 64),
    )
    for named, mdp, n_policies in cases:
        policy = TabularSoftmax(mdp.n_states, mdp.n_actions)
        theta = np.random.default_rng(1).normal(size=(n_policies, policy.dim))
        for floor, work in (("products", products), ("memory", passes)):
            yield beside(
                PART,
                f"law of the return, {named}, {n_policies} policies, beside its {floor} alone",
                (lambda mdp=mdp, policy=policy, theta=theta: return_distribution(mdp, policy, theta), n_policies),
                (work(mdp, n_policies), n_policies),
                # The products read and write the arrays as well, so theirs is the floor.
                wanted=WANTED if floor == "products" else math.nan,
                note="a policy",
                longest=3.0,
            )


def _arrays(mdp: TabularMDP, n_policies: int) -> list[np.ndarray]:
    """What the recursion multiplies at every step: (branches, returns so far x policies)."""
    rng = np.random.default_rng(0)
    return [
        rng.random((len(stage(mdp.reward_branches, h).states), (mdp.largest_return_steps[h + 1] + 1) * n_policies))
        for h in range(mdp.horizon)
    ]


def products(mdp: TabularMDP, n_policies: int) -> Work:
    """The products of every step, of arrays that are ready."""
    ready = _arrays(mdp, n_policies)
    last = mdp.horizon - 1
    branches = [stage(mdp.reward_branches, h) for h in range(mdp.horizon)]
    kernels = [each.successors if h < last else each.totals for h, each in enumerate(branches)]
    return lambda: [kernel @ array for kernel, array in zip(kernels, ready, strict=True)]


def passes(mdp: TabularMDP, n_policies: int) -> Work:
    """One pass over the arrays of every step: read one, write one."""
    ready = _arrays(mdp, n_policies)
    written = [np.empty_like(array) for array in ready]
    return lambda: [np.multiply(array, 0.5, out=out) for array, out in zip(ready, written, strict=True)]
