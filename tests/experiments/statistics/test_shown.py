"""What a notebook shows of a result: a line in words, and a table of columns that there are."""

from __future__ import annotations

import ast
import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import Budget, Execution, Guess, compare_learning, fit_power_law, judge, plan_budget, stated_claims
from experiments.comparison.compare_learning import Comparison
from experiments.planning.plan import Plan
from experiments.rates.floor_calibration import FloorCalibration
from experiments.rates.run_claims import RateResults
from experiments.rates.run_curves import CurveResults
from experiments.rates.run_energy import EnergyResults
from experiments.rates.run_faults import FaultResults
from experiments.rates.run_floors import FloorResults
from experiments.statistics.shown import Shown

ROOT = Path(__file__).parents[3]
RESULTS = (Comparison, CurveResults, EnergyResults, FaultResults, FloorCalibration, FloorResults, Plan, RateResults)


def headers(html: str) -> list[str]:
    return re.findall(r"<th>([^<]+)</th>", html.partition("<tbody>")[0])


def line(html: str) -> str:
    return unescape(html.partition("<p>")[2].partition("</p>")[0])


def test_every_result_that_has_a_frame_shows_itself() -> None:
    """Classes that define ``to_frame``, or hold a frame, are found in the source."""
    found = set()
    for path in (ROOT / "experiments").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any(getattr(each, "name", "") == "to_frame" for each in node.body):
                found.add(node.name)
    assert found - {"Shown"} == {each.__name__ for each in RESULTS}
    assert all(issubclass(each, Shown) for each in RESULTS)


def test_columns_that_are_shown_are_columns_of_the_frame() -> None:
    """A column that is renamed would vanish from the notebook without a word."""
    stray = {}
    for each in RESULTS:
        module = ROOT.joinpath(*each.__module__.split(".")).with_suffix(".py")
        code = "".join(path.read_text() for path in module.parent.glob("*.py"))
        written = set(re.findall(r"\"(\w+)\"", re.sub(r"shown_columns = \([^)]*\)", "", code))) | set(
            re.findall(r"^    (\w+): ", code, re.MULTILINE)
        )
        stray[each.__name__] = [column for column in each.shown_columns if column not in written]
    assert {name: columns for name, columns in stray.items() if columns} == {}


def test_a_verdict_and_a_fit() -> None:
    x = np.array([1e2, 1e3, 1e4])
    fit = fit_power_law(x, x[:, None] ** -0.5 * (1 + 0.01 * np.random.default_rng(0).normal(size=(3, 8))))
    assert line(fit._repr_html_()).startswith("slope -0.5")
    assert headers(fit._repr_html_()) == list(fit.shown_columns)
    (claim, *_) = stated_claims(method="zpg", axis="N")
    verdict = judge(fit, claim)
    assert line(verdict._repr_html_()) == f"HOLDS, TIGHT: {verdict.reason}"
    assert headers(verdict._repr_html_()) == list(verdict.shown_columns)


def test_rows_of_the_rate_checks_are_few_and_escaped() -> None:
    row = {"claim": "<b>", "kind": "claim", "outcome": "HOLDS", "tight": False, "slope": -1.0, "p_holds": 0.01}
    results = RateResults(pd.DataFrame({"proved": [False], "ratio": [0.1]}), pd.DataFrame([row]))
    html = results._repr_html_()
    assert headers(html) == ["claim", "slope", "outcome", "tight"]
    assert line(html) == repr(results)
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_a_plan_says_what_to_buy() -> None:
    plan = plan_budget(Guess(dim=5, horizon=5, curvature=2.0, spread=1.0, value_gap=1.0), budget=1e4)
    best = plan.best
    assert f"N = {best.n_pairs}, T = {best.n_iterations}" in line(plan._repr_html_())
    assert plan.to_frame().equals(plan.others)
    assert len(repr(plan)) < 200, "the frames are not printed"


@pytest.mark.slow
def test_a_comparison() -> None:
    found = compare_learning(
        "bandit", ["zpg", "exact"], budget=Budget(n_iterations=20), n_seeds=2, execution=Execution(jobs=1)
    )
    assert headers(found._repr_html_()) == list(found.shown_columns)
