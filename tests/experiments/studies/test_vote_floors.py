"""Ways to ask for votes: what they cost, how far they move, and their floors as predicted and measured."""

from __future__ import annotations

import numpy as np
import pytest

from estimators import Blocks, LocalModel, ReturnFeedback, ZerothOrder
from experiments.catalogue.instance import at_optimum
from experiments.rates.floor_verdicts import FloorOutcome
from experiments.running.execution import Execution
from experiments.studies import vote_floors as module
from experiments.studies.vote_floors import RADIUS, SAME_DRIFT, VOTES, Asking, price, vote_floors, ways_to_ask
from theory import HaldaneAnscombe, UntilDisagreement, VoteModel

HERE = Execution(seed=5, jobs=1)


def test_all_ways_spend_the_same_votes() -> None:
    for asking in ways_to_ask():
        priced = price(asking)
        assert priced.n_pairs * priced.votes_per_pair == pytest.approx(VOTES, rel=1e-5), str(asking)
        if asking.reading != "until":
            assert priced.votes_per_pair == asking.n_queries


@pytest.mark.parametrize("link", ["logistic", "cloglog"])
def test_the_reading_without_bias_moves_as_far_as_the_returns_themselves(link: str) -> None:
    """Exact, and by another route. One agreement too few, or the trim of a panel, would move it."""
    asking = Asking(link, "until", "fixed", 1)
    on = asking.on
    seen = ZerothOrder(Blocks(on.policy.dim), ReturnFeedback(np.asarray(1.0)), RADIUS)
    model = LocalModel.near(on.mdp, on.policy, seen, at_optimum(on).start)
    assert price(asking).drift == pytest.approx(float(np.trace(model.linear.jacobian)), rel=1e-6)
    assert price(Asking(link, "trimmed", "fixed", 5)).drift < 1.1 * price(asking).drift < 0


def test_each_way_asks_as_it_says() -> None:
    on = Asking("cloglog", "until", "fixed", 1).on
    built = {
        (a.reading, a.order, a.n_queries): a.method.build(5, module.preferences(7, a.n_queries, on.link), 0.3)
        for a in ways_to_ask((1, 5))
        if a.link == "cloglog"
    }
    assert len(built) == 1 + 2 * 2 * 2
    for (reading, order, n_queries), estimator in built.items():
        assert isinstance(estimator, ZerothOrder)
        votes = estimator.feedback.votes  # type: ignore[attr-defined]
        if reading == "until":
            assert votes == UntilDisagreement(on.link)
            continue
        assert isinstance(votes, VoteModel)
        assert (votes.n_queries, votes.random_order) == (n_queries, order == "random")
        assert isinstance(votes.inversion, HaldaneAnscombe) == (reading == "Haldane-Anscombe")


@pytest.mark.slow
def test_floors_outside_the_linear_regime_have_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [Asking("cloglog", "until", "fixed", 1), Asking("cloglog", "trimmed", "fixed", 3)]
    monkeypatch.setattr(module, "ways_to_ask", lambda *_: some)
    found = vote_floors(replicates=2, execution=HERE).set_index(["reading", "step"])
    panel, until = found.loc["trimmed"], found.loc[("until", SAME_DRIFT)]
    assert (panel["outcome"] == FloorOutcome.NOT_APPLICABLE).all()
    assert panel["reason"].str.contains("outside the linear regime").all()
    assert panel[["predicted", "measured", "ratio"]].isna().all(axis=None)
    assert until["drift"] == 1
    assert until["predicted"] == pytest.approx(0.0021, abs=5e-5)
    assert panel.loc[SAME_DRIFT, "step_size"] == pytest.approx(0.2 / panel.loc[SAME_DRIFT, "drift"])


@pytest.mark.slow
def test_floors_that_can_be_predicted_are_exact() -> None:
    """A family of 35 claims: some wrong call of any of them has probability below 5%."""
    found = vote_floors(execution=HERE)
    fixed = (found["link"] == "cloglog") & (found["reading"] != "until") & (found["order"] == "fixed")
    assert (found.loc[fixed, "outcome"] == FloorOutcome.NOT_APPLICABLE).all()
    assert (found.loc[~fixed, "outcome"] == FloorOutcome.EXACT).all()
