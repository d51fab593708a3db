"""Grids of settings: values in constant ratios, and neighbours as far as there are any."""

from __future__ import annotations

import math

import numpy as np

from experiments.catalogue.setting_grid import SettingGrid


def test_values_are_powers_of_the_ratios_in_both_directions():
    grid = SettingGrid(2.0, 10.0, (4, 3), 0.5, 3.0)
    assert grid.setting((0, 0)) == (2.0, 0.5)
    np.testing.assert_allclose(grid.setting((3, -2)), (2000.0, 0.5 / 9), rtol=1e-15)
    assert len(grid.first) == len(set(grid.first)) == 12
    assert {i for i, _ in grid.first} == {0, 1, 2, 3}
    assert {j for _, j in grid.first} == {0, 1, 2}


def test_coupled_steps_fall_as_the_knob_grows():
    grid = SettingGrid(8.0, 2.0, (4, 3), 1.0, 3.0, coupled=True)
    for index in grid.first:
        step, knob = grid.setting(index)
        np.testing.assert_allclose(step * knob, 8.0 * 2.0 ** index[0], rtol=1e-14)


def test_neighbours_are_one_ratio_away_along_what_is_tuned():
    both = SettingGrid(1.0, 2.0, (4, 3), 1.0, 5.0, least_knob=1.0)
    assert both.beside((0, 1)) == (((-1, 1), (1, 1)), ((0, 0), (0, 2)))
    assert both.beside((2, 0)) == (((1, 0), (3, 0)), ((2, 1),)), "smaller knobs have no meaning"
    steps = SettingGrid(1.0, 2.0, (12, 1))
    assert steps.beside((3, 0)) == (((2, 0), (4, 0)), ())
    assert math.isnan(steps.setting((3, 0))[1])
    assert SettingGrid(1.0, 1.0, (1, 12), 1.0, 2.0).beside((0, 3)) == ((), ((0, 2), (0, 4)))
