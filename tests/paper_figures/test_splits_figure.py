from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.catalogue.methods import METHODS
from experiments.comparison.budget import Budget, splits
from experiments.running.execution import Execution
from experiments.studies.splits import SPLIT_METHODS, compare_splits
from paper_figures import splits_figure
from paper_figures.registry import FigureContext, get_figure
from paper_figures.splits_figure import draw, draw_splits
from theory.errors import InputError


def frame() -> pd.DataFrame:
    places = [(one.n_iterations, one.n_pairs, one.n_queries) for one in splits(48_000)]
    rows = [
        dict(zip(("n_iterations", "n_pairs", "n_queries"), place, strict=True))
        | {
            "method": name,
            "title": METHODS[name].title,
            "final": 14 + 0.3 * k + 0.2 * i,
            "start": 10.0,
            "optimum": 18.0,
        }
        for k, name in enumerate(SPLIT_METHODS)
        for i, place in enumerate(places)
    ]
    found = pd.DataFrame(rows)
    return found.assign(low=found["final"] - 0.2, high=found["final"] + 0.2)


def test_every_method_is_drawn_at_every_split(check_layout: Callable[[Figure], None]) -> None:
    figure = draw(frame())
    check_layout(figure)
    (ax,) = figure.axes
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == ["4,800 x 2 x 5", "2,400 x 4 x 5", "600 x 16 x 5", "150 x 64 x 5", "120 x 16 x 25"]
    drawn = sorted(round(float(y), 9) for bars in ax.containers for y in np.atleast_1d(bars.lines[0].get_ydata()))
    assert drawn == sorted(frame()["final"].round(9))
    # Four splits with 5 votes a pair on one line; the other alone.
    assert sorted(len(bars.lines[0].get_ydata()) for bars in ax.containers) == [1] * 6 + [4] * 6
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *(METHODS[name].title for name in METHODS if name in SPLIT_METHODS), "optimum",
    ]  # fmt: skip


def test_the_study_tunes_each_method_at_each_split() -> None:
    budgets = (Budget(4, 2, 2), Budget(2, 4, 2))
    found = compare_splits("bandit", ("zpg", "exact"), budgets=budgets, n_seeds=2, execution=Execution(jobs=1))
    assert len(found) == 4
    assert (found["low"] <= found["final"]).all()
    assert (found["start"] == 0.5).all()
    assert found.loc[found["method"] == "zpg", "votes"].tolist() == [16, 16]


@pytest.mark.slow
@pytest.mark.usefixtures("brief_tuning")
def test_the_registered_figure_draws_what_it_computes(
    monkeypatch: pytest.MonkeyPatch, check_layout: Callable[[Figure], None]
) -> None:
    monkeypatch.setattr(splits_figure, "PRESETS", {"quick": (Budget(3, 32, 5), 2)})
    monkeypatch.setattr(splits_figure, "compare_splits", partial(compare_splits, "bandit"))
    frames = get_figure("splits").compute(FigureContext(execution=Execution(jobs=1)))
    assert list(frames["splits"]["method"].unique()) == list(SPLIT_METHODS)
    check_layout(get_figure("splits").draw(frames))


def test_wrong_frames_are_refused_in_one_line() -> None:
    found, ax = frame(), Figure().add_subplot()
    for planted, message in (
        (found.head(0), "found must hold every method once at each split"),
        (pd.concat([found, found.head(1)]), "found must hold every method once at each split"),
        (found.assign(start=np.arange(len(found))), "found must be of one instance"),
        (found.assign(final=19.0), "values must be at most the optimum"),
    ):
        with pytest.raises(InputError, match=rf"^{message}[^\n]*$"):
            draw_splits(planted, ax)
