from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimators.ascent import ascend
from experiments import Guess, Limits, Prices, plan_budget
from experiments.catalogue.lookup import find
from experiments.planning import plan as planner
from experiments.planning.candidates import Candidate
from experiments.planning.closed_forms import certificate_source, guess_source
from experiments.planning.models import ExactSource, best_plan, grid, ways_of_asking
from experiments.planning.paper_schedule import paper_settings, stated_bound
from experiments.planning.random_instances import random_instances
from experiments.planning.search import Allocation, allocation, best_allocation
from experiments.studies.plan_validation import exceptions, summary
from theory import LINKS, certificate, optimal_value, policy_value, smoothness_bound
from theory.errors import InputError

SMALL = Limits(iterations=500, queries=3, block_sizes=(1,))
GUESS = Guess(dim=20, horizon=10, curvature=2.0, spread=1.5, value_gap=3.0)


@pytest.fixture(scope="module")
def source() -> ExactSource:
    return ExactSource(find("instance", "circular"), SMALL)


@pytest.fixture(scope="module")
def candidates(source: ExactSource) -> list[Candidate]:
    return grid(source, SMALL)


@pytest.fixture(scope="module")
def plan(source: ExactSource, candidates: list[Candidate]) -> Allocation:
    return best_plan(source, candidates, 2e5, Prices(1.0, 2.0), SMALL)


def spent(plan: Allocation, prices: Prices) -> float:
    """Cost by the counts of a run, a route that knows nothing of the planner."""
    on = find("instance", "circular")
    run = ascend(on.mdp, on.policy, plan.estimator, on.start, 2, plan.step_size, np.random.default_rng(0))
    per_run = plan.n_iterations / 2
    return float(per_run * (prices.trajectory * run.n_trajectories + prices.vote * run.n_votes))


class WithoutVotes(Prices):
    def of_pair(self, votes: float) -> float:  # noqa: ARG002
        return 2 * self.trajectory


class OneTrajectory(Prices):
    def of_pair(self, votes: float) -> float:
        return self.trajectory + votes * self.vote


def test_a_plan_costs_what_its_run_costs(candidates: list[Candidate]) -> None:
    fixed = [each for each in candidates if each.panel.name.startswith("M =")]
    for each in fixed[:3]:
        for kind, sound in ((Prices, True), (WithoutVotes, False), (OneTrajectory, False)):
            made = allocation(each, 0.01, 7, 100, kind(1.0, 2.0))
            assert (made.cost == pytest.approx(spent(made, Prices(1.0, 2.0)))) is sound


def test_panels_that_stop_early_cost_the_expected_votes(source: ExactSource, candidates: list[Candidate]) -> None:
    early = ways_of_asking(candidates)["until the first disagreement"][0]
    made = allocation(early, 1e-9, 5, 10, Prices(0.0, 1.0))
    on = source.instance
    votes = made.estimator.expected_votes(on.mdp, on.policy, on.start)
    assert made.cost == pytest.approx(10 * float(votes), rel=1e-3)


def test_the_plan_keeps_the_budget_and_the_limits(plan: Allocation) -> None:
    assert plan.cost <= 2e5
    assert plan.n_iterations <= SMALL.iterations
    assert plan.votes <= max(3.0, 4.0)
    assert plan.step_size <= plan.candidate.model.largest_step


@pytest.mark.parametrize("factor", [0.25, 0.5, 2.0])
def test_no_other_step_is_much_better(plan: Allocation, factor: float) -> None:
    other = allocation(plan.candidate, factor * plan.step_size, plan.n_pairs, plan.n_iterations, Prices(1.0, 2.0))
    assert plan.error <= 1.02 * other.error


def test_a_larger_budget_is_not_worse(source: ExactSource, candidates: list[Candidate]) -> None:
    budgets = (3e4, 3e5)
    errors = [best_plan(source, candidates, budget, Prices(), SMALL).error for budget in budgets]
    assert (np.diff(errors) <= 0.02 * np.array(errors[:-1])).all()
    assert errors[-1] < errors[0]


@pytest.mark.slow
def test_more_choice_is_not_worse(source: ExactSource, candidates: list[Candidate]) -> None:
    single = ways_of_asking(candidates)["one vote a pair"]
    alone, among = (best_plan(source, each, 1e5, Prices(), SMALL) for each in (single, candidates))
    assert among.error <= alone.error


