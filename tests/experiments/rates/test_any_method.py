"""A claim can be about any method: also one that sees returns, keeps data, or cannot share a batch with others."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.catalogue.claims import Claim, Setup
from experiments.catalogue.methods import METHODS
from experiments.rates.cells import cells_of, run_cells
from experiments.running.execution import Execution
from theory.rates import STATED_RATE


def claim(method: str) -> Claim:
    setup = Setup(n_iterations=3, n_queries=5.0)
    return Claim("small", method, "garnet", "N", (8.0, 16.0), setup, STATED_RATE, 3, False, "")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_in_a_cell(method):
    rows = run_cells(cells_of(claim(method), seed=0), Execution(jobs=1))
    assert rows["point"].tolist() == [0, 0, 0, 1, 1, 1]
    assert set(rows["method"]) == {method}
    assert np.isfinite(rows["gradient_norm_sq"]).all()
    assert (rows["gradient_norm_sq"] > 0).all()
    if method != "exact":
        assert rows["end_value"].nunique() == 6, "every replicate draws its own numbers"


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.stacks])
def test_a_stacked_oracle_gives_the_law_of_one_oracle(method):
    """Stacked or one by one, what is estimated is the same: the mean drift of many replicates agrees.

    The difference of two means of 640 runs is within 5 standard errors: a false alarm has probability below 1e-6 a
    method.
    """
    from dataclasses import replace

    stacked = METHODS[method]
    alone = replace(stacked, stacks=False)
    ends = []
    for record in (stacked, alone):
        tested = replace(claim(method), method=record, setup=Setup(n_iterations=2, n_queries=5.0), replicates=640)
        rows = run_cells(cells_of(tested, seed=1), Execution(jobs=1))
        ends.append(rows[rows["point"] == 1]["end_value"])
    error = np.hypot(ends[0].sem(), ends[1].sem())
    assert abs(ends[0].mean() - ends[1].mean()) <= 5 * error + 1e-12
