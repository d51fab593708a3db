"""Majority signs of batches: pair by pair they are misled on the risky bandit, by the mean step and by runs."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.running.execution import Execution
from experiments.studies.zspo_batches import COURSES, MEAN_STEP, RUNS, Course, zspo_batches

HERE = Execution(seed=3, jobs=1)
BANDIT = COURSES[0]


@pytest.mark.slow
def test_single_trajectories_mislead_and_batches_do_not() -> None:
    """Ends lie more than 10 standard errors from the start, and limits are at 2: false alarms are negligible."""
    frame = zspo_batches([BANDIT], replicates=24, execution=HERE)
    last = frame[frame["last"]].set_index(["way", "batch_size"])
    start = last["start"].iloc[0]
    assert start == pytest.approx(0.575)
    assert last.loc[(MEAN_STEP, 1), "value"] == pytest.approx(0.559, abs=5e-4)
    assert last.loc[(MEAN_STEP, 5), "value"] == pytest.approx(0.5947, abs=5e-4)
    assert last.loc[(MEAN_STEP, 25), "value"] == pytest.approx(0.5991, abs=5e-4)
    assert last.loc[(RUNS, 1), "high"] < start < last.loc[(RUNS, 5), "low"]
    assert start < last.loc[(RUNS, 25), "low"]


def test_runs_of_small_steps_follow_the_mean_step() -> None:
    """Simulated trajectories and votes against the exact law: within 4.5 standard errors after 60 small steps."""
    frame = zspo_batches([Course(BANDIT.instance, 1.0, 0.02, 60)], (1, 25), 64, HERE)
    last = frame[frame["last"]].set_index(["way", "batch_size"])
    for size in (1, 25):
        runs, mean = last.loc[(RUNS, size)], last.loc[(MEAN_STEP, size)]
        error = (runs["high"] - runs["low"]) / (2 * 2.0)
        assert abs(runs["value"] - mean["value"]) < 4.5 * error
        assert np.isnan(mean["low"])
    # A program that calls batches what are pairs would have the other drift.
    assert last.loc[(MEAN_STEP, 1), "value"] < 0.575 < last.loc[(MEAN_STEP, 25), "value"]
