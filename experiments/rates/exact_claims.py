"""All exact claims, and all exact claims with a planted fault."""

from __future__ import annotations

from experiments.rates.exact_claim import ExactClaim
from experiments.rates.inversion_claims import inversion_claims, inversion_controls
from experiments.rates.smoothing_claims import smoothing_claims, smoothing_controls


def exact_claims() -> list[ExactClaim]:
    """Claims that hold: smoothing bias, and inversion bias for every link."""
    return [*smoothing_claims(), *inversion_claims()]


def exact_controls() -> list[ExactClaim]:
    """The same claims with a planted fault. Each must come out VIOLATED."""
    return [*smoothing_controls(), *inversion_controls()]
