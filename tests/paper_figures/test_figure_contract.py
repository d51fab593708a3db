"""Figures that somebody wrote: computed only if that is quick, and drawn from what was computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.contracts.check_component import check_component
from paper_figures import figure_contract as module
from paper_figures.figure_contract import figure_contract
from paper_figures.registry import PaperFigure


def compute(context: Any) -> dict[str, pd.DataFrame]:
    return {"points": pd.DataFrame({"x": [1.0, 2.0], "seed": context.execution.seed})}


def draw(frames: Any) -> Figure:
    figure = Figure()
    figure.subplots().plot(frames["points"]["x"])
    return figure


def changing(frames: Any) -> Figure:
    frames["points"]["y"] = 0
    return draw(frames)


def slow(context: Any) -> dict[str, pd.DataFrame]:
    context.execution.progress(1, 2)
    raise AssertionError("was not given up")


MINE = PaperFigure("mine", "Mine", compute, draw)


def verdicts(figure: Any) -> dict[str, tuple[bool, str]]:
    found = check_component(figure, seed=3, figure_contract=figure_contract)
    return {outcome.name: (outcome.passed, outcome.sentence) for outcome in found}


def test_a_sound_figure_is_computed_and_drawn() -> None:
    found = verdicts(MINE)
    assert set(found) == {"members", "names", "compute", "draw", "frames unchanged"}
    assert all(passed for passed, _ in found.values())


@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [
        ({"compute": lambda context: 3}, "compute", "got int"),  # noqa: ARG005
        ({"compute": lambda context: {}}, "compute", "got no frame"),  # noqa: ARG005
        ({"compute": lambda context: {"points": pd.DataFrame()}}, "compute", "got 'points'"),  # noqa: ARG005
        ({"compute": lambda context: {"a b": compute(context)["points"]}}, "compute", "the name 'a b'"),
        ({"compute": lambda context: 1 / 0}, "contract", "ZeroDivisionError"),  # noqa: ARG005
        ({"draw": lambda frames: draw(frames).axes}, "draw", "got list"),
        ({"draw": lambda frames: frames["nothing"]}, "draw", "KeyError: 'nothing'"),
        ({"draw": changing}, "frames unchanged", "points changed"),
    ],
)
def test_faults_of_figures(fault: dict[str, Any], name: str, words: str) -> None:
    passed, sentence = verdicts(replace(MINE, **fault))[name]
    assert not passed
    assert words in sentence


def test_a_long_computation_is_given_up_and_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    passed, sentence = verdicts(replace(MINE, compute=slow))["compute"]
    assert passed
    assert "neither frames nor drawing are judged" in sentence


def test_without_the_layer_above_nothing_is_computed() -> None:
    assert {outcome.name for outcome in check_component(MINE)} == {"members", "names"}
