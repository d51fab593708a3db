"""How many examples are searched, and random problems to search among."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import TabularMDP, TabularSoftmax
from theory.arrays import FloatArray, IntArray

# Examples of each invariant by default, and in the long run.
FEW, MANY = 8, 1000
AMOUNTS = pytest.mark.parametrize("n_examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
N_STATES, N_ACTIONS, N_OUTCOMES, LATTICE = 3, 2, 2, 4
SEEDS = st.integers(0, 2**32 - 1)


def search(n_examples: int, check: Callable[..., None], **strategies: Any) -> None:
    """Look for an example that breaks a check, among the same examples each time."""
    settings(max_examples=n_examples, deadline=None, derandomize=True, database=None)(given(**strategies)(check))()


def outcomes(rng: np.random.Generator, stages: tuple[int, ...]) -> tuple[FloatArray, IntArray, FloatArray]:
    """Probabilities, next states and rewards of a random MDP; some outcomes have no probability."""
    shape = (*stages, N_STATES, N_ACTIONS, N_OUTCOMES)
    law = rng.dirichlet(np.full(N_OUTCOMES, 0.7), shape[:-1])
    law[rng.random(shape[:-1]) < 0.2] = [1.0, 0.0]
    return law, rng.integers(0, N_STATES, shape), rng.integers(0, LATTICE + 1, shape) / LATTICE


def problem(
    rng: np.random.Generator, horizon: int, staged: bool, timed: bool, n_batch: int = 3
) -> tuple[TabularMDP, TabularSoftmax, FloatArray]:
    """A random MDP, a softmax policy, and a batch of parameters, some far out."""
    stages = (horizon,) if staged else ()
    mdp = TabularMDP.from_outcomes(*outcomes(rng, stages), rng.dirichlet(np.ones(N_STATES)), horizon)
    policy = TabularSoftmax(N_STATES, N_ACTIONS, horizon if timed else None)
    return mdp, policy, rng.choice([0.3, 2.0, 10.0]) * rng.normal(size=(n_batch, policy.dim))
