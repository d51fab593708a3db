"""Instances, claims, cells, fits and verdicts; the command line. Names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.claims import Claim, Design
    from experiments.compare import Comparison, compare_learning
    from experiments.fits import PowerLawFit, fit_power_law
    from experiments.instances import Instance, get_instance
    from experiments.rate_claims import stated_claims
    from experiments.rates import RateResults, run_claims
    from experiments.variance import compare_variance
    from experiments.verdicts import Verdict, judge, judge_family

_HOMES = {
    "Claim": "claims",
    "Comparison": "compare",
    "Design": "claims",
    "Instance": "instances",
    "PowerLawFit": "fits",
    "RateResults": "rates",
    "Verdict": "verdicts",
    "compare_learning": "compare",
    "compare_variance": "variance",
    "fit_power_law": "fits",
    "get_instance": "instances",
    "judge": "verdicts",
    "judge_family": "verdicts",
    "run_claims": "rates",
    "stated_claims": "rate_claims",
}

__all__ = [
    "Claim",
    "Comparison",
    "Design",
    "Instance",
    "PowerLawFit",
    "RateResults",
    "Verdict",
    "compare_learning",
    "compare_variance",
    "fit_power_law",
    "get_instance",
    "judge",
    "judge_family",
    "run_claims",
    "stated_claims",
]


def __getattr__(name: str) -> Any:
    # The command line must answer --help before pandas and statsmodels could be imported.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
