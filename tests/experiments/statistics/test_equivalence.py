"""Ratios that are 1 up to a margin: error rates on the boundary, families, and what a prediction's own error adds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import bdtrc, stdtr
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from experiments.statistics.equivalence import RatioEstimate, judge_ratios, ratio_of
from theory.errors import InputError


def test_two_one_sided_tests_are_those_of_statsmodels():
    y = 2.0 * (1.01 + 0.1 * np.random.default_rng(0).standard_normal(30))
    (found,) = judge_ratios([ratio_of(y, 2.0)], [0.05])
    p, *_ = ttost_paired(y / 2.0, np.ones(30), -0.05, 0.05)
    assert found.p_exact == pytest.approx(p, rel=1e-10)
    assert found.p_violated == 1.0


def test_families_are_adjusted_by_holm():
    ratios = [RatioEstimate(1.0 + 0.01 * k, 0.01, 40) for k in range(6)]
    found = judge_ratios(ratios, [0.05] * 6)
    alone = [judge_ratios([ratio], [0.05])[0] for ratio in ratios]
    for name in ("p_exact", "p_violated"):
        raw = [min(getattr(one, name), 1.0) for one in alone]
        np.testing.assert_allclose([getattr(one, name) for one in found], multipletests(raw, method="holm")[1])


@pytest.mark.parametrize("truth", [0.95, 1.05])
def test_on_the_boundary_wrong_calls_are_as_rare_as_promised(truth):
    """4,000 samples of 16: each rate that keeps to 5% fails here with probability 1e-6."""
    rng = np.random.default_rng(1)
    exact = violated = 0
    for _ in range(4000):
        (found,) = judge_ratios([ratio_of(truth + 0.05 * rng.standard_normal(16), 1.0)], [0.05])
        exact += found.p_exact <= 0.05
        violated += found.p_violated <= 0.05
    for count in (exact, violated):
        assert bdtrc(count - 1, 4000, 0.05) > 1e-6
    assert exact > 100, "the least favourable case comes near the promise"


def test_the_error_of_the_prediction_counts():
    y = 1.0 + 0.01 * np.random.default_rng(2).standard_normal(50)
    sure, unsure = ratio_of(y, 1.0), ratio_of(y, 1.0, predicted_error=0.04)
    assert unsure.standard_error == pytest.approx(np.hypot(sure.standard_error, 0.04 * sure.ratio))
    assert judge_ratios([sure], [0.05])[0].p_exact < 0.05 < judge_ratios([unsure], [0.05])[0].p_exact
    low, high = sure.limits
    assert stdtr(49, (high - sure.ratio) / sure.standard_error) == pytest.approx(0.975)
    assert low < sure.ratio < high


def test_exact_samples_are_compared_and_nonsense_is_refused():
    assert judge_ratios([ratio_of(np.ones(3), 1.04)], [0.05])[0].p_exact == 0
    assert judge_ratios([ratio_of(np.ones(3), 1.2)], [0.05])[0].p_violated == 0
    assert judge_ratios([], []) == []
    for samples, predicted in ((np.ones(1), 1.0), (np.ones(3), 0.0), (np.ones(3), np.nan)):
        with pytest.raises(InputError, match="samples must be at least 2 and the prediction positive"):
            ratio_of(samples, predicted)
