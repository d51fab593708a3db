"""Statistics do not depend on units, orders and names: 8 examples of each by default and 1,000 in the long run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st
from searches import AMOUNTS, SEEDS, search

from experiments.statistics.bounded import improvement, mean_limits
from experiments.statistics.intervals import mean_interval, paired_differences, sign_flip_test
from experiments.statistics.power_law import fit_power_law, fit_slopes
from experiments.statistics.skewness import of_mean, skewness
from experiments.statistics.verdicts import Outcome, holm, judge

NEAR = {"rtol": 1e-7, "atol": 1e-9}
SIZES = {"seed": SEEDS, "n": st.integers(2, 9), "scale": st.sampled_from([0.01, 3.0, 500.0]), "shift": st.floats(-5, 5)}


@AMOUNTS
def test_a_slope_has_no_unit(n_examples: int) -> None:
    """Other units of x and y, points and replicates in another order, 1/x: the slope and its error stay or mirror."""

    def check(seed: int, n: int, scale: float, points: int) -> None:
        rng = np.random.default_rng(seed)
        x, y = rng.lognormal(size=points), rng.gamma(5.0, 0.2, (points, n + 2))
        fit = fit_power_law(x, y)
        order, columns = rng.permutation(points), rng.permutation(n + 2)
        for other, sign, moved in (
            (fit_power_law(x, scale * y), 1, np.log(scale)),
            (fit_power_law(x[order], y[order][:, columns]), 1, 0.0),
            (fit_power_law(scale * x, y), 1, -fit.slope * np.log(scale)),
            (fit_power_law(1 / x, y), -1, 0.0),
        ):
            assert other.slope == pytest.approx(sign * fit.slope, rel=1e-8, abs=1e-10)
            assert other.intercept == pytest.approx(fit.intercept + moved, rel=1e-7, abs=1e-8)
            assert other.standard_error == pytest.approx(fit.standard_error, rel=1e-7)
            assert (other.bend, other.offset) == pytest.approx((sign * fit.bend, sign * fit.offset), rel=1e-6, abs=1e-8)
            limits = (fit.ci_low, fit.ci_high) if sign > 0 else (-fit.ci_high, -fit.ci_low)
            assert (other.ci_low, other.ci_high) == pytest.approx(limits, rel=1e-6, abs=1e-8)
            np.testing.assert_allclose(
                other.local_slopes, sign * np.array(fit.local_slopes)[::sign], rtol=1e-6, atol=1e-8
            )
            if points > 2:
                assert other.curvature == pytest.approx(fit.curvature, rel=1e-5, abs=1e-7)
                assert other.curvature_p_value == pytest.approx(fit.curvature_p_value, rel=1e-4, abs=1e-8)
        batch = fit_slopes(x, np.stack([y, scale * y[:, columns]]))
        for k in range(2):
            assert batch.value[k] == pytest.approx(fit.slope, rel=1e-8, abs=1e-10)
            assert batch.standard_error[k] == pytest.approx(fit.standard_error, rel=1e-6)
            assert batch.bend[k] == pytest.approx(fit.bend, rel=1e-6, abs=1e-8)
            assert batch.offset[k] == pytest.approx(fit.offset, rel=1e-6, abs=1e-8)

    search(n_examples, check, points=st.integers(2, 6), **{k: SIZES[k] for k in ("seed", "n", "scale")})


@AMOUNTS
def test_means_move_with_their_samples(n_examples: int) -> None:
    def check(seed: int, n: int, scale: float, shift: float) -> None:
        rng = np.random.default_rng(seed)
        samples = rng.choice([-1.0, 0.0, 0.3, 2.0], (n, 2, 3)) if seed % 2 else rng.normal(size=(n, 2, 3))
        order = rng.permutation(n)
        for test in (mean_interval, sign_flip_test):
            found, moved, mirrored = test(samples), test(shift + scale * samples[order]), test(-samples)
            for part in ("mean", "low", "high"):
                np.testing.assert_allclose(getattr(moved, part), shift + scale * getattr(found, part), **NEAR)
            np.testing.assert_allclose(mirrored.low, -found.high, **NEAR)
            assert ((found.low <= found.mean + 1e-12) & (found.mean <= found.high + 1e-12)).all()
        flips, scaled, mirrored_flips = (
            sign_flip_test(samples),
            sign_flip_test(scale * samples),
            sign_flip_test(-samples),
        )
        for other in (scaled, mirrored_flips):
            np.testing.assert_allclose(other.p_value, flips.p_value, atol=1e-12)
        assert (flips.p_positive + mirrored_flips.p_positive >= 1 - 1e-12).all()
        np.testing.assert_array_equal(sign_flip_test(samples[:, 1, 2]).p_value, flips.p_value[1, 2])
        np.testing.assert_allclose(skewness(scale * samples + shift), skewness(samples), rtol=1e-5, atol=1e-6)
        estimate = of_mean(np.moveaxis(samples, 0, -1))
        opposite = of_mean(-np.moveaxis(samples, 0, -1))
        np.testing.assert_allclose(estimate.p_greater(shift), opposite.p_less(-shift), **NEAR)
        np.testing.assert_allclose(estimate.limits[0], -opposite.limits[1], **NEAR)

    search(n_examples, check, **SIZES)


@AMOUNTS
def test_comparisons_mirror_and_have_no_unit(n_examples: int) -> None:
    def check(seed: int, n: int, scale: float, shift: float) -> None:
        rng = np.random.default_rng(seed)
        first, second = rng.random((2, n, 4))
        second[0] = first[0]  # ties
        found, swapped = improvement(first, second, 1.0), improvement(second, first, 1.0)
        moved = improvement(scale * first + shift, scale * second + shift, scale)
        for part in ("probability", "low", "high", "p_value"):
            np.testing.assert_allclose(getattr(moved, part), getattr(found, part), atol=1e-12)
        np.testing.assert_allclose(swapped.probability, 1 - found.probability, atol=1e-12)
        np.testing.assert_allclose(swapped.low, 1 - found.high, atol=1e-12)
        np.testing.assert_allclose(swapped.p_value, found.p_value, atol=1e-12)
        inside = (found.low <= 0.5) & (found.high >= 0.5)
        np.testing.assert_array_equal(inside, found.p_value > 0.05)
        low, high = mean_limits(first, 0.0, 1.0)
        other = mean_limits(shift - scale * first, shift - scale, shift)
        np.testing.assert_allclose(other, (shift - scale * high, shift - scale * low), rtol=1e-6, atol=1e-6 * scale)
        assert ((low <= first.mean(axis=0)) & (first.mean(axis=0) <= high)).all()
        assert ((low >= 0) & (high <= 1)).all()
        apart = paired_differences(first, second, 1.0)
        np.testing.assert_array_equal(paired_differences(second, first, 1.0), -apart)
        np.testing.assert_array_equal(apart[0], 0)

    search(n_examples, check, **SIZES)


@AMOUNTS
def test_families_do_not_depend_on_their_order(n_examples: int) -> None:
    """Holm by its definition: the k-th smallest of n is multiplied by n - k, and no smaller than those before it."""

    def check(seed: int, n: int) -> None:
        rng = np.random.default_rng(seed)
        p = rng.choice([0.0, 0.01, 0.04, 0.5, 1.0], (2, n)) if seed % 2 else rng.random((2, n)) ** 3
        order = rng.permutation(n)
        np.testing.assert_allclose(holm(p)[:, order], holm(p[:, order]), rtol=1e-14)
        for row, adjusted in zip(p, holm(p), strict=True):
            for k in range(n):
                smaller = [(n - (row < q).sum()) * q for q in row if q <= row[k]]
                # Equal values have the largest factor of any of them.
                assert adjusted[k] == pytest.approx(min(1.0, max(smaller)), rel=1e-13)

    search(n_examples, check, seed=SEEDS, n=st.integers(1, 8))


@AMOUNTS
def test_a_claim_for_small_x_is_the_mirror_of_one_for_large_x(n_examples: int) -> None:
    def check(seed: int, exponent: float, margin: float, two_sided: bool, exact: bool) -> None:
        rng = np.random.default_rng(seed)
        x = np.array([1.0, 2.0, 5.0, 9.0])
        y = x[:, None] ** (exponent + rng.choice([-1.5, -0.5, 0.0, 0.5, 1.5]) * margin) * (
            np.ones((4, 1)) if exact else rng.gamma(30.0, 1 / 30, (4, 12))
        )
        claims = [
            SimpleNamespace(exponent=sign * exponent, margin=margin, two_sided=two_sided, limit=limit)
            for sign, limit in ((1, "infinity"), (-1, "zero"))
        ]
        large, small = (
            judge(fit_power_law(points, y), claim) for points, claim in zip((x, 1 / x), claims, strict=True)
        )
        if exact and abs(abs(large.slope - exponent) - margin) < 1e-9:
            return  # on the boundary, up to rounding
        assert large.outcome is small.outcome
        assert large.tight == small.tight
        for part in ("p_holds", "p_violated", "p_tight"):
            assert getattr(large, part) == pytest.approx(getattr(small, part), rel=1e-6, abs=1e-9)
        keeps = large.slope <= exponent + margin
        assert large.outcome is not (Outcome.VIOLATED if keeps else Outcome.HOLDS)
        if exact:
            assert large.outcome is (Outcome.HOLDS if keeps else Outcome.VIOLATED)

    search(
        n_examples, check, seed=SEEDS, exponent=st.sampled_from([-1.0, -0.5, 1.0]), margin=st.sampled_from([0.05, 0.2]),
        two_sided=st.booleans(), exact=st.booleans(),
    )  # fmt: skip
