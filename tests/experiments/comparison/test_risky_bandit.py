"""Most votes go to the worse arm: rewards and likelihood ratios follow the votes, ZPG follows the return."""

from __future__ import annotations

import math

import numpy as np
import pytest

from estimators import PreferenceData, RewardModel, ZerothOrder
from estimators.feedback import preferences
from experiments.catalogue.instances import risky_bandit
from experiments.catalogue.lookup import find
from theory import HaldaneAnscombe, MajoritySign, VoteModel, dpo_optimum, policy_value

INSTANCE = find("instance", "risky-bandit")
MDP, LINK = INSTANCE.mdp, INSTANCE.link
SURE, CHANCE = 0.6, 0.55


def reading(model: VoteModel) -> float:
    """Expected reading of the risky arm against the sure one, whose sign is the arm that a method moves to."""
    table = model.table(MDP)
    gain, loss = (table.mean[np.argmin(np.abs(table.differences - x))] for x in (1 - SURE, -SURE))
    return CHANCE * float(gain) + (1 - CHANCE) * float(loss)


def test_the_sure_arm_is_better_and_most_votes_go_to_the_other() -> None:
    sure, risky = (float(policy_value(MDP, INSTANCE.policy, [x, -x])) for x in (50.0, -50.0))
    assert (sure, risky) == pytest.approx((SURE, CHANCE))
    share = CHANCE * LINK.probability(1 - SURE) + (1 - CHANCE) * LINK.probability(-SURE)
    assert share > 0.52


@pytest.mark.parametrize(("n_queries", "right"), [(1, False), (25, True), (1000, True), (math.inf, True)])
def test_inverting_each_pair_finds_the_better_arm_once_there_are_votes_enough(n_queries: float, right: bool) -> None:
    assert (reading(VoteModel(LINK, n_queries)) < 0) == right


def test_the_inverted_reading_tends_to_the_difference_of_the_returns() -> None:
    assert reading(VoteModel(LINK, math.inf)) == pytest.approx(CHANCE - SURE, abs=1e-12)
    assert reading(VoteModel(LINK, 100_000, HaldaneAnscombe())) == pytest.approx(CHANCE - SURE, abs=1e-3)


@pytest.mark.parametrize("n_queries", [1, 25, math.inf])
def test_majority_signs_pair_by_pair_choose_the_worse_arm_whatever_the_votes(n_queries: float) -> None:
    assert reading(VoteModel(LINK, n_queries, MajoritySign())) > 0


@pytest.mark.parametrize(("n_pairs", "right"), [(1, False), (5, True), (32, True)])
def test_majority_signs_of_batches_choose_the_better_arm(n_pairs: int, right: bool) -> None:
    """ZSPO's one comparison of N trajectories of the risky arm against N of the sure one."""
    zspo = find("method", "zspo").build(INSTANCE.policy.dim, preferences(n_pairs, 5, LINK), 1.0)
    assert isinstance(zspo, ZerothOrder)
    sure = np.array([40.0, -40.0])
    assert (float(zspo.feedback.moments(MDP, INSTANCE.policy, -sure, sure).mean) < 0) == right


def test_a_reward_model_with_all_pairs_and_votes_ranks_the_arms_wrongly() -> None:
    """All pairs of arms, with the exact share of the votes between them: the data of infinitely many pairs."""
    share = CHANCE * LINK.probability(1 - SURE) + (1 - CHANCE) * LINK.probability(-SURE)
    data = PreferenceData(np.array([[-1.0, 1.0]]), np.array([float(share)]), math.inf)
    sure, risky = RewardModel(LINK).fit(data)
    assert risky - sure == pytest.approx(float(LINK.inverse(share)), abs=1e-6)
    assert risky > sure


@pytest.mark.parametrize("beta", [0.01, 0.1, 1.0])
def test_dpo_with_infinitely_much_data_prefers_the_worse_arm(beta: float) -> None:
    found = dpo_optimum(MDP, np.full((1, 1, 2), 0.5), beta, LINK)
    assert found.probabilities[0, 0, 1] > 0.5
    # Arms that pay for certain leave no gap: the noise does it.
    calm = risky_bandit(chance=1.0)
    assert dpo_optimum(calm, np.full((1, 1, 2), 0.5), beta, LINK).gap == pytest.approx(0, abs=1e-9)
