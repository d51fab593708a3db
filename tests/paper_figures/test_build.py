from __future__ import annotations

import copy
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.running.execution import Execution
from paper_figures import rates_figure, registry
from paper_figures.build import build_figures
from paper_figures.registry import FigureContext, Frames, PaperFigure, all_figures, get_figure
from paper_figures.save import FORMATS, save
from paper_figures.style import new_figure, print_style
from theory.errors import InputError

SIGNATURES = {"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml"}


def small_figure(y: float = 3.0) -> Figure:
    with print_style():
        figure = new_figure(3.3, 2)
        figure.add_subplot().loglog([1, 10, 100], [1, 2, y], label="values")
        figure.axes[0].legend()
    return figure


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> list[FigureContext]:
    """Put a figure called ``small`` beside the registered ones; the contexts it is computed with."""
    seen: list[FigureContext] = []

    def compute(context: FigureContext) -> Frames:
        seen.append(context)
        return {"values": pd.DataFrame({"y": [float(context.execution.seed)]})}

    small = PaperFigure("small", "Small", compute, lambda frames: small_figure(frames["values"]["y"].iloc[0]))
    monkeypatch.setattr(registry, "_HOMES", registry._HOMES | {"small": "small_figure_of_a_test:FIGURE"})
    monkeypatch.setitem(sys.modules, "paper_figures.small_figure_of_a_test", SimpleNamespace(FIGURE=small))
    return seen


@pytest.mark.parametrize("ending", FORMATS)
def test_files_are_whole_and_come_out_the_same(ending: str, tmp_path: Path) -> None:
    (first,) = save(small_figure(), "a", tmp_path / "x" / "y", (ending,))
    (second,) = save(small_figure(), "b", tmp_path, (ending,))
    (other,) = save(small_figure(4), "c", tmp_path, (ending,))
    assert first == tmp_path / "x" / "y" / f"a.{ending}"
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()
    assert first.read_bytes().startswith(SIGNATURES[ending])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"b.{ending}", f"c.{ending}", "x"])


