from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from paper_figures.planning_figure import (
    FAMILIES,
    draw_curves,
    draw_gains,
    draw_map,
    draw_plan_curves,
    draw_plan_map,
    draw_scatter,
    draw_validation,
)
from theory.errors import InputError


def rows() -> pd.DataFrame:
    """Plans at a third of the paper's error, which falls with the budget."""
    found = [
        {"instance": f"{family}-{seed}", "family": family, "budget": budget, "kind": kind, "start": 1.0,
         "measured": size / budget**0.5, "low": 0.9 * size / budget**0.5, "high": 1.1 * size / budget**0.5,
         "error": 1.2 * size / budget**0.5}
        for family in FAMILIES
        for seed in range(2)
        for budget in (3e4, 3e5, 3e6)
        for kind, size in (("plan", 1.0), ("one vote", 1.5), ("paper", 3.0))
    ]  # fmt: skip
    return pd.DataFrame(found)


def cells() -> pd.DataFrame:
    found = [
        {
            "scale": scale,
            "cost_vote": cost,
            "votes_per_pair": 1 + 3 * scale / cost,
            "block_size": size,
            "early": size is None,
        }
        for scale in (0.25, 0.5, 1.0)
        for cost, size in ((0.1, 5), (1.0, None), (10.0, 1))
    ]
    return pd.DataFrame(found)


def test_the_scatter_shows_every_plan_with_its_prediction() -> None:
    ax = draw_scatter(rows(), Figure().add_subplot())
    points = np.concatenate([np.column_stack(each[0].get_data()).astype(float) for each in ax.containers])
    assert len(points) == 24
    np.testing.assert_allclose(points[:, 1] / points[:, 0], 1.2)


def test_gains_are_over_the_papers_schedule() -> None:
    ax = draw_gains(rows(), Figure().add_subplot())
    heights = np.concatenate([line.get_ydata() for line in ax.lines[: len(FAMILIES)]])
    np.testing.assert_allclose(heights, 1 / 3)


def test_lines_are_predictions_and_points_are_measured() -> None:
    one = rows()[lambda table: table["instance"] == "garnet-circular-0"]
    ax = draw_curves(one, Figure().add_subplot())
    np.testing.assert_allclose(np.asarray(ax.lines[0].get_ydata(), dtype=float), 1.2 / np.sqrt([3e4, 3e5, 3e6]))
    np.testing.assert_allclose(np.asarray(ax.containers[0][0].get_ydata(), dtype=float), 1 / np.sqrt([3e4, 3e5, 3e6]))


def test_the_map_says_votes_and_block_size() -> None:
    texts = [text.get_text() for text in draw_map(cells(), Figure().add_subplot()).texts]
    assert texts[0] == "8\n5"
    assert texts[1] == "u\nS"


def test_figures_keep_to_their_page(check_layout: Callable[[Figure], None]) -> None:
    one = rows()[lambda table: table["instance"] == "garnet-circular-0"]
    for figure in (draw_validation(rows()), draw_plan_curves(one), draw_plan_map(cells())):
        check_layout(figure)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda ax: draw_scatter(rows()[lambda t: t["kind"] == "paper"], ax), "at least one plan"),
        (lambda ax: draw_curves(rows(), ax), "of one instance"),
        (lambda ax: draw_map(cells().iloc[1:], ax), "every scale and cost once"),
    ],
)
def test_other_frames_are_refused(draw: Callable[..., object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        draw(Figure().add_subplot())
