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
from experiments import learning
from experiments.instances import get_instance
from experiments.learning import Entry, LearningCell, learn, oracle, run_learning, settings_of
from experiments.methods import METHODS, N_SETTINGS
from theory import InputError, Linear, Logistic, policy_value

LINK = Logistic(0.707)
CHEAP = {"jobs": 1}


def entry(method: str, n_iterations: int = 12, n_pairs: int = 4, **changes) -> Entry:
    return Entry(method, "bandit", n_iterations, n_pairs, **({"n_queries": 3, "link": LINK} | changes))


def cell(method: str, **changes) -> LearningCell:
    task = entry(method, **changes)
    return LearningCell(task, settings_of(task)[3:5], 7, 3, 0, (1, 2))


def of(frame: pd.DataFrame, method: str) -> pd.DataFrame:
    return frame[frame["method"] == method].reset_index(drop=True)


def recorded_cells(monkeypatch) -> list[LearningCell]:
    cells: list[LearningCell] = []
    run_tasks = learning.run_tasks

    def record(run, tasks, work, **options):
        cells.extend(tasks)
        return run_tasks(run, tasks, work, **options)

    monkeypatch.setattr(learning, "run_tasks", record)
    return cells


@pytest.mark.parametrize("method", ["zpg", "ppo-online", "reinforce"])
@pytest.mark.parametrize("n_iterations", [1, 12, 150])
def test_a_curve_is_the_exact_value_from_the_start_to_the_last_parameters(method, n_iterations):
    n_pairs = 2 if n_iterations == 150 else 4
    task = cell(method, n_iterations=n_iterations, n_pairs=n_pairs)
    bandit = get_instance("bandit")
    steps, knobs = np.array(task.settings).T[..., None]
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
    for name, used in (("step_size", steps), ("knob", knobs)):
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
    more = learn([entry("zpg")], 43, **CHEAP).curves
    fewer = learn([entry("zpg")], 20, **CHEAP).curves
    np.testing.assert_array_equal(more["seed"].unique(), np.arange(43))
    assert not more.duplicated(["seed", "iteration"]).any()
    pd.testing.assert_frame_equal(more[more["seed"] < 20].reset_index(drop=True), fewer, check_exact=True)
    ends = more[more["iteration"] == 12].set_index("seed")["value"]
    assert not np.isclose(ends.loc[:19].to_numpy(), ends.loc[20:39].to_numpy()).any(), "blocks must not repeat seeds"


def test_final_runs_share_no_random_number_with_the_pilots(monkeypatch):
    cells = recorded_cells(monkeypatch)
    learn([entry("zpg"), entry("reinforce")], 22, seed=5, **CHEAP)
    pilots, finals = cells[:4], cells[4:]
    assert [(c.first_seed, c.n_seeds, len(c.settings)) for c in pilots] == [(0, 4, N_SETTINGS)] * 2 + [(4, 12, 3)] * 2
    assert [(c.first_seed, c.n_seeds, len(c.settings)) for c in finals] == [(0, 20, 1), (20, 2, 1)] * 2
    assert {c.entropy for c in cells} == {5}
    assert len({c.spawn_key for c in pilots}) == 2, "one stream a round for all methods pairs them"
    assert len({c.spawn_key for c in finals}) == 2, "one stream a block of seeds"
    assert not {c.spawn_key for c in pilots} & {c.spawn_key for c in finals}


def test_tuning_does_not_see_the_raters_link(monkeypatch):
    """The planted raters always take the better one: what they would favour must not change what is chosen."""
    cells = recorded_cells(monkeypatch)
    raters = Linear(1e-3)
    honest = learn([entry("zspo"), entry("dpo-online")], 2, **CHEAP)
    fooled = learn([entry("zspo", rater_link=raters), entry("dpo-online", rater_link=raters)], 2, **CHEAP)
    pd.testing.assert_frame_equal(fooled.tuning, honest.tuning, check_exact=True)
    assert [c.entry.rater_link for c in cells[6:]] == [None] * 4 + [raters, raters]
    assert not fooled.curves["value"].equals(honest.curves["value"]), "the final runs must see them"
    assert set(fooled.curves["raters"]) == {str(raters)}


