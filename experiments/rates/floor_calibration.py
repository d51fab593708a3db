"""Calibration of the claims on constants: the whole procedure on measured replicates whose true ratio is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.rates.calibration_report import ALLOWED_ALONE, COVERAGE_LIMITS
from experiments.rates.cells import run_cells
from experiments.rates.floor_cells import cells_at
from experiments.rates.floor_claim import MARGIN, FloorClaim
from experiments.rates.floor_prediction import predict_floors
from experiments.rates.floor_verdicts import LEVEL, LOOKS, SHARES
from experiments.rates.pools import SEEDS_APART, require_pool
from experiments.running.execution import Execution
from experiments.statistics.binomial import rate_of, shown_outside
from experiments.statistics.equivalence import call_at_look, p_values, ratio_of
from experiments.statistics.shown import Shown
from experiments.statistics.skewness import SkewedEstimate
from theory.arrays import FloatArray
from theory.errors import InputError

# Families drawn at once.
BLOCK = 50


@dataclass(frozen=True, eq=False)
class FloorPool:
    """Measured replicates of one claim on a constant.

    Attributes
    ----------
    values : array (n,)
        In any unit.
    prediction_error : float
        Standard error of the prediction over the prediction.
    replicates : int
        At the first look.
    margin : float
    """

    values: FloatArray
    prediction_error: float = 0.0
    replicates: int = 256
    margin: float = MARGIN

    @property
    def skewness(self) -> float:
        """Skewness of a replicate."""
        centred = self.values - self.values.mean()
        return float((centred**3).mean() / self.values.std() ** 3)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Resampled factors of mean 1."""
        return np.asarray((self.values / self.values.mean())[rng.integers(len(self.values), size=shape)])


@dataclass(frozen=True, eq=False, repr=False)
class FloorCalibration(Shown):
    """Error rates and coverage of the verdicts on constants, with exact 95% intervals (Clopper-Pearson).

    Attributes
    ----------
    rows : DataFrame
        One row per scenario, claim and measure, with ``count, n, rate, low, high``, the ``promised`` rate if there is
        one, and the ``skewness`` of a replicate. The claim is ``family`` for any wrong call in a family. Measures:
        EXACT, VIOLATED and UNDECIDED at the end; EXACT and VIOLATED alone, that is at the first look, at 5%, without a
        family; coverage of the 95% interval, at the first look and at the last one taken. The interval is one for a
        fixed number of replicates. So the former is judged; the latter suffers from the choice of when to stop.
    """

    rows: pd.DataFrame

    def __repr__(self) -> str:
        return f"FloorCalibration({self.rows['claim'].nunique() - 1} claims, passed={self.passed})"

    def to_frame(self) -> pd.DataFrame:
        """One row per scenario, claim and measure."""
        return self.rows

    @property
    def failures(self) -> pd.DataFrame:
        """Rows whose rate is shown to be off."""
        return pd.concat([self._off(self.rows["claim"] == "family"), self._off(self.rows["claim"] != "family")])

    def _off(self, of_group: pd.Series) -> pd.DataFrame:
        judged = self.rows[of_group & (self.rows["promised"].notna() | (self.rows["measure"] == "coverage"))]
        allowed = judged["promised"] * np.where(judged["claim"] == "family", 1, 1 + ALLOWED_ALONE)
        covers = (judged["measure"] == "coverage").to_numpy()
        low, high = COVERAGE_LIMITS
        limits = np.where(covers, low, 0.0), np.where(covers, high, allowed)
        return judged[shown_outside(judged["count"], judged["n"], *limits)]

    @property
    def passed(self) -> bool:
        """No rate of wrong calls is shown above its promise, nor any coverage outside 93% to 97%."""
        return bool(self.failures.empty)


def measure_floor_pools(claims: Sequence[FloorClaim], n_replicates: int, execution: Execution) -> dict[str, FloorPool]:
    """Pools of the claims that can be judged, by name.

    Parameters
    ----------
    claims : sequence of FloorClaim
        Of different names.
    n_replicates : int
        Replicates of each claim, at least 64; 1024 and more show the tails.
    execution : Execution
        Finished cells are kept in its cache.

    Raises
    ------
    InputError
        If there are too few replicates.
    """
    require_pool(n_replicates)
    found = {c.name: its for c, its in zip(claims, predict_floors(claims, execution), strict=True) if not its.reason}
    judged, seed = [claim for claim in claims if claim.name in found], execution.seed + SEEDS_APART
    cells = []
    for claim in judged:
        its = found[claim.name]
        cells += cells_at(claim, [claim.point(its.start, *its.iterations)], seed, 0, n_replicates)
    values = {
        str(name): part["gradient_norm_sq"].to_numpy()
        for name, part in (run_cells(cells, execution).groupby("claim", sort=False) if cells else ())
    }
    return {
        claim.name: FloorPool(
            values[claim.name], found[claim.name].error / found[claim.name].floor, claim.replicates, claim.margin
        )
        for claim in judged
    }


