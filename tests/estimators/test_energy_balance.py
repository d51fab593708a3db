"""The energy balance: of order of the step for an unbiased estimate, far off for a scaled one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from estimators import Ascent, ExactFeedback, ExactGradient, Sphere, ZerothOrder, ascend, energy_defect
from theory import CircularPolicy, InputError, garnet
from theory.arrays import FloatArray

MDP = garnet(5, 3, 3, 5, np.random.default_rng(57))
POLICY = CircularPolicy(5, 3, 1.0)


def runs(estimator: Any, step: float, length: float = 30.0, replicates: int = 8) -> Ascent:
    """Ascents over the same length of time, step * T, from 0."""
    return ascend(
        MDP, POLICY, estimator, np.zeros((replicates, 5)), round(length / step), step, np.random.default_rng(3)
    )


def test_values_by_hand() -> None:
    run = Ascent(
        np.zeros((2, 1)), np.array([[1.0, 1.5, 2.0], [0, 0, 1]]), np.array([[2.0, 4, 9], [1, 1, 9]]), *np.zeros(2)
    )
    np.testing.assert_allclose(energy_defect(run, 0.2), [0.2, -0.6])
    np.testing.assert_allclose(energy_defect(run, [0.2, 0.5]), [0.2, 0.0])
    assert energy_defect(run, 0.2, axis=0) == pytest.approx(0.2 * 8 / 2 - 1)


def test_defect_of_exact_ascent_is_half_the_step_times_a_curvature() -> None:
    """V gains step |grad V|^2 + step^2 / 2 grad V' H grad V: halving the step halves the defect."""
    defects = [float(energy_defect(runs(ExactGradient(), step, replicates=1), step)[0]) for step in (0.2, 0.1, 0.05)]
    assert 0 < defects[2] < defects[1] < defects[0] < 0.1
    assert defects[0] / defects[1] == pytest.approx(2, abs=0.15)
    assert defects[1] / defects[2] == pytest.approx(2, abs=0.1)


def test_defect_of_noiseless_directions_vanishes_with_the_step() -> None:
    """The sphere with exact values: d times larger than that of the gradient, and of the order of the step."""
    estimator = ZerothOrder(Sphere(), ExactFeedback(), 0.01, symmetric=True)
    defects = [float(energy_defect(runs(estimator, step, replicates=64), step, axis=0)) for step in (0.4, 0.2, 0.05)]
    assert 0.08 < defects[0] < 0.2
    assert abs(defects[2]) < abs(defects[1]) < defects[0]
    assert abs(defects[2]) < 0.03


@dataclass(frozen=True)
class Scaled:
    estimator: ZerothOrder
    factor: float
    n_trajectories = np.array(0.0)
    n_votes = np.array(0.0)

    def estimate(self, *given: Any) -> FloatArray:
        return self.factor * self.estimator.estimate(*given)


@pytest.mark.parametrize("factor", [1 / 5, 1 / np.sqrt(3), 1.5])
def test_a_scaled_estimate_is_seen_at_every_step(factor: float) -> None:
    """Planted: the factor d dropped, a block not normalised. The defect tends to 1 / factor - 1, not to 0."""
    wrong = Scaled(ZerothOrder(Sphere(), ExactFeedback(), 0.01, symmetric=True), factor)
    assert float(energy_defect(runs(wrong, 0.025), 0.025, axis=0)) == pytest.approx(1 / factor - 1, abs=0.06 / factor)


def test_wrong_arguments_are_refused() -> None:
    run = runs(ExactGradient(), 0.1, 0.1, 1)
    with pytest.raises(InputError, match="run must have at least 2 iterations"):
        energy_defect(run, 0.1)
    with pytest.raises(InputError, match="step_size must be positive"):
        energy_defect(runs(ExactGradient(), 0.1, 1.0, 1), 0.0)


RUN = Ascent(np.zeros((2, 3, 1)), np.ones((2, 3, 4)) * np.arange(4.0), np.ones((2, 3, 4)), *np.zeros(2))
UNEVEN = replace(RUN, gradient_norm_sq=np.arange(24.0).reshape(2, 3, 4))


def test_averages_over_axes_are_ratios_of_sums() -> None:
    steps = np.array([[0.5], [1.5]])
    np.testing.assert_allclose(energy_defect(RUN, steps), [[-0.5] * 3, [0.5] * 3])
    np.testing.assert_allclose(energy_defect(RUN, steps, axis=0), np.zeros(3))
    np.testing.assert_allclose(energy_defect(RUN, steps, axis=(0, 1)), 0)
    np.testing.assert_allclose(energy_defect(RUN, steps, axis=-1), [-0.5, 0.5])
    for i, j in np.ndindex(2, 3):
        spent = sum(12 * i + 4 * j + t for t in range(3))
        assert energy_defect(UNEVEN, 1.0)[i, j] == pytest.approx(spent / 3 - 1)
    flat = replace(RUN, values=np.zeros((2, 3, 4)))
    assert np.isinf(energy_defect(flat, 1.0)).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((MDP, 0.1), "run must be a Ascent"),
        ((replace(RUN, values=RUN.values[..., :1]), 0.1), "run must have at least 2 iterations .* got 1"),
        ((RUN, 0.0), "step_size must be positive"),
        ((RUN, [0.1, math.inf]), "step_size must be positive"),
        ((RUN, [0.1, 0.2]), r"step_size must broadcast against the batch \(2, 3\) of the run, got shape \(2,\)"),
        ((RUN, 0.1, 2), r"axis must be axes of the batch \(2, 3\), got 2"),
        ((RUN, 0.1, "T"), r"axis must be axes of the batch \(2, 3\), got 'T'"),
    ],
)
def test_arguments_are_refused_by_name(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        energy_defect(*given)
    assert energy_defect(replace(RUN, values=RUN.values[..., :2]), 1.0).tolist() == [[2.0] * 3] * 2
