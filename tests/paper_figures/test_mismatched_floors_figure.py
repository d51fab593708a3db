from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from paper_figures.mismatched_floors_figure import draw_mismatched_floors, draw_read_as
from paper_figures.registry import get_figure
from paper_figures.style import series_of
from theory import LINKS
from theory.errors import InputError

SCALES = (1.0, 3.0, 9.0)


def laws() -> pd.DataFrame:
    """Ratios 1 + |i - j| / scale between links i and j; not linear at the smallest scale."""
    rows = [
        {"raters": a, "read": b, "scale": s, "ratio": 1 + abs(i - j) / s, "linear": s > 1}
        for i, a in enumerate(LINKS)
        for j, b in enumerate(LINKS)
        for s in SCALES
    ]
    return pd.DataFrame(rows)


def points() -> pd.DataFrame:
    frame = laws()
    frame = frame[(frame["scale"] == 3) & (frame["raters"] != frame["read"])]
    return frame.assign(ratio_low=0.9 * frame["ratio"], ratio_high=1.1 * frame["ratio"])


def test_a_thin_line_over_all_scales_and_a_thick_one_where_the_law_holds() -> None:
    ax = Figure().add_subplot()
    assert draw_read_as(laws(), points(), "logistic", ax) is ax
    looks = series_of(LINKS)
    for distance, name in enumerate(LINKS):
        drawn = [line for line in ax.lines if line.get_color() == looks[name].color and len(line.get_xdata()) == 3]
        if name == "logistic":
            assert drawn == []
            continue
        thin, thick = (np.asarray(line.get_ydata(), float) for line in drawn)
        np.testing.assert_allclose(thin, 1 + distance / np.array(SCALES))
        np.testing.assert_array_equal(np.isnan(thick), [True, False, False])
        assert drawn[0].get_linewidth() < drawn[1].get_linewidth()
    assert len(ax.containers) == len(LINKS) - 1


def test_a_panel_of_every_link_above_and_below_the_break(check_layout: Callable[[Figure], None]) -> None:
    figure = draw_mismatched_floors(laws(), points())
    check_layout(figure)
    assert [ax.get_title(loc="left") for ax in figure.axes[: len(LINKS)]] == [f"read as {name}" for name in LINKS]
    (_, above), (below, middle) = figure.axes[0].get_ylim(), figure.axes[len(LINKS)].get_ylim()
    assert below < 1 < middle == figure.axes[0].get_ylim()[0] < above
    assert get_figure("mismatched-floors").name == "mismatched-floors"


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="at least one row"):
        draw_mismatched_floors(laws()[:0], points())
    with pytest.raises(InputError, match="once"):
        draw_read_as(pd.concat([laws(), laws()]), points(), "probit", Figure().add_subplot())
    with pytest.raises(InputError, match="got 0 rows"):
        draw_read_as(laws(), points(), "mine", Figure().add_subplot())
