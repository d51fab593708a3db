"""Claims on constants: what is right is EXACT, faults that hide from slopes are not, and the rest says why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimators import ZerothOrder
from experiments.catalogue.lookup import find
from experiments.rates import run_floors as module
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_claims import CELLS, METHODS, floor_claims, floor_controls
from experiments.rates.floor_prediction import FloorPrediction, predict_floors
from experiments.rates.floor_verdicts import FloorOutcome, as_expected
from experiments.rates.planted_faults import LongBlocks, OneDirection, dropped_dimension
from experiments.rates.run_claims import run_claims
from experiments.rates.run_floors import run_floors
from experiments.rates.smoothing_claims import smoothing_claims
from experiments.running.execution import Execution
from experiments.statistics.verdicts import Outcome
from theory import Logistic
from theory.errors import InputError

# Cheap: it forgets its start in some 30 iterations.
SOUND = FloorClaim("floor of a test", "zbcpg-3", "circular", 1e6, 25, 0.3, 0.2, Logistic(1.0), replicates=128)


def test_right_is_exact_and_a_dropped_factor_is_not():
    fault = replace(SOUND, name="floor of a fault", run_as=dropped_dimension(find("method", "zbcpg-3")))
    results = run_floors([SOUND], [fault], reduced=True)
    assert results.passed
    rows = results.to_frame().set_index("claim")
    assert list(rows["outcome"]) == [FloorOutcome.EXACT, FloorOutcome.VIOLATED]
    assert abs(rows.loc[SOUND.name, "ratio"] - 1) < 0.05
    assert rows.loc[fault.name, "ratio"] < 0.5
    # Beside it, not judged: the same with less noise, for claims alone.
    low, high = rows.loc[SOUND.name, ["reduced_low", "reduced_high"]]
    assert low - 0.005 < 1 < high + 0.005
    assert 2 * (high - low) < rows.loc[SOUND.name, "ratio_high"] - rows.loc[SOUND.name, "ratio_low"]
    assert np.isnan(rows.loc[fault.name, "reduced"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n_pairs": 1e3, "n_queries": 1}, "outside the linear regime"),
        ({"step_size": 1e-4}, "not mixed"),
        ({"instance": "bandit", "link": None}, "optimum"),
    ],
    ids=["a lot of noise", "a step too small", "no optimum inside"],
)
def test_what_cannot_be_judged_says_why(change, reason):
    (found,) = predict_floors([replace(SOUND, **change)], Execution())
    assert reason in found.reason
    results = run_floors([replace(SOUND, **change)])
    assert list(results.rows["outcome"]) == [FloorOutcome.NOT_APPLICABLE]
    assert not results.passed, "nothing was judged"


def test_a_look_spends_its_share_and_what_is_undecided_is_run_again(monkeypatch):
    asked = []

    class Runs(module._Runs):
        def measure(self, claims, first, last):
            asked.append(([claim.name for claim in claims], first, last))
            for claim in claims:
                rng = np.random.default_rng(len(asked))
                self._values[claim.name] = rng.normal(1.04 if claim.name == "b" else 1.0, 0.1, 64 * last)

    found = {name: FloorPrediction(floor=1.0, error=0.0) for name in "ab"}
    family = [replace(SOUND, name=name) for name in "ab"]
    monkeypatch.setattr(module, "_Runs", Runs)
    runs = Runs(found, Execution())
    runs.measure(family, 0, 1)
    judged = module._judged(family, runs)
    assert judged == {"a": FloorOutcome.EXACT, "b": FloorOutcome.UNDECIDED}
    assert asked[2:] == [(["b"], 1, 2), (["b"], 2, 4), (["b"], 4, 8)]


def test_planted_directions_are_what_they_say():
    rng = np.random.default_rng(0)
    assert np.allclose(np.linalg.norm(LongBlocks(3).sample(5, (64,), rng), axis=-1), np.sqrt(3))
    assert np.all(OneDirection().sample(5, (64,), rng)[:, 1:] == 0)


def test_families_are_fixed_and_vary_what_they_claim_to():
    quick, paper = floor_claims(), floor_claims("paper")
    drawn = [claim for claim in paper if str(claim.instance).startswith("random-circular")]
    assert paper[: len(quick)] == quick
    assert len({claim.name for claim in paper}) == len(paper)
    asked = [claim for claim in quick if claim.method not in METHODS]
    assert [claim.method for claim in asked] == ["zpg-until", "zpg-until", "zpg-ordered"]
    quick = [claim for claim in quick if claim.method in METHODS]
    assert len(quick) == CELLS["circular"]
    assert len(drawn) == 24 * CELLS["each garnet"]
    for claims, instances in ((quick, 1), (drawn, 24)):
        assert len({type(claim.link) for claim in claims}) == 5
        assert len({claim.instance for claim in claims}) == instances
        assert {claim.n_queries for claim in claims} == {1, 5, 25, np.inf}
        for method in METHODS:
            own = [claim for claim in claims if claim.method == method]
            assert {claim.radius for claim in own} == {0.3, 0.5}
            assert {claim.step_size for claim in own} == {0.2, 0.05}
    # Among the drawn ones nothing goes with anything else: all pairs of a method and a link, and most with a setting.
    assert len({(claim.method, type(claim.link)) for claim in drawn}) == 20
    assert len({(claim.method, claim.n_pairs, claim.n_queries) for claim in drawn}) > 36
    assert len({type(claim.link) for claim in drawn if claim.instance == "random-circular-0"}) > 2
    assert len(floor_controls()) == 9


def test_schedules_are_those_of_the_claims_on_exponents():
    """The last point of a claim on N, and the stated radius: mu^2 = H / sqrt(d N)."""
    found = {claim.name: claim for claim in floor_claims("paper")}
    shipped = find("claim", "zbcpg-3 N circular")
    last = found["floor zbcpg-3 N circular, N = 1e+08"]
    assert len([name for name in found if name.startswith("floor zbcpg-3 N circular, ")]) == len(shipped.grid)
    assert (last.n_pairs, last.n_queries, last.link) == (1e8, np.inf, None)
    assert last.radius == pytest.approx((5 / (5 * 1e8) ** 0.5) ** 0.5)
    assert last.step_size == shipped.points()[-1].point.step_size
    for rate in ("", " sharpened"):
        for method in METHODS:
            for axis in ("N", "M"):
                assert any(name.startswith(f"floor {method} {axis} circular{rate}, {axis} = ") for name in found)


def test_two_claims_of_one_name_are_refused():
    with pytest.raises(InputError, match="different names"):
        run_floors([SOUND, SOUND])


@pytest.mark.slow
def test_every_planted_fault_is_caught():
    results = run_floors([], floor_controls(), Execution(jobs=2))
    assert set(results.rows["outcome"]) == {FloorOutcome.VIOLATED}
    assert results.passed


def test_a_factor_in_the_estimator_itself_is_seen_by_the_smoothing_claims(monkeypatch):
    """It moves the run and its prediction alike, so no floor can see it."""
    scale = ZerothOrder.scale
    monkeypatch.setattr(ZerothOrder, "scale", lambda self, policy: 2 * scale(self, policy))
    results = run_claims([], exact=smoothing_claims())
    assert set(results.verdicts["outcome"]) == {Outcome.VIOLATED}
    assert not results.passed


def test_an_outcome_that_came_back_from_a_frame_as_text_is_judged_the_same() -> None:
    """The fault was an identity: with pyarrow installed pandas keeps outcomes as text, and every control "failed"."""
    for kind in ("claim", "control"):
        for outcome in FloorOutcome:
            assert as_expected(kind, outcome) == as_expected(kind, str(outcome))  # type: ignore[arg-type]
