from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from experiments.surface import Term, dominant_terms, explain_floor, fit_surface
from theory.errors import InputError

AXES = ([128.0, 512.0, 2048.0, 8192.0], [4.0, 32.0, 256.0, 2048.0], [1e2, 1e4, 1e6])
T, M, N = (np.array(column) for column in zip(*itertools.product(*AXES), strict=True))
TRUTH: dict[Term, float] = {"T": 1.0, "M": 0.5, "N": 0.5}
COEFFICIENTS: dict[Term, float] = {"T": 4.5, "M": 0.3, "N": 0.5}


def surface(p: float = 1.0, q: float = 0.5, r: float = 0.5, a: float = 4.5, b: float = 0.3, c: float = 0.5) -> NDArray:
    return a / T**p + b / M**q + c / N**r


def noisy(mean: NDArray, seed: int, n_replicates: int = 16, relative_sd: float = 0.1) -> NDArray:
    shape = relative_sd**-2
    return mean[:, None] * np.random.default_rng(seed).gamma(shape, 1 / shape, (mean.size, n_replicates))


@pytest.mark.parametrize("exponents", [(1.0, 0.5, 0.5), (1.0, 1.0, 0.5), (0.7, 0.3, 0.8), (2.0, 1.0, 1.0)])
def test_exact_surface_is_recovered(exponents: tuple[float, float, float]) -> None:
    fit = fit_surface(T, M, N, surface(*exponents))
    assert fit.converged, fit.reason
    assert list(fit.exponents.values()) == pytest.approx(exponents, abs=1e-6)
    assert list(fit.coefficients.values()) == pytest.approx([4.5, 0.3, 0.5], rel=1e-5)
    assert fit.residual_log_error < 1e-8
    np.testing.assert_allclose(fit.predict(T, M, N), surface(*exponents), rtol=1e-6)
    assert all(math.isnan(limit) for limits in fit.intervals.values() for limit in limits)


def test_intervals_are_those_of_the_delta_method() -> None:
    """Independent route: one Gauss-Newton step of each replicate's pseudo-values, its standard error over replicates.

    Deterministic given the seed; the bootstrap of 1000 has an error of 2%, the linearisation of a few percent.
    """
    y = noisy(surface(), 1)
    fit = fit_surface(T, M, N, y, n_bootstrap=1000, rng=np.random.default_rng(2))
    means = y.mean(axis=1)
    shares = fit.terms(T, M, N) / fit.predict(T, M, N)[:, None]
    jacobian = np.hstack([shares, -shares * np.log(np.stack([T, M, N], axis=1))])
    steps = np.linalg.lstsq(jacobian, y / means[:, None] - 1)[0][3:]
    errors = steps.std(axis=1, ddof=1) / math.sqrt(16)
    half_widths = [(high - low) / 2 for low, high in fit.intervals.values()]
    assert half_widths == pytest.approx(2.13145 * errors, rel=0.1)  # Student's t, 15 degrees
    for term, (low, high) in fit.intervals.items():
        assert (low + high) / 2 == pytest.approx(fit.exponents[term])
        assert abs(fit.exponents[term] - TRUTH[term]) < 5 / 2.13145 * (high - low) / 2


def test_bootstrap_keeps_points_of_a_replicate_together() -> None:
    """A factor common to all points of a replicate says nothing of exponents: resampled jointly, it cancels."""
    common = np.random.default_rng(3).gamma(4, 0.25, 16)
    y = noisy(surface(), 4, relative_sd=0.01)
    narrow = fit_surface(T, M, N, y, n_bootstrap=100, rng=np.random.default_rng(5)).intervals
    shared = fit_surface(T, M, N, y * common, n_bootstrap=100, rng=np.random.default_rng(5)).intervals
    for term in TRUTH:
        assert np.ptp(shared[term]) < 2 * np.ptp(narrow[term])


def test_intervals_cover() -> None:
    """120 surfaces of 8 replicates, 60 resamples: each exponent within its 95% interval.

    At most 20 misses of 120 a term: false-alarm rate 1e-6 for a true rate of 5%; sees, with probability 0.98, a rate
    of 25%, that of intervals half as wide.
    """
    rng = np.random.default_rng(6)
    misses = dict.fromkeys(TRUTH, 0)
    for seed in range(120):
        fit = fit_surface(T, M, N, noisy(surface(), 100 + seed, 8), n_bootstrap=60, rng=rng)
        for term, (low, high) in fit.intervals.items():
            misses[term] += not low < TRUTH[term] < high
    assert max(misses.values()) <= 20


