"""Claims on constants: run all floors that can be predicted, and test their ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from experiments.catalogue.claims import name_of
from experiments.catalogue.lookup import find
from experiments.rates.cells import Cell, run_cells
from experiments.rates.floor_cells import cells_at
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_prediction import FloorPrediction, predict_floors
from experiments.rates.floor_verdicts import FloorOutcome, as_expected, judge_at_looks
from experiments.rates.reduced_floors import reduced_ratios
from experiments.rates.tasks import require_different
from experiments.running.execution import Execution, chosen_execution
from experiments.statistics.equivalence import p_values, ratio_of
from experiments.statistics.repeats import unless_repeated, why_unknown
from experiments.statistics.shown import Shown
from experiments.statistics.skewness import SkewedEstimate
from theory.arrays import FloatArray

# Least share of the claims that must be judged. A run without judged claims shows nothing.
LEAST_JUDGED = 0.75


@dataclass(frozen=True, eq=False, repr=False)
class FloorResults(Shown):
    """Results of the claims on constants.

    Attributes
    ----------
    rows : DataFrame
        One row per claim or control (``kind``): settings, ``measured`` and ``predicted`` floor of E|grad V|^2,
        ``bias_part`` of the prediction, ``ratio`` with 95% limits, ``reduced`` (the ratio with most of its noise
        removed, if asked for) with 95% limits, ``skewness``, ``next_order``, ``mixing``, ``outcome``, ``reason``.
    """

    rows: pd.DataFrame

    shown_columns = (
        "claim",
        "measured",
        "predicted",
        "ratio",
        "ratio_low",
        "ratio_high",
        "next_order",
        "outcome",
        "reason",
    )

    def __repr__(self) -> str:
        counts = self.rows["outcome"].value_counts()
        found = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        return f"FloorResults({found}; passed={self.passed})"

    def to_frame(self) -> pd.DataFrame:
        """One row per claim."""
        return self.rows

    @property
    def judged(self) -> pd.DataFrame:
        """Claims, without controls, that can be judged."""
        return self.rows[(self.rows["kind"] == "claim") & (self.rows["outcome"] != FloorOutcome.NOT_APPLICABLE)]

    @property
    def other(self) -> pd.DataFrame:
        """Rows that are not as expected: judged claims that are not EXACT, and controls that are not VIOLATED."""
        kept = [as_expected(*pair) for pair in zip(self.rows["kind"], self.rows["outcome"], strict=True)]
        return self.rows[~np.array(kept, dtype=bool)]

    @property
    def passed(self) -> bool:
        """Whether enough claims can be judged, all of them are EXACT, and all controls are VIOLATED."""
        n_claims = int((self.rows["kind"] == "claim").sum())
        return self.other.empty and len(self.judged) >= LEAST_JUDGED * n_claims


def run_floors(
    claims: Sequence[FloorClaim],
    controls: Sequence[FloorClaim] = (),
    execution: Execution | None = None,
    *,
    reduced: bool = False,
) -> FloorResults:
    """Predict, run and judge claims on constants. A control is judged alone.

    Parameters
    ----------
    claims : sequence of FloorClaim
        One family.
    controls : sequence of FloorClaim
        Claims with a fault: each must come out VIOLATED.
    execution : Execution, optional
    reduced : bool, default False
        Whether to run the claims with a control variate as well (`reduced_ratios`). It is not judged.

    Raises
    ------
    InputError
        If two claims have one name.
    """
    how, every = chosen_execution(execution), [*claims, *controls]
    names = [claim.name for claim in every]
    require_different(names)
    found = dict(zip(names, predict_floors(every, how), strict=True))
    runs = _Runs(found, how)
    # Controls run together with the first look, so that all workers are busy.
    runs.measure([claim for claim in every if not found[claim.name].reason], 0, 1)
    judged = _judged(claims, runs)
    for control in controls:
        judged |= _judged([control], runs)
    shown = [claim for claim in claims if reduced and not found[claim.name].reason]
    less_noise = reduced_ratios(shown, [found[claim.name] for claim in shown], how)
    reductions = {claim.name: ratio for claim, ratio in zip(shown, less_noise, strict=True)}
    kinds = ["claim"] * len(claims) + ["control"] * len(controls)
    rows = [
        _row(claim, kind, found[claim.name], runs.ratio(claim), judged.get(claim.name), reductions.get(claim.name))
        for claim, kind in zip(every, kinds, strict=True)
    ]
    return FloorResults(pd.DataFrame(rows))


class _Runs:
    """All runs so far, by claim."""

    def __init__(self, found: dict[str, FloorPrediction], execution: Execution) -> None:
        self._found, self._execution = found, execution
        self._values: dict[str, FloatArray] = {}

    def measure(self, claims: Sequence[FloorClaim], first: int, last: int) -> None:
        """Run replicates between two looks, which count in multiples of a claim's own number."""
        asked = [claim for claim in claims if len(self._values.get(claim.name, ())) < last * claim.replicates]
        cells: list[Cell] = []
        for claim in asked:
            found = self._found[claim.name]
            point, n = claim.point(found.start, *found.iterations), claim.replicates
            cells += cells_at(claim, [point], self._execution.seed, first * n, last * n)
        if not cells:
            return
        for name, part in run_cells(cells, self._execution).groupby("claim", sort=False):
            fresh = part["gradient_norm_sq"].to_numpy()
            self._values[str(name)] = np.concatenate([self._values.get(str(name), fresh[:0]), fresh])

    def ratio(self, claim: FloorClaim) -> SkewedEstimate | None:
        """Ratio of measured to predicted floor; None if nothing was run."""
        if claim.name not in self._values:
            return None
        found = self._found[claim.name]
        values = self._values[claim.name]
        ratio = ratio_of(values, found.floor, found.error)
        return ratio if find("method", claim.run_as or claim.method).deterministic else unless_repeated(ratio, values)


