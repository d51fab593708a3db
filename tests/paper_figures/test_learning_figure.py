from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import experiments.comparison.compare_learning
from experiments.catalogue.methods import LEARNERS, METHODS
from experiments.commands.compare import compare as compare_command
from experiments.comparison.budget import Budget, splits
from experiments.comparison.compare_learning import COMPARED, compare_learning
from experiments.running.execution import Execution
from paper_figures import learning_figure
from paper_figures.comparisons import in_order, stretch_values
from paper_figures.learning_figure import LEARNING, PERTURBING, SPENT, Spent, draw_curves, draw_learning
from paper_figures.registry import FigureContext, get_figure
from paper_figures.style import GREY, new_figure, print_style, series_of
from theory.errors import InputError

ITERATIONS = np.arange(0, 61, 2)
START, OPTIMUM = 10.0, 20.0
# Four seeds: Student's t with three degrees of freedom, from a printed table.
T_975 = 3.182446305284263
NO_VOTES = ("reinforce", "gpomdp", "exact")
ROWS = {
    PERTURBING: tuple(name for name in COMPARED if METHODS[name].group != LEARNERS),
    LEARNING: ("zpg", *(name for name in COMPARED if METHODS[name].group == LEARNERS)),
}


def curves(names: tuple[str, ...] = COMPARED) -> pd.DataFrame:
    """Four runs a method at START + progress * (speed + seed / 4); those of NO_VOTES need none, exact no trajectory."""
    rows = [
        {"method": name, "seed": seed, "iteration": t, "value": START + t / 60 * (1 + 0.5 * number + seed / 4)}
        | {"trajectories": 64.0 * t * (name != "exact"), "votes": 160.0 * t * (name not in NO_VOTES)}
        for number, name in enumerate(names)
        for seed in range(4)
        for t in ITERATIONS
    ]
    fields = {"instance": "garnet", "n_iterations": 60, "n_pairs": 32, "n_queries": 5, "assumed": "L", "raters": "L"}
    return pd.DataFrame(rows).assign(**fields)


def finals(*others: str) -> pd.DataFrame:
    titles = {name: METHODS[name].title for name in COMPARED} | {name: f"the {name}" for name in others}
    return pd.DataFrame({"method": titles.keys(), "title": titles.values(), "optimum": OPTIMUM})


def new_axes() -> Axes:
    return Figure().add_subplot()


def drawn(ax: Axes) -> list[Line2D]:
    shown = [line for line in ax.lines if len(np.atleast_1d(line.get_xdata())) and line.get_color() != GREY]
    return [line for line in shown if line.get_linestyle() != "None"]


@pytest.mark.parametrize("spent", get_args(Spent))
def test_curves_are_means_with_students_t_and_who_spends_nothing_has_none(spent: Spent) -> None:
    names = ("zpg", "reinforce", "exact")
    frame, ax = curves(names), new_axes()
    assert draw_curves(frame, OPTIMUM, spent, ax) is ax
    left_out = {"iteration": (), "trajectories": ("exact",), "votes": NO_VOTES}[spent]
    kept = [(number, name) for number, name in enumerate(names) if name not in left_out]
    cost = {"iteration": 1, "trajectories": 64, "votes": 160}[spent]
    assert len(drawn(ax)) == len(ax.containers) == len(kept)
    for (number, name), line, container in zip(kept, drawn(ax), ax.containers, strict=True):
        np.testing.assert_allclose(np.asarray(line.get_xdata()), cost * ITERATIONS)
        mean = START + ITERATIONS / 60 * (1 + 0.5 * number + 1.5 / 4)
        np.testing.assert_allclose(np.asarray(line.get_ydata()), mean)
        assert line.get_color() == series_of(names)[name].color
        # Deviations of 0, 1, 2, 3 quarters: variance 5/3 of a quarter squared.
        half = T_975 * np.sqrt(5 / 3) / 4 / 2
        data, _, (bars,) = container  # type: ignore[misc]
        assert 0 < len(data.get_xdata()) <= len(ITERATIONS)
        for x, segment in zip(data.get_xdata(), bars.get_segments(), strict=True):
            here = mean[list(cost * ITERATIONS).index(x)]
            width = half * x / (cost * 60)
            assert list(segment[:, 1]) == pytest.approx([here - width, here + width])
    (line,) = [line for line in ax.lines if line.get_color() == GREY]
    assert list(np.asarray(line.get_ydata())) == [OPTIMUM, OPTIMUM]
    assert ax.get_xlabel() == f"{SPENT[spent]} (axis of square roots)"


