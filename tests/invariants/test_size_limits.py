"""What is too large is refused from the first size beyond the limit on, and the limit itself passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from estimators import Blocks, ascend
from estimators.ascent import LARGEST_PARAMETER
from estimators.exact_gradient import ExactGradient
from theory import (
    InputError,
    Logistic,
    TabularMDP,
    TabularSoftmax,
    VoteModel,
    bandit,
    chain,
    population_loss,
    votes,
)
from theory.coupled_steps import coupled_steps
from theory.enumeration import enumerate_trajectories
from theory.reward_lattice import common_denominator

UNIFORM = np.full((1, 1, 2), 0.5)


def of_lattice(limit: int) -> Any:
    return TabularMDP(np.ones((1, 2, 1)), [[1 / 7, 1.0]], [1.0], 1).require_lattice()


# Where the limit is, a size that is exactly reached, and what reaches it.
LIMITS: dict[str, tuple[str, int, Callable[[int], Any]]] = {
    # 2 actions, 2 outcomes, 3 steps.
    "trajectories": (
        "theory.enumeration.LARGEST_ENUMERATION", 64, lambda _: enumerate_trajectories(bandit([0.5] * 2, 3))
    ),
    # Two actions at each of two steps.
    "patterns": (
        "theory.dpo_loss.LARGEST_PATTERNS", 4, lambda _: population_loss(bandit([0.5] * 2, 2), UNIFORM, 1.0, Logistic())
    ),
    "pairs": ("theory.coupled_steps.LARGEST_PRODUCT", 36, lambda _: coupled_steps.__wrapped__(chain(3, 2))),
    "lattice": ("theory.reward_lattice.LARGEST_LATTICE", 7, of_lattice),
    "votes": ("theory.votes.LARGEST_TABLE", 5 * 3, lambda _: VoteModel(Logistic(9.25), 3).table(bandit([0.5], 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_the_limit_passes_and_one_less_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, size, use = LIMITS[name]
    for limit in (size + 1, size):
        monkeypatch.setattr(where, limit)
        assert use(limit) is not None
    monkeypatch.setattr(where, size - 1)
    votes._vote_table.cache_clear()
    with pytest.raises(InputError):
        use(size - 1)


def test_a_support_is_listed_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """2^2 times 3 directions."""
    for limit, listed in ((13, True), (12, True), (11, False)):
        monkeypatch.setattr("estimators.directions.ENUMERABLE", limit)
        found = Blocks(2).support(3)
        assert (found is not None) == listed
    with pytest.raises(InputError, match="block_size must be at most the number of parameters 2, got 3"):
        Blocks(3).support(2)
    assert Blocks(2).support(2) is None or len(Blocks(2).support(2)) == 4  # type: ignore[arg-type]


def test_parameters_may_be_as_large_as_the_limit() -> None:
    mdp, policy = bandit([0.2, 0.8]), TabularSoftmax(1, 2)
    edge = LARGEST_PARAMETER
    for start in ([edge, 0.0], [-edge, 0.0], [0.0, -edge]):
        run = ascend(mdp, policy, ExactGradient(), start, 1, 0.1, np.random.default_rng(0))
        assert np.isfinite(run.theta).all()
    beyond = float(np.nextafter(edge, np.inf))
    for start in ([beyond, 0.0], [0.0, -beyond], [[0.0, 0.0], [0.0, beyond]]):
        with pytest.raises(InputError, match=r"theta must be at most 1e\+150 in size, got -?1e\+150 at \["):
            ascend(mdp, policy, ExactGradient(), start, 1, 0.1, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("rewards", "denominator"),
    [
        ([0.0], 1),
        ([1.0], 1),
        ([0.5, 1 / 3], 6),
        ([1 / 9999, 0.0], 9999),
        ([1 / 10_000, 0.5], 10_000),
        ([2 / 3, 3 / 4], 12),
    ],
)
def test_common_denominators(rewards: list[float], denominator: int) -> None:
    assert common_denominator(np.array(rewards)) == (denominator, None)


@pytest.mark.parametrize(
    ("rewards", "culprit"),
    [
        ([1 / 10_001], 1 / 10_001),
        ([0.5, 1 / 9999], 1 / 9999),
        ([0.0, 2**-0.5, 0.5], 2**-0.5),
        ([0.5 + 1e-7], 0.5 + 1e-7),
    ],
)
def test_the_first_reward_that_fits_no_lattice_is_named(rewards: list[float], culprit: float) -> None:
    assert common_denominator(np.array(rewards))[1] == culprit
