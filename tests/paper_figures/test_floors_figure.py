from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from experiments.rates import curve_claim, floor_claims
from experiments.running.execution import Execution
from paper_figures import curves_figure
from paper_figures.curves_figure import draw_curve_figure, draw_curve_ratios, draw_curves
from paper_figures.floors_figure import draw_floor_figure, draw_floor_ratios, draw_floors
from paper_figures.registry import FigureContext, get_figure
from theory import InputError

ALONE = FigureContext(execution=Execution(jobs=1))


def floors() -> pd.DataFrame:
    """Two claims a method, a control, and a claim that is not judged."""
    rows = [
        {"claim": f"{method} {k}", "kind": "claim", "method": method, "predicted": 10.0**-k, "ratio": 1 + k / 100}
        for method in ("zpg", "zbcpg-3")
        for k in (2, 3)
    ]
    rows += [{"claim": "fault", "kind": "control", "method": "zpg", "predicted": 1e-3, "ratio": 9.0}]
    frame = pd.DataFrame(rows).assign(replicates=256)
    skipped = pd.DataFrame([{"claim": "no", "kind": "claim", "method": "zpg", "replicates": 0}])
    limits = {"ratio_low": frame["ratio"] - 0.01, "ratio_high": frame["ratio"] + 0.02}
    return pd.concat([frame.assign(measured=frame["predicted"] * frame["ratio"], **limits), skipped])


def curves(method: str = "zpg") -> pd.DataFrame:
    times = np.array([0.0, 1.0, 4.0])
    parts = [
        pd.DataFrame(
            {"mixing_times": times, "predicted": step * (1 + np.exp(-times)), "ratio": [1, 1.01, 0.99]}
        ).assign(claim=f"{method} {step}", method=method, step_size=step)
        for step in (0.2, 0.05)
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(ratio_low=frame["ratio"] - 0.01, ratio_high=frame["ratio"] + 0.02)


def new_axes() -> Axes:
    return Figure().add_subplot()


def bars(ax: Axes) -> list[ErrorbarContainer]:
    return [one for one in ax.containers if isinstance(one, ErrorbarContainer)]


def test_floors_are_drawn_against_their_prediction_and_only_claims_that_ran() -> None:
    ax = draw_floors(floors(), new_axes())
    equal, *series = ax.lines
    np.testing.assert_array_equal(equal.get_xdata(), equal.get_ydata())
    assert [line.get_label() for line in series] == ["ZPG", "ZBCPG, K = 3"]
    for line in series:
        np.testing.assert_allclose(line.get_xydata(), [[1e-2, 1.02e-2], [1e-3, 1.03e-3]])
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_ratios_have_their_limits_and_the_margin_is_drawn() -> None:
    ax = draw_floor_ratios(floors(), new_axes())
    assert [float(np.asarray(line.get_ydata())[0]) for line in ax.lines[:3]] == [1, 0.95, 1.05]
    for one in bars(ax):
        segments = np.array(one.lines[2][0].get_segments())
        np.testing.assert_allclose(segments[:, :, 1], [[1.01, 1.04], [1.02, 1.05]])


def test_curves_have_a_line_of_predictions_and_markers_of_what_was_measured() -> None:
    frame, ax = curves(), new_axes()
    assert draw_curves(frame, ax) is ax
    lines = [line for line in ax.lines if line.get_linestyle() != "None"]
    assert len(lines) == len(bars(ax)) == 2
    for (_, rows), line, one in zip(frame.groupby("claim", sort=False), lines, bars(ax), strict=True):
        np.testing.assert_allclose(np.array(line.get_ydata(), float), 1e3 * rows["predicted"])
        np.testing.assert_allclose(np.array(one.lines[0].get_ydata(), float), 1e3 * rows["predicted"] * rows["ratio"])
    ratios = draw_curve_ratios(frame, new_axes())
    np.testing.assert_allclose(np.array(bars(ratios)[0].lines[0].get_ydata(), float), [1, 1.01, 0.99])
    markers = [one.lines[0].get_marker() for one in bars(ratios)]
    assert len(set(markers)) == 2, "steps differ in more than colour"


def test_the_figures_stay_on_the_page(check_layout: Callable[[Figure], None]) -> None:
    check_layout(draw_floor_figure(floors()))
    both = pd.concat([curves(), curves("zbcpg-3").assign(predicted=2.0)])
    figure = draw_curve_figure(both)
    check_layout(figure)
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["(a) ZPG", "(b) ZBCPG, K = 3"]
    assert figure.axes[0].get_ylim()[1] > 2000, "the highest curve of all is seen"


@pytest.mark.slow
def test_the_registered_figures_draw_what_they_compute(
    monkeypatch: pytest.MonkeyPatch, check_layout: Callable[[Figure], None]
) -> None:
    monkeypatch.setitem(floor_claims.CELLS, "circular", 3)
    monkeypatch.setattr(floor_claims, "N_REPLICATES", 32)
    monkeypatch.setattr(curve_claim, "N_RUNS", 64)
    monkeypatch.setattr(curves_figure, "TIMES", (0.0, 1.0))
    for name, column in (("floors", "ratio"), ("curves", "ratio_low")):
        frames = get_figure(name).compute(ALONE)
        assert list(frames) == [name]
        assert frames[name][column].notna().any()
        check_layout(get_figure(name).draw(frames))
    start = frames["curves"].query("mixing_times == 0")
    np.testing.assert_allclose(start["ratio"], 1, atol=0.01)


def test_empty_frames_are_refused_in_one_line() -> None:
    for draw in (draw_floors, draw_floor_ratios):
        with pytest.raises(InputError, match=r"^floors must hold at least one claim that was run, got none; [^\n]*$"):
            draw(floors().query("kind == 'control'"), new_axes())
    for draw in (draw_curves, draw_curve_ratios):
        with pytest.raises(InputError, match=r"^curves must hold at least one claim, got none; [^\n]*$"):
            draw(curves().head(0), new_axes())
