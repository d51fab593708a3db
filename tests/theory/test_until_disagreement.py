"""Votes until the first disagreement: exactly unbiased under every shipped link, at the stated cost."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import zeta

from theory import (
    LINKS,
    Cauchit,
    ComplementaryLogLog,
    InputError,
    Linear,
    Link,
    Logistic,
    Probit,
    TabularMDP,
    UntilDisagreement,
    VoteModel,
    bandit,
    chain,
)
from theory.agreement_series import probit_series
from theory.vote_tables import return_table

HORIZON = 4
# Raters of every shipped link that are never sure on [-4, 4].
LINK = {name: link(6.0 if name == "linear" else 3.0) for name, link in LINKS.items()}
P = np.array([0.02, 0.2, 0.5, 0.77, 0.95])


def mdp() -> TabularMDP:
    return chain(3, HORIZON)


@pytest.mark.parametrize("name", LINK)
def test_the_series_is_the_inverse_link(name: str) -> None:
    series, j = LINK[name].agreement_series(3000), np.arange(1, 3001)
    summed = series.constant + (series.first * P[:, None] ** j).sum(1) + (series.second * (1 - P[:, None]) ** j).sum(1)
    assert_allclose(summed, LINK[name].inverse(P), atol=1e-12)


def test_known_coefficients() -> None:
    assert_allclose(Logistic(2.0).agreement_series(3).first, [2, 1, 2 / 3])
    assert_allclose(Cauchit().agreement_series(2).first, [math.pi / 6, zeta(3) / math.pi])
    assert_allclose(Linear(3.0).agreement_series(3).first, [3, 0, 0])
    # log(1 + p / 2 + p^2 / 3 + ...) = p / 2 + (1 / 3 - 1 / 8) p^2 + ...
    assert_allclose(ComplementaryLogLog().agreement_series(2).first, [1 / 2, 5 / 24])
    assert_allclose(ComplementaryLogLog().agreement_series(3).second, [-1, -1 / 2, -1 / 3])


def test_slope_of_the_probit_series_at_one_half() -> None:
    """d/dp of the inverse at 1/2 is sqrt(2 pi): sum_j 2 j a_j 2^(1 - j). The cubic term follows from the third."""
    j, a = np.arange(1.0, 201), probit_series(200).first
    assert (2 * j * a * 0.5 ** (j - 1)).sum() == pytest.approx(math.sqrt(2 * math.pi), rel=1e-12)
    third = (2 * j * (j - 1) * (j - 2) * a * 0.5 ** (j - 3)).sum()
    assert third == pytest.approx((2 * math.pi) ** 1.5, rel=1e-11)


@pytest.mark.parametrize("name", LINK)
def test_no_bias_at_any_lattice_difference(name: str) -> None:
    table = UntilDisagreement(LINK[name]).table(mdp())
    assert table.largest_bias < 1e-12
    assert_allclose(table.probabilities.sum(axis=1), 1, atol=1e-13)
    p = LINK[name].probability(table.differences)
    assert_allclose(table.votes, 1 + p / (1 - p) + (1 - p) / p, rtol=1e-12)
    assert not table.clipped.any()


def test_moments_of_equal_returns_in_closed_form() -> None:
    """Logistic raters: E H_k^2 under P(k) = 2^-k is pi^2 / 6 + log(2)^2, at a cost of three votes."""
    table = UntilDisagreement(Logistic(2.0)).table(mdp())
    middle = len(table.differences) // 2
    assert table.differences[middle] == 0
    assert table.variance[middle] == pytest.approx(4 * (math.pi**2 / 6 + math.log(2) ** 2), rel=1e-12)
    assert table.votes[middle] == pytest.approx(3) == UntilDisagreement(Logistic()).n_queries


@pytest.mark.parametrize("cap", [1, 2, 3, 5])
def test_a_capped_table_is_a_sum_over_all_sequences_of_votes(cap: int) -> None:
    """Brute force: all 2^cap sequences of votes, asked in order until one differs from the first."""
    link, raters = Logistic(2.0), Cauchit(2.0)
    model = UntilDisagreement(link, cap, raters)
    table, harmonic = model.table(mdp()), 2 * np.cumsum(1 / np.arange(1.0, cap + 1))
    for k, delta in enumerate(table.differences):
        p = float(raters.probability(delta))
        mean = square = votes = capped = 0.0
        for sequence in product((1, 0), repeat=cap):
            weight = math.prod(p if vote else 1 - p for vote in sequence)
            run = next((j for j, vote in enumerate(sequence) if vote != sequence[0]), cap)
            value = harmonic[run - 1] * (1 if sequence[0] else -1)
            mean, square = mean + weight * value, square + weight * value**2
            votes, capped = votes + weight * min(run + 1, cap), capped + weight * (run == cap)
        found = table.mean[k], table.variance[k] + table.mean[k] ** 2, table.votes[k], table.clipped[k]
        assert found == pytest.approx((mean, square, votes, capped), rel=1e-12)
    assert model.n_queries == pytest.approx(
        UntilDisagreement(link, cap).table(mdp()).votes[len(table.differences) // 2]
    )


def test_a_cap_is_biased_by_what_it_cuts_off() -> None:
    """The planted fault of the unbiasedness test: a run that is followed too short a way is seen."""
    biased = UntilDisagreement(Logistic(2.0), cap=40).table(mdp())
    assert 1e-12 < biased.largest_bias < 0.02
    p, j = Logistic(2.0).probability(biased.differences)[:, None], np.arange(41, 2000)
    assert_allclose(biased.bias, -2 * ((p**j - (1 - p) ** j) / j).sum(axis=1), atol=1e-12)


def test_raters_of_another_link_bias_it() -> None:
    table = UntilDisagreement(Logistic(2.0), rater_link=Probit(3.0)).table(mdp())
    assert_allclose(table.mean, Logistic(2.0).inverse(Probit(3.0).probability(table.differences)), atol=1e-11)


def test_links_without_a_series_and_sure_raters_are_refused() -> None:
    class Own:
        symmetric = True

        def probability(self, x: object) -> object: ...
        def inverse(self, p: object) -> object: ...
        def derivative(self, x: object) -> object: ...
        def second_derivative(self, x: object) -> object: ...

    assert isinstance(Own(), Link)
    with pytest.raises(InputError, match="link must have a method agreement_series"):
        UntilDisagreement(Own())  # type: ignore[arg-type]
    for link in (Linear(2.0), Logistic(0.1)):
        with pytest.raises(InputError, match="cap must be given where raters agree almost surely"):
            UntilDisagreement(link).table(mdp())
    assert UntilDisagreement(Linear(2.0), cap=3).table(mdp()).votes.max() == 3
    with pytest.raises(InputError, match="cap must be an integer"):
        UntilDisagreement(Logistic(), cap=0)
    with pytest.raises(InputError, match="link must be a Link"):
        UntilDisagreement(Logistic)  # type: ignore[arg-type]


def test_the_linear_link_needs_one_vote() -> None:
    """All further votes add nothing: the table with a cap of 1 has the same mean and variance."""
    arms = bandit((0.2, 0.7))
    whole, one = (UntilDisagreement(Linear(1.5), cap).table(arms) for cap in (None, 1))
    assert_allclose(whole.mean, one.mean, atol=1e-12)
    assert_allclose(whole.variance, one.variance, atol=1e-12)
    assert (one.votes == 1).all()


def test_numbers_of_votes_differ_from_pair_to_pair_and_a_panel_asks_as_many_of_each() -> None:
    table = UntilDisagreement(LINK["logistic"], 4).table(mdp())
    assert not table.same_votes
    # 1, 2, 3 agreeing votes and one that disagrees, or 4 at the cap.
    assert table.asked.tolist() == [2, 3, 4, 4] * 2
    for n_queries in (1, 3, math.inf):
        panel = VoteModel(LINK["logistic"], n_queries).table(mdp())
        assert panel.same_votes
        assert set(panel.asked) == set(panel.votes) == {n_queries}
    shown = return_table(mdp())
    assert shown.same_votes
    assert not shown.votes.any()


def test_tables_end_at_the_largest_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """9 differences and 2 runs a vote: 7 votes are 126 numbers."""
    monkeypatch.setattr("theory.until_disagreement.LARGEST_TABLE", 126)
    assert UntilDisagreement(Logistic(3.1), 7).table(bandit([0.5], 4)).asked.size == 14
    with pytest.raises(InputError, match="cap must be at most 7 for 9 differences of returns, got 8; lower it"):
        UntilDisagreement(Logistic(3.1), 8).table(bandit([0.5], 4))
    with pytest.raises(InputError, match="cap must be at most 7 for 9 differences of returns, got none; lower it"):
        UntilDisagreement(Logistic(3.1)).table(bandit([0.5], 4))


def test_runs_without_a_cap_end_where_the_rest_is_negligible_or_are_refused() -> None:
    model = UntilDisagreement(Logistic(3.0))
    for largest in (0.5, 0.9, 0.99):
        n = model.longest_run(np.array([0.2, largest]), np.array([0.8, 1 - largest]))
        p = max(0.8, largest)
        assert p**n / (1 - p) <= 1e-14 < p ** (n - 1) / (1 - p)
    assert UntilDisagreement(Logistic(3.0), 5).longest_run(np.ones(1), np.zeros(1)) == 5
    almost = 1 - 2.3e-3
    assert 20_000 >= model.longest_run(np.array([almost]), np.array([1 - almost])) > 15_000
    for sure in (1 - 1.9e-3, 1.0):
        for pair in (([sure], [1 - sure]), ([1 - sure], [sure])):
            with pytest.raises(InputError, match="cap must be given where raters agree almost surely"):
                model.longest_run(*map(np.array, pair))


@pytest.mark.parametrize("cap", [1, 2, 3, 30])
def test_expected_votes_of_equal_returns(cap: int) -> None:
    table = UntilDisagreement(Logistic(3.0), cap).table(mdp())
    assert UntilDisagreement(Logistic(3.0), cap).n_queries == pytest.approx(
        table.votes[len(table.votes) // 2], rel=1e-12
    )
    assert UntilDisagreement(Logistic(3.0)).n_queries == 3
