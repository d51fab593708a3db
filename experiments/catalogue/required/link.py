"""What a link must be: a strictly increasing sigma with sigma(0) = 1/2, its inverse and its derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.catalogue.required.outcome import CheckOutcome, judged, members, run_checks, shape_outcome
from experiments.catalogue.required.policy import quotient
from theory import InputError, Link
from theory.arrays import FloatArray
from theory.links import check_invertible

# Differences of returns that a link without an instance is looked at on: the widest at which it does not saturate.
HORIZONS = (5.0, 2.0, 1.0, 0.5, 0.1)
N_GRID, N_SLOPES = 401, 41
EPS = float(np.finfo(np.float64).eps)
# Nearer to 0 or 1 than this, two neighbours may round to one number.
RESOLVED = 1e-9
# A bend by this share of the largest slope is a kink, and the least share of places without one.
KINK, LEAST_SMOOTH = 0.05, 0.75
FUNCTIONS = ("probability", "inverse", "derivative", "second_derivative")


@dataclass(frozen=True, eq=False)
class TriedLink:
    """A link with the differences of returns that it is tried on: `n_grid` of them in [-H, H], the widest possible."""

    link: Any
    horizons: tuple[float, ...]
    n_grid: int

    @cached_property
    def horizon(self) -> float | None:
        """H, None if the link saturates on all."""
        return next((h for h in self.horizons if _invertible(self.link, h)), None)

    @cached_property
    def wide(self) -> float:
        """H, the smallest one if the link saturates on all."""
        return self.horizons[-1] if self.horizon is None else self.horizon

    @cached_property
    def x(self) -> FloatArray:
        """Differences, ascending."""
        return np.linspace(-self.wide, self.wide, self.n_grid)

    @cached_property
    def p(self) -> FloatArray:
        """Probabilities of these."""
        return np.asarray(self.link.probability(self.x.copy()), dtype=np.float64)


def link_outcomes(link: Any, horizon: float | None = None, n_grid: int = N_GRID) -> Iterator[CheckOutcome]:
    """Check a link on [-H, H].

    Parameters
    ----------
    link : Link
    horizon : float, optional
        H; by default the largest of 5, 2, 1, 1/2 and 1/10 at which the link does not saturate.
    n_grid : int
        Differences that it is looked at.
    """
    tried = TriedLink(link, HORIZONS if horizon is None else (horizon,), n_grid)
    yield from run_checks(CHECKS, tried, gates=4)


def _members(tried: TriedLink) -> Iterator[CheckOutcome]:
    yield members(tried.link, ("symmetric",), FUNCTIONS)


def _any_shape(tried: TriedLink) -> Iterator[CheckOutcome]:
    """One number and whole arrays, entry by entry the same."""
    near = 0.01 * np.linspace(-1, 1, 6).reshape(2, 3)
    for name in FUNCTIONS:
        function, given = getattr(tried.link, name), near + 0.5 if name == "inverse" else near
        what = f"numbers from {name}()"
        outcome = shape_outcome("any shape", what, given.shape, function(given.copy()))
        if outcome.passed:
            outcome = shape_outcome("any shape", what, (), function(float(given[1, 0])))
        if outcome.passed:
            alone, within = float(function(float(given[1, 0]))), float(np.asarray(function(given.copy()))[1, 0])
            required = f"give the same {what} alone and within an array"
            same = abs(alone - within) <= 1e-9 * abs(alone)
            outcome = judged("any shape", same, required, f"{alone:.6g} and {within:.6g}", "compute entry by entry")
        if not outcome.passed:
            break
    yield outcome


def _half_at_zero(tried: TriedLink) -> Iterator[CheckOutcome]:
    value = float(tried.link.probability(0.0))
    remedy = "equal returns leave a rater undecided"
    yield judged("half at zero", abs(value - 0.5) <= 1e-12, "have sigma(0) = 1/2", f"{value:.6g}", remedy, value)


def _not_saturated(tried: TriedLink) -> Iterator[CheckOutcome]:
    wide = tried.wide
    low, high = float(tried.link.probability(-wide)), float(tried.link.probability(wide))
    yield judged(
        "not saturated",
        tried.horizon is not None,
        f"stay away from 0 and 1 on [{-wide:g}, {wide:g}]",
        f"sigma({-wide:g}) = {low:.3g} and sigma({wide:g}) = {high:.3g}",
        f"use a larger scale, such as {2 * wide:g}",
        wide,
    )


def _within_0_and_1(tried: TriedLink) -> Iterator[CheckOutcome]:
    x, p = tried.x, tried.p
    inside = np.isfinite(p) & (p >= 0) & (p <= 1)
    worst = int(np.argmin(inside))
    came = f"[{p.min():.3g}, {p.max():.3g}]" if inside.all() else f"{p[worst]:.6g} at {x[worst]:.3g}"
    yield judged("within 0 and 1", inside.all(), "be a probability", came, "correct sigma there")


def _increasing(tried: TriedLink) -> Iterator[CheckOutcome]:
    x, p = tried.x, tried.p
    rise, edge = np.diff(p), np.minimum(p, 1 - p)
    resolved = np.minimum(edge[1:], edge[:-1]) > RESOLVED
    rises = np.where(resolved, rise > 0, rise >= -4 * EPS)
    worst = int(np.argmin(np.where(rises, np.inf, rise)))
    came = f"sigma({x[worst]:.4g}) = {p[worst]:.6g} and sigma({x[worst + 1]:.4g}) = {p[worst + 1]:.6g}"
    required = f"be strictly increasing on [{x[0]:.3g}, {x[-1]:.3g}]"
    remedy = "the better of two returns must be preferred more often"
    yield judged("increasing", rises.all(), required, came, remedy, rise.min())


def _inverse(tried: TriedLink) -> Iterator[CheckOutcome]:
    """Round trip; rounding of sigma near 0 and 1 is granted."""
    x, p = tried.x, tried.p
    found = np.asarray(tried.link.inverse(p.copy()), dtype=np.float64)
    error = np.where(np.isfinite(found), np.abs(found - x), np.inf)
    allowed = 1e-9 * max(1.0, tried.wide) + 64 * EPS / np.maximum(np.gradient(p, x), EPS)
    worst = int(np.argmax(error - allowed))
    came = f"inverse({p[worst]:.6g}) = {found[worst]:.6g} where sigma({x[worst]:.6g}) = {p[worst]:.6g}"
    required = "have inverse(sigma(x)) = x"
    yield judged("inverse", (error <= allowed).all(), required, came, "solve p = sigma(x) for x", error.max())


def _derivatives(tried: TriedLink) -> Iterator[CheckOutcome]:
    """The first against quotients of sigma, the second against quotients of the first."""
    link, step = tried.link, 1e-3 * tried.wide
    # Off round numbers, where a link may have a kink.
    x = tried.wide * (0.99 * np.linspace(-1, 1, N_SLOPES) + 0.0023)
    for name, function, claimed in (
        ("derivative", link.probability, link.derivative),
        ("second derivative", link.derivative, link.second_derivative),
    ):
        given = np.asarray(claimed(x.copy()), dtype=np.float64)
        measured, slack, smooth = _slopes(function, x, step)
        largest = float(np.abs(measured[smooth]).max())
        error = np.where(np.isfinite(given), np.abs(given - measured), np.inf) * smooth
        allowed = slack + 1e-9 * max(largest, 1 / tried.wide)
        worst = int(np.argmax(error - allowed))
        came = f"{given[worst]:.6g} at {x[worst]:.4g}, where the slope is {measured[worst]:.6g}"
        required, remedy = f"have the right {name}", "differentiate with respect to x, the scale included"
        yield judged(name, (error <= allowed).all(), required, came, remedy, error.max())


def _slopes(
    function: Callable[[FloatArray], FloatArray], x: FloatArray, step: float
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Slopes, how far they may be off, and where they mean something: not at the few kinks that a link may have."""

    def at(places: FloatArray) -> FloatArray:
        return np.asarray(function(places[..., 0]))

    measured, slack = quotient(at, x[:, None], np.ones((len(x), 1)), step)
    left, middle, right = (np.asarray(function(x + move)) for move in (-step, 0.0, step))
    bend = np.abs(right - 2 * middle + left) / step
    smooth = bend <= KINK * np.abs(measured).max()
    if smooth.sum() < LEAST_SMOOTH * len(x):
        smooth = np.ones(len(x), dtype=bool)
    return measured, np.minimum(slack, KINK * np.abs(measured).max()), smooth


