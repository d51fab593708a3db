"""The full contract of a link, on a fine grid, and of what reads votes with one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.catalogue.required.inversion import HORIZON, LINKS, inversion_outcomes
from experiments.catalogue.required.link import link_outcomes
from experiments.catalogue.required.outcome import CheckOutcome, run_checks
from experiments.contracts.common import pickle_outcome, unchanged_outcome
from theory import ComplementaryLogLog, InputError, Link, Logistic

FINE_GRID = 20_001
VOTES = (1, 2, 3, 4, 7, 16, 50, 201)
SKEWED = tuple(ComplementaryLogLog(link.scale) for link in LINKS)
SHARES = np.linspace(0.45, 0.55, 11)


def fine_link_outcomes(link: Any, horizon: float | None = None) -> Iterator[CheckOutcome]:
    """Check a link as the quick checks do, on a grid fifty times as fine."""
    return link_outcomes(link, horizon, FINE_GRID)


def link_contract(link: Link, seed: int) -> Iterator[CheckOutcome]:  # noqa: ARG001  (nothing is drawn)
    """Check a link that has passed the checks on a fine grid."""
    yield from run_checks((_link_unchanged, _link_pickles), link, gates=0)


def _link_unchanged(link: Link) -> Iterator[CheckOutcome]:
    def all_four(x: Any, p: Any) -> None:
        link.probability(x)
        link.derivative(x)
        link.second_derivative(x)
        link.inverse(p)

    yield unchanged_outcome(all_four, {"x": SHARES - 0.5, "p": SHARES})


def _link_pickles(link: Link) -> Iterator[CheckOutcome]:
    yield pickle_outcome(link, lambda one: one.probability(SHARES - 0.5))


def inversion_contract(inversion: Any, seed: int) -> Iterator[CheckOutcome]:  # noqa: ARG001  (nothing is drawn)
    """Check an inversion that has passed the quick checks: more numbers of votes, a link that is not symmetric."""
    for outcome in inversion_outcomes(inversion, VOTES, SKEWED):
        yield replace(outcome, name=f"skewed link: {outcome.name}")
    yield from run_checks((_inversion_unchanged, _inversion_pickles), inversion, gates=0)


def _inversion_unchanged(inversion: Any) -> Iterator[CheckOutcome]:
    link = _accepted(inversion)

    def all_three(counts: Any, shares: Any) -> None:
        inversion.values(link, counts, 10, HORIZON)
        inversion.limit(link, shares, HORIZON)
        inversion.clips(link, shares, HORIZON)

    yield unchanged_outcome(all_three, {"counts": np.arange(11.0), "shares": SHARES})


def _inversion_pickles(inversion: Any) -> Iterator[CheckOutcome]:
    link = _accepted(inversion)
    yield pickle_outcome(inversion, lambda one: one.values(link, np.arange(11.0), 10, HORIZON))


def _accepted(inversion: Any) -> Link:
    """The first link that the inversion accepts; the last one if it accepts none."""
    for link in LINKS:
        try:
            inversion.check(link, HORIZON)
        except InputError:
            continue
        return link
    return Logistic(500.0 * HORIZON)
