"""The exact laws against reference values made by enumerating every trajectory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theory import (
    LINKS,
    TabularMDP,
    TabularSoftmax,
    Trimmed,
    VoteModel,
    VoteTable,
    difference_law,
    optimal_value,
    policy_gradient,
    policy_value,
    return_distribution,
)
from theory.arrays import FloatArray
from theory.links import default_trim

Case = dict[str, Any]
CASES: list[Case] = json.loads((Path(__file__).parents[1] / "data" / "enumerated.json").read_text())["cases"]
BY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: f"seed{case['seed']}")
BY_LINK = pytest.mark.parametrize("name", ["logistic", "probit", "cauchit", "cloglog"])
EXACT = {"rtol": 0, "atol": 1e-12}


def model(case: Case) -> tuple[TabularMDP, TabularSoftmax, FloatArray]:
    mdp = TabularMDP(case["transitions"], case["rewards"], case["initial"], case["horizon"])
    return mdp, TabularSoftmax(mdp.n_states, mdp.n_actions), np.array(case["theta"])


def signed_coordinates(dim: int) -> FloatArray:
    """In the order +e0, -e0, +e1, ..."""
    return np.kron(np.eye(dim), [[1.0], [-1.0]])


def readings(case: Case, name: str) -> tuple[VoteTable, FloatArray, FloatArray]:
    """Vote table, law of the difference of returns for every signed coordinate, and those directions."""
    mdp, policy, theta = model(case)
    given = case["links"][name]
    directions = signed_coordinates(policy.dim)
    law = return_distribution(mdp, policy, theta).probabilities
    perturbed = return_distribution(mdp, policy, theta + case["radius"] * directions).probabilities
    votes = VoteModel(LINKS[name](given["scale"]), case["n_queries"], Trimmed(given["trim"]))
    return votes.table(mdp), difference_law(perturbed, np.broadcast_to(law, perturbed.shape)), directions


@BY_CASE
def test_value_gradient_and_optimum(case: Case) -> None:
    mdp, policy, theta = model(case)
    np.testing.assert_allclose(policy_value(mdp, policy, theta), case["value"], **EXACT)
    np.testing.assert_allclose(policy_gradient(mdp, policy, theta), case["gradient"], **EXACT)
    np.testing.assert_allclose(optimal_value(mdp), case["optimal_value"], **EXACT)


@BY_CASE
def test_return_law(case: Case) -> None:
    mdp, policy, theta = model(case)
    law = return_distribution(mdp, policy, theta)
    assert mdp.reward_lattice == case["lattice"]
    np.testing.assert_allclose(law.values, np.arange(len(case["return_pmf"])) / case["lattice"], rtol=0, atol=0)
    np.testing.assert_allclose(law.probabilities, case["return_pmf"], **EXACT)


@BY_LINK
@BY_CASE
def test_trim_and_scale_of_the_reference_are_the_defaults(case: Case, name: str) -> None:
    given = case["links"][name]
    assert given["scale"] == case["horizon"] / 2
    assert default_trim(LINKS[name](given["scale"]), case["horizon"]) == pytest.approx(given["trim"], rel=1e-12)


@BY_LINK
@BY_CASE
def test_value_difference_of_every_signed_coordinate(case: Case, name: str) -> None:
    """Mean and variance of D_hat by two routes: conditional moments of the table, and the law of what is read."""
    table, law, _ = readings(case, name)
    reference = np.array(case["links"][name]["value_difference_mean_var_by_signed_coordinate"])
    mean = law @ table.mean
    variance = law @ table.variance + (law * (table.mean - mean[:, None]) ** 2).sum(axis=1)
    np.testing.assert_allclose(mean, reference[:, 0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(variance / case["n_pairs"], reference[:, 1], rtol=0, atol=1e-10)
    read = table.outcome_law(law)
    np.testing.assert_allclose(read.sum(axis=1), 1, **EXACT)
    np.testing.assert_allclose(read @ table.outcomes, reference[:, 0], rtol=0, atol=1e-10)
    square = (read * (table.outcomes - mean[:, None]) ** 2).sum(axis=1)
    np.testing.assert_allclose(square / case["n_pairs"], reference[:, 1], rtol=0, atol=1e-10)


@BY_LINK
@BY_CASE
def test_error_of_a_signed_coordinate_estimate_by_its_causes(case: Case, name: str) -> None:
    """Averages over the 2 d directions of the conditional moments, assembled here from the exact laws."""
    table, law, directions = readings(case, name)
    given = case["links"][name]
    factor = directions.shape[1] / case["radius"]
    mean = law @ table.mean
    gradient_mean = factor * (mean[:, None] * directions).mean(axis=0)
    trajectories = (law * (table.mean - mean[:, None]) ** 2).sum(axis=1).mean() / case["n_pairs"]
    found = {
        "block1_gradient_mean": gradient_mean,
        "block1_bias_sq": ((gradient_mean - case["gradient"]) ** 2).sum(),
        "block1_direction_variance": factor**2 * (mean**2).mean() - (gradient_mean**2).sum(),
        "block1_trajectory_variance": factor**2 * trajectories,
        "block1_query_variance": factor**2 * (law @ table.variance).mean() / case["n_pairs"],
    }
    for key, value in found.items():
        np.testing.assert_allclose(value, given[key], rtol=1e-10, atol=1e-10, err_msg=key)
