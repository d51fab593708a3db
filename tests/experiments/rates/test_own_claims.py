"""Claims on an instance of a user's: windows by rule, reasons where there is none, and faults that are still seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from experiments.catalogue.claims import Setup
from experiments.catalogue.instance import Instance, default_link
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.rates import planted_faults
from experiments.rates.floor_prediction import LARGEST_NEXT_ORDER, predict_floor
from experiments.rates.own_claims import OwnClaims, checked, claims_on
from experiments.rates.run_claims import run_claims
from experiments.rates.run_floors import FloorOutcome, run_floors
from experiments.rates.windows import N_POINTS, Fixed, WindowTask, find_window
from experiments.running.execution import Execution
from experiments.statistics.verdicts import Outcome
from theory import InputError, TabularMDP, TabularSoftmax, policy_gradient

HOW = Execution(seed=3, jobs=1)


def test_a_window_in_n_is_linear_predicted_and_long_enough() -> None:
    """Every point of it has a law in its linear regime; the predicted slope is that of these floors."""
    (claim,) = claims_on(["circular"], ["zbcpg-3"], ["N"], execution=HOW).claims
    assert len(claim.grid) == N_POINTS
    where, method = find("instance", "circular"), find("method", "zbcpg-3")
    laws = [
        predict_floor(where, method, at.point.start or (), at.point, np.random.default_rng(0)) for at in claim.points()
    ]
    assert all(abs(law.next_order) <= LARGEST_NEXT_ORDER and not law.reason for law in laws)
    assert claim.setup.n_iterations >= 12 * max(law.mixing for law in laws)
    slope = np.polyfit(np.log(claim.grid), np.log([law.floor for law in laws]), 1)[0]
    assert claim.predicted == pytest.approx(slope, abs=1e-6)
    assert claim.exponent == -0.5
    assert not claim.two_sided


@pytest.mark.parametrize("axis", ["N", "M", "floor"])
def test_without_an_interior_optimum_it_says_so_in_one_line(axis: str) -> None:
    found = claims_on(["bandit"], ["zpg"], [axis], execution=HOW)
    assert (found.claims, found.floors) == ([], [])
    (spared,) = found.inapplicable
    assert "at infinity" in spared.reason
    assert "CircularPolicy" in spared.reason
    assert "\n" not in spared.reason
    results = run_claims([], inapplicable=[spared], execution=HOW)
    assert results.verdicts["outcome"].tolist() == [Outcome.NOT_APPLICABLE]
    assert not results.passed, "nothing was judged"


@pytest.mark.slow
def test_a_step_that_is_too_large_for_a_law_is_named() -> None:
    (spared,) = claims_on(["circular"], ["zbcpg-1"], ["N"], fixed=Fixed((1e6, 1e7), step_scale=30.0)).inapplicable
    assert "step_size must be below" in spared.reason


def test_what_a_user_fixes_is_kept() -> None:
    fixed = Fixed((1e5, 1e6), 700, 0.5, 1.5)
    (claim,) = claims_on(["circular"], ["zbcpg-1"], ["N"], fixed=fixed, execution=HOW).claims
    assert claim.grid == (1e5, 1e6)
    setup = claim.setup
    assert (setup.n_iterations, setup.step_scale, setup.radius_scale) == (700, 0.5, 1.5)


@pytest.mark.parametrize(
    ("axis", "fixed", "words"),
    [
        ("all", Fixed(grid=(1.0, 2.0)), "--grid must come with one axis"),
        ("all", Fixed(iterations=5), "--iterations must come with one axis"),
        ("T", Fixed(iterations=5), "--iterations has no meaning on axis T"),
        ("T", Fixed(radius_scale=2.0), "--radius-scale has no meaning on axis T"),
        ("N", Fixed(grid=(10.0,)), "at least 2 distinct positive numbers, got 10"),
        ("N", Fixed(grid=(10.5, 20.0)), "whole numbers along N, got 10.5,20"),
        ("N", Fixed(step_scale=-1.0), "--step-scale must be positive"),
        ("N", Fixed(iterations=1), "--iterations must be at least 2"),
    ],
)
def test_what_cannot_be_fixed_is_said_in_one_line(axis: str, fixed: Fixed, words: str) -> None:
    with pytest.raises(InputError, match=words) as raised:
        checked(axis, fixed)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_a_window_in_t_begins_where_exact_ascent_falls_as_one_over_t() -> None:
    """Another route: ascent by hand. One T earlier its local slope is still above -0.98."""
    window = find_window(WindowTask("risky-bandit", "zpg", "T", 0.05))
    where = find("instance", "risky-bandit")
    theta, norms, step = where.start, [], 0.5 / 0.05 / where.policy.dim
    for _ in range(int(2 * window.grid[0])):
        gradient = policy_gradient(where.mdp, where.policy, theta)
        norms.append(float(gradient @ gradient))
        theta = theta + step * gradient
    sums, first = np.cumsum(norms), int(window.grid[0])
    slopes = {t: math.log2(sums[2 * t - 1] / sums[t - 1]) - 1 for t in (first // 2, first)}
    assert slopes[first] <= -0.98
    assert first == 256 or slopes[first // 2] > -0.98


def repeated(method: Method) -> Method:
    """One rater's vote, M times."""

    def heard(dim: int, oracle: object, knob: object) -> object:
        asked = getattr(oracle, "members", (oracle,))[0]
        return method.build(dim, replace(asked, votes=replace(asked.votes, repeated=True)), knob)

    return replace(method, name="mine", build=heard, stacks=False)  # type: ignore[arg-type]


