"""The control variate: mean 0, and so close to the run that it removes most of the variance."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from estimators import (
    Blocks,
    ControlledAscent,
    PreferenceFeedback,
    Reinforce,
    Sphere,
    StationaryLaw,
    ZerothOrder,
    ascend,
    ascend_with_control,
    stationary_law,
)
from estimators.feedback import preferences
from theory import CircularPolicy, InputError, Logistic, garnet
from theory.arrays import FloatArray

MDP = garnet(5, 3, 3, 5, np.random.default_rng(57))
POLICY = CircularPolicy(5, 3, 1.0)
OPTIMUM = np.array([0.1641068, 1.94791331, 1.50787621, -1.77402024, 2.01463394])
ESTIMATORS = {
    "K=1": ZerothOrder(Blocks(1), preferences(10**5, 5, Logistic(2.5)), 0.3),
    "K=d, 3 symmetric": ZerothOrder(
        Blocks(5), preferences(10**5, 5, Logistic(2.5)), 0.3, symmetric=True, n_directions=3
    ),
    "sphere": ZerothOrder(Sphere(), preferences(10**5, 5, Logistic(2.5)), 0.3),
}


def law_of(estimator: ZerothOrder) -> StationaryLaw:
    return stationary_law(MDP, POLICY, estimator, OPTIMUM, 0.2, np.random.default_rng(0))


def controlled(law: StationaryLaw, replicates: int, n_iterations: int = 300) -> ControlledAscent:
    start = np.tile(law.theta, (replicates, 1))
    return ascend_with_control(law, start, n_iterations, np.random.default_rng(4))


def too_far_from_zero(sample: FloatArray) -> bool:
    """Whether the mean is not 0, at a false-alarm rate of 1e-7 if averages are normal."""
    error = sample.std(ddof=1) / math.sqrt(len(sample))
    return bool(abs(sample.mean()) > -stdtrit(len(sample) - 1, 5e-8) * error)


@pytest.mark.parametrize("name", ["K=1", pytest.param("K=d, 3 symmetric", marks=pytest.mark.slow), "sphere"])
def test_mean_is_zero_and_variance_is_removed(name: str) -> None:
    """Early and late: the recursion starts at the root. Planted: with another law's floor the mean is not 0."""
    law = law_of(ESTIMATORS[name])
    found = controlled(law, 32 if name == "sphere" else 256)
    assert found.control.shape == found.run.gradient_norm_sq.shape
    for window in (slice(1, 20), slice(100, 300)):
        assert not too_far_from_zero(found.control[:, window].mean(axis=1))
    late = found.control[:, 100:].mean(axis=1)
    assert too_far_from_zero(late + (0.15 if name != "sphere" else 0.4) * law.gradient_norm_sq)
    measured = found.run.gradient_norm_sq[:, 100:].mean(axis=1)
    assert (measured - late).var() < measured.var() / 10


def test_the_run_is_that_of_ascend() -> None:
    law = law_of(ESTIMATORS["K=1"])
    found = controlled(law, 3, 20)
    run = ascend(
        MDP, POLICY, ESTIMATORS["K=1"], np.tile(law.theta, (3, 1)), 20, law.step_size, np.random.default_rng(4)
    )
    np.testing.assert_array_equal(found.run.gradient_norm_sq, run.gradient_norm_sq)
    np.testing.assert_array_equal(found.run.theta, run.theta)


def test_without_votes_in_the_end_run_and_recursion_become_one() -> None:
    """The less noise, the more linear: the correlation goes to 1."""
    correlations = []
    for n_pairs in (10**3, 10**5, 10**7):
        law = law_of(ZerothOrder(Blocks(5), preferences(n_pairs, 25, Logistic(2.5)), 0.1))
        found = controlled(law, 64, 200)
        pair = np.stack([found.control[:, 100:].mean(axis=1), found.run.gradient_norm_sq[:, 100:].mean(axis=1)])
        correlations.append(np.corrcoef(pair)[0, 1])
    assert correlations[0] < correlations[1] < correlations[2]
    assert correlations[2] > 0.9995


def test_a_fault_of_the_draws_hides_behind_the_control_and_not_in_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: votes of a quarter of the pairs. The control shows the law; only plain runs judge draws."""
    law = law_of(ZerothOrder(Blocks(1), preferences(10**4, 5, Logistic(2.5)), 0.3))
    draw = PreferenceFeedback.draw
    monkeypatch.setattr(
        PreferenceFeedback, "draw", lambda self, *given: draw(replace(self, n_pairs=self.n_pairs // 4), *given)
    )
    found = controlled(law, 128, 200)
    measured, control = (part[:, 100:].mean(axis=1) for part in (found.run.gradient_norm_sq, found.control))
    assert measured.mean() > 1.5 * law.gradient_norm_sq
    assert (measured - control).mean() < 1.15 * law.gradient_norm_sq


def test_a_law_without_directions_is_refused() -> None:
    law = stationary_law(MDP, POLICY, Reinforce(100, "value"), OPTIMUM, 0.2)
    with pytest.raises(InputError, match="law must be that of a ZerothOrder estimator"):
        ascend_with_control(law, law.theta, 10, np.random.default_rng(0))
