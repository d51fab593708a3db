"""Calibration: the whole statistical procedure on power laws whose true slopes and noise are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from experiments.catalogue.shipped_claims import REPLICATES, Preset, sharpened_claims, stated_claims
from experiments.rates.calibration_report import CalibrationReport
from experiments.rates.noise import kind_of, noise_of
from experiments.rates.pools import Pool
from experiments.rates.run_claims import DEFAULT_PLAN
from experiments.rates.single_looks import ONE_SIDED
from experiments.rates.tasks import Measured
from experiments.rates.variance_claims import variance_claims
from experiments.statistics.binomial import rate_of
from experiments.statistics.power_law import fit_slopes
from experiments.statistics.sequential import SequentialPlan, judge_batch
from experiments.statistics.skewness import SkewedEstimate
from theory.arrays import FloatArray
from theory.errors import InputError

BoolArray = NDArray[np.bool_]

POWER = 0.8
JUST_BEYOND = 1e-9

# Families drawn at once: bounds the memory, 100 MB for the paper preset.
BLOCK = 50


class NoiseSource(Protocol):
    """A source of the noise of replicates."""

    def draw(self, x: FloatArray, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Factors of mean 1, array (*shape[:-1], n_points, shape[-1]); the last axis holds the replicates."""


def calibrate(
    n_families: int,
    rng: np.random.Generator,
    *,
    claims: Sequence[Measured] | None = None,
    plan: SequentialPlan = DEFAULT_PLAN,
    presets: Sequence[Preset] = ("quick", "paper"),
    noise: Callable[[Measured], NoiseSource] = noise_of,
    kind: Callable[[Measured], str] = kind_of,
) -> CalibrationReport:
    """Run fits and sequential verdicts on families of claims whose true slopes are known.

    There are five scenarios. On the boundary: every true slope lies on the boundary of its claim, so that VIOLATED is
    wrong, in the least favourable case. Just beyond it: HOLDS is wrong. The two alternating. Too steep to be tight:
    TIGHT is wrong. As stated: this shows the power. Another slope shifts the fit of the same noise exactly, so all
    scenarios share their noise.

    Parameters
    ----------
    n_families : int
        2000 put a rate of 2.5% within 0.7 points.
    rng : numpy.random.Generator
    claims : sequence of Claim, optional
        Of the quick preset; the shipped ones if left out. Their `replicates` are those of the first look.
    plan : SequentialPlan
    presets : sequence of {"quick", "paper"}
    noise : function of a claim
        Where the noise of its replicates comes from: a pool of measured ones, or by default a synthetic law.
    kind : function of a claim
        What the rows are told apart by. Claims of one kind are counted together.

    Returns
    -------
    CalibrationReport

    Raises
    ------
    InputError
        If n_families is below 1.
    """
    if n_families < 1:
        raise InputError(f"n_families must be at least 1, got {n_families}; 2000 is usual")
    quick = family_claims() if claims is None else list(claims)
    families: list[dict[str, Any]] = []
    rates: list[dict[str, Any]] = []
    detection: list[dict[str, Any]] = []
    for preset in presets:
        family = [replace(claim, replicates=REPLICATES[preset] * claim.replicates) for claim in quick]
        errors = _draw_errors(family, n_families, plan, rng, noise)
        columns = _columns(family, kind)
        skewness = {name: _skewness(family[members[0]], noise) for name, members in columns.items()}
        for row in _scenarios(family, errors, plan, columns):
            if "error" in row:
                families.append({"preset": preset} | row)
            else:
                rates.append({"preset": preset} | row | {"skewness": skewness[row["kind"]]})
        detection += [{"preset": preset} | row for row in _detection(family, errors, plan, columns)]
    return CalibrationReport(pd.DataFrame(families), pd.DataFrame(rates), pd.DataFrame(detection))


def family_claims() -> list[Measured]:
    """The shipped claims of the quick preset that are one family, whose error rate is promised."""
    every: list[Measured] = [*stated_claims(), *sharpened_claims(), *variance_claims()]
    return [claim for claim in every if claim.in_family]


def slope_p_values(slopes: SkewedEstimate, claims: Sequence[Measured]) -> FloatArray:
    """`experiments.statistics.verdicts.p_values` for a batch: (..., n_claims) -> (3, ..., n_claims)."""
    sign, exponent, margin = _signs(claims), *np.array([(c.exponent, c.margin) for c in claims]).T
    edge, other = (exponent + side * sign * margin for side in (1, -1))
    holds = np.where(sign > 0, slopes.p_less(edge), slopes.p_greater(edge))
    violated = np.where(sign > 0, slopes.p_greater(edge), slopes.p_less(edge))
    far = np.where(sign > 0, slopes.p_greater(other), slopes.p_less(other))
    return np.stack([holds, violated, np.maximum(holds, far)])


