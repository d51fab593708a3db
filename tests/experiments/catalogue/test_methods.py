"""The methods compared: as many settings each, one oracle for all, and the costs they state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimators import Dpo, Ppo, PreferenceFeedback, ZerothOrder, ascend, vote_draws
from estimators.rollouts import _Simulator
from experiments.catalogue.lookup import find
from experiments.catalogue.methods import METHODS, N_SETTINGS
from theory import HaldaneAnscombe, InputError, Jackknife, Logistic, MajoritySign, Probit, VoteModel

N, M = 8, 3
DIM = find("instance", "garnet").policy.dim
RATERS = VoteModel(Logistic(2.0), M, rater_link=Probit(2.5))
ORACLE = PreferenceFeedback(np.asarray(N), "rollout", RATERS)
BLIND = {"reinforce", "gpomdp", "reinforce-none", "gpomdp-none", "reinforce-best"}
VALUES = {"value-sphere", "value-1"}
VOTERS = set(METHODS) - BLIND - VALUES - {"exact"}
TUNED = [name for name, method in METHODS.items() if method.grid is not None]
# Trajectories and votes an iteration.
COSTS = dict.fromkeys(VOTERS, (2 * N, N * M)) | {
    "ppo-sampled": (4 * N, N * M),
    "ppo-kl": (4 * N, N * M),
    "exact": (0, 0),
    **dict.fromkeys(BLIND | VALUES, (2 * N, 0)),
}


def built(name):
    method = METHODS[name]
    knob = 0.5 if method.grid is None else method.settings(find("instance", "garnet")).setting((0, 0)).knob
    return method.build(DIM, ORACLE, knob)


@pytest.mark.parametrize("instance", ["bandit", "garnet", "circular", "stochastic-gridworld"])
@pytest.mark.parametrize("name", TUNED)
def test_every_method_has_the_same_number_of_usable_settings(name, instance):
    method = find("method", name)
    grid = method.settings(find("instance", instance))
    settings = [grid.setting(index) for index in grid.first]
    steps, knobs = np.array(settings).T
    assert len({repr(setting) for setting in settings}) == N_SETTINGS
    assert (np.isfinite(steps) & (steps > 0)).all()
    assert np.isnan(knobs).all() if method.knob == "" else (knobs > 0).all()
    if method.knob:
        values, counts = np.unique(knobs, return_counts=True)
        # A minimum has no step size, and more of the other knob.
        assert len(values) == (3 if method.steps else 12)
        assert (counts == N_SETTINGS / len(values)).all()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_spends_what_it_states_and_no_more(name, monkeypatch):
    """What is simulated and voted on is counted where it is drawn."""
    drawn = {"trajectories": 0, "votes": 0}
    steps, counts, runs_of = _Simulator.steps, vote_draws._counts, vote_draws.vote_runs

    def counted_steps(walk, n, rng):
        drawn["trajectories"] += n * walk.n_policies
        return steps(walk, n, rng)

    def counted_votes(votes, differences, rng):
        drawn["votes"] += int(votes.n_queries) * differences.size
        return counts(votes, differences, rng)

    def counted_runs(votes, differences, rng):
        for_first, run, asked = runs_of(votes, differences, rng)
        drawn["votes"] += int(run.sum()) + run.size  # the last vote on a pair disagrees
        return for_first, run, asked

    monkeypatch.setattr(_Simulator, "steps", counted_steps)
    monkeypatch.setattr(vote_draws, "_counts", counted_votes)
    monkeypatch.setattr(vote_draws, "vote_runs", counted_runs)
    garnet, learner = find("instance", "garnet"), built(name)
    runs = ascend(garnet.mdp, garnet.policy, learner, garnet.start, 4, 0.01, np.random.default_rng(0))
    trajectories, votes = COSTS[name]
    assert (learner.n_trajectories, learner.n_votes) == (trajectories, votes)
    assert (runs.n_trajectories, runs.n_votes) == (4 * trajectories, drawn["votes"])
    assert drawn["trajectories"] == 4 * trajectories
    if name == "zpg-until":  # a random number, and more than on pairs of equal returns
        expected = 4 * float(learner.expected_votes(garnet.mdp, garnet.policy, garnet.start, np.random.default_rng(0)))
        assert 0.5 * expected < drawn["votes"] < 2 * expected
    else:
        assert drawn["votes"] == 4 * votes


@pytest.mark.parametrize("name", sorted(VOTERS))
def test_every_method_asks_the_same_oracle(name):
    learner = built(name)
    assert isinstance(learner, ZerothOrder | Dpo | Ppo)
    read = {"zspo-pairs": MajoritySign(), "zpg-haldane": HaldaneAnscombe(), "zpg-jackknife": Jackknife()}
    if name == "zspo":
        together = replace(RATERS, n_queries=N * M, inversion=MajoritySign())
        assert (learner.feedback.votes, learner.feedback.batch_size, learner.feedback.n_pairs) == (together, N, 1)
        assert learner.feedback.sampler == "rollout"
    elif name in read or name in ("zpg-common", "zpg-averaged"):
        assert learner.feedback.votes == replace(RATERS, inversion=read.get(name, RATERS.inversion))
        shared = 4 if name == "zpg-averaged" else 1
        assert (learner.feedback.n_pairs * shared, learner.feedback.sampler) == (N, "rollout")
        assert learner.feedback.common_random_numbers == (name == "zpg-common")
    elif name in ("zpg-until", "zpg-ordered"):
        asked = ORACLE.until_disagreement() if name == "zpg-until" else ORACLE.in_random_order()
        assert learner.feedback.votes == asked.votes != RATERS
        assert asked.votes.raters == RATERS.raters
        assert (learner.feedback.n_pairs, learner.feedback.sampler) == (N, "rollout")
    else:
        assert learner.feedback is ORACLE
    if isinstance(learner, Ppo):
        assert learner.reward_model.link == RATERS.link, "a model of rewards must not know the raters' link"


def test_every_row_of_the_table_is_the_method_it_is_called():
    online = {name: built(name).online for name in METHODS if name.startswith(("ppo", "dpo"))}
    assert online == {
        "ppo-offline": False,
        "ppo-online": True,
        "ppo-sampled": True,
        "ppo-kl": True,
        "dpo-offline": False,
        "dpo-early": False,
        "dpo-online": True,
    }
    ppo = {name: built(name) for name in METHODS if name.startswith("ppo")}
    rollouts = {name: learner.n_rollouts for name, learner in ppo.items()}
    assert rollouts == {"ppo-offline": None, "ppo-online": None, "ppo-sampled": 2 * N, "ppo-kl": 2 * N}
    assert {name for name, learner in ppo.items() if learner.critic} == {"ppo-kl"}
    assert {name: float(learner.kl) for name, learner in ppo.items() if learner.kl} == {
        "ppo-kl": METHODS["ppo-kl"].settings(find("instance", "garnet")).setting((0, 0)).knob
    }
    assert np.isinf(built("dpo-offline").n_steps)
    assert np.isfinite(built("dpo-early").n_steps).all()
    assert built("dpo-early").beta == pytest.approx(0.01 * RATERS.link.scale)


@pytest.mark.parametrize("name", ["dpo-offline", "dpo-online"])
def test_beta_is_in_units_of_the_links_scale_and_steps_are_not(name):

    def settings(link):
        grid = METHODS[name].settings(replace(find("instance", "garnet"), link=link))
        return np.array([grid.setting(index) for index in grid.first]).T

    steps, betas = settings(Logistic(1.0))
    scaled_steps, scaled_betas = settings(Probit(7.0))
    np.testing.assert_array_equal(scaled_steps, steps)
    np.testing.assert_allclose(scaled_betas, 7.0 * betas, rtol=1e-15)


def test_an_unknown_method_is_named_with_those_there_are():
    with pytest.raises(
        InputError, match=r"method must be one of zpg, .*exact, or module:attribute for your own; got 'sgd'"
    ):
        find("method", "sgd")
