"""Joint fit of the whole bound: transient, vote and pair terms over a full factorial grid, and which one is the floor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from theory.errors import InputError

FloatArray = NDArray[np.float64]
Term = Literal["T", "M", "N"]

TERMS: tuple[Term, ...] = ("T", "M", "N")
TITLES: dict[Term, str] = {"T": "transient T", "M": "vote M", "N": "pair N"}
# Exponents (T, M, N) to start from: as stated, and with the sharpened order in M.
STARTS = ((1.0, 0.5, 0.5), (1.0, 1.0, 0.5))
# A term is seen only if it makes up this share of the fit somewhere.
VISIBLE = 0.05
# Largest acceptable condition number of the scaled Jacobian.
CONDITION = 1e4
EXPONENT_BOUND = 10.0
MIN_BOOTSTRAP = 20


@dataclass(frozen=True, eq=False)
class SurfaceFit:
    """A fitted ``a / T**p + b / M**q + c / N**r``.

    Attributes
    ----------
    exponents : dict
        p, q and r under ``"T"``, ``"M"`` and ``"N"``; nan for a term that is absent (its axis infinite throughout).
    intervals : dict
        95% percentile limits of each, replicates resampled jointly over the grid; nan without a bootstrap.
    coefficients : dict
        a, b and c; 0 for a term that is absent.
    residual_log_error : float
        Root-mean-square of log(mean / fit) over the grid points.
    n_points, n_replicates : int
    n_failed : int
        Bootstrap fits that did not converge, left out of the intervals.
    converged : bool
        Whether exponents and coefficients can be trusted: the solver stopped, the data identify every term present,
        and at least 95% of the bootstrap fits converged.
    reason : str
        One line; what is wrong, and what to do, when not converged.
    """

    exponents: dict[Term, float]
    intervals: dict[Term, tuple[float, float]]
    coefficients: dict[Term, float]
    residual_log_error: float
    n_points: int
    n_replicates: int
    n_failed: int
    converged: bool
    reason: str

    def terms(self, n_iterations: ArrayLike, n_queries: ArrayLike, n_pairs: ArrayLike) -> FloatArray:
        """The three terms T, M, N along a last axis of length 3, at settings that broadcast."""
        settings = np.stack(np.broadcast_arrays(*map(_floats, (n_iterations, n_queries, n_pairs))), axis=-1)
        present = [term for term in TERMS if self.coefficients[term] > 0]
        values = np.zeros(settings.shape)
        for k, term in enumerate(TERMS):
            if term in present:
                values[..., k] = self.coefficients[term] * settings[..., k] ** -self.exponents[term]
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
        T, M and N of every grid point, positive; infinity makes a term vanish.
    y : array (n_points, n_replicates) or (n_points,)
        Positive. Replicates are independent; within one, points may depend on each other in any way.
    n_bootstrap : int, default 0
        At least 20 for intervals; 400 make the limits steady to a tenth of the interval.
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
    n_replicates = values.shape[1]
    present = np.isfinite(settings).any(axis=0)
    if settings.shape[0] < 2 * present.sum() or not present.any():
        raise InputError(
            f"the grid must have at least {max(2 * int(present.sum()), 2)} points with a finite axis for "
            f"{int(present.sum())} terms, got {settings.shape[0]}; add points"
        )
    if n_bootstrap and (n_bootstrap < MIN_BOOTSTRAP or rng is None):
        raise InputError(
            f"n_bootstrap must be 0, or at least {MIN_BOOTSTRAP} with a Generator as rng, "
            f"got {n_bootstrap} with rng {rng}; 400 is usual"
        )
    model = _Model(np.log(settings[:, present]))
    log_means = np.log(values.mean(axis=1))
    best, stopped = model.fit(log_means, model.starts(log_means, [start for start in STARTS]))
    problems = [] if stopped else ["the solver did not stop at a minimum; check the data for outliers"]
    problems += model.problems(best, [term for term, there in zip(TERMS, present, strict=True) if there])
    resampled, n_failed = np.empty((0, best.size)), 0
    if n_bootstrap and rng is not None:
        resampled = np.array(list(_resampled(model, best, values, n_bootstrap, rng))).reshape(-1, best.size)
        n_failed = n_bootstrap - len(resampled)
        if n_failed > 0.05 * n_bootstrap:
            problems.append(f"{n_failed} of {n_bootstrap} bootstrap fits failed; add replicates or spread the grid")
    return SurfaceFit(
        exponents=_by_term(present, best[1::2], math.nan),
        intervals=_intervals(present, resampled[:, 1::2]),
        coefficients=_by_term(present, np.exp(best[0::2] + best[1::2] * model.centre), 0.0),
        residual_log_error=float(np.sqrt(np.mean(model.residuals(best, log_means) ** 2))),
        n_points=values.shape[0],
        n_replicates=n_replicates,
        n_failed=n_failed,
        converged=not problems,
        reason="; ".join(problems) or "every term is identified",
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
        A row a point: ``share_T, share_M, share_N``, ``floor`` (the largest other term; None if the others vanish) and
        ``floor_share``.

    Raises
    ------
    InputError
        If the axis is unknown.
    """
    if axis not in TERMS:
        raise InputError(f"axis must be one of {', '.join(TERMS)}, got {axis!r}")
    terms = fit.terms(points["n_iterations"], points["n_queries"], points["n_pairs"])
    total = terms.sum(axis=-1, keepdims=True)
    shares = np.divide(terms, total, out=np.zeros_like(terms), where=total > 0)
    others = shares.copy()
    others[:, TERMS.index(axis)] = -1.0
    floor, floor_share = others.argmax(axis=-1), others.max(axis=-1)
    return pd.DataFrame(
        {f"share_{term}": shares[:, k] for k, term in enumerate(TERMS)}
        | {"floor": [TERMS[k] if s > 0 else None for k, s in zip(floor, floor_share, strict=True)]}
        | {"floor_share": floor_share},
        index=points.index,
    )