def test_entries_that_differ_in_raters_alone_are_tuned_once(monkeypatch):
    cells = recorded_cells(monkeypatch)
    raters = Linear(1e-3)
    found = learn([entry("zpg"), entry("zpg", rater_link=raters)], 2, **CHEAP)
    assert len(cells) == 4
    assert len(found.tuning) == N_SETTINGS
    assert found.curves.groupby("raters")["step_size"].unique().map(len).tolist() == [1, 1]


@pytest.mark.parametrize("n_iterations", [7, 20])
@pytest.mark.parametrize("method", ["zpg", "dpo-offline", "exact"])
def test_the_setting_kept_is_one_of_those_tried_to_the_last_digit(method, n_iterations):
    task = entry(method, n_iterations=n_iterations, n_pairs=2)
    found = learn([task], 2, **CHEAP)
    tried = np.array(settings_of(task))
    np.testing.assert_array_equal(found.tuning[["step_size", "knob"]].to_numpy(), tried)
    kept = found.tuning[found.tuning["chosen"]]
    assert len(kept) == 1
    last = found.tuning[found.tuning["seeds"] == found.tuning["seeds"].max()]
    assert len(last) == 3
    assert kept["score"].item() == last["score"].max()
    assert (found.curves["step_size"] == kept["step_size"].item()).all()


def pilots(method: str, scores: dict[tuple[float, float], list[float]]) -> pd.DataFrame:
    """Pilot runs of two points a curve."""
    rows = [
        entry(method).fields
        | {"setting": number, "step_size": step, "knob": knob, "seed": seed, "iteration": t, "score": score}
        for number, ((step, knob), found) in enumerate(scores.items())
        for seed, score in enumerate(found)
        for t in (0, 12)
    ]
    return pd.DataFrame(rows)


def test_the_best_mean_is_chosen_and_edges_are_those_of_its_knob():
    first = pilots(
        "zpg",
        {
            (0.1, 1.0): [0.2, 0.2],
            (0.2, 1.0): [0.9, 0.1],
            (0.3, 1.0): [0.0, 0.0],
            (1.0, 2.0): [0.0, 0.0],
            (2.0, 2.0): [0.6, 0.6],
            (3.0, 2.0): [0.1, 0.2],
        },
    )
    # Ties: the first of equals. No knob: edges are those of all steps.
    second = pilots("reinforce", {(step, np.nan): [0.5] for step in (0.1, 0.2, 0.4)})
    tuning = learning._ranked(pd.concat([first, second], ignore_index=True))
    assert tuning.loc[tuning["chosen"], ["method", "step_size"]].to_numpy().tolist() == [
        ["zpg", 2.0],
        ["reinforce", 0.1],
    ]
    np.testing.assert_allclose(tuning["score"], [0.2, 0.5, 0.0, 0.0, 0.6, 0.15, 0.5, 0.5, 0.5])
    assert tuning["at_edge"].tolist() == [True, False, True] * 3


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
        run_learning(LearningCell(task, settings_of(task)[:1], 0, 4, 0, (1, 2)))
    assert len(seen["dpo-offline"]) == 6
    for dpo, ppo in zip(*seen.values(), strict=True):
        np.testing.assert_array_equal(dpo, ppo)


def test_progress_ends_at_the_number_of_cells():
    calls: list[tuple[int, int]] = []
    learn([entry("zpg"), entry("exact")], 2, progress=lambda done, total: calls.append((done, total)), **CHEAP)
    assert calls[-1] == (6, 6)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "sgd"}, "method must be one of"),
        ({"n_iterations": 0}, "n_iterations must be at least 1, got 0"),
        ({"n_pairs": 0}, "n_pairs must be at least 1"),
        ({"n_queries": np.nan}, "n_queries must be at least 1, got nan"),
    ],
)
def test_an_entry_that_cannot_run_is_refused_at_once(changes, words):
    with pytest.raises(InputError, match=words):
        replace(entry("zpg"), **changes)


def test_one_seed_or_no_entry_is_refused():
    with pytest.raises(InputError, match="n_seeds must be at least 2 and entries at least one, got 1 and 1"):
        learn([entry("zpg")], 1)
    with pytest.raises(InputError, match="got 2 and 0"):
        learn([], 2)
