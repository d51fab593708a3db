from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.studies.zspo_batches import MEAN_STEP, RUNS
from paper_figures.registry import get_figure
from paper_figures.zspo_batches_figure import draw_batches, draw_zspo_batches
from theory.errors import InputError


def curves() -> pd.DataFrame:
    """Values D / 100 + t / 1000."""
    rows = [
        {"instance": on, "batch_size": d, "way": way, "iteration": t, "value": d / 100 + t / 1000}
        for on in ("one", "two")
        for d in (1, 5, 25)
        for way in (MEAN_STEP, RUNS)
        for t in range(0, 410, 10)
    ]
    frame = pd.DataFrame(rows).assign(start=0.1, optimum=0.9)
    return frame.assign(low=frame["value"] - 0.02, high=frame["value"] + 0.01)


def test_lines_by_the_mean_step_and_markers_with_intervals_by_runs() -> None:
    ax = Figure().add_subplot()
    assert draw_batches(curves(), "one", ax) is ax
    lines = [line for line in ax.lines if len(line.get_xdata()) == 41]
    assert [float(np.asarray(line.get_ydata())[0]) for line in lines] == [0.01, 0.05, 0.25]
    assert len(ax.containers) == 3
    shown = [set(np.asarray(each[0].get_xdata()).tolist()) for each in ax.containers]
    assert not (shown[0] & shown[1]) | (shown[1] & shown[2]), "intervals do not hide each other"
    (segment, *_) = ax.containers[0][2][0].get_segments()
    marked = np.asarray(ax.containers[0][0].get_ydata())[0]
    assert segment[:, 1].tolist() == pytest.approx([marked - 0.02, marked + 0.01])


def test_panels_and_key(check_layout: Callable[[Figure], None]) -> None:
    figure = draw_zspo_batches(curves())
    check_layout(figure)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["(a) one", "(b) two"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"D = 1 (pair by pair)", "D = 5", "D = 25 (ZSPO)", "by the mean step", "runs"} < set(texts)
    assert get_figure("zspo-batches").name == "zspo-batches"


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="at least one row"):
        draw_zspo_batches(curves()[:0])
    with pytest.raises(InputError, match="once"):
        draw_batches(pd.concat([curves(), curves()]), "one", Figure().add_subplot())
    with pytest.raises(InputError, match="got 0 rows"):
        draw_batches(curves(), "three", Figure().add_subplot())
