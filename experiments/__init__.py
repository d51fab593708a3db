"""Instances, methods, claims, rate checks and comparisons. Names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.catalogue.claims import Claim, Setup
    from experiments.catalogue.instance import Instance
    from experiments.catalogue.lookup import find
    from experiments.catalogue.method import Look, Method
    from experiments.catalogue.method_builders import perturbing
    from experiments.catalogue.setting_grid import SettingGrid
    from experiments.catalogue.shipped_claims import stated_claims
    from experiments.comparison.budget import Budget
    from experiments.comparison.compare_learning import Comparison, compare_learning
    from experiments.contracts.check_component import check_component
    from experiments.planning.guess import Guess
    from experiments.planning.plan import Plan, plan_budget
    from experiments.planning.settings import Limits, Prices
    from experiments.rates.run_claims import RateResults, run_claims
    from experiments.running.execution import Execution
    from experiments.running.progress import show_progress
    from experiments.statistics.power_law import PowerLawFit, fit_power_law
    from experiments.statistics.verdicts import Verdict, judge, judge_family
    from experiments.studies.plan_validation import validate_plans
    from experiments.studies.variance import compare_variance

_HOMES = {
    "Budget": "comparison.budget",
    "Claim": "catalogue.claims",
    "Comparison": "comparison.compare_learning",
    "Execution": "running.execution",
    "Guess": "planning.guess",
    "Instance": "catalogue.instance",
    "Limits": "planning.settings",
    "Look": "catalogue.method",
    "Method": "catalogue.method",
    "Plan": "planning.plan",
    "PowerLawFit": "statistics.power_law",
    "Prices": "planning.settings",
    "RateResults": "rates.run_claims",
    "SettingGrid": "catalogue.setting_grid",
    "Setup": "catalogue.claims",
    "Verdict": "statistics.verdicts",
    "check_component": "contracts.check_component",
    "compare_learning": "comparison.compare_learning",
    "compare_variance": "studies.variance",
    "find": "catalogue.lookup",
    "fit_power_law": "statistics.power_law",
    "judge": "statistics.verdicts",
    "judge_family": "statistics.verdicts",
    "perturbing": "catalogue.method_builders",
    "plan_budget": "planning.plan",
    "run_claims": "rates.run_claims",
    "show_progress": "running.progress",
    "stated_claims": "catalogue.shipped_claims",
    "validate_plans": "studies.plan_validation",
}

__all__ = [
    "Budget",
    "Claim",
    "Comparison",
    "Execution",
    "Guess",
    "Instance",
    "Limits",
    "Look",
    "Method",
    "Plan",
    "PowerLawFit",
    "Prices",
    "RateResults",
    "SettingGrid",
    "Setup",
    "Verdict",
    "check_component",
    "compare_learning",
    "compare_variance",
    "find",
    "fit_power_law",
    "judge",
    "judge_family",
    "perturbing",
    "plan_budget",
    "run_claims",
    "show_progress",
    "stated_claims",
    "validate_plans",
]


def __getattr__(name: str) -> Any:
    # The command line must answer --help before pandas and statsmodels could be imported.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
