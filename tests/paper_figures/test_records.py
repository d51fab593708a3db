"""Which figures are out of date: each thing that a figure depends on is changed in turn, and one change is harmless."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from experiments.catalogue import user_modules
from experiments.catalogue.lookup import find
from experiments.commands.writing import write_tables
from experiments.running import records as running_records
from experiments.running.execution import Execution
from experiments.running.files import write_parquet
from paper_figures import records
from paper_figures.build import build_figures
from paper_figures.cli import app
from paper_figures.records import out_of_date, tables_out_of_date
from paper_figures.registry import FigureContext, get_figure

MODULE = """
import pandas as pd
from matplotlib.figure import Figure
from paper_figures.registry import PaperFigure

def compute(context):
    print("computed")
    return {"points": pd.DataFrame({"y": [1.0, 2.0], "of": ["a", None]})}

def draw(frames):
    figure = Figure()
    figure.subplots().plot(frames["points"]["y"])
    return figure

FIGURE = PaperFigure("mine", "Mine", compute, draw, lambda frames: f"Up to {frames['points']['y'].max():g}.")
"""
NAME = "my_figures_on_record:FIGURE"
CONTEXT = FigureContext("quick", Execution(seed=3, jobs=1))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A figure of the user's, made once; its module is in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_figures_on_record.py").write_text(MODULE)
    build_figures([NAME], ("svg",), tmp_path / "figures", CONTEXT)
    return tmp_path / "figures"


def reasons(folder: Path, context: FigureContext = CONTEXT) -> str:
    return "; ".join(out_of_date([NAME], folder, context, ("svg",))[NAME])


def test_a_figure_has_a_caption_frames_and_a_record(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {"mine.svg", "mine_caption.txt", "mine_points.csv", "mine_points.parquet", "mine.record.json"}
    assert (folder / "mine_caption.txt").read_text() == "Up to 2.\n"
    again = pd.read_parquet(folder / "mine_points.parquet")
    assert again["y"].tolist() == [1.0, 2.0]
    assert again["of"].isna().tolist() == [False, True]
    record = json.loads((folder / "mine.record.json").read_text())
    assert record["command"] == f"zpg figures --only {NAME} --preset quick --seed 3 --format svg"
    assert (record["seed"], record["settings"]) == (3, {"preset": "quick", "seed": 3})
    assert record["frames"]["points"]["rows"] == 2
    # Two routes to one digest: of the frame, and of the file.
    assert record["frames"]["points"]["sha256"] == record["files"]["mine_points.csv"]
    assert {"python", "numpy", "matplotlib", "pyarrow"} <= record["versions"].keys()
    assert "commit" in record


def test_what_is_up_to_date_is_not_made_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reasons(folder) == ""
    before = (folder / "mine.svg").stat().st_mtime_ns
    capsys.readouterr()
    assert build_figures([NAME], ("svg",), folder, CONTEXT) == [folder / "mine.svg"]
    assert ((folder / "mine.svg").stat().st_mtime_ns, capsys.readouterr().out) == (before, "")


@pytest.mark.parametrize("name", ["mine.svg", "mine_caption.txt", "mine_points.csv", "mine_points.parquet"])
def test_a_changed_or_missing_file_is_reported(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.replace(b"2", b"3"))
    assert reasons(folder) == f"{name} was changed after it was made"
    (folder / name).unlink()
    assert reasons(folder) == f"{name} is missing"
    build_figures([NAME], ("svg",), folder, CONTEXT)
    assert reasons(folder) == ""
    assert (folder / name).read_bytes() == content


def test_other_settings_are_reported(folder: Path) -> None:
    seed = replace(CONTEXT, execution=Execution(seed=4))
    assert reasons(folder, seed) == "made with seed 3, not 4"
    assert reasons(folder, replace(CONTEXT, preset="paper")) == "made with preset quick, not paper"
    # How the work is carried out changes no number.
    assert reasons(folder, replace(CONTEXT, execution=Execution(seed=3, jobs=2))) == ""


def test_a_changed_record_is_reported(folder: Path) -> None:
    """The planted fault: somebody writes the seed that he wants into the record."""
    path = folder / "mine.record.json"
    text = path.read_text()
    path.write_text(text.replace('"seed": 3', '"seed": 4'))
    seed = replace(CONTEXT, execution=Execution(seed=4))
    assert reasons(folder, seed) == "mine.record.json was changed after it was written"
    path.write_text("{}")
    assert reasons(folder) == "mine.record.json cannot be read"
    path.unlink()
    assert reasons(folder) == "never made"


def test_changed_sources_are_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = folder.parent / "my_figures_on_record.py"
    module.write_text(MODULE + "# edited\n")
    assert reasons(folder) == "module my_figures_on_record changed"
    module.write_text(MODULE)
    monkeypatch.setattr(records, "drawing_digest", lambda: "another")
    assert reasons(folder) == "the code and the packages that draw changed"
    monkeypatch.setattr(running_records, "environment_digest", lambda: "another")
    assert reasons(folder).startswith("the code and the packages that compute changed; ")


def test_a_format_that_is_not_there_is_reported_and_an_old_one_is_drawn_again(folder: Path) -> None:
    assert out_of_date([NAME], folder, CONTEXT, ("pdf",))[NAME] == ["not made as pdf"]
    old = (folder / "mine.svg").read_bytes()
    (folder / "mine.svg").write_bytes(b"old")
    build_figures([NAME], ("pdf",), folder, CONTEXT)
    assert (folder / "mine.svg").read_bytes() == old
    assert out_of_date([NAME], folder, CONTEXT, ("pdf", "svg"))[NAME] == []


def test_an_object_is_always_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its source is not known."""
    (tmp_path / "other").mkdir()
    module: dict[str, object] = {}
    exec(MODULE, module)
    for _ in range(2):
        build_figures([module["FIGURE"]], ("svg",), tmp_path, CONTEXT)  # type: ignore[list-item]
    assert capsys.readouterr().out == "computed\n" * 2


