"""Power-law fits: the slope of the log of a replicate mean against log x, with its sampling error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.statistics.repeats import repeat_each_other
from experiments.statistics.shown import Shown
from experiments.statistics.skewness import SkewedEstimate, skewness
from theory.arrays import FloatArray
from theory.errors import InputError, require_integer, require_kind
from theory.validation import real_array

TWO_SIDED_LEVEL = 0.95
# Smaller standard errors of a slope are rounding.
SMALLEST_ERROR = 1e-12


@dataclass(frozen=True)
class PowerLawFit(Shown):
    """A fitted power law ``y = exp(intercept) * x**slope``, with standard error and intervals.

    Attributes
    ----------
    slope, intercept : float
        Of the least-squares line through (log x, log of the replicate mean).
    standard_error : float
        Of the slope; 0 for exactly computed values, infinite if replicates repeat each other.
    bend, offset : float
        First correction of the law of the slope's error; see `experiments.statistics.skewness.SkewedEstimate`.
    df : int
        ``n_replicates - 1``, for Student's t.
    n_points, n_replicates : int
    local_slopes, local_slope_standard_errors : tuple of float, length n_points - 1
        Between consecutive points, in the order of increasing x.
    curvature : float
        Coefficient of the square of the centred log x when it is added to the line; nan below 3 points.
    curvature_p_value : float
        Two-sided t test of no curvature; nan below 3 points or for exactly computed values.
    bootstrap_low, bootstrap_high : float
        Percentile 95% limits of the slope. Replicates are resampled jointly over the points. nan without a bootstrap.
    """

    slope: float
    intercept: float
    standard_error: float
    bend: float
    offset: float
    df: int
    n_points: int
    n_replicates: int
    local_slopes: tuple[float, ...]
    local_slope_standard_errors: tuple[float, ...]
    curvature: float
    curvature_p_value: float
    bootstrap_low: float
    bootstrap_high: float

    shown_columns = ("slope", "standard_error", "n_points", "n_replicates", "local_slopes", "curvature_p_value")

    def in_words(self) -> str:
        """The slope with its interval."""
        return f"slope {self.slope:+.3f}, 95% interval [{self.ci_low:+.3f}, {self.ci_high:+.3f}]"

    @property
    def ci_low(self) -> float:
        """Lower two-sided 95% limit of the slope, Student's t corrected for skewness."""
        return self.one_sided((1 + TWO_SIDED_LEVEL) / 2)[0]

    @property
    def ci_high(self) -> float:
        """Upper two-sided 95% limit of the slope."""
        return self.one_sided((1 + TWO_SIDED_LEVEL) / 2)[1]

    def one_sided(self, level: float) -> tuple[float, float]:
        """Lower and upper limit of the slope, each one-sided at ``level``, for instance 0.95."""
        if not 0 < level < 1:
            raise InputError(f"level must lie strictly between 0 and 1, got {level:g}; 0.95 is usual")
        if self.standard_error == 0:
            return self.slope, self.slope
        if self.standard_error == math.inf:
            return -math.inf, math.inf
        low, high = self._estimate.one_sided(level)
        return float(low), float(high)

    def p_greater(self, truth: float) -> float:
        """p-value of the evidence that the true slope is greater; see `SkewedEstimate.p_greater`."""
        return float(self._estimate.p_greater(truth))

    def p_less(self, truth: float) -> float:
        """p-value of the evidence that the true slope is less."""
        return float(self._estimate.p_less(truth))

    @property
    def _estimate(self) -> SkewedEstimate:
        value, error, bend, offset = np.array([self.slope, self.standard_error, self.bend, self.offset])
        return SkewedEstimate(value, error, bend, offset, self.df)

    def predict(self, x: ArrayLike) -> FloatArray:
        """Value of the fitted power law at ``x``, broadcast."""
        predicted: FloatArray = np.exp(self.intercept + self.slope * np.log(np.asarray(x, dtype=float)))
        return predicted


