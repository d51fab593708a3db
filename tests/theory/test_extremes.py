"""Numbers at the ends of what is allowed: right, or refused by name. Exact routines against fractions."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators import PreferenceFeedback, Streams
from theory import (
    LINKS,
    Cauchit,
    HaldaneAnscombe,
    InputError,
    Linear,
    Logistic,
    Probit,
    TabularMDP,
    TabularSoftmax,
    VoteModel,
    bandit,
    chain,
    difference_law,
    garnet,
    occupancy,
    optimal_value,
    policy_gradient,
    policy_hessian,
    policy_value,
    return_distribution,
    value_and_gradient,
)

# Set before any result was seen: a few roundings for each of the products and sums of three steps.
ULPS_ALLOWED = 32
EXAMPLES = 60


@pytest.mark.parametrize("gap", [0.0, 1.0, 30.0, 345.0, 690.0, 700.0])
def test_a_probability_of_1e_300_keeps_its_digits(gap: float) -> None:
    """The value of a bandit that pays for one action is its probability, 1 / (1 + exp(gap))."""
    with localcontext() as context:
        context.prec = 40
        exact = 1 / (1 + Decimal(gap).exp())
        slope = exact * (1 - exact)
    value, gradient = value_and_gradient(bandit([0.0, 1.0]), TabularSoftmax(1, 2), [gap / 2, -gap / 2])
    assert float(value) == pytest.approx(float(exact), rel=1e-13)
    assert gradient == pytest.approx([-float(slope), float(slope)], rel=1e-12)


def test_logits_of_700_have_values_and_derivatives() -> None:
    theta = 700.0 * np.array([1, -1, 1, -1, -1, 1])
    for found in (policy_value, policy_gradient, policy_hessian):
        assert np.isfinite(found(chain(3, 4), TabularSoftmax(3, 2), theta)).all()
    assert return_distribution(chain(3, 4), TabularSoftmax(3, 2), theta).probabilities.sum() == pytest.approx(
        1, abs=1e-14
    )


def test_500_steps() -> None:
    mdp, policy = chain(3, 500, 0.1), TabularSoftmax(3, 2)
    theta = np.linspace(-1, 1, 6)
    law = return_distribution(mdp, policy, theta)
    assert optimal_value(chain(3, 500)) == 499
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert law.mean == pytest.approx(policy_value(mdp, policy, theta), rel=1e-12)


def test_a_billion_votes_are_refused_or_exact_at_infinity() -> None:
    mdp = bandit([0.2, 0.7], 2)
    with pytest.raises(InputError, match=r"n_queries must be at most .* got 1e\+09; math.inf is exact"):
        VoteModel(Logistic(2.0), 10**9).table(mdp)
    assert VoteModel(Logistic(2.0), math.inf).table(mdp).largest_bias == 0


@pytest.mark.parametrize("n_pairs", [1e15, 2.0**62])
def test_as_many_pairs_as_can_be_counted_are_drawn(n_pairs: float) -> None:
    mdp, policy = bandit([0.2, 0.7], 2), TabularSoftmax(1, 2)
    feedback = PreferenceFeedback(np.array(n_pairs), "law", VoteModel(Logistic(2.0), 3))
    ends = np.array([0.5, 0.0]), np.zeros(2)
    exact = feedback.moments(mdp, policy, *ends)
    drawn = feedback.difference(mdp, policy, *ends, Streams.of(np.random.default_rng(0)))
    # Seven standard errors, a false alarm of 3e-12, plus rounding.
    spread = math.sqrt(exact.variance_trajectory + exact.variance_query)
    assert abs(drawn - exact.mean) < 7 * spread + 1e-14


@pytest.mark.parametrize("n_pairs", [2.0**63, [4.0, 2.0**63], [2.0**63, 4.0]])
def test_more_are_refused_at_either_end(n_pairs: Any) -> None:
    with pytest.raises(InputError, match="n_pairs must be at most"):
        PreferenceFeedback(n_pairs, "law", VoteModel(Logistic(2.0), 3))


@pytest.mark.parametrize("link", [Linear(1.0), Probit(0.1), Logistic(0.01), LINKS["cloglog"](0.1)])
@pytest.mark.parametrize("inversion", [None, HaldaneAnscombe()])
def test_links_that_saturate_are_refused(link: Any, inversion: Any) -> None:
    model = VoteModel(link, 3) if inversion is None else VoteModel(link, 3, inversion)
    with pytest.raises(InputError, match=r"link .* must not saturate on .* use a larger scale"):
        model.table(bandit([0.2, 0.7], 4))


@pytest.mark.parametrize(
    ("rewards", "lattice"),
    [((1 / 9973, 5 / 9973), 9973), ((1 / 10_000, 1.0), 10_000), ((1 / 10_007, 0.0), None), ((1 / 101, 1 / 103), None)],
)
def test_lattices_of_large_denominators(rewards: tuple[float, float], lattice: int | None) -> None:
    mdp = TabularMDP(np.ones((1, 2, 1)), [rewards], [1.0], 2)
    assert mdp.reward_lattice == lattice
    if lattice is None:
        with pytest.raises(InputError, match=r"rewards must be multiples of 1/m .* got"):
            return_distribution(mdp, TabularSoftmax(1, 2), np.zeros(2))
    else:
        law = return_distribution(mdp, TabularSoftmax(1, 2), np.zeros(2))
        assert law.mean == pytest.approx(sum(rewards), rel=1e-12)


def ulps(found: Any, exact: Any) -> float:
    """Largest distance of floats from fractions, in units in the last place of the fraction."""
    pairs = zip(np.ravel(found).tolist(), np.ravel(np.asarray(exact, dtype=object)).tolist(), strict=True)
    return max(float(abs(Fraction(x) - y) / Fraction(math.ulp(float(y)))) for x, y in pairs if y)


def fractions(array: Any) -> Any:
    return np.vectorize(Fraction, otypes=[object])(array)


def exact_numbers(mdp: TabularMDP, pi: Any) -> dict[str, Any]:
    """Value, optimum, occupancy and law of the return, by the same recursions in fractions."""
    law, pay, pi = fractions(mdp.probabilities[0]), fractions(mdp.rewards[0]), fractions(pi[0])
    value, best, visits = [Fraction(0)] * mdp.n_states, [Fraction(0)] * mdp.n_states, [list(fractions(mdp.initial))]
    for _ in range(mdp.horizon):
        now = mdp.next_states[0]
        q = [[sum(p * (r + value[t]) for p, r, t in zip(*row, strict=True)) for row in zip(*rows, strict=True)]
             for rows in zip(law, pay, now, strict=True)]  # fmt: skip
        b = [[sum(p * (r + best[t]) for p, r, t in zip(*row, strict=True)) for row in zip(*rows, strict=True)]
             for rows in zip(law, pay, now, strict=True)]  # fmt: skip
        value, best = [sum(x * y for x, y in zip(*s, strict=True)) for s in zip(pi, q, strict=True)], list(map(max, b))
    paths = {(s, 0): chance for s, chance in enumerate(visits[0]) if chance}
    for h in range(mdp.horizon):
        after: dict[tuple[int, Any], Any] = {}
        for (s, total), chance in paths.items():
            for a, o in np.ndindex(law.shape[1:]):
                at = int(mdp.next_states[0, s, a, o]), total + round(float(pay[s, a, o]) * mdp.require_lattice())
                after[at] = after.get(at, 0) + chance * pi[s, a] * law[s, a, o]
        paths = after
        if h + 1 < mdp.horizon:
            visits.append([sum(c for (s, _), c in paths.items() if s == state) for state in range(mdp.n_states)])
    returns = [sum(c for (_, r), c in paths.items() if r == k) for k in range(mdp.largest_return_steps[-1] + 1)]
    start = fractions(mdp.initial)
    return {"value": start @ value, "optimum": start @ best, "occupancy": visits, "law of the return": returns}


def test_exact_routines_agree_with_fractions(capsys: pytest.CaptureFixture[str]) -> None:
    """The worst error of each over 20 random problems, in units in the last place."""
    worst: dict[str, float] = {}
    rng = np.random.default_rng(0)
    for _ in range(20):
        mdp, policy = garnet(3, 2, 2, 3, rng, lattice=3), TabularSoftmax(3, 2)
        theta = rng.normal(size=6)
        exact = exact_numbers(mdp, policy.probabilities(theta))
        law = return_distribution(mdp, policy, theta).probabilities
        first = fractions(law)
        n = len(law)
        gaps = [sum(first[j] * first[j - k] for j in range(max(0, k), n + min(0, k))) for k in range(1 - n, n)]
        found = {
            "value": (policy_value(mdp, policy, theta), exact["value"]),
            "optimum": (optimal_value(mdp), exact["optimum"]),
            "occupancy": (occupancy(mdp, policy, theta), exact["occupancy"]),
            "law of the return": (law, exact["law of the return"]),
            "law of the difference": (difference_law(law, law), gaps),
        }
        for name, pair in found.items():
            worst[name] = max(worst.get(name, 0.0), ulps(*pair))
    with capsys.disabled():
        print("\nworst error in units in the last place: " + ", ".join(f"{k} {v:.1f}" for k, v in worst.items()))
    assert max(worst.values()) < ULPS_ALLOWED, worst


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), shift=st.integers(-3, 3), scale=st.sampled_from([0.5, 2.0, 8.0]))
def test_invariants_of_exact_numbers(seed: int, shift: int, scale: float) -> None:
    """Relabelled states and actions, constant rewards, shifted and scaled rewards, and split batches: 60 examples."""
    rng = np.random.default_rng(seed)
    mdp, policy = garnet(3, 2, 2, 3, rng, lattice=2), TabularSoftmax(3, 2)
    theta = 3 * rng.normal(size=(4, 6))
    value, gradient = value_and_gradient(mdp, policy, theta)
    parts = [value_and_gradient(mdp, policy, part) for part in (theta[:1], theta[1:])]
    np.testing.assert_allclose(value, np.concatenate([part[0] for part in parts]), rtol=1e-14)
    np.testing.assert_allclose(gradient, np.concatenate([part[1] for part in parts]), atol=1e-14)
    p, s, r = mdp.probabilities[0], mdp.next_states[0], mdp.rewards[0]
    states, actions = rng.permutation(3), rng.permutation(2)
    to = np.argsort(states)
    moved = TabularMDP.from_outcomes(
        p[states][:, actions], to[s[states][:, actions]], r[states][:, actions], mdp.initial[states], 3
    )
    turned = theta.reshape(4, 3, 2)[:, states][:, :, actions].reshape(4, 6)
    np.testing.assert_allclose(value, policy_value(moved, policy, turned), rtol=1e-13)
    np.testing.assert_allclose(
        gradient.reshape(4, 3, 2)[:, states][:, :, actions].reshape(4, 6),
        policy_gradient(moved, policy, turned), atol=1e-13,
    )  # fmt: skip
    constant = TabularMDP.from_outcomes(p, s, np.full_like(r, 0.5), mdp.initial, 3)
    np.testing.assert_allclose(policy_value(constant, policy, theta), 1.5, rtol=1e-13)
    np.testing.assert_allclose(policy_gradient(constant, policy, theta), 0, atol=1e-14)
    limits = shift, shift + scale
    other = TabularMDP.from_outcomes(p, s, shift + scale * r, mdp.initial, 3, reward_range=limits)
    np.testing.assert_allclose(policy_value(other, policy, theta), value, rtol=1e-13)
    np.testing.assert_allclose(other.original_return(value), 3 * shift + scale * value, rtol=1e-13, atol=1e-13)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(sorted(LINKS)),
    scale=st.floats(0.5, 50.0),
    factor=st.floats(0.1, 10.0),
    x=st.floats(-40.0, 40.0),
)
def test_invariants_of_links(kind: str, scale: float, factor: float, x: float) -> None:
    """Link and return scaled together change nothing, and a symmetric link mirrors: 60 examples."""
    link, scaled = LINKS[kind](scale), LINKS[kind](scale * factor)
    assert float(scaled.probability(x * factor)) == pytest.approx(float(link.probability(x)), rel=1e-11, abs=1e-300)
    assert float(scaled.derivative(x * factor)) * factor == pytest.approx(
        float(link.derivative(x)), rel=1e-9, abs=1e-300
    )
    if link.symmetric:
        assert float(link.probability(-x)) == float(link.survival(x))
        assert float(link.probability(x) + link.probability(-x)) == pytest.approx(1, abs=1e-15)
    assert float(Cauchit().probability(0.0)) == 0.5
