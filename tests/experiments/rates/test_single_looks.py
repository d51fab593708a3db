"""One look at one claim: Student's t keeps its level on normal noise, and is shown not to on skewed noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import bdtrc

from experiments.catalogue.lookup import find
from experiments.rates.calibration import family_claims
from experiments.rates.pools import Pool
from experiments.rates.sampled_claim import SampledClaim
from experiments.rates.single_looks import single_looks
from theory import InputError

CLAIM = replace(find("claim", "zpg N circular"), grid=(1e4, 1e5, 1e6))
FALSE_ALARM = 1e-6


def pool(noise: np.ndarray) -> Pool:
    return Pool(np.array([[1.0], [0.3], [0.1]]) * (1 + noise))


def rates(noise: np.ndarray) -> dict[tuple[int, str], tuple[int, float]]:
    found = single_looks(CLAIM, pool(noise), 2000, np.random.default_rng(1), (8, 32))
    return {(row.replicates, row.measure): (row.count, row.rate) for row in found.itertuples()}


def test_normal_noise_keeps_the_level():
    """False alarm 1e-6 a bound; a true rate of 5% in place of 2.5% is seen with probability above 0.98."""
    for (_, measure), (count, rate) in rates(0.05 * np.random.default_rng(0).standard_normal((3, 4000))).items():
        wrong = 2000 - count if measure == "coverage" else count
        promised = 0.05 if measure == "coverage" else 0.025
        assert bdtrc(wrong - 1, 2000, 1.1 * promised) > FALSE_ALARM, (measure, rate)


def test_rare_large_values_break_one_side_only():
    """Large values at the last point: the mean of few replicates is too small there, so the slope looks too steep."""
    noise = 0.01 * np.random.default_rng(0).standard_normal((3, 4000))
    noise[2] += np.where(np.random.default_rng(2).random(4000) < 0.01, 10.0, 0.0)
    found = rates(noise)
    assert found[8, "wrong HOLDS"][1] > 0.2 > 0.025 > found[8, "wrong VIOLATED"][1]
    assert found[8, "coverage"][1] < 0.8
    assert found[8, "wrong HOLDS"][1] + found[8, "wrong VIOLATED"][1] == pytest.approx(1 - found[8, "coverage"][1])


def test_the_sides_follow_the_end_towards_which_the_quantity_falls():
    noise = 0.01 * np.random.default_rng(0).standard_normal((3, 4000))
    noise[2] += np.where(np.random.default_rng(2).random(4000) < 0.01, 10.0, 0.0)
    mirrored = single_looks(
        replace(find("claim", "zpg eps circular"), grid=CLAIM.grid), pool(noise), 2000, np.random.default_rng(1), (8,)
    ).set_index("measure")["rate"]
    assert mirrored["wrong VIOLATED"] > 0.2 > mirrored["wrong HOLDS"]


def test_the_family_holds_the_simulated_variances_and_none_that_is_judged_alone():
    family = family_claims()
    assert sum(isinstance(claim, SampledClaim) for claim in family) == 3
    assert all(claim.in_family for claim in family)


def test_no_resamples_are_refused():
    with pytest.raises(InputError, match="n_resamples must be at least 1, got 0"):
        single_looks(CLAIM, pool(np.zeros((3, 100))), 0, np.random.default_rng(1))
