"""What is printed with a verdict: points that are no power law say so."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.catalogue.lookup import find
from experiments.rates.rows import is_curved
from experiments.statistics.power_law import fit_power_law

CLAIM = find("claim", "zpg N circular")


@pytest.mark.parametrize(
    ("bend", "noise", "curved"),
    [(0.0, 0.02, False), (0.05, 0.02, True), (0.01, 1.5, False), (0.002, 0.0005, False)],
    ids=["a power law", "bent", "bent, but drowned in noise", "bent within the margin"],
)
def test_points_that_are_no_power_law_say_so(bend, noise, curved):
    x = np.array(CLAIM.grid)
    log = np.log(x) - np.log(x).mean()
    mean = np.exp(-0.5 * log + bend * log**2)
    y = mean[:, None] * np.exp(noise * np.random.default_rng(0).standard_normal((len(x), 16)))
    assert is_curved(CLAIM, fit_power_law(x, y)) == curved