def test_dearer_votes_make_fewer_of_them() -> None:
    source = guess_source(GUESS, Limits())
    candidates = source.candidates(None, 1.0, source.panels)
    found = [best_allocation(candidates, 1e6, Prices(1.0, cost), Limits()) for cost in (100.0, 0.01)]
    few, many = (each.votes for each in found if each is not None)
    assert few < many


def test_the_certificate_is_the_theorem() -> None:
    on = find("instance", "circular")
    made = certificate_source(on, SMALL).candidates(None, 0.05, certificate_source(on, SMALL).panels[:1])[0]
    table = made.panel.votes.table(on.mdp)
    bound = certificate(
        value_gap=optimal_value(on.mdp) - policy_value(on.mdp, on.policy, on.start),
        dim=5,
        smoothness=smoothness_bound(on.mdp, on.policy),
        n_iterations=1000,
        step_size=1e-4,
        radius=0.05,
        n_pairs=77,
        inversion_bias=table.largest_bias,
        second_moment=table.largest_second_moment,
    )
    assert made.model.error(1e-4, 77, 1000).total == pytest.approx(bound.total)


def test_a_guess_gives_the_closed_form() -> None:
    source = guess_source(GUESS, SMALL)
    model = source.candidates(None, 0.4, source.panels[-1:])[0].model
    step, n_pairs = 1e-6, 50
    parts = model.error(step, n_pairs, 1e12)
    # Votes until the first disagreement are unbiased, so what trajectories add is (alpha / 2) tr(A) d s^2 / (mu^2 N).
    floor = step / 2 * GUESS.curvature * GUESS.dim * 2 * GUESS.spread**2 / (0.4**2 * n_pairs)
    assert parts.trajectories == pytest.approx(floor, rel=0.02)
    assert parts.bias == pytest.approx(GUESS.dim * (GUESS.curvature / GUESS.dim * 0.4 / 2) ** 2)


