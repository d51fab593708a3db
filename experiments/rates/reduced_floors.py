"""Ratios of measured to predicted floors with most of the noise removed. They are shown and not judged.

The linear recursion, driven by the draws of the run, is the control variate. Its mean is known if the draws have the
law that they should have. So what is left shows whether the linear law holds, to some tenths of a per cent. It does not
show faults of the draws, which move the run and the recursion alike: those are for the plain runs.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimators.linear_control import ascend_with_control
from experiments.catalogue.instance import Instance
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_prediction import FloorPrediction, law_of
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from experiments.statistics.equivalence import ratio_of
from experiments.statistics.skewness import SkewedEstimate

# Replicates, mixing times averaged over, and least number of averaged iterations: enough for standard errors of some
# tenths of a per cent.
N_REPLICATES, AVERAGED, LEAST_AVERAGED = 32, 4, 200


@dataclass(frozen=True)
class _Reduced:
    """A task: the replicates of one claim."""

    instance: str | Instance
    claim: FloorClaim
    found: FloorPrediction
    seed: int


def reduced_ratios(
    claims: Sequence[FloorClaim], found: Sequence[FloorPrediction], execution: Execution
) -> list[SkewedEstimate]:
    """Ratios of claims that can be judged, without what the control variate explains.

    Its coefficient is 1, fixed beforehand, so the mean is unbiased and replicates stay independent. Regression would
    hardly gain anything: it gives 0.98 to 1.05.

    Parameters
    ----------
    claims : sequence of FloorClaim
        Of zeroth-order methods, without faults.
    found : sequence of FloorPrediction
        Their predictions.
    execution : Execution
    """
    tasks = [_Reduced(claim.instance, claim, its, execution.seed) for claim, its in zip(claims, found, strict=True)]
    return run_tasks(_run, tasks, lambda task: float(sum(task.found.iterations)), execution)


def _run(task: _Reduced) -> SkewedEstimate:
    burn_in, _ = task.found.iterations
    averaged = max(LEAST_AVERAGED, AVERAGED * int(task.found.mixing))
    rng = np.random.default_rng([task.seed, 6, zlib.crc32(task.claim.name.encode())])
    law = law_of(task.claim, task.seed)
    start = np.tile(law.theta, (N_REPLICATES, 1))
    made = ascend_with_control(law, start, burn_in + averaged, rng)
    left = (made.run.gradient_norm_sq - made.control)[:, burn_in:].mean(axis=1)
    return ratio_of(left, task.found.floor, task.found.error)
