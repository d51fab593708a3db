"""Figures by name: how each is computed and drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, get_args

import pandas as pd

from experiments.catalogue.lookup import Kind
from experiments.catalogue.requirements import require_sound
from experiments.catalogue.shipped_claims import Preset
from experiments.running.execution import Execution
from theory.errors import InputError, require_kind

if TYPE_CHECKING:  # importing matplotlib takes a while, and names are asked for without drawing
    from matplotlib.figure import Figure

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class FigureContext:
    """Settings for the computation of figures.

    Attributes
    ----------
    preset : {"quick", "paper"}
    execution : Execution
    """

    preset: Preset = "quick"
    execution: Execution = field(default_factory=Execution)

    def __post_init__(self) -> None:
        if self.preset not in get_args(Preset):
            raise InputError(f"preset must be one of {', '.join(get_args(Preset))}, got {self.preset!r}")
        require_kind("execution", self.execution, Execution, "Execution(jobs=1)")


@dataclass(frozen=True)
class PaperFigure:
    """One figure.

    Attributes
    ----------
    name : str
        Name of its files, and on the command line.
    title : str
        What it shows, in one line.
    compute : function of FigureContext
        Returns the frames by name. All running and fitting happens here.
    draw : function of these frames
        Returns the figure.
    caption : function of these frames, optional
        Returns what stands below it: what is seen, with numbers from the frames. By default the title.
    """

    name: str
    title: str
    compute: Callable[[FigureContext], Frames]
    draw: Callable[[Frames], Figure]
    caption: Callable[[Frames], str] | None = None


# Names of figures, with their module and attribute. Importing matplotlib takes a while, so names are known without it.
_HOMES = {
    "rates": "rates_figure:RATES",
    "rates-instances": "rates_figure:INSTANCES",
    "floors": "floors_figure:FIGURE",
    "curves": "curves_figure:FIGURE",
    "random-garnets": "garnets_figure:FIGURE",
    "inversion-bias": "inversion_figure:FIGURE",
    "error-budget": "variance_figure:BUDGET",
    "error-radius": "variance_figure:RADIUS",
    "learning-curves": "learning_figure:FIGURE",
    "splits": "splits_figure:FIGURE",
    "small-panels": "small_panels_figure:FIGURE",
    "wrong-link": "wrong_link_figure:WRONG_LINK",
    "risky-bandit": "wrong_link_figure:RISKY_BANDIT",
    "zspo-batches": "zspo_batches_figure:FIGURE",
    "vote-floors": "vote_floors_figure:FIGURE",
    "mismatched-floors": "mismatched_floors_figure:FIGURE",
    "reward-error": "reward_error_figure:FIGURE",
    "double-misspecification": "misspecification_figure:FIGURE",
    "reward-evaluation": "reward_evaluation_figure:FIGURE",
    "distribution-shift": "distribution_shift_figure:FIGURE",
    "overfitting": "overfitting_figure:FIGURE",
    "dpo-gap": "dpo_gap_figure:FIGURE",
    "plan-validation": "planning_figure:VALIDATION",
    "plan-budget": "planning_figure:CURVES",
    "plan-map": "planning_figure:MAP",
}


def all_figures() -> dict[str, PaperFigure]:
    """Every figure of the package, by name."""
    return {name: _built_in(name) for name in _HOMES}


def _built_in(name: str) -> PaperFigure:
    module, _, attribute = _HOMES[name].partition(":")
    found: PaperFigure = getattr(import_module(f"paper_figures.{module}"), attribute)
    return found


def _accepted(text: str, found: object) -> PaperFigure:
    if not isinstance(found, PaperFigure):
        raise InputError(
            f"figure {text!r} must be a PaperFigure, got {type(found).__name__}; "
            "write PaperFigure(name, title, compute, draw)"
        )
    require_sound("figure", text, found)
    return found


KIND: Kind[PaperFigure] = Kind("figure", lambda: dict.fromkeys(_HOMES, ""), _built_in, _accepted)
get_figure = KIND.find
