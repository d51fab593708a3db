"""How to ask for a number of votes: stationary floors at equal votes an iteration, predicted and measured.

Panels of M raters a pair and votes until the first disagreement share one budget of votes: N is the number of pairs
that it pays for. Readings also differ in how far the mean step moves (Haldane-Anscombe shrinks that of a small panel,
and the trim stretches it). A smaller step has a lower floor and is slower. So floors are shown both at the same step
size and at the step size with the same mean step near the optimum as the reading without bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from estimators import LocalModel, ZerothOrder
from estimators.feedback import preferences
from experiments.catalogue.instance import Instance, at_optimum
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method, Oracle
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.run_floors import run_floors
from experiments.running.execution import Execution
from theory import HaldaneAnscombe

# Steps along all coordinates, so that all directions can be listed; radius and step size as in the claims on floors.
METHOD, RADIUS, STEP_SIZE = "zbcpg-d", 0.3, 0.2
VOTES = 1e6
PANELS = (1, 3, 5, 25)
REPLICATES = 64
INSTANCES = {"logistic": "circular", "cloglog": "circular-cloglog"}

Reading = Literal["until", "trimmed", "Haldane-Anscombe"]
Order = Literal["fixed", "random"]
SAME_STEP, SAME_DRIFT = "same step size", "same mean step"


@dataclass(frozen=True)
class Asking:
    """One way to ask the raters of one link and to read their votes.

    Attributes
    ----------
    link : str
        ``logistic`` or ``cloglog``.
    reading : {"until", "trimmed", "Haldane-Anscombe"}
    order : {"fixed", "random"}
        Of the two trajectories of a pair.
    n_queries : int
        M; not used until the first disagreement.
    """

    link: str
    reading: Reading
    order: Order
    n_queries: int

    @property
    def on(self) -> Instance:
        """The instance with this link."""
        return find("instance", INSTANCES[self.link])

    def hear(self, oracle: Oracle) -> Oracle:
        """The oracle, asked and read in this way."""
        if self.reading == "until":
            return oracle.until_disagreement()
        read = oracle.reading(HaldaneAnscombe()) if self.reading == "Haldane-Anscombe" else oracle
        return read.in_random_order() if self.order == "random" else read

    @property
    def method(self) -> Method:
        """The method that asks in this way."""
        plain = find("method", METHOD)

        def build(dim: int, oracle: Oracle, knob: Any) -> Any:
            return plain.build(dim, self.hear(oracle), knob)

        return replace(plain, name=f"{METHOD} {self}", build=build, look=None)

    def __str__(self) -> str:
        panel = "" if self.reading == "until" else f", M = {self.n_queries}, {self.order} order"
        return f"{self.link}, {self.reading}{panel}"


@dataclass(frozen=True)
class Priced:
    """A way to ask with what it costs and how far it moves.

    Attributes
    ----------
    asking : Asking
    votes_per_pair : float
        Expected, at the optimum.
    n_pairs : int
        Pairs an iteration that the votes pay for.
    drift : float
        Trace of the derivative of the mean step where it is 0.
    """

    asking: Asking
    votes_per_pair: float
    n_pairs: int
    drift: float


def ways_to_ask(panels: Sequence[int] = PANELS) -> list[Asking]:
    """Until the first disagreement, and panels in both readings. Under a symmetric link the order does not matter."""
    orders: dict[str, tuple[Order, ...]] = {"logistic": ("fixed",), "cloglog": ("fixed", "random")}
    readings: tuple[Reading, ...] = ("trimmed", "Haldane-Anscombe")
    return [
        asking
        for link, of_link in orders.items()
        for asking in (
            Asking(link, "until", "fixed", 1),
            *(Asking(link, reading, order, m) for order in of_link for reading in readings for m in panels),
        )
    ]


def price(asking: Asking, votes: float = VOTES) -> Priced:
    """What a way to ask costs and how far it moves, exactly."""
    on = asking.on
    optimum = at_optimum(on).start
    estimator = asking.method.build(on.policy.dim, preferences(1, asking.n_queries, on.link), np.asarray(RADIUS))
    assert isinstance(estimator, ZerothOrder)
    # Rounded, since sums over laws of returns are 1 up to rounding.
    per_pair = round(float(estimator.expected_votes(on.mdp, on.policy, optimum)), 9)
    model = LocalModel.near(on.mdp, on.policy, estimator, optimum)
    return Priced(asking, per_pair, round(votes / per_pair), float(np.trace(model.linear.jacobian)))


def vote_floors(
    votes: float = VOTES,
    panels: Sequence[int] = PANELS,
    replicates: int = REPLICATES,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Floors of all ways to ask at equal expected votes an iteration, predicted, run and judged as claims on floors.

    Parameters
    ----------
    votes : float
        Votes an iteration.
    panels : sequence of int
        M.
    replicates : int
        Runs at the first look.
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per way to ask and step: ``link, reading, order``, ``votes_per_pair`` (M, or the expected number),
        ``step`` (same step size or same mean step), ``drift`` (mean step at the same step size over that of the reading
        without bias), ``n_pairs``, ``step_size``, ``predicted``, ``measured``, ``ratio`` with 95% limits,
        ``next_order``, ``mixing``, ``replicates``, ``outcome`` and ``reason``. A floor outside the linear regime of the
        law is NOT APPLICABLE and has no numbers.
    """
    priced = [price(asking, votes) for asking in ways_to_ask(panels)]
    unbiased = {each.asking.link: each.drift for each in priced if each.asking.reading == "until"}
    claims, columns = [], []
    for each in priced:
        share = each.drift / unbiased[each.asking.link]
        # The reading without bias is what the others are compared with.
        sizes = {SAME_DRIFT: STEP_SIZE / share}
        if each.asking.reading != "until":
            sizes[SAME_STEP] = STEP_SIZE
        for step, size in sizes.items():
            claims.append(_claim(each, step, size, replicates))
            columns.append(_columns(each, step, share))
    rows = run_floors(claims, execution=execution).rows
    kept = [
        *("n_pairs", "step_size", "predicted", "measured", "ratio", "ratio_low", "ratio_high"),
        *("next_order", "mixing", "replicates", "outcome", "reason"),
    ]
    return pd.concat([pd.DataFrame(columns), rows[kept].reset_index(drop=True)], axis=1)


def _claim(each: Priced, step: str, size: float, replicates: int) -> FloorClaim:
    asking = each.asking
    return FloorClaim(
        f"{asking}, {step}",
        asking.method,
        INSTANCES[asking.link],
        each.n_pairs,
        asking.n_queries,
        RADIUS,
        size,
        replicates=replicates,
    )


def _columns(each: Priced, step: str, share: float) -> dict[str, object]:
    asking = each.asking
    words = {"link": asking.link, "reading": asking.reading, "order": asking.order}
    return words | {"votes_per_pair": each.votes_per_pair, "step": step, "drift": share}
