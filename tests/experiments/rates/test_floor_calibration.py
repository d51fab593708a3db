"""Calibration of the claims on constants: a test that keeps its rates passes, and one that does not is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.rates import floor_calibration as module
from experiments.rates.floor_calibration import FloorPool, calibrate_floors, measure_floor_pools
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_verdicts import LEVEL
from experiments.running.execution import Execution
from experiments.statistics.equivalence import ratio_of
from experiments.statistics.skewness import SkewedEstimate
from theory import InputError, Logistic

CLAIM = FloorClaim("floor of a pool", "zbcpg-3", "circular", 1e6, 25, 0.3, 0.2, Logistic(1.0), replicates=64)


def pools(skewness: float, error: float = 0.0) -> dict[str, FloorPool]:
    """Gamma replicates, spread so that the margin is 3 standard errors wide at the first look of 64."""
    shape = (2 / skewness) ** 2
    factors = np.random.default_rng(0).gamma(shape, 1 / shape, (1, 4000))
    values = 1 + 0.05 / 3 * 8 * np.sqrt(shape) * (factors - 1)
    return {f"claim {k}": FloorPool(row, error, 64) for k, row in enumerate(values)}


def test_skewed_noise_passes_with_the_correction_and_fails_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,500 families: a wrong EXACT alone at 9%, as Student's t has it at skewness 2, is seen; 5% is not."""
    found = calibrate_floors(1500, np.random.default_rng(1), pools(2.0, 0.003))
    assert found.passed, found.failures
    rows = found.to_frame().set_index(["scenario", "claim", "measure"])
    family = rows.xs("family", level="claim")
    assert list(family["promised"].unique()) == [LEVEL]
    assert len(family) == 7
    assert rows.loc[("as predicted", "claim 0", "EXACT"), "rate"] > 0.9
    assert rows.loc[("as predicted", "claim 0", "coverage"), "skewness"] == pytest.approx(2, abs=0.3)

    def student(*given: object) -> SkewedEstimate:
        estimate = ratio_of(*given)  # type: ignore[arg-type]
        return replace(estimate, bend=np.zeros_like(estimate.bend), offset=np.zeros_like(estimate.offset))

    monkeypatch.setattr(module, "ratio_of", student)
    planted = calibrate_floors(1500, np.random.default_rng(1), pools(2.0, 0.003))
    assert not planted.passed
    seen = planted.failures
    assert "EXACT alone" in set(seen[seen["scenario"] == "at the upper edge"]["measure"])


def test_a_look_that_spends_too_much_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: all of the level at every look, without Holm's factor to hide it: one claim."""
    one = pools(0.5)
    assert calibrate_floors(1000, np.random.default_rng(2), one).passed
    monkeypatch.setattr(module, "SHARES", (1.0,) * 4)
    found = calibrate_floors(1000, np.random.default_rng(2), one)
    assert "family" in set(found.failures["claim"])


def test_pools_are_measured_under_seeds_of_their_own() -> None:
    short = replace(CLAIM, step_size=0.4)
    found = measure_floor_pools(
        [short, replace(short, name="another", n_pairs=1e3, n_queries=1)], 64, Execution(jobs=1)
    )
    (pool,) = found.values()
    assert list(found) == [CLAIM.name]
    assert pool.values.shape == (64,)
    assert (pool.replicates, pool.margin, pool.prediction_error) == (64, 0.05, 0)
    assert pool.draw((3, 2000), np.random.default_rng(0)).mean() == pytest.approx(1, abs=0.01)


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="n_replicates of a pool must be at least 64, got 8"):
        measure_floor_pools([CLAIM], 8, Execution())
    with pytest.raises(InputError, match="n_families must be at least 1 and pools not empty, got 10 and 0 pools"):
        calibrate_floors(10, np.random.default_rng(0), {})
