from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.studies import dpo_gap
from paper_figures import dpo_gap_figure
from paper_figures.dpo_gap_figure import LINEAR_UP_TO, PANELS, draw_dpo_gap, draw_gap
from paper_figures.registry import FigureContext, get_figure
from paper_figures.style import print_style
from theory.errors import InputError

NOISES = np.array([0.0, 0.5, 1.0])
BETAS = (0.1, 0.3, 1.0, 3.0)


def summary() -> pd.DataFrame:
    """Gap noise / (10 beta) in every family; the random one has a range."""
    rows = [
        {"family": family, "beta": beta, "noise": noise, "mean": noise / (10 * beta)}
        for family in PANELS
        for beta in BETAS
        for noise in NOISES
    ]
    frame = pd.DataFrame(rows)
    spread = np.where(frame["family"] == "random", 2.0, 1.0)
    return frame.assign(low=frame["mean"] / spread, high=frame["mean"] * spread)


def new_axes() -> Axes:
    return Figure().add_subplot()


def with_markers(ax: Axes) -> list[Line2D]:
    return [line for line in ax.lines if line.get_marker() not in ("None", "")]


@pytest.mark.parametrize("family", PANELS)
def test_one_line_a_beta_and_zero_is_on_the_axis(family: str) -> None:
    frame, ax = summary(), new_axes()
    assert draw_gap(frame, family, ax) is ax
    curves = with_markers(ax)
    assert [line.get_label() for line in curves] == [rf"$\beta$ = {beta:g}" for beta in BETAS]
    for line, beta in zip(curves, BETAS, strict=True):
        np.testing.assert_allclose(np.asarray(line.get_xdata(), float), NOISES)
        np.testing.assert_allclose(np.asarray(line.get_ydata(), float), NOISES / (10 * beta))
    low, high = ax.get_ylim()
    assert -LINEAR_UP_TO < low < 0 < 1 < high
    assert ax.get_yscale() == "symlog"
    # As many pixels from 0 to where the logarithm begins as can be seen.
    at = ax.transData.transform([(0, 0), (0, LINEAR_UP_TO)])[:, 1]
    assert at[1] - at[0] > 0.05 * ax.bbox.height


def test_betas_differ_by_more_than_colour() -> None:
    ax = draw_gap(summary(), "chain", new_axes())
    looks = [(line.get_marker(), str(line.get_linestyle()), str(line._dash_pattern)) for line in with_markers(ax)]  # type: ignore[attr-defined]
    assert len({marker for marker, _, _ in looks}) == len({dashes for _, _, dashes in looks}) == len(BETAS)


def test_ranges_are_drawn_where_there_are_several_instances() -> None:
    def edges(family: str) -> list[Line2D]:
        ax = draw_gap(summary(), family, new_axes())
        return [line for line in ax.lines if line not in with_markers(ax) and len(np.atleast_1d(line.get_xdata())) == 3]

    assert edges("chain") == edges("bandit") == []
    drawn = edges("random")
    assert len(drawn) == 2 * len(BETAS)
    for number, beta in enumerate(BETAS):
        for line, factor in zip(drawn[2 * number : 2 * number + 2], (0.5, 2), strict=True):
            np.testing.assert_allclose(np.asarray(line.get_ydata(), float), factor * NOISES / (10 * beta))


def test_the_registered_figure_draws_what_it_computes_and_stays_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {family: dict(list(members.items())[:2]) for family, members in dpo_gap.FAMILIES.items()}
    monkeypatch.setattr(dpo_gap_figure, "dpo_gaps", lambda: dpo_gap.dpo_gaps(few, noises=[0.0, 0.5, 1.0]))
    frames = get_figure("dpo-gap").compute(FigureContext())
    assert set(frames["gaps"]["family"]) == set(PANELS)
    figure = get_figure("dpo-gap").draw(frames)
    with print_style():
        figure.draw_without_rendering()
    page = figure.bbox
    boxes = [box for ax in figure.axes if (box := ax.get_tightbbox())]
    assert len(boxes) == 3
    assert all(page.x0 <= b.x0 and b.x1 <= page.x1 and page.y0 <= b.y0 and b.y1 <= page.y1 for b in boxes)
    assert not any(one.overlaps(two) for n, one in enumerate(boxes) for two in boxes[:n])
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    *names, thin = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [rf"$\beta$ = {beta:g}" for beta in BETAS]
    assert thin == "thin: smallest and largest of the family"


def test_a_family_without_rows_is_an_error() -> None:
    with pytest.raises(InputError, match=r"^summary must hold rows of the family 'chain', got none; [^\n]*$"):
        draw_gap(summary().query("family != 'chain'"), "chain", new_axes())
    assert len(draw_dpo_gap(summary()).axes) == 3