def _symmetric(tried: TriedLink) -> Iterator[CheckOutcome]:
    told = tried.link.symmetric
    gap = float(np.abs(tried.p + tried.p[::-1] - 1).max())
    passed = isinstance(told, bool | np.bool_) and bool(told) == (gap <= 1e-12)
    came = f"symmetric = {told!r} with |sigma(x) + sigma(-x) - 1| up to {gap:.3g}"
    remedy = f"set symmetric to {gap <= 1e-12}"
    yield judged("symmetric", passed, "say whether sigma(x) + sigma(-x) = 1", came, remedy, gap)


def _hashable(tried: TriedLink) -> Iterator[CheckOutcome]:
    yield hash_outcome(tried.link)


CHECKS = (
    _members,
    _any_shape,
    _half_at_zero,
    _not_saturated,
    _within_0_and_1,
    _increasing,
    _inverse,
    _derivatives,
    _symmetric,
    _hashable,
)


def hash_outcome(component: Any) -> CheckOutcome:
    """Outcome on whether tables can be cached by it."""
    try:
        hash(component)
    except TypeError as error:
        return judged("hashable", False, "have a hash: tables are cached", str(error), "write @dataclass(frozen=True)")
    return judged("hashable", True, "have a hash", "one", "")


def _invertible(link: Link, horizon: float) -> bool:
    """Whether the link can be inverted in floating point on [-H, H]."""
    try:
        check_invertible(link, horizon)  # type: ignore[arg-type]  # any width will do
    except InputError:
        return False
    return True
