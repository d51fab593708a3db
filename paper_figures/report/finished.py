"""Tables of commands whose results are in the folder already. They are shown as they are, and never made here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from paper_figures.report.entries import Grid
from theory.errors import InputError


@dataclass(frozen=True)
class Shown:
    """What is shown of a command.

    Attributes
    ----------
    title : str
    command : str
        How to make the files.
    pattern : str
        Names of the files.
    columns : tuple of str
        Those that are shown; the files have more.
    """

    title: str
    command: str
    pattern: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """Tables of a command by the names of their files. There are none if the command has not been run."""

    shown: Shown
    tables: tuple[tuple[str, Grid], ...]


COMMANDS = (
    Shown("Methods compared on one oracle", "zpg compare", "compare*_finals.csv",
          ("title", "instance", "n_iterations", "n_pairs", "n_queries", "final", "ci_low", "ci_high", "worst", "stuck",
           "gap", "seeds")),
    Shown("Error budgets of the estimators", "zpg variance", "variance*.csv",
          ("title", "instance", "radius", "bias_squared", "variance_direction", "variance_trajectory", "variance_query",
           "mse", "rescaled_mse", "cosine", "trajectories", "votes")),
    Shown("Calibration: wrong calls of whole families", "zpg calibrate", "calibration*_families.csv",
          ("preset", "scenario", "error", "rate", "low", "high", "promised", "simulated", "pool")),
    Shown("Claims with a planted fault", "zpg faults", "faults*_groups.csv",
          ("group", "fault", "quantity", "least", "most", "claims", "judged", "caught")),
    Shown("Plan of a budget", "zpg plan --budget 1e6", "plan*_plan.csv", ()),
    Shown("Plans that were run", "zpg plan --validate", "plan*_summary_*.csv", ()),
)  # fmt: skip
MOST_ROWS = 60


def finished_sections(folder: Path) -> list[Section]:
    """Sections of all commands, with what is found in a folder of results."""
    return [
        Section(shown, tuple((path.name, _grid(path, shown.columns)) for path in sorted(folder.glob(shown.pattern))))
        for shown in COMMANDS
    ]


def _grid(path: Path, columns: tuple[str, ...]) -> Grid:
    try:
        frame = pd.read_csv(path)
    except ValueError as error:  # the errors of the parser are among these
        raise InputError(f"{path} must be a table of a command, got {error}; run that command again") from error
    chosen = [name for name in columns if name in frame] or list(frame)
    rows = frame[chosen].head(MOST_ROWS).itertuples(index=False, name=None)
    return Grid(tuple(str(name).replace("_", " ") for name in chosen), tuple(tuple(map(_text, row)) for row in rows))


def _text(value: object) -> str:
    if value != value:  # an empty cell
        return ""
    return f"{value:.4g}" if isinstance(value, float) and not value.is_integer() else str(value).removesuffix(".0")