def fit_power_law(
    x: ArrayLike, y: ArrayLike, *, n_bootstrap: int = 0, rng: np.random.Generator | None = None
) -> PowerLawFit:
    """Fit a power law to replicate means.

    Replicates are independent. The points of one replicate may depend on each other in any way: separate runs, prefixes
    of one run, or common random numbers. The line is fitted to the influence pseudo-values
    ``log(mean_i) + (y_ir - mean_i) / mean_i``, clustered by replicate. Their mean over r is the log of the replicate
    mean, and their covariance is that of the delta method. Lack of fit is the same in every replicate and orthogonal
    to the regressors, so it is not part of the standard error. `curvature` reports it.

    Parameters
    ----------
    x : array (n_points,)
        Positive and distinct, in any order.
    y : array (n_points, n_replicates) or (n_points,)
        Positive. A single column holds exactly computed values, with standard error 0. Of several columns no two may be
        equal: such replicates are not independent, and the standard error is infinite.
    n_bootstrap : int, default 0
        Bootstrap resamples, a check on the t interval.
    rng : numpy.random.Generator, optional
        Required when ``n_bootstrap > 0``, unused otherwise.

    Returns
    -------
    PowerLawFit

    Raises
    ------
    InputError
        If x or y is not as described, or a bootstrap is asked for without a generator.

    References
    ----------
    A. C. Cameron, D. L. Miller, "A Practitioner's Guide to Cluster-Robust Inference", Journal of Human Resources
    50 (2015), section VI: for few clusters, Student's t with the number of clusters minus 1 as degrees of freedom.
    """
    log_x, values = _checked(x, y)
    n_points, n_replicates = values.shape
    df = n_replicates - 1
    exact, repeated = n_replicates == 1, repeat_each_other(values)
    means = values.mean(axis=1)
    log_means = np.log(means)
    influence = (values - means[:, None]) / means[:, None]
    pseudo_values = log_means[:, None] + influence

    centred = log_x - log_x.mean()
    (level, slope), (_, standard_error), _ = _clustered(np.stack([np.ones(n_points), centred], axis=1), pseudo_values)
    curvature, curvature_p_value = math.nan, math.nan
    if n_points >= 3:
        design = np.stack([np.ones(n_points), centred, centred**2], axis=1)
        (_, _, curvature), _, (_, _, curvature_p_value) = _clustered(design, pseudo_values)

    steps = np.diff(log_x)
    local_influence = np.diff(influence, axis=0) / steps[:, None]
    local_errors = np.zeros(n_points - 1) if exact else local_influence.std(axis=1, ddof=1) / math.sqrt(n_replicates)
    weights = _weights(log_x)
    bend, offset = (
        (0.0, 0.0) if exact else (float(part) for part in _bend_and_offset(weights, influence, weights @ influence))
    )
    bootstrap_low, bootstrap_high = _bootstrap_limits(centred, values, n_bootstrap, rng)
    return PowerLawFit(
        slope=slope,
        intercept=level - slope * float(log_x.mean()),
        # Copies that differ by a factor repeat each other too: only rounding is left of the error.
        standard_error=math.inf if repeated or (not exact and standard_error < SMALLEST_ERROR) else standard_error,
        bend=bend,
        offset=offset,
        df=df,
        n_points=n_points,
        n_replicates=n_replicates,
        local_slopes=tuple((np.diff(log_means) / steps).tolist()),
        local_slope_standard_errors=tuple(local_errors.tolist()),
        curvature=curvature,
        curvature_p_value=curvature_p_value,
        bootstrap_low=bootstrap_low,
        bootstrap_high=bootstrap_high,
    )


def fit_slopes(x: ArrayLike, y: ArrayLike) -> SkewedEstimate:
    """Slopes of `fit_power_law` for a batch of tables, in closed form.

    Parameters
    ----------
    x : array (n_points,)
        Positive and distinct.
    y : array (..., n_points, n_replicates)
        Positive, at least two replicates; not checked.
    """
    weights = _weights(np.log(np.asarray(x, dtype=float)))
    values = np.asarray(y, dtype=float)
    n_points, n_replicates = values.shape[-2:]
    means = values.mean(axis=-1)
    relative = values / means[..., None] - 1
    influence = np.einsum("p,...pr->...r", weights, relative)
    small_sample = (n_points * n_replicates - 1) / (n_points * n_replicates - 2)
    slopes: FloatArray = np.log(means) @ weights
    errors: FloatArray = influence.std(axis=-1, ddof=1) * math.sqrt(small_sample / n_replicates)
    return SkewedEstimate(slopes, errors, *_bend_and_offset(weights, relative, influence), n_replicates - 1)


def _weights(log_x: FloatArray) -> FloatArray:
    """Weights of the points in the slope of the least-squares line."""
    centred = log_x - log_x.mean()
    return np.asarray(centred / (centred @ centred))


