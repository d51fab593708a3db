"""Faults planted in policies, links, inversions, MDPs and records: each must be a failed line that names it."""

# ruff: noqa: ARG002

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import logit

from experiments.catalogue.lookup import find
from experiments.catalogue.requirements import CheckOutcome
from experiments.catalogue.shipped_claims import stated_claims
from experiments.contracts.check_component import check_component
from experiments.contracts.links import inversion_contract, link_contract
from experiments.contracts.policies import policy_contract
from experiments.contracts.records import claim_contract, instance_contract, mdp_contract, rate_contract
from theory import STATED_RATE, HaldaneAnscombe, Logistic, TabularMDP, TabularSoftmax, Trimmed, chain


def failed(outcomes: Iterator[CheckOutcome] | list[CheckOutcome]) -> dict[str, str]:
    return {outcome.name: outcome.sentence for outcome in outcomes if not outcome.passed}


@dataclass(frozen=True)
class Softmax(TabularSoftmax):
    n_states: int = 3
    n_actions: int = 2


@dataclass(frozen=True)
class Factor(Softmax):
    """The gradient is off by a factor."""

    factor: float = 0.9

    def score_product(self, theta: Any, probabilities: Any, weights: Any) -> Any:
        return self.factor * super().score_product(theta, probabilities, weights)


class SharedOverBatch(Softmax):
    def probabilities(self, theta: Any) -> Any:
        return super().probabilities(theta if theta.ndim == 1 else theta - 0.1 * theta[..., ::-1, :])


class OneBuffer(Softmax):
    buffer: list[Any] = []  # noqa: RUF012

    def probabilities(self, theta: Any) -> Any:
        found = super().probabilities(theta)
        if theta.ndim > 1 or np.iscomplexobj(theta):
            return found
        self.buffer[:] = self.buffer or [np.empty(found.shape)]
        self.buffer[0][...] = found
        return self.buffer[0]


class Drawing(Softmax):
    rng = np.random.default_rng(0)

    def probabilities(self, theta: Any) -> Any:
        return super().probabilities(theta + 1e-3 * self.rng.normal(size=theta.shape))


class Mutating(Softmax):
    def probabilities(self, theta: Any) -> Any:
        theta -= theta.max(axis=-1, keepdims=True)
        return super().probabilities(theta)


@dataclass(frozen=True)
class WithLambda(Softmax):
    twist: Callable[[Any], Any] = field(default=lambda theta: theta)


@pytest.mark.parametrize(
    ("policy", "name", "words"),
    [
        (Factor(), "gradient", r"got -?0\.\d+ along a direction in which the value changes by -?0\.\d+; score_product"),
        (Factor(factor=1 + 1e-8), "gradient by complex step", "errors up to"),
        (Mutating(), "theta unchanged", r"theta by probabilities\(\) changed by up to"),
        (WithLambda(), "pickles", "define it at the top of a module, without lambdas within"),
    ],
)
def test_faults_of_policies_are_found_by_the_whole_contract(policy: Any, name: str, words: str) -> None:
    found = failed(check_component(policy))
    assert list(found) == [name]
    assert re.search(words, found[name])


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (Factor(), "Taylor test"),
        (SharedOverBatch(), "batch rows"),
        (OneBuffer(), "results kept"),
        (Drawing(), "results kept"),
        (Mutating(), "arguments unchanged"),
    ],
)
def test_faults_of_policies_that_each_later_check_finds(policy: Any, name: str) -> None:
    """Given to the later checks alone: some of these fail the quick ones already."""
    assert name in failed(policy_contract(policy, 0))


class WrongInverse(Logistic):
    def inverse(self, p: Any) -> Any:
        return 0.5 * super().inverse(p)


class Dip(Logistic):
    """Falls between two points of the coarse grid."""

    def probability(self, x: Any) -> Any:
        x = np.asarray(x)
        return super().probability(x) - 0.01 * np.exp(-(((x - 2.013) / 0.002) ** 2))


class MutatingLink(Logistic):
    def inverse(self, p: Any) -> Any:
        if np.ndim(p):
            p += 0.0
            p *= 2
            p /= 2.0000001
        return super().inverse(p)


