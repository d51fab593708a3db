"""The rate checks as tests: every claim holds, every planted fault is caught, no certificate is exceeded.

The procedure calls any true claim VIOLATED with probability at most 2.5% over the whole family (half of alpha = 5%, by
Holm within a group-sequential rule, see `experiments.statistics.sequential`); the seed is fixed, so a failure is a
change of the code. What it can see: an exponent wrong by 0.05 to 0.08, depending on the axis (`zpg calibrate`).
"""

from __future__ import annotations

import pytest

from experiments.catalogue.shipped_claims import certificate_checks, controls, sharpened_claims, stated_claims
from experiments.rates.run_claims import RateResults, run_claims
from experiments.rates.variance_claims import variance_claims
from experiments.running.execution import Execution
from experiments.statistics.verdicts import Outcome

METHOD = "zpg"


def check(results: RateResults) -> None:
    verdicts = results.verdicts.set_index("claim")
    claims, planted = verdicts[verdicts["kind"] != "control"], verdicts[verdicts["kind"] == "control"]
    assert (claims["outcome"] == Outcome.HOLDS).all(), claims.loc[
        claims["outcome"] != Outcome.HOLDS, "reason"
    ].to_dict()
    asked = {claim.name for claim in (*stated_claims(), *sharpened_claims(), *variance_claims()) if claim.two_sided}
    tight = claims.loc[[name for name in claims.index if name in asked], "tight"]
    assert tight.all(), tight.to_dict()
    assert (planted["outcome"] == Outcome.VIOLATED).all(), planted["reason"].to_dict()
    assert (results.certificates["ratio"] < 1).all()
    assert results.passed


@pytest.mark.slow
def test_quick_family_of_zpg():
    """Without eps, which takes longest; the whole family has it."""
    circular = [claim for claim in stated_claims(method=METHOD) if claim.instance == "circular" and claim.axis != "eps"]
    claims = [*circular, *sharpened_claims(method=METHOD)]
    small = certificate_checks(METHOD, ["bandit", "risky-bandit", "chain"])
    check(run_claims(claims, small, controls=controls(), execution=Execution(seed=11, jobs=1)))


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_whole_family(preset):
    claims = [*stated_claims(preset), *sharpened_claims(preset)]
    sampled, how = variance_claims(preset), Execution(seed=12)
    results = run_claims(claims, certificate_checks(), sampled=sampled, controls=controls(preset), execution=how)
    check(results)
    informative = results.certificates[results.certificates["informative"]]
    assert len(informative) >= 30
    assert informative["instance"].nunique() >= 5
