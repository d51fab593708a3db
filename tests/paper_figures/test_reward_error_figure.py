from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.running.execution import Execution
from experiments.studies import reward_error_cells
from paper_figures import reward_error_figure
from paper_figures.registry import FigureContext, all_figures, get_figure
from paper_figures.reward_error_figure import (
    draw_coverage,
    draw_gains,
    draw_joint_error,
    draw_pressure,
    draw_reward_error,
)
from paper_figures.style import GREY, SMALL
from theory.errors import InputError

POLICIES = ("behaviour", "uniform", "optimal")


@pytest.fixture(autouse=True)
def global_style_untouched() -> Iterator[None]:
    before = copy.deepcopy(dict(matplotlib.rcParams))
    yield
    assert dict(matplotlib.rcParams) == before


def limits(mean: Any) -> dict[str, Any]:
    return {"mean": mean, "low": 0.8 * np.asarray(mean), "high": 1.3 * np.asarray(mean)}


def coverage() -> pd.DataFrame:
    ratio = np.array([10.0, 100, 1000])
    frames = [
        pd.DataFrame({"policy": policy, "log_odds": [0, 1, 2], "concentrability": ratio, "measure": measure} | values)
        for number, policy in enumerate(POLICIES)
        for measure, values in (
            ("error", limits(1 + number * np.arange(3) / 3)),
            ("ignorance", limits(np.full(3, 2.5 + number))),
        )
    ]
    return pd.concat(frames, ignore_index=True)


def joint() -> pd.DataFrame:
    t = np.array([1, 4, 16, 64])
    frames = []
    for source in ("current", "start"):
        for votes in (1, 5):
            measures = {
                "error_current": 3 / np.sqrt(t * votes),
                "error_start": 3 / np.sqrt(1 + votes) + 0 * t,
                "true_gain": 2 * np.log2(t) + votes,
                "proxy_gain": 3 * np.log2(t) + votes + (source == "current"),
            }
            known = {"pairs_from": source, "n_queries": votes, "iteration": t, "votes": 32 * votes * t}
            frames += [pd.DataFrame(known | {"measure": name} | limits(values)) for name, values in measures.items()]
    return pd.concat(frames, ignore_index=True)


def fixed() -> pd.DataFrame:
    pressure = np.array([0.1, 1.0, 10])
    frames = []
    for pairs in (32, 256):
        measures = {
            "proxy_gain": 30 * pressure / (1 + pressure),
            "true_gain": pairs / 100 * pressure / (1 + pressure),
            "possible_gain": np.full(3, 8.0),
        }
        known = {"n_pairs": pairs, "pressure": pressure}
        frames += [pd.DataFrame(known | {"measure": name} | limits(values)) for name, values in measures.items()]
    return pd.concat(frames, ignore_index=True)


def new_axes() -> Axes:
    return Figure().add_subplot()


def curves(ax: Axes) -> list[Line2D]:
    """Lines with markers, in the order in which they were drawn, without the key's."""
    return [line for line in ax.lines if line.get_marker() != "None" and len(np.atleast_1d(line.get_xdata())) > 1]


def texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def looks(ax: Axes) -> set[tuple[Any, ...]]:
    """What is left of curves in black and white."""
    hollow = to_rgba("white")
    return {
        (line.get_marker(), str(line.get_linestyle()), to_rgba(line.get_markerfacecolor()) == hollow)
        for line in curves(ax)
    }


def test_coverage_has_a_curve_a_policy_over_thin_lines_of_ignorance() -> None:
    frame, ax = coverage(), new_axes()
    assert draw_coverage(frame, ax) is ax
    errors = frame[frame["measure"] == "error"]
    for line, policy in zip(curves(ax), POLICIES, strict=True):
        rows = errors[errors["policy"] == policy]
        np.testing.assert_array_equal(line.get_xdata(), rows["concentrability"])
        np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
    thin = [line for line in ax.lines if line.get_linewidth() == 0.5 and len(np.atleast_1d(line.get_xdata()))]
    assert [float(np.asarray(line.get_ydata())[0]) for line in thin] == [2.5, 3.5, 4.5]
    assert [line.get_color() for line in thin] == [line.get_color() for line in curves(ax)]
    assert texts(ax) == ["on behaviour", "on uniform", "on optimal", "thin: all rewards equal"]
    assert ax.get_xscale() == "log"
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > frame["high"].max()


def test_bands_are_the_intervals() -> None:
    ax = draw_coverage(coverage(), new_axes())
    rows = coverage().query("measure == 'error' and policy == 'optimal'")
    corners = ax.collections[2].get_paths()[0].vertices
    assert corners[:, 1].min() == rows["low"].min()
    assert corners[:, 1].max() == rows["high"].max()


def test_joint_error_is_drawn_for_pairs_of_the_current_policy_alone() -> None:
    frame, ax = joint(), new_axes()
    assert draw_joint_error(frame, ax) is ax
    chosen = frame[frame["pairs_from"] == "current"]
    wanted = [(measure, votes) for measure in ("error_current", "error_start") for votes in (1, 5)]
    for line, (measure, votes) in zip(curves(ax), wanted, strict=True):
        rows = chosen[(chosen["measure"] == measure) & (chosen["n_queries"] == votes)]
        np.testing.assert_array_equal(line.get_xdata(), rows["votes"])
        np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
    assert texts(ax) == ["$M$ = 1", "$M$ = 5", "on current policy", "on start"]


