from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import get_args

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from experiments.catalogue.methods import METHODS
from experiments.statistics.power_law import fit_power_law
from paper_figures import rates_figure
from paper_figures.rates_figure import draw_axis, draw_compensated, draw_instances, draw_rates, verdict_label
from paper_figures.style import GREY, print_style, series_of
from theory.errors import InputError
from theory.rates import Axis

ALGORITHMS = ("zpg", "zbcpg-1", "zbcpg-3")
EXPONENTS = {"T": -1.0, "N": -0.5, "M": -0.5, "eps": 1.0, "d": 1.5}
GRIDS = {
    "T": [128.0, 256, 512],
    "N": [1e3, 1e4, 1e5],
    "M": [256.0, 512, 1024],
    "eps": [1, 0.5, 0.25],
    "d": [8.0, 16, 32],
}
SLOPE_OFF = 0.02  # of every synthetic measurement from its exponent


@pytest.fixture(autouse=True)
def global_style_untouched() -> Iterator[None]:
    before = copy.deepcopy(dict(matplotlib.rcParams))
    yield
    assert dict(matplotlib.rcParams) == before


def frames(axes: tuple[str, ...] = ("N",), instance: str = "circular") -> tuple[pd.DataFrame, pd.DataFrame]:
    points, verdicts = [], []
    for axis in axes:
        x, slope = np.array(GRIDS[axis], dtype=float), EXPONENTS[axis] + SLOPE_OFF
        for number, name in enumerate(ALGORITHMS):
            mean = (1 + 0.1 * number) * x**slope
            key = {
                "claim": f"{name} {axis} {instance}",
                "method": name,
                "title": METHODS[name].title,
                "instance": instance,
                "axis": axis,
            }
            points.append(pd.DataFrame(key | {"x": x, "mean": mean, "standard_error": 0.01 * mean, "proved": False}))
            fit = fit_power_law(x, mean)
            limits = {"ci_low": slope - 0.01, "ci_high": slope + 0.01, "outcome": "HOLDS", "tight": number == 0}
            verdicts.append(
                key | limits | {"slope": fit.slope, "intercept": fit.intercept, "exponent": EXPONENTS[axis]}
            )
    return pd.concat(points, ignore_index=True), pd.DataFrame(verdicts)


def new_axes() -> Axes:
    return Figure().add_subplot()


def lines_of_slope(ax: Axes, slope: float) -> list[object]:
    """Two-point lines of that slope in the log-log plane."""
    return [
        line
        for line in ax.lines
        if len(line.get_xdata()) == 2 and line.get_linestyle() != "None" and loglog_slope(line) == pytest.approx(slope)
    ]


def loglog_slope(line: object) -> float:
    (x0, x1), (y0, y1) = np.log(line.get_xdata()), np.log(line.get_ydata())  # type: ignore[attr-defined]
    return float((y1 - y0) / (x1 - x0))


def stated_lines(ax: Axes) -> list[object]:
    return [line for line in ax.lines if line.get_color() == GREY]


@pytest.mark.parametrize("axis", EXPONENTS)
def test_axis_has_points_intervals_fits_and_verdicts(axis: str) -> None:
    points, verdicts = frames((axis,))
    ax = new_axes()
    assert draw_axis(points, verdicts, ax) is ax
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.xaxis_inverted() == (axis == "eps")
    assert len(ax.containers) == len(ALGORITHMS)
    for container, name in zip(ax.containers, ALGORITHMS, strict=True):
        rows = points[points["method"] == name]
        data, _, (bars,) = container  # type: ignore[misc]
        np.testing.assert_array_equal(data.get_xdata(), rows["x"])
        np.testing.assert_array_equal(data.get_ydata(), rows["mean"])
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, rows["mean"].to_numpy()[:, None] * [1 - 0.0196, 1 + 0.0196])
    assert len(lines_of_slope(ax, EXPONENTS[axis] + SLOPE_OFF)) == len(ALGORITHMS)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[union-attr]
    assert texts == [verdict_label(row) for row in verdicts.itertuples()]


@pytest.mark.parametrize("axis", [axis for axis in EXPONENTS if axis != "d"])
def test_stated_line_has_the_stated_slope_and_passes_the_geometric_middle(axis: str) -> None:
    points, verdicts = frames((axis,))
    ax = draw_axis(points, verdicts, new_axes())
    (line,) = stated_lines(ax)
    assert loglog_slope(line) == pytest.approx(EXPONENTS[axis], abs=1e-12)
    x, y = (np.log(values) for values in (line.get_xdata(), line.get_ydata()))  # type: ignore[attr-defined]
    # The ends are equally far from the middle of the window, so their mean is the middle.
    assert x.mean() == pytest.approx(np.log(points["x"]).mean(), abs=1e-12)
    assert y.mean() == pytest.approx(np.log(points["mean"]).mean(), abs=1e-12)
    assert min(x) < math.log(min(GRIDS[axis])) < math.log(max(GRIDS[axis])) < max(x)
    label = {-1.0: "−1", -0.5: "−1/2", 1.0: "1"}[EXPONENTS[axis]]  # noqa: RUF001
    assert [text.get_text() for text in ax.texts] == [f"dashed: stated slope {label}"]


