"""Compute, draw and save figures, given by their names."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from experiments.running.files import prepare_folder, write_bytes_whole, write_csv, write_parquet
from experiments.running.records import Origin, computed, what_changed, write_record
from paper_figures.records import drawing_digest, origin_of, record_of
from paper_figures.registry import FigureContext, Frames, PaperFigure, all_figures, get_figure
from paper_figures.save import FORMATS, check_formats, save
from theory.errors import require_kind, require_list

__all__ = ["FigureContext", "build_figures"]

_CAPTION_WIDTH = 100  # characters


def build_figures(
    names: Sequence[str | PaperFigure] = (),
    formats: Sequence[str] = FORMATS,
    out: Path = Path("results"),
    context: FigureContext | None = None,
) -> list[Path]:
    """Compute, draw and save figures, one after the other. One that is up to date is left as it is.

    Beside the drawings of a figure are its caption, its frames as CSV and Parquet, and a record of what made them; see
    `out_of_date`. A figure that is given as an object is always made anew.

    Parameters
    ----------
    names : sequence of str or PaperFigure
        Built-in names, ``module:attribute`` or figures; by default all built-in figures.
    formats : sequence of {"pdf", "png", "svg"}
        Where a figure is drawn again, so are its files in other formats.
    out : Path
        Folder, made if missing.
    context : FigureContext, optional
        How the data are computed.

    Returns
    -------
    list of Path
        The drawings of every figure, in the order of the formats.

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
    figures = [(name, get_figure(name)) for name in names or all_figures()]
    check_formats(formats)
    folder, settings = Path(out), context or FigureContext()
    return [path for asked, figure in figures for path in _built(asked, figure, formats, folder, settings)]


def _built(
    asked: str | PaperFigure, figure: PaperFigure, formats: Sequence[str], out: Path, context: FigureContext
) -> list[Path]:
    there = [ending for ending in FORMATS if (out / f"{figure.name}.{ending}").exists()]
    every = list(dict.fromkeys([*formats, *there]))
    if isinstance(asked, str):
        origin = origin_of(asked, context, every)
        if not what_changed(record_of(figure, out), origin, every):
            return [out / f"{figure.name}.{ending}" for ending in formats]
    else:
        origin = _of_an_object(figure, context)
    frames = figure.compute(context)
    return _write(figure, frames, every, out, origin)[: len(formats)]


def _of_an_object(figure: PaperFigure, context: FigureContext) -> Origin:
    """Origin of a figure whose source is not known."""
    command = f"build_figures([{figure.name}])"
    settings = {"preset": context.preset, "seed": context.execution.seed}
    return computed(command, settings, the_code_and_the_packages_that_draw=drawing_digest())


def _write(figure: PaperFigure, frames: Frames, formats: Sequence[str], out: Path, origin: Origin) -> list[Path]:
    """All files of a figure, its drawings first. The record is last: whoever finds it finds the others."""
    prepare_folder(out, "folder")
    drawn = save(figure.draw(frames), figure.name, out, formats)
    files = [*drawn, write_bytes_whole(out / f"{figure.name}_caption.txt", caption_of(figure, frames).encode())]
    for name, frame in frames.items():
        files.append(write_csv(out / f"{figure.name}_{name}.csv", frame))
        files.append(write_parquet(out / f"{figure.name}_{name}.parquet", frame))
    write_record(record_of(figure, out), origin, files, frames)
    return drawn


def caption_of(figure: PaperFigure, frames: Frames) -> str:
    """What stands below a figure, in lines."""
    text = f"{figure.title}." if figure.caption is None else figure.caption(frames)
    return "\n".join(textwrap.wrap(text, _CAPTION_WIDTH)) + "\n"
