"""The tuning rule, the same for every method.

The grid grows if its best setting is at an edge. Then the best settings are run on more seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from experiments.catalogue.methods import N_SETTINGS
from experiments.catalogue.setting_grid import GridIndex
from experiments.comparison.learning_cells import SCORED, Entry, LearningCell, grid_of, learning_cell

# Seeds for the whole grid, further seeds for the best settings, and the number of these.
FIRST_SEEDS, SECOND_SEEDS, N_SECOND = 4, 20, 3
# How often the grid may grow by the untried neighbours of its best setting, and how often the best settings may be run
# on further seeds. A setting that is best on few seeds may have been lucky, and others may then pass it.
GROWTHS, LOOKS = 5, 3

_FIELDS = list(Entry.FIELDS)
_INDEX = ["step_index", "knob_index"]


class Run(Protocol):
    """Runs cells. The last `extra` of them were not part of the planned total."""

    def __call__(self, cells: list[LearningCell], *, extra: int = 0) -> pd.DataFrame:
        """Rows of `run_learning` of all cells."""


def tune(entries: Sequence[Entry], seed: int, run: Run) -> pd.DataFrame:
    """Score settings of every entry by the tuning rule.

    The score of a setting is its mean over its seeds; see `run_learning`.

    Parameters
    ----------
    entries : sequence of Entry
    seed : int
    run : function of cells

    Returns
    -------
    DataFrame
        One row per entry and setting: fields of the entry, index and values of the setting, ``score``, number of
        ``seeds``, ``rank`` (settings with most seeds come first), and ``chosen``. ``at_edge`` and ``knob_at_edge`` tell
        that a neighbouring step size or knob is possible and was not tried.
    """
    pilots = [run([learning_cell(entry, grid_of(entry).first, 0, FIRST_SEEDS, seed, (0, 0)) for entry in entries])]
    grown, looked = Counter[Entry](), Counter[Entry]()
    while True:
        found = score_settings(pd.concat(pilots), entries)
        planned: list[LearningCell] = []
        extra: list[LearningCell] = []
        for entry in entries:
            if grown[entry] < GROWTHS and (fresh := _beside_best(found, entry)):
                grown[entry] += 1
                extra.append(learning_cell(entry, fresh, 0, FIRST_SEEDS, seed, (0, grown[entry])))
            elif looked[entry] < LOOKS and (fresh := _best_seen_once(found, entry)):
                looked[entry] += 1
                look = learning_cell(entry, fresh, FIRST_SEEDS, SECOND_SEEDS, seed, (0, GROWTHS + looked[entry]))
                (planned if looked[entry] == 1 else extra).append(look)
        if not planned and not extra:
            return found
        pilots.append(run(planned + extra, extra=len(extra)))


def rule_in_words() -> str:
    """The rule in words, for the output."""
    return (
        f"{N_SETTINGS} settings on {FIRST_SEEDS} seeds, up to {GROWTHS} times the untried ones beside the best, "
        f"up to {LOOKS} times the best {N_SECOND} on {SECOND_SEEDS} seeds more; all with the full budget, "
        f"by the mean exact value over the last {SCORED:.0%} of the iterations"
    )


def best_settings(tuning: pd.DataFrame, entries: Sequence[Entry], number: int) -> dict[Entry, tuple[GridIndex, ...]]:
    """The best settings of each entry, best first."""
    top = tuning[tuning["rank"] < number].sort_values("rank", kind="stable")
    return {entry: _indices(_of(top, entry)) for entry in entries}


def score_settings(pilots: pd.DataFrame, entries: Sequence[Entry]) -> pd.DataFrame:
    """Score and rank the settings of pilot runs. Among equal scores the first is the best. See `tune`."""
    groups = pilots.groupby([*_FIELDS, *_INDEX], sort=False)
    scores = groups.agg(
        step_size=("step_size", "first"), knob=("knob", "first"), score=("score", "mean"), seeds=("seed", "nunique")
    ).reset_index()
    order = scores.sort_values(["seeds", "score"], ascending=False, kind="stable")
    scores["rank"] = order.groupby(_FIELDS, sort=False).cumcount()
    scores["chosen"] = scores["rank"] == 0
    for entry in entries:
        rows = _of(scores, entry)
        grid, tried = grid_of(entry), set(_indices(rows))
        for name, axis in (("at_edge", 0), ("knob_at_edge", 1)):
            scores.loc[rows.index, name] = [not tried.issuperset(grid.beside(at)[axis]) for at in _indices(rows)]
    return scores.astype({"at_edge": bool, "knob_at_edge": bool})


def _beside_best(tuning: pd.DataFrame, entry: Entry) -> tuple[GridIndex, ...]:
    """Untried neighbours of the best setting."""
    rows = _of(tuning, entry)
    (best,) = _indices(rows[rows["rank"] == 0])
    tried = set(_indices(rows))
    return tuple(at for axis in grid_of(entry).beside(best) for at in axis if at not in tried)


def _best_seen_once(tuning: pd.DataFrame, entry: Entry) -> tuple[GridIndex, ...]:
    """Those of the best settings that were not yet run on further seeds."""
    best = _of(tuning, entry).sort_values("score", ascending=False, kind="stable").head(N_SECOND)
    return _indices(best[best["seeds"] == FIRST_SEEDS])


def _of(frame: pd.DataFrame, entry: Entry) -> pd.DataFrame:
    same = pd.Series(True, index=frame.index)
    for name, value in entry.fields.items():
        same &= frame[name] == value
    return frame[same]


def _indices(rows: pd.DataFrame) -> tuple[GridIndex, ...]:
    return tuple((int(i), int(j)) for i, j in rows[_INDEX].to_numpy())