def test_an_upper_bound_lies_just_above_the_data() -> None:
    """The fault was a bound through the middle of the data, half of which would have broken it."""
    points, verdicts = frames(("d",))
    ax = draw_axis(points, verdicts, new_axes())
    (line,) = stated_lines(ax)
    assert loglog_slope(line) == pytest.approx(1.5, abs=1e-12)
    level = line.get_ydata()[0] / line.get_xdata()[0] ** 1.5  # type: ignore[attr-defined]
    assert (points["mean"] / (level * points["x"] ** 1.5)).max() == pytest.approx(1 / 1.05)
    assert [text.get_text() for text in ax.texts] == ["dashed: stated slope at most 3/2"]
    strip = draw_compensated(points, verdicts, new_axes())
    ratios = np.concatenate([container[0].get_ydata() for container in strip.containers])  # type: ignore[index]
    assert ratios.max() == pytest.approx(1 / 1.05)


def test_points_that_are_prefixes_of_the_same_runs_are_said_to_be() -> None:
    assert "prefixes of the same runs" in draw_compensated(*frames(("T",)), new_axes()).get_title(loc="left")
    assert draw_compensated(*frames(("N",)), new_axes()).get_title(loc="left") == ""


def test_every_stated_slope_has_a_line() -> None:
    points, verdicts = frames()
    verdicts.loc[0, "exponent"] = -0.53
    ax = draw_axis(points, verdicts, new_axes())
    assert [loglog_slope(line) for line in stated_lines(ax)] == pytest.approx([-0.53, -0.5])
    assert [text.get_text() for text in ax.texts] == ["dashed: stated slope −0.530 or −1/2"]  # noqa: RUF001


def test_points_of_other_claims_are_left_out() -> None:
    points, verdicts = frames(("N", "T"))
    chosen = verdicts[verdicts["axis"] == "N"]
    ax = draw_axis(points, chosen, new_axes())
    assert len(ax.containers) == len(ALGORITHMS)
    (line,) = stated_lines(ax)
    assert np.exp(np.log(line.get_xdata()).mean()) == pytest.approx(1e4)  # type: ignore[attr-defined]


def test_compensated_strip_is_flat_but_for_the_deviation() -> None:
    points, verdicts = frames()
    ax = draw_compensated(points, verdicts, new_axes())
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert len(ax.containers) == len(ALGORITHMS)
    middle = [np.log(container[0].get_ydata()) for container in ax.containers]  # type: ignore[index]
    assert np.mean(middle) == pytest.approx(0, abs=1e-12)
    shown = [line for line in ax.lines if len(line.get_xdata())]  # type: ignore[arg-type]
    fits = [line for line in shown if line.get_color() != GREY and line.get_linestyle() != "None"]
    assert [np.polyfit(np.log(f.get_xdata()), np.log(f.get_ydata()), 1)[0] for f in fits] == pytest.approx(
        [SLOPE_OFF] * 3
    )
    places = [container[0].get_xdata() for container in ax.containers]  # type: ignore[index]
    assert all((left < right).all() for left, right in pairwise(places))
    np.testing.assert_allclose(np.log(places).mean(axis=0), np.log(GRIDS["N"]))


def test_algorithms_stand_in_the_same_order_on_the_inverted_axis() -> None:
    ax = draw_compensated(*frames(("eps",)), new_axes())
    places = [container[0].get_xdata() for container in ax.containers]  # type: ignore[index]
    assert all((left > right).all() for left, right in pairwise(places))


def test_single_replicate_has_no_interval() -> None:
    points, verdicts = frames()
    points["standard_error"] = np.nan
    ax = draw_axis(points, verdicts, new_axes())
    bars = ax.containers[0][2][0]  # type: ignore[index]
    assert all(low == high for low, high in (segment[:, 1] for segment in bars.get_segments()))


def test_label_holds_the_verdict() -> None:
    _, verdicts = frames()
    first, second, _ = verdicts.itertuples()
    assert verdict_label(first) == "ZPG: −0.480 [−0.490, −0.470] HOLDS, tight"  # noqa: RUF001
    assert verdict_label(second) == "ZBCPG, K = 1: −0.480 [−0.490, −0.470] HOLDS"  # noqa: RUF001
    (other,) = verdicts.head(1).assign(method="mine", title="mine", outcome="VIOLATED", tight=False).itertuples()
    assert verdict_label(other) == "mine: −0.480 [−0.490, −0.470] VIOLATED"  # noqa: RUF001


