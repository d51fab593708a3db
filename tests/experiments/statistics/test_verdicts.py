from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from scipy.special import bdtrc, stdtr

from experiments.statistics.power_law import PowerLawFit, fit_power_law
from experiments.statistics.verdicts import Outcome, holm, judge, judge_family, p_values
from theory.errors import InputError

FALSE_ALARM = 1e-6
X = np.geomspace(1e2, 1e6, 5)


@dataclass(frozen=True)
class Stated:
    exponent: float = -0.5
    margin: float = 0.05
    two_sided: bool = True
    limit: Literal["infinity", "zero"] = "infinity"


@dataclass(frozen=True)
class Estimate:
    slope: float
    standard_error: float
    df: int = 9
    ci_low: float = 0.0
    ci_high: float = 0.0

    def p_greater(self, truth: float) -> float:
        return float(stdtr(self.df, -(self.slope - truth) / self.standard_error))

    def p_less(self, truth: float) -> float:
        return float(stdtr(self.df, (self.slope - truth) / self.standard_error))


def noisy_fit(rng: np.random.Generator, slope: float, n_replicates: int, shape: float = 4) -> PowerLawFit:
    return fit_power_law(X, X[:, None] ** slope * rng.gamma(shape, 1 / shape, (X.size, n_replicates)))


def mirrored(fit: Estimate) -> Estimate:
    return Estimate(-fit.slope, fit.standard_error, fit.df)


QUARTER = Stated(margin=0.25)  # boundaries -0.75 and -0.25 are exact in binary


@pytest.mark.parametrize(
    ("slope", "outcome", "tight"),
    [
        (-0.25, Outcome.HOLDS, False),
        (-0.25 - 1e-9, Outcome.HOLDS, True),
        (-0.25 + 1e-9, Outcome.VIOLATED, False),
        (-0.5, Outcome.HOLDS, True),
        (-0.75, Outcome.HOLDS, False),
        (-0.75 + 1e-9, Outcome.HOLDS, True),
        (-2.0, Outcome.HOLDS, False),
        (0.0, Outcome.VIOLATED, False),
    ],
)
def test_exact_slopes_are_compared(slope: float, outcome: Outcome, tight: bool) -> None:
    verdict = judge(Estimate(slope, 0.0, df=0), QUARTER)
    assert (verdict.outcome, verdict.tight) == (outcome, tight)
    mirror = judge(Estimate(-slope, 0.0, df=0), Stated(0.5, 0.25, limit="zero"))
    assert (mirror.outcome, mirror.tight) == (outcome, tight)


@pytest.mark.parametrize(("distance", "called"), [(1.8331, False), (1.8332, True)])
def test_a_call_is_made_where_the_one_sided_limit_crosses_the_boundary(distance: float, called: bool) -> None:
    """Student's t with 9 degrees: the one-sided 95% point is 1.833113."""
    error = 0.01
    holds = judge(Estimate(-0.45 - distance * error, error), Stated())
    violated = judge(Estimate(-0.45 + distance * error, error), Stated())
    assert holds.outcome is (Outcome.HOLDS if called else Outcome.UNDECIDED)
    assert violated.outcome is (Outcome.VIOLATED if called else Outcome.UNDECIDED)
    tight = judge(Estimate(-0.55 + distance * error, error), Stated())
    assert tight.outcome is Outcome.HOLDS
    assert tight.tight is called


def test_p_values_agree_with_the_limits_of_the_fit() -> None:
    """Judged by the printed limits, which come from another formula, every outcome is the same."""
    rng = np.random.default_rng(7)
    seen = set()
    for slope in np.linspace(-0.7, -0.2, 60):
        fit = noisy_fit(rng, float(slope), 8)
        low, high = fit.one_sided(0.95)
        expected = Outcome.HOLDS if high <= -0.45 else Outcome.VIOLATED if low > -0.45 else Outcome.UNDECIDED
        verdict = judge(fit, Stated())
        assert verdict.outcome is expected
        assert verdict.tight == (high < -0.45 and low > -0.55)
        assert (verdict.slope, verdict.ci_low, verdict.ci_high) == (fit.slope, fit.ci_low, fit.ci_high)
        seen.add((expected, verdict.tight))
    assert {outcome for outcome, _ in seen} == set(Outcome) - {Outcome.NOT_APPLICABLE}


