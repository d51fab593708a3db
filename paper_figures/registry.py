"""Figures by name: what to compute and how to draw it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import paper_figures
from experiments.catalogue.shipped_claims import Preset
from experiments.running.run_tasks import Backend, Progress
from theory.errors import InputError

if TYPE_CHECKING:  # importing matplotlib takes a while, and names are asked for without drawing
    from matplotlib.figure import Figure

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class FigureContext:
    """How the data of figures are computed.

    Attributes
    ----------
    seed : int
    jobs, backend, cache, progress
        See `run_cells`.
    preset : {"quick", "paper"}
    """

    seed: int = 0
    jobs: int = -1
    backend: Backend = "loky"
    cache: Path | None = None
    preset: Preset = "quick"
    progress: Progress | None = None


@dataclass(frozen=True)
class PaperFigure:
    """One figure.

    Attributes
    ----------
    name : str
        Of its files and on the command line.
    title : str
        One line on what it shows.
    compute : function of FigureContext
        Gives the frames it is drawn from; all running and fitting happens here.
    draw : function of these frames
        Gives the figure.
    """

    name: str
    title: str
    compute: Callable[[FigureContext], Frames]
    draw: Callable[[Frames], Figure]


# Filled by `register`; read it through `all_figures`, which loads the modules first.
FIGURES: dict[str, PaperFigure] = {}


def register(figure: PaperFigure) -> PaperFigure:
    """Add a figure; modules called ``*_figure`` do so when they are imported.

    Raises
    ------
    InputError
        If the name is taken.
    """
    if figure.name in FIGURES:
        raise InputError(f"figure name must be new, got {figure.name!r} twice; choose another")
    FIGURES[figure.name] = figure
    return figure


def all_figures() -> dict[str, PaperFigure]:
    """Every figure of the package, by name: the figures of all modules called ``*_figure``."""
    for module in pkgutil.iter_modules(paper_figures.__path__):
        if module.name.endswith("_figure"):
            import_module(f"{paper_figures.__name__}.{module.name}")
    return dict(FIGURES)


def get_figure(name: str) -> PaperFigure:
    """Figure of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    figures = all_figures()
    if name not in figures:
        raise InputError(f"figure must be one of {', '.join(figures)}, got {name!r}")
    return figures[name]
