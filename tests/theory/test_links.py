"""Links: shape, tails, inverses, derivatives, and the refusal to saturate."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfc

from theory.errors import InputError
from theory.link_families import LINKS, Cauchit, ComplementaryLogLog, Linear, Logistic, Probit
from theory.links import Link, check_invertible, default_trim, inverse_curvature, largest_trim

NAMES = sorted(LINKS)
SYMMETRIC = [name for name in NAMES if name != "cloglog"]
# An independent formula of each F that accepts complex numbers, for complex steps.
FORMULAS = {
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "probit": lambda z: erfc(-z / math.sqrt(2)) / 2,
    "cauchit": lambda z: 0.5 + np.arctan(z) / np.pi,
    "cloglog": lambda z: 1 - 2 ** (-np.exp(z)),
    "linear": lambda z: 0.5 + z / 2,
}
# Where sigma is far enough from 1 for sigma^{-1}(sigma(x)) = x to be within reach of floating point.
WIDE = {"logistic": (-700, 8), "probit": (-36, 3), "cauchit": (-1e6, 1e4), "cloglog": (-700, 1.5), "linear": (-1, 1)}
scales = st.floats(0.05, 50)
inner = st.floats(-0.95, 0.95)
repeatable = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_fits_the_protocol_and_is_a_value(name):
    link = LINKS[name](2.0)
    assert isinstance(link, Link)
    assert link == LINKS[name](scale=2.0)
    assert hash(link) == hash(LINKS[name](scale=2.0))
    assert link != LINKS[name]()


@pytest.mark.parametrize("name", NAMES)
def test_certain_half_at_zero_and_strictly_increasing(name):
    link = LINKS[name](3.0)
    assert link.probability(0.0) == 0.5
    assert link.inverse(0.5) == pytest.approx(0.0, abs=1e-15)
    assert (np.diff(link.probability(np.linspace(-3, 3, 1001))) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_any_shape_and_certainty_without_warnings(name):
    link = LINKS[name](0.5)
    assert link.probability(np.zeros((2, 3))).shape == (2, 3)
    assert link.probability(0).shape == ()
    far = link.probability([-1e300, 1e300])
    np.testing.assert_allclose(far, [0, 1], atol=1e-15)
    ends = link.inverse([0.0, 1.0])
    np.testing.assert_array_equal(ends, [-0.5, 0.5] if name == "linear" else [-np.inf, np.inf])


@pytest.mark.parametrize("scale", [0.3, 1.0, 20.0])
@pytest.mark.parametrize("name", NAMES)
def test_inverse_undoes_probability_over_a_wide_range(name, scale):
    link = LINKS[name](scale)
    x = scale * np.linspace(*WIDE[name], 10_001)
    np.testing.assert_allclose(link.inverse(link.probability(x)), x, rtol=2e-11, atol=2e-13 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_probability_undoes_inverse_next_to_both_ends(name):
    p = np.concatenate([np.logspace(-15, -1, 50), np.linspace(0.1, 0.9, 50), 1 - np.logspace(-15, -1, 50)])
    np.testing.assert_allclose(LINKS[name](2.0).probability(LINKS[name](2.0).inverse(p)), p, rtol=1e-13, atol=1e-16)


def test_lower_tails_keep_their_relative_accuracy():
    assert Logistic().probability(-700.0) == pytest.approx(math.exp(-700), rel=1e-13)
    # First terms of the asymptotic series of the normal tail.
    series = math.exp(-450) / (30 * math.sqrt(2 * math.pi)) * (1 - 30**-2 + 3 * 30**-4 - 15 * 30**-6)
    assert Probit().probability(-30.0) == pytest.approx(series, rel=1e-9)
    assert Cauchit().probability(-1e12) == pytest.approx(1e-12 / math.pi, rel=1e-13)
    assert ComplementaryLogLog().probability(-700.0) == pytest.approx(math.log(2) * math.exp(-700), rel=1e-13)


@repeatable
@given(st.sampled_from(SYMMETRIC), scales, st.floats(-1e3, 1e3))
def test_symmetric_links_give_complements(name, scale, x):
    link = LINKS[name](scale)
    assert link.symmetric
    assert link.probability(x) + link.probability(-x) == pytest.approx(1, abs=1e-15)


@repeatable
@given(scales, st.floats(0.01, 3))
def test_complementary_log_log_is_not_symmetric(scale, z):
    link = ComplementaryLogLog(scale)
    assert not link.symmetric
    assert link.probability(scale * z) + link.probability(-scale * z) > 1 + 1e-3 * z


@repeatable
@given(st.sampled_from(NAMES), scales, inner)
def test_derivative_is_the_complex_step_of_the_textbook_formula(name, scale, z):
    step = 1e-30
    exact = FORMULAS[name](complex(z, step / scale)).imag / step
    assert LINKS[name](scale).derivative(scale * z) == pytest.approx(exact, rel=1e-12)


@repeatable
@given(st.sampled_from(NAMES), scales, inner)
def test_second_derivative_is_the_difference_of_the_first(name, scale, z):
    link, step = LINKS[name](scale), 1e-4 * scale
    x = scale * z
    difference = (link.derivative(x + step) - link.derivative(x - step)) / (2 * step)
    assert link.second_derivative(x) == pytest.approx(difference, abs=1e-7 / scale**2)


@repeatable
@given(st.sampled_from(NAMES), scales, inner)
def test_inverse_curvature_is_the_second_difference_of_the_inverse(name, scale, z):
    link, step = LINKS[name](scale), 1e-4
    x = scale * z
    p = link.probability(x)
    ends = link.inverse(np.array([p + step, p, p - step]))
    difference = (ends[0] - 2 * ends[1] + ends[2]) / step**2
    assert inverse_curvature(link, x) == pytest.approx(difference, rel=1e-3, abs=1e-5 * scale)


def test_inverse_curvature_in_closed_form():
    p = np.array([0.01, 0.3, 0.5, 0.9])
    logistic = inverse_curvature(Logistic(), Logistic().inverse(p))
    np.testing.assert_allclose(logistic, (2 * p - 1) / (p * (1 - p)) ** 2, rtol=1e-12, atol=1e-12)
    z = Probit().inverse(p)
    np.testing.assert_allclose(inverse_curvature(Probit(), z), 2 * np.pi * z * np.exp(z**2), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(inverse_curvature(Linear(5.0), [-4.0, 0.0, 4.0]), 0)


def test_linear_is_flat_outside_its_range():
    link = Linear(2.0)
    np.testing.assert_array_equal(link.probability([-3, -1, 1, 3]), [0, 0.25, 0.75, 1])
    np.testing.assert_array_equal(link.derivative([-3, -1, 1, 3]), [0, 0.25, 0.25, 0])


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", NAMES)
def test_scale_must_be_positive_and_finite(name, scale):
    with pytest.raises(InputError, match=r"^scale must be positive and finite, got "):
        LINKS[name](scale)


@pytest.mark.parametrize("p", [-1e-9, 1 + 1e-9, math.nan])
@pytest.mark.parametrize("name", NAMES)
def test_inverse_refuses_what_is_no_probability(name, p):
    with pytest.raises(InputError, match=r"^p must be probabilities in \[0, 1\], got "):
        LINKS[name]().inverse([0.5, p])


@pytest.mark.parametrize(
    ("link", "kept", "refused"),
    [(Logistic(), 36, 37), (Probit(), 8, 9), (ComplementaryLogLog(), 3, 4), (Linear(10.0), 9, 10)],
)
def test_saturation_is_refused_with_a_remedy_that_works(link, kept, refused):
    check_invertible(link, kept)
    said = (
        rf"^link \w+\(scale=[\d.]+\) must not saturate .* for H = {refused}; use a larger scale, such as {2 * refused}$"
    )
    for call in (check_invertible, largest_trim, default_trim):
        with pytest.raises(InputError, match=said):
            call(link, refused)
    check_invertible(type(link)(2.0 * refused), refused)


def test_cauchit_never_saturates_in_practice():
    check_invertible(Cauchit(), 10**9)


@pytest.mark.parametrize("name", NAMES)
def test_largest_trim_is_the_smaller_distance_from_certainty(name):
    link, horizon = LINKS[name](7.0), 6
    expected = min(link.probability(-horizon), 1 - link.probability(horizon))
    assert largest_trim(link, horizon) == pytest.approx(float(expected), rel=1e-14)
    assert default_trim(link, horizon) == largest_trim(link, horizon) / 2


def test_largest_trim_does_not_cancel():
    assert largest_trim(Logistic(), 35) == pytest.approx(math.exp(-35), rel=1e-14)
    assert largest_trim(ComplementaryLogLog(), 2) == pytest.approx(2 ** -math.exp(2), rel=1e-12)


@repeatable
@given(st.sampled_from(NAMES), st.floats(0.01, 100), st.integers(1, 100))
def test_default_trim_never_clips_the_mean_and_stays_invertible(name, scale, horizon):
    link = LINKS[name](scale)
    try:
        trim = default_trim(link, horizon)
    except InputError:
        # Refused only where something really is lost.
        assert min(float(link.probability(-horizon)), 1 - float(link.probability(horizon))) < 3e-16
        return
    assert 0 < trim < link.probability(-horizon)
    assert link.probability(horizon) < 1 - trim
    assert np.isfinite(link.inverse([trim, 1 - trim])).all()