def _bend_and_offset(weights: FloatArray, relative: FloatArray, influence: FloatArray) -> tuple[FloatArray, FloatArray]:
    """First correction of the law of the slope's error.

    It takes relative deviations (..., n_points, n_replicates) and the influence of each replicate (..., n_replicates).

    Besides the skewness c of a replicate's influence, the logarithm is bent, and the standard error falls where a mean
    is large. With v the variances of the points, k their covariances with the influence, s its standard deviation and
    w the weights: bend ``c / 3 - sum(w k^2) / (2 s^3)`` and offset ``c / 6 - sum(w k^2) / (2 s^3) + sum(w v) / (2 s)``.
    It is the expansion of P. Hall, *The Bootstrap and Edgeworth Expansion* (1992), section 2.4, for this statistic.
    """
    n_replicates = relative.shape[-1]
    deviation = influence.std(axis=-1, ddof=1)
    shared = np.einsum("...r,...pr->...p", influence, relative) / (n_replicates - 1)
    skew = skewness(influence)
    variances = (relative**2).sum(axis=-1) / (n_replicates - 1)
    # Where nothing varies there is nothing to correct.
    scale = np.where(deviation > 0, deviation, np.inf)
    by_error, by_log = (shared**2 @ weights) / (2 * scale**3), (variances @ weights) / (2 * scale)
    return skew / 3 - by_error, skew / 6 - by_error + by_log


def _checked(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Log x in increasing order, and y as (n_points, n_replicates) in the same order."""
    points, values = real_array("x", x), real_array("y", y)
    if points.ndim != 1 or points.size < 2:
        raise InputError(f"x must be one-dimensional with at least 2 points, got shape {points.shape}; add points")
    if not np.all(np.isfinite(points) & (points > 0)):
        raise InputError(f"x must be positive and finite, got {_first(points, points > 0)}; remove this point")
    order = np.argsort(points)
    repeated = np.diff(points[order]) == 0
    if repeated.any():
        at = points[order][:-1][repeated][0]
        raise InputError(f"x must be distinct, got {at:g} twice; put replicates of a point in the columns of y")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[0] != points.size or values.shape[1] == 0:
        raise InputError(
            f"y must have shape ({points.size}, n_replicates) to match x, got {np.shape(y)}; give one row per point"
        )
    if not np.all(np.isfinite(values) & (values > 0)):
        raise InputError(
            f"y must be positive and finite, got {_first(values, values > 0)}; "
            "fit a quantity that has a logarithm, such as a squared gradient norm"
        )
    return np.log(points[order]), values[order]


def _first(array: FloatArray, positive: NDArray[np.bool_]) -> str:
    """Name the first entry that is not positive and finite, with its index."""
    index = np.argwhere(~(positive & np.isfinite(array)))[0].tolist()
    return f"{array[tuple(index)]:g} at {index}"


def _clustered(design: FloatArray, pseudo_values: FloatArray) -> tuple[list[float], list[float], list[float]]:
    """Least squares over (points, replicates), clustered by replicate: coefficients, standard errors, p-values."""
    from statsmodels.regression.linear_model import OLS  # late: costs two seconds

    n_points, n_replicates = pseudo_values.shape
    if n_replicates == 1:  # exact values, nothing to infer
        coefficients = np.linalg.lstsq(design, pseudo_values[:, 0])[0]
        return coefficients.tolist(), [0.0] * design.shape[1], [math.nan] * design.shape[1]
    results = OLS(pseudo_values.ravel(), np.repeat(design, n_replicates, axis=0)).fit(
        cov_type="cluster", cov_kwds={"groups": np.tile(np.arange(n_replicates), n_points)}, use_t=True
    )
    # Rounding may leave a variance of nothing just below 0.
    with np.errstate(invalid="ignore", divide="ignore"):
        return results.params.tolist(), np.nan_to_num(results.bse, nan=0.0).tolist(), results.pvalues.tolist()


def _bootstrap_limits(
    centred: FloatArray, values: FloatArray, n_bootstrap: int, rng: np.random.Generator | None
) -> tuple[float, float]:
    """Percentile limits of the slope. A resample of replicates is a vector of multinomial counts."""
    require_integer("n_bootstrap", n_bootstrap, 0)
    if n_bootstrap == 0:
        return math.nan, math.nan
    if rng is None:
        raise InputError(f"rng must be given when n_bootstrap > 0, got None with {n_bootstrap}; pass a Generator")
    require_kind("rng", rng, np.random.Generator, "np.random.default_rng(0)")
    n_replicates = values.shape[1]
    counts = rng.multinomial(n_replicates, np.full(n_replicates, 1 / n_replicates), size=n_bootstrap)
    slopes = np.log(counts @ values.T / n_replicates) @ centred / (centred @ centred)
    low, high = np.quantile(slopes, [(1 - TWO_SIDED_LEVEL) / 2, (1 + TWO_SIDED_LEVEL) / 2])
    return float(low), float(high)