def test_the_limit_at_zero_is_the_mirror_image() -> None:
    """O(eps) as eps -> 0 is kept by steep slopes and broken by flat ones."""
    claim = Stated(exponent=1.0, limit="zero")
    assert judge(Estimate(1.5, 0.01), claim).outcome is Outcome.HOLDS
    assert judge(Estimate(0.5, 0.01), claim).outcome is Outcome.VIOLATED
    assert judge(Estimate(0.95, 0.01), claim).outcome is Outcome.UNDECIDED
    for slope in np.linspace(-0.7, -0.3, 9):
        fit = Estimate(float(slope), 0.02)
        assert p_values(mirrored(fit), Stated(0.5, limit="zero")) == p_values(fit, Stated())


def test_tightness_is_said_only_where_it_was_asked() -> None:
    verdict = judge(Estimate(-0.5, 0.001), Stated(two_sided=False))
    assert verdict.outcome is Outcome.HOLDS
    assert not verdict.tight
    assert verdict.p_tight < 1e-6


def test_reasons_are_one_short_line() -> None:
    assert judge(Estimate(-0.5, 0.01), Stated()).reason == (
        "slope -0.500 is at most -0.450 (p = 0.00037); tight (p = 0.00037)"
    )
    assert judge(Estimate(-0.9, 0.001), Stated()).reason.endswith("; not shown tight (p = 1)")
    assert judge(Estimate(0.0, 0.0), Stated()).reason == "slope +0.000 is above -0.450 (p = 0)"
    assert judge(Estimate(0.5, 0.0), Stated(1.0, limit="zero")).reason == "slope +0.500 is below +0.950 (p = 0)"
    assert judge(Estimate(1.5, 0.0), Stated(1.0, two_sided=False, limit="zero")).reason == (
        "slope +1.500 is at least +0.950 (p = 0)"
    )
    assert judge(Estimate(-0.45, 0.1), Stated()).reason == (
        "slope -0.450 is not told apart from -0.450 (p = 0.5); add replicates"
    )


def test_planted_fault_is_called_violated() -> None:
    """Slope -0.25 against -0.5, 20 replicates of gamma(4) noise: standard error 0.02, ten of them past the margin."""
    verdict = judge(noisy_fit(np.random.default_rng(1), -0.25, 20), Stated())
    assert verdict.outcome is Outcome.VIOLATED


def test_sound_slope_is_called_tight() -> None:
    verdict = judge(noisy_fit(np.random.default_rng(1), -0.5, 200), Stated())
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.tight


@pytest.mark.parametrize(("truth", "wrong"), [(-0.45, Outcome.VIOLATED), (-0.4499, Outcome.HOLDS)])
def test_wrong_calls_are_rare_with_few_noisy_replicates(truth: float, wrong: Outcome) -> None:
    """1000 families of 4 replicates with exponential noise, the truth at the boundary, where wrong calls are likeliest.

    False-alarm rate 1e-6, granting the small-sample error of the delta method (a true rate up to 7.5%, against the
    nominal 5%). Detects, with probability 0.99, a true rate above 14%. Most of these outcomes must be UNDECIDED.
    """
    rng = np.random.default_rng(99)
    outcomes = [judge(noisy_fit(rng, truth, 4, shape=1), Stated()).outcome for _ in range(1000)]
    assert bdtrc(outcomes.count(wrong) - 1, 1000, 0.075) > FALSE_ALARM
    assert outcomes.count(Outcome.UNDECIDED) > 700


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).size == 0


