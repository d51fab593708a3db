"""Verdicts on predicted numbers: what is said of a claim, and the looks at a family of claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from experiments.statistics.equivalence import call_at_look
from theory.arrays import FloatArray

LEVEL = 0.05
# Undecided claims get twice, four and eight times the replicates. Each look may spend its share of the level.
LOOKS = (1, 2, 4, 8)
SHARES = (0.5, 0.25, 0.125, 0.125)


class FloorOutcome(StrEnum):
    """The outcome of a claim on a constant or a curve."""

    EXACT = "EXACT"
    VIOLATED = "VIOLATED"
    UNDECIDED = "UNDECIDED"
    NOT_APPLICABLE = "NOT APPLICABLE"


def judge_at_looks(
    n_claims: int, look: Callable[[Sequence[int], int, int], Sequence[FloatArray]]
) -> list[FloorOutcome]:
    """Judge a family at every look; each of the two errors has probability at most 5% over all looks and claims.

    Parameters
    ----------
    n_claims : int
    look : function of (claims, before, now)
        Runs the undecided claims, given by number, from one look to the next, which count in multiples of a claim's own
        number of replicates. Returns for each the p-values (2,) for EXACT and VIOLATED of all its replicates.
    """
    called: NDArray[np.bool_] = np.zeros((2, n_claims), dtype=bool)
    for before, now, share in zip((0, *LOOKS), LOOKS, SHARES, strict=False):
        waiting = np.flatnonzero(~called.any(axis=0)).tolist()
        if not waiting:
            break
        raw = np.ones((2, n_claims))
        raw[:, waiting] = np.transpose(look(waiting, before, now))
        called = call_at_look(raw, called, LEVEL * share)
    calls = (FloorOutcome.EXACT, FloorOutcome.VIOLATED)
    return [
        next((call for call, said in zip(calls, of_claim, strict=True) if said), FloorOutcome.UNDECIDED)
        for of_claim in called.T
    ]


def as_expected(kind: str, outcome: FloorOutcome) -> bool:
    """Whether a control is VIOLATED, or a claim EXACT if it can be judged."""
    if kind == "control":
        return outcome == FloorOutcome.VIOLATED  # not `is`: in a frame it may be its text, where pyarrow is installed
    return outcome in (FloorOutcome.EXACT, FloorOutcome.NOT_APPLICABLE)
