"""Bad input to every public name of experiments and paper_figures: refused, by a message that names the argument."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bad_values import COUNT, FLAG, INF, INTEGER, NAN, POSITIVE, RNG, Call, name_of, real, refusal, with_entry

import experiments
import paper_figures
from estimators import Sphere
from experiments import (
    Budget,
    Claim,
    Execution,
    Guess,
    Instance,
    Limits,
    Look,
    Method,
    Prices,
    SettingGrid,
    Setup,
    check_component,
    compare_learning,
    compare_variance,
    find,
    fit_power_law,
    judge,
    judge_family,
    perturbing,
    plan_budget,
    run_claims,
    show_progress,
    stated_claims,
    validate_plans,
)
from experiments.statistics.sequential import SequentialPlan
from paper_figures import FigureContext, PaperFigure, build_figures, draw_rates
from paper_figures.registry import get_figure
from theory import STATED_RATE, Logistic, TabularMDP, TabularSoftmax, chain

OFF = Execution(jobs=1)
SMALL = Budget(2, 2, 1)
GUESS: dict[str, Any] = {
    "dim": 4,
    "horizon": 3,
    "curvature": 1.0,
    "spread": 1.0,
    "value_gap": 1.0,
    "link": Logistic(2.0),
    "smoothness": 0.5,
}
ONE_WAY = Limits(100, 10, 1, (None,), False)
PRICE = [-1, NAN, INF, -INF, "1", None, 1j, True, [1.0]]
OPTIONAL_POSITIVE = [value for value in POSITIVE if value is not None]
TEXT = [None, 3, b"zpg", ["zpg"]]
NAME = [*TEXT, ""]
UNKNOWN = [None, 3, "", "nothing", "no_such_module:X", "math:no_such_attribute", "math:pi", [], {}]
STARTS = [*real(np.zeros(6))[:9], [0.0] * 5, "text", 3.0, [0.0] * 5 + [NAN], [0.0] * 5 + ["a"], [0.0] * 5 + [1j]]
FUNCTION = [3, "zpg", {}]
CLAIM: dict[str, Any] = {
    "name": "small",
    "method": "zpg",
    "instance": "bandit",
    "axis": "N",
    "grid": (10.0, 100.0),
    "setup": Setup(3),
    "rate": STATED_RATE,
    "replicates": 4,
    "two_sided": False,
    "reason": "",
    "margin": 0.05,
    "in_family": True,
    "promise": Setup(3),
    "conditional": False,
    "predicted": -0.5,
    "mixing": 10.0,
}
SMALL_CLAIM = Claim(**CLAIM)
FIT = fit_power_law([1.0, 2.0, 4.0], [[1.0, 1.1], [0.5, 0.6], [0.3, 0.2]])
X, Y = [1.0, 2.0, 4.0], np.array([[1.0, 1.1], [0.5, 0.6], [0.3, 0.2]])
ALPHA = [0.0, 0.5, -0.1, 1.0, NAN, INF, "0.05", None, 1j, [0.05]]
THETA = np.linspace(-1, 1, 5)
NO_EXECUTION = [3, "loky", Execution]
METHOD: dict[str, Any] = {
    "name": "mine",
    "title": "Mine",
    "build": find("method", "zpg").build,
    "grid": find("method", "zpg").grid,
    "knob": "radius",
    "steps": True,
    "stacks": False,
    "least_dim": 1,
    "one_split": False,
    "deterministic": False,
    "group": "mine",
    "family": "",
    "work": 1.0,
    "look": Look("#000000", "o"),
}
BAD_METHOD: dict[str, list[Any]] = {
    "name": NAME,
    "title": NAME,
    "build": [None, *FUNCTION],
    "grid": FUNCTION,
    "knob": TEXT,
    "steps": FLAG,
    "stacks": FLAG,
    "least_dim": INTEGER,
    "one_split": FLAG,
    "deterministic": FLAG,
    "group": TEXT,
    "family": TEXT,
    "work": POSITIVE,
    "look": [3, "red", Look],
}


# These records are checked where they are used, since what they build is tried there.
def method(**fields: Any) -> object:
    return find("method", Method(**fields))


def perturbing_method(**fields: Any) -> object:
    return find("method", perturbing(**fields))


def figure(**fields: Any) -> object:
    return get_figure(PaperFigure(**fields))


def any_directions(dim: int) -> Sphere:
    return Sphere()


def no_frames(given: object) -> dict[str, pd.DataFrame]:
    return {}


def finder(kind: str) -> Callable[..., object]:
    return lambda wanted: find(kind, wanted)


EXPERIMENTS: list[Call] = [
    (
        Budget,
        {"n_iterations": 10, "n_pairs": 4, "n_queries": 3},
        {"n_iterations": [*INTEGER, 10**7], "n_pairs": INTEGER, "n_queries": COUNT},
    ),
    (
        Setup,
        {
            "n_iterations": 10.0,
            "n_pairs": 4.0,
            "n_queries": 3.0,
            "burn_in": 0.5,
            "radius": 0.1,
            "step_size": 0.1,
            "radius_scale": 1.0,
            "step_scale": 1.0,
            "queries_power": 1.0,
            "repeated": False,
            "start": (0.0, 1.0),
        },
        {
            "n_iterations": POSITIVE,
            "n_pairs": [value for value in POSITIVE if value != INF],
            "n_queries": [value for value in POSITIVE if value != INF],
            "burn_in": [-0.1, 1.0, NAN, INF, "0.5", None, 1j, [0.5]],
            "radius": OPTIONAL_POSITIVE,
            "step_size": OPTIONAL_POSITIVE,
            "radius_scale": POSITIVE,
            "step_scale": POSITIVE,
            "queries_power": [-1, NAN, INF, "1", 1j, [1.0]],
            "repeated": FLAG,
            "start": [3.0, "text", (), (NAN, 0.0), (0.0, NAN), (INF,), (0.0, "a"), (1j,)],
        },
    ),
    (
        Claim,
        CLAIM,
        {
            "name": TEXT,
            "method": [None, 3, Method],
            "instance": [None, 3, Instance],
            "axis": ["X", "", None, 3, ["N"]],
            "grid": [
                *((), (1.0,), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (1.0, NAN), (NAN, 1.0), (1.0, INF)),
                *(None, 3.0, "12", (1.0, "2"), (1.0, 1j), (1.0, None), (True, 2.0)),
            ],
            "setup": [None, Setup, 3],
            "rate": [None, -0.5, "stated"],
            "replicates": [*INTEGER, 1],
            "two_sided": FLAG,
            "reason": TEXT,
            "margin": POSITIVE,
            "in_family": FLAG,
            "promise": [Setup, 3],
            "conditional": FLAG,
            "predicted": [NAN, INF, "1", 1j],
            "mixing": OPTIONAL_POSITIVE,
        },
    ),
    (
        Instance,
        {
            "name": "mine",
            "summary": "",
            "mdp": chain(3, 2),
            "policy": TabularSoftmax(3, 2),
            "start": np.zeros(6),
            "link": Logistic(),
            "link_is_default": False,
        },
        {
            "name": TEXT,
            "summary": TEXT,
            "mdp": [None, TabularMDP, "chain"],
            "policy": [None, TabularSoftmax, 3, TabularSoftmax(4, 2), TabularSoftmax(3, 3), TabularSoftmax(3, 2, 5)],
            "start": STARTS,
            "link": [None, Logistic, "logistic"],
            "link_is_default": FLAG,
        },
    ),
    (
        Look,
        {"color": "#000000", "marker": "o", "size": 5.0, "filled": True, "dashes": (1, 2)},
        {
            "color": NAME,
            "marker": TEXT,
            "size": POSITIVE,
            "filled": FLAG,
            "dashes": [3, "12", (1,), (0, 1), (1, 0), (1, NAN), (NAN, 1), (1, "2"), (1, None)],
        },
    ),
    (method, METHOD, BAD_METHOD),
    (
        perturbing_method,
        {"name": "mine", "title": "Mine", "directions": any_directions, "step": 1.6, "symmetric": False},
        {
            "name": NAME,
            "title": NAME,
            "directions": [None, *FUNCTION],
            "feedback": [None, *FUNCTION],
            "step": POSITIVE,
            "radius": [None, *FUNCTION],
            "symmetric": FLAG,
            "stacks": FLAG,
        },
    ),
    (
        SettingGrid,
        {"step": 0.1, "step_ratio": 2.0, "shape": (4, 3), "knob": 1.0, "knob_ratio": 2.0, "coupled": False},
        {
            "step": POSITIVE,
            "step_ratio": [*POSITIVE, 0.5],
            "shape": [None, 3, (4,), (0, 3), (4, 0), (4, -1), (2.5, 3), (4, 2.5), ("4", 3), (4, NAN), (1, 2, 3)],
            "knob": [value for value in POSITIVE if value is not NAN],
            "knob_ratio": [*POSITIVE, 0.5],
            "coupled": FLAG,
            "least_knob": [-1, NAN, INF, "1", None, 1j],
        },
    ),
    (
        Execution,
        {"seed": 0, "jobs": 1, "backend": "loky"},
        {
            "seed": [-1, 2.5, NAN, "3", None, True, [2], 1j],
            "jobs": [0, -2, 2.5, NAN, "3", None, True, 10**6],
            "backend": ["threads", "", None, 3],
            "address": ["localhost:1", 3, ""],
            "cache": [3, 2.5, [], b"x"],
            "progress": [3, "bar"],
        },
    ),
    (
        SequentialPlan,
        {"looks": (8, 16), "alpha": 0.05, "until_tight": True},
        {
            "looks": [(), None, 8, (1, 2), (8, 8), (8, 12), (16, 8), (8, NAN), (NAN, 8), (8, "16"), (8.5, 17)],
            "alpha": ALPHA,
            "until_tight": FLAG,
        },
    ),
    (
        find,
        {"kind": "instance", "wanted": "bandit"},
        {"kind": ["instances", "", None, 3], "wanted": UNKNOWN},
    ),
    *(
        (finder(kind), {"wanted": good}, {"wanted": UNKNOWN})
        for kind, good in (("method", "zpg"), ("link", "logistic"), ("inversion", "trimmed"), ("claim", SMALL_CLAIM))
    ),
    (show_progress, {"label": "x"}, {"label": TEXT}),
    (
        stated_claims,
        {"preset": "quick", "method": "zpg", "axis": "N"},
        {"preset": ["slow", "", None, 3], "method": ["nothing", "", None, 3], "axis": ["X", "", None, 3]},
    ),
    (
        fit_power_law,
        {"x": X, "y": Y, "n_bootstrap": 10, "rng": np.random.default_rng(0)},
        {
            "x": [*real(X), *with_entry(X, 0.0), *with_entry(X, -1.0), [1.0, 1.0, 2.0], [1.0, 2.0, 2.0], [1.0], []],
            "y": [*real(Y), *with_entry(Y, 0.0), *with_entry(Y, -1.0), Y[:2], Y[:, :0], 1.0],
            "n_bootstrap": [-1, 2.5, NAN, "3", None, True],
            "rng": RNG,
        },
    ),
    (
        judge,
        {"fit": FIT, "claim": SMALL_CLAIM, "alpha": 0.05},
        {"fit": [None, 3.0], "claim": [None, -0.5], "alpha": ALPHA},
    ),
    (
        judge_family,
        {"fits": [FIT], "claims": [SMALL_CLAIM], "alpha": 0.05},
        {"fits": [[], [FIT, FIT], [None], None], "claims": [[], [None], None], "alpha": ALPHA},
    ),
    (
        run_claims,
        {"claims": [], "inapplicable": [], "plan": SequentialPlan((8, 16)), "execution": OFF},
        {"claims": [[], None, [None], ["zpg N circular"], SMALL_CLAIM, [SMALL_CLAIM, SMALL_CLAIM], [SMALL_CLAIM, 3]]},
    ),
    (
        compare_learning,
        {"instance": "bandit", "methods": ["exact"], "budget": SMALL, "n_seeds": 2, "scale": 2.0, "execution": OFF},
        {
            "instance": UNKNOWN,
            "methods": [[], None, ["nothing"], ["exact", "nothing"], ["nothing", "exact"], [3], "exact"],
            "budget": [3, Budget, [], [3], [SMALL, 3], [3, SMALL], [Budget], "small"],
            "n_seeds": [*INTEGER, 1],
            "scale": OPTIONAL_POSITIVE,
            "raters": UNKNOWN[1:],
            "execution": NO_EXECUTION,
        },
    ),
    (
        compare_learning,
        {"instance": "bandit", "methods": ["exact"], "budget": [SMALL], "n_seeds": 2, "execution": OFF},
        {},
    ),
    (Prices, {"trajectory": 1.0, "vote": 0.0}, {"trajectory": PRICE, "vote": PRICE}),
    (Prices, {"trajectory": 0.0, "vote": 1.0}, {"vote": [0, 0.0]}),
    (
        Limits,
        {"iterations": 10, "pairs": None, "queries": 3, "block_sizes": (None, 2), "until_disagreement": True},
        {
            "iterations": [value for value in INTEGER if value is not None],
            "pairs": [value for value in INTEGER if value is not None],
            "queries": [value for value in INTEGER if value is not None],
            "block_sizes": [(), 3, "1", [1], (0,), (1, 0), (0, 1), (2.5,), (1, "1"), (True,), (NAN, 1)],
            "until_disagreement": FLAG,
        },
    ),
    (
        Guess,
        GUESS,
        {
            "dim": INTEGER,
            "horizon": INTEGER,
            "curvature": POSITIVE,
            "spread": [*POSITIVE, 1.6],
            "value_gap": POSITIVE,
            "link": [Logistic, "logistic", 2.0],
            "smoothness": OPTIONAL_POSITIVE,
        },
    ),
    (
        plan_budget,
        {"instance": Guess(**GUESS), "budget": 1e3, "prices": Prices(), "limits": ONE_WAY, "model": "exact", "seed": 0},
        {
            "instance": UNKNOWN,
            "budget": [*POSITIVE, 1e16, 2.0],
            "prices": [3, Prices, (1.0, 1.0)],
            "limits": [3, Limits, 1000],
            "model": ["guess", "", None, 3, []],
            "seed": [-1, 2.5, "3", None, True],
        },
    ),
    (
        plan_budget,
        {"instance": Guess(**GUESS), "target": 0.6, "limits": ONE_WAY},
        {"target": [*POSITIVE, 1e-12], "budget": [1e3]},
    ),
    (
        validate_plans,
        {"instances": ["bandit"], "budgets": [1e3], "limits": ONE_WAY, "replicates": 2, "execution": OFF},
        {
            "instances": [[], "bandit", [3], ["bandit", 3], ["nothing"], ["bandit", "nothing"], Instance],
            "budgets": [[], 1e3, [0], [1e3, -1.0], [-1.0, 1e3], [NAN], [INF], ["1"], None, [True]],
            "prices": [3, Prices],
            "limits": [3, Limits],
            "replicates": [*INTEGER, 1],
            "execution": NO_EXECUTION,
        },
    ),
    (
        compare_variance,
        {"instance": "circular", "theta": THETA, "n_pairs": 4, "n_queries": 3, "methods": ["exact"], "execution": OFF},
        {
            "instance": UNKNOWN,
            "theta": [*real(THETA), np.zeros(4), np.zeros((1, 5)), 0.5],
            "n_pairs": [*INTEGER],
            "n_queries": COUNT,
            "methods": [[], ["nothing"], ["exact", "nothing"], ["nothing", "exact"], [3], "exact"],
            "execution": NO_EXECUTION,
        },
    ),
    (
        check_component,
        {"component": Logistic(), "kind": "link", "seed": 0},
        {
            "component": ["nothing", "no_such_module:X", "math:no_such_attribute"],
            "kind": ["links", "", 3],
            "seed": [-1, 2.5, "3", None],
            "expected_failures": [3, "x", ["x"]],
        },
    ),
    (check_component, {"component": Logistic()}, {"component": [None, 3, Logistic, []]}),
    (
        FigureContext,
        {"preset": "quick", "execution": OFF},
        {"preset": ["slow", "", None, 3], "execution": [None, *NO_EXECUTION]},
    ),
    (
        figure,
        {"name": "mine", "title": "Mine", "compute": no_frames, "draw": no_frames},
        {"name": NAME, "title": TEXT, "compute": [None, *FUNCTION], "draw": [None, *FUNCTION]},
    ),
    (
        build_figures,
        {"names": [], "formats": ["gif"]},
        {
            "names": ["rates", ["nothing"], [3], ["rates", "nothing"], ["nothing", "rates"], None, ["math:pi"]],
            "formats": ["pdf", ["gif"], ["pdf", "gif"], ["gif", "pdf"], [], [3], None],
            "out": [3, None],
            "context": [3, FigureContext],
        },
    ),
]
# Calls whose good arguments would compute at length, or whose good arguments are bad ones.
NOT_RUN = (run_claims, build_figures)
# Public names that are results, or a call that needs one: below.
NOT_CALLED = {"Comparison", "Plan", "PowerLawFit", "RateResults", "Verdict", "draw_rates"}

ROWS = [
    pytest.param(call, good, argument, values, id=f"{number}-{name_of(call)}-{argument}")
    for number, (call, good, bad) in enumerate(EXPERIMENTS)
    for argument, values in bad.items()
]
CALLS = [
    pytest.param(call, good, id=f"{number}-{name_of(call)}")
    for number, (call, good, _) in enumerate(EXPERIMENTS)
    if call not in NOT_RUN
]


@pytest.mark.parametrize(("call", "good", "argument", "values"), ROWS)
def test_every_bad_value_is_refused_by_name(
    call: Callable[..., object],
    good: dict[str, Any],
    argument: str,
    values: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = {k: refusal(call, good | {argument: value}, argument) for k, value in enumerate(values)}
    assert not {repr(values[k]): said for k, said in wrong.items() if said}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("call", "good"), CALLS)
def test_the_call_works_without_the_bad_value(call: Callable[..., object], good: dict[str, Any]) -> None:
    call(**good)


def test_every_public_name_has_a_row() -> None:
    called = {name_of(call) for call, _, _ in EXPERIMENTS} | {"Method", "perturbing", "PaperFigure"}
    assert called >= {*experiments.__all__, *paper_figures.__all__} - NOT_CALLED


@pytest.mark.parametrize("frame", [None, 3, pd.DataFrame(), pd.DataFrame({"a": [1.0]})])
@pytest.mark.parametrize("argument", ["points", "verdicts"])
def test_figures_refuse_frames_that_are_not_of_a_rate_check(argument: str, frame: object) -> None:
    empty = {"points": pd.DataFrame({"claim": []}), "verdicts": pd.DataFrame({"instance": [], "axis": []})}
    assert not refusal(draw_rates, empty | {argument: frame}, argument)
