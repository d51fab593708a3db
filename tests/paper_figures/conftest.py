from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from experiments.comparison import tuning
from paper_figures.style import print_style


def _labels(ax: Axes) -> list[list[Bbox]]:
    """Boxes of the numbers on each axis that can be seen."""
    found = []
    axes: tuple[tuple[Axis, tuple[float, float]], ...] = ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
    for axis, limits in axes:
        low, high = sorted(limits)
        ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        shown = [tick.label1 for tick in ticks if tick.label1.get_visible() and tick.label1.get_text()]
        found.append([label.get_window_extent() for label in shown])
    return found


def _check(figure: Figure) -> None:
    with print_style():
        figure.draw_without_rendering()
    page = figure.bbox
    parts = [figure, *figure.subfigs]
    blocks = [box for ax in figure.axes if (box := ax.get_tightbbox())]
    blocks += [legend.get_window_extent() for part in parts for legend in part.legends]
    blocks += [text.get_window_extent() for part in parts for text in part.texts]
    assert blocks
    for box in blocks:
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
    assert not any(one.overlaps(two) for one, two in combinations(blocks, 2))
    for ax in figure.axes:
        for labels in _labels(ax):
            assert not any(one.overlaps(two) for one, two in combinations(labels, 2))


@pytest.fixture
def check_layout() -> Callable[[Figure], None]:
    """Everything is on the page; panels, keys and titles are apart, and so are the numbers on an axis."""
    return _check


@pytest.fixture
def brief_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting of the grid is tried on one seed and the best on one more: what is drawn has all its parts."""
    for name in ("FIRST_SEEDS", "SECOND_SEEDS", "N_SECOND", "LOOKS"):
        monkeypatch.setattr(tuning, name, 1)
    monkeypatch.setattr(tuning, "GROWTHS", 0)
