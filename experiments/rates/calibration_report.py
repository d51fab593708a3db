"""What a calibration found, and whether it is as promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.rates.single_looks import ONE_SIDED
from experiments.statistics.binomial import shown_outside

COVERAGE_LIMITS = (0.93, 0.97)
# The corrected test of one claim is approximate: its rate may be above its level by this share. The family, whose rate
# is promised, has no such allowance.
ALLOWED_ALONE = 0.2


@dataclass(frozen=True, eq=False)
class CalibrationReport:
    """Error rates and coverage of the procedure. Intervals are exact 95% intervals (Clopper-Pearson).

    Attributes
    ----------
    families : DataFrame
        One row per preset and false alarm: ``preset, scenario, error`` (the wrong call), ``count, n, rate, low, high``
        and ``promised`` (the largest rate that the procedure allows).
    claims : DataFrame
        One row a preset, scenario, kind of claim and ``measure`` (HOLDS, VIOLATED, UNDECIDED, TIGHT; coverage: the 95%
        interval holds the true slope at the look where the claim stopped; the same ``alone``: at the first look, at
        2.5%, without a family), with ``count, n, rate, low, high`` and
        the mean number of ``looks`` and the ``skewness`` of a measured pool.
    detection : DataFrame
        One row a preset and kind: ``replicates`` (first look, cap) and ``exponent_error``, the smallest error of the
        exponent that is called VIOLATED with 80% power while the other claims hold.
    """

    families: pd.DataFrame
    claims: pd.DataFrame
    detection: pd.DataFrame

    @property
    def failures(self) -> pd.DataFrame:
        """Rows of ``claims`` whose coverage, or rate of wrong calls alone, is shown to be off."""
        rows = self.claims
        wrong = ((rows["scenario"] == "just beyond it") & (rows["measure"] == "HOLDS alone")) | (
            (rows["scenario"] == "on the boundary") & (rows["measure"] == "VIOLATED alone")
        )
        judged = rows[wrong | (rows["measure"] == "coverage")]
        covers = (judged["measure"] == "coverage").to_numpy()
        limits = np.where(covers[:, None], COVERAGE_LIMITS, (0.0, ONE_SIDED * (1 + ALLOWED_ALONE))).T
        return judged[shown_outside(judged["count"], judged["n"], *limits)]

    @property
    def families_off(self) -> pd.DataFrame:
        """Rows of ``families`` whose rate is shown to be above its promise."""
        rows = self.families
        return rows[shown_outside(rows["count"], rows["n"], 0.0, rows["promised"])]

    @property
    def passed(self) -> bool:
        """No rate of wrong calls is shown above its promise, nor any coverage outside 93% to 97%."""
        return bool(self.families_off.empty and self.failures.empty)