@dataclass(frozen=True)
class LinkWithLambda(Logistic):
    twist: Callable[[Any], Any] = field(default=lambda x: x)


def test_faults_of_links() -> None:
    assert list(failed(check_component(WrongInverse(2.0)))) == ["inverse"]
    assert set(failed(check_component(Dip(2.0)))) >= {"increasing"}
    assert list(failed(link_contract(MutatingLink(), 0))) == ["arguments unchanged"]
    assert list(failed(check_component(LinkWithLambda(2.0)))) == ["pickles"]


class KnowsOneLink(HaldaneAnscombe):
    """Reads every link as if it were logistic."""

    def limit(self, link: Any, shares: Any, horizon: int) -> Any:
        return link.scale * logit(shares)


class MutatingInversion(Trimmed):
    def clips(self, link: Any, shares: Any, horizon: int) -> Any:
        found = super().clips(link, shares, horizon)
        shares[...] = 0.5
        return found


@dataclass(frozen=True)
class InversionWithLambda(Trimmed):
    twist: Callable[[Any], Any] = field(default=lambda x: x)


def test_faults_of_inversions() -> None:
    assert "skewed link: consistent" in failed(check_component(KnowsOneLink()))
    assert list(failed(inversion_contract(MutatingInversion(), 0))) == ["arguments unchanged"]
    assert list(failed(check_component(InversionWithLambda()))) == ["pickles"]


def broken_mdp(**arrays: Any) -> TabularMDP:
    """An MDP whose arrays were replaced behind the back of its constructor."""
    mdp = chain(3, 4, 0.2)
    for name, array in arrays.items():
        object.__setattr__(mdp, name, array)
    return mdp


def test_faults_of_mdps() -> None:
    mdp = chain(3, 4, 0.2)
    assert "values" in failed(mdp_contract(broken_mdp(rewards=3 * mdp.rewards), 0))
    assert "law of the return" in failed(mdp_contract(broken_mdp(probabilities=0.9 * mdp.probabilities), 0))
    assert "pickles" in failed(mdp_contract(broken_mdp(extra=lambda: None), 0))


def test_faults_of_the_parts_of_an_instance_name_the_part() -> None:
    sound = find("instance", "garnet")
    shape = sound.policy.n_states, sound.policy.n_actions
    assert list(failed(check_component(replace(sound, policy=Factor(*shape))))) == ["policy: gradient"]
    assert list(failed(check_component(replace(sound, link=WrongInverse(2.0))))) == ["link: inverse"]
    assert list(failed(instance_contract(replace(sound, policy=Factor(*shape, factor=0.9)), 0))) == [
        "policy: gradient by complex step",
        "policy: Taylor test",
    ]


def growing(**settings: Any) -> Any:
    found = STATED_RATE.schedule(**settings)
    queries = settings["n_queries"]
    return replace(found, radius=found.radius * (1 + (math.log(queries) if queries < 1e9 else 100)))


def without_constants(**settings: Any) -> Any:
    return STATED_RATE.schedule(**settings | {"radius_scale": 1.0})


def test_faults_of_rates() -> None:
    assert list(failed(rate_contract(replace(STATED_RATE, exponents={"T": 1.0, "eps": 1.0}), 0))) == ["signs"]
    assert list(failed(check_component(replace(STATED_RATE, schedule=growing)))) == ["monotone"]
    assert list(failed(check_component(replace(STATED_RATE, schedule=without_constants)))) == ["constants"]


def test_faults_of_claims() -> None:
    claim = stated_claims("quick", "zpg", "T")[0]
    fields = {name: getattr(claim, name) for name in claim.__dataclass_fields__}
    point = SimpleNamespace(radius=0.0, step_size=0.1, n_iterations=4, n_pairs=math.inf, n_queries=math.inf)
    pointless = SimpleNamespace(**fields, points=lambda: [("circular", point)])
    assert list(failed(claim_contract(pointless, 0))) == ["points"]
    assert list(failed(check_component([claim, claim]))) == ["names"]