def test_holm_agrees_with_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families of 1 to 20 p-values with ties, zeros and ones, judged one by one and as a batch."""
    from statsmodels.stats.multitest import multipletests

    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels collects garbage in every call: 45 ms
    rng = np.random.default_rng(12)
    for n_claims in range(1, 21):
        families = np.round(rng.random((6, n_claims)) ** 3, 2)
        expected = [multipletests(p, method="holm")[1] for p in families]
        np.testing.assert_allclose(holm(families), expected, rtol=1e-12)
        np.testing.assert_allclose(holm(families[0]), expected[0], rtol=1e-12)


def test_family_is_stricter_than_each_alone_and_gentler_than_bonferroni() -> None:
    """Nine plain claims and one with p = 0.020: Holm leaves 0.025 for it, Bonferroni would leave 0.0025."""
    plain = [Estimate(-0.8, 0.01)] * 9
    last = Estimate(-0.45 - 0.01 * 2.398, 0.01)
    claims = [Stated(two_sided=False)] * 10
    assert 0.015 < judge(last, claims[0]).p_holds < 0.0201
    verdicts = judge_family([*plain, last], claims)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.HOLDS] * 10
    weak = [last] * 10
    assert judge(last, claims[0]).outcome is Outcome.HOLDS
    assert [verdict.outcome for verdict in judge_family(weak, claims)] == [Outcome.UNDECIDED] * 10


def test_family_keeps_order_and_calls_both_ways() -> None:
    fits = [Estimate(-0.5, 0.001), Estimate(0.0, 0.001), Estimate(-0.45, 0.001), Estimate(1.0, 0.001)]
    claims = [Stated(), Stated(two_sided=False), Stated(), Stated(1.0, limit="zero")]
    verdicts = judge_family(fits, claims)
    assert [v.outcome for v in verdicts] == [Outcome.HOLDS, Outcome.VIOLATED, Outcome.UNDECIDED, Outcome.HOLDS]
    assert [v.tight for v in verdicts] == [True, False, False, True]
    assert judge_family([], []) == []


def test_family_splits_alpha_between_the_two_calls() -> None:
    """By hand, two claims: Holm's factors 2 and 1 within each family, times 2 for the two families."""
    fits = [Estimate(-0.47, 0.01), Estimate(-0.46, 0.01)]
    raw = [p_values(fit, Stated()) for fit in fits]
    verdicts = judge_family(fits, [Stated()] * 2)
    assert [v.p_holds for v in verdicts] == pytest.approx([4 * raw[0].holds, 2 * raw[1].holds])
    assert [v.p_violated for v in verdicts] == [1.0, 1.0]


def test_family_tightness_is_adjusted_over_the_claims_that_ask() -> None:
    """p_tight = 0.04 alone; with two that ask it is 0.08, with one that asks it stays."""
    fit = Estimate(-0.55 + 0.01 * 1.973, 0.01)
    alone = p_values(fit, Stated()).tight
    assert 0.03 < alone < 0.05
    both = judge_family([fit, fit], [Stated(), Stated()])
    one = judge_family([fit, fit], [Stated(), Stated(two_sided=False)])
    assert [v.p_tight for v in both] == pytest.approx([2 * alone] * 2)
    assert [v.tight for v in both] == [False, False]
    assert [v.p_tight for v in one] == pytest.approx([alone] * 2)
    assert [v.tight for v in one] == [True, False]


def test_family_wise_error_at_the_boundary() -> None:
    """Six claims at the boundary, half of them just false, t estimates with 9 degrees: any wrong call at all.

    2000 families. False-alarm rate 1e-6 against the promised 5%; detects a true rate above 9% with probability 0.99,
    and unadjusted verdicts, wrong in about 26% of the families, with certainty.
    """
    rng = np.random.default_rng(31)
    n_families = 2000
    truths = np.array([-0.45] * 3 + [-0.45 + 1e-9] * 3)
    wrong_call = np.array([Outcome.VIOLATED] * 3 + [Outcome.HOLDS] * 3)
    errors = 0.03 * np.sqrt(rng.chisquare(9, (n_families, 6)) / 9)
    slopes = truths + 0.03 * rng.standard_normal((n_families, 6))
    family_errors = alone_errors = 0
    for slope_row, error_row in zip(slopes.tolist(), errors.tolist(), strict=True):
        fits = [Estimate(slope, error) for slope, error in zip(slope_row, error_row, strict=True)]
        together = np.array([verdict.outcome for verdict in judge_family(fits, [Stated()] * 6)])
        alone = np.array([judge(fit, Stated()).outcome for fit in fits])
        family_errors += bool(np.any(together == wrong_call))
        alone_errors += bool(np.any(alone == wrong_call))
    assert bdtrc(family_errors - 1, n_families, 0.05) > FALSE_ALARM
    assert bdtrc(alone_errors - 1, n_families, 0.05) < FALSE_ALARM


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"alpha must lie strictly between 0 and 1/2, got 0.95; 0.05 is usual"):
        judge(Estimate(0.0, 1.0), Stated(), alpha=0.95)
    with pytest.raises(InputError, match=r"alpha must lie strictly between 0 and 1/2, got 0"):
        judge_family([], [], alpha=0.0)
    with pytest.raises(InputError, match=r"fits must match claims one to one, got 1 for 2; give one fit a claim"):
        judge_family([Estimate(0.0, 1.0)], [Stated(), Stated()])