def test_rates_figure_has_a_panel_and_a_strip_an_axis() -> None:
    points, verdicts = frames(("eps", "M", "N", "T"))
    others = frames(("N",), "chain")
    figure = draw_rates(pd.concat([points, others[0]]), pd.concat([verdicts, others[1]]))
    assert len(figure.axes) == 8
    assert tuple(figure.get_size_inches()) == (6.75, 6.7)
    order = [next(ax for ax in figure.axes[2 * n : 2 * n + 2] if ax.get_xlabel()).get_xlabel() for n in range(4)]
    assert order == [rates_figure.X_LABELS[axis] for axis in ("T", "N", "M", "eps")]
    assert all(ax.get_xscale() == ax.get_yscale() == "log" for ax in figure.axes)


def test_every_axis_a_claim_can_have_is_drawn() -> None:
    assert set(EXPONENTS) == set(rates_figure.X_LABELS) == set(get_args(Axis))


def test_instances_figure_shows_the_others() -> None:
    main, chain = frames(("N", "T")), frames(("N",), "chain")
    figure = draw_instances(pd.concat([main[0], chain[0]]), pd.concat([main[1], chain[1]]))
    (ax,) = figure.axes
    assert figure.get_size_inches()[0] == 3.25
    assert ax.get_legend().get_title().get_text() == "trajectories on chain: slope −1/2"  # type: ignore[union-attr]  # noqa: RUF001
    assert len(ax.containers) == len(ALGORITHMS)


def test_several_instances_share_a_panel_of_ratios_each_to_its_own_line() -> None:
    """Their levels differ by orders of magnitude, and one line for all of them would squeeze each."""
    points, verdicts = zip(*(frames(("T",), name) for name in ("chain", "garnet")), strict=True)
    scaled = points[1].assign(mean=1e4 * points[1]["mean"], standard_error=1e4 * points[1]["standard_error"])
    shifted = verdicts[1].assign(intercept=verdicts[1]["intercept"] + math.log(1e4))
    figure = draw_instances(pd.concat([points[0], scaled]), pd.concat([verdicts[0], shifted]))
    (ax,) = figure.axes
    ratios = [container[0].get_ydata() for container in ax.containers]  # type: ignore[index]
    assert 0.8 < np.min(ratios) < 1 < np.max(ratios) < 1.2
    labels = [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[union-attr]
    assert len(labels) == 6
    assert all(("chain" in label) != ("garnet" in label) for label in labels)
    assert "prefixes of the same runs" in ax.get_xlabel()


def test_text_stays_on_the_page_and_off_other_text() -> None:
    figure = draw_rates(*frames(("T", "N", "M", "eps")))
    with print_style():
        figure.draw_without_rendering()
    page = figure.bbox
    legends = [ax.get_legend().get_window_extent() for ax in figure.axes if ax.get_legend()]  # type: ignore[union-attr]
    labels = [ax.yaxis.label.get_window_extent() for ax in figure.axes] + [
        ax.xaxis.label.get_window_extent() for ax in figure.axes if ax.get_xlabel()
    ]
    boxes = legends + labels
    assert len(boxes) == 4 + 8 + 4
    for number, box in enumerate(boxes):
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_errors_take_one_line() -> None:
    points, verdicts = frames(("T", "N"))
    with pytest.raises(InputError, match=r"^verdicts must be of one axis of one instance, got 2; [^\n]*$"):
        draw_axis(points, verdicts, new_axes())
    with pytest.raises(InputError, match=r"^instance must be one of circular, got 'moon'$"):
        draw_rates(points, verdicts, "moon")
    with pytest.raises(InputError, match=r"^verdicts must cover an instance other than circular, got none; [^\n]*$"):
        draw_instances(points, verdicts)


def test_series_are_told_apart_without_colour() -> None:
    series = series_of([*ALGORITHMS, "reinforce", "ppo", "dpo", "gpomdp", "reward-model"])
    assert len({(s.look.marker, s.look.filled) for s in series.values()}) == 8
    assert len({s.look.dashes for s in series.values()}) == 8
    assert series_of(["ppo", "zbcpg-3", "zbcpg-3"])["zbcpg-3"] == series["zbcpg-3"]
    # Luminances of the series above a white page.
    assert all(np.dot(to_rgb(s.color), (0.2126, 0.7152, 0.0722)) < 0.75 for s in series.values())


def test_a_long_title_does_not_push_the_panels_off_the_page(check_layout) -> None:
    """With its label in one line the panels have no width left, and matplotlib warns, which is an error here."""
    points, verdicts = frames(("T", "N", "M", "eps"))
    verdicts["title"] = verdicts["title"].mask(verdicts["method"] == ALGORITHMS[-1], METHODS["zpg-until"].title)
    figure = draw_rates(points, verdicts)
    check_layout(figure)
    assert all(ax.get_position().width > 0.25 for ax in figure.axes)


def test_the_caption_counts_and_measures() -> None:
    points, verdicts = frames(("N", "T"))
    text = rates_figure.RATES.caption({"points": points.assign(replicates=8), "verdicts": verdicts})  # type: ignore[misc]
    assert "(iterations slope −1, trajectories slope −1/2)" in text  # noqa: RUF001
    assert "6 claims on 1 instance(s), 6 HOLDS" in text
    assert f"off by {SLOPE_OFF:.3f}" in text
