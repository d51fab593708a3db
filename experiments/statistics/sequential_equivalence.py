"""Equivalence of a family of ratios with 1, judged at several looks. Undecided claims get more replicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import numpy as np

from experiments.statistics.equivalence import RatioEstimate, p_values
from experiments.statistics.verdicts import holm

LEVEL = 0.05
# Multiples of the first number of replicates, and the share of the level that each look may spend.
LOOKS = (1, 2, 4)
SHARES = (0.5, 0.25, 0.25)


class Equality(StrEnum):
    """Whether a ratio is 1 up to its margin."""

    EXACT = "EXACT"
    VIOLATED = "VIOLATED"
    UNDECIDED = "UNDECIDED"


def judge_equalities(
    margins: Mapping[str, float], measure: Callable[[Sequence[str], int, int], Mapping[str, RatioEstimate]]
) -> dict[str, Equality]:
    """Judge a family of ratios. Each of the two errors has probability at most 5% over all looks and claims.

    At every look Holm's procedure goes over the whole family, with that look's share of the level. A claim that is
    decided keeps its outcome and counts with it.

    Parameters
    ----------
    margins : mapping of str to float
        How far the ratio of a claim may lie from 1, by its name.
    measure : function of (names, before, look) -> ratios by name
        Adds the replicates between two looks, in multiples of the first number, and gives the ratios of all so far.

    Returns
    -------
    dict of str to Equality
        In the order of the margins.
    """
    settled = dict.fromkeys(margins, Equality.UNDECIDED)
    before = 0
    for look, share in zip(LOOKS, SHARES, strict=True):
        waiting = [name for name, outcome in settled.items() if outcome is Equality.UNDECIDED]
        if not waiting:
            break
        ratios = measure(waiting, before, look)
        before = look
        raw = [_raw(outcome, ratios.get(name), margins[name]) for name, outcome in settled.items()]
        exact, violated = holm(np.array(raw).T) <= LEVEL * share
        for k, name in enumerate(settled):
            if name in waiting and (exact[k] or violated[k]):
                settled[name] = Equality.EXACT if exact[k] else Equality.VIOLATED
    return settled


def _raw(outcome: Equality, ratio: RatioEstimate | None, margin: float) -> tuple[float, float]:
    """p-values of the evidence for EXACT and for VIOLATED."""
    if outcome is Equality.UNDECIDED:
        assert ratio is not None
        return p_values(ratio, margin)
    return (0.0, 1.0) if outcome is Equality.EXACT else (1.0, 0.0)