def explain_floor(fit: SurfaceFit, points: pd.DataFrame, axis: Term) -> str:
    """One line on the floor at the last point of a sweep, such as why it is flat."""
    if not fit.converged:
        return f"{axis} sweep: the floor is not known, {fit.reason}"
    last = dominant_terms(fit, points, axis).iloc[-1]
    if last["floor"] is None:
        return f"{axis} sweep: no floor, the other terms vanish"
    return f"{axis} sweep: floor is the {TITLES[last['floor']]} term, {last['floor_share']:.0%} of the last point"


class _Model:
    """Least squares on the log scale, parameters (log coefficient at the centre of the grid, exponent) a term."""

    def __init__(self, log_settings: FloatArray) -> None:
        finite = np.where(np.isfinite(log_settings), log_settings, np.nan)
        self.log_settings = log_settings
        self.centre = np.nanmean(finite, axis=0)
        self.offsets = np.where(np.isfinite(log_settings), log_settings - self.centre, 0.0)
        self.absent = ~np.isfinite(log_settings)

    def log_terms(self, parameters: FloatArray) -> FloatArray:
        return np.where(self.absent, -np.inf, parameters[0::2] - parameters[1::2] * self.offsets)

    def residuals(self, parameters: FloatArray, log_means: FloatArray) -> FloatArray:
        residuals: FloatArray = np.logaddexp.reduce(self.log_terms(parameters), axis=1) - log_means
        return residuals

    def jacobian(self, parameters: FloatArray) -> FloatArray:
        """The share of a term, and minus the share times its offset."""
        log_terms = self.log_terms(parameters)
        shares = np.exp(log_terms - np.logaddexp.reduce(log_terms, axis=1)[:, None])
        return np.stack([shares, -shares * self.offsets], axis=-1).reshape(len(shares), -1)

    def starts(self, log_means: FloatArray, exponents: list[tuple[float, ...]]) -> list[FloatArray]:
        raise NotImplementedError

    def fit(self, log_means: FloatArray, starts: list[FloatArray]) -> tuple[FloatArray, bool]:
        raise NotImplementedError
