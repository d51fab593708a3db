"""Compute, draw and save figures, given by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.running.files import write_csv
from paper_figures.registry import FigureContext, PaperFigure, all_figures, get_figure
from paper_figures.save import FORMATS, check_formats, save
from theory.errors import require_kind, require_list

__all__ = ["FigureContext", "build_figures"]


def build_figures(
    names: Sequence[str | PaperFigure] = (),
    formats: Sequence[str] = FORMATS,
    out: Path = Path("results"),
    context: FigureContext | None = None,
) -> list[Path]:
    """Compute, draw and save figures, one after the other.

    Parameters
    ----------
    names : sequence of str or PaperFigure
        Built-in names, ``module:attribute`` or figures; by default all built-in figures.
    formats : sequence of {"pdf", "png", "svg"}
    out : Path
        Folder, made if missing.
    context : FigureContext, optional
        How the data are computed.

    Returns
    -------
    list of Path
        The files of every figure, in the order of the formats, and the CSV files of its numbers.

    Raises
    ------
    InputError
        If a name or a format is unknown. Then nothing is computed.
    """
    for argument, given, kinds in (("names", names, (str, PaperFigure)), ("formats", formats, str)):
        require_list(argument, given, kinds, "'rates'" if argument == "names" else "'pdf'", 0)
    require_kind("out", out, (str, Path), "Path('results')")
    if context is not None:
        require_kind("context", context, FigureContext, "FigureContext('quick')")
    figures = [get_figure(name) for name in names] if names else list(all_figures().values())
    check_formats(formats)
    settings = context or FigureContext()
    return [path for figure in figures for path in _build(figure, formats, Path(out), settings)]


def _build(figure: PaperFigure, formats: Sequence[str], out: Path, context: FigureContext) -> list[Path]:
    frames = figure.compute(context)
    paths = save(figure.draw(frames), figure.name, out, formats)
    return paths + [write_csv(out / f"{figure.name}_{name}.csv", frame) for name, frame in frames.items()]
