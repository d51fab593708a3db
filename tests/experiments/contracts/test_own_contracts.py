"""The project's own components keep the contracts that users' components are held to.

Draws fail a sound component at a rate of at most 1e-6; some seventy of them are checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from estimators import (
    Baseline,
    Blocks,
    Dpo,
    ExactFeedback,
    ExactGradient,
    Gpomdp,
    LearnedCritic,
    Ppo,
    Reinforce,
    ReturnFeedback,
    RewardModel,
    SignFeedback,
    Sphere,
    ZerothOrder,
    zbcpg,
    zpg,
)
from estimators.feedback import preferences
from estimators.stacked_feedback import StackedFeedback
from experiments.catalogue.lookup import find
from experiments.catalogue.methods import METHODS
from experiments.catalogue.shipped_claims import sharpened_claims, stated_claims
from experiments.contracts import draws
from experiments.contracts.check_component import check_component
from theory import (
    LINKS,
    SHARPENED_RATE,
    STATED_RATE,
    UNBIASED_RATE,
    CircularPolicy,
    HaldaneAnscombe,
    Jackknife,
    Logistic,
    LogLinearSoftmax,
    MajoritySign,
    TabularSoftmax,
    Trimmed,
    bandit,
    chain,
    garnet,
    gridworld,
)

LINK = Logistic(2.0)
FEATURES = np.random.default_rng(0).normal(size=(4, 3, 2))
RATED = {"radius": 0.5, "n_pairs": 3, "n_queries": 5, "link": LINK}

EXACT: dict[str, Any] = {
    **{f"{name}-{scale}": link(scale) for name, link in LINKS.items() for scale in (0.6, 3.0)},
    "trimmed": Trimmed(),
    "trimmed-0.3": Trimmed(0.3),
    "trimmed-beyond": Trimmed(0.3, enforce=False),
    "haldane": HaldaneAnscombe(),
    "jackknife": Jackknife(),
    "majority": MajoritySign(),
    "softmax": TabularSoftmax(3, 2),
    "softmax-staged": TabularSoftmax(3, 2, 4),
    "softmax-large": TabularSoftmax(30, 4),
    "log-linear": LogLinearSoftmax(FEATURES),
    "circular": CircularPolicy(4, 3, 1.0),
    "circular-steep": CircularPolicy(4, 3, 20.0),
    "bandit": bandit([0.2, 0.7], 3),
    "chain": lambda: chain(4, 5, 0.1),
    "gridworld": gridworld(["S.", ".G"], 4, 0.2),
    "garnet": lambda: garnet(4, 2, 2, 3, np.random.default_rng(0), lattice=7),
    **{f"instance-{name}": find("instance", name) for name in ("circular", "chain", "risky-bandit", "log-linear")},
    "stated-rate": STATED_RATE,
    "sharpened-rate": SHARPENED_RATE,
    "unbiased-rate": UNBIASED_RATE,
    "claims": [*stated_claims("quick", "zpg", "N"), *stated_claims("quick", "zpg", "T"), *sharpened_claims()],
}
DRAWN: dict[str, Any] = {
    "sphere": Sphere(),
    **{f"blocks-{size}": Blocks(size) for size in (1, 2, 5)},
    "votes": preferences(3, 5, LINK),
    "votes-simulated": preferences(3, 5, LINK, sampler="rollout"),
    "votes-common": preferences(3, 5, LINK, common_random_numbers=True),
    "votes-infinite": preferences(math.inf, math.inf, LINK),
    "votes-settings": preferences([3, 4], 5, LINK),
    "stacked": StackedFeedback((preferences(3, 5, LINK), preferences(2, 7, LINK))),
    "returns": ReturnFeedback(np.asarray(3)),
    "signs": SignFeedback(3, 4, LINK),
    "exact-feedback": ExactFeedback(),
    "zpg": zpg(**RATED),
    "zpg-settings": zpg(**RATED | {"radius": [[0.5], [0.8]]}),
    "zpg-simulated": zpg(**RATED, sampler="rollout"),
    "zbcpg": zbcpg(block_size=2, **RATED),
    "zo-everything": ZerothOrder(Blocks(1), SignFeedback(3, 4, LINK), 0.5, symmetric=True, n_directions=2),
    **{f"reinforce-{baseline}": Reinforce(2, baseline) for baseline in ("none", "value")},
    "gpomdp": Gpomdp(2, Baseline.VALUE),
    "exact": ExactGradient(),
    "dpo": Dpo(preferences(4, 3, LINK), 0.1, n_steps=5),
    "dpo-online": Dpo(preferences(4, 3, LINK), 0.1, online=True),
    "ppo": Ppo(preferences(4, 3, LINK), RewardModel(LINK), n_rollouts=3),
    "ppo-kl": Ppo(preferences(4, 3, LINK), RewardModel(LINK), n_rollouts=3, critic=LearnedCritic(), kl=0.1),
    **{f"method-{name}": method for name, method in METHODS.items()},
}


def failures(component: Any) -> list[str]:
    outcomes = check_component(component)
    assert len({outcome.name for outcome in outcomes}) == len(outcomes)
    return [f"{outcome.name}: {outcome.sentence}" for outcome in outcomes if not outcome.passed]


@pytest.mark.parametrize("component", EXACT.values(), ids=EXACT)
def test_what_draws_nothing_keeps_its_contract(component: Any) -> None:
    assert failures(component) == []


@pytest.mark.slow
@pytest.mark.parametrize("component", DRAWN.values(), ids=DRAWN)
def test_what_draws_keeps_its_contract(component: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """False-alarm rate 1e-6 each; a fifth of the draws that users' components are checked with."""
    monkeypatch.setattr(draws, "N_DRAWS", 20_000)
    assert failures(component) == []


@pytest.mark.slow
@pytest.mark.parametrize("component", DRAWN.values(), ids=DRAWN)
def test_what_draws_keeps_its_contract_with_all_draws(component: Any) -> None:
    assert failures(component) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["garnet", "gridworld", "stochastic-gridworld", "frozenlake", "cliffwalking", "taxi"])
def test_every_instance_keeps_its_contract(name: str) -> None:
    assert failures(find("instance", name)) == []


@pytest.mark.slow
def test_a_slow_estimator_is_drawn_from_for_some_seconds_only() -> None:
    assert failures(Reinforce(4, Baseline.BEST)) == []


def test_the_seed_decides_the_draws() -> None:
    def figures(seed: int) -> list[float]:
        return [outcome.figure for outcome in check_component(Blocks(2), seed=seed)]

    same: Callable[[int, int], bool] = lambda a, b: np.array_equal(figures(a), figures(b), equal_nan=True)  # noqa: E731
    assert same(1, 1)
    assert not same(1, 2)
