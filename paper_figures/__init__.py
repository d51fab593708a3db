"""Figures, drawn from frames. Names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paper_figures.build import build_figures
    from paper_figures.rates_figure import draw_rates
    from paper_figures.registry import FigureContext, PaperFigure

_HOMES = {
    "FigureContext": "registry",
    "PaperFigure": "registry",
    "build_figures": "build",
    "draw_rates": "rates_figure",
}

__all__ = ["FigureContext", "PaperFigure", "build_figures", "draw_rates"]


def __getattr__(name: str) -> Any:
    # The command line must answer --help before matplotlib could be imported.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
