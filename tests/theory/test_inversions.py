"""Readings of few votes, each by hand: no general formula of the module is used."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from theory import HaldaneAnscombe, InputError, Inversion, Jackknife, Logistic, MajoritySign, Probit, Trimmed

LINK, TRIM, H = Logistic(2.0), 0.05, 1
# sigma^{-1} of the trim, of 1/3 and of 1/4 for the logistic link with scale 2.
AT_TRIM, THIRD, QUARTER = 2 * math.log(0.05 / 0.95), 2 * math.log(1 / 2), 2 * math.log(1 / 3)


@pytest.mark.parametrize(
    ("n_queries", "by_hand"),
    [
        (1, [AT_TRIM, -AT_TRIM]),
        # Twice the reading of both votes, less the mean reading of one of them.
        (2, [2 * AT_TRIM - AT_TRIM, 0.0, -AT_TRIM]),
        # For one vote of three: left out, it leaves 0 of 2; each of the others leaves 1 of 2, which reads 0.
        (3, [AT_TRIM, 3 * THIRD - 2 * (AT_TRIM + 2 * 0.0) / 3, -(3 * THIRD - 2 * AT_TRIM / 3), -AT_TRIM]),
        (
            4,
            [
                AT_TRIM,
                4 * QUARTER - 3 * (1 * AT_TRIM + 3 * THIRD) / 4,
                0.0,
                -(4 * QUARTER - 3 * (AT_TRIM + 3 * THIRD) / 4),
                -AT_TRIM,
            ],
        ),
    ],
)
def test_the_jackknife_of_few_votes(n_queries: int, by_hand: list[float]) -> None:
    counts = np.arange(n_queries + 1.0)
    found = Jackknife(Trimmed(TRIM, enforce=False)).values(LINK, counts, n_queries, H)
    np.testing.assert_allclose(found, by_hand, rtol=1e-13, atol=1e-13)


def test_the_other_readings_of_three_votes() -> None:
    counts, shares = np.arange(4.0), np.array([0.0, 0.05, 0.051, 0.5, 0.949, 0.95, 1.0])
    trimmed = Trimmed(TRIM, enforce=False)
    np.testing.assert_allclose(trimmed.values(LINK, counts, 3, H), [AT_TRIM, THIRD, -THIRD, -AT_TRIM])
    shifted = [2 * math.log(1 / 7), 2 * math.log(3 / 5), -2 * math.log(3 / 5), -2 * math.log(1 / 7)]
    np.testing.assert_allclose(HaldaneAnscombe().values(LINK, counts, 3, H), shifted)
    assert MajoritySign().values(LINK, counts, 3, H).tolist() == [-1, -1, 1, 1]
    assert MajoritySign().values(LINK, np.arange(3.0), 2, H).tolist() == [-1, 0, 1]
    assert MajoritySign().limit(LINK, shares, H).tolist() == [-1, -1, -1, 0, 1, 1, 1]
    clipped = [True, True, False, False, False, True, True]
    for inversion in (trimmed, Jackknife(trimmed)):
        assert inversion.clips(LINK, shares, H).tolist() == clipped
        np.testing.assert_allclose(inversion.limit(LINK, shares[[0, 3, 6]], H), [AT_TRIM, 0, -AT_TRIM], atol=1e-15)
    for other in (HaldaneAnscombe(), MajoritySign()):
        assert not other.clips(LINK, shares, H).any()
    kept = [each.consistent for each in (Trimmed(), trimmed, Jackknife(trimmed), HaldaneAnscombe(), MajoritySign())]
    assert kept == [True, False, False, True, False]


def test_a_trim_given_is_the_trim_used_up_to_the_largest_one() -> None:
    largest = 1 - Probit(1.0).probability(2.0)
    for trim in (0.5 * largest, largest):
        assert Trimmed(float(trim)).level(Probit(1.0), 2) == trim
    with pytest.raises(ValueError, match="trim must be at most"):
        Trimmed(float(largest * (1 + 1e-9))).level(Probit(1.0), 2)
    assert Trimmed(float(largest * 1.5), enforce=False).level(Probit(1.0), 2) == pytest.approx(1.5 * largest)


@pytest.mark.parametrize("level", [0.0, -0.1, 0.5, 0.6, math.nan, True, "0.1"])
def test_trims_outside_are_refused_at_both_ends(level: Any) -> None:
    with pytest.raises(InputError, match=r"trim must lie strictly between 0 and 1/2, got .*; None chooses a safe one"):
        Trimmed(level)
    for inside in (1e-300, float(np.nextafter(0.5, 0))):
        assert Trimmed(inside, enforce=False).level(LINK, H) == inside


def test_parts_of_inversions_of_another_kind_are_refused() -> None:
    with pytest.raises(InputError, match="enforce must be a bool such as True, got 1"):
        Trimmed(0.1, 1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"trimmed must be a Trimmed such as Trimmed\(\), got 0.1"):
        Jackknife(0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("inversion", [Trimmed(), HaldaneAnscombe(), Jackknife(), MajoritySign()])
def test_what_saturates_is_refused_before_a_vote_is_read_and_signs_need_no_link(inversion: Inversion) -> None:
    sharp = Probit(0.01)
    if isinstance(inversion, MajoritySign):
        inversion.check(sharp, H)
        assert not inversion.consistent
    else:
        assert inversion.consistent
        for use in (
            lambda: inversion.check(sharp, H),
            lambda: inversion.values(sharp, np.zeros(1), 3, H),
            lambda: inversion.limit(sharp, np.full(1, 0.5), H),
        ):
            with pytest.raises(InputError, match="must not saturate"):
                use()
    assert not Jackknife(Trimmed(0.1, enforce=False)).consistent


def test_shares_at_the_trim_count_as_clipped_on_both_sides() -> None:
    shares = np.array([0.0, 0.04, 0.05, 0.06, 0.5, 0.94, 0.95, 0.96, 1.0])
    expected = [True, True, True, False, False, False, True, True, True]
    for inversion in (Trimmed(0.05), Jackknife(Trimmed(0.05))):
        assert inversion.clips(LINK, shares, H).tolist() == expected
        np.testing.assert_allclose(inversion.limit(LINK, shares, H)[[0, 1, 2]], AT_TRIM)
        np.testing.assert_allclose(inversion.limit(LINK, shares, H)[[3, 8]], [2 * math.log(6 / 94), -AT_TRIM])
    for inversion in (HaldaneAnscombe(), MajoritySign()):
        clipped = inversion.clips(LINK, shares, H)
        assert (clipped.dtype, clipped.any(), clipped.shape) == (bool, False, (9,))
    assert MajoritySign().limit(LINK, shares, H).tolist() == [-1] * 4 + [0] + [1] * 4
