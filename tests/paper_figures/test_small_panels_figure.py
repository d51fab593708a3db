from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from experiments.running.execution import Execution
from experiments.studies.small_panels import PAIRS, PANEL_METHODS, QUERIES, compare_panels
from paper_figures import small_panels_figure
from paper_figures.registry import FigureContext, get_figure
from paper_figures.small_panels_figure import draw_panel, draw_small_panels
from paper_figures.style import GREY, series_of
from theory.errors import InputError

METHODS = {"zpg": "ZPG", "ppo-online": "reward model + PPO, online", "dpo-online": "DPO, online"}


def panels() -> pd.DataFrame:
    """Gap (1 + i) / (N M) below 5, with limits at 0.5 and 1.5 times that; of one cell they reach below 0."""
    rows = [
        {"method": name, "title": title, "n_pairs": n, "n_queries": m, "gap": (1 + i) / (n * m)}
        for i, (name, title) in enumerate(METHODS.items())
        for n in PAIRS
        for m in QUERIES
    ]
    frame = pd.DataFrame(rows)
    frame = frame.assign(final=5 - frame["gap"], gap_low=0.5 * frame["gap"], gap_high=1.5 * frame["gap"])
    frame.loc[8, "gap_low"] = -0.1
    return frame


def new_axes() -> Axes:
    return Figure().add_subplot()


def bars(ax: Axes) -> list[ErrorbarContainer]:
    return [one for one in ax.containers if isinstance(one, ErrorbarContainer)]


@pytest.mark.parametrize("n_pairs", PAIRS)
def test_a_line_a_method_with_its_limits_side_by_side(n_pairs: int) -> None:
    frame, ax = panels(), new_axes()
    assert draw_panel(frame, n_pairs, ax) is ax
    assert len(bars(ax)) == len(METHODS)
    xs = []
    for (name, look), one in zip(series_of(METHODS).items(), bars(ax), strict=True):
        rows = frame[(frame["method"] == name) & (frame["n_pairs"] == n_pairs)]
        np.testing.assert_allclose(np.asarray(one.lines[0].get_ydata(), float), rows["gap"])
        segments = np.array(one.lines[2][0].get_segments())
        np.testing.assert_allclose(segments[:, :, 1], rows[["gap_low", "gap_high"]])
        assert (one.lines[0].get_marker(), one.lines[0].get_color()) == (look.look.marker, look.color)
        xs.append(np.asarray(one.lines[0].get_xdata(), float))
    # Around the ticks, every method at a place of its own.
    np.testing.assert_allclose(np.mean(xs, axis=0), [0, 1, 2], atol=1e-12)
    assert np.diff(xs, axis=0).min() > 0.05
    assert np.ptp(xs, axis=0).max() < 0.6
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(m) for m in QUERIES]
    assert ax.get_legend_handles_labels()[1] == list(METHODS.values())


def test_rows_in_any_order_and_missing_ones() -> None:
    frame = panels()
    shuffled = draw_panel(frame.iloc[::-1], 8, new_axes())
    (found,) = (one for one in bars(shuffled) if one.lines[0].get_color() == series_of(["zpg"])["zpg"].color)
    assert list(np.asarray(found.lines[0].get_ydata())) == [1 / 8, 1 / 40, 1 / 200]
    partly = frame[(frame["method"] != "zpg") | (frame["n_queries"] == 25)]
    one, *others = bars(draw_panel(partly, 8, new_axes()))
    assert len(others) == 2
    # A single number of votes stands where it belongs, and a method without rows leaves its place free.
    assert np.round(np.asarray(one.lines[0].get_xdata(), float)).tolist() == [2]
    without = bars(draw_panel(frame[(frame["method"] != "zpg") | (frame["n_pairs"] != 8)], 8, new_axes()))
    whole = bars(draw_panel(frame, 8, new_axes()))[1:]
    for left, right in zip(without, whole, strict=True):
        np.testing.assert_array_equal(left.lines[0].get_xydata(), right.lines[0].get_xydata())


def test_the_axis_is_logarithmic_with_0_on_it() -> None:
    ax = draw_panel(panels(), 8, new_axes())
    assert ax.get_yscale() == "symlog"
    low, high = ax.get_ylim()
    assert low < 0
    assert high > 1.5 * 3 / 8
    at = ax.transData.transform([(0, y) for y in (0.01, 0.1, 0, low)])[:, 1]
    decade = at[1] - at[0]
    # A factor of ten is seen as such, and what lies below 0 is a sliver.
    assert ax.transData.transform([(0, 0.3), (0, 0.03)])[:, 1].tolist() == pytest.approx(
        [at[1] + np.log10(3) * decade, at[0] + np.log10(3) * decade]
    )
    assert 0 < at[2] - at[3] < 0.1 * (ax.bbox.y1 - ax.bbox.y0)
    (zero,) = (line for line in ax.lines if line.get_color() == GREY)
    assert list(np.asarray(zero.get_ydata())) == [0, 0]
    assert {0, 0.1} <= {round(float(tick), 6) for tick in ax.get_yticks()}


def test_panels_share_the_scale_and_have_one_key(check_layout: Callable[[Figure], None]) -> None:
    figure = draw_small_panels(panels())
    check_layout(figure)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        f"({letter}) {n} pairs an iteration" for letter, n in zip("abc", PAIRS, strict=True)
    ]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ZPG", "DPO, online", METHODS["ppo-online"]]


@pytest.mark.usefixtures("brief_tuning")
def test_the_registered_figure_draws_what_it_computes_and_stays_on_the_page(
    monkeypatch: pytest.MonkeyPatch, check_layout: Callable[[Figure], None]
) -> None:
    monkeypatch.setattr(small_panels_figure, "PRESETS", {"quick": (0, 3)})
    cheap = partial(compare_panels, n_iterations=2, pairs=(4, 8), queries=(1, 2))
    monkeypatch.setattr(small_panels_figure, "compare_panels", cheap)
    frames = get_figure("small-panels").compute(FigureContext(execution=Execution(jobs=1)))
    assert list(frames["panels"]["method"].unique()) == list(PANEL_METHODS)
    figure = get_figure("small-panels").draw(frames)
    check_layout(figure)
    assert len(figure.axes) == 2


def test_wrong_frames_are_refused_in_one_line() -> None:
    frame = panels()
    with pytest.raises(InputError, match=r"^panels must hold rows with 9 pairs, got none; [^\n]*$"):
        draw_panel(frame, 9, new_axes())
    with pytest.raises(InputError, match=r"^panels must hold every method once with N and M, got repetitions; [^\n]*$"):
        draw_panel(pd.concat([frame, frame.head(1)]), 8, new_axes())
    for gap in (-0.1, np.nan, 0.0):
        with pytest.raises(InputError, match=rf"^gap must be at least 0 and not always 0, got {gap:g}; [^\n]*$"):
            draw_panel(frame.assign(gap=gap), 8, new_axes())
    with pytest.raises(InputError, match=r"^panels must hold at least one row, got none; [^\n]*$"):
        draw_small_panels(frame.head(0))
    # A gap that is negative by rounding is 0.
    first = frame.index == 0
    rounded = frame.assign(gap=frame["gap"].mask(first, -1e-12), gap_low=frame["gap_low"].mask(first, -1.0))
    assert len(bars(draw_panel(rounded, 8, new_axes()))) == len(METHODS)