def _draw_errors(
    claims: Sequence[Measured],
    n_families: int,
    plan: SequentialPlan,
    rng: np.random.Generator,
    noise: Callable[[Measured], NoiseSource],
) -> SkewedEstimate:
    """Fits of noise alone, whose slopes are errors: arrays (n_looks, n_families, n_claims)."""
    fits = np.empty((4, len(plan.looks), n_families, len(claims)))
    looks = np.array([plan.scaled(claim.replicates) for claim in claims]).T
    for column, claim in enumerate(claims):
        x, source = np.array(claim.grid), noise(claim)
        for first in range(0, n_families, BLOCK):
            block = slice(first, min(first + BLOCK, n_families))
            table = source.draw(x, (block.stop - first, int(looks[-1, column])), rng)
            for row, last in enumerate(looks[:, column]):
                found = fit_slopes(x, table[..., :last])
                fits[:, row, block, column] = found.value, found.standard_error, found.bend, found.offset
    return SkewedEstimate(fits[0], fits[1], fits[2], fits[3], looks[:, None, :] - 1.0)


def _scenarios(
    claims: Sequence[Measured], errors: SkewedEstimate, plan: SequentialPlan, columns: dict[str, list[int]]
) -> Iterator[dict[str, Any]]:
    """Rows of the families table, which have an ``error``, and rows of the claims table."""
    sign = _signs(claims)
    exponent, margin = np.array([(claim.exponent, claim.margin) for claim in claims]).T
    beyond = np.arange(len(claims)) % 2 == 1
    asked = np.array([claim.two_sided for claim in claims])
    every, none = np.ones_like(asked), np.zeros_like(asked)
    half = plan.alpha / 2
    # scenario, true excess over the stated exponent, which claims HOLDS, VIOLATED and TIGHT are wrong for, promise
    table = [
        ("on the boundary", margin, (none, every, none), half),
        ("just beyond it", margin + JUST_BEYOND, (every, none, none), half),
        ("alternating", margin + JUST_BEYOND * beyond, (beyond, ~beyond, none), plan.alpha),
        ("too steep to be tight", -margin, (none, none, asked), plan.alpha),
        ("as stated", 0 * margin, (none, every, none), half),
    ]
    for scenario, excess, wrong, promised in table:
        truth = exponent + sign * excess
        raw = slope_p_values(replace(errors, value=truth + errors.value), claims)
        called, n_looks = judge_batch(np.moveaxis(raw, 0, 1), asked, plan)
        mistaken = (called & np.array(wrong)[:, None, :]).any(axis=(0, 2))
        names = [name for name, mask in zip(("HOLDS", "VIOLATED", "TIGHT"), wrong, strict=True) if mask.any()]
        yield {"scenario": scenario, "error": " or ".join(names)} | rate_of(mistaken) | {"promised": promised}
        alone = dict(zip(("HOLDS alone", "VIOLATED alone", "TIGHT alone"), raw[:, 0] <= ONE_SIDED, strict=True))
        yield from _claim_rows(scenario, columns, called, n_looks, errors, alone)


def _claim_rows(
    scenario: str,
    columns: dict[str, list[int]],
    called: BoolArray,
    n_looks: NDArray[np.intp],
    errors: SkewedEstimate,
    alone: dict[str, BoolArray],
) -> Iterator[dict[str, Any]]:
    low, high = errors.limits
    covered = (low <= 0) & (high >= 0)
    holds, violated, tight = called
    measures = {
        "HOLDS": holds,
        "VIOLATED": violated,
        "UNDECIDED": ~(holds | violated),
        "TIGHT": tight,
        "coverage": np.take_along_axis(covered, n_looks[None] - 1, axis=0)[0],
        "coverage at first look": covered[0],
        **alone,
    }
    for kind, members in columns.items():
        for measure, happened in measures.items():
            yield (
                {"scenario": scenario, "kind": kind, "measure": measure}
                | rate_of(happened[:, members])
                | {"looks": float(n_looks[:, members].mean())}
            )


def _detection(
    claims: Sequence[Measured], errors: SkewedEstimate, plan: SequentialPlan, columns: dict[str, list[int]]
) -> Iterator[dict[str, Any]]:
    """Excess over the boundary that is called VIOLATED in 80% of the families, when the other claims hold."""
    levels = np.array(plan.levels)[:, None, None] / (2 * len(claims))
    sign = _signs(claims)
    quantile = stdtrit(errors.df, 1 - levels)
    distance = np.maximum(quantile, sign * errors.distance_at(sign * quantile))
    needed = (distance * errors.standard_error - sign * errors.value).min(axis=0)
    for kind, members in columns.items():
        claim = claims[members[0]]
        looks = plan.scaled(claim.replicates)
        yield {
            "kind": kind,
            "replicates": f"{looks[0]} .. {looks[-1]}",
            "exponent_error": claim.margin + float(np.quantile(needed[:, members], POWER)),
        }


def _skewness(claim: Measured, noise: Callable[[Measured], NoiseSource]) -> float:
    """Skewness of a measured pool; a synthetic law has none to tell."""
    source = noise(claim)
    return source.skewness(np.array(claim.grid)) if isinstance(source, Pool) else math.nan


def _columns(claims: Sequence[Measured], kind: Callable[[Measured], str]) -> dict[str, list[int]]:
    kinds = [kind(claim) for claim in claims]
    return {name: [i for i, other in enumerate(kinds) if other == name] for name in dict.fromkeys(kinds)}


def _signs(claims: Sequence[Measured]) -> FloatArray:
    """Sign that makes a larger slope the worse one."""
    return np.array([1.0 if claim.limit == "infinity" else -1.0 for claim in claims])