def dropped(method: Method) -> Method:
    """The factor d left out."""
    return replace(planted_faults.dropped_dimension(method), name="mine")


@pytest.mark.slow
@pytest.mark.parametrize("fault", [repeated, dropped])
def test_a_fault_in_an_own_method_is_caught_on_an_own_instance(fault: Callable[[Method], Method]) -> None:
    """The floor is held to the law that is promised. The sound method is EXACT; a wrong call has probability 5%."""
    sound = find("method", "zpg")
    for method, outcome in ((replace(sound, name="sound"), FloorOutcome.EXACT), (fault(sound), FloorOutcome.VIOLATED)):
        (claim,) = claims_on(["random-circular-3"], [method], ["floor"], execution=HOW).floors
        assert run_floors([claim], execution=HOW).rows["outcome"].tolist() == [outcome]


def all_claims(instance: object, method: object = "zpg") -> OwnClaims:
    return claims_on([instance], [method], execution=HOW)  # type: ignore[list-item]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bandit", "garnet", "chain", "readme", "module"])
def test_nothing_is_violated_on_softmax_instances(name: str) -> None:
    """Also on those of the README and the example module. A wrong VIOLATED has probability 5%; the seed is fixed."""
    laws = [[[0.5, 0.5], [0.1, 0.9]], [[0.2, 0.8], [1, 0]]]
    initial = [1, 0] if name == "readme" else [0.5, 0.5]
    mdp = TabularMDP(laws, rewards=[[0, 1], [1, 0]], initial=initial, horizon=3)
    own = Instance(name, "own", mdp, TabularSoftmax(2, 2), np.zeros(4), default_link(mdp), link_is_default=True)
    found = all_claims(own if name in ("readme", "module") else name)
    assert {each.axis for each in found.inapplicable} == {"N", "M", "floor"}
    results = run_claims(found.claims, inapplicable=found.inapplicable, execution=HOW)
    assert Outcome.VIOLATED not in set(results.verdicts["outcome"])
    assert results.verdicts.set_index("axis")["outcome"]["T"] is Outcome.HOLDS


@pytest.mark.slow
def test_a_step_far_too_large_on_an_own_instance_names_the_limit() -> None:
    found = claims_on(["garnet"], ["zpg"], ["T"], fixed=Fixed(step_scale=3000.0), execution=HOW)
    row = run_claims(found.claims, execution=HOW).verdicts.iloc[0]
    assert row["outcome"] is not Outcome.VIOLATED
    if row["outcome"] is Outcome.UNDECIDED:
        assert "3/(4 L d)" in row["reason"]


@pytest.mark.slow
def test_setup_may_move_the_start() -> None:
    (claim,) = claims_on(["circular"], ["zbcpg-1"], ["N"], fixed=Fixed((1e5, 1e6)), execution=HOW).claims
    starts = {at.point.start for at in claim.points()}
    assert starts == {claim.setup.start}
    assert Setup(1).start is None