def test_check_says_what_is_out_of_date_and_makes_nothing(folder: Path) -> None:
    def check(*words: str) -> tuple[int, str]:
        given = ["figures", "--check", "--out", str(folder.parent), *words]
        result = CliRunner().invoke(app, given)
        return result.exit_code, result.output

    assert check("--only", NAME, "--seed", "3") == (0, f"{NAME}: up to date\n")
    assert check("--only", NAME) == (1, f"{NAME}: out of date: made with seed 3, not 0\n")
    code, text = check()
    assert (code, text.count(": out of date: never made\n")) == (1, text.count("\n"))
    assert {path.name for path in folder.parent.iterdir()} >= {"figures", "my_figures_on_record.py"}
    assert get_figure("rates").name == "rates"
    assert not (folder / "rates.pdf").exists()


def test_tables_have_a_record_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"x": [1.0]})
    write_tables(tmp_path, "rates", {"points": frame}, None, settings={"seed": 5}, usual={"seed": 0}, wall=1.0)
    assert tables_out_of_date(tmp_path) == {"rates_seed-5": []}
    path = tmp_path / "rates_seed-5_points.csv"
    path.write_text(path.read_text().replace("1.0", "1.5"))
    assert tables_out_of_date(tmp_path) == {"rates_seed-5": [f"{path.name} was changed after it was made"]}
    write_tables(tmp_path, "rates", {"points": frame}, None, settings={"seed": 5}, usual={"seed": 0}, wall=2.0)
    monkeypatch.setattr(running_records, "environment_digest", lambda: "another")
    assert tables_out_of_date(tmp_path) == {"rates_seed-5": ["the code and the packages that compute changed"]}


def test_columns_of_several_types_are_texts_in_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, "x", None], "b": [True, False, True], "c": [0.1, float("nan"), float("inf")]})
    again = pd.read_parquet(write_parquet(tmp_path / "a.parquet", frame))
    assert again["a"].fillna("missing").tolist() == ["1", "x", "missing"]
    pd.testing.assert_frame_equal(again[["b", "c"]], frame[["b", "c"]])
    assert (tmp_path / "a.parquet").read_bytes() == write_parquet(tmp_path / "b.parquet", frame).read_bytes()


PARTS = """
import numpy as np
from experiments import Instance
from theory import Logistic, TabularSoftmax, bandit

ONE = Instance("one", "", bandit([0.2, 0.7]), TabularSoftmax(1, 2), np.zeros(2), Logistic(1.0))
"""
LATE = MODULE.replace('print("computed")', 'from experiments import find; find("instance", "my_late_parts:ONE")')


def test_modules_that_are_named_only_while_computing_are_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module of the figure does not import them, so its source says nothing of theirs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_late_figure.py").write_text(LATE)
    parts = tmp_path / "my_late_parts.py"
    parts.write_text(PARTS)
    name, folder = "my_late_figure:FIGURE", tmp_path / "figures"
    build_figures([name], ("svg",), folder, CONTEXT)
    assert out_of_date([name], folder, CONTEXT, ("svg",))[name] == []
    parts.write_text(PARTS.replace("0.7", "0.6"))
    assert out_of_date([name], folder, CONTEXT, ("svg",))[name] == ["module my_late_parts changed"]
    parts.unlink()
    assert out_of_date([name], folder, CONTEXT, ("svg",))[name] == ["module my_late_parts changed"]
    user_modules.forget()


def test_tables_of_parts_of_the_users_are_out_of_date_when_these_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    parts = tmp_path / "my_parts_of_tables.py"
    parts.write_text(PARTS)
    user_modules.forget()
    find("instance", "my_parts_of_tables:ONE")
    frame, seed = pd.DataFrame({"y": [1.0]}), {"seed": 0}
    write_tables(tmp_path, "rates", {"points": frame}, None, settings=seed, usual=seed, wall=1.0)
    (reasons_now,) = tables_out_of_date(tmp_path).values()
    assert reasons_now == []
    parts.write_text(PARTS.replace("0.7", "0.6"))
    (reasons_now,) = tables_out_of_date(tmp_path).values()
    assert reasons_now == ["module my_parts_of_tables changed"]
    user_modules.forget()
