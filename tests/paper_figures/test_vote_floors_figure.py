from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.studies.vote_floors import SAME_DRIFT, SAME_STEP
from paper_figures.registry import get_figure
from paper_figures.vote_floors_figure import draw_floors, draw_vote_floors
from theory.errors import InputError


def floors() -> pd.DataFrame:
    """Predicted M / 1000; measured 2% more. Under cloglog in fixed order nothing is applicable."""
    rows = [
        {"link": link, "reading": reading, "order": order, "votes_per_pair": m, "step": step, "predicted": m / 1000}
        for link, order in (("logistic", "fixed"), ("cloglog", "fixed"), ("cloglog", "random"))
        for reading in ("trimmed", "Haldane-Anscombe")
        for m in (1.0, 5.0)
        for step in (SAME_DRIFT, SAME_STEP)
    ]
    until = {"reading": "until", "order": "fixed", "votes_per_pair": 3.5, "step": SAME_DRIFT, "predicted": 0.002}
    frame = pd.DataFrame([*rows, *({"link": link} | until for link in ("logistic", "cloglog"))])
    fixed = (frame["link"] == "cloglog") & (frame["order"] == "fixed") & (frame["reading"] != "until")
    frame.loc[fixed, "predicted"] = np.nan
    ratio = frame["predicted"] / frame["predicted"] * 1.02
    return frame.assign(ratio=ratio, ratio_low=0.97, ratio_high=1.05, measured=frame["predicted"] * ratio)


def test_lines_are_predictions_and_markers_are_measured_with_limits() -> None:
    ax = Figure().add_subplot()
    assert draw_floors(floors(), "logistic", "fixed", ax) is ax
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in lines if line.get_xdata()[0] != 0]
    assert drawn.count([1.0, 5.0]) == 4
    until, *panels = ax.containers
    assert np.asarray(until[0].get_ydata()).tolist() == pytest.approx([2.04])
    assert np.asarray(panels[0][0].get_ydata()).tolist() == pytest.approx([1.02, 5.1])
    (segment, *_) = panels[0][2][0].get_segments()
    assert segment[:, 1].tolist() == pytest.approx([0.97, 1.05])
    assert not ax.texts


def test_what_is_not_applicable_has_no_marker_and_is_said() -> None:
    ax = Figure().add_subplot()
    draw_floors(floors(), "cloglog", "fixed", ax)
    assert all(np.isnan(np.asarray(each[0].get_ydata(), float)).all() for each in ax.containers[1:])
    assert ax.texts[0].get_text().startswith("8 of 8 floors of panels\nNOT APPLICABLE")


def test_panels_of_every_link_and_order(check_layout: Callable[[Figure], None]) -> None:
    figure = draw_vote_floors(floors())
    check_layout(figure)
    titles = ["(a) logistic, fixed order", "(b) cloglog, fixed order", "(c) cloglog, random order"]
    assert [ax.get_title(loc="left") for ax in figure.axes] == titles
    assert get_figure("vote-floors").name == "vote-floors"


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="at least one panel"):
        draw_vote_floors(floors()[:0])
    with pytest.raises(InputError, match="got 0 and 0"):
        draw_floors(floors(), "probit", "fixed", Figure().add_subplot())
    with pytest.raises(InputError, match="got 1 and 0"):
        draw_floors(floors(), "logistic", "random", Figure().add_subplot())
