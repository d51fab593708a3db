from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import experiments.studies.variance_task as variance_task
from estimators import Sphere, ZerothOrder
from estimators.moments import GradientMoments
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.running.execution import Execution
from experiments.studies.inversion_bias import INTERIOR, bias_constant, inversion_bias
from experiments.studies.variance import (
    compare_variance,
    parameters_at,
    sweep_radius,
    usual_methods,
)
from experiments.studies.variance_task import RADII, VarianceTask
from theory import LINKS, CircularPolicy, InputError, Logistic, TabularMDP, garnet, policy_gradient
from theory.links import largest_trim

N_PAIRS, N_QUERIES, SEED = 8, 6, 3
SMALL = Instance(
    "small",
    "4 states, 2 actions, H = 3",
    garnet(4, 2, 2, 3, np.random.default_rng(5), lattice=2),
    CircularPolicy(4, 2, 1.5),
    np.array([0.5, 0.8, 1.1, -0.7]),
    Logistic(1.5),
)
GRADIENT = policy_gradient(SMALL.mdp, SMALL.policy, SMALL.start)
UNIT = float(GRADIENT @ GRADIENT)
PARTS = ["bias_squared", "variance_direction", "variance_trajectory", "variance_query"]
WITH_RADIUS = [name for name in usual_methods(SMALL, N_PAIRS) if find("method", name).knob == "radius"]
HOW = Execution(seed=SEED, jobs=1)


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    return compare_variance(SMALL, SMALL.start, n_pairs=N_PAIRS, n_queries=N_QUERIES, execution=HOW).set_index("name")


def build(name: str) -> Callable[[Any], ZerothOrder]:
    task = VarianceTask(name, SMALL, tuple(SMALL.start.tolist()), N_PAIRS, N_QUERIES, SEED)
    return task.estimator  # type: ignore[return-value]  # all of these are zeroth-order


def moments(name: str, radius: Any) -> GradientMoments:
    theta = np.broadcast_to(SMALL.start, (*np.shape(radius), SMALL.start.size))
    return build(name)(radius).moments(SMALL.mdp, SMALL.policy, theta, np.random.default_rng(SEED))


def test_every_estimator_costs_the_same(compared: pd.DataFrame) -> None:
    assert len(compared) == 16
    assert (compared["trajectories"] == 2 * N_PAIRS).all()
    sees_returns = compared.index.str.startswith(("value", "reinforce", "gpomdp"))
    assert sees_returns.sum() == 7
    np.testing.assert_array_equal(compared["votes"], np.where(sees_returns, 0, N_PAIRS * N_QUERIES))
    averaged = build("zpg-averaged")(1.0)
    assert (averaged.n_directions, averaged.feedback.n_pairs) == (4, 2)


@pytest.mark.parametrize("name", WITH_RADIUS)
def test_best_radius_is_the_minimiser_on_a_fine_grid(name: str, compared: pd.DataFrame) -> None:
    """Of the rescaled error, over the whole range of radii; the raw error is elsewhere smaller."""
    radius, least = compared.loc[name, ["radius", "rescaled_mse"]]
    assert RADII[0] * 1.05 < radius < RADII[-1] / 1.05
    wide = moments(name, np.geomspace(RADII[0], RADII[-1], 40))
    near = moments(name, radius * np.geomspace(0.9, 1.1, 11))
    # The search stops at 1e-3 in log radius, where the error has no slope.
    for grid in (wide, near):
        assert least <= (grid.rescaled_mse / UNIT).min() * (1 + 1e-6)
    assert wide.mse.min() < 0.97 * compared.loc[name, "mse"]
    best = moments(name, radius)
    assert best.mse == pytest.approx(compared.loc[name, "mse"], rel=1e-12)
    # One step of the grid away it is worse: the minimum is not an artefact of a flat error.
    assert (moments(name, radius * np.array([0.7, 1.4])).rescaled_mse / UNIT > least * (1 + 1e-4)).all()


