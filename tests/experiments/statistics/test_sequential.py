from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from experiments.statistics.power_law import fit_power_law
from experiments.statistics.sequential import SequentialPlan, judge_batch, judge_sequentially, look_p_values
from experiments.statistics.verdicts import Outcome, judge_family, p_values
from theory.errors import InputError

GRID = (1e2, 1e3, 1e4, 1e5)
PLAN = SequentialPlan((8, 16, 32))


@dataclass(frozen=True)
class Stated:
    name: str
    exponent: float = -0.5
    margin: float = 0.05
    two_sided: bool = True
    limit: Literal["infinity", "zero"] = "infinity"
    grid: tuple[float, ...] = GRID


@dataclass
class Laboratory:
    """Replicates drawn beforehand, and a log of who asked for which."""

    tables: dict[str, NDArray[np.float64]]
    log: list[tuple[list[str], int, int]] = field(default_factory=list)

    def measure(self, claims: list[Stated], first: int, last: int) -> list[NDArray[np.float64]]:
        self.log.append(([claim.name for claim in claims], first, last))
        return [self.tables[claim.name][:, first:last] for claim in claims]


def table(rng: np.random.Generator, slope: float, relative_sd: float, n_replicates: int = 32) -> NDArray[np.float64]:
    shape = relative_sd**-2
    return np.array(GRID)[:, None] ** slope * rng.gamma(shape, 1 / shape, (len(GRID), n_replicates))


def laboratory(seed: int, **slopes: tuple[float, float]) -> tuple[list[Stated], Laboratory]:
    rng = np.random.default_rng(seed)
    return [Stated(name) for name in slopes], Laboratory({name: table(rng, *law) for name, law in slopes.items()})


def test_only_undecided_claims_get_more_replicates() -> None:
    claims, lab = laboratory(1, clear=(-0.5, 0.01), border=(-0.45, 0.5), broken=(0.0, 0.01))
    clear, border, broken = judge_sequentially(claims, lab.measure, PLAN)
    assert lab.log == [(["clear", "border", "broken"], 0, 8), (["border"], 8, 16), (["border"], 16, 32)]
    assert (clear.verdict.outcome, clear.verdict.tight, clear.n_looks) == (Outcome.HOLDS, True, 1)
    assert (broken.verdict.outcome, broken.n_looks) == (Outcome.VIOLATED, 1)
    assert (border.verdict.outcome, border.n_looks) == (Outcome.UNDECIDED, 3)
    assert border.verdict.reason.startswith("cap of 32 replicates reached: slope ")
    np.testing.assert_array_equal(clear.values, lab.tables["clear"][:, :8])
    np.testing.assert_array_equal(border.values, lab.tables["border"])
    for result in (clear, border, broken):
        assert repr(result.fit) == repr(fit_power_law(GRID, result.values))  # nan is not nan
        assert result.verdict.slope == result.fit.slope


def test_one_look_is_the_plain_family() -> None:
    claims, lab = laboratory(2, a=(-0.5, 0.1), b=(-0.44, 0.2), c=(-0.3, 0.1), d=(-0.47, 0.1))
    results = judge_sequentially(claims, lab.measure, SequentialPlan((32,)))
    plain = judge_family([result.fit for result in results], claims)
    for result, verdict in zip(results, plain, strict=True):
        assert (result.verdict.outcome, result.verdict.tight) == (verdict.outcome, verdict.tight)
        assert (result.verdict.p_holds, result.verdict.p_violated, result.verdict.p_tight) == pytest.approx(
            (verdict.p_holds, verdict.p_violated, verdict.p_tight)
        )


def test_levels_spend_alpha_and_no_more() -> None:
    assert SequentialPlan((8,)).levels == (0.05,)
    assert SequentialPlan((8, 16)).levels == (0.025, 0.025)
    assert SequentialPlan((8, 16, 32), 0.04).levels == (0.02, 0.01, 0.01)
    for n_looks in range(1, 12):
        levels = SequentialPlan(tuple(range(2, 2 * n_looks + 2, 2))).levels
        assert sum(levels) == pytest.approx(0.05, rel=1e-12)
        assert all(early >= late > 0 for early, late in pairwise(levels))


def test_a_second_look_by_hand() -> None:
    """Three claims: one HOLDS and one is VIOLATED at the first look; the third is left with the factors by hand.

    At the second look, of half of alpha: HOLDS counts the claims not called HOLDS (2), VIOLATED those not called
    VIOLATED (2), tightness those not called TIGHT (2); HOLDS and VIOLATED have half of the error each.
    """
    claims, lab = laboratory(3, clear=(-0.5, 0.01), broken=(0.0, 0.01), border=(-0.47, 0.3))
    *_, border = judge_sequentially(claims, lab.measure, SequentialPlan((8, 16)))
    assert border.n_looks == 2
    raw = p_values(border.fit, claims[2])
    assert border.verdict.p_holds == pytest.approx(min(1, raw.holds * 2 * 2 / 0.5))
    assert border.verdict.p_violated == pytest.approx(min(1, raw.violated * 2 * 2 / 0.5))
    assert border.verdict.p_tight == pytest.approx(min(1, raw.tight * 2 / 0.5))
    assert 0.05 < border.verdict.p_holds < 1  # so that the factors show


def test_tightness_can_ask_for_more_without_touching_the_verdict() -> None:
    """A claim that holds at the first look goes on until it is tight, or, steeper than stated, to the cap."""
    claims, lab = laboratory(4, attained=(-0.52, 0.16), steeper=(-0.7, 0.05))
    first = judge_sequentially(claims, lab.measure, PLAN)
    again = judge_sequentially(claims, lab.measure, SequentialPlan((8, 16, 32), until_tight=True))
    assert [result.n_looks for result in first] == [1, 1]
    assert not first[0].verdict.tight
    assert again[0].verdict.tight
    assert again[0].n_looks in (2, 3)
    assert (again[1].n_looks, again[1].verdict.tight) == (3, False)
    for before, after in zip(first, again, strict=True):
        assert before.verdict.outcome is after.verdict.outcome is Outcome.HOLDS
        assert before.verdict.p_holds == after.verdict.p_holds


