"""Mistakes in parts that users write are told by what is missing and where; own methods get the stated claims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments import Instance, Method, compare_variance, find
from experiments.catalogue.shipped_claims import PUBLISHED, sharpened_claims, stated_claims
from theory import CircularPolicy, InputError, Logistic, TabularSoftmax, chain, garnet, policy_gradient, policy_hessian

MODULE = """
import numpy as np
from estimators import Sphere, ZerothOrder
from experiments import Claim, Instance, Method, Setup, perturbing
from theory import STATED_RATE, Logistic, TabularSoftmax, chain

class Bounded:
    n_states, n_actions, horizon, dim = 3, 2, None, 3
    probabilities = score_product = lambda *given: None

class Half:
    symmetric = True
    probability = inverse = lambda self, x: x

class Clipped(ZerothOrder):
    def moments(self, mdp, policy, theta, rng=None):
        raise NotImplementedError("clipping has none")

def policy():
    return Instance("x", "", chain(3, 4), Bounded(), np.zeros(3), Logistic(2.0))

def link():
    return Instance("x", "", chain(3, 4), TabularSoftmax(3, 2), np.zeros(6), Half())

class Narrow(ZerothOrder):
    def estimate(self, mdp, policy, theta, rng):
        return super().estimate(mdp, policy, theta, rng)[..., :1]

HALF = Half()
NARROW = Method("narrow", "Narrow", lambda dim, oracle, radius: Narrow(Sphere(), oracle, radius))
CLIPPED = Method("clipped", "Clipped", lambda dim, oracle, radius: Clipped(Sphere(), oracle, radius))
CLAIM = Claim("mine", "zpg", "bandit", "T", (10, 100), Setup(1), STATED_RATE, 4, False, "")
PLAIN = perturbing("plain", "Plain")

def divides():
    return 1 / 0
"""
DIVIDES = 1 + next(number for number, line in enumerate(MODULE.splitlines()) if "1 / 0" in line)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("solve", "parts:policy"), "got Bounded without score_bounds; add"),
        (("solve", "parts:link"), "got Half without derivative, second_derivative; add"),
        (("compare", "--raters", "parts:HALF"), "got none of the name derivative, second_derivative (Half); add"),
        (("variance", "--methods", "parts:CLIPPED"), "must have exact moments to have a variance"),
        (("variance", "--methods", "parts:CLIPPED"), "(clipping has none); leave it out"),
        (("variance", "--methods", "parts:NARROW"), "estimate must have the shape of theta, ("),
        (("rates", "--claims", "parts:CLAIM"), "radius of claim 'mine' must be positive and finite, got 0.0"),
        (("rates", "--claims", "parts:CLAIM"), "write Setup(..., radius=0.01)"),
        (("solve", "parts:divides"), f"(ZeroDivisionError: division by zero); see parts.py, line {DIVIDES}"),
        (("solve", "broken:X"), "(ZeroDivisionError: division by zero); see broken.py, line 2"),
    ],
)
def test_a_mistake_is_told_by_what_is_missing_and_where(
    command: tuple[str, ...], words: str, tmp_path: Path, zpg_in_process
) -> None:
    (tmp_path / "parts.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("x = 1\n1 / 0\n")
    jobs = () if command[0] == "solve" else ("--jobs", "1")
    done = zpg_in_process(*command, *jobs)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_own_method_gets_the_stated_claims_as_bounds(tmp_path: Path, zpg_in_process, monkeypatch) -> None:
    (tmp_path / "parts.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    for claims in (stated_claims, sharpened_claims):
        own, published = claims("quick", "parts:PLAIN"), claims("quick", PUBLISHED[1])
        assert own, "the command would find nothing to run"
        assert [(c.axis, c.instance, c.grid, c.setup) for c in own] == [
            (c.axis, c.instance, c.grid, c.setup) for c in published
        ]
        assert all(c.method == "parts:PLAIN" and not c.two_sided for c in own)
    done = zpg_in_process("rates", "--method", "parts:PLAIN", "--axis", "T", "--no-controls", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "parts:PLAIN T circular" in done.stdout


class Overflowing(TabularSoftmax):
    """As `TabularSoftmax`, with exponentials that overflow."""

    def probabilities(self, theta):
        odds = np.exp(theta.reshape(*theta.shape[:-1], 1, self.n_states, self.n_actions))
        return odds / odds.sum(axis=-1, keepdims=True)


def test_a_policy_that_overflows_is_told_from_a_crash() -> None:
    policy = Overflowing(3, 2)
    assert np.isfinite(policy_hessian(chain(3, 4), policy, np.zeros(6))).all()
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(InputError, match=r"^policy must be finite for complex theta, got [^\n]*\|theta\| up to 2e\+03"),
    ):
        policy_hessian(chain(3, 4), policy, np.full(6, 2e3))


def test_a_gradient_of_rounding_alone_is_a_stationary_point() -> None:
    """With two actions the circular policy is stationary at 0: its gradient there is some 1e-17, and not exactly 0."""
    mdp = garnet(3, 2, 2, 3, np.random.default_rng(0))
    flat = Instance("flat", "", mdp, CircularPolicy(3, 2, 1.0), np.zeros(3), Logistic(2.0))
    exact = Method("exact-too", "exact", find("method", "exact").build, knob="")
    assert 0 < np.linalg.norm(policy_gradient(mdp, flat.policy, flat.start)) < 1e-15
    with pytest.raises(InputError, match="must not be a stationary point"):
        compare_variance(flat, flat.start, n_pairs=4, n_queries=1, methods=[exact])
    found = compare_variance(flat, np.full(3, 1e-9), n_pairs=4, n_queries=1, methods=[exact])
    assert found["rescaled_mse"].iloc[0] == 0, "a small gradient is one"