def test_every_method_is_in_a_row_and_zpg_in_both() -> None:
    assert set().union(*ROWS.values()) == set(COMPARED)
    figure = draw_learning(curves(), finals())
    assert len(figure.axes) == 6
    for part, names in zip(figure.subfigs, ROWS.values(), strict=True):
        assert set(names) >= {"zpg"}
        assert [name for name in METHODS if name in names] == list(names)
        (legend,) = part.legends
        titles = [METHODS[name].title for name in names]
        assert [text.get_text() for text in legend.get_texts()] == [*titles, "optimum"]
        assert [ax.get_xlabel() for ax in part.axes] == [f"{name} (axis of square roots)" for name in SPENT.values()]
        assert [len(drawn(ax)) for ax in part.axes] == [
            sum(name not in left_out for name in names) for left_out in ((), ("exact",), NO_VOTES)
        ]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    (alone,) = draw_learning(curves(("dpo-online",)), finals()).subfigs
    assert len(alone.axes) == 3


def test_a_method_of_the_user_is_drawn_with_a_look_of_its_own() -> None:
    figure = draw_learning(curves(("zpg", "mine:METHOD", "dpo-online")), finals("mine:METHOD"))
    first, _ = figure.subfigs
    assert [text.get_text() for text in first.legends[0].get_texts()] == ["ZPG", "the mine:METHOD", "optimum"]
    zpg, mine = drawn(first.axes[0])
    assert (zpg.get_color(), zpg.get_linestyle()) != (mine.get_color(), mine.get_linestyle())


def test_bands_of_methods_drawn_beside_are_on_the_shared_axis() -> None:
    """The method that falls furthest asks for no votes: the panel of votes must not set the scale alone."""
    frame = curves()
    falls = (frame["method"] == "reinforce") & (frame["iteration"] > 0)
    frame.loc[falls, "value"] = START - 5 - frame.loc[falls, "seed"] / 100
    for ax in draw_learning(frame, finals()).axes:
        assert ax.get_ylim()[0] < START - 5.03


def test_no_two_methods_look_alike_in_print() -> None:
    series = list(series_of(METHODS).values())
    assert len({(one.look.marker, one.look.filled) for one in series}) == len(METHODS)
    assert len({one.look.dashes for one in series}) == len(METHODS)
    assert all(np.dot(to_rgb(look.color), (0.2126, 0.7152, 0.0722)) < 0.75 for look in series)
    # The same wherever they appear, and whatever else does.
    for name in METHODS:
        assert series_of([name]) == {name: series_of(["other", *METHODS, "another"])[name]}
    looks = series_of(["other", *METHODS])
    assert looks["other"] not in series


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize(("lowest", "start", "optimum"), [(10, 10, 18), (0.55, 0.575, 0.6), (-3.2, -3, -0.01)])
def test_the_scale_spreads_what_is_near_the_optimum(
    which: Any, lowest: float, start: float, optimum: float, check_layout: Callable[[Figure], None]
) -> None:
    """A twentieth of the way counts for over ten times as much before the optimum as after the start."""
    with print_style():
        figure = new_figure(2.8, 2.4)
        ax = figure.add_subplot()
        stretch_values(lowest, start, optimum, ax, which)
    low, high = ax.get_xlim() if which == "x" else ax.get_ylim()
    assert low < lowest < optimum < high
    shares = np.array([0, 0.05, 0.95, 1])
    values = start + shares * (optimum - start)
    places = ax.transData.transform(np.stack([values, values], axis=-1))[:, "xy".index(which)]
    assert places[3] - places[2] > 10 * (places[1] - places[0]) > 0
    ticks = ax.get_xticks() if which == "x" else ax.get_yticks()
    assert sum(low <= tick <= optimum for tick in ticks) >= 3
    assert max(ticks) <= optimum
    check_layout(figure)
    # Beyond the optimum, where limits may lie, the scale goes on without a warning.
    assert np.isfinite(ax.transData.transform((optimum + 10, optimum + 10))).all()