def test_a_claim_may_have_a_scale_of_its_own() -> None:
    assert PLAN.scaled(4) == (4, 8, 16)
    claims, lab = laboratory(1, border=(-0.45, 0.5))

    def measure(asked: list[Stated], first: int, last: int) -> list[NDArray[np.float64]]:
        return lab.measure(asked, first // 2, last // 2)

    (result,) = judge_sequentially(claims, measure, PLAN)
    assert result.values.shape == (len(GRID), 16)
    assert "cap of 16 replicates" in result.verdict.reason


def test_exact_values_are_settled_at_the_first_look() -> None:
    exact = np.array(GRID)[:, None] ** [[-0.5]]
    (result,) = judge_sequentially([Stated("exact")], Laboratory({"exact": exact}).measure, PLAN)
    assert (result.verdict.outcome, result.verdict.tight, result.n_looks) == (Outcome.HOLDS, True, 1)


def test_no_claims_no_measurement() -> None:
    lab = Laboratory({})
    assert judge_sequentially([], lab.measure, PLAN) == []
    assert lab.log == []


@settings(deadline=None)  # the first fit imports statsmodels
@given(
    seed=st.integers(0, 2**32 - 1),
    until_tight=st.booleans(),
    spread=st.sampled_from([0.02, 0.1, 0.3]),
    asked=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_batch_makes_the_calls_of_the_scalar_rule(
    seed: int, until_tight: bool, spread: float, asked: list[bool]
) -> None:
    """Claims near both edges, above and below; one with the limit at zero."""
    rng = np.random.default_rng(seed)
    plan = SequentialPlan((4, 8, 16), until_tight=until_tight)
    claims = [Stated(str(k), two_sided=two_sided) for k, two_sided in enumerate(asked)]
    claims[-1] = Stated("3", 1.0, two_sided=asked[-1], limit="zero")
    truths = rng.choice([-0.56, -0.5, -0.46, -0.44], 4) + np.array([0, 0, 0, 1.5])
    lab = Laboratory({claim.name: table(rng, truths[k], spread, 16) for k, claim in enumerate(claims)})
    results = judge_sequentially(claims, lab.measure, plan)
    raw = np.empty((3, 3, 4))
    for row, last in enumerate(plan.looks):
        for k, claim in enumerate(claims):
            p = p_values(fit_power_law(GRID, lab.tables[claim.name][:, :last]), claim)
            raw[row, :, k] = p.holds, p.violated, p.tight
    called, n_looks = judge_batch(raw, asked, plan)
    verdicts = [result.verdict for result in results]
    assert called[0].tolist() == [verdict.outcome is Outcome.HOLDS for verdict in verdicts]
    assert called[1].tolist() == [verdict.outcome is Outcome.VIOLATED for verdict in verdicts]
    assert called[2].tolist() == [verdict.tight for verdict in verdicts]
    assert n_looks.tolist() == [result.n_looks for result in results]
    stacked, _ = judge_batch(np.stack([raw, raw], axis=2), asked, plan)
    assert (stacked == called[:, None]).all()


@pytest.mark.parametrize("looks", [(), (1,), (8, 8), (16, 8), (8, 20), (0, 8)])
def test_bad_looks_are_refused(looks: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="looks must be increasing multiples of a first look of at least 2"):
        SequentialPlan(looks)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 5.0])
def test_bad_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match="alpha must lie strictly between 0 and 1/2"):
        SequentialPlan((8,), alpha)


@pytest.mark.parametrize("said", [0, 1])
def test_a_call_of_one_kind_stays_in_the_family_of_the_other_as_never_called(said: int) -> None:
    """Three claims, one called: Holm takes 3 times the smallest p of the other kind, and 2 times that of its own."""
    called = np.zeros((3, 3), dtype=bool)
    called[said, 1] = True
    raw = np.full((3, 3), 0.01)
    for share in (1.0, 0.5):
        found = look_p_values(raw, called, [False, True, True], share)
        np.testing.assert_allclose(found[said], [2 * 0.02 / share, 0.0, 2 * 0.02 / share], rtol=1e-12)
        np.testing.assert_allclose(found[1 - said], [2 * 0.03 / share, 1.0, 2 * 0.03 / share], rtol=1e-12)
        np.testing.assert_allclose(found[2], [0.01 / share, 0.02 / share, 0.02 / share], rtol=1e-12)
    called[2, 1] = True
    tight = look_p_values(raw, called, [True, True, True], 1.0)[2]
    np.testing.assert_allclose(tight, [0.02, 0.0, 0.02], rtol=1e-12)


def test_a_p_value_at_alpha_itself_is_a_call_in_a_batch_as_for_one_claim() -> None:
    """Powers of 1/2 have no rounding: one look, alpha = 1/16, and p = 1/32 in a family of one."""
    plan = SequentialPlan((8,), alpha=1 / 16)
    above = float(np.nextafter(1 / 32, 1))
    raw = np.array([[[1 / 32], [above], [1.0], [1.0]], [[1.0], [1.0], [1 / 32], [above]], [[1.0]] * 4])[None]
    called, looks = judge_batch(raw, [False], plan)
    assert called[0].ravel().tolist() == [True, False, False, False]
    assert called[1].ravel().tolist() == [False, False, True, False]
    assert looks.ravel().tolist() == [1, 1, 1, 1]
