"""Claims on curves: predict, run and judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from experiments.catalogue.claims import name_of
from experiments.rates.cells import run_cells
from experiments.rates.curve_claim import CurveClaim
from experiments.rates.curve_prediction import CurvePrediction, predict_curves
from experiments.rates.floor_cells import cells_at
from experiments.rates.floor_verdicts import FloorOutcome, as_expected, judge_at_looks
from experiments.rates.tasks import require_different
from experiments.running.execution import Execution, chosen_execution
from experiments.statistics.equivalence import p_values, ratio_of
from experiments.statistics.repeats import unless_repeated, why_unknown
from experiments.statistics.shown import Shown
from experiments.statistics.skewness import SkewedEstimate
from theory.arrays import FloatArray

# Replicates per cell. Runs are short, so the work of an iteration is shared by many.
BLOCK = 1024


@dataclass(frozen=True, eq=False, repr=False)
class CurveResults(Shown):
    """Results of the claims on curves.

    Attributes
    ----------
    rows : DataFrame
        One row per claim or control (``kind``) and checkpoint: settings, ``distance`` of the start, ``iteration``,
        ``mixing_times`` after the start, ``measured`` and ``predicted`` E|grad V|^2, ``ratio`` with 95% limits; and
        ``outcome`` and ``reason`` of the claim. A claim that cannot be judged has one row without numbers.
    """

    rows: pd.DataFrame

    shown_columns = ("claim", "iteration", "measured", "predicted", "ratio", "ratio_low", "ratio_high", "outcome")

    def __repr__(self) -> str:
        return f"CurveResults({len(self.claims)} claims and controls, passed={self.passed})"

    def to_frame(self) -> pd.DataFrame:
        """One row per claim and checkpoint."""
        return self.rows

    @property
    def claims(self) -> pd.DataFrame:
        """One row per claim or control: ``claim, kind, outcome, reason``."""
        return self.rows[["claim", "kind", "outcome", "reason"]].drop_duplicates(ignore_index=True)

    @property
    def other(self) -> pd.DataFrame:
        """Claims that are judged and not EXACT, and controls that are not VIOLATED."""
        rows = self.claims
        kept = [as_expected(*pair) for pair in zip(rows["kind"], rows["outcome"], strict=True)]
        return rows[~np.array(kept, dtype=bool)]

    @property
    def passed(self) -> bool:
        """Whether a claim is judged, all that are judged are EXACT, and all controls are VIOLATED."""
        sound = self.claims[self.claims["kind"] == "claim"]
        return self.other.empty and bool((sound["outcome"] == FloorOutcome.EXACT).any() or sound.empty)


def run_curves(
    claims: Sequence[CurveClaim], controls: Sequence[CurveClaim] = (), execution: Execution | None = None
) -> CurveResults:
    """Predict, run and judge claims on curves. They are one family; a control is judged alone.

    A claim is EXACT if it is at every checkpoint, and so needs no correction for their number. It is VIOLATED if it is
    at one of them, after a Bonferroni correction.

    Parameters
    ----------
    claims, controls : sequences of CurveClaim
        Controls have a fault: each must come out VIOLATED.
    execution : Execution, optional

    Raises
    ------
    InputError
        If two claims have one name.
    """
    how, every = chosen_execution(execution), [*claims, *controls]
    names = [claim.name for claim in every]
    require_different(names)
    found = dict(zip(names, predict_curves(every, how), strict=True))
    judged: dict[str, tuple[FloorOutcome, SkewedEstimate]] = {}
    for family in [claims, *([control] for control in controls)]:
        judged |= _judged([claim for claim in family if not found[claim.name].reason], found, how)
    kinds = ["claim"] * len(claims) + ["control"] * len(controls)
    rows = [
        row
        for claim, kind in zip(every, kinds, strict=True)
        for row in _rows(claim, kind, found[claim.name], judged.get(claim.name))
    ]
    return CurveResults(pd.DataFrame(rows))


def measure_curve(claim: CurveClaim, found: CurvePrediction, first: int, last: int, execution: Execution) -> FloatArray:
    """|grad V|^2 of replicates ``first <= r < last`` at the times of a prediction, (n_times, last - first).

    A replicate is the mean over the starts.
    """
    points = claim.points(found.starts, found.times)
    rows = run_cells(cells_at(claim.setting, points, execution.seed, first, last, BLOCK), execution)
    table = rows.pivot(index="point", columns="replicate", values="gradient_norm_sq").to_numpy()
    return np.asarray(table.reshape(len(found.starts), len(found.times), -1).mean(axis=0))


def curve_ratios(values: FloatArray, found: CurvePrediction) -> SkewedEstimate:
    """Ratios of measured to predicted E|grad V|^2 at all times, from replicates (n_times, n)."""
    predicted = np.array(found.predicted)
    return unless_repeated(ratio_of(values, predicted, found.error * predicted), values)


def _judged(
    family: Sequence[CurveClaim], found: dict[str, CurvePrediction], execution: Execution
) -> dict[str, tuple[FloorOutcome, SkewedEstimate]]:
    """Outcomes and ratios of claims that can be judged."""
    values: dict[str, FloatArray] = {}

    def look(waiting: Sequence[int], before: int, now: int) -> list[FloatArray]:
        return [_p_values(family[k], before, now) for k in waiting]

    def _p_values(claim: CurveClaim, before: int, now: int) -> FloatArray:
        n, its = claim.setting.replicates, found[claim.name]
        fresh = measure_curve(claim, its, before * n, now * n, execution)
        values[claim.name] = np.hstack([values.get(claim.name, fresh[:, :0]), fresh])
        exact, violated = p_values(curve_ratios(values[claim.name], its), claim.setting.margin)
        return np.array([exact.max(), min(1.0, len(violated) * violated.min())])

    outcomes = judge_at_looks(len(family), look)
    return {
        claim.name: (outcome, curve_ratios(values[claim.name], found[claim.name]))
        for claim, outcome in zip(family, outcomes, strict=True)
    }


def _rows(
    claim: CurveClaim, kind: str, found: CurvePrediction, judged: tuple[FloorOutcome, SkewedEstimate] | None
) -> list[dict[str, Any]]:
    setting = claim.setting
    about = {
        "claim": claim.name,
        "kind": kind,
        "method": name_of(setting.method),
        "instance": name_of(setting.instance),
        "link": str(setting.where.link),
        "n_pairs": setting.n_pairs,
        "n_queries": setting.n_queries,
        "radius": setting.radius,
        "step_size": setting.step_size,
        "distance": claim.distance,
        "mixing": found.mixing,
    }
    if judged is None:
        return [about | {"outcome": FloorOutcome.NOT_APPLICABLE, "reason": found.reason}]
    outcome, ratios = judged
    return [
        about
        | {
            "iteration": t,
            "mixing_times": (t - 1) / found.mixing,
            "measured": float(ratio * predicted),
            "predicted": predicted,
            "ratio": float(ratio),
            "ratio_low": float(low),
            "ratio_high": float(high),
            "replicates": ratios.df + 1,
            "outcome": outcome,
            "reason": why_unknown(ratios),
        }
        for t, predicted, ratio, low, high in zip(
            found.times, found.predicted, ratios.value, *ratios.limits, strict=True
        )
    ]