def test_columns_are_parts_of_one_error(compared: pd.DataFrame) -> None:
    np.testing.assert_allclose(compared["mse"], compared[PARTS].sum(axis=1), rtol=1e-12)
    bias = compared[["bias_smoothing_sq", "bias_inversion_sq", "bias_cross"]].sum(axis=1)
    np.testing.assert_allclose(bias, compared["bias_squared"], atol=1e-14)
    np.testing.assert_allclose(compared["relative_mse"], compared["mse"] / UNIT, rtol=1e-12)
    np.testing.assert_allclose(compared["rescaled_mse"], 1 - compared["alignment"] ** 2, rtol=1e-10)
    assert (compared["rescaled_mse"] < compared["relative_mse"]).all()
    np.testing.assert_allclose(
        compared["excess"], compared["rescaled_mse"] - compared.loc["zpg", "rescaled_mse"], atol=1e-14
    )


def test_rescaled_error_is_what_the_best_multiple_leaves(compared: pd.DataFrame) -> None:
    """E|c g - grad V|^2 on a fine grid of c, from mean and variance."""
    for name in WITH_RADIUS:
        found = moments(name, compared.loc[name, "radius"])
        second = float(found.mean @ found.mean + found.variance)
        c = np.linspace(0, 1, 20_001)
        errors = c**2 * second - 2 * c * float(found.mean @ GRADIENT) + UNIT
        assert errors.min() / UNIT == pytest.approx(compared.loc[name, "rescaled_mse"], rel=1e-7)


def test_standard_errors_and_limits(compared: pd.DataFrame) -> None:
    sphere = compared.index.str.startswith("zpg") | (compared.index == "value-sphere")
    np.testing.assert_array_equal(compared["standard_error"] > 0, sphere)
    half_width = (compared["excess_high"] - compared["excess_low"]) / 2
    assert half_width["zpg"] == 0
    np.testing.assert_allclose((compared["excess_high"] + compared["excess_low"]) / 2, compared["excess"], atol=1e-14)
    # Enumerated: all uncertainty is the reference's.
    alone = compared.loc[~sphere]
    # Beside an enumerated estimator only the reference was sampled.
    np.testing.assert_allclose(half_width[alone.index], half_width[alone.index[0]], rtol=1e-12)
    assert half_width[alone.index[0]] > 0
    # The same directions, read a little differently: nearly all of it is shared.
    together = 1.96 * math.hypot(*compared.loc[["zpg", "zpg-jackknife"], "standard_error"])
    assert 0 < half_width["zpg-jackknife"] < 0.3 * together


