"""Measured pools: what is drawn from them, and that skewed noise is seen where fitted laws do not see it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.catalogue.lookup import find
from experiments.rates.calibration import calibrate
from experiments.rates.cells import cells_of
from experiments.rates.noise import noise_of
from experiments.rates.pools import SEEDS_APART, Pool, measure_pools
from experiments.rates.variance_claims import variance_claims
from experiments.running.execution import Execution
from experiments.statistics.power_law import fit_slopes
from experiments.statistics.sequential import SequentialPlan
from theory import InputError

CLAIM = replace(find("claim", "zpg N circular"), grid=(1e4, 1e5, 1e6), replicates=8)
X = np.array(CLAIM.grid)


def pool(sd: float, skewed: bool, n: int = 4000) -> Pool:
    """Replicates about a power law: normal, or with rare large values of the first point."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((3, n))
    if skewed:
        noise[0] = np.where(rng.random(n) < 0.01, 30.0, 0.1 * noise[0])
    return Pool(X[:, None] ** -0.5 * (1 + sd * noise))


def test_draws_are_columns_of_the_pool_with_mean_1():
    source = Pool(np.arange(1.0, 13.0).reshape(3, 4))
    drawn = source.draw(X, (5, 20_000), np.random.default_rng(1))
    assert drawn.shape == (5, 3, 20_000)
    np.testing.assert_allclose(drawn.mean(axis=(0, 2)), 1, atol=0.01)
    factors = source.values / source.values.mean(axis=1, keepdims=True)
    columns = {tuple(column) for column in np.round(factors.T, 12).tolist()}
    assert {tuple(column) for column in np.round(drawn[0].T, 12).tolist()} == columns, "points of a run stay together"
    with pytest.raises(InputError, match="3 grid points of the pool, got 2"):
        source.draw(X[:2], (5,), np.random.default_rng(1))


def test_the_truth_of_a_resampled_fit_is_the_slope_of_the_pool():
    """All replicates once: the fit of the factors is 0 exactly, so that an error of a resample is an error."""
    source = pool(0.1, skewed=True)
    factors = source.values / source.values.mean(axis=1, keepdims=True)
    slope = fit_slopes(X, factors).value
    assert abs(slope) < 1e-12


def test_skewed_noise_fails_the_calibration_and_even_noise_passes():
    """1% of the runs hold nearly all of the variance: Student's t from 8 of them is wrong far more often than 2.5%."""
    reports = {}
    for skewed in (False, True):
        source = pool(0.02, skewed)
        reports[skewed] = calibrate(
            2000,
            np.random.default_rng(2),
            claims=[CLAIM],
            plan=SequentialPlan((8, 16)),
            presets=["quick"],
            noise=lambda claim, source=source: source,  # noqa: ARG005
            kind=lambda claim: claim.name,
        )
    assert reports[False].passed, reports[False].failures
    assert not reports[True].passed
    assert {"coverage"} <= set(reports[True].failures["measure"])
    assert abs(reports[True].claims["skewness"].iloc[0]) > 5 > abs(reports[False].claims["skewness"].iloc[0])
    # The fitted law for this kind of claim does not see it.
    assert calibrate(500, np.random.default_rng(3), claims=[CLAIM], presets=["quick"], noise=noise_of).passed


def test_pools_share_no_stream_with_the_runs_that_are_judged():
    small = replace(CLAIM, replicates=64, setup=replace(CLAIM.setup, n_iterations=4))
    found = measure_pools([small], 64, Execution(jobs=1))
    assert found[small.name].values.shape == (3, 64)
    judged = {(cell.entropy, cell.spawn_key) for cell in cells_of(small, 0)}
    assert not judged & {(cell.entropy, cell.spawn_key) for cell in cells_of(small, SEEDS_APART)}
    with pytest.raises(InputError, match="n_replicates of a pool must be at least 64, got 8"):
        measure_pools([small], 8, Execution(jobs=1))


def test_pools_of_runs_and_of_simulated_estimates_side_by_side():
    """The two kinds measure different quantities, which one frame for all would mix up."""
    runs = replace(CLAIM, setup=replace(CLAIM.setup, n_iterations=4))
    variance = variance_claims()[0]
    estimates = replace(variance, grid=variance.grid[:2], settings=variance.settings[:2], n_estimates=4)
    found = measure_pools([runs, estimates], 64, Execution(jobs=1))
    assert {name: pool.values.shape for name, pool in found.items()} == {runs.name: (3, 64), estimates.name: (2, 64)}
    assert all(np.isfinite(pool.values).all() and (pool.values > 0).all() for pool in found.values())
