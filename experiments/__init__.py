"""Instances, claims, cells, fits and verdicts; the command line. Names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.catalogue.claims import Claim, Design
    from experiments.catalogue.instances import Instance, get_instance
    from experiments.catalogue.shipped_claims import stated_claims
    from experiments.comparison.compare_learning import Comparison, compare_learning
    from experiments.rates.run_claims import RateResults, run_claims
    from experiments.statistics.power_law import PowerLawFit, fit_power_law
    from experiments.statistics.verdicts import Verdict, judge, judge_family
    from experiments.studies.variance import compare_variance

_HOMES = {
    "Claim": "catalogue.claims",
    "Comparison": "comparison.compare_learning",
    "Design": "catalogue.claims",
    "Instance": "catalogue.instances",
    "PowerLawFit": "statistics.power_law",
    "RateResults": "rates.run_claims",
    "Verdict": "statistics.verdicts",
    "compare_learning": "comparison.compare_learning",
    "compare_variance": "studies.variance",
    "fit_power_law": "statistics.power_law",
    "get_instance": "catalogue.instances",
    "judge": "statistics.verdicts",
    "judge_family": "statistics.verdicts",
    "run_claims": "rates.run_claims",
    "stated_claims": "catalogue.shipped_claims",
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
