"""Raters of another link: what is compared with what, and which way round the tests are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from experiments.catalogue.lookup import find
from experiments.comparison.budget import Budget
from experiments.comparison.learning import learn
from experiments.comparison.learning_cells import Entry
from experiments.running.execution import Execution
from experiments.statistics.intervals import mean_interval, sign_flip_test
from experiments.studies import wrong_link
from experiments.studies.wrong_link import compare_links
from theory import LINKS, InputError, Linear, Logistic

SMALL = {"budget": Budget(10, 4, 3), "n_seeds": 6, "execution": Execution(jobs=1)}
START = 0.5


def planted(monkeypatch, courses: dict[tuple[str, str], float], noise: float = 0.01) -> None:
    """Curves of 11 points that go straight from the start to start + course, by method and name of the raters' link."""

    def synthetic(entries, n_seeds, execution):
        rng, frames = np.random.default_rng(0), []
        for entry in entries:
            name = next(name for name in LINKS if isinstance(entry.rater_link or entry.link, LINKS[name]))
            ends = START + courses.get((entry.method, name), 0.2) + noise * rng.normal(size=n_seeds)
            seed, iteration = np.indices((n_seeds, 11))
            value = START + (ends[:, None] - START) * np.arange(11) / 10
            rows = {"seed": seed.ravel(), "iteration": iteration.ravel(), "value": value.ravel()}
            frames.append(pd.DataFrame(entry.fields | rows))
        return SimpleNamespace(curves=pd.concat(frames, ignore_index=True))

    monkeypatch.setattr(wrong_link, "learn", synthetic)


def test_every_method_meets_every_link_and_loses_nothing_to_its_own():
    frame = compare_links("bandit", ["zpg", "dpo-online"], **SMALL)
    assert list(zip(frame["method"], frame["raters"], strict=True)) == [
        (method, link) for method in ("zpg", "dpo-online") for link in LINKS
    ]
    assert set(frame["assumed"]) == {"logistic"}
    own = frame["raters"] == "logistic"
    assert (frame.loc[own, ["loss", "loss_low", "loss_high"]] == 0).all(axis=None)
    np.testing.assert_array_equal(frame["p_loss"].isna(), own)
    np.testing.assert_allclose(frame["gain"], frame["final"] - START, atol=1e-14)
    np.testing.assert_allclose(frame["gap"] + frame["final"], 0.9, rtol=1e-12)
    best = frame[own].set_index("method")["final"]
    np.testing.assert_allclose(frame["loss"], frame["method"].map(best) - frame["final"], atol=1e-14)


def test_numbers_are_those_of_the_runs():
    frame = compare_links("bandit", ["zpg"], **SMALL).set_index("raters")
    link, budget = Logistic(0.707), Budget(10, 4, 3)
    # Cauchit and logistic densities at 0: 1 / pi and 1 / 4.
    rater = LINKS["cauchit"](scale=0.707 * 4 / np.pi)
    entries = [Entry("zpg", "bandit", budget, link), Entry("zpg", "bandit", budget, link, rater)]
    curves = learn(entries, 6, Execution(jobs=1)).curves
    right, wrong = (rows.pivot(index="seed", columns="iteration", values="value") for _, rows in curves.groupby(
        "raters", sort=False
    ))  # fmt: skip
    for measure, samples in (
        ("final", wrong[10]),
        ("gain", wrong[10] - START),
        ("late_gain", wrong[10] - wrong[5]),
        ("loss", right[10] - wrong[10]),
    ):
        reference = mean_interval(samples) if measure == "final" else sign_flip_test(samples)
        largest = 0.9 if measure == "final" else np.inf  # no value is above the optimum
        expected = [float(x) for x in (reference.mean, reference.low, np.minimum(reference.high, largest))]
        found = frame.loc["cauchit", [measure, f"{measure}_low", f"{measure}_high"]].astype(float)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=measure)


