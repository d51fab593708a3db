from __future__ import annotations

import copy
from collections.abc import Iterator

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.catalogue.methods import METHODS
from experiments.running.execution import Execution
from experiments.studies.variance import VARIANCE_METHODS
from paper_figures import inversion_figure, variance_figure
from paper_figures.inversion_figure import ROUNDING, draw_boundary, draw_interior, draw_inversion_bias
from paper_figures.registry import FigureContext, all_figures, get_figure
from paper_figures.style import GREY, print_style
from paper_figures.variance_figure import (
    GROUPS,
    MEASURES,
    draw_budget,
    draw_error_budget,
    draw_error_radius,
    draw_radius,
)
from theory.errors import InputError

PARTS = ("bias_squared", "variance_direction", "variance_trajectory", "variance_query")
UNIT = 0.25  # |grad V|^2 of the synthetic frames
VOTES = 2 ** np.arange(2, 13)


@pytest.fixture(autouse=True)
def global_style_untouched() -> Iterator[None]:
    before = copy.deepcopy(dict(matplotlib.rcParams))
    yield
    assert dict(matplotlib.rcParams) == before


def budget() -> pd.DataFrame:
    """Three estimators with a radius, the second enumerated, and two without."""
    names = ["zpg", "zbcpg-1", "zpg-common", "reinforce-none", "gpomdp-none"]
    parts = pd.DataFrame(np.arange(1.0, 21).reshape(5, 4), columns=list(PARTS))
    parts.loc[3:] *= [0, 0, 0.01, 0]
    mse = parts.sum(axis=1)
    return parts.assign(
        name=names,
        title=[f"the {name}" for name in names],
        radius=[1.0, 2, 3, np.nan, np.nan],
        mse=mse,
        relative_mse=mse / UNIT,
        rescaled_mse=[0.91, 0.92, 0.93, 0.3, 0.2],
        standard_error=[0.5, 0, 0.25, 0, 0],
    )


def sweep(names: tuple[str, ...] = ("zpg", "zbcpg-1", "zpg-symmetric")) -> pd.DataFrame:
    radius = np.geomspace(0.1, 10, 9)
    frames = [
        pd.DataFrame(
            {
                "name": name,
                "title": f"the {name}",
                "group": METHODS[name].group,
                "radius": radius,
                "rescaled_mse": 0.9 + 0.01 * (np.arange(9) - 3 - number) ** 2,
                "mse": (2 + number) / radius,
            }
        )
        for number, name in enumerate(names)
    ]
    return pd.concat(frames, ignore_index=True)


def bias() -> pd.DataFrame:
    """Two curved links, and one whose interior bias vanishes faster than any power."""
    rows = [
        {"link": link, "n_queries": m, "case": case, "bias": value, "delta_method": method}
        for m in VOTES
        for link, constant in (("logistic", 2.0), ("cauchit", 8.0), ("linear", 0.0))
        for case, value, method in (
            ("interior", constant / m + 3 / m**2 if constant else 4.0**-m, constant / m),
            ("boundary", (1 + constant) / m**0.5, np.nan),
        )
    ]
    return pd.DataFrame(rows)


def new_axes() -> Axes:
    return Figure().add_subplot()


def lines(ax: Axes) -> list[Line2D]:
    return [line for line in ax.lines if len(np.atleast_1d(line.get_xdata()))]


def texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_stacks_add_up_to_the_error_on_a_linear_axis_from_0() -> None:
    frame, ax = budget(), new_axes()
    assert draw_budget(frame, ax) is ax
    bars = [container for container in ax.containers if isinstance(container, BarContainer)]
    assert len(bars) == len(PARTS)
    left = np.zeros(len(frame))
    for container, part in zip(bars, PARTS, strict=True):
        np.testing.assert_allclose([bar.get_x() for bar in container], left, atol=1e-12)
        np.testing.assert_allclose([bar.get_width() for bar in container], frame[part] / UNIT, atol=1e-12)
        left += frame[part].to_numpy() / UNIT
    np.testing.assert_allclose(left, frame["relative_mse"])
    assert ax.get_xscale() == "linear"
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlim()[1] > (frame["mse"] + 1.96 * frame["standard_error"]).max() / UNIT
    assert [label.get_text() for label in ax.get_yticklabels()] == list(frame["title"])
    assert ax.yaxis_inverted()
    assert [text.get_text() for text in ax.texts] == ["0.910", "0.920", "0.930", "0.300", "0.200"]


