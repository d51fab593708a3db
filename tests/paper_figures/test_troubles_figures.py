"""Figures of the four troubles of reward inference: numbers of the frame are drawn, and nothing overlaps."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from experiments.studies.joint_overfitting import KEYS
from experiments.studies.misspecification import RATERS
from experiments.studies.reward_classes import CLASSES
from experiments.studies.reward_evaluation import TRUTH, VISIBLE
from paper_figures.distribution_shift_figure import draw_distribution_shift, draw_shares, draw_shift
from paper_figures.misspecification_figure import draw_both, draw_misspecification
from paper_figures.overfitting_figure import draw_falls, draw_overfitting, draw_paths
from paper_figures.reward_evaluation_figure import draw_correlations, draw_evaluation, draw_models
from theory.errors import InputError


def axes():
    return Figure().add_subplot()


def bars(ax):
    return [one for one in ax.containers if isinstance(one, ErrorbarContainer)]


def misspecified():
    kinds = [("zpg", ""), ("zbcpg-d", ""), *(("ppo", name) for name in CLASSES)]
    rows = [
        {"n_pairs": pairs, "n_queries": pairs, "method": method, "rewards": rewards, "raters": raters,
         "measure": measure, "mean": 1 - 0.1 * k, "low": 0.9 - 0.1 * k, "high": 1.05 - 0.1 * k}
        for pairs, (k, (method, rewards)), raters, measure in product(
            (np.inf, 32.0), enumerate(kinds), RATERS, ("share", "loss")
        )
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_misspecification(check_layout):
    table, ax = misspecified(), axes()
    assert draw_misspecification(table, 32.0, ax) is ax
    assert len(bars(ax)) == 5
    for k, one in enumerate(bars(ax)):
        np.testing.assert_allclose(np.asarray(one.lines[0].get_ydata(), float), 1 - 0.1 * k)
    assert [label.get_text().replace("\n", " ") for label in ax.get_xticklabels()] == list(RATERS)
    assert {text.get_text() for text in ax.texts} >= {"ZPG", "PPO: states only"}
    check_layout(draw_both(table))
    with pytest.raises(InputError, match="table must hold shares with 5 pairs"):
        draw_misspecification(table, 5, axes())


def evaluated():
    rng = np.random.default_rng(0)
    keys = product(("garnet", "stochastic-gridworld"), ("uniform", "bad actions"), range(2), CLASSES, range(4))
    models = pd.DataFrame(keys, columns=["instance", "behaviour", "replicate", "rewards", "n_pairs"])
    models["likelihood"] = -0.6 - 0.3 * rng.random(len(models)) ** 4
    models["share"] = rng.uniform(-0.5, 1, len(models))
    pairs = product(("garnet", "stochastic-gridworld"), ("uniform", "bad actions"), VISIBLE, (*TRUTH, "value"))
    found = pd.DataFrame(pairs, columns=["instance", "behaviour", "visible", "truth"])
    found["mean"] = rng.uniform(-0.2, 0.9, len(found))
    return models, found.assign(low=found["mean"] - 0.1, high=found["mean"] + 0.05)


def test_evaluation(check_layout):
    models, correlations = evaluated()
    chosen, ax = models[(models["instance"] == "garnet") & (models["behaviour"] == "uniform")], axes()
    assert draw_models(chosen, ax) is ax
    drawn = {line.get_label(): line for line in ax.lines}
    for name in CLASSES:
        np.testing.assert_array_equal(drawn[name].get_ydata(), chosen.loc[chosen["rewards"] == name, "share"])
    best = chosen.loc[chosen.groupby("replicate")["likelihood"].idxmax()]
    np.testing.assert_array_equal(drawn["looks best"].get_ydata(), best["share"])
    assert (np.asarray(drawn["looks best"].get_xdata()) == 0).all()
    with pytest.raises(InputError, match="models must be of one instance"):
        draw_models(models, axes())
    ax = draw_correlations(correlations, axes())
    one = correlations[(correlations["instance"] == "garnet") & (correlations["behaviour"] == "uniform")]
    first = {(row.visible, row.truth): row.average for row in one.rename(columns={"mean": "average"}).itertuples()}
    x = np.asarray(bars(ax)[0].lines[0].get_xdata(), float)
    shown = [("likelihood", "error_behaviour"), ("likelihood", "value"), ("win_rate", "value")]
    np.testing.assert_allclose(x[[0, 3, 5]], [first[pair] for pair in shown])
    check_layout(draw_evaluation(models, correlations))


def shifted():
    keys = product(
        ("garnet", "stochastic-gridworld"), ("uniform", "bad actions"), ("ppo-offline", "ppo-online", "zpg"),
        ("relative_start", "relative_current", "share"),
    )  # fmt: skip
    table = pd.DataFrame(keys, columns=["instance", "start", "method", "measure"])
    table = table[(table["method"] != "zpg") | (table["measure"] == "share")].reset_index(drop=True)
    table["mean"] = 0.1 + 0.8 * np.random.default_rng(0).random(len(table))
    return table.assign(low=0.8 * table["mean"], high=1.1 * table["mean"])


def test_shift(check_layout):
    table, ax = shifted(), axes()
    assert draw_shift(table, "garnet", ax) is ax
    rows = table[(table["instance"] == "garnet") & (table["measure"] != "share")]
    np.testing.assert_allclose([np.asarray(one.lines[0].get_ydata(), float) for one in bars(ax)],
                               rows["mean"].to_numpy().reshape(4, 2))  # fmt: skip
    assert len(bars(draw_shares(table, axes()))) == 3
    check_layout(draw_distribution_shift(table))
    with pytest.raises(InputError, match="table must hold errors on nowhere"):
        draw_shift(table, "nowhere", axes())


def fallen():
    keys = product(("garnet", "stochastic-gridworld"), ("once",), ("a",), (16, 64), (1, 5), (0.1, 1.0, np.nan), (0.0,))
    frame = pd.DataFrame(keys, columns=list(KEYS))
    frame["fall"] = np.random.default_rng(0).normal(0, 0.1, len(frame))
    return frame.assign(low=frame["fall"] - 0.1, high=frame["fall"] + 0.1, overfits=frame["fall"] > 0.1)


def worst():
    rows = [
        {"measure": measure, "iteration": t, "mean": t * slope, "low": t * slope - 0.1, "high": t * slope + 0.1}
        for measure, slope in (("true_gain", 0.01), ("learned_gain", 0.05))
        for t in range(1, 50, 4)
    ]
    return pd.DataFrame(rows)


def test_overfitting(check_layout):
    frame, ax = fallen(), axes()
    assert draw_falls(frame, ax) is ax
    filled = [
        line for line in ax.lines if line.get_marker() not in ("None", "") and line.get_markerfacecolor() != "white"
    ]
    assert sum(len(np.atleast_1d(line.get_ydata())) for line in filled) == frame["overfits"].sum()
    assert {text.get_text() for text in ax.texts} == {"garnet", "gridworld", "ZPG, no reward"}
    draw_paths(worst(), axes())
    check_layout(draw_overfitting(worst(), frame))
    with pytest.raises(InputError, match="paths must be those of one cell"):
        draw_paths(pd.concat([worst(), worst()]), axes())
