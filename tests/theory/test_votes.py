"""The law of the votes on a pair, and what reading them makes of a difference of returns."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import bdtr

from theory import (
    LINKS,
    Cauchit,
    ComplementaryLogLog,
    InputError,
    Inversion,
    Linear,
    Link,
    Logistic,
    MajoritySign,
    Probit,
    TabularMDP,
    Trimmed,
    VoteModel,
    VoteTable,
    bandit,
)
from theory.arrays import FloatArray
from theory.links import inverse_curvature, largest_trim
from theory.vote_tables import return_table
from theory.votes import bias_at

H = 4
MDP = bandit([0.5], horizon=H)  # differences of returns are -4, -3, ..., 4
DELTA = np.arange(-H, H + 1.0)
ALL_LINKS: dict[str, Link] = {name: link(2.0 * H if link is Linear else H / 2) for name, link in LINKS.items()}
BY_LINK = pytest.mark.parametrize("link", ALL_LINKS.values(), ids=ALL_LINKS)
BY_CURVED_LINK = pytest.mark.parametrize("name", ["logistic", "probit", "cauchit", "cloglog"])


def count_law(n: int, p: float) -> FloatArray:
    """Differences of the binomial distribution function: an incomplete beta function, not factorials."""
    return np.diff([0.0, *(float(bdtr(b, n, p)) for b in range(n + 1))])


def direct_moments(link: Link, raters: Link, n: int, trim: float, delta: float) -> tuple[float, float]:
    """Mean and variance of sigma^{-1}(trim(B / n)), term by term."""
    law = count_law(n, float(raters.probability(delta)))
    read = [float(link.inverse(min(max(b / n, trim), 1 - trim))) for b in range(n + 1)]
    mean = sum(p * f for p, f in zip(law, read, strict=True))
    return mean, sum(p * (f - mean) ** 2 for p, f in zip(law, read, strict=True))


def assert_law(table: VoteTable) -> None:
    assert table.probabilities is not None
    assert (table.probabilities >= 0).all()
    np.testing.assert_allclose(table.probabilities.sum(axis=1), 1, rtol=0, atol=1e-13)
    assert (np.diff(table.outcomes) > 0).all()


@pytest.mark.parametrize("n", [1, 2, 7, 60])
@BY_LINK
def test_moments_are_binomial_sums(link: Link, n: int) -> None:
    trim = largest_trim(link, H) / 3
    table = VoteModel(link, n, Trimmed(trim)).table(MDP)
    assert_law(table)
    np.testing.assert_array_equal(table.differences, DELTA)
    expected = np.array([direct_moments(link, link, n, trim, delta) for delta in DELTA])
    np.testing.assert_allclose(table.mean, expected[:, 0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(table.variance, expected[:, 1], rtol=0, atol=1e-11)
    np.testing.assert_allclose(table.bias, expected[:, 0] - DELTA, rtol=0, atol=1e-11)
    assert table.largest_bias == pytest.approx(np.abs(expected[:, 0] - DELTA).max(), rel=1e-10)
    assert table.largest_second_moment == pytest.approx((expected[:, 1] + expected[:, 0] ** 2).max(), rel=1e-10)


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_clip_rate_is_the_probability_of_the_trim(n: int) -> None:
    link = Logistic(H / 2)
    trim = largest_trim(link, H) / 2
    table = VoteModel(link, n).table(MDP)
    shares = np.arange(n + 1) / n
    at_trim = (shares <= trim) | (shares >= 1 - trim)
    expected = [count_law(n, float(link.probability(delta)))[at_trim].sum() for delta in DELTA]
    np.testing.assert_allclose(table.clipped, expected, rtol=0, atol=1e-13)


def test_law_of_what_is_read_is_a_mixture() -> None:
    table = VoteModel(Probit(2.0), 6).table(MDP)
    differences = np.random.default_rng(0).dirichlet(np.ones(DELTA.size), (2, 3))
    law = table.outcome_law(differences)
    assert law.shape == (2, 3, table.outcomes.size)
    np.testing.assert_allclose(law.sum(axis=-1), 1, rtol=0, atol=1e-13)
    np.testing.assert_allclose(law @ table.outcomes, differences @ table.mean, rtol=0, atol=1e-13)


def test_simulated_votes_have_the_moments_of_the_table() -> None:
    """Hoeffding on 200,000 simulated panels a difference, 9 differences: false-alarm rate below 1e-6.

    Sees an error of the mean of 0.05 with probability 0.999.
    """
    link, n, panels = ComplementaryLogLog(3.0), 9, 200_000
    model = VoteModel(link, n)
    table = model.table(MDP)
    rng = np.random.default_rng(7)
    votes = rng.random((n, panels))
    bound = (table.outcomes[-1] - table.outcomes[0]) * math.sqrt(math.log(2 * 9 / 1e-6) / (2 * panels))
    assert bound < 0.15
    for delta, mean in zip(DELTA, table.mean, strict=True):
        counts = (votes < link.probability(delta)).sum(axis=0).astype(np.float64)
        assert abs(model.read(counts, H).mean() - mean) <= bound


@BY_CURVED_LINK
def test_interior_bias_has_the_delta_method_constant(name: str) -> None:
    """M b_M(delta) -> (sigma^{-1})''(p) p (1 - p) / 2, and what is left falls like 1/M."""
    link = LINKS[name](float(H))
    p = link.probability(DELTA)
    constant = inverse_curvature(link, DELTA) * p * (1 - p) / 2
    assert np.abs(constant).max() > 0.3
    scaled = [n * VoteModel(link, n).table(MDP).bias for n in (500, 1000, 2000)]
    errors = [np.abs(found - constant).max() for found in scaled]
    assert errors[2] < 0.03 * np.abs(constant).max()
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.15)
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.3)


def test_linear_link_has_no_interior_bias() -> None:
    table = VoteModel(Linear(4.0 * H), 4000).table(MDP)
    np.testing.assert_allclose(table.bias, 0, atol=1e-10)


@BY_CURVED_LINK
def test_trim_at_the_boundary_costs_half_an_order(name: str) -> None:
    """The largest bias falls like M^-1/2 with the trim exactly at its limit, like 1/M below it."""
    link = LINKS[name](float(H))
    counts = np.array([1000, 4000])

    def slope(inversion: Trimmed) -> float:
        biases = [VoteModel(link, int(n), inversion).table(MDP).largest_bias for n in counts]
        return float(np.diff(np.log(biases))[0] / np.diff(np.log(counts))[0])

    assert slope(Trimmed(largest_trim(link, H))) == pytest.approx(-0.5, abs=0.03)
    assert slope(Trimmed()) == pytest.approx(-1, abs=0.03)


def test_trim_far_inside_leaves_a_bias_that_no_votes_cure() -> None:
    link = Logistic(H / 2)
    fault = Trimmed(0.3, enforce=False)
    limit = VoteModel(link, math.inf, fault).table(MDP)
    np.testing.assert_allclose(
        limit.mean, np.clip(DELTA, -1, 1) * np.where(np.abs(DELTA) < 1.7, 1, 1.69459572), atol=1e-8
    )
    many = VoteModel(link, 10_000, fault).table(MDP)
    np.testing.assert_allclose(many.mean, limit.mean, atol=0.01)
    assert many.largest_bias > 2


@pytest.mark.parametrize("trim", [0.0, -0.1, 0.5, 0.7, math.nan])
def test_trim_must_be_a_probability_below_one_half(trim: float) -> None:
    with pytest.raises(InputError, match=r"trim must lie strictly between 0 and 1/2, got .*; None chooses a safe one"):
        Trimmed(trim)


@BY_LINK
def test_trim_above_its_limit_is_refused_unless_it_is_a_deliberate_fault(link: Link) -> None:
    limit = largest_trim(link, H)
    VoteModel(link, 3, Trimmed(limit)).table(MDP)
    with pytest.raises(
        InputError, match=r"trim must be at most min\(sigma\(-H\), 1 - sigma\(H\)\) = .*; lower it or pass"
    ):
        VoteModel(link, 3, Trimmed(limit * 1.001)).table(MDP)
    VoteModel(link, 3, Trimmed(limit * 1.001, enforce=False)).table(MDP)


@BY_LINK
def test_repeated_votes_are_one_vote(link: Link) -> None:
    inversion = Trimmed(largest_trim(link, H) / 2)
    once = VoteModel(link, 1, inversion).table(MDP)
    repeated = VoteModel(link, 50, inversion, repeated=True).table(MDP)
    for name in ("differences", "outcomes", "probabilities", "mean", "variance", "clipped"):
        np.testing.assert_allclose(getattr(repeated, name), getattr(once, name), rtol=0, atol=1e-12, err_msg=name)
    assert repeated.variance.max() > 5 * VoteModel(link, 50, inversion).table(MDP).variance.max()


def test_raters_with_another_link_are_read_through_the_one_inverted() -> None:
    link, raters = Logistic(2.0), Probit(3.0)
    trim = largest_trim(link, H) / 2
    table = VoteModel(link, 12, rater_link=raters).table(MDP)
    expected = np.array([direct_moments(link, raters, 12, trim, delta) for delta in DELTA])
    np.testing.assert_allclose(table.mean, expected[:, 0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(table.variance, expected[:, 1], rtol=0, atol=1e-11)
    limit = VoteModel(link, math.inf, rater_link=raters).table(MDP)
    np.testing.assert_allclose(limit.mean, link.inverse(raters.probability(DELTA)), rtol=0, atol=1e-12)
    assert limit.largest_bias > 0.1
    same = VoteModel(link, math.inf, rater_link=link).table(MDP)
    np.testing.assert_allclose(same.mean, DELTA, rtol=0, atol=1e-12)


@BY_LINK
def test_infinitely_many_votes_give_the_difference_itself(link: Link) -> None:
    table = VoteModel(link, math.inf).table(MDP)
    for array in (table.differences, table.outcomes, table.mean):
        np.testing.assert_array_equal(array, DELTA)
    np.testing.assert_array_equal(table.variance, 0)
    np.testing.assert_array_equal(table.outcome_law(np.eye(DELTA.size)), np.eye(DELTA.size))
    assert (table.largest_bias, table.largest_second_moment) == (0.0, H**2)
    many = VoteModel(link, 20_000).table(MDP)
    np.testing.assert_allclose(many.mean, DELTA, rtol=0, atol=0.02)
    assert many.variance.max() < 0.1


def test_returns_shown_are_the_identity() -> None:
    table = return_table(bandit([0.5], horizon=2))
    np.testing.assert_array_equal(table.mean, [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(table.variance, 0)
    assert table.probabilities is None


@pytest.mark.parametrize("n", [1, 4, 5])
def test_majority_sign_is_the_difference_of_two_tails(n: int) -> None:
    link = Cauchit(1.0)
    table = VoteModel(link, n, MajoritySign()).table(MDP)
    half = (n - 1) // 2
    expected = [float(bdtr(half, n, 1 - p) - bdtr(half, n, p)) for p in np.asarray(link.probability(DELTA))]
    np.testing.assert_allclose(table.mean, expected, rtol=0, atol=1e-13)
    assert table.outcomes.tolist() == ([-1, 1] if n % 2 else [-1, 0, 1])
    np.testing.assert_array_equal(VoteModel(link, math.inf, MajoritySign()).table(MDP).mean, np.sign(DELTA))


@BY_LINK
def test_symmetric_links_have_odd_bias(link: Link) -> None:
    table = VoteModel(link, 8).table(MDP)
    odd = bool(np.abs(table.mean + table.mean[::-1]).max() < 1e-11)
    even = bool(np.abs(table.variance - table.variance[::-1]).max() < 1e-11)
    assert odd == even == link.symmetric


@pytest.mark.parametrize("n", [1, 8, math.inf])
def test_a_link_that_saturates_is_refused(n: float) -> None:
    with pytest.raises(InputError, match=r"must not saturate on \[-H, H\], got sigma\(-H\) = .*; use a larger scale"):
        VoteModel(Logistic(0.1), n).table(MDP)


@pytest.mark.parametrize("n", [0, -1, 1.5, math.nan, -math.inf])
def test_votes_must_be_a_whole_number(n: float) -> None:
    with pytest.raises(InputError, match=r"n_queries must be a whole number of at least 1 or math.inf, got "):
        VoteModel(Logistic(), n)


def test_infinitely_many_repeated_votes_are_refused() -> None:
    with pytest.raises(InputError, match=r"n_queries must be finite when one rater's vote is repeated, got inf"):
        VoteModel(Logistic(2.0), math.inf, repeated=True).table(MDP)


def test_differences_follow_the_lattice_and_the_reach() -> None:
    """Rewards 0 and 2/3 over two steps: thirds from -4/3 to 4/3, each read as if the horizon's range were possible."""
    mdp = TabularMDP.from_outcomes([[[0.5, 0.5]]], [[[0, 0]]], [[[0.0, 2 / 3]]], [1.0], 2)
    link = Logistic(2.0)
    table = VoteModel(link, 3).table(mdp)
    np.testing.assert_allclose(table.differences, np.arange(-4, 5) / 3, rtol=1e-15)
    trim = largest_trim(link, 2) / 2
    for delta, mean in zip(table.differences, table.mean, strict=True):
        assert mean == pytest.approx(direct_moments(link, link, 3, trim, float(delta))[0], abs=1e-13)


