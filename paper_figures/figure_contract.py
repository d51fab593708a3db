"""What a figure that somebody wrote must do beside having a name: compute frames, and draw them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.catalogue.required.outcome import CheckOutcome, judged, quoted
from experiments.running.execution import Execution
from paper_figures.registry import FigureContext, PaperFigure

# Seconds after which a computation is given up, at the next report of its progress.
PATIENCE = 10.0


class _TooLongError(Exception):
    """The computation reported progress after its time."""


def figure_contract(figure: PaperFigure, seed: int) -> Iterator[CheckOutcome]:
    """Check a figure that has passed the quick checks: compute its frames in this process, and draw them.

    A computation that reports progress is given up after ten seconds, and nothing more is judged: finished cells are
    what makes figures quick, and none are used here. One that reports nothing is waited for.
    """
    began = time.perf_counter()

    def progress(done: int, total: int) -> None:  # noqa: ARG001
        if time.perf_counter() - began > PATIENCE:
            raise _TooLongError

    required, remedy = "compute a mapping from names to frames with rows", "return {'points': frame}"
    with tempfile.TemporaryDirectory() as folder:
        execution = Execution(seed=seed, jobs=1, cache=Path(folder), progress=progress)
        context = FigureContext("quick", execution)
        try:
            frames: Any = figure.compute(context)
        except _TooLongError:
            came = f"no end within {PATIENCE:g} seconds: neither frames nor drawing are judged"
            yield judged("compute", True, required, came, remedy)
            return
    wrong = _fault_in(frames)
    yield judged("compute", not wrong, required, wrong or ", ".join(frames), remedy)
    if not wrong:
        yield from _drawing(figure, frames)


def _fault_in(frames: Any) -> str:
    if not isinstance(frames, Mapping):
        return type(frames).__name__
    wrong = [f"{name!r}" for name, frame in frames.items() if not isinstance(frame, pd.DataFrame) or frame.empty]
    wrong += [f"the name {name!r}" for name in frames if not (isinstance(name, str) and name.isidentifier())]
    return ", ".join(wrong) if frames else "no frame"


def _drawing(figure: PaperFigure, frames: Mapping[str, pd.DataFrame]) -> Iterator[CheckOutcome]:
    from matplotlib.figure import Figure  # late: it takes a while

    kept = {name: frame.copy(deep=True) for name, frame in frames.items()}
    required, remedy = "draw a matplotlib Figure from its frames", "return Figure(...), not its axes"
    try:
        drawn: Any = figure.draw(frames)
    except Exception as error:
        yield judged("draw", False, required, quoted(error), "see to draw()")
        return
    yield judged("draw", isinstance(drawn, Figure), required, type(drawn).__name__, remedy)
    changed = [name for name, frame in frames.items() if not frame.equals(kept[name])]
    came = f"{', '.join(changed)} changed" if changed else "no change"
    yield judged("frames unchanged", not changed, "draw without changing its frames", came, "work on a copy")
