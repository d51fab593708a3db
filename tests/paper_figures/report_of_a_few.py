"""A few cheap claims of every kind, among them a hostile name, a planted fault, and a claim that does not hold."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.catalogue.claims import Claim, Setup
from experiments.catalogue.shipped_claims import certificate_checks
from experiments.commands.rate_runs import Asked, Found
from experiments.rates.exact_claims import exact_controls
from experiments.rates.floor_verdicts import FloorOutcome
from experiments.rates.own_claims import Inapplicable
from experiments.rates.run_claims import RateResults, run_claims
from experiments.rates.run_curves import CurveResults
from experiments.rates.run_energy import EnergyResults
from experiments.rates.run_floors import FloorResults
from experiments.rates.windows import Fixed
from experiments.running.execution import Execution
from paper_figures.report.build import page_of
from paper_figures.report.drawings import Drawing
from paper_figures.report.page import Page
from theory import STATED_RATE

HOSTILE = "<script>alert('x')</script> & \"T\""
WRONG, CAUGHT, SPARED = "says too much", "control: says too much", "nothing to judge"
ASKED = Asked("quick", "all", "all", [HOSTILE], None, Fixed(), False, True)
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
DRAWING = Drawing("dot", HOSTILE, f"A dot. {HOSTILE}", DOT, "zpg figures --only dot")


# Of a run; only what the page reads.
_AT = {"kind": "claim", "method": "zpg", "instance": "circular", "link": "Logistic(scale=1.0)", "n_pairs": 1e4}
_AT |= {"n_queries": 5, "radius": 0.3, "step_size": 0.2, "mixing": 11, "replicates": 256, "outcome": FloorOutcome.EXACT}
_RATIO = {"ratio": 1.006, "ratio_low": 0.991, "ratio_high": 1.02}
_FLOOR = {"measured": 0.0037, "predicted": 0.0036, "bias_part": 1e-5, "skewness": 0.18, "next_order": -0.002}
_CURVE = {"measured": 0.0062, "predicted": 0.0063, "mixing_times": 0.25, "distance": 4.0, "reason": ""}


@cache
def found() -> Found:
    """Results of the claims, worked out once in a process."""
    return Found(_rates(), FloorResults(_floors()), CurveResults(_curves()), EnergyResults(_balances()))


def _rates() -> RateResults:
    setup, faulty = Setup(1, radius=0.01, step_scale=10.0), exact_controls()[0]
    sound = Claim(HOSTILE, "zpg", "bandit", "T", (64, 128, 256), setup, STATED_RATE, 4, False, "no noise")
    return run_claims(
        [sound],
        certificate_checks("zpg", ["bandit"]),
        exact=[replace(faulty, name=WRONG)],
        exact_controls=[replace(faulty, name=CAUGHT)],
        inapplicable=[Inapplicable(SPARED, "zpg", "bandit", "N", "no optimum")],
        execution=Execution(jobs=1),
    )


def _floors() -> pd.DataFrame:
    unknown = dict.fromkeys((*_FLOOR, *_RATIO, "reduced", "reduced_low", "reduced_high"), np.nan)
    outside = {"outcome": FloorOutcome.NOT_APPLICABLE, "reason": "outside the linear regime", "replicates": 0}
    judged = _AT | unknown | _FLOOR | _RATIO | {"claim": "floor zpg", "reason": ""}
    # A planted fault that is not caught. Its number comes before that of the balance below if sorted as text.
    missed = {"claim": "control: floor", "kind": "control", "ratio": 10.5}
    return pd.DataFrame([judged, _AT | unknown | outside | {"claim": "floor far"}, judged | missed])


def _curves() -> pd.DataFrame:
    first = _AT | _CURVE | _RATIO | {"claim": "curve zpg", "iteration": 4}
    last = {"iteration": 53, "ratio": 0.975, "ratio_low": 0.951, "ratio_high": 0.999}
    return pd.DataFrame([first, first | last, _AT | {"claim": "curve far", "distance": 4.0, "reason": "too far",
                                                     "outcome": FloorOutcome.NOT_APPLICABLE}])  # fmt: skip


def _balances() -> pd.DataFrame:
    steps = {"claim": "energy zpg T", "pull": 1.0, "ratio_first": 0.996, "ratio_second": 0.995, "ratio": 2.5}
    return pd.DataFrame([_AT | _RATIO | steps])


def page(folder: Path, date: str | None = None) -> Page:
    """Their page, with the tables that are in a folder."""
    return page_of(found(), ASKED, [DRAWING], folder, 0, date)