def test_gains_are_paths_from_true_to_promised() -> None:
    """The grey line is where both are equal; bars stand at the ends of the paths."""
    frame, ax = joint(), new_axes()
    assert draw_gains(frame, ax) is ax
    rows = frame[(frame["pairs_from"] == "current") & (frame["n_queries"] == 5)].set_index("measure")
    first = [line for line in curves(ax) if line.get_markerfacecolor() != "white"][1]
    np.testing.assert_array_equal(first.get_xdata(), rows.loc["true_gain", "mean"])
    np.testing.assert_array_equal(first.get_ydata(), rows.loc["proxy_gain", "mean"])
    (diagonal,) = [line for line in ax.lines if line.get_color() == GREY and len(np.atleast_1d(line.get_xdata()))]
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    bars = [container[2] for container in ax.containers]  # type: ignore[index]
    assert len(bars) == 4
    last = rows.groupby(level=0).tail(1)
    segments = sorted(tuple(np.ptp(part.get_segments()[0], axis=0)) for part in bars[1])
    spread = {name: float(last.loc[name, "high"] - last.loc[name, "low"]) for name in ("true_gain", "proxy_gain")}
    np.testing.assert_allclose(segments, [(0, spread["proxy_gain"]), (spread["true_gain"], 0)])


def test_pressure_shows_promise_truth_and_what_is_possible() -> None:
    frame, ax = fixed(), new_axes()
    assert draw_pressure(frame, ax) is ax
    wanted = [(measure, pairs) for measure in ("proxy_gain", "true_gain") for pairs in (32, 256)]
    for line, (measure, pairs) in zip(curves(ax), wanted, strict=True):
        rows = frame[(frame["measure"] == measure) & (frame["n_pairs"] == pairs)]
        np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
    (possible,) = [line for line in ax.lines if line.get_color() == GREY and len(np.atleast_1d(line.get_xdata()))]
    assert set(np.asarray(possible.get_ydata())) == {8.0}
    assert texts(ax)[-1] == "largest gain possible"
    assert ax.get_ylim()[0] < frame["mean"].min()
    assert ax.get_ylim()[1] > frame["mean"].max()


@pytest.mark.parametrize(
    ("draw", "frame", "count"),
    [
        (draw_coverage, coverage(), 3),
        (draw_joint_error, joint(), 4),
        (draw_gains, joint(), 4),
        (draw_pressure, fixed(), 4),
    ],
)
def test_curves_differ_by_more_than_colour(draw: Any, frame: pd.DataFrame, count: int) -> None:
    assert len(looks(draw(frame, new_axes()))) == count


@pytest.mark.parametrize(
    ("draw", "frame", "measure"),
    [
        (draw_coverage, coverage(), "error"),
        (draw_joint_error, joint(), "error_start"),
        (draw_gains, joint(), "proxy_gain"),
        (draw_pressure, fixed(), "possible_gain"),
    ],
)
def test_a_missing_measure_is_named(draw: Any, frame: pd.DataFrame, measure: str) -> None:
    with pytest.raises(InputError, match=rf"^summary must hold rows of the measure '{measure}', got none"):
        draw(frame[frame["measure"] != measure], new_axes())


def test_figure_has_four_lettered_panels_in_print_size() -> None:
    figure = draw_reward_error(coverage(), joint(), fixed())
    assert [ax.get_title(loc="left")[:3] for ax in figure.axes] == ["(a)", "(b)", "(c)", "(d)"]
    assert figure.get_size_inches()[0] == 6.75
    sizes = {text.get_fontsize() for ax in figure.axes for text in ax.get_legend().get_texts()}  # type: ignore[union-attr]
    assert sizes == {SMALL}


def test_it_is_registered_and_computes_with_its_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """With settings cut down; the replicates of the preset and the seed must reach every experiment."""
    seen: list[dict[str, Any]] = []

    def watch(name: str, **cut: Any) -> None:
        experiment = reward_error_cells.EXPERIMENTS[name]

        def run(instance: Any, **options: Any) -> pd.DataFrame:
            seen.append(options)
            frame: pd.DataFrame = partial(experiment, **cut)(instance, n_replicates=2, seed=options["seed"])
            return frame

        monkeypatch.setitem(reward_error_cells.EXPERIMENTS, name, run)

    monkeypatch.setattr(reward_error_figure, "INSTANCE", "garnet")
    watch("coverage", n_pairs=20, log_odds=(0.0, 1.0))
    watch("joint", n_queries=(1, 5), n_pairs=4, n_iterations=3)
    watch("fixed", n_pairs=(8, 16), pressures=(0.1, 1.0, 10.0))
    assert "reward-error" in all_figures()
    figure = get_figure("reward-error")
    frames = figure.compute(FigureContext("paper", Execution(seed=3, jobs=1)))
    assert seen == [{"n_replicates": 160, "seed": 3}] * 3
    assert set(frames["coverage"]["measure"]) == {"error", "ignorance"}
    gains = {"proxy_gain", "true_gain", "overoptimisation"}
    assert set(frames["joint"]["measure"]) == {"error_current", "error_start", "error_optimal"} | gains
    assert set(frames["fixed"]["measure"]) == {"possible_gain"} | gains
    assert len(figure.draw(frames).axes) == 4
