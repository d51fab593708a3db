"""Link-inversion bias: of order 1/M inside the range of differences, and 1/sqrt(M) where the trim acts at the mean.

Runs hardly show a wrong link or a crude trim. Both distort the differences of returns monotonically, and the optimum
hardly moves. The bias of one estimate shows them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from experiments.catalogue.links import HORIZON, boundary_model, scaled_link
from experiments.rates.exact_claim import ExactClaim
from theory import LINKS, Probit, Trimmed, VoteModel
from theory.votes import bias_at

DELTA_METHOD = "delta method for the inverted link, trim below sigma(-H)"

# The rarest vote has probability 0.003 (complementary log-log), and its expected count must be large.
VOTES = tuple(2.0**k for k in range(12, 19))
# The inverse of the linear link has no curvature, so its bias inside the range falls faster than any power.
CURVED = tuple(name for name in LINKS if name != "linear")


def largest_bias(model: Callable[[int], VoteModel], n_queries: float) -> float:
    """Largest |b_M| over the differences -H, -H/2, H/2 and H, for a model of M votes."""
    differences = HORIZON * np.array([-1.0, -0.5, 0.5, 1.0])
    return float(np.abs(bias_at(model(int(n_queries)), differences, HORIZON)).max())


def boundary_bias(link: str, n_queries: float, *, repeated: bool = False) -> float:
    """|b_M| with the trim and the difference on the boundary of the range."""
    model, difference = boundary_model(link, int(n_queries))
    return float(np.abs(bias_at(replace(model, repeated=repeated), difference, HORIZON)))


def inversion_claims(*, repeated: bool = False) -> list[ExactClaim]:
    """Claims inside the range, for links with curvature, and at the trim, for every link.

    `repeated` plants a fault: the vote of one rater, repeated M times.
    """
    reason = "the trim lies below every probability that occurs"
    models = {link: partial(VoteModel, scaled_link(link), repeated=repeated) for link in CURVED}
    inside = [_inside(f"inversion bias, {link}", model, reason, two_sided=True) for link, model in models.items()]
    return inside + [_at_the_trim(link, repeated=repeated) for link in LINKS]


def inversion_controls() -> list[ExactClaim]:
    """Claims with a fault: raters with another link, a trim inside the range, one rater repeated. The bias stays."""
    link = scaled_link("logistic")
    faults: dict[str, Callable[[int], VoteModel]] = {
        "control: raters use probit": lambda n: VoteModel(link, n, rater_link=Probit(link.scale)),
        "control: trim at 0.2": lambda n: VoteModel(link, n, Trimmed(0.2, enforce=False)),
        "control: one rater repeated": lambda n: VoteModel(link, n, repeated=True),
    }
    reason = "inversion bias over the range of differences"
    return [_inside(name, model, reason, two_sided=False) for name, model in faults.items()]


def _inside(name: str, model: Callable[[int], VoteModel], reason: str, *, two_sided: bool) -> ExactClaim:
    measure = partial(largest_bias, model)
    return ExactClaim(name, "M", VOTES, -1.0, "infinity", two_sided, DELTA_METHOD, reason, measure)


def _at_the_trim(link: str, *, repeated: bool) -> ExactClaim:
    return ExactClaim(
        name=f"inversion bias at the trim, {link}",
        axis="M",
        grid=VOTES,
        exponent=-0.5,
        limit="infinity",
        two_sided=True,
        source="stated inversion bias sqrt(log M / M), attained when the trim acts at the mean",
        reason="difference and trim both on the boundary of the range",
        measure=partial(boundary_bias, link, repeated=repeated),
    )