def test_the_papers_settings_minimise_its_bound() -> None:
    prices, limits = Prices(1.0, 0.5), Limits(iterations=1000, queries=40)
    queries, pairs, iterations, radius, step = paper_settings(4, 3, 5e4, prices, limits)
    cost = pairs * iterations * prices.of_pair(queries)
    assert 0.9 * 5e4 < cost <= 5e4
    best = stated_bound(4, 3, iterations, pairs, queries)
    for m in (2, 10, 20, 40):
        for n in (5, 50, 500):
            t = min(1000, int(5e4 / n / prices.of_pair(m)))
            assert best <= 1.02 * stated_bound(4, 3, max(t, 1), n, m)
    assert step == 1 / 4
    assert radius == pytest.approx(max(queries**-0.5, 3 / math.sqrt(4 * pairs)) ** 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "budget or target must be given"),
        ({"budget": 1e4, "target": 0.1}, "not both"),
        ({"budget": -1.0}, "budget must be positive and finite"),
        ({"budget": math.nan}, "budget must be positive and finite"),
        ({"budget": 2.0}, "one pair of trajectories and its votes, which costs 3"),
        ({"budget": 1e30}, "budget must be at most"),
        ({"target": 1e-9}, "target must be at least about"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan_budget(GUESS, limits=SMALL, **arguments)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Prices(-1.0), "cost of a trajectory must be"),
        (lambda: Prices(0.0, 0.0), "every run is free"),
        (lambda: Limits(iterations=0), "the limit of iterations"),
        (lambda: Limits(block_sizes=()), "at least one K"),
        (lambda: Limits(block_sizes=(9,)).sizes(4), "at most the number of parameters 4"),
        (lambda: replace(GUESS, spread=6.0), "spread must be at most"),
        (lambda: replace(GUESS, curvature=0.0), "curvature must be"),
        (lambda: plan_budget("taxi", budget=1e6), "at most 128 parameters"),
        (lambda: paper_settings(4, 3, 3.5, Prices(), Limits()), "stated schedule must have"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.slow
def test_a_target_is_reached_at_about_the_cost_of_the_budget_that_comes_to_it() -> None:
    limits = replace(SMALL, iterations=10_000)
    there = plan_budget(GUESS, budget=1e6, limits=limits)
    back = plan_budget(GUESS, target=there.error, limits=limits)
    assert back.error <= there.error
    assert back.best.cost == pytest.approx(there.best.cost, rel=0.3)


def test_every_table_holds_the_plan() -> None:
    made = plan_budget(replace(GUESS, link=LINKS["probit"](5.0)), budget=1e5, limits=SMALL)
    front = made.front
    assert (np.diff(front["cost"]) > 0).all()
    assert (np.diff(front["error"]) < 0).all()
    assert front["plan"].sum() == 1
    assert made.summary.loc[0, "error"] == pytest.approx(sum(made.best.parts.as_dict().values()))
    assert set(made.others["way"]) >= {"plan", "one vote a pair", "the paper's schedule"}
    assert (made.others["over_plan"] >= 1 - 1e-9).all()
    assert (made.margins["gain"] >= -1e-12).all()
    assert "the limit of 500 iterations binds" in made.notes[0]


def test_the_command_writes_json(zpg_in_process: Any) -> None:
    guessed = ("--dim", "5", "--horizon", "4", "--curvature", "1", "--spread", "1", "--value-gap", "2")
    done = zpg_in_process(
        "plan", *guessed, "--budget", "1e4", "--max-queries", "1", "--no-until", "--json", "plan.json"
    )
    assert done.returncode == 0
    assert "Plan: ZPG; votes: M = 1" in done.stdout
    with open("plan.json") as file:
        written = json.load(file)
    assert written["plan"][0]["cost"] <= 1e4
    assert written["budget"] == 1e4
    half = zpg_in_process("plan", "--dim", "5", "--budget", "1e4")
    assert half.returncode == 2
    assert "--horizon, --curvature, --spread, --value-gap missing" in half.stderr


def test_a_bad_folder_is_refused_before_the_work(zpg_in_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def worked(*_: object, **__: object) -> None:
        raise AssertionError("work was done")

    monkeypatch.setattr("experiments.planning.plan.plan_budget", worked)
    done = zpg_in_process("plan", "--budget", "1e4", "--out", "/dev/null")
    assert done.returncode == 2
    assert "--out /dev/null cannot be made or written to" in done.stderr


def test_the_instances_of_the_validation_are_these() -> None:
    names = [each.name for each in random_instances()]
    assert len(names) == len(set(names)) == 32
    assert names[0] == "garnet-circular-100"
    assert names[-1] == "gridworld-circular-307"


def test_the_summary_counts_and_exceptions_have_reasons() -> None:
    usual = {"family": "f", "start": 1.0, "n_iterations": 5, "within": True}
    cells = [("a", 0.5, 0.4, 0.6, 0.9), ("b", 0.9, 0.8, 1.0, 0.8), ("c", 3.0, 2.9, 3.1, 0.5)]
    rows = []
    for name, measured, low, high, paper in cells:
        rows.append({"instance": name, "budget": 1.0, "kind": "plan", "measured": measured, "low": low, "high": high})
        rows.append(rows[-1] | {"kind": "paper", "measured": paper, "low": paper - 0.05, "high": paper + 0.05})
    frame = pd.DataFrame(rows).assign(**usual, ratio=1.1)
    counts = summary(frame).iloc[-1]
    assert counts["plans"] == 3
    assert counts["better"] == pytest.approx(1 / 3)
    assert counts["gain"] == pytest.approx((0.5 / 0.9 * 0.9 / 0.8 * 3 / 0.5) ** (1 / 3))
    worse = exceptions(frame).set_index("instance")["reason"]
    assert worse["b"] == "no difference beyond the noise of the runs"
    assert worse["c"] == "the model is too cautious"


@pytest.mark.parametrize("edge", [1.7e3, 2.3e4, 4.1e5])
def test_a_target_is_reached_at_the_least_cost_though_the_error_jumps(
    edge: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the edge the error is far above the target, at it far below: no budget comes close to the target."""

    def best(source: Any, candidates: Any, budget: float, prices: Any, limits: Any) -> Any:
        return SimpleNamespace(cost=budget, error=1e-6 if budget >= edge else 1e-2)

    monkeypatch.setattr(planner, "best_plan", best)
    monkeypatch.setattr(planner, "least_cost", lambda *_: 10.0)
    monkeypatch.setattr(planner, "rough_error", lambda *given: 30.0 / given[1])
    found = planner._cheapest(None, [None], 1e-3, Prices(), Limits())  # type: ignore[arg-type, list-item]
    assert edge <= found.cost <= 1.25 * edge
