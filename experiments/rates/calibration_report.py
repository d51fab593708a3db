"""What a calibration found, and whether it is as promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.rates.single_looks import ONE_SIDED
from experiments.statistics.binomial import clopper_pearson

COVERAGE_LIMITS = (0.93, 0.97)


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
        """Rows of ``claims`` whose coverage, or rate of wrong calls alone, is shown to be off.

        Shown by intervals that hold together for all these rows with probability 95% (Bonferroni). With single 95%
        intervals one row in forty would fail by chance.
        """
        low, high = COVERAGE_LIMITS
        rows = self.claims
        coverage = rows["measure"] == "coverage"
        wrong = ((rows["scenario"] == "just beyond it") & (rows["measure"] == "HOLDS alone")) | (
            (rows["scenario"] == "on the boundary") & (rows["measure"] == "VIOLATED alone")
        )
        judged = rows[coverage | wrong]
        counts = zip(judged["count"].astype(int), judged["n"].astype(int), strict=True)
        limits = np.array([clopper_pearson(count, n, ONE_SIDED * 2 / len(judged)) for count, n in counts])
        covers = (judged["measure"] == "coverage").to_numpy()
        off = (limits[:, 1] < low) | (limits[:, 0] > high)
        return judged[np.where(covers, off, limits[:, 0] > ONE_SIDED)]

    @property
    def passed(self) -> bool:
        """No false-alarm rate is shown above its promise, nor any coverage outside 93% to 97%."""
        return bool((self.families["low"] <= self.families["promised"]).all() and self.failures.empty)
