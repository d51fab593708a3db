"""Schedules by hand, and the exponents of each rate from the orders of its own terms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from theory import (
    SHARPENED_RATE,
    STATED_RATE,
    UNBIASED_RATE,
    InputError,
    Rate,
    Schedule,
    sharpened_schedule,
    stated_schedule,
    unbiased_schedule,
)

SCHEDULES = [stated_schedule, sharpened_schedule, unbiased_schedule]
RATES = {"stated": STATED_RATE, "sharpened": SHARPENED_RATE, "unbiased": UNBIASED_RATE}


@pytest.mark.parametrize(
    ("schedule", "squared"),
    [
        # d = 4, H = 6, N = 9, 900, inf and M = 16, inf, 64.
        (stated_schedule, [max(1 / 4, 6 / 6), 6 / 60, 1 / 8]),
        (sharpened_schedule, [max(1 / 16, 1 / 3), 1 / 30, 1 / 64]),
        (unbiased_schedule, [1 / 3, 1 / 30, 0]),
    ],
)
def test_schedules_by_hand(schedule: Callable[..., Schedule], squared: list[float]) -> None:
    pairs, queries = [9, 900, math.inf], [16, math.inf, 64]
    found = schedule(dim=4, horizon=6, n_pairs=pairs, n_queries=queries)
    np.testing.assert_allclose(found.radius, np.sqrt(squared), rtol=1e-14)
    assert float(found.step_size) == 0.25
    scaled = schedule(
        dim=4, horizon=6, n_pairs=pairs, n_queries=queries, radius_scale=[[2.0], [3.0]], step_scale=[5.0, 6.0]
    )
    np.testing.assert_allclose(scaled.radius, np.outer([2, 3], np.sqrt(squared)), rtol=1e-14)
    np.testing.assert_allclose(scaled.step_size, [1.25, 1.5], rtol=1e-14)
    least = schedule(dim=1, horizon=1, n_pairs=1, n_queries=1)
    assert (float(least.radius), float(least.step_size)) == (1.0, 1.0)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["n_pairs", "n_queries", "radius_scale", "step_scale"])
def test_settings_are_refused_at_both_ends_and_in_arrays(schedule: Callable[..., Schedule], name: str) -> None:
    good = {"n_pairs": 4, "n_queries": 4}
    for bad in (0.0, -1.0, math.nan, *([] if name.startswith("n_") else [math.inf])):
        for mixed in (bad, [bad, 1.0], [1.0, bad]):
            with pytest.raises(InputError, match=f"^{name} must be positive"):
                schedule(dim=2, horizon=2, **(good | {name: mixed}))
    for sizes in ({"dim": 0, "horizon": 1}, {"dim": 1.5, "horizon": 1}):
        with pytest.raises(InputError, match="dim must be an integer of at least 1"):
            schedule(**sizes, **good)


def test_the_stated_schedule_needs_a_horizon() -> None:
    with pytest.raises(InputError, match="horizon must be an integer of at least 1"):
        stated_schedule(dim=1, horizon=0, n_pairs=1, n_queries=1)


def bound(rate: Rate, t: float, n: float, m: float, d: float) -> float:
    """Orders of the terms under the rate's own radius: start, smoothing, inversion and noise."""
    mu = float(rate.schedule(dim=int(d), horizon=1, n_pairs=n, n_queries=m).radius)
    inversion = {"stated": 1 / math.sqrt(m), "sharpened": 1 / m, "unbiased": 0.0}[
        next(name for name, each in RATES.items() if each is rate)
    ]
    if rate is STATED_RATE:
        # d^2 (mu^2 + inversion / mu^2 ...) of the paper: radius and both errors balance at d^2 mu^2.
        return d / t + d**2 * mu**2
    return d / t + d * mu**2 + d * (inversion / mu) ** 2 + d / (mu**2 * n)


def exponent(function: Callable[[float], float], x: float, factor: float) -> float:
    return math.log(function(x * factor) / function(x)) / math.log(factor)


@pytest.mark.parametrize("name", RATES)
def test_exponents_follow_from_the_terms(name: str) -> None:
    rate, big = RATES[name], 1e24
    found = {
        "T": exponent(lambda t: bound(rate, t, big**2, big**2, 4), 10.0, 10),
        "N": exponent(lambda n: bound(rate, big, n, big**2, 4), 1e6, 100),
        "d": exponent(lambda d: bound(rate, big, 1e8, big**2, d), 64, 16),
        "eps": exponent(lambda eps: bound(rate, 1 / eps, eps**-2, eps**-rate.queries_power, 4), 1e-6, 0.1),
    }
    if name != "unbiased":
        found["M"] = exponent(lambda m: bound(rate, big, big**2, m, 4), 1e6, 100)
    assert found == pytest.approx(dict(rate.exponents), abs=1e-3)
    with pytest.raises(TypeError):
        rate.exponents["T"] = 0.0  # type: ignore[index]
    assert rate.statement.count("/") >= 2
    assert rate.source