def _judged(claims: Sequence[FloorClaim], runs: _Runs) -> dict[str, FloorOutcome]:
    """Outcomes of those claims of a family that can be judged."""
    family = [claim for claim in claims if runs.ratio(claim) is not None]

    def look(waiting: Sequence[int], before: int, now: int) -> list[FloatArray]:
        asked = [family[k] for k in waiting]
        runs.measure(asked, before, now)
        return [p_values(ratio, claim.margin) for claim in asked if (ratio := runs.ratio(claim)) is not None]

    return dict(zip([claim.name for claim in family], judge_at_looks(len(family), look), strict=True))


def _row(
    claim: FloorClaim,
    kind: str,
    found: FloorPrediction,
    ratio: SkewedEstimate | None,
    outcome: FloorOutcome | None,
    less_noise: SkewedEstimate | None,
) -> dict[str, Any]:
    return {
        "claim": claim.name,
        "kind": kind,
        "method": name_of(claim.method),
        "instance": name_of(claim.instance),
        "link": str(claim.where.link),
        "n_pairs": claim.n_pairs,
        "n_queries": claim.n_queries,
        "radius": claim.radius,
        "step_size": claim.step_size,
        "measured": float(ratio.value) * found.floor if ratio is not None else math.nan,
        "predicted": found.floor,
        "bias_part": found.bias_part,
        **_limits("ratio", ratio),
        "standard_error": float(ratio.standard_error) if ratio is not None else math.nan,
        "skewness": 3 * float(ratio.bend) if ratio is not None else math.nan,
        **_limits("reduced", less_noise),
        "next_order": found.next_order,
        "mixing": found.mixing,
        "replicates": ratio.df + 1 if ratio is not None else 0,
        "outcome": outcome or FloorOutcome.NOT_APPLICABLE,
        "reason": found.reason if ratio is None else why_unknown(ratio),
    }


def _limits(name: str, ratio: SkewedEstimate | None) -> dict[str, float]:
    """A ratio and its 95% limits."""
    numbers = (math.nan,) * 3 if ratio is None else (float(ratio.value), *map(float, ratio.limits))
    return dict(zip((name, f"{name}_low", f"{name}_high"), numbers, strict=True))
