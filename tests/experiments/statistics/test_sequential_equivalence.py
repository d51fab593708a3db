"""Ratios judged at several looks: what is asked for, what is settled, and how often a wrong call is made."""

from __future__ import annotations

import numpy as np

from experiments.statistics.equivalence import RatioEstimate
from experiments.statistics.sequential_equivalence import LOOKS, Equality, judge_equalities


def test_clear_ratios_are_settled_at_once_and_the_rest_asks_for_more():
    asked = []

    def measure(names, before, look):
        asked.append((tuple(names), before, look))
        error = 0.03 / np.sqrt(look)
        ratios = {"one": 1.0, "off": 1.3, "between": 1.05}
        return {n: RatioEstimate(ratios[n], 0.001 if n == "one" else error, 100 * look) for n in names}

    found = judge_equalities(dict.fromkeys(("one", "off", "between"), 0.05), measure)
    assert list(found.values()) == [Equality.EXACT, Equality.VIOLATED, Equality.UNDECIDED]
    assert asked == [
        (("one", "off", "between"), 0, 1),
        (("between",), LOOKS[0], LOOKS[1]),
        (("between",), LOOKS[1], LOOKS[2]),
    ]


def test_wrong_calls_on_the_boundary_stay_below_their_level():
    """Families of five ratios on the boundary, 500 times: either error has probability at most 5%.

    False alarm of this test: each count is below 5% in truth, and 4.6 standard errors lie up to 9.5%: below 1e-5.
    """
    rng, wrong = np.random.default_rng(3), {Equality.EXACT: 0, Equality.VIOLATED: 0}
    for _ in range(500):
        noise = {str(k): rng.normal(size=4) for k in range(5)}

        def measure(names, before, look, noise=noise):
            return {n: RatioEstimate(1.05 + 0.01 * noise[n][:look].mean(), 0.01 / np.sqrt(look), 10**6) for n in names}

        found = set(judge_equalities(dict.fromkeys(noise, 0.05), measure).values())
        for error in wrong:
            wrong[error] += error in found
    assert all(0.005 < count / 500 < 0.095 for count in wrong.values()), wrong