def calibrate_floors(n_families: int, rng: np.random.Generator, pools: Mapping[str, FloorPool]) -> FloorCalibration:
    """Run the sequential test of families of claims on constants whose true ratios are known.

    There are four scenarios: every true ratio at 1 - margin; at 1 + margin; the two alternating; 1, as predicted. On
    the edge of the margin both calls are wrong, in the least favourable case; as predicted only VIOLATED is. All
    scenarios share the noise, which is resampled from the pools.

    Parameters
    ----------
    n_families : int
        2000 put a rate of 5% within 1 point.
    rng : numpy.random.Generator
    pools : mapping from names of claims to FloorPool
        One family.

    Raises
    ------
    InputError
        If n_families is below 1, or there are no pools.
    """
    if n_families < 1 or not pools:
        raise InputError(
            f"n_families must be at least 1 and pools not empty, got {n_families} and {len(pools)} pools; 2000 is usual"
        )
    estimates = {name: _resampled(pool, n_families, rng) for name, pool in pools.items()}
    margins = np.array([pool.margin for pool in pools.values()])
    side = np.where(np.arange(len(pools)) % 2 == 0, -1.0, 1.0)
    scenarios = {
        "at the lower edge": 1 - margins,
        "at the upper edge": 1 + margins,
        "alternating": 1 + side * margins,
        "as predicted": np.ones_like(margins),
    }
    rows = [
        {"scenario": scenario} | row | {"skewness": pools[row["claim"]].skewness if row["claim"] in pools else np.nan}
        for scenario, truths in scenarios.items()
        for row in _scenario(estimates, truths, margins)
    ]
    return FloorCalibration(pd.DataFrame(rows))


def _resampled(pool: FloorPool, n_families: int, rng: np.random.Generator) -> list[SkewedEstimate]:
    """Estimates (n_families,) at every look, for a true ratio of 1."""
    looks: list[list[SkewedEstimate]] = [[] for _ in LOOKS]
    for first in range(0, n_families, BLOCK):
        size = min(BLOCK, n_families - first)
        factors = pool.draw((size, LOOKS[-1] * pool.replicates), rng)
        predicted = 1 + pool.prediction_error * rng.standard_normal(size)
        for estimates, look in zip(looks, LOOKS, strict=True):
            error = pool.prediction_error
            estimates.append(ratio_of(factors[:, : look * pool.replicates], predicted, error))
    return [_joined(estimates) for estimates in looks]


def _joined(parts: Sequence[SkewedEstimate]) -> SkewedEstimate:
    value, error, bend, offset = np.hstack([(e.value, e.standard_error, e.bend, e.offset) for e in parts])
    return SkewedEstimate(value, error, bend, offset, parts[0].df)


def _scenario(
    estimates: Mapping[str, list[SkewedEstimate]], truths: FloatArray, margins: FloatArray
) -> Iterator[dict[str, Any]]:
    """Rows of the family, then of its claims, where the true ratios are these."""
    raw, covered = [], []
    for looks, truth, margin in zip(estimates.values(), truths, margins, strict=True):
        scaled = [replace(e, value=truth * e.value, standard_error=truth * e.standard_error) for e in looks]
        raw.append([p_values(estimate, margin) for estimate in scaled])
        covered.append([(low <= truth) & (truth <= high) for low, high in (estimate.limits for estimate in scaled)])
    p = np.moveaxis(np.array(raw), 0, -1)  # (n_looks, 2, n_families, n_claims)
    called, n_looks = np.zeros(p.shape[1:], dtype=bool), np.zeros((p.shape[2], p.shape[3]), dtype=np.intp)
    for at_look, share in zip(p, SHARES, strict=True):
        n_looks += ~called.any(axis=0)
        called = call_at_look(at_look, called, LEVEL * share)
    exact, violated = called
    edge = truths != 1
    names = ("EXACT", "VIOLATED") if edge.all() else ("VIOLATED",)
    for name, calls in zip(("EXACT", "VIOLATED"), called, strict=True):
        if name in names:
            yield {"claim": "family", "measure": name} | rate_of(calls.any(axis=1)) | {"promised": LEVEL}
    held = np.moveaxis(np.array(covered), 0, -1)
    at_end = np.take_along_axis(held, n_looks[None] - 1, axis=0)[0]
    for k, claim in enumerate(estimates):
        alone = dict(zip(("EXACT", "VIOLATED"), p[0, :, :, k] <= LEVEL, strict=True))
        measures = {"EXACT": exact[:, k], "VIOLATED": violated[:, k], "UNDECIDED": ~(exact | violated)[:, k]}
        measures |= {f"{name} alone": calls for name, calls in alone.items()}
        measures |= {"coverage": held[0, :, k], "coverage at the end": at_end[:, k]}
        for measure, happened in measures.items():
            promise = LEVEL if measure.removesuffix(" alone") in names else np.nan
            yield {"claim": claim, "measure": measure} | rate_of(happened) | {"promised": promise}
