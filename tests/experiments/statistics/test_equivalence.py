"""Ratios that are 1 up to a margin: error rates on the boundary, skewness, families, and the prediction's own error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import bdtrc, stdtr
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from experiments.statistics.equivalence import call_at_look, p_values, ratio_of
from experiments.statistics.skewness import SkewedEstimate
from theory.errors import InputError

MARGIN = 0.05


def estimate(ratio: float, error: float, df: int = 40) -> SkewedEstimate:
    return SkewedEstimate(np.asarray(ratio), np.asarray(error), np.asarray(0.0), np.asarray(0.0), df)


def test_two_one_sided_tests_are_those_of_statsmodels_without_skewness():
    half = 0.1 * np.random.default_rng(0).standard_normal(15)
    y = 2.0 * (1.01 + np.concatenate([half, -half]))
    found = p_values(ratio_of(y, 2.0), MARGIN)
    p, *_ = ttost_paired(y / 2.0, np.ones(30), -0.05, 0.05)
    assert found == pytest.approx([p, 1.0], rel=1e-9)


@pytest.mark.parametrize("truth", [0.95, 1.05])
@pytest.mark.parametrize("shape", [16.0, 1.0], ids=["skewness 1/2", "skewness 2"])
def test_on_the_boundary_wrong_calls_are_as_rare_as_promised(truth, shape):
    """10,000 samples of 128: a rate that keeps to 5% fails with probability 1e-6. Student's t does not keep to it."""
    factors = np.random.default_rng(2).gamma(shape, 1 / shape, (10_000, 128))
    y = truth * (1 + 0.2 * np.sqrt(shape) * (factors - 1))
    counts = (p_values(ratio_of(y, 1.0), MARGIN) <= 0.05).sum(axis=1)
    for count in counts:
        assert bdtrc(count - 1, 10_000, 0.05) > 1e-6
    assert counts[0] > 300, "the least favourable case comes near the promise"
    plain = replace(ratio_of(y, 1.0), bend=np.zeros(10_000), offset=np.zeros(10_000))
    if truth > 1 and shape == 1:
        count = (p_values(plain, MARGIN)[0] <= 0.05).sum()
        assert bdtrc(count - 1, 10_000, 0.05) < 1e-6, "planted: without the correction this check fails"


def test_families_are_adjusted_by_holm_and_calls_stay_in_them():
    raw = np.array([p_values(estimate(1.0 + 0.01 * k, 0.01), MARGIN) for k in range(6)]).T
    none = np.zeros_like(raw, dtype=bool)
    first = call_at_look(raw, none, 0.025)
    for call, p in zip(first, raw, strict=True):
        np.testing.assert_array_equal(call, multipletests(p, alpha=0.025, method="holm")[0])
    assert first[0].sum() == 3
    assert not first[1].any()
    # VIOLATED counts in the family of EXACT as never called: 0.012 passes for two that are left, not for three.
    called = np.array([[True, False, False, False], [False, True, False, False]])
    assert not call_at_look(np.full((2, 4), [[0.012], [1.0]]), called, 0.025)[0, 2:].any()
    assert call_at_look(np.full((2, 4), [[0.008], [1.0]]), called, 0.025)[0, 2:].all()
    np.testing.assert_array_equal(call_at_look(np.ones((2, 4)), called, 0.025), called)


def test_the_error_of_the_prediction_counts_and_is_not_skewed():
    y = np.random.default_rng(3).gamma(400.0, 1 / 400, 50)
    sure, unsure = ratio_of(y, 1.0), ratio_of(y, 1.0, predicted_error=0.04)
    assert unsure.standard_error == pytest.approx(np.hypot(sure.standard_error, 0.04 * sure.value))
    assert abs(unsure.bend) < 0.02 * abs(sure.bend)
    assert abs(unsure.offset) < 0.02 * abs(sure.offset)
    assert p_values(sure, MARGIN)[0] < 0.05 < p_values(unsure, MARGIN)[0]


def test_batches_are_the_same_as_one_by_one():
    y = np.random.default_rng(4).gamma(2.0, 0.5, (3, 40))
    together = p_values(ratio_of(y, 1.1, 0.01), MARGIN)
    np.testing.assert_allclose(together, np.array([p_values(ratio_of(row, 1.1, 0.01), MARGIN) for row in y]).T)


def test_exact_samples_are_compared_and_nonsense_is_refused():
    assert p_values(ratio_of(np.ones(3), 1.04), MARGIN) == pytest.approx([0, 1])
    assert p_values(ratio_of(np.ones(3), 1.2), MARGIN) == pytest.approx([1, 0])
    for samples, predicted in ((np.ones(1), 1.0), (np.ones(3), 0.0), (np.ones(3), np.nan)):
        with pytest.raises(InputError, match="samples must be at least 2 and the prediction positive"):
            ratio_of(samples, predicted)


@pytest.mark.parametrize("ratio", [0.85, 0.93, 0.97, 1.0, 1.03, 1.07, 1.15])
def test_p_values_are_tails_of_student_where_nothing_is_skewed(ratio):
    """Within: the larger of two one-sided tails. Outside: twice the smaller, at most 1. Margins as arrays."""
    margins = np.array([0.02, 0.05, 0.1])
    tails = [stdtr(40, (1 - margins - ratio) / 0.03), stdtr(40, (ratio - 1 - margins) / 0.03)]
    outside = [stdtr(40, (ratio - 1 + margins) / 0.03), stdtr(40, (1 + margins - ratio) / 0.03)]
    found = p_values(estimate(ratio, 0.03), margins)
    np.testing.assert_allclose(found[0], np.maximum(*tails), rtol=1e-10)
    np.testing.assert_allclose(found[1], np.minimum(1, 2 * np.minimum(*outside)), rtol=1e-10)


def test_ratios_are_refused_at_both_ends_and_in_arrays():
    for predicted in (0.0, -1.0, np.inf, np.nan):
        for mixed in ([predicted, 1.0], [1.0, predicted]):
            with pytest.raises(InputError, match="samples must be at least 2 and the prediction positive, got 3"):
                ratio_of(np.ones((2, 3)), mixed)
    for n in (0, 1):
        with pytest.raises(InputError, match=f"got {n} and"):
            ratio_of(np.ones((2, n)), 1.0)
    ratio = ratio_of([[1.0, 3.0], [2.0, 2.0]], [4.0, 1.0])
    assert ratio.value.tolist() == [0.5, 2.0]
    assert ratio.standard_error.tolist() == [0.25, 0.0]
