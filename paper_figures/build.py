"""From names to files: compute, draw and save the registered figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paper_figures.registry import FigureContext, all_figures, get_figure
from paper_figures.save import FORMATS, check_formats, save

__all__ = ["FigureContext", "build_figures"]


def build_figures(
    names: Sequence[str] = (),
    formats: Sequence[str] = FORMATS,
    out: Path = Path("results"),
    context: FigureContext | None = None,
) -> list[Path]:
    """Compute, draw and save figures, one after the other.

    Parameters
    ----------
    names : sequence of str
        Of registered figures; none means all of them.
    formats : sequence of {"pdf", "png", "svg"}
    out : Path
        Folder, made if missing.
    context : FigureContext, optional
        How the data are computed.

    Returns
    -------
    list of Path
        The files, by figure and then format.

    Raises
    ------
    InputError
        If a name or a format is unknown; nothing is computed then.
    """
    figures = [get_figure(name) for name in names] if names else list(all_figures().values())
    check_formats(formats)
    settings = context or FigureContext()
    return [
        path for figure in figures for path in save(figure.draw(figure.compute(settings)), figure.name, out, formats)
    ]
