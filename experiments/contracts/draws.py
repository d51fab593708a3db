"""Draws of a component against the moments that it states, and against the generator that it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import ArrayLike

from experiments.catalogue.required.outcome import CheckOutcome, judged
from experiments.statistics.concentration import dvoretzky_kiefer_wolfowitz, empirical_bernstein
from theory.arrays import FloatArray

# Rate at which a sound component fails any of the checks that draw, over its whole contract.
FALSE_ALARM = 1e-6
# Rows drawn, in pieces that take a moment each; after so many seconds fewer have to do.
N_DRAWS, LARGEST_PIECE, FIRST_PIECE, SECONDS, MOMENT = 100_000, 20_000, 256, 4.0, 0.5
# Of what has no known range, no row is taken to lie further out than this times the range of the rows seen.
RANGE_FACTOR = 2.0
ROUNDING = 1e-9
# Chance that two draws from different generators agree in all of the rows compared, and the most rows compared.
COINCIDENCE, MOST_COMPARED = 1e-9, 4_096


def draw_many(draw: Callable[[int, Generator], FloatArray], rng: Generator, n: int | None = None) -> FloatArray:
    """Rows of independent draws, (n, ...): 100,000 of them, or as many as four seconds give."""
    wanted, began, rows, size = N_DRAWS if n is None else n, time.perf_counter(), 0, FIRST_PIECE
    pieces: list[FloatArray] = []
    while rows < wanted and (elapsed := time.perf_counter() - began) < SECONDS:
        if pieces:
            size = int(np.clip(MOMENT * rows / max(elapsed, 1e-9), 1, LARGEST_PIECE))
        pieces.append(np.asarray(draw(min(size, wanted - rows), rng), dtype=np.float64))
        rows += len(pieces[-1])
    return np.concatenate(pieces)


def rows_to_compare(sample: FloatArray) -> int:
    """Rows of two independent draws that hardly all agree by chance, from how often neighbours in a sample do."""
    alike = float((sample[1:] == sample[:-1]).reshape(len(sample) - 1, -1).all(axis=1).mean())
    if not 0 < alike < 1:
        return FIRST_PIECE
    return int(np.clip(np.ceil(np.log(COINCIDENCE) / np.log(alike)), 16, MOST_COMPARED))


def mean_outcome(
    name: str,
    required: str,
    sample: FloatArray,
    stated: ArrayLike,
    false_alarm: float,
    *,
    size: float = 0.0,
    granted: FloatArray | float = 0.0,
) -> CheckOutcome:
    """Mean of a sample (n, ...) against what is stated, (...), by the empirical Bernstein inequality.

    Parameters
    ----------
    name, required : str
    sample : array (n, ...)
    stated : array (...)
    false_alarm : float
        For all components together, if no variable lies further out than twice the range of those seen.
    size : float, optional
        Of the numbers that the sample was made of: rounding is relative to it.
    granted : array (...), optional
        Beside the sampling error of the mean: that of what is stated.
    """
    expected = np.broadcast_to(np.asarray(stated, dtype=np.float64), sample.shape[1:])
    spread = RANGE_FACTOR * (sample.max(axis=0) - sample.min(axis=0))
    allowed = empirical_bernstein(sample, spread, false_alarm / max(1, expected.size))
    allowed = allowed + granted + ROUNDING * max(size, float(np.abs(sample).max()))
    found = np.asarray(sample.mean(axis=0))
    error = np.abs(found - expected)
    excess = np.where(np.isfinite(error), error - allowed, np.inf)
    worst = np.unravel_index(int(np.argmax(excess)), error.shape)
    came = (
        f"{found[worst]:.5g} over {len(sample):,} draws where {expected[worst]:.5g} is stated and an error of "
        f"{allowed[worst]:.2g} granted"
    )
    if expected.any() and (allowed >= np.abs(expected)).all():
        came += ", no less than the number itself: more pairs or a larger radius would show more"
    return judged(name, excess.max() <= 0, required, came, "mend the draws or the moments", error[worst])


def one_law_outcome(name: str, first: FloatArray, second: FloatArray, false_alarm: float) -> CheckOutcome:
    """Distribution functions of two samples (n,) and (m,), whose values may be few: rounding is no difference."""
    samples = [np.sort(np.round(sample.ravel(), 9) + 0.0) for sample in (first, second)]
    points = np.concatenate(samples)
    shares = [np.searchsorted(sample, points, side="right") / len(sample) for sample in samples]
    distance = float(np.abs(shares[0] - shares[1]).max())
    allowed = sum(dvoretzky_kiefer_wolfowitz(len(sample), false_alarm / 2) for sample in samples)
    came = f"distribution functions that differ by {distance:.3g}, where {allowed:.2g} is granted"
    remedy = "simulate what the law says, or mend the law"
    return judged(name, distance <= allowed, "draw from one law with both samplers", came, remedy, distance)


def independence_outcome(name: str, centred: FloatArray, false_alarm: float, size: float) -> CheckOutcome:
    """Neighbouring rows of a sample (n, dim) less its expectation: their products have mean 0."""
    n = len(centred) // 2 * 2
    products = np.einsum("nd,nd->n", centred[0:n:2], centred[1:n:2])
    required = "draw every row of a batch independently: products of neighbours have mean 0"
    return mean_outcome(name, required, products[:, None], 0.0, false_alarm, size=size)


def generator_outcomes(
    draw: Callable[[Generator], FloatArray], seed: int, *, varies: bool = True
) -> Iterator[CheckOutcome]:
    """Whether draws come from the generator given, and from nothing else.

    Parameters
    ----------
    draw : function of Generator -> array
        Of so many rows that two draws never agree by chance.
    seed : int
    varies : bool
        Whether there is anything random in them.
    """
    once, again, other = (np.asarray(draw(default_rng([seed, k]))).tobytes() for k in (1, 1, 2))
    required, remedy = "draw the same from generators of the same seed", "draw from nothing but the generator given"
    yield judged("same generator", once == again, required, "the same" if once == again else "others", remedy)
    if not varies:
        yield judged("another generator", True, "draw from the generator given", "no randomness at all", "")
        return
    required, remedy = "draw others from another generator", "draw from the generator given, not from one of its own"
    came = "others" if once != other else "the same: the generator is ignored"
    yield judged("another generator", once != other, required, came, remedy)
    rng = default_rng([seed, 3])
    first, second = (np.asarray(draw(rng)).tobytes() for _ in range(2))
    required, remedy = "draw others when the same generator is used again", "neither copy the generator nor reset it"
    yield judged("used again", first != second, required, "others" if first != second else "the same", remedy)
