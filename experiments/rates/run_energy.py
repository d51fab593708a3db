"""Energy balances: run claims and controls, and judge their ratios."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.catalogue.claims import name_of
from experiments.rates.cells import BLOCK, Cell, run_cells
from experiments.rates.energy_claim import EnergyClaim, EnergyRatio, energy_ratio
from experiments.rates.floor_verdicts import FloorOutcome, as_expected, judge_at_looks
from experiments.rates.tasks import require_different
from experiments.running.execution import Execution, chosen_execution
from experiments.statistics.equivalence import p_values
from experiments.statistics.repeats import unless_repeated, why_unknown
from experiments.statistics.shown import Shown
from theory.arrays import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class EnergyResults(Shown):
    """Results of the claims on the energy balance.

    Attributes
    ----------
    rows : DataFrame
        One row per claim or control (``kind``): settings, ``pull`` (grad V' m over |grad V|^2), the ratio at the two
        steps (``ratio_first, ratio_second``), ``ratio`` at alpha = 0 with 95% limits, ``replicates``, ``outcome``.
    """

    rows: pd.DataFrame

    shown_columns = ("claim", "ratio_first", "ratio_second", "ratio", "ratio_low", "ratio_high", "outcome")

    def __repr__(self) -> str:
        counts = self.rows["outcome"].value_counts()
        found = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        return f"EnergyResults({found}; passed={self.passed})"

    def to_frame(self) -> pd.DataFrame:
        """One row per claim."""
        return self.rows

    @property
    def other(self) -> pd.DataFrame:
        """Rows that are not as expected: claims that are not EXACT, and controls that are not VIOLATED."""
        expected = [as_expected(kind, outcome) for kind, outcome in self.rows[["kind", "outcome"]].to_numpy()]
        return self.rows[~np.array(expected, dtype=bool)]

    @property
    def passed(self) -> bool:
        """Whether all claims are EXACT, and all controls are VIOLATED."""
        return bool(self.other.empty)


def run_energy(
    claims: Sequence[EnergyClaim], controls: Sequence[EnergyClaim] = (), execution: Execution | None = None
) -> EnergyResults:
    """Run and judge claims on the energy balance. A control is judged alone.

    Parameters
    ----------
    claims : sequence of EnergyClaim
        One family.
    controls : sequence of EnergyClaim
        Claims with a fault: each must come out VIOLATED.
    execution : Execution, optional

    Raises
    ------
    InputError
        If two claims have one name.
    """
    require_different([claim.name for claim in (*claims, *controls)])
    every = {claim.name: claim for claim in (*claims, *controls)}
    runs = _Runs(every, chosen_execution(execution))
    # Controls run together with the first look, so that all workers are busy.
    runs.measure(list(every), 0, 1)
    outcomes = _judged(claims, runs)
    for control in controls:
        outcomes |= _judged([control], runs)
    kinds = ["claim"] * len(claims) + ["control"] * len(controls)
    rows = [
        _row(claim, kind, runs.pulls[claim.name], runs.ratio(claim.name), outcomes[claim.name])
        for claim, kind in zip(every.values(), kinds, strict=True)
    ]
    return EnergyResults(pd.DataFrame(rows))


def _judged(claims: Sequence[EnergyClaim], runs: _Runs) -> dict[str, FloorOutcome]:
    """Judge a family, as the claims on floors."""

    def look(waiting: Sequence[int], before: int, now: int) -> list[FloatArray]:
        asked = [claims[k] for k in waiting]
        runs.measure([claim.name for claim in asked], before, now)
        return [p_values(runs.ratio(claim.name).limit, claim.margin) for claim in asked]

    return dict(zip([claim.name for claim in claims], judge_at_looks(len(claims), look), strict=True))


class _Runs:
    """All runs so far, by claim."""

    def __init__(self, claims: dict[str, EnergyClaim], execution: Execution) -> None:
        self._claims, self._execution = claims, execution
        self._rows: dict[str, pd.DataFrame] = {}
        self.pulls = {name: claim.pull(execution.seed) for name, claim in claims.items()}

    def measure(self, names: Sequence[str], first: int, last: int) -> None:
        """Run replicates between two looks where they are missing."""
        asked = [name for name in names if self._replicates(name) < last * self._claims[name].replicates]
        cells = [cell for name in asked for cell in self._cells(self._claims[name], first, last)]
        if cells:
            for name, part in run_cells(cells, self._execution).groupby("claim", sort=False):
                before = [self._rows[str(name)]] if name in self._rows else []
                self._rows[str(name)] = pd.concat([*before, part])

    def ratio(self, name: str) -> EnergyRatio:
        """Ratio of the gain to what the gradients pay for, over all replicates."""
        columns = ["gradient_norm_sq", "start_value", "end_value"]
        table = self._rows[name].pivot_table(index="point", columns="replicate", values=columns)
        mean, start, end = (table[column].to_numpy() for column in columns)
        # Of each pair of points the first has T iterates and the second one more.
        shorter = self._claims[name].points[::2]
        factor = np.array([point.step_size * point.n_iterations for point in shorter])[:, None]
        found = energy_ratio(end[1::2] - start[1::2], self.pulls[name] * factor * mean[::2])
        if self._claims[name].runs.deterministic:
            return found
        return replace(found, limit=unless_repeated(found.limit, np.vstack([end, mean])))

    def _replicates(self, name: str) -> int:
        return int(self._rows[name]["replicate"].nunique()) if name in self._rows else 0

    def _cells(self, claim: EnergyClaim, first: int, last: int) -> list[Cell]:
        return [
            Cell(
                claim=claim.name,
                method=claim.run_as or claim.method,
                instance=claim.instance,
                points=claim.points,
                first_point=0,
                replicates=tuple(range(begin, min(begin + 3 * BLOCK, last * claim.replicates))),
                entropy=self._execution.seed,
                spawn_key=(zlib.crc32(claim.name.encode()), 0, begin),
            )
            for begin in range(first * claim.replicates, last * claim.replicates, 3 * BLOCK)
        ]


def _row(claim: EnergyClaim, kind: str, pull: float, found: EnergyRatio, outcome: FloorOutcome) -> dict[str, Any]:
    low, high = found.limit.limits
    return {
        "claim": claim.name,
        "kind": kind,
        "method": name_of(claim.method),
        "instance": name_of(claim.instance),
        "n_pairs": claim.n_pairs,
        "n_queries": claim.n_queries,
        "radius": claim.radius,
        "step_size": claim.points[0].step_size,
        "pull": pull,
        "ratio_first": found.at_steps[0],
        "ratio_second": found.at_steps[1],
        "ratio": float(found.limit.value),
        "ratio_low": float(low),
        "ratio_high": float(high),
        "standard_error": float(found.limit.standard_error),
        "replicates": found.limit.df + 1,
        "outcome": outcome,
        "reason": why_unknown(found.limit),
    }
