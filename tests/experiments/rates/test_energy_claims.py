"""Energy balances: the ratio by hand, sound programs at 1, and each planted fault where it must be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from estimators import ascend, energy_defect
from estimators.feedback import preferences
from experiments.catalogue.lookup import find
from experiments.catalogue.shipped_claims import stated_claims
from experiments.commands import rates
from experiments.commands.app import app
from experiments.rates import energy_claims as module
from experiments.rates import planted_faults
from experiments.rates.energy_claim import ITERATIONS, SHARES, EnergyClaim, energy_ratio
from experiments.rates.energy_claims import energy_claims, energy_controls
from experiments.rates.floor_verdicts import FloorOutcome
from experiments.rates.run_energy import run_energy
from experiments.running.execution import Execution
from theory.errors import InputError

BANDIT = EnergyClaim("energy of a test", "zpg", "bandit", 2.0, replicates=96)
HERE = Execution(seed=4, jobs=1)


def test_ratio_by_hand():
    """Ratios 1/2 and 3/4: the limit is (4 * 3/4 - 1/2) / 3. What is common to gain and payment is no error."""
    gains, spent = np.array([[1.0, 2.0], [3.0, 3.0]]), np.array([[2.0, 4.0], [4.0, 4.0]])
    found = energy_ratio(gains, spent)
    assert found.at_steps == (0.5, 0.75)
    assert found.limit.value == pytest.approx(2.5 / 3)
    assert found.limit.standard_error == pytest.approx(0, abs=1e-15)
    assert found.limit.df == 1
    # Payments of 1 and gains of 0 and 1, at the second step only: 4/3 of the error of a mean of 0 and 1.
    noisy = energy_ratio(np.array([[1.0, 1.0], [0.0, 1.0]]), np.ones((2, 2)))
    assert noisy.limit.standard_error == pytest.approx(4 / 3 * 0.5)


def test_first_order_in_the_step_cancels():
    alpha, time = np.array([0.2, 0.05]), 7.0
    ratios = 1 - 0.3 * alpha
    found = energy_ratio(time * np.outer(ratios, [1.0, 2.0]), time * np.outer([1.0, 1.0], [1.0, 2.0]))
    assert found.limit.value == pytest.approx(1, abs=1e-15)


def test_runs_are_summed_as_the_energy_defect_says():
    """The same claim from an ascent of its own, by another route: equal within the errors of both."""
    found = run_energy([BANDIT], execution=HERE).rows.iloc[0]
    on = find("instance", "bandit")
    estimator = find("method", "zpg").build(on.policy.dim, preferences(math.inf, math.inf, on.link), np.asarray(0.01))
    ratios = []
    for share, length in zip(SHARES, ITERATIONS, strict=True):
        start = np.broadcast_to(on.start, (512, on.policy.dim))
        run = ascend(on.mdp, on.policy, estimator, start, length + 1, share * 2.0, np.random.default_rng(8))
        ratios.append(1 / (1 + float(energy_defect(run, share * 2.0, axis=0))))
    assert [found["ratio_first"], found["ratio_second"]] == pytest.approx(ratios, abs=0.07)
    assert found["ratio"] == pytest.approx((4 * ratios[1] - ratios[0]) / 3, abs=0.08)
    assert found["outcome"] == FloorOutcome.EXACT


def test_faults_that_slopes_along_t_do_not_show_are_violated():
    """Downhill, a step off, a factor dropped: the ratios are -1, 1.15 and 1/d, and each is far from 1."""
    method = find("method", "zpg")
    faults = {
        -1.0: planted_faults.rescaled(method, -1.0),
        1.15: planted_faults.rescaled(method, 1.15),
        1 / find("instance", "bandit").policy.dim: planted_faults.dropped_dimension(method),
        0.0: planted_faults.never_moving(method),
    }
    few = replace(BANDIT, replicates=48)
    claims = [replace(few, name=f"fault {ratio}", run_as=fault) for ratio, fault in faults.items()]
    rows = run_energy([], claims, HERE).rows
    assert (rows["outcome"] == FloorOutcome.VIOLATED).all()
    assert list(rows["ratio"]) == pytest.approx(list(faults), abs=0.08)


def test_with_noise_the_mean_of_the_estimate_is_worked_out():
    """25 votes a pair lift E g by 6%, which the run shows; without noise nothing is taken from the estimator."""
    noisy = next(claim for claim in energy_claims() if math.isfinite(claim.n_queries) and claim.method == "zbcpg-1")
    assert noisy.pull(0) == pytest.approx(1.086, abs=0.002)
    assert replace(noisy, n_pairs=math.inf, n_queries=math.inf).pull(0) == 1.0
    lying = replace(noisy, method=planted_faults.dropped_dimension(find("method", "zbcpg-1")), n_pairs=math.inf)
    assert replace(lying, n_queries=math.inf).pull(0) == 1.0


def test_every_claim_along_t_has_one_and_names_differ():
    for preset in ("quick", "paper"):
        names = [claim.name for claim in energy_claims(preset)]
        along_t = stated_claims(preset, axis="T")
        circular = [f"energy {claim.name}, noise" for claim in along_t if claim.instance == "circular"]
        assert sorted(names) == sorted([*(f"energy {claim.name}" for claim in along_t), *circular])
    assert [claim.method for claim in energy_claims(method="zbcpg-3")] == ["zbcpg-3"] * 2
    assert energy_claims(method="ppo-online") == []
    with pytest.raises(InputError, match="twice"):
        run_energy([BANDIT, BANDIT])
    with pytest.raises(InputError, match="margin"):
        replace(BANDIT, margin=0.0)


def test_the_command_runs_the_balances(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "energy_claims", lambda *_: [BANDIT])
    monkeypatch.setattr(module, "energy_controls", list)
    assert rates.rates.__doc__
    given = ["rates", "--axis", "energy", "--jobs", "1", "--out", str(tmp_path)]
    found = CliRunner().invoke(app, given)
    assert found.exit_code == 0
    assert "PASSED: 1 of 1 balances" in found.output
    assert (tmp_path / "rates_axis-energy_energy.csv").exists()
    wrong = replace(BANDIT, run_as=planted_faults.rescaled(find("method", "zpg"), 2.0))
    monkeypatch.setattr(module, "energy_claims", lambda *_: [wrong])
    found = CliRunner().invoke(app, given)
    assert found.exit_code == 1
    assert "not as expected: energy of a test: VIOLATED" in found.output
    # A check without claims must not pass.
    monkeypatch.setattr(module, "energy_claims", lambda *_: [])
    assert CliRunner().invoke(app, given).exit_code == 2


@pytest.mark.slow
def test_all_balances_hold_and_all_faults_are_seen():
    """Either error has probability at most 5% over the family; the seed is fixed."""
    results = run_energy(energy_claims(), energy_controls(), Execution(seed=15))
    assert results.passed, results.other.to_dict()