def test_whiskers_stand_where_directions_were_sampled() -> None:
    ax = draw_budget(budget(), new_axes())
    (whiskers,) = [container for container in ax.containers if not isinstance(container, BarContainer)]
    segments = whiskers[2][0].get_segments()  # type: ignore[index]
    assert [segment[0, 1] for segment in segments] == [0, 2]
    assert segments[0][:, 0] == pytest.approx([(10 - 0.98) / UNIT, (10 + 0.98) / UNIT])
    enumerated = draw_budget(budget().assign(standard_error=0.0), new_axes())
    assert all(isinstance(container, BarContainer) for container in enumerated.containers)


def test_parts_differ_by_more_than_colour() -> None:
    ax = draw_budget(budget(), new_axes())
    looks = [(bars[0].get_facecolor(), bars[0].get_hatch()) for bars in ax.containers[:4]]  # type: ignore[index]
    luminance = [float(np.dot(color[:3], (0.2126, 0.7152, 0.0722))) for color, _ in looks]
    for number, (_, hatch) in enumerate(looks):
        for other in range(number):
            assert hatch != looks[other][1] or abs(luminance[number] - luminance[other]) > 0.3


def test_budget_has_a_panel_with_and_one_without_a_radius() -> None:
    figure = draw_error_budget(budget())
    assert [[label.get_text() for label in ax.get_yticklabels()] for ax in figure.axes] == [
        ["the zpg", "the zbcpg-1", "the zpg-common"],
        ["the reinforce-none", "the gpomdp-none"],
    ]
    assert figure.axes[1].get_xlim()[1] < 0.1 * figure.axes[0].get_xlim()[1]
    assert "scales differ" in figure.axes[1].get_xlabel()
    (alone,) = draw_error_budget(budget().head(2)).axes
    assert "scales" not in alone.get_xlabel()


@pytest.mark.parametrize("measure", MEASURES)
def test_radius_curves_and_their_optimum(measure: variance_figure.Measure) -> None:
    frame, ax = sweep(), new_axes()
    assert draw_radius(frame, measure, ax) is ax
    assert ax.get_xscale() == "log"
    assert ax.get_yscale() == ("linear" if measure == "rescaled_mse" else "log")
    zero, *drawn = lines(ax)
    assert (zero.get_color(), list(zero.get_ydata())) == (GREY, [1, 1])  # type: ignore[arg-type]
    colors = list(dict.fromkeys(line.get_color() for line in drawn))
    assert len(colors) == frame["name"].nunique()
    for number, ((_, rows), color) in enumerate(zip(frame.groupby("name", sort=False), colors, strict=True)):
        curve, *beyond, optimum = [line for line in drawn if line.get_color() == color]
        # Joined until its error is that of the estimate 0 again; what comes beyond are points.
        back = np.flatnonzero((np.arange(len(rows)) > 3 + number) & (rows["rescaled_mse"] >= 0.995))
        joined = back[0] + 1 if len(back) else len(rows)
        np.testing.assert_array_equal(curve.get_ydata(), rows[measure][:joined])
        points = [value for line in beyond for value in np.asarray(line.get_ydata())]
        np.testing.assert_array_equal(points, rows[measure][joined:])
        assert all(line.get_linestyle() == "None" for line in beyond)
        # The radius of least rescaled error in both panels: the raw error has no minimum here.
        assert np.asarray(optimum.get_xdata()) == pytest.approx([rows["radius"].iloc[3 + number]])
        assert np.asarray(optimum.get_ydata()) == pytest.approx([rows[measure].iloc[3 + number]])
    assert any(line.get_marker() == "." for line in drawn)


def test_every_estimator_with_a_radius_is_in_a_row_and_no_two_look_alike() -> None:
    rows = {group: [n for n in VARIANCE_METHODS if METHODS[n].group == group or n == "zpg"] for group in GROUPS}
    figure = draw_error_radius(sweep(tuple(n for n in VARIANCE_METHODS if METHODS[n].knob == "radius")))
    assert len(figure.axes) == 4
    for row, group in enumerate(rows.values()):
        for ax in figure.axes[2 * row : 2 * row + 2]:
            looks = [
                (str(m.get_marker()), m.get_markerfacecolor()) for m in ax.lines if m.get_marker() not in ("None", ".")
            ]
            looks = looks[::2]
            assert len(set(map(str, looks))) == len(group)
        assert sorted(texts(figure.axes[2 * row + 1])) == sorted(f"the {name}" for name in group)
    assert len(draw_error_radius(sweep(("zpg-symmetric",))).axes) == 2


