"""A grid of pairs and votes: each corner is what a run of its own gives."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from experiments.catalogue.lookup import find
from experiments.comparison.budget import Budget
from experiments.comparison.learning import learn
from experiments.comparison.learning_cells import Entry
from experiments.running.execution import Execution
from experiments.studies.small_panels import compare_panels, gap_with_limits
from theory import Logistic, optimal_value

METHODS = ("zpg", "dpo-online", "gpomdp")


@pytest.fixture(scope="module")
def frame():
    return compare_panels(
        "bandit", METHODS, pairs=(2, 4), queries=(1, 3), n_iterations=10, n_seeds=3, execution=Execution(jobs=1)
    )


def test_every_method_has_a_row_for_every_panel_and_the_votes_it_cost(frame):
    rows = list(zip(frame["method"], frame["n_pairs"], frame["n_queries"], strict=True))
    assert rows == [(method, n, m) for method in METHODS for n in (2, 4) for m in (1, 3)]
    voted = frame["method"] != "gpomdp"
    np.testing.assert_allclose(frame["votes"], np.where(voted, 10 * frame["n_pairs"] * frame["n_queries"], 0))
    assert frame["step_size"].notna().all(), "methods without a knob keep their setting too"
    np.testing.assert_array_equal(frame["knob"].isna(), ~voted)


def test_gaps_are_measured_from_the_optimum_with_limits_in_order(frame):
    bandit = find("instance", "bandit")
    optimum = optimal_value(bandit.mdp)
    np.testing.assert_allclose(frame["gap"] + frame["final"], optimum, rtol=1e-12)
    assert (frame["gap_low"] >= 0).all()
    assert (frame["gap_low"] < frame["gap"]).all()
    assert (frame["gap"] < frame["gap_high"]).all()


def test_limits_of_a_gap_are_those_of_its_logarithm():
    """They are never negative, and for a small error those of the value itself; the fault was optimum - high < 0."""
    found = gap_with_limits(5.0, 4.9, 0.12)
    assert found["gap_low"] * found["gap_high"] == pytest.approx(0.1**2)
    assert 0 < found["gap_low"] < 0.1 < 0.22 < found["gap_high"]
    near = gap_with_limits(5.0, 4.0, 1e-4)
    assert [near["gap_low"], near["gap_high"]] == pytest.approx([1 - 1e-4, 1 + 1e-4], abs=1e-7)
    assert gap_with_limits(5.0, 5.0, 0.1) == {"gap": 0.0, "gap_low": 0.0, "gap_high": 0.1}
    assert gap_with_limits(5.0, 4.99, 0.1) == pytest.approx({"gap": 0.01, "gap_low": 0, "gap_high": 0.11})
    assert gap_with_limits(5.0, 5.0, 0.0) == {"gap": 0.0, "gap_low": 0.0, "gap_high": 0.0}


@pytest.mark.parametrize("method", METHODS)
def test_a_panel_alone_gives_the_same(frame, method):
    alone = learn([Entry(method, "bandit", Budget(10, 4, 3), Logistic(0.707))], 3, Execution(jobs=1))
    row = frame[(frame["method"] == method) & (frame["n_pairs"] == 4) & (frame["n_queries"] == 3)].iloc[0]
    ends = DescrStatsW(alone.curves.loc[alone.curves["iteration"] == 10, "value"])
    expected = (ends.mean, *ends.tconfint_mean())
    np.testing.assert_allclose(row[["final", "low", "high"]].astype(float), expected, rtol=1e-9)
    kept = alone.tuning[alone.tuning["chosen"]].iloc[0]
    assert (row["step_size"], row["at_edge"]) == (kept["step_size"], kept["at_edge"])