def test_long_laws_are_searched_over_fewer_directions_and_rows_have_all(
    compared: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled = compared["standard_error"] > 0
    assert (compared.loc[sampled, "directions"] == 2048).all()
    assert (compared["directions"] == compared["directions_searched"]).all()
    assert compared.loc["zbcpg-1", "directions"] == 2 * SMALL.policy.dim
    assert compared.loc["reinforce", "directions"] == 0
    monkeypatch.setattr(variance_task, "LONG_LAW", 0)
    monkeypatch.setattr(variance_task, "FEWER_DIRECTIONS", 64)
    names, calls = ["zpg", "zpg-common", "zbcpg-1"], []
    how = Execution(seed=SEED, jobs=1, progress=lambda done, total: calls.append((done, total)))
    found = compare_variance(
        SMALL, SMALL.start, n_pairs=N_PAIRS, n_queries=N_QUERIES, methods=names, execution=how
    ).set_index("name")
    assert calls[0] == (0, 3)
    assert found["directions"].tolist() == [2048, 2048, 8]
    assert found["directions_searched"].tolist() == [64, 64, 8]
    for name in names[:2]:
        radius = found.loc[name, "radius"]
        assert radius != compared.loc[name, "radius"]
        # The row is that of all directions, at a radius where their error is nearly as small.
        assert found.loc[name, "mse"] == pytest.approx(float(moments(name, radius).mse), rel=1e-12)
        assert found.loc[name, "rescaled_mse"] <= compared.loc[name, "rescaled_mse"] * 1.01


@pytest.mark.parametrize(
    ("method", "instance", "expected"),
    [
        ("zpg-common", "stochastic-gridworld", (2048, 256)),
        ("zpg", "stochastic-gridworld", (2048, 2048)),
        ("zpg-common", "frozenlake", (2048, 2048)),
        ("zpg", "cliffwalking", (2048, 256)),
    ],
)
def test_which_laws_are_long(method: str, instance: str, expected: tuple[int, int]) -> None:
    theta = tuple(find("instance", instance).start.tolist())
    assert VarianceTask(method, instance, theta, 100, 20, SEED).n_directions == expected


class Marked(ZerothOrder):
    """A user's estimator with moments of its own, written before they took a number of directions."""

    def moments(  # type: ignore[override]
        self, mdp: TabularMDP, policy: Any, theta: Any, rng: np.random.Generator | None = None
    ) -> GradientMoments:
        given = super().moments(mdp, policy, theta, rng)
        return replace(given, clip_rate=np.full_like(given.clip_rate, 0.25))


def test_a_row_has_the_moments_of_a_class_of_the_users() -> None:
    """Directions of the sphere are sampled. The row at the best radius must not fall back on the class above."""
    rows = []
    for kind in (Marked, ZerothOrder):
        method = Method("mine", "Mine", lambda dim, oracle, radius, kind=kind: kind(Sphere(), oracle, radius))  # noqa: ARG005
        task = VarianceTask(method, SMALL, tuple(SMALL.start), N_PAIRS, N_QUERIES, SEED)
        rows.append(variance_task.at_best_radius(task)[0])
    assert [row.pop("clip_rate") == 0.25 for row in rows] == [True, False]
    assert rows[0] == pytest.approx(rows[1], nan_ok=True)


def test_score_functions_are_unbiased_and_have_no_radius(compared: pd.DataFrame) -> None:
    scores = compared.loc[compared.index.str.startswith(("reinforce", "gpomdp"))]
    assert scores["radius"].isna().all()
    assert (scores["bias_squared"] == 0).all()
    np.testing.assert_allclose(scores["cosine"], 1, rtol=1e-12)
    assert scores["mse"].idxmax() == "reinforce-none"
    assert scores.loc["reinforce-best", "mse"] < scores.loc["reinforce", "mse"]


def test_same_seed_same_rows() -> None:
    radii = np.array([0.5, 2.0])
    one, two, other = (
        sweep_radius(SMALL, SMALL.start, radii, n_pairs=3, n_queries=4, execution=Execution(seed=seed, jobs=1))
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, two)
    sampled = one["standard_error"] > 0
    assert (one.loc[sampled, "mse"] != other.loc[sampled, "mse"]).all()
    pd.testing.assert_frame_equal(one[~sampled], other[~sampled])


def test_sweep_has_the_errors_at_each_radius(compared: pd.DataFrame) -> None:
    radii = np.array([0.4, 1.7])
    sweep = sweep_radius(SMALL, SMALL.start, radii, n_pairs=N_PAIRS, n_queries=N_QUERIES, execution=HOW)
    assert list(dict.fromkeys(sweep["name"])) == WITH_RADIUS
    np.testing.assert_allclose(sweep["mse"], sweep[PARTS].sum(axis=1), rtol=1e-12)
    for name, rows in sweep.groupby("name"):
        np.testing.assert_allclose(rows["mse"], moments(str(name), radii).mse, rtol=1e-12)
        assert list(rows["radius"]) == list(radii)


def test_a_stationary_point_is_refused() -> None:
    nothing = TabularMDP(np.full((2, 2, 2), 0.5), np.zeros((2, 2)), [1.0, 0.0], 2)
    flat = Instance("flat", "no reward", nothing, CircularPolicy(2, 2, 1.0), np.zeros(2), Logistic(1.0))
    with pytest.raises(InputError, match=r"^theta must not be a stationary point: [^\n]*; choose another theta$"):
        compare_variance(flat, flat.start, n_pairs=2, n_queries=3)
    with pytest.raises(InputError, match=r"^n_pairs must be an integer of at least 1, got 0$"):
        compare_variance(SMALL, SMALL.start, n_pairs=0, n_queries=3)


def test_parameters_to_compare_at() -> None:
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(parameters_at(SMALL, "uniform", rng), SMALL.start)
    assert parameters_at(SMALL, "random", rng).shape == (4,)
    optimum = parameters_at(SMALL, "optimum", rng)
    near, start = (np.linalg.norm(policy_gradient(SMALL.mdp, SMALL.policy, t)) for t in (optimum, SMALL.start))
    assert 0.0001 * start < near <= 0.01 * start
    with pytest.raises(InputError, match=r"^theta must be uniform, random, optimum or numbers with commas, got 'top'$"):
        parameters_at(SMALL, "top", rng)
    np.testing.assert_array_equal(parameters_at(SMALL, "0.1, -2,3,4e-1", rng), [0.1, -2, 3, 0.4])
    for wrong in ("1,2", "1,2,3,nan"):
        with pytest.raises(InputError, match="theta must be 4 finite numbers for small"):
            parameters_at(SMALL, wrong, rng)


def slopes(frame: pd.DataFrame, case: str) -> pd.DataFrame:
    """Slopes between neighbouring numbers of votes, a column a link."""
    table = frame[frame["case"] == case].pivot(index="n_queries", columns="link", values="bias")
    steps = np.diff(np.log(table.index.to_numpy(dtype=float)))
    return pd.DataFrame(np.diff(np.log(table.to_numpy()), axis=0) / steps[:, None], columns=table.columns)


def test_interior_bias_falls_as_the_delta_method_says() -> None:
    """Slope -1 and the constant c, whose relative error itself falls as 1/M."""
    horizon = 4
    frame = inversion_bias(horizon, (2**11, 2**12, 2**13))
    found = frame[(frame["case"] == "interior") & (frame["link"] != "linear")]
    np.testing.assert_allclose(slopes(found, "interior"), -1, atol=0.01)
    off = np.abs(found["bias"] / found["delta_method"] - 1).to_numpy().reshape(4, 3)  # link by link
    assert (off[:, -1] < 0.01).all()
    np.testing.assert_allclose(off[:, 1:] / off[:, :-1], 0.5, atol=0.05)
    # Curvature by finite differences of the inverse itself.
    for name in found["link"].unique():
        link, step = LINKS[name](horizon / 2), 1e-4
        p = float(link.probability(INTERIOR * horizon))
        curvature = float(link.inverse([p - step, p, p + step]) @ [1, -2, 1]) / step**2
        assert bias_constant(link, INTERIOR * horizon) == pytest.approx(curvature * p * (1 - p) / 2, rel=1e-4)
    linear = frame[(frame["case"] == "interior") & (frame["link"] == "linear")]
    assert (linear["bias"] < 1e-12).all()
    assert (linear["delta_method"] == 0).all()


def test_boundary_bias_falls_as_the_root_of_the_votes() -> None:
    """Slope -1/2, and its constant: half of a normal fluctuation is cut off, whose mean is 1 / sqrt(2 pi)."""
    horizon, most = 4, 2**18
    frame = inversion_bias(horizon, (2**16, most))
    boundary = frame[frame["case"] == "boundary"]
    np.testing.assert_allclose(slopes(boundary, "boundary"), -0.5, atol=0.01)
    for row in boundary[boundary["n_queries"] == most].itertuples():
        link = LINKS[row.link](2.0 * horizon if row.link == "linear" else horizon / 2)
        p = largest_trim(link, horizon)
        edge = -horizon if math.isclose(float(link.probability(-horizon)), p) else horizon
        constant = math.sqrt(p * (1 - p) / (2 * math.pi)) / float(link.derivative(edge))
        assert row.bias * math.sqrt(most) == pytest.approx(constant, rel=0.02)


def zpg(*arguments: str, cwd: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "paper_figures.cli", "variance", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


@pytest.mark.slow
def test_command_prints_and_writes_every_estimator(tmp_path: Any) -> None:
    done = zpg("--instance", "bandit", "--pairs", "4", "--queries", "3", "--json", "v.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "v.json").read_text())
    assert {key: written[key] for key in ("instance", "theta", "pairs", "queries", "seed")} == {
        "instance": "bandit",
        "theta": "uniform",
        "pairs": 4,
        "queries": 3,
        "seed": 0,
    }
    rows = pd.DataFrame(written["variance"])
    assert {"zpg", "zbcpg-1", "zbcpg-3", "value-1", "reinforce-best", "gpomdp"} <= set(rows["name"])
    np.testing.assert_allclose(rows["mse"], rows[PARTS].sum(axis=1), rtol=1e-12)
    assert all(title in done.stdout for title in rows["title"])
    saved = pd.read_csv(tmp_path / "results" / "variance_instance-bandit_pairs-4_queries-3.csv")
    np.testing.assert_allclose(saved["mse"], rows["mse"], rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--pairs", "0"), "--pairs"),
        (("--queries", "0"), "--queries"),
        (("--theta", "top"), "theta must be"),
        (("--instance", "moon"), "instance must be one of"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: tuple[str, str], words: str, tmp_path: Any) -> None:
    done = zpg(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