def test_interior_bias_lies_on_lines_and_rounding_is_left_out() -> None:
    ax = draw_interior(bias(), new_axes())
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    grey = [line for line in lines(ax) if line.get_color() == GREY]
    assert [np.asarray(line.get_ydata()) * VOTES for line in grey] == [pytest.approx(c) for c in (2, 8)]
    logistic, cauchit, linear = (line for line in lines(ax) if line.get_color() != GREY)
    np.testing.assert_allclose(logistic.get_ydata(), 2 / VOTES + 3 / VOTES**2)
    np.testing.assert_allclose(np.asarray(cauchit.get_ydata()) * VOTES, 8 + 3 / VOTES)
    # 4^-M: 4 and 8 and 16 votes are above rounding.
    assert list(linear.get_xdata()) == [4, 8, 16]  # type: ignore[arg-type]
    assert np.min(linear.get_ydata()) >= ROUNDING
    low, _ = ax.get_ylim()
    assert 0.2 * 2 / VOTES[-1] < low < 2 / VOTES[-1]
    assert texts(ax) == ["logistic", "cauchit", r"linear (lower for $M\geq 8$)", "delta method $c/M$"]


def test_interior_of_a_link_without_curvature_alone() -> None:
    frame = bias()
    ax = draw_interior(frame[frame["link"] == "linear"], new_axes())
    assert ax.get_ylim()[0] == ROUNDING
    assert texts(ax) == [r"linear (lower for $M\geq 32$)"]


def test_boundary_has_a_line_of_slope_minus_a_half_below_the_data() -> None:
    ax = draw_boundary(bias(), new_axes())
    (reference,) = (line for line in lines(ax) if line.get_color() == GREY)
    x, y = np.log(np.asarray(reference.get_xdata())), np.log(np.asarray(reference.get_ydata()))
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(-0.5, abs=1e-12)
    assert np.exp(y[1]) < 1 / VOTES[-1] ** 0.5
    assert texts(ax) == ["logistic", "cauchit", "linear", "slope \N{MINUS SIGN}1/2"]


@pytest.mark.parametrize("name", ["error-budget", "error-radius", "inversion-bias"])
def test_registered_figures_draw_what_they_compute_and_stay_on_the_page(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The experiments themselves, cheaper by fewer radii and estimators."""
    keep = ("zpg", "zbcpg-1", "zpg-symmetric", "reinforce-none")
    monkeypatch.setitem(variance_figure.compare_variance.__globals__, "VARIANCE_METHODS", keep)
    monkeypatch.setattr(variance_figure, "RADII", np.array([0.5, 2.0, 6.0]))
    monkeypatch.setattr(variance_figure, "_COST", {"n_pairs": 8, "n_queries": 20})
    frames = get_figure(name).compute(FigureContext(execution=Execution(seed=1, jobs=1)))
    figure = get_figure(name).draw(frames)
    with print_style():
        figure.draw_without_rendering()
    page = figure.bbox
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    assert all(
        page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes if box
    )
    assert not any(one.overlaps(two) for n, one in enumerate(boxes) for two in boxes[:n] if one and two)
    if name == "error-radius":
        # In units of |grad V|^2 the error at the best scale is at most 1.
        assert 0.8 < frames["sweep"]["rescaled_mse"].min() < frames["sweep"]["rescaled_mse"].max() <= 1
    if name == "error-budget":
        assert list(frames["budget"]["name"]) == list(keep)


def test_names_are_registered() -> None:
    assert {"error-budget", "error-radius", "inversion-bias"} <= set(all_figures())


def test_errors_take_one_line() -> None:
    with pytest.raises(InputError, match=r"^budget must have at least one estimator, got none; [^\n]*$"):
        draw_budget(budget().head(0), new_axes())
    with pytest.raises(InputError, match=r"^sweep must hold an estimator with a radius, got none; [^\n]*$"):
        draw_error_radius(sweep(("zpg",)).head(0))
    for draw, case in ((draw_interior, "interior"), (draw_boundary, "boundary")):
        with pytest.raises(InputError, match=rf"^bias must hold rows of the case '{case}', got none; [^\n]*$"):
            draw(bias().assign(case="other"), new_axes())
    assert len(draw_inversion_bias(bias()).axes) == 2
    assert inversion_figure.ROUNDING == 1e-12
