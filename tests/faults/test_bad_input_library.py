"""Bad input to every public name of theory and estimators: refused, by a message that names the argument.

A row is a call that works and the kind of each of its arguments. Every bad value of that kind is put in, alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bad_values import (
    COUNT,
    COUNTS,
    FLAG,
    INF,
    INTEGER,
    LEAST,
    NAN,
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVES,
    PROBABILITY,
    RAGGED,
    RANGE,
    RNG,
    SAMPLER,
    TRIM,
    Call,
    name_of,
    real,
    refusal,
    rows,
    shaped,
    with_entry,
)

import estimators
import theory
from estimators import (
    Ascent,
    Blocks,
    Dpo,
    ExactGradient,
    Gpomdp,
    LearnedCritic,
    LocalModel,
    Ppo,
    PreferenceData,
    PreferenceFeedback,
    Reinforce,
    ReturnFeedback,
    RewardModel,
    SignFeedback,
    Sphere,
    StackedFeedback,
    Streams,
    ZerothOrder,
    ascend,
    ascend_with_control,
    energy_defect,
    law_at,
    leading_mixing,
    stationary_law,
    zbcpg,
    zpg,
)
from theory import (
    Cauchit,
    CircularPolicy,
    ComplementaryLogLog,
    HaldaneAnscombe,
    InputError,
    Jackknife,
    Linear,
    Logistic,
    LogLinearSoftmax,
    Probit,
    TabularMDP,
    TabularSoftmax,
    Trimmed,
    UntilDisagreement,
    VoteModel,
    additive_moments,
    bandit,
    certificate,
    chain,
    difference_law,
    dpo_optimum,
    enumerate_trajectories,
    from_gymnasium,
    garnet,
    gridworld,
    hessian_norm,
    kl_regularised_value,
    occupancy,
    optimal_value,
    policy_gradient,
    policy_hessian,
    policy_value,
    population_loss,
    return_distribution,
    return_range,
    reward_error,
    sharpened_schedule,
    smoothness_bound,
    soft_optimum,
    stated_schedule,
    unbiased_schedule,
    value_and_gradient,
)

MDP, POLICY = chain(3, 2), TabularSoftmax(3, 2)
CIRCULAR = CircularPolicy(1, 2, 1.0)
PULLS = bandit([0.2, 0.7], 2)
THETA = np.zeros((2, 6))
UNIFORM = np.full((1, 3, 2), 0.5)
FEEDBACK = PreferenceFeedback(np.array(4.0), "law", VoteModel(Logistic(2.0), 3))
ROLLOUT = PreferenceFeedback(np.array(4.0), "rollout", VoteModel(Logistic(2.0), 3))
ESTIMATOR = ZerothOrder(Sphere(), FEEDBACK, 0.1)
RUN = ascend(MDP, POLICY, ExactGradient(), THETA, 3, 0.1, np.random.default_rng(0))
OPTIMUM = np.array([math.pi])


THETAS = [*real(THETA)[:9], THETA.astype(str), RAGGED, None, "text", np.zeros(5), np.zeros((2, 7)), np.zeros(0), 0.5]
REAL_THETAS = [*THETAS, THETA + 1j]
LINK = [None, Logistic, "logistic", 2.0]
SOME_MDP = [None, TabularMDP, "chain", chain(4, 2), bandit([0.5, 0.5])]
SOME_POLICY = [None, TabularSoftmax, "softmax", TabularSoftmax(3, 3), TabularSoftmax(4, 2), TabularSoftmax(3, 2, 5)]
ANY_MDP, ANY_POLICY = SOME_MDP[:3], SOME_POLICY[:3]
PROBLEM: dict[str, Any] = {"mdp": MDP, "policy": POLICY, "theta": THETA}
BAD_PROBLEM = {"mdp": SOME_MDP, "policy": SOME_POLICY, "theta": THETAS}
TRANSITIONS = np.full((2, 2, 2), 0.5)
REWARDS = np.array([[0.0, 1.0], [1.0, 0.5]])
SUCCESSORS = np.array([[[0, 1], [0, 1]], [[0, 1], [1, 0]]])
START = np.array([0.5, 0.5])
STEP_VALUES = np.full((1, 3, 2), 0.5)
SCHEDULE = {"dim": 4, "horizon": 2, "n_pairs": 10.0, "n_queries": 10.0, "radius_scale": 1.0, "step_scale": 1.0}
BAD_SCHEDULE = {
    "dim": INTEGER,
    "n_pairs": LEAST,
    "n_queries": LEAST,
    "radius_scale": POSITIVES,
    "step_scale": POSITIVES,
}
CERTIFICATE: dict[str, Any] = {
    "value_gap": 1.0,
    "dim": 4,
    "smoothness": 1.0,
    "n_iterations": 10,
    "step_size": 0.01,
    "radius": 0.1,
    "n_pairs": 10.0,
    "inversion_bias": 0.0,
    "second_moment": 1.0,
}

THEORY: list[Call] = [
    (
        TabularMDP,
        {"transitions": TRANSITIONS, "rewards": REWARDS, "initial": START, "horizon": 2, "reward_range": (0, 1)},
        {
            "transitions": rows(TRANSITIONS),
            "rewards": [*shaped(REWARDS), *with_entry(REWARDS, 2.0), *with_entry(REWARDS, -1.0)],
            "initial": rows(START),
            "horizon": INTEGER,
            "reward_range": [value for value in RANGE if value not in ((0.2, 1),)] + [(0.2, 1)],
        },
    ),
    (
        TabularMDP.from_outcomes,
        {
            "probabilities": TRANSITIONS,
            "next_states": SUCCESSORS,
            "rewards": TRANSITIONS,
            "initial": START,
            "horizon": 2,
            "reward_range": (0, 1),
        },
        {
            "probabilities": rows(TRANSITIONS),
            "next_states": [
                *(SUCCESSORS + 0.0, RAGGED, None, "text", SUCCESSORS[..., :1], SUCCESSORS + 1j, SUCCESSORS > 0),
                *with_entry(SUCCESSORS, 2),
                *with_entry(SUCCESSORS, -1),
            ],
            "rewards": [*shaped(TRANSITIONS), *with_entry(TRANSITIONS, 2.0), *with_entry(TRANSITIONS, -1.0)],
            "initial": rows(START),
            "horizon": INTEGER,
        },
    ),
    (
        bandit,
        {"means": [0.2, 0.5, 0.7], "horizon": 2},
        {
            "means": [*real([0.2, 0.5, 0.7]), [1.1, 0.5], [0.5, 1.1], [-0.1, 0.5], [0.5, -0.1], [], 0.5, [[0.5]]],
            "horizon": INTEGER,
        },
    ),
    (
        chain,
        {"n_states": 3, "horizon": 2, "slip": 0.1},
        {"n_states": [*INTEGER, 1], "horizon": INTEGER, "slip": PROBABILITY},
    ),
    (
        gridworld,
        {"cells": "S.G", "horizon": 2, "slip": 0.1},
        {
            "cells": ["", "..G", "S.X", "S\n.G", None, 3, [], ["S", ""], [1, 2], [None]],
            "horizon": INTEGER,
            "slip": PROBABILITY,
        },
    ),
    (
        garnet,
        {"n_states": 3, "n_actions": 2, "branching": 2, "horizon": 2, "rng": np.random.default_rng(0), "lattice": 4},
        {
            "n_states": INTEGER,
            "n_actions": INTEGER,
            "branching": [*INTEGER, 4],
            "horizon": INTEGER,
            "rng": RNG,
            "lattice": INTEGER,
        },
    ),
    (
        from_gymnasium,
        {"env_id": "FrozenLake-v1", "horizon": 2},
        {"env_id": ["NoLake-v1", "", None, 3], "horizon": INTEGER},
    ),
    (
        TabularSoftmax,
        {"n_states": 3, "n_actions": 2, "horizon": 2},
        {"n_states": INTEGER, "n_actions": INTEGER, "horizon": [value for value in INTEGER if value is not None]},
    ),
    (
        CircularPolicy,
        {"n_states": 3, "n_actions": 2, "concentration": 1.0},
        {"n_states": INTEGER, "n_actions": INTEGER, "concentration": POSITIVE},
    ),
    (
        LogLinearSoftmax,
        {"features": np.ones((2, 2, 3))},
        {"features": [*real(np.ones((2, 2, 3))), 1.0, np.ones((2, 3)), np.ones((2, 0, 3))]},
    ),
    *((link, {"scale": 2.0}, {"scale": POSITIVE}) for link in (Logistic, Probit, Cauchit, ComplementaryLogLog, Linear)),
    *(
        (
            link(2.0).inverse,
            {"p": [0.1, 0.5, 0.9]},
            {"p": [*real([0.1, 0.5, 0.9]), [-0.1, 0.5], [0.5, -0.1], [1.1, 0.5], [0.5, 1.1]]},
        )
        for link in (Logistic, Probit, Cauchit, ComplementaryLogLog, Linear)
    ),
    (Trimmed, {"trim": 0.1, "enforce": True}, {"trim": TRIM, "enforce": FLAG}),
    (Jackknife, {"trimmed": Trimmed()}, {"trimmed": [None, Trimmed, 0.1, HaldaneAnscombe()]}),
    (
        VoteModel,
        {
            "link": Logistic(),
            "n_queries": 3,
            "inversion": Trimmed(),
            "rater_link": Probit(),
            "repeated": False,
            "random_order": False,
        },
        {
            "link": LINK,
            "n_queries": COUNT,
            "inversion": [None, Trimmed, "trimmed", 0.1],
            "rater_link": LINK[1:],
            "repeated": FLAG,
            "random_order": FLAG,
        },
    ),
    (VoteModel(Logistic(2.0), 3).table, {"mdp": MDP, "batch_size": 1}, {"mdp": ANY_MDP, "batch_size": INTEGER}),
    (
        UntilDisagreement,
        {"link": Logistic(), "cap": 5, "rater_link": Probit()},
        {"link": LINK, "cap": [value for value in INTEGER if value is not None], "rater_link": LINK[1:]},
    ),
    *((function, PROBLEM, BAD_PROBLEM) for function in (policy_value, policy_gradient, value_and_gradient, occupancy)),
    *(
        (function, PROBLEM, BAD_PROBLEM | {"theta": REAL_THETAS})
        for function in (policy_hessian, hessian_norm, return_distribution)
    ),
    *((function, {"mdp": MDP}, {"mdp": ANY_MDP}) for function in (optimal_value, enumerate_trajectories, return_range)),
    (smoothness_bound, {"mdp": MDP, "policy": POLICY}, {"mdp": SOME_MDP, "policy": SOME_POLICY}),
    (
        additive_moments,
        PROBLEM | {"step_values": STEP_VALUES},
        BAD_PROBLEM | {"theta": REAL_THETAS, "step_values": shaped(STEP_VALUES)},
    ),
    (
        reward_error,
        PROBLEM | {"rewards": STEP_VALUES},
        BAD_PROBLEM | {"theta": REAL_THETAS, "rewards": shaped(STEP_VALUES)},
    ),
    (
        difference_law,
        {"law": START, "other": START},
        {"law": [*rows(START)], "other": [*rows(START), np.full(3, 1 / 3)]},
    ),
    (
        soft_optimum,
        {"mdp": MDP, "reference": UNIFORM, "beta": 0.5},
        {"mdp": ANY_MDP, "reference": [*rows(UNIFORM), *with_entry(UNIFORM, 0.0)], "beta": POSITIVES},
    ),
    (
        kl_regularised_value,
        {"mdp": MDP, "probabilities": UNIFORM, "reference": UNIFORM, "beta": 0.5},
        {"mdp": ANY_MDP, "probabilities": rows(UNIFORM), "reference": rows(UNIFORM), "beta": POSITIVES},
    ),
    *(
        (
            function,
            {"mdp": MDP, "reference": UNIFORM, "beta": 0.5, "link": Logistic(2.0), "raters": Probit(2.0)},
            {"mdp": ANY_MDP, "reference": rows(UNIFORM), "beta": POSITIVE, "link": LINK, "raters": LINK[1:]},
        )
        for function in (population_loss, dpo_optimum)
    ),
    (population_loss(MDP, UNIFORM, 0.5, Logistic(2.0)), {"theta": np.zeros(12)}, {"theta": shaped(np.zeros(12))}),
    (stated_schedule, SCHEDULE, BAD_SCHEDULE | {"horizon": INTEGER}),
    (sharpened_schedule, SCHEDULE, BAD_SCHEDULE),
    (unbiased_schedule, SCHEDULE, BAD_SCHEDULE),
    (
        certificate,
        CERTIFICATE,
        {
            "value_gap": [value for value in NOT_NEGATIVE if value not in (-1.0, [1.0, -1.0], [-1.0, 1.0])],
            "dim": INTEGER,
            "smoothness": [value for value in POSITIVE if value != 0],
            "n_iterations": LEAST,
            "step_size": [*POSITIVES, 1.0, [0.01, 1.0], [1.0, 0.01]],
            "radius": POSITIVES,
            "n_pairs": LEAST,
            "inversion_bias": NOT_NEGATIVE,
            "second_moment": NOT_NEGATIVE,
        },
    ),
]

VOTES: dict[str, Any] = {
    "radius": 0.1,
    "n_pairs": 4,
    "n_queries": 3,
    "link": Logistic(2.0),
    "trim": 0.1,
    "sampler": "law",
}
BAD_VOTES = {"radius": POSITIVES, "n_pairs": COUNTS, "n_queries": COUNT, "link": LINK, "trim": TRIM, "sampler": SAMPLER}
NO_FEEDBACK = [None, PreferenceFeedback, "votes", Logistic()]
ESTIMATE: dict[str, Any] = PROBLEM | {"rng": np.random.default_rng(0)}
BAD_ESTIMATE = BAD_PROBLEM | {"theta": REAL_THETAS, "rng": RNG}
DATA = {"visits": np.ones((4, 6)), "shares": np.full(4, 0.5), "n_queries": 3.0, "weights": np.full(4, 0.25)}
LAW: dict[str, Any] = {
    "mdp": PULLS,
    "policy": CIRCULAR,
    "estimator": ZerothOrder(Blocks(1), FEEDBACK, 0.1),
    "theta": OPTIMUM,
    "step_size": 0.1,
}
THE_LAW = stationary_law(**LAW)
NOT_ESTIMATORS = [None, ZerothOrder, "zpg", 3]
ONE_THETA = [*shaped(OPTIMUM), np.zeros((2, 1))]
BAD_LAW = {"mdp": ANY_MDP, "policy": ANY_POLICY, "estimator": NOT_ESTIMATORS, "theta": ONE_THETA, "step_size": POSITIVE}

ESTIMATORS: list[Call] = [
    (Blocks, {"block_size": 2}, {"block_size": INTEGER}),
    (
        PreferenceFeedback,
        {
            "n_pairs": 4,
            "sampler": "law",
            "votes": VoteModel(Logistic(), 3),
            "common_random_numbers": False,
            "batch_size": 2,
        },
        {
            "n_pairs": COUNTS,
            "sampler": SAMPLER,
            "votes": [None, VoteModel, Logistic(), 3],
            "common_random_numbers": FLAG,
            "batch_size": INTEGER,
        },
    ),
    (ReturnFeedback, {"n_pairs": 4, "sampler": "law"}, {"n_pairs": COUNTS, "sampler": SAMPLER}),
    (
        SignFeedback,
        {"n_pairs": 4, "n_queries": 3, "link": Logistic(), "sampler": "law", "batch_size": 2},
        {"n_pairs": COUNTS, "n_queries": COUNT, "link": LINK[1:], "sampler": SAMPLER, "batch_size": INTEGER},
    ),
    (
        StackedFeedback,
        {"members": (FEEDBACK, FEEDBACK), "n_axes": 1},
        {
            "members": [
                (),
                None,
                FEEDBACK,
                (FEEDBACK, None),
                (None, FEEDBACK),
                (FEEDBACK, ROLLOUT),
                (ROLLOUT, FEEDBACK),
            ],
            "n_axes": [-1, 2.5, NAN, "1", None, True],
        },
    ),
    (
        ZerothOrder,
        {"directions": Sphere(), "feedback": FEEDBACK, "radius": 0.1, "symmetric": False, "n_directions": 2},
        {
            "directions": [None, Sphere, "sphere", 3],
            "feedback": NO_FEEDBACK,
            "radius": POSITIVES,
            "symmetric": FLAG,
            "n_directions": INTEGER,
        },
    ),
    (zpg, VOTES, BAD_VOTES),
    (zbcpg, VOTES | {"block_size": 2}, BAD_VOTES | {"block_size": INTEGER}),
    *(
        (estimator.estimate, ESTIMATE, BAD_ESTIMATE if not isinstance(estimator, ExactGradient) else BAD_PROBLEM)
        for estimator in (ESTIMATOR, Reinforce(4), Gpomdp(4), ExactGradient())
    ),
    *(
        (estimator.moments, PROBLEM, BAD_PROBLEM | {"theta": REAL_THETAS})
        for estimator in (ZerothOrder(Blocks(1), FEEDBACK, 0.1), Reinforce(4), Gpomdp(4))
    ),
    *(
        (method, {"n_per_estimate": 4, "baseline": "value"}, {"n_per_estimate": COUNT, "baseline": ["worst", None, 3]})
        for method in (Reinforce, Gpomdp)
    ),
    (
        RewardModel,
        {"link": Logistic(), "ridge": 1.0, "features": np.ones((6, 2))},
        {
            "link": LINK,
            "ridge": POSITIVES,
            "features": [*(bad for bad in real(np.ones((6, 2))) if bad is not None), np.ones(6), 1.0, np.ones((6, 0))],
        },
    ),
    (
        LearnedCritic,
        {"trace": 0.9, "memory": 4.0},
        {"trace": PROBABILITY, "memory": POSITIVE},
    ),
    (
        Ppo,
        {
            "feedback": ROLLOUT,
            "reward_model": RewardModel(Logistic()),
            "online": True,
            "clip": 0.2,
            "n_epochs": 2,
            "n_rollouts": 4,
            "critic": LearnedCritic(),
            "kl": 0.1,
        },
        {
            "feedback": NO_FEEDBACK,
            "reward_model": [None, RewardModel, Logistic()],
            "online": FLAG,
            "clip": [0.0, 1.0, -0.1, NAN, INF, "0.2", None, 1j, [0.2]],
            "n_epochs": INTEGER,
            "n_rollouts": [value for value in (*INTEGER, 1) if value is not None],
            "critic": [LearnedCritic, 3, "learned"],
            "kl": [*NOT_NEGATIVE, RAGGED],
        },
    ),
    (
        Dpo,
        {"feedback": ROLLOUT, "beta": 0.1, "online": True, "n_steps": 3},
        {
            "feedback": NO_FEEDBACK,
            "beta": POSITIVES,
            "online": FLAG,
            "n_steps": [0, -1, 2.5, NAN, "3", None, 1j, RAGGED, [3, 0], [0, 3], [3, NAN], [2.5, 3], True],
        },
    ),
    (
        PreferenceData,
        DATA,
        {
            "visits": [*real(np.ones((4, 6))), np.ones((3, 6)), np.ones(4)],
            "shares": [*real(np.full(4, 0.5)), [0.5] * 3, [-0.1, 0, 0, 0], [0, 0, 0, 1.1]],
            "n_queries": COUNT,
            "weights": [*(bad for bad in rows(np.full(4, 0.25)) if bad is not None), np.full(3, 1 / 3), [0.25] * 4],
        },
    ),
    (Streams.of, {"rng": np.random.default_rng(0)}, {"rng": RNG}),
    (
        ascend,
        {
            "mdp": MDP,
            "policy": POLICY,
            "estimator": ExactGradient(),
            "theta": THETA,
            "n_iterations": 2,
            "step_size": 0.1,
            "rng": np.random.default_rng(0),
            "recorded": [1, 2],
        },
        {
            "mdp": SOME_MDP,
            "policy": SOME_POLICY,
            "estimator": NOT_ESTIMATORS,
            "recorded": [
                [],
                1,
                [0, 1],
                [1, 3],
                [2, 1],
                [1, 1],
                [1.0, 2.0],
                [1, NAN],
                "12",
                ["1"],
                [[1, 2]],
                RAGGED,
                [1j],
            ],
            "theta": [*REAL_THETAS, *with_entry(THETA, 1e301), *with_entry(THETA, -1e301)],
            "n_iterations": INTEGER,
            "step_size": [*POSITIVES, [0.1, 0.1, 0.1]],
            "rng": RNG,
        },
    ),
    (
        energy_defect,
        {"run": RUN, "step_size": 0.1, "axis": 0},
        {"run": [None, Ascent, 3], "step_size": [*POSITIVES, [0.1] * 3], "axis": [1, -2, "0", 0.5]},
    ),
    (stationary_law, LAW, BAD_LAW),
    (
        LocalModel.near,
        {name: value for name, value in LAW.items() if name != "step_size"},
        {name: value for name, value in BAD_LAW.items() if name != "step_size"},
    ),
    (law_at, {"model": THE_LAW.model, "step_size": 0.1}, {"model": [None, LocalModel, 3], "step_size": POSITIVE}),
    (
        THE_LAW.curve,
        {"n_iterations": 2, "covariance": [[0.1]], "mean": [0.1]},
        {"n_iterations": INTEGER, "covariance": [*real([[0.1]]), [0.1, 0.1]], "mean": [*real([0.1]), [0.1, 0.1]]},
    ),
    (
        leading_mixing,
        LAW | {"rng": np.random.default_rng(0)},
        {**BAD_LAW, "estimator": [*NOT_ESTIMATORS, ExactGradient()]},
    ),
    (
        ascend_with_control,
        {"law": THE_LAW, "theta": np.full((2, 1), math.pi), "n_iterations": 2, "rng": np.random.default_rng(0)},
        {
            "law": [None, StackedFeedback, 3],
            "theta": [*real(np.full((2, 1), math.pi)), np.zeros((2, 2)), 0.5],
            "n_iterations": INTEGER,
            "rng": RNG,
        },
    ),
]

# Public names without a row: they take no arguments, are protocols or results, or are called by another row.
NOT_CALLED = {
    *(
        "LINKS",
        "SHARPENED_RATE",
        "STATED_RATE",
        "UNBIASED_RATE",
        "HaldaneAnscombe",
        "MajoritySign",
        "Sphere",
        "ExactFeedback",
    ),
    *(
        "InputError",
        "Inversion",
        "Link",
        "Policy",
        "Directions",
        "Feedback",
        "GradientEstimator",
        "Learner",
        "Baseline",
    ),
    *("Bound", "DpoLoss", "DpoOptimum", "Rate", "ReturnDistribution", "Schedule", "SoftOptimum", "Trajectories"),
    *("VoteTable", "Ascent", "ControlledAscent", "GradientMoments", "StationaryLaw", "ExactGradient"),
    *("LocalModel", "Streams"),
}


ROWS = [
    pytest.param(call, good, argument, values, id=f"{number}-{name_of(call)}-{argument}")
    for number, (call, good, bad) in enumerate(THEORY + ESTIMATORS)
    for argument, values in bad.items()
]
CALLS = [
    pytest.param(row[0], row[1], id=f"{number}-{name_of(row[0])}") for number, row in enumerate(THEORY + ESTIMATORS)
]


@pytest.mark.parametrize(("call", "good", "argument", "values"), ROWS)
def test_every_bad_value_is_refused_by_name(
    call: Callable[..., object], good: dict[str, Any], argument: str, values: list[Any]
) -> None:
    wrong = {k: refusal(call, good | {argument: value}, argument) for k, value in enumerate(values)}
    assert not {repr(values[k]): said for k, said in wrong.items() if said}


@pytest.mark.parametrize(("call", "good"), CALLS)
def test_the_call_works_without_the_bad_value(call: Callable[..., object], good: dict[str, Any]) -> None:
    call(**good)


def test_every_public_name_has_a_row_or_takes_no_input() -> None:
    called = {name_of(call).partition(".")[0] for call, _, _ in THEORY + ESTIMATORS} | {"Streams", "LocalModel"}
    assert called >= {*theory.__all__, *estimators.__all__} - NOT_CALLED


def test_there_are_hundreds_of_cases() -> None:
    assert sum(len(values) for _, _, bad in THEORY + ESTIMATORS for values in bad.values()) >= 300


def first_entry_only(name: str, array: Any) -> None:
    if not np.isfinite(np.ravel(array)[:1]).all():
        raise InputError(f"{name} must be finite, got {array}")


def one_end_only(name: str, value: Any, least: int) -> None:
    if value < least:
        raise InputError(f"{name} must be at least {least}, got {value}")


def classes_too(name: str, value: Any, kind: Any, example: str) -> None:
    if value is None:
        raise InputError(f"{name} must be such as {example}, got None")


def nothing(*given: Any) -> None:
    """No check at all."""


def unchecked(name: str, value: Any) -> Any:
    return np.asarray(value)


FAULTS = [
    ("theory.values.require_finite", first_entry_only, policy_value, "theta"),
    ("theory.validation.require_finite", first_entry_only, TabularMDP, "rewards"),
    ("theory.mdp.check_rows", nothing, TabularMDP, "initial"),
    ("theory.mdp.require_integer", one_end_only, TabularMDP, "horizon"),
    ("estimators.directions.require_integer", one_end_only, Blocks, "block_size"),
    ("theory.votes.require_kind", classes_too, VoteModel, "inversion"),
    ("estimators.zeroth_order.positive_array", unchecked, ZerothOrder, "radius"),
    ("theory.links.require_positive", nothing, Logistic, "scale"),
    ("theory.values.check_width", nothing, policy_hessian, "theta"),
    ("theory.rates.positive_array", unchecked, unbiased_schedule, "n_queries"),
    ("estimators.critic.require_number", nothing, LearnedCritic, "trace"),
    ("estimators.reward_model.finite_array", unchecked, RewardModel, "features"),
]


@pytest.mark.parametrize(("helper", "fault", "call", "argument"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_check_with_a_planted_fault_is_seen(
    helper: str, fault: Any, call: Any, argument: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = next((good, bad) for each, good, bad in THEORY + ESTIMATORS if each is call)
    monkeypatch.setattr(helper, fault)
    assert any(refusal(call, good | {argument: value}, argument) for value in bad[argument])