def test_the_cells_are_those_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figure after `zpg compare`, or before it, runs nothing anew."""
    calls: list[dict[str, Any]] = []

    class StopHereError(Exception):
        pass

    def record(*given: Any, **named: Any) -> None:
        bound = inspect.signature(compare_learning).bind(*given, **named)
        bound.apply_defaults()
        quiet = replace(bound.arguments["execution"], progress=None)
        calls.append(bound.arguments | {"execution": quiet})
        raise StopHereError

    monkeypatch.setattr(experiments.comparison.compare_learning, "compare_learning", record)
    monkeypatch.setattr(learning_figure, "compare_learning", record)
    for preset in ("quick", "paper"):
        with pytest.raises(StopHereError):
            compare_command(preset=preset, out=tmp_path, seed=3, jobs=1)
        context = FigureContext(preset, Execution(seed=3, jobs=1, cache=tmp_path / "cache"))
        with pytest.raises(StopHereError):
            get_figure("learning-curves").compute(context)
        assert calls[-2] == calls[-1]
    spent = [(call["budget"], call["n_seeds"]) for call in calls]
    assert spent == [(splits(48_000), 50)] * 2 + [(splits(160_000), 200)] * 2


@pytest.mark.slow
@pytest.mark.usefixtures("brief_tuning")
def test_the_registered_figure_draws_what_it_computes_and_stays_on_the_page(
    monkeypatch: pytest.MonkeyPatch, check_layout: Callable[[Figure], None]
) -> None:
    monkeypatch.setattr(learning_figure, "PRESETS", {"quick": (Budget(3, 32, 5), 2)})
    monkeypatch.setattr(learning_figure, "COMPARED_SEEDS", {"quick": 2})
    monkeypatch.setattr(learning_figure, "splits", lambda votes: (Budget(votes // 160, 32, 5), Budget(1, 64, 5)))
    frames = get_figure("learning-curves").compute(FigureContext(execution=Execution(jobs=1)))
    assert list(frames["curves"]["method"].unique()) == list(COMPARED)
    check_layout(get_figure("learning-curves").draw(frames))


def test_wrong_frames_are_refused_in_one_line() -> None:
    frame = curves(("zpg", "dpo-online"))
    assert list(in_order(frame.iloc[::-1])["method"].unique()) == ["zpg", "dpo-online"]
    other = frame.assign(n_pairs=8)
    for planted, message in (
        (
            frame.head(0),
            r"curves must be of one instance and one split a method, got 0 instances and 0 splits of 0 methods",
        ),
        (
            pd.concat([frame, other]),
            r"curves must be of one instance [^\n]* got 1 instances and 4 splits of 2 methods; ",
        ),
        (frame.assign(instance=frame["method"]), r"curves must be of one instance [^\n]* got 2 instances"),
        (frame.drop(index=5), r"curves must have one value a seed and iteration, got 123 instead of 124 of zpg; "),
        (pd.concat([frame, frame.tail(1)]), r"curves must have one value [^\n]* got 125 instead of 124 of dpo-online"),
        (frame[frame["seed"] == 0], r"samples must be at least two"),
        (frame.assign(value=frame["value"] + 9), r"values must be at most the optimum 20, got 21.25; "),
        (
            frame.assign(value=frame["value"].where(frame.index != 7)),
            r"values must be at most the optimum 20, got nan; ",
        ),
        (frame.assign(value=OPTIMUM), r"values must be below the optimum 20, got 20; "),
    ):
        with pytest.raises(InputError, match=rf"^{message}[^\n]*$"):
            draw_curves(planted, OPTIMUM, "votes", new_axes())
    with pytest.raises(InputError, match=r"^curves must hold at least one method, got none; [^\n]*$"):
        draw_learning(frame.head(0), finals())
    for optima in ([], [1.0, 2.0]):
        with pytest.raises(InputError, match=rf"^finals must hold one optimum, got {len(optima)}; [^\n]*$"):
            draw_learning(frame, pd.DataFrame({"optimum": optima}))
    mixed = pd.concat([frame.assign(method="other"), frame])
    assert list(in_order(mixed)["method"].unique()) == ["zpg", "dpo-online", "other"]