def test_infinity_makes_a_term_vanish() -> None:
    infinite = np.full(T.size, math.inf)
    fit = fit_surface(T, M, infinite, surface(c=0.0))
    assert fit.converged, fit.reason
    assert (fit.exponents["T"], fit.exponents["M"]) == pytest.approx((1.0, 0.5), abs=1e-6)
    assert math.isnan(fit.exponents["N"])
    assert fit.coefficients["N"] == 0
    assert fit.predict(128.0, math.inf, 7.0) == pytest.approx(4.5 / 128)
    some = np.where(N == 1e6, math.inf, N)
    mixed = fit_surface(T, M, some, np.where(np.isinf(some), surface(c=0.0), surface()))
    assert list(mixed.exponents.values()) == pytest.approx([1.0, 0.5, 0.5], abs=1e-6)


def test_what_is_not_identified_is_said() -> None:
    rng = np.random.default_rng(7)
    invisible = fit_surface(T, M, N, noisy(surface(b=1e-9), 8))
    assert not invisible.converged
    assert "the M term is at most" in invisible.reason
    assert "add points of small M" in invisible.reason
    two_constants = fit_surface(T, M, N, noisy(surface(q=0.0, r=0.0), 9))
    assert not two_constants.converged
    one_level = np.where(N > 1e2, math.inf, N)
    single = fit_surface(T, M, one_level, np.where(np.isinf(one_level), surface(c=0.0), surface()))
    assert not single.converged
    assert single.reason == "N takes one finite value, so its exponent is not identified; vary N"
    path = 2.0 ** np.arange(8)
    diagonal = fit_surface(64 * path, 8 * path**2, 64 * path**2, rng.gamma(100, 0.01, (8, 4)) / path[:, None])
    assert not diagonal.converged


def test_residual_shows_a_wrong_form() -> None:
    """The product of the terms is no sum of them: the fit is off by far more than exact data allow."""
    assert fit_surface(T, M, N, 1 / (T * np.sqrt(M) * np.sqrt(N))).residual_log_error > 0.3


def test_floor_of_a_flat_sweep_is_named() -> None:
    """Shares by hand: at T = 512, N = 1e6, M infinite, the transient is 4.5 / 512 against 0.5 / 1000."""
    fit = fit_surface(T, M, N, surface())
    sweep = pd.DataFrame({"n_iterations": 512.0, "n_queries": math.inf, "n_pairs": [1e2, 1e4, 1e6]}, index=[5, 6, 7])
    shares = dominant_terms(fit, sweep, "N")
    transient, pair = 4.5 / 512, 0.5 / 1e3
    assert shares["share_T"].iloc[-1] == pytest.approx(transient / (transient + pair), rel=1e-4)
    np.testing.assert_allclose(shares[["share_T", "share_M", "share_N"]].sum(axis=1), 1)
    assert shares["floor"].tolist() == ["T"] * 3
    assert shares.index.tolist() == [5, 6, 7]
    assert explain_floor(fit, sweep, "N") == "N sweep: floor is the transient T term, 95% of the last point"
    by_t = pd.DataFrame({"n_iterations": [1e2, 1e5], "n_queries": 16.0, "n_pairs": 1e4})
    assert dominant_terms(fit, by_t, "T")["floor"].tolist() == ["M", "M"]
    isolated = by_t.assign(n_queries=math.inf, n_pairs=math.inf)
    assert explain_floor(fit, isolated, "T") == "T sweep: no floor, the other terms vanish"
    unknown = fit_surface(T, M, N, noisy(surface(b=1e-9), 8))
    assert explain_floor(unknown, sweep, "N").startswith("N sweep: the floor is not known: the M term is at most")


def test_same_seed_same_intervals() -> None:
    y = noisy(surface(), 10)
    first, again, other = (
        fit_surface(T, M, N, y, n_bootstrap=20, rng=np.random.default_rng(seed)).intervals for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_bad_arguments_are_refused() -> None:
    y = surface()
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"T, M and N must be positive and not all infinite, got .* at point 0"):
        fit_surface(T, M, -N, y)
    with pytest.raises(InputError, match="n_iterations, n_queries, n_pairs and the rows of y must match one to one"):
        fit_surface(T, M, N, y[:-1])
    with pytest.raises(InputError, match="y must be positive and finite"):
        fit_surface(T, M, N, 0 * y)
    with pytest.raises(
        InputError, match=r"positive and not all infinite, got .*inf inf inf.* at point 0; leave it out"
    ):
        fit_surface(np.full(8, math.inf), np.full(8, math.inf), np.full(8, math.inf), np.ones(8))
    with pytest.raises(InputError, match="the grid must have at least 6 points, got 4"):
        fit_surface(T[:4], M[:4], N[:4], y[:4])
    with pytest.raises(InputError, match="n_bootstrap must be 0, or at least 20 with an rng and 2 replicates"):
        fit_surface(T, M, N, y, n_bootstrap=400, rng=rng)
    with pytest.raises(InputError, match="with no rng"):
        fit_surface(T, M, N, noisy(y, 0), n_bootstrap=400)
    with pytest.raises(InputError, match="axis must be one of T, M, N, got 'eps'"):
        dominant_terms(fit_surface(T, M, N, y), pd.DataFrame(), "eps")  # type: ignore[arg-type]