@pytest.mark.slow
def test_files_do_not_depend_on_the_process_or_the_day(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from paper_figures.save import save; from paper_figures.style import *\n"
        "with print_style():\n"
        "    figure = new_figure(3.3, 2); ax = figure.add_subplot()\n"
        "    ax.loglog([1, 10, 100], [1, 2, 3], label='values'); ax.legend()\n"
        "save(figure, 'fresh', Path())\n"
        "import sys; assert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=environment)
    for path in save(small_figure(), "here", tmp_path):
        assert path.read_bytes() == path.with_stem("fresh").read_bytes()


def test_pdf_embeds_truetype_and_has_the_width_of_a_column(tmp_path: Path) -> None:
    (path,) = save(small_figure(), "a", tmp_path, ("pdf",))
    content = path.read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"/MediaBox [ 0 0 237.6 144 ]" in content
    assert b"CreationDate" not in content


def test_png_has_300_dots_an_inch(tmp_path: Path) -> None:
    (path,) = save(small_figure(), "a", tmp_path, ("png",))
    header = path.read_bytes()[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == (990, 600)


def test_unknown_formats_are_named_before_anything_runs(tmp_path: Path, own: list[FigureContext]) -> None:
    message = r"^format must be one of pdf, png, svg, got 'gif'$"
    with pytest.raises(InputError, match=message):
        save(small_figure(), "a", tmp_path, ("pdf", "gif"))
    with pytest.raises(InputError, match=message):
        build_figures(["small"], ("pdf", "gif"), tmp_path)
    with pytest.raises(InputError, match=r"^formats must name at least one of pdf, png, svg, got none$"):
        build_figures(["small"], (), tmp_path)
    assert not own
    assert not list(tmp_path.iterdir())


def test_unknown_names_are_named_before_anything_runs(tmp_path: Path, own: list[FigureContext]) -> None:
    with pytest.raises(
        InputError,
        match=r"^figure must be one of [^\n]*\brates\b[^\n]*\bsmall\b, or module:attribute for your own; got 'moon'$",
    ):
        build_figures(["small", "moon"], ("svg",), tmp_path)
    assert not own


def test_builds_a_selection_with_its_context(tmp_path: Path, own: list[FigureContext]) -> None:
    context = FigureContext(execution=Execution(seed=5, jobs=1))
    style = copy.deepcopy(dict(matplotlib.rcParams))
    paths = build_figures(["small"], ("pdf", "png"), tmp_path, context)
    assert paths == [tmp_path / "small.pdf", tmp_path / "small.png"]
    assert own == [context]
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in build_figures(["small"], ("pdf", "png"), tmp_path, context)] == before
    other = replace(context, execution=Execution(seed=6, jobs=1))
    assert build_figures(["small"], ("pdf",), tmp_path, other)[0].read_bytes() != before[0]
    assert dict(matplotlib.rcParams) == style


def test_builds_everything_by_default(
    tmp_path: Path, own: list[FigureContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = get_figure("small")
    both = SimpleNamespace(ONE=replace(small, name="one"), TWO=replace(small, name="two"))
    monkeypatch.setitem(sys.modules, "paper_figures.small_figure_of_a_test", both)
    homes = {name: f"small_figure_of_a_test:{name.upper()}" for name in ("one", "two")}
    monkeypatch.setattr(registry, "_HOMES", homes)
    paths = build_figures(formats=("svg",), out=tmp_path)
    assert [path.name for path in paths] == ["one.svg", "two.svg"]


def test_a_figure_may_be_given_as_an_object(tmp_path: Path, own: list[FigureContext]) -> None:
    mine = replace(get_figure("small"), name="mine")
    assert [path.name for path in build_figures([mine], ("svg",), tmp_path)] == ["mine.svg"]
    with pytest.raises(InputError, match="must be a str or PaperFigure such as 'rates', got 3"):
        build_figures([3], ("svg",), tmp_path)  # type: ignore[list-item]


def test_every_module_that_holds_a_figure_is_listed() -> None:
    """A figure that is forgotten in the list could not be asked for."""
    modules = {path.stem for path in Path(registry.__file__).parent.glob("*_figure.py")}
    assert modules == {home.partition(":")[0] for home in registry._HOMES.values()}
    assert {name: figure.name for name, figure in all_figures().items()} == {name: name for name in registry._HOMES}


def test_rate_figures_are_registered_and_split_the_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between them they run every stated claim, with the settings of the context, and no claim twice.

    Only votes until a disagreement are left out, on the instance of the figure of the paper's algorithms.
    """
    names: list[str] = []

    class StopHereError(Exception):
        pass

    def record(claims: list[object], **settings: object) -> None:
        names.extend(claim.name for claim in claims)  # type: ignore[attr-defined]
        assert settings == {"execution": Execution(seed=3, jobs=1, cache=Path("c"))}
        raise StopHereError

    monkeypatch.setattr(rates_figure, "run_claims", record)
    for name in ("rates", "rates-instances"):
        with pytest.raises(StopHereError):
            get_figure(name).compute(FigureContext("paper", Execution(seed=3, jobs=1, cache=Path("c"))))
    left_out = {claim.name for claim in rates_figure.stated_claims("paper")} - set(names)
    assert left_out == {"zpg-until T circular", "zpg-until N circular"}
    assert len(set(names)) == len(names)


def test_settings_of_the_user_do_not_enter_the_style() -> None:
    with matplotlib.rc_context({"axes.facecolor": "yellow", "lines.linewidth": 9.0}):
        with print_style():
            assert matplotlib.rcParams["axes.facecolor"] == "white"
            assert matplotlib.rcParams["lines.linewidth"] < 1
        assert matplotlib.rcParams["axes.facecolor"] == "yellow"
