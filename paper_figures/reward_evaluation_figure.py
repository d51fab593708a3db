"""What held-out votes tell of a reward model, and of the policy that is trained on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.catalogue.shipped_claims import Preset
from experiments.studies.reward_classes import CLASSES
from experiments.studies.reward_evaluation import chosen_models, evaluate_rewards, rank_correlations
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, new_figure, print_style, series_of
from theory.errors import InputError

REPLICATES: dict[Preset, int] = {"quick": 20, "paper": 160}
_DODGE = 0.16
_LINEAR_UP_TO = 0.003  # of the scale of likelihoods, which is logarithmic beyond
# Pairs of what is visible and what counts, as rows of the plot.
_ROWS = {
    ("likelihood", "error_behaviour"): "likelihood, error on training policy",
    ("likelihood", "error_trained"): "likelihood, error on trained policy",
    ("likelihood", "error_optimal"): "likelihood, error on optimal policy",
    ("likelihood", "value"): "likelihood, value of trained policy",
    ("accuracy", "value"): "accuracy, value of trained policy",
    ("win_rate", "value"): "votes for trained policy, its value",
}


def draw_models(models: pd.DataFrame, ax: Axes) -> Axes:
    """Exact value of the trained policy against held-out log-likelihood, one point a model, by class of rewards.

    Parameters
    ----------
    models : DataFrame
        Rows of `evaluate_rewards` of one instance and behaviour.
    ax : Axes

    Returns
    -------
    Axes
        The same. Likelihoods are relative to the best model of the data set. Rings mark the models that look best.

    Raises
    ------
    InputError
        If there are several instances or behaviours, or none.
    """
    if len(models[["instance", "behaviour"]].drop_duplicates()) != 1:
        raise InputError("models must be of one instance and one behaviour, got others; select the rows first")
    behind = models["likelihood"] - models.groupby("replicate")["likelihood"].transform("max")
    for name, look in series_of(CLASSES).items():
        of = models["rewards"] == name
        style = look.markers | {"markersize": 0.6 * look.size, "markeredgewidth": 0.5, "alpha": 0.7}
        ax.plot(behind[of], models.loc[of, "share"], **style, label=name)
    top = behind == 0
    ax.plot(
        behind[top], models.loc[top, "share"], "o", markersize=8, markerfacecolor="none", color="black",
        markeredgewidth=0.5, linestyle="none", label="looks best",
    )  # fmt: skip
    ax.axhline(1, color=GREY, linewidth=1.6, zorder=1)
    ax.set_xscale("symlog", linthresh=_LINEAR_UP_TO, linscale=0.5)
    ax.set_xticks([-1, -0.1, -0.01, 0], ["-1", "-0.1", "-0.01", "0"])
    ax.set_xlim(1.2 * float(behind.min()), 0.4 * _LINEAR_UP_TO)
    ax.minorticks_off()
    ax.set(xlabel="held-out log-likelihood of a vote, minus the best", ylabel="share of the possible gain")
    return ax


def draw_correlations(correlations: pd.DataFrame, ax: Axes) -> Axes:
    """Rank correlations with 95% intervals, by instance and behaviour.

    Parameters
    ----------
    correlations : DataFrame
        Of `rank_correlations`.
    ax : Axes

    Returns
    -------
    Axes
        The same.
    """
    kinds = list(correlations.groupby(["instance", "behaviour"], sort=False))
    series = series_of(f"{instance}, {behaviour}" for (instance, behaviour), _ in kinds)
    for place, ((_, rows), (name, look)) in enumerate(zip(kinds, series.items(), strict=True)):
        found = rows.set_index(["visible", "truth"]).reindex(list(_ROWS))
        y = -np.arange(len(_ROWS)) - _DODGE * (place - (len(kinds) - 1) / 2)
        beyond = (found["mean"] - found["low"], found["high"] - found["mean"])
        style = look.markers | {"markersize": 0.7 * look.size}
        ax.errorbar(found["mean"], y, xerr=beyond, **style, elinewidth=0.6, label=name)
    ax.axvline(0, color=GREY, linewidth=1.6, zorder=1)
    ax.set_yticks(-np.arange(len(_ROWS)), list(_ROWS.values()))
    ax.set_xlim(min(-0.05, float(correlations["low"].min()) - 0.05), 1.05)
    ax.set(xlabel="rank correlation over models (1: the order is right)")
    return ax


def draw_evaluation(models: pd.DataFrame, correlations: pd.DataFrame) -> Figure:
    """Both panels, two columns wide; models of the last instance and behaviour.

    Parameters
    ----------
    models, correlations : DataFrame
        Of `evaluate_rewards` and `rank_correlations`.
    """
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 5.2)
        axes: Any = figure.subplots(2, 1)
        instance, behaviour = models[["instance", "behaviour"]].iloc[-1]
        chosen = models[(models["instance"] == instance) & (models["behaviour"] == behaviour)]
        title = f"(a) 36 models of each data set: {instance}, pairs of a policy of {behaviour}"
        draw_models(chosen, axes[0]).set_title(title, loc="left")
        axes[0].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), title="rewards of the model")
        draw_correlations(correlations, axes[1]).set_title("(b) what votes show, and what counts", loc="left")
        axes[1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _compute(context: FigureContext) -> Frames:
    models = evaluate_rewards(n_replicates=REPLICATES[context.preset], execution=context.execution)
    return {"correlations": rank_correlations(models), "chosen": chosen_models(models), "models": models}


def _caption(frames: Frames) -> str:
    models, found = frames["models"], frames["correlations"]
    worst = found.loc[found["mean"].idxmin()]
    return (
        f"{len(models):,} reward models: what held-out votes show of them against the share of the possible gain of "
        "policies that are trained on them. Rank correlations are means over data sets with 95% t intervals; 1 is "
        f"perfect, and the least is {worst['mean']:.2f} ({worst['visible']} with {worst['truth']}, "
        f"{worst['instance']}, {worst['behaviour']})."
    )


FIGURE = PaperFigure(
    name="reward-evaluation",
    title="Reward models that look good on held-out votes, and policies that are trained on them",
    compute=_compute,
    draw=lambda frames: draw_evaluation(frames["models"], frames["correlations"]),
    caption=_caption,
)
