"""Joint fit of the whole bound over a full factorial grid: transient, vote and pair term, and which is the floor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares, nnls
from scipy.special import stdtrit

from theory.errors import InputError

FloatArray = NDArray[np.float64]
Term = Literal["T", "M", "N"]
V = TypeVar("V")

TERMS: tuple[Term, ...] = ("T", "M", "N")
TITLES: dict[Term, str] = {"T": "transient T", "M": "vote M", "N": "pair N"}
# Exponents of T, M, N to start from: as stated, and with the sharpened order in M.
STARTS = ((1.0, 0.5, 0.5), (1.0, 1.0, 0.5))
# A term that is nowhere this share of the fit cannot be told from the errors of the others.
VISIBLE = 0.05
# Largest condition number of the Jacobian, its columns scaled to length 1, that counts as identified.
CONDITION = 1e3
MIN_BOOTSTRAP = 20


@dataclass(frozen=True, eq=False)
class SurfaceFit:
    """A fitted ``a / T**p + b / M**q + c / N**r``.

    Attributes
    ----------
    exponents : dict
        p, q and r under ``"T"``, ``"M"`` and ``"N"``; nan for an absent term, whose axis is infinite throughout.
    intervals : dict
        Two-sided 95% limits of each: bootstrap standard error, Student's t with ``n_replicates - 1`` degrees of
        freedom; nan without a bootstrap.
    coefficients : dict
        a, b and c; 0 for an absent term.
    residual_log_error : float
        Root-mean-square of log(mean / fit) over the grid points.
    n_points, n_replicates : int
    converged : bool
        Whether the numbers can be trusted: the solver stopped and the data identify every term present.
    reason : str
        One line; what is wrong, and what to do, when not converged.
    """

    exponents: dict[Term, float]
    intervals: dict[Term, tuple[float, float]]
    coefficients: dict[Term, float]
    residual_log_error: float
    n_points: int
    n_replicates: int
    converged: bool
    reason: str

    def terms(self, n_iterations: ArrayLike, n_queries: ArrayLike, n_pairs: ArrayLike) -> FloatArray:
        """The terms of T, M and N along a last axis of length 3, at settings that broadcast."""
        axes = [np.asarray(axis, dtype=float) for axis in (n_iterations, n_queries, n_pairs)]
        values = np.zeros((*np.broadcast_shapes(*(axis.shape for axis in axes)), len(TERMS)))
        for k, term in enumerate(TERMS):
            if self.coefficients[term] > 0:
                values[..., k] = self.coefficients[term] * np.where(
                    np.isfinite(axes[k]), axes[k] ** -self.exponents[term], 0.0
                )
        return values

    def predict(self, n_iterations: ArrayLike, n_queries: ArrayLike, n_pairs: ArrayLike) -> FloatArray:
        """Value of the fitted surface, at settings that broadcast."""
        total: FloatArray = self.terms(n_iterations, n_queries, n_pairs).sum(axis=-1)
        return total


def fit_surface(
    n_iterations: ArrayLike,
    n_queries: ArrayLike,
    n_pairs: ArrayLike,
    y: ArrayLike,
    *,
    n_bootstrap: int = 0,
    rng: np.random.Generator | None = None,
) -> SurfaceFit:
    """Fit the sum of three power laws to the logs of replicate means.

    Parameters
    ----------
    n_iterations, n_queries, n_pairs : array (n_points,)
        T, M and N of every grid point, positive; infinity makes a term vanish, but not all three at a point.
    y : array (n_points, n_replicates) or (n_points,)
        Positive. Replicates are independent; within one, points may depend on each other in any way.
    n_bootstrap : int, default 0
        Resamples of whole replicates, at least 20; 400 put the width of an interval within 7%.
    rng : numpy.random.Generator, optional
        Required when ``n_bootstrap > 0``.

    Returns
    -------
    SurfaceFit
        What the data do not identify is reported there (`converged`, `reason`), not raised.

    Raises
    ------
    InputError
        If an argument is not as described, or there are fewer points than parameters.
    """
    settings, values = _checked(n_iterations, n_queries, n_pairs, y)
    if n_bootstrap and (n_bootstrap < MIN_BOOTSTRAP or rng is None or values.shape[1] < 2):
        raise InputError(
            f"n_bootstrap must be 0, or at least {MIN_BOOTSTRAP} with an rng and 2 replicates, got {n_bootstrap} with "
            f"{'no rng' if rng is None else 'an rng'} and {values.shape[1]} replicates; 400 is usual"
        )
    present = np.asarray(np.isfinite(settings).any(axis=0))
    if settings.shape[0] < 2 * present.sum():
        raise InputError(f"the grid must have at least {2 * present.sum()} points, got {settings.shape[0]}; add points")
    model = _Model.of(settings[:, present])
    means = values.mean(axis=1)
    starts = [model.start(means, np.array(start)[present]) for start in STARTS]
    fits = [model.solve(means, start) for start in starts]
    best, stopped = min(fits, key=lambda fit: float(np.sum(model.residuals(fit[0], means) ** 2)))
    problems = model.problems(best, [term for term, there in zip(TERMS, present, strict=True) if there])
    if not stopped:
        problems.insert(0, "the solver did not stop at a minimum; look for outliers")
    half_widths = np.full(best.size // 2, math.nan)
    if n_bootstrap and rng is not None:
        half_widths = _half_widths(model, best, values, n_bootstrap, rng)
    exponents = best[1::2]
    limits = zip((exponents - half_widths).tolist(), (exponents + half_widths).tolist(), strict=True)
    return SurfaceFit(
        exponents=_by_term(present, exponents.tolist(), math.nan),
        intervals=_by_term(present, list(limits), (math.nan, math.nan)),
        coefficients=_by_term(present, np.exp(best[0::2] + exponents * model.centre).tolist(), 0.0),
        residual_log_error=float(np.sqrt(np.mean(model.residuals(best, means) ** 2))),
        n_points=values.shape[0],
        n_replicates=values.shape[1],
        converged=not problems,
        reason="; ".join(problems) or "every term present is identified",
    )


def dominant_terms(fit: SurfaceFit, points: pd.DataFrame, axis: Term) -> pd.DataFrame:
    """Tell, along a sweep, what share each term has and which other term is the floor.

    Parameters
    ----------
    fit : SurfaceFit
    points : DataFrame
        Columns ``n_iterations, n_queries, n_pairs``, one row a grid point.
    axis : {"T", "M", "N"}
        The axis that is swept: its own term is no floor.

    Returns
    -------
    DataFrame
        A row a point: ``share_T, share_M, share_N``, ``floor`` (the largest other term; empty if the others vanish) and
        ``floor_share``.

    Raises
    ------
    InputError
        If the axis is unknown.
    """
    if axis not in TERMS:
        raise InputError(f"axis must be one of {', '.join(TERMS)}, got {axis!r}")
    terms = fit.terms(points["n_iterations"], points["n_queries"], points["n_pairs"])
    shares = terms / terms.sum(axis=-1, keepdims=True)
    others = shares * [term != axis for term in TERMS]
    largest = others.max(axis=-1)
    floor = np.where(largest > 0, np.array(TERMS)[others.argmax(axis=-1)], "")
    columns = {f"share_{term}": shares[:, k] for k, term in enumerate(TERMS)}
    return pd.DataFrame(columns | {"floor": floor, "floor_share": largest}, index=points.index)


def explain_floor(fit: SurfaceFit, points: pd.DataFrame, axis: Term) -> str:
    """One line on the floor at the last point of a sweep: why it is flat, if it is."""
    last = dominant_terms(fit, points, axis).iloc[-1]
    if not fit.converged:
        return f"{axis} sweep: the floor is not known: {fit.reason}"
    if not last["floor"]:
        return f"{axis} sweep: no floor, the other terms vanish"
    return f"{axis} sweep: floor is the {TITLES[last['floor']]} term, {last['floor_share']:.0%} of the last point"


@dataclass(frozen=True, eq=False)
class _Model:
    """Log of the sum; parameters are, a term, its log at the centre of the grid and its exponent.

    `offsets` (n_points, n_terms) are logs of the settings from their centre (n_terms,), 0 where a term is `absent`.
    """

    offsets: FloatArray
    centre: FloatArray
    absent: NDArray[np.bool_]

    @classmethod
    def of(cls, settings: FloatArray) -> _Model:
        absent = np.isinf(settings)
        logs = np.log(settings, where=~absent, out=np.zeros_like(settings))
        centre = logs.sum(axis=0) / (~absent).sum(axis=0)
        return cls(np.where(absent, 0.0, logs - centre), centre, absent)

    def log_terms(self, parameters: FloatArray) -> FloatArray:
        return np.where(self.absent, -np.inf, parameters[0::2] - parameters[1::2] * self.offsets)

    def residuals(self, parameters: FloatArray, means: FloatArray) -> FloatArray:
        residuals: FloatArray = np.logaddexp.reduce(self.log_terms(parameters), axis=1) - np.log(means)
        return residuals

    def shares(self, parameters: FloatArray) -> FloatArray:
        log_terms = self.log_terms(parameters)
        return np.exp(log_terms - np.logaddexp.reduce(log_terms, axis=1, keepdims=True))

    def jacobian(self, parameters: FloatArray) -> FloatArray:
        shares = self.shares(parameters)
        return np.stack([shares, -shares * self.offsets], axis=-1).reshape(len(shares), -1)

    def start(self, means: FloatArray, exponents: FloatArray) -> FloatArray:
        """Coefficients of given exponents that bring the ratio to the means nearest to 1, kept positive."""
        powers = np.where(self.absent, 0.0, np.exp(-exponents * self.offsets)) / means[:, None]
        coefficients = nnls(powers, np.ones(len(means)))[0]
        smallest = 1e-3 / powers.max(axis=0)
        return np.stack([np.log(np.maximum(coefficients, smallest)), exponents], axis=-1).ravel()

    def solve(self, means: FloatArray, start: FloatArray) -> tuple[FloatArray, bool]:
        solution = least_squares(lambda trial: self.residuals(trial, means), start, self.jacobian, method="lm")
        return solution.x, solution.status > 0

    def problems(self, parameters: FloatArray, names: list[Term]) -> list[str]:
        """What the data do not identify, one line each."""
        found = []
        for k, name in enumerate(names):
            share = float(self.shares(parameters)[:, k].max())
            if np.unique(self.offsets[~self.absent[:, k], k]).size < 2:
                found.append(f"{name} takes one finite value, so its exponent is not identified; vary {name}")
            elif share < VISIBLE:
                found.append(f"the {name} term is at most {share:.1%} of the fit; add points of small {name}")
        jacobian = self.jacobian(parameters)
        lengths = np.linalg.norm(jacobian, axis=0)
        if not found and np.linalg.cond(jacobian / lengths) > CONDITION:
            found.append("the terms cannot be told apart; vary T, M and N independently and over a wider range")
        return found


def _half_widths(
    model: _Model, best: FloatArray, values: FloatArray, n_bootstrap: int, rng: np.random.Generator
) -> FloatArray:
    """Half widths of the intervals of the exponents; a resample is a vector of multinomial counts of replicates."""
    n_replicates = values.shape[1]
    counts = rng.multinomial(n_replicates, np.full(n_replicates, 1 / n_replicates), size=n_bootstrap)
    resampled = np.array([model.solve(values @ count / n_replicates, best)[0][1::2] for count in counts])
    # A bootstrap variance is short by the factor (R - 1) / R.
    errors = resampled.std(axis=0, ddof=1) * math.sqrt(n_replicates / (n_replicates - 1))
    half_widths: FloatArray = stdtrit(n_replicates - 1, 0.975) * errors
    return half_widths


def _by_term(present: NDArray[np.bool_], values: list[V], missing: V) -> dict[Term, V]:
    given = iter(values)
    return {term: next(given) if there else missing for term, there in zip(TERMS, present, strict=True)}


def _checked(
    n_iterations: ArrayLike, n_queries: ArrayLike, n_pairs: ArrayLike, y: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Settings (n_points, 3) in the order of TERMS, and y as (n_points, n_replicates)."""
    settings = [np.asarray(axis, dtype=float) for axis in (n_iterations, n_queries, n_pairs)]
    values = np.asarray(y, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.size == 0 or any(axis.shape != values.shape[:1] for axis in settings):
        shapes = ", ".join(str(axis.shape) for axis in settings)
        raise InputError(
            "n_iterations, n_queries, n_pairs and the rows of y must match one to one, "
            f"got {shapes} and {np.shape(y)}; give one of each a grid point"
        )
    if not np.all(np.isfinite(values) & (values > 0)):
        raise InputError("y must be positive and finite, got a value that is not; fit a quantity that has a logarithm")
    grid = np.stack(settings, axis=1)
    bad = np.flatnonzero(~(grid > 0).all(axis=1) | np.isinf(grid).all(axis=1))
    if bad.size:
        raise InputError(
            f"T, M and N must be positive and not all infinite, got {grid[bad[0]]} at point {bad[0]}; leave it out"
        )
    return grid, values
