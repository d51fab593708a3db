"""Mixing times that the law of a method promises, and the method whose law is promised."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from estimators import ExactGradient, Gpomdp, Reinforce, ZerothOrder, leading_mixing
from estimators.feedback import preferences
from estimators.zeroth_order import GradientEstimator
from experiments.catalogue.instance import Instance, at_optimum
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from theory import VoteModel

# Any small radius gives the leading order; the votes are not used, but one rater can be repeated only if they are few.
RADIUS, VOTES = 0.01, 5


def promised_by(method: str | Method, instance: Instance) -> Method:
    """The method itself, if its estimates have a law that can be worked out; otherwise ZPG, whose claims it takes.

    So it is for raters that no claim promises: one of them repeated, or others than the link says.
    """
    found = find("method", method)
    built = _built(found, instance)
    known = isinstance(built, ZerothOrder | ExactGradient | Reinforce | Gpomdp) and found.knob in ("radius", "")
    votes = getattr(getattr(built, "feedback", None), "votes", None)
    faulty = isinstance(votes, VoteModel) and (votes.repeated or votes.rater_link is not None)
    return found if known and not faulty else find("method", "zpg")


def mixing_near(instance: str | Instance, method: str | Method, step_size: float) -> float:
    """Mixing time in iterations, to leading order in the radius, near the optimum that ascent from the start finds.

    Infinite if the optimum is flat or the step is too large for a stable law.
    """
    return _mixing(find("instance", instance), find("method", method), step_size)


@lru_cache(maxsize=256)
def _mixing(instance: Instance, method: Method, step_size: float) -> float:
    built = _built(promised_by(method, instance), instance)
    if not isinstance(built, ZerothOrder):
        built = _built(find("method", "zpg"), instance)
    assert isinstance(built, ZerothOrder)
    theta = at_optimum(instance).start
    return leading_mixing(instance.mdp, instance.policy, built, theta, step_size, np.random.default_rng(11))


def _built(method: Method, instance: Instance) -> GradientEstimator | object:
    oracle = preferences(math.inf, VOTES, instance.link)
    return method.build(instance.policy.dim, oracle, np.asarray(RADIUS))