@pytest.mark.parametrize("inversion", [Trimmed(), MajoritySign()], ids=["trimmed", "sign"])
@pytest.mark.parametrize("n_queries", [1, 2, 5, math.inf])
@pytest.mark.parametrize("raters", [None, Cauchit(3.0)], ids=["own link", "other raters"])
def test_a_random_order_is_half_of_each(n_queries: float, inversion: Inversion, raters: Link | None) -> None:
    """Law of the reading: half of that of delta, half of the mirrored one of -delta; means of both."""
    model = VoteModel(ComplementaryLogLog(4.0), n_queries, inversion, raters)
    fixed, mixed = model.table(MDP), replace(model, random_order=True).table(MDP)

    def law(table: VoteTable, k: int) -> dict[float, float]:
        chances = np.eye(len(DELTA)) if table.probabilities is None else table.probabilities
        found: dict[float, float] = defaultdict(float)
        for value, chance in zip(table.outcomes, chances[k], strict=True):
            found[round(float(value), 9) + 0.0] += float(chance)
        return found

    for k in range(len(DELTA)):
        expected: dict[float, float] = defaultdict(float)
        for value, chance in law(fixed, k).items():
            expected[value] += chance / 2
        for value, chance in law(fixed, -1 - k).items():
            expected[0.0 - value] += chance / 2
        found = law(mixed, k)
        for value in {*found, *expected}:
            assert found[value] == pytest.approx(expected[value], abs=1e-13)
    np.testing.assert_allclose(mixed.mean, (fixed.mean - fixed.mean[::-1]) / 2, atol=1e-12)
    raw = fixed.variance + fixed.mean**2
    np.testing.assert_allclose(mixed.variance + mixed.mean**2, (raw + raw[::-1]) / 2, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(mixed.clipped, (fixed.clipped + fixed.clipped[::-1]) / 2, rtol=1e-12)
    assert set(mixed.votes) == set(mixed.asked) == {n_queries}
    for given, table in ((model, fixed), (replace(model, random_order=True), mixed)):
        np.testing.assert_allclose(bias_at(given, DELTA, H), table.bias, atol=1e-12)
        np.testing.assert_allclose(bias_at(given, DELTA.reshape(3, 3), H), table.bias.reshape(3, 3), atol=1e-12)


def test_tables_end_at_the_largest_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """9 differences: 11 votes are 99 numbers."""
    monkeypatch.setattr("theory.votes.LARGEST_TABLE", 99)
    assert VoteModel(Logistic(7.7), 11).table(MDP).asked[0] == 11
    with pytest.raises(
        InputError, match=r"n_queries must be at most 11 for 9 differences of returns, got 12; math.inf"
    ):
        VoteModel(Logistic(7.7), 12).table(MDP)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"link": "logistic"}, "link must be a Link such as"),
        ({"rater_link": Logistic}, "rater_link must be a Link such as"),
        ({"n_queries": 0}, "n_queries must be a whole number"),
        ({"inversion": None}, "inversion must be a Inversion such as"),
        ({"repeated": 1}, "repeated must be a bool such as"),
        ({"random_order": None}, "random_order must be a bool such as"),
        ({"n_queries": math.inf, "repeated": True}, "n_queries must be finite when one rater's vote is repeated"),
    ],
)
def test_parts_of_another_kind_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        VoteModel(**({"link": Logistic(), "n_queries": 3} | change))
    assert VoteModel(Logistic(), math.inf).raters == Logistic()
    assert VoteModel(Logistic(), 3, rater_link=Probit()).raters == Probit()