def test_a_worsening_is_not_called_a_gain(monkeypatch):
    """Planted: one method falls by 20 standard deviations of its mean, one does not move, all others rise as far."""
    planted(monkeypatch, {("zspo", "linear"): -0.05, ("zspo", "cloglog"): 0.0})
    frame = compare_links("bandit", ["zpg", "zspo"], n_seeds=20).set_index(["method", "raters"])
    fallen, still = frame.loc[("zspo", "linear")], frame.loc[("zspo", "cloglog")]
    assert fallen["gain_high"] < 0
    assert fallen["late_gain_high"] < 0
    assert fallen["p_gain"] > 0.99
    assert fallen["p_loss"] < 1e-3, "a loss is seen from both sides"
    assert still["p_gain"] > 0.05
    risen = frame.drop([("zspo", "linear"), ("zspo", "cloglog")])
    assert (risen["p_gain"] < 1e-3).all()
    assert (risen["late_gain_low"] > 0).all()
    assert fallen["loss"] == pytest.approx(0.25, abs=0.02)


def test_a_late_gain_is_over_the_second_half(monkeypatch):
    """Planted: all runs rise, and one method falls back a little in the second half."""
    planted(monkeypatch, {})
    straight = wrong_link.learn

    def bent(entries, n_seeds, execution):
        curves = straight(entries, n_seeds, execution).curves
        fall = (curves["method"] == "zspo") & (curves["iteration"] > 5)
        return SimpleNamespace(curves=curves.assign(value=curves["value"] - 0.15 * fall))

    monkeypatch.setattr(wrong_link, "learn", bent)
    frame = compare_links("bandit", ["zpg", "zspo"], n_seeds=20)
    fallen = frame["method"] == "zspo"
    assert (frame["p_gain"] < 1e-3).all()
    assert (frame.loc[fallen, "p_late"] > 0.99).all()
    assert (frame.loc[fallen, "late_gain_high"] < 0).all()
    assert (frame.loc[~fallen, "p_late"] < 1e-3).all()


@pytest.mark.slow
def test_both_families_are_adjusted_by_holm(monkeypatch):
    courses = {("zpg", name): 0.01 * k for k, name in enumerate(LINKS)}
    planted(monkeypatch, courses, noise=0.03)
    adjusted = compare_links("bandit", ["zpg", "zspo"], n_seeds=20)
    monkeypatch.setattr(wrong_link, "holm", lambda p: p)
    raw = compare_links("bandit", ["zpg", "zspo"], n_seeds=20)
    wrong = (raw["raters"] != "logistic").to_numpy()
    for name, rows in (("p_gain", np.full(10, True)), ("p_loss", wrong)):
        expected = multipletests(raw.loc[rows, name], method="holm")[1]
        np.testing.assert_allclose(adjusted.loc[rows, name], expected, rtol=1e-12)
        assert (adjusted.loc[rows, name] > raw.loc[rows, name]).any()


def test_another_assumed_link_is_its_own_right_one(monkeypatch):
    planted(monkeypatch, {})
    other = replace(find("instance", "bandit"), link=Linear(4.0), link_is_default=False)
    frame = compare_links(other, ["zpg"], n_seeds=3)
    assert set(frame["assumed"]) == {"linear"}
    assert frame.loc[frame["p_loss"].isna(), "raters"].tolist() == ["linear"]


@dataclass(frozen=True)
class OwnLink:
    """A link that has no name: logistic in all but its class."""

    symmetric: bool = True

    def __getattr__(self, name):
        if name in ("probability", "inverse", "derivative", "second_derivative"):
            return getattr(Logistic(), name)
        raise AttributeError(name)


def test_an_assumed_link_that_is_none_of_the_named_is_refused():
    other = replace(find("instance", "bandit"), link=OwnLink(), link_is_default=False)
    with pytest.raises(InputError, match="the instance's link must be one of logistic"):
        compare_links(other, ["zpg"], **SMALL)
