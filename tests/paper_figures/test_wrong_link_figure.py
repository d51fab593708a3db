from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from experiments.comparison.budget import Budget
from experiments.running.execution import Execution
from paper_figures import wrong_link_figure
from paper_figures.registry import FigureContext, get_figure
from paper_figures.style import GREY
from paper_figures.wrong_link_figure import draw_final, draw_loss, draw_wrong_link
from theory.errors import InputError

START, OPTIMUM = 10.0, 18.0
METHODS = {"zpg": "ZPG", "ppo-online": "reward model + PPO, online", "dpo-online": "DPO, online"}
LINKS = ("logistic", "probit", "linear")


def links() -> pd.DataFrame:
    """Method i with link j ends at 12 + 2 i + j / 2, to within 1/4 below and 1/8 above; one loss is significant."""
    rows = [
        {"method": name, "title": title, "raters": link, "assumed": "logistic", "optimum": OPTIMUM, "start": START}
        | {"final": 12 + 2 * i + j / 2, "loss": -j / 2, "p_loss": np.nan if j == 0 else 0.01 + (i != 1 or j != 2)}
        for i, (name, title) in enumerate(METHODS.items())
        for j, link in enumerate(LINKS)
    ]
    frame = pd.DataFrame(rows)
    limits = {
        f"{of}{side}": frame[of] + by for of in ("final", "loss") for side, by in (("_low", -0.25), ("_high", 0.125))
    }
    return frame.assign(**limits)


def new_axes() -> Axes:
    return Figure().add_subplot()


def bars(ax: Axes) -> dict[str, ErrorbarContainer]:
    return {str(one.get_label()): one for one in ax.containers if isinstance(one, ErrorbarContainer)}


def places(ax: Axes) -> list[tuple[float, float]]:
    """Heights and values of all points, from the top."""
    points = [one.lines[0].get_xydata() for one in bars(ax).values()]
    return sorted((float(y), float(x)) for x, y in np.concatenate(points))


def test_every_method_and_link_has_a_point_with_its_limits() -> None:
    frame, ax = links(), new_axes()
    assert draw_final(frame, ax) is ax
    assert list(bars(ax)) == ["raters: logistic (assumed)", "raters: probit", "raters: linear"]
    # From the top in the order of the frame: methods, and links within them.
    assert [value for _, value in places(ax)] == list(frame["final"])
    assert [round(height) for height, _ in places(ax)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert np.diff([height for height, _ in places(ax)]).min() > 0.15
    for link, one in zip(LINKS, bars(ax).values(), strict=True):
        rows = frame[frame["raters"] == link]
        segments = np.array(one.lines[2][0].get_segments())
        np.testing.assert_allclose(segments[:, :, 0], rows[["final_low", "final_high"]])
    assert [label.get_text() for label in ax.get_yticklabels()] == list(METHODS.values())
    assert ax.yaxis_inverted()
    low, high = ax.get_xlim()
    assert low < START < OPTIMUM < high


def test_the_link_assumed_is_marked_and_optimum_and_start_are_named() -> None:
    frame, ax = links(), new_axes()
    draw_final(frame, ax)
    right, *others = (one.lines[0] for one in bars(ax).values())
    assert right.get_color() == right.get_markerfacecolor() == "black"
    assert all(line.get_color() != "black" for line in others)
    assert len({str(line.get_marker()) for line in (right, *others)}) == len(LINKS)
    grey = {str(line.get_label()): line for line in ax.lines if line.get_color() == GREY and line.get_linewidth() > 1}
    assert {name: np.asarray(line.get_xdata())[0] for name, line in grey.items()} == {
        "optimum": OPTIMUM,
        "start": START,
    }
    # A thin line through the points of a method, at the value with the link assumed; the order of rows is free.
    for rows in (frame, frame.iloc[::-1]):
        (thin,) = (one for one in draw_final(rows, new_axes()).collections if one.get_linewidth() == [0.5])
        titles = list(rows["title"].unique())
        ends = np.array(thin.get_segments())  # type: ignore[attr-defined]
        assert np.ptp(ends[:, :, 0], axis=1).max() == 0
        found = {titles[round(float(y))]: x for x, y in ends.mean(axis=1)}
        assert found == {title: 12 + 2 * i for i, title in enumerate(METHODS.values())}


def test_losses_leave_out_the_link_assumed_and_stars_are_significant() -> None:
    frame, ax = links(), new_axes()
    assert draw_loss(frame, ax) is ax
    assert list(bars(ax)) == ["raters: probit", "raters: linear"]
    wrong = frame[frame["raters"] != "logistic"]
    assert [value for _, value in places(ax)] == list(wrong["loss"])
    (star,) = ax.texts
    height = {value: y for y, value in places(draw_final(frame, new_axes()))}[12 + 2 * 1 + 2 / 2]
    assert (star.get_text(), star.get_position()[1]) == ("*", height)
    assert not draw_loss(frame.assign(p_loss=0.06), new_axes()).texts


@pytest.mark.parametrize("p_loss", [0.01, 0.5])
def test_the_figure_orders_methods_and_has_a_key(p_loss: float, check_layout: Callable[[Figure], None]) -> None:
    figure = draw_wrong_link(links().assign(p_loss=p_loss))
    check_layout(figure)
    final, loss = figure.axes
    assert [label.get_text() for label in final.get_yticklabels()] == ["ZPG", "DPO, online", METHODS["ppo-online"]]
    assert final.get_ylim() == loss.get_ylim()
    (legend,) = figure.legends
    names = ["raters: logistic (assumed)", "raters: probit", "raters: linear", "optimum", "start"]
    star = ["p \N{LESS-THAN OR EQUAL TO} 0.05 (Holm)"] if p_loss < 0.05 else []
    assert [text.get_text() for text in legend.get_texts()] == names + star


@pytest.mark.usefixtures("brief_tuning")
def test_the_registered_figure_draws_what_it_computes_and_stays_on_the_page(
    monkeypatch: pytest.MonkeyPatch, check_layout: Callable[[Figure], None]
) -> None:
    monkeypatch.setattr(wrong_link_figure, "PRESETS", {"quick": (Budget(2, 32, 5), 2)})
    frames = get_figure("wrong-link").compute(FigureContext(execution=Execution(jobs=1)))
    assert len(frames["links"]) == 40
    check_layout(get_figure("wrong-link").draw(frames))


def test_wrong_frames_are_refused_in_one_line() -> None:
    frame = links()
    for planted, message in (
        (frame.head(0), r"links must be of one experiment, got 0; "),
        (pd.concat([frame, frame.assign(start=11.0)]), r"links must be of one experiment, got 2; "),
        (frame.drop(index=4), r"links must hold every method once with every link, [^\n]* got 8 rows instead of 9; "),
        (pd.concat([frame, frame.tail(1)]), r"links must hold every method once [^\n]* got 10 rows instead of 9; "),
        (frame[frame["raters"] != "logistic"], r"links must hold every method once with every link, that assumed "),
    ):
        for draw in (draw_final, draw_loss):
            with pytest.raises(InputError, match=rf"^{message}[^\n]*$"):
                draw(planted, new_axes())
    with pytest.raises(InputError, match=r"^values must be at most the optimum 16.5, got 17; [^\n]*$"):
        draw_final(frame.assign(optimum=16.5), new_axes())
    with pytest.raises(InputError, match=r"^values must be below the optimum 18, got 18; [^\n]*$"):
        draw_final(frame.assign(start=OPTIMUM), new_axes())
    with pytest.raises(InputError, match=r"^links must be of one experiment, got 0; [^\n]*$"):
        draw_wrong_link(frame.head(0))
