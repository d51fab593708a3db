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
GROWTHS, LOOKS = 5, 2
# Of several splits of a budget, those that go on after the first seeds, by the mean of their best settings.
KEPT_SPLITS = 2

_FIELDS = list(Entry.FIELDS)
_INDEX = ["step_index", "knob_index"]


class Run(Protocol):
    """Runs cells. The last `extra` of them were not part of the planned total."""

    def __call__(self, cells: list[LearningCell], *, extra: int = 0) -> pd.DataFrame:
        """Rows of `run_learning` of all cells."""


def tune(groups: Sequence[Sequence[Entry]], seed: int, run: Run) -> pd.DataFrame:
    """Score settings of every group by the tuning rule, and choose one setting for each.

    The score of a setting is its mean over its seeds; see `run_learning`.

    Parameters
    ----------
    groups : sequence of sequences of Entry
        The entries of a group are alternatives: splits of the budget of one method.
    seed : int
    run : function of cells

    Returns
    -------
    DataFrame
        One row per entry and setting: fields of the entry, index and values of the setting, ``score``, number of
        ``seeds``, ``rank`` within the entry (settings with most seeds come first), and ``chosen``, one in each group.
        ``at_edge`` and ``knob_at_edge`` tell that a neighbouring step size or knob is possible and was not tried.
    """
    entries = list(dict.fromkeys(entry for group in groups for entry in group))
    pilots = [run([learning_cell(entry, grid_of(entry).first, 0, FIRST_SEEDS, seed, (0, 0)) for entry in entries])]
    kept = _narrowed(score_settings(pilots[0], entries), groups)
    grown, looked = Counter[Entry](), Counter[Entry]()
    while True:
        found = score_settings(pd.concat(pilots), entries)
        planned: list[LearningCell] = []
        extra: list[LearningCell] = []
        for entry in kept:
            if grown[entry] < GROWTHS and (fresh := _beside_best(found, entry)):
                grown[entry] += 1
                extra.append(learning_cell(entry, fresh, 0, FIRST_SEEDS, seed, (0, grown[entry])))
            elif looked[entry] < LOOKS and (fresh := _best_seen_once(found, entry)):
                looked[entry] += 1
                look = learning_cell(entry, fresh, FIRST_SEEDS, SECOND_SEEDS, seed, (0, GROWTHS + looked[entry]))
                (planned if looked[entry] == 1 else extra).append(look)
        if not planned and not extra:
            return _with_one_chosen(found, groups)
        pilots.append(run(planned + extra, extra=len(extra)))


def n_kept(group: Sequence[Entry]) -> int:
    """Number of the entries of a group that go on after the first seeds."""
    return min(KEPT_SPLITS, len(group))


def _narrowed(found: pd.DataFrame, groups: Sequence[Sequence[Entry]]) -> list[Entry]:
    """Entries of each group that go on. Several good settings count, since one may have been lucky on few seeds."""
    kept: dict[Entry, None] = {}
    for group in groups:
        scores = {entry: _of(found, entry)["score"].nlargest(N_SECOND).mean() for entry in group}
        kept |= dict.fromkeys(sorted(group, key=lambda entry: -scores[entry])[: n_kept(group)])
    return list(kept)


def _with_one_chosen(found: pd.DataFrame, groups: Sequence[Sequence[Entry]]) -> pd.DataFrame:
    """Keep one chosen setting in each group: the best of those with most seeds."""
    chosen = [
        max((_of(found, entry).query("rank == 0") for entry in group), key=lambda row: _standing(row.iloc[0])).index[0]
        for group in groups
    ]
    return found.assign(chosen=found.index.isin(chosen))


def _standing(row: pd.Series) -> tuple[int, float]:
    return int(row["seeds"]), float(row["score"])


def rule_in_words() -> str:
    """The rule in words, for the output."""
    return (
        f"{N_SETTINGS} settings on {FIRST_SEEDS} seeds, with every split; of several splits the {KEPT_SPLITS} whose "
        f"best {N_SECOND} settings have the highest mean go on: up to {GROWTHS} times the untried ones beside the "
        "best, "
        f"up to {LOOKS} times the best {N_SECOND} on {SECOND_SEEDS} seeds more; all with the full budget, "
        f"by the mean exact value over the last {SCORED:.0%} of the iterations"
    )


def chosen_setting(tuning: pd.DataFrame, group: Sequence[Entry]) -> tuple[Entry, GridIndex]:
    """The entry of a group that `tune` has chosen, and its setting."""
    for entry in group:
        rows = _of(tuning, entry)
        for index in _indices(rows[rows["chosen"]]):
            return entry, index
    raise ValueError("tuning must hold a chosen setting of the group")


def score_settings(pilots: pd.DataFrame, entries: Sequence[Entry]) -> pd.DataFrame:
    """Score and rank the settings of pilot runs. Among equal scores the first is the best. See `tune`."""
    groups = pilots.groupby([*_FIELDS, *_INDEX], sort=False)
    scores = groups.agg(
        step_size=("step_size", "first"), knob=("knob", "first"), score=("score", "mean"), seeds=("seed", "nunique")
    ).reset_index()
    order = scores.sort_values(["seeds", "score"], ascending=False, kind="stable")
    scores["rank"] = order.groupby(_FIELDS, sort=False).cumcount()
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
