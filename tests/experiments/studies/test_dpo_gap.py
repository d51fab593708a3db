from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.studies.dpo_gap import (
    BETAS,
    FAMILIES,
    MEANS,
    NOISES,
    dpo_gaps,
    noisy_bandit,
    noisy_chain,
    over_instances,
)
from theory import Logistic, TabularSoftmax, chain, occupancy, return_distribution


@pytest.fixture(scope="module")
def named() -> pd.DataFrame:
    """The chain and the bandit, whole."""
    return dpo_gaps({family: FAMILIES[family] for family in ("chain", "bandit")})


def test_no_gap_without_noise() -> None:
    """Every instance of the figure; the theorem says 0, and rounding leaves some 1e-15."""
    gaps = dpo_gaps(noises=[0.0])
    assert len(gaps) == 14 * len(BETAS)
    assert gaps["gap"].abs().max() < 1e-10
    assert gaps["gradient_norm"].max() < 1e-12
    assert (gaps["agreement"] == 1).all()
    # Most of them have something to gain, so that 0 is not for want of a choice.
    assert (gaps["optimum"] - gaps["reference_value"] > 1e-3).mean() > 0.8


def test_noise_opens_the_gap() -> None:
    members = dict(list(FAMILIES["random"].items())[:4])
    gaps = dpo_gaps({"random": members}, betas=[0.3], noises=[0.5])
    assert gaps["gap"].between(1e-7, 1).all()
    assert gaps["gap"].max() > 1e-3


def test_columns_agree(named: pd.DataFrame) -> None:
    assert len(named) == 2 * len(BETAS) * len(NOISES)
    assert named["gap"].min() > -1e-12
    assert named["gradient_norm"].max() < 1e-12
    np.testing.assert_allclose(named["optimum"] - named["value"], named["gap"], rtol=0, atol=1e-15)
    gain = named["optimum"] - named["reference_value"]
    assert (gain > -1e-12).all()
    known = named["relative_gap"].notna()
    np.testing.assert_allclose((named["relative_gap"] * gain)[known], named["gap"][known], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(known, (named["family"] == "bandit") | (named["noise"] < 1))


def test_gaps_of_chain_and_bandit(named: pd.DataFrame) -> None:
    gap = named.set_index(["family", "beta", "noise"])["gap"]
    chains = gap["chain"]
    noisy = chains[chains.index.get_level_values("noise").isin(NOISES[1:-1])]
    assert noisy.min() > 1e-4
    assert chains[0.1].max() == pytest.approx(0.2165, abs=1e-4)
    # Actions without effect: DPO leaves the reference, which is optimal, when that is cheap.
    assert chains[0.1][1.0] == pytest.approx(0.0842, abs=1e-4)
    assert chains[0.3][1.0] == pytest.approx(0.0963, abs=1e-4)
    assert chains[[1.0, 3.0]].loc[:, 1.0].abs().max() < 1e-10
    for beta in BETAS:
        assert (np.diff(gap["bandit"][beta]) > 0).all()
    assert gap["bandit"].max() == pytest.approx(2.02e-4, rel=0.01)


def test_some_gaps_exceed_what_was_to_gain(named: pd.DataFrame) -> None:
    """DPO may end below its reference."""
    worse = named[named["relative_gap"] > 1]
    assert len(worse) > 0
    assert (worse["value"] < worse["reference_value"]).all()
    assert set(worse["family"]) == {"chain"}


@pytest.mark.parametrize("noise", [0.0, 0.4, 1.0])
def test_families_are_mixtures(noise: float) -> None:
    quiet, loud = (np.concatenate(chain(3, 4, slip).successor_kernels) for slip in (0.0, 0.5))
    (kernel,) = noisy_chain(noise).successor_kernels
    np.testing.assert_allclose(kernel, (1 - noise) * quiet + noise * loud, rtol=0, atol=1e-15)
    for at in FAMILIES["random"].values():
        mdp = at(noise)
        (kernel,) = mdp.successor_kernels
        assert np.allclose(np.max(np.asarray(kernel), axis=1), 1 - noise + noise / mdp.n_states)
        assert np.allclose(np.min(np.asarray(kernel), axis=1), noise / mdp.n_states)
        assert mdp.reward_lattice in (1, 2, 4)
        np.testing.assert_array_equal(mdp.initial, np.eye(mdp.n_states)[0])
    np.testing.assert_allclose(noisy_bandit(noise).expected_reward.ravel(), MEANS, rtol=0, atol=1e-15)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_bandit_pays_its_mean_or_all_or_nothing(noise: float) -> None:
    policy = TabularSoftmax(1, len(MEANS))
    law = return_distribution(noisy_bandit(noise), policy, np.zeros(policy.dim))
    mean = np.array(MEANS)
    spread = noise * np.mean(mean * (1 - mean)) + np.var(mean)
    assert float(law.variance) == pytest.approx(spread, abs=1e-14)
    assert occupancy(noisy_bandit(noise), policy, np.zeros(policy.dim)).shape == (1, 1)


def test_instances_are_drawn_once() -> None:
    again = dpo_gaps({"random": dict(list(FAMILIES["random"].items())[:1])}, betas=[1.0], noises=[0.5])
    pd.testing.assert_frame_equal(again, dpo_gaps({"random": FAMILIES["random"]}, [1.0], [0.5]).head(1))


def test_the_link_matters() -> None:
    """The sharper the raters, the less linear their link on the range of returns, and the more rewards' noise costs."""
    gaps = [
        dpo_gaps({"bandit": FAMILIES["bandit"]}, [0.3], [1.0], Logistic(scale))["gap"].item() for scale in (0.2, 0.5, 1)
    ]
    assert gaps == pytest.approx([3.18e-2, 2.73e-3, 2.02e-4], rel=0.01)


def test_summary_is_over_instances() -> None:
    frame = pd.DataFrame(
        {
            "family": ["a", "a", "b", "a"],
            "instance": ["x", "y", "z", "x"],
            "noise": [0.0, 0.0, 0.0, 1.0],
            "beta": [1.0, 1.0, 1.0, 1.0],
            "gap": [1.0, 3.0, 5.0, 7.0],
        }
    )
    summary = over_instances(frame)
    assert list(summary.columns) == ["family", "beta", "noise", "mean", "low", "high"]
    assert summary[["mean", "low", "high"]].to_numpy().tolist() == [[2, 1, 3], [5, 5, 5], [7, 7, 7]]
