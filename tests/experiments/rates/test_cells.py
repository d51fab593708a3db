"""Cells are pure: the same bytes whatever runs them, and prefixes of one run are prefixes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.catalogue.claims import Claim, Point, Setup
from experiments.catalogue.lookup import find
from experiments.rates.cells import Cell, cells_of, run_cell, run_cells
from experiments.running.execution import Execution
from theory import policy_gradient, policy_value
from theory.rates import SHARPENED_RATE, STATED_RATE

POINT = Point(n_queries=16.0, n_pairs=100.0, radius=0.3, step_size=0.1, n_iterations=12)


def cell(*points: Point, key: int = 0) -> Cell:
    return Cell("a claim", "zpg", "circular", points, 0, (0, 1, 2), 7, (key,))


def claim(**changes: object) -> Claim:
    base = Claim(
        name="test",
        method="zbcpg-3",
        instance="circular",
        axis="N",
        grid=(10.0, 100.0),
        setup=Setup(n_iterations=6, n_queries=8.0),
        rate=STATED_RATE,
        replicates=70,
        two_sided=False,
        reason="",
    )
    return replace(base, **changes)


def test_same_cell_same_bytes_and_other_seed_other_bytes():
    first, again, other = run_cell(cell(POINT)), run_cell(cell(POINT)), run_cell(cell(POINT, key=1))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not first["gradient_norm_sq"].equals(other["gradient_norm_sq"])


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_do_not_depend_on_jobs_nor_on_the_other_cells(jobs, tmp_path):
    tasks = cells_of(claim(), seed=3)
    together = run_cells(tasks, Execution(jobs=jobs, cache=tmp_path))
    alone = pd.concat([run_cell(task) for task in tasks], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone, check_exact=True)


def test_finished_cells_are_kept(tmp_path):
    tasks = cells_of(claim(replicates=8), seed=3)
    run_cells(tasks, Execution(jobs=1, cache=tmp_path))
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("output.pkl")}
    assert len(kept) == len(tasks)
    run_cells(tasks, Execution(jobs=1, cache=tmp_path))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("output.pkl")} == kept


def test_replicates_are_split_into_numbered_blocks_with_streams_of_their_own():
    tasks = cells_of(claim(), seed=3)
    assert [len(task.replicates) for task in tasks] == [32, 32, 6]
    assert [r for task in tasks for r in task.replicates] == list(range(70))
    assert len({task.spawn_key for task in tasks}) == 3
    # More replicates later leave the earlier ones as they were.
    assert cells_of(claim(replicates=64), seed=3) == tasks[:2]
    assert cells_of(claim(), seed=3, first=64, last=70) == tasks[2:]


def test_an_axis_of_dimensions_runs_on_an_instance_each():
    tasks = cells_of(
        claim(
            axis="d",
            instance="circular-bandits",
            grid=(4.0, 8.0),
            replicates=3,
            setup=Setup(n_iterations=2, n_pairs=50),
        ),
        seed=3,
    )
    assert [task.instance for task in tasks] == ["circular-bandits-4", "circular-bandits-8"]
    assert run_cells(tasks, Execution(jobs=1))["point"].tolist() == [0, 0, 0, 1, 1, 1]


def test_points_that_differ_in_iterations_only_are_prefixes_of_one_run():
    short, long = replace(POINT, n_iterations=5), POINT
    both, alone = run_cell(cell(short, long)), run_cell(cell(long))
    assert both[both["point"] == 1]["gradient_norm_sq"].tolist() == alone["gradient_norm_sq"].tolist()
    first = both[both["point"] == 0]
    # The first iterate is the start, so one iteration's mean is known exactly.
    only = run_cell(cell(replace(POINT, n_iterations=1)))
    instance = find("instance", "circular")
    expected = float((policy_gradient(instance.mdp, instance.policy, instance.start) ** 2).sum())
    np.testing.assert_allclose(only["gradient_norm_sq"], expected, rtol=1e-14)
    np.testing.assert_allclose(
        first["start_value"], policy_value(instance.mdp, instance.policy, instance.start), rtol=1e-14
    )


def test_window_averages_the_tail_only():
    whole, tail = run_cell(cell(POINT)), run_cell(cell(replace(POINT, burn_in=0.5)))
    half = run_cell(cell(replace(POINT, n_iterations=6)))
    # mean over 12 = (mean over the first 6 + mean over the last 6) / 2
    np.testing.assert_allclose(
        whole["gradient_norm_sq"], (half["gradient_norm_sq"] + tail["gradient_norm_sq"]) / 2, rtol=1e-12
    )


@pytest.mark.parametrize("rate", [STATED_RATE, SHARPENED_RATE])
@pytest.mark.parametrize("axis", ["T", "N", "M", "eps"])
def test_points_follow_the_schedule_of_the_rate(rate, axis):
    grid = (0.5, 0.25) if axis == "eps" else (64.0, 4096.0)
    tested = claim(axis=axis, grid=grid, rate=rate, setup=Setup(n_iterations=8, n_pairs=32.0, n_queries=16.0))
    for x, (instance, point) in zip(grid, tested.points(), strict=True):
        assert instance == "circular"
        schedule = rate.schedule(
            dim=5, horizon=5, n_pairs=point.n_pairs, n_queries=point.n_queries, radius_scale=1.0, step_scale=1.0
        )
        assert point.radius == float(schedule.radius)
        assert point.step_size == 1 / 5
        moved = {"T": point.n_iterations, "N": point.n_pairs, "M": point.n_queries, "eps": 8 / point.n_iterations}
        assert moved[axis] == x
        if axis == "eps":
            assert point.n_pairs == 32 / x**2
            assert point.n_queries == 16 / x**rate.queries_power


def test_infinite_pairs_and_votes_leave_only_the_directions_random():
    exact = replace(POINT, n_pairs=math.inf, n_queries=math.inf, radius=1e-3)
    rows = run_cell(cell(exact))
    assert rows["clip_rate"].eq(0).all()
    assert rows["end_value"].gt(rows["start_value"]).all()
