"""Limits are those that the documentation of their functions states."""

from __future__ import annotations

from typing import Any

import pytest

from estimators import Blocks, Dpo, ZerothOrder, direction_rules, directions, dpo, preference_data, zeroth_order
from experiments.statistics import intervals, power_law
from theory import TabularMDP, UntilDisagreement, dpo_loss, enumeration, reward_lattice, until_disagreement, votes

STATED = {
    "trajectories": (enumeration.LARGEST_ENUMERATION, "10,000", 10_000, dpo_loss.population_loss),
    "lattice": (reward_lattice.LARGEST_LATTICE, "10,000", 10_000, TabularMDP.reward_lattice.func),  # type: ignore[attr-defined]
    "run": (until_disagreement.LONGEST_RUN, "20,000", 20_000, UntilDisagreement.longest_run),
    "count": (votes.LARGEST_COUNT, "2^62", 2**62, votes.require_count),
    "support": (direction_rules.LARGEST_SUPPORT, "5,000", 5000, direction_rules.direction_rule),
    "drawn": (direction_rules.N_SAMPLED, "1,024", 1024, direction_rules.direction_rule),
    "degree": (direction_rules.LARGEST_FIFTH_DEGREE, "above 20", 20, direction_rules.direction_rule),
    "blocks": (directions.ENUMERABLE, "10^6", 10**6, Blocks.support),
    "moments": (zeroth_order.N_SAMPLED_DIRECTIONS, "2048", 2048, ZerothOrder.moments),
    "search": (dpo.LONGEST_SEARCH, "100 iterations", 100, Dpo),
    "flips": (intervals.MOST_ENUMERATED, "20 samples", 20, intervals.sign_flip_test),
    "drawn flips": (2 * intervals.N_DRAWN, "2^18", 2**18, intervals.sign_flip_test),
    "resolution": (intervals.RESOLUTION, "1e-4", 1e-4, intervals.paired_differences),
    "quarter": (preference_data.GROWTH, "a quarter", 1.25, preference_data.PreferenceBuffer.has_grown),
    "level": (power_law.TWO_SIDED_LEVEL, "95%", 0.95, power_law.PowerLawFit.ci_low.fget),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("name", STATED)
def test_a_limit_is_the_one_that_is_stated(name: str) -> None:
    limit, words, number, where = STATED[name]
    documented: Any = where
    assert limit == number
    assert words in " ".join(documented.__doc__.split())
