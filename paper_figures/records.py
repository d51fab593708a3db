"""What a figure depends on, and whether its files still are what a new run would draw."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from experiments.running.cache_keys import DRAWING, source_digest
from experiments.running.records import ENDING, Origin, computed, origin_on_record, what_changed
from paper_figures.registry import FigureContext, PaperFigure, get_figure

_DRAWING_PACKAGES = ("matplotlib", "seaborn", "pyarrow")


def origin_of(name: str, context: FigureContext, formats: Sequence[str]) -> Origin:
    """Where a figure that is asked for by its name comes from.

    Parameters
    ----------
    name : str
        A built-in name, or ``module:attribute``.
    context : FigureContext
    formats : sequence of str
    """
    seed = context.execution.seed
    command = f"zpg figures --only {name} --preset {context.preset} --seed {seed} --format {','.join(formats)}"
    settings = {"preset": context.preset, "seed": seed}
    return computed(command, settings, the_code_and_the_packages_that_draw=drawing_digest())


@lru_cache(maxsize=1)
def drawing_digest() -> str:
    """Digest of the source of all figures, and of the versions of the packages that draw and write."""
    versions = [importlib.metadata.version(name) for name in _DRAWING_PACKAGES]
    return "-".join((source_digest([DRAWING]), *versions))


def record_of(figure: PaperFigure, folder: Path) -> Path:
    """Where the record of a figure is."""
    return folder / f"{figure.name}{ENDING}"


def out_of_date(
    names: Sequence[str], folder: Path, context: FigureContext, formats: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Why each figure is out of date, by its name; no reason for one that is not. Nothing is computed.

    Parameters
    ----------
    names : sequence of str
    folder : Path
        Where `build_figures` put the files.
    context : FigureContext
        With which they would be computed now.
    formats : sequence of str
        Those that must be there.
    """
    figures = {name: get_figure(name) for name in names}
    return {
        name: what_changed(record_of(figure, folder), origin_of(name, context, formats), formats)
        for name, figure in figures.items()
    }


def tables_out_of_date(folder: Path) -> dict[str, list[str]]:
    """The same for the tables that other commands left in a folder, with the settings that their records name.

    Parameters
    ----------
    folder : Path
        Of the results.
    """
    found = {}
    for path in sorted([*folder.glob(f"*{ENDING}"), *(folder / "tables").glob(f"*{ENDING}")]):
        name = str(path.relative_to(folder)).removesuffix(ENDING)
        try:
            found[name] = what_changed(path, origin_on_record(path))
        except (OSError, ValueError, KeyError, TypeError):
            found[name] = [f"{path.name} cannot be read"]
    return found
