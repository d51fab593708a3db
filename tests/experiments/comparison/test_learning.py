"""Tuning by one rule, then learning curves: what is drawn, what is scored, what is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.random import SeedSequence

import estimators.dpo
import estimators.ppo
from estimators import ascend
from experiments.catalogue.lookup import find
from experiments.catalogue.methods import METHODS
from experiments.comparison import learning
from experiments.comparison.budget import Budget
from experiments.comparison.learning import learn, learn_best_splits
from experiments.comparison.learning_cells import Entry, LearningCell, grid_of, oracle, run_learning
from experiments.running.execution import Execution
from theory import InputError, Linear, Logistic, policy_value

LINK = Logistic(0.707)
CHEAP = {"execution": Execution(jobs=1)}


def entry(method: str, n_iterations: int = 12, n_pairs: int = 4, **changes) -> Entry:
    budget = Budget(n_iterations, n_pairs, changes.pop("n_queries", 3))
    return Entry(method, "bandit", budget, **({"link": LINK} | changes))


def cell(method: str, **changes) -> LearningCell:
    task = entry(method, **changes)
    return LearningCell(task, grid_of(task).first[3:5], 7, 3, 0, (1, 2))


def of(frame: pd.DataFrame, method: str) -> pd.DataFrame:
    return frame[frame["method"] == method].reset_index(drop=True)


def recorded_cells(monkeypatch) -> list[LearningCell]:
    cells: list[LearningCell] = []
    run_tasks = learning.run_tasks

    def record(run, tasks, *rest):
        cells.extend(tasks)
        return run_tasks(run, tasks, *rest)

    monkeypatch.setattr(learning, "run_tasks", record)
    return cells


@pytest.mark.parametrize("method", ["zpg", "ppo-online", "reinforce"])
@pytest.mark.parametrize("n_iterations", [1, 12, 150])
def test_a_curve_is_the_exact_value_from_the_start_to_the_last_parameters(method, n_iterations):
    n_pairs = 2 if n_iterations == 150 else 4
    task = cell(method, n_iterations=n_iterations, n_pairs=n_pairs)
    bandit = find("instance", "bandit")
    grid = grid_of(task.entry)
    steps, knobs = np.array([grid.setting(index) for index in task.indices]).T[..., None]
    runs = ascend(
        bandit.mdp,
        bandit.policy,
        METHODS[method].build(bandit.policy.dim, oracle(task.entry), knobs),
        np.zeros((2, 3, bandit.policy.dim)),
        n_iterations,
        steps,
        np.random.default_rng(SeedSequence(0, spawn_key=(1, 2))),
    )
    ends = policy_value(bandit.mdp, bandit.policy, runs.theta)
    values = np.concatenate([runs.values, ends[..., None]], axis=-1)

    curves = run_learning(task)
    shown = curves["iteration"].unique()
    assert (shown[0], shown[-1]) == (0, n_iterations)
    assert len(shown) == min(60, n_iterations + 1)
    by_run = curves["value"].to_numpy().reshape(2, 3, -1)
    np.testing.assert_array_equal(by_run[..., 0], np.full((2, 3), 0.5))
    np.testing.assert_array_equal(by_run, values[..., shown])
    scored = values[..., -{1: 1, 12: 1, 150: 15}[n_iterations] :].mean(axis=-1)
    np.testing.assert_allclose(curves["score"].to_numpy().reshape(2, 3, -1), scored[..., None] + 0 * by_run, rtol=1e-15)
    np.testing.assert_array_equal(curves["seed"].unique(), [7, 8, 9])
    indices = np.array(task.indices).T[..., None]
    for name, used in zip(("step_size", "knob", "step_index", "knob_index"), (steps, knobs, *indices), strict=True):
        np.testing.assert_array_equal(curves[name].to_numpy().reshape(2, -1), used + np.zeros(by_run[0].size))


@pytest.mark.parametrize(
    ("method", "trajectories", "votes"),
    [("zpg", 8, 12), ("dpo-online", 8, 12), ("ppo-sampled", 16, 12), ("gpomdp", 8, 0), ("exact", 0, 0)],
)
def test_costs_grow_by_the_same_amount_every_iteration(method, trajectories, votes):
    curves = run_learning(cell(method))
    np.testing.assert_allclose(curves["trajectories"], trajectories * curves["iteration"], rtol=1e-14)
    np.testing.assert_allclose(curves["votes"], votes * curves["iteration"], rtol=1e-14)


def test_infinitely_many_votes_cost_nothing_before_the_first_iteration():
    curves = run_learning(cell("zpg", n_queries=np.inf))
    np.testing.assert_array_equal(curves["votes"], np.where(curves["iteration"] == 0, 0.0, np.inf))


def test_the_same_cell_gives_the_same_bytes_and_another_seed_does_not():
    task = cell("dpo-online")
    once = run_learning(task)
    pd.testing.assert_frame_equal(once, run_learning(task), check_exact=True)
    assert not once["value"].equals(run_learning(replace(task, entropy=1))["value"])


def test_results_depend_neither_on_the_other_entries_nor_on_more_seeds():
    alone = learn([entry("zpg")], 3, **CHEAP)
    among = learn([entry("reinforce"), entry("zpg"), entry("dpo-online")], 3, **CHEAP)
    for found, expected in ((among.curves, alone.curves), (among.tuning, alone.tuning)):
        pd.testing.assert_frame_equal(of(found, "zpg"), expected, check_exact=True)
    more = learn([entry("zpg")], 103, **CHEAP).curves
    fewer = learn([entry("zpg")], 50, **CHEAP).curves
    np.testing.assert_array_equal(more["seed"].unique(), np.arange(103))
    assert not more.duplicated(["seed", "iteration"]).any()
    pd.testing.assert_frame_equal(more[more["seed"] < 50].reset_index(drop=True), fewer, check_exact=True)
    # Whole curves: all end at the same optimum.
    curves = more.pivot(index="seed", columns="iteration", values="value")
    repeated = np.isclose(curves.loc[:49].to_numpy(), curves.loc[50:99].to_numpy()).all(axis=1)
    assert not repeated.any(), "blocks must not repeat seeds"


def test_real_runs_are_tuned_on_pilots_and_finals_share_no_random_number_with_them(monkeypatch):
    cells = recorded_cells(monkeypatch)
    found = learn([entry("zpg"), entry("reinforce")], 52, Execution(seed=5, jobs=1))
    finals = [c for c in cells if c.spawn_key[1] == 1]
    assert [(c.first_seed, c.n_seeds, len(c.indices)) for c in finals] == [(0, 50, 1), (50, 2, 1)] * 2
    assert {c.entropy for c in cells} == {5}
    assert len({c.spawn_key for c in finals}) == 2, "one stream a block of seeds"
    assert not {c.spawn_key for c in finals} & {c.spawn_key for c in cells if c not in finals}
    for method in ("zpg", "reinforce"):
        tried, used = of(found.tuning, method), of(found.curves, method)
        (kept,) = tried[tried["chosen"]].itertuples()
        assert (used["step_size"] == kept.step_size).all()
        assert kept.score == tried.loc[tried["seeds"] == 24, "score"].max()


def test_tuning_does_not_see_the_raters_link(monkeypatch):
    """The planted raters always take the better one: what they would favour must not change what is chosen."""
    cells = recorded_cells(monkeypatch)
    raters = Linear(1e-3)
    honest = learn([entry("zspo"), entry("dpo-online")], 2, **CHEAP)
    fooled = learn([entry("zspo", rater_link=raters), entry("dpo-online", rater_link=raters)], 2, **CHEAP)
    pd.testing.assert_frame_equal(fooled.tuning, honest.tuning, check_exact=True)
    finals = [c for c in cells if c.spawn_key[1] == 1]
    assert [c.entry.rater_link for c in finals] == [None, None, raters, raters]
    assert {c.entry.rater_link for c in cells if c.spawn_key[1] == 0} == {None}
    assert not fooled.curves["value"].equals(honest.curves["value"]), "the final runs must see them"
    assert set(fooled.curves["raters"]) == {str(raters)}


def test_entries_that_differ_in_raters_alone_are_tuned_once(monkeypatch):
    cells = recorded_cells(monkeypatch)
    raters = Linear(1e-3)
    found = learn([entry("zpg"), entry("zpg", rater_link=raters)], 2, **CHEAP)
    assert not found.tuning.duplicated(["step_index", "knob_index"]).any()
    assert len([c for c in cells if c.spawn_key[1] == 1]) == 2
    assert found.curves.groupby("raters")["step_size"].unique().map(len).tolist() == [1, 1]


def test_offline_methods_learn_from_literally_the_same_data(monkeypatch):
    """Paired as far as can be: the same trajectories of the start and the same votes, whatever the setting."""
    seen: dict[str, list[np.ndarray]] = {}
    collect = estimators.dpo.collect
    for method, module in (("dpo-offline", estimators.dpo), ("ppo-offline", estimators.ppo)):
        data = seen.setdefault(method, [])

        def spy(*arguments, data=data):
            fresh = collect(*arguments)
            data.extend([fresh.visits.reshape(*fresh.shares.shape, -1), fresh.shares])
            return fresh

        monkeypatch.setattr(module, "collect", spy)
        task = entry(method, n_iterations=3)
        run_learning(LearningCell(task, ((0, 0),), 0, 4, 0, (1, 2)))
    assert len(seen["dpo-offline"]) == 6
    for dpo, ppo in zip(*seen.values(), strict=True):
        np.testing.assert_array_equal(dpo, ppo)


def test_progress_ends_at_the_number_of_cells():
    calls: list[tuple[int, int]] = []
    learn(
        [entry("zpg"), entry("exact")], 2, Execution(jobs=1, progress=lambda done, total: calls.append((done, total)))
    )
    done, total = calls[-1]
    assert done == total >= 6
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "sgd"}, "method must be one of"),
        ({"n_iterations": 0}, "n_iterations must be an integer of at least 1, got 0"),
        ({"n_pairs": 0}, "n_pairs must be an integer of at least 1"),
        ({"n_queries": np.nan}, "n_queries must be a whole number of at least 1 or math.inf, got nan"),
    ],
)
def test_an_entry_that_cannot_run_is_refused_at_once(changes, words):
    with pytest.raises(InputError, match=words):
        entry(**({"method": "zpg"} | changes))


def test_one_seed_or_no_entry_is_refused():
    with pytest.raises(InputError, match="n_seeds must be an integer of at least 2, got 1"):
        learn([entry("zpg")], 1)
    with pytest.raises(InputError, match="entries must hold at least one, got none"):
        learn([], 2)


def test_final_runs_of_different_methods_share_no_random_number(monkeypatch):
    """They are compared as independent samples; splits of one method have been tuned on the same seeds."""
    cells = recorded_cells(monkeypatch)
    groups = [tuple(entry(method, 12 // n, n) for n in (2, 4)) for method in ("zpg", "zbcpg-d")]
    found = learn_best_splits(groups, 2, Execution(jobs=1))
    finals = [c for c in cells if c.spawn_key[1] == 1]
    assert len({c.spawn_key for c in finals}) == 2
    assert not {c.spawn_key for c in finals} & {c.spawn_key for c in cells if c not in finals}
    kept = found.tuning[found.tuning["chosen"]].set_index("method")["n_pairs"]
    assert {c.entry.method: c.entry.budget.n_pairs for c in finals} == kept.to_dict()
    alone = learn_best_splits(groups[1:], 2, Execution(jobs=1))
    pd.testing.assert_frame_equal(of(found.curves, "zbcpg-d"), alone.curves, check_exact=True)


def test_raters_with_another_link_answer_the_final_runs_of_the_best_split(monkeypatch):
    cells = recorded_cells(monkeypatch)
    raters = Linear(1e-3)
    group = tuple(entry("zpg", 12 // n, n, rater_link=raters) for n in (2, 4))
    learn_best_splits([group], 2, Execution(jobs=1))
    assert [c.entry.rater_link for c in cells if c.spawn_key[1] == 1] == [raters]
    assert {c.entry.rater_link for c in cells if c.spawn_key[1] == 0} == {None}
    with pytest.raises(InputError, match="entries must hold at least one"):
        learn_best_splits([()], 2)
