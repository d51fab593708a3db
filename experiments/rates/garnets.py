"""Shares of the verdicts on random garnets, none selected: seeds 0 to 23, with the circular policy."""

from __future__ import annotations

import pandas as pd

from experiments.catalogue.methods import methods_named
from experiments.rates.floor_claims import METHODS, RANDOM
from experiments.rates.own_claims import OwnClaims, claims_on
from experiments.rates.run_claims import RateResults, run_claims
from experiments.running.execution import Execution
from experiments.statistics.verdicts import Outcome
from theory.errors import InputError
from theory.rates import Axis

AXES: tuple[Axis, ...] = ("T", "N", "M")
TIGHT = "TIGHT"
# What a claim can come to; TIGHT also holds, and is counted apart.
CALLS = (TIGHT, *(str(each) for each in Outcome))


def garnet_claims(method: str = "all", axis: str = "all", execution: Execution | None = None) -> OwnClaims:
    """T, N and M claims of ZPG and ZBCPG with K = 1, 3 and d on 24 random garnets, with windows by the rule.

    Parameters
    ----------
    method : str
        One of these methods, a family, or all.
    axis : {"T", "N", "M", "all"}
    execution : Execution, optional

    Raises
    ------
    InputError
        If the family has no such claims.
    """
    methods = [name for name in methods_named(method) if name in METHODS]
    axes = [each for each in AXES if axis in (each, "all")]
    if not methods or not axes:
        raise InputError(
            f"the random garnets have claims of {', '.join(METHODS)} on the axes {', '.join(AXES)}, "
            f"got method {method} and axis {axis}"
        )
    return claims_on(RANDOM, methods, axes, two_sided=True, execution=execution)


def run_garnets(method: str = "all", axis: str = "all", execution: Execution | None = None) -> RateResults:
    """Run the claims of `garnet_claims`, one family of their own. Replicates do not depend on the preset."""
    found = garnet_claims(method, axis, execution)
    return run_claims(found.claims, inapplicable=found.inapplicable, execution=execution)


def shares(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Count and share of every call, per axis and method: columns ``axis, method, title, call, count, share``.

    Parameters
    ----------
    verdicts : DataFrame
        Of `RateResults`.
    """
    calls = verdicts["outcome"].astype(str).mask(verdicts["tight"].astype(bool), TIGHT)
    keys = ["axis", "method", "title"]
    table = verdicts[keys].assign(call=pd.Categorical(calls, CALLS))
    counts = table.groupby([*keys, "call"], observed=False, sort=False).size().rename("count").reset_index()
    counts = counts[counts.groupby(keys, sort=False)["count"].transform("sum") > 0]
    total = counts.groupby(keys, sort=False)["count"].transform("sum")
    return counts.assign(call=counts["call"].astype(str), share=counts["count"] / total).reset_index(drop=True)
