"""The rule of tuning: where grids grow, what is scored on which seeds, and what is kept."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from experiments.catalogue.methods import N_SETTINGS
from experiments.catalogue.setting_grid import GridIndex
from experiments.comparison import tuning
from experiments.comparison.budget import Budget
from experiments.comparison.learning_cells import Entry, LearningCell, grid_of
from experiments.comparison.tuning import GROWTHS
from theory import Logistic


def entry(method: str, n_pairs: int = 2) -> Entry:
    return Entry(method, "bandit", Budget(7, n_pairs, 3), Logistic(0.707))


def tune(entries: list[Entry], seed: int, run: tuning.Run) -> pd.DataFrame:
    """Every entry alone: one split each."""
    return tuning.tune([(one,) for one in entries], seed, run)


class Landscape:
    """Runs cells by looking their scores up: minus the squared distance to a peak, and noise by seed if asked."""

    def __init__(self, peaks: dict[str, GridIndex], noise: float = 0.0) -> None:
        self.peaks, self.noise = peaks, noise
        self.cells: list[LearningCell] = []
        self.extra: list[int] = []

    def __call__(self, cells: list[LearningCell], *, extra: int = 0) -> pd.DataFrame:
        self.cells += cells
        self.extra.append(extra)
        rows = []
        for cell in cells:
            grid, peak = grid_of(cell.entry), self.peaks[cell.entry.method]
            for index in cell.indices:
                step, knob = grid.setting(index)
                score = -float(np.sum((np.array(index) - peak) ** 2))
                for seed in range(cell.first_seed, cell.first_seed + cell.n_seeds):
                    wobble = self.noise * np.random.default_rng([seed, *np.abs(index)]).normal()
                    known = {"step_index": index[0], "knob_index": index[1], "step_size": step, "knob": knob}
                    rows += [cell.entry.fields | known | {"seed": seed, "score": score + wobble}] * 2
        return pd.DataFrame(rows)

    def tried(self, method: str) -> list[GridIndex]:
        """Places of the first look, in the order in which they were tried."""
        return [at for c in self.cells if c.entry.method == method and c.first_seed == 0 for at in c.indices]


def chosen(frame: pd.DataFrame, method: str) -> pd.Series:
    rows = frame[frame["chosen"] & (frame["method"] == method)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_best_inside_the_grid_is_found_at_no_extra_cost():
    land = Landscape({"zpg": (1, 1)})
    kept = chosen(tune([entry("zpg")], 0, land), "zpg")
    assert (kept["step_index"], kept["knob_index"]) == (1, 1)
    assert not kept["at_edge"]
    assert not kept["knob_at_edge"]
    assert len(land.tried("zpg")) == N_SETTINGS
    assert sum(land.extra) == 0


@pytest.mark.parametrize("peak", [(4, 2), (-1, 0), (3, 3), (0, -2), (5, 3), (-2, -1)])
def test_the_grid_grows_towards_a_best_outside_it(peak):
    land = Landscape({"zpg": peak})
    kept = chosen(tune([entry("zpg")], 0, land), "zpg")
    assert (kept["step_index"], kept["knob_index"]) == peak
    tried = land.tried("zpg")
    assert len(set(tried)) == len(tried), "no setting twice"
    assert N_SETTINGS < len(tried) <= N_SETTINGS + 4 * GROWTHS


@pytest.mark.parametrize(("peak", "edges"), [((50, 1), (True, True)), ((1, 50), (True, True))])
def test_growth_ends_and_edges_are_told_by_axis(peak, edges, monkeypatch):
    land = Landscape({"zpg": peak})
    kept = chosen(tune([entry("zpg")], 0, land), "zpg")
    assert (kept["at_edge"], kept["knob_at_edge"]) == edges, "beside the last growth nothing was tried on either axis"
    monkeypatch.setattr(tuning, "GROWTHS", 0)
    kept = chosen(tune([entry("zpg")], 0, Landscape({"zpg": (50, 1)})), "zpg")
    assert (kept["at_edge"], kept["knob_at_edge"]) == (True, False)
    kept = chosen(tune([entry("zpg")], 0, Landscape({"zpg": (1, 50)})), "zpg")
    assert (kept["at_edge"], kept["knob_at_edge"]) == (False, True)


def test_growth_ends_and_the_edge_is_told():
    land = Landscape({"zpg": (50, 1)})
    kept = chosen(tune([entry("zpg")], 0, land), "zpg")
    assert kept["step_index"] == 3 + GROWTHS
    assert kept["at_edge"]
    assert kept["knob_at_edge"], "its knobs beside were not tried there"


def test_what_has_no_meaning_or_is_not_tuned_is_never_tried():
    """Steps of DPO are whole and at least 1, its minimum has no step size, and a gradient from returns no knob."""
    peaks = {"dpo-early": (1, -3), "dpo-offline": (7, 14), "reinforce": (14, 7)}
    land = Landscape(peaks)
    found = tune([entry(method) for method in peaks], 0, land)
    assert {j for _, j in land.tried("dpo-early")} == {0, 1, 2}
    assert {i for i, _ in land.tried("dpo-offline")} == {0}
    assert {j for _, j in land.tried("reinforce")} == {0}
    early = chosen(found, "dpo-early")
    assert (early["knob"], early["knob_at_edge"]) == (1.0, False), "1 is no edge of the grid but the least there is"
    assert chosen(found, "dpo-offline")["knob_index"] == 14
    assert not chosen(found, "dpo-offline")["at_edge"]
    assert chosen(found, "reinforce")["step_index"] == 14


def test_the_second_look_has_the_best_three_on_seeds_of_their_own():
    land = Landscape({"zpg": (1, 1), "exact": (13, 0)}, noise=0.3)
    found = tune([entry("zpg"), entry("exact")], 5, land)
    second = [c for c in land.cells if c.first_seed > 0]
    assert [(c.entry.method, c.first_seed, c.n_seeds, len(c.indices)) for c in second] == [
        ("zpg", 4, 20, 3),
        ("exact", 4, 20, 3),
    ]
    assert {c.entropy for c in land.cells} == {5}
    # One stream a round for all methods pairs them, and no two rounds share one.
    streams = defaultdict(set)
    for c in land.cells:
        streams[c.first_seed, c.spawn_key].add(c.entry.method)
    assert streams[0, (*second[0].spawn_key[:1], 0, 0)] == {"zpg", "exact"}
    assert second[0].spawn_key == second[1].spawn_key
    assert len({key for _, key in streams}) == len(streams)
    for method, rows in found.groupby("method"):
        assert sorted(rows["seeds"])[-4:] == [4, 24, 24, 24], method
        assert sorted(rows["rank"]) == list(range(len(rows)))
        last = rows[rows["seeds"] == 24]
        assert rows.loc[rows["chosen"], "score"].item() == last["score"].max()
        assert set(last["rank"]) == {0, 1, 2}
        first = rows[rows["seeds"] == 4]
        assert first.sort_values("rank")["score"].is_monotonic_decreasing


def test_a_score_is_the_mean_over_all_seeds_and_of_equals_the_first_is_kept():
    land = Landscape({"zpg": (1, 1)}, noise=0.3)
    found = tune([entry("zpg")], 0, land).set_index(["step_index", "knob_index"])
    runs = land([c for c in land.cells if (1, 1) in c.indices]).drop_duplicates(["step_index", "knob_index", "seed"])
    mine = runs[(runs["step_index"] == 1) & (runs["knob_index"] == 1)]["score"]
    np.testing.assert_allclose(found.loc[(1, 1), "score"], mine.mean(), rtol=1e-14)
    assert len(mine) == 24
    flat = Landscape({"reinforce": (0, 0)})
    flat.peaks = {"reinforce": (5.5, 0)}  # type: ignore[dict-item]  # between two settings
    assert chosen(tune([entry("reinforce")], 0, flat), "reinforce")["step_index"] == 5


def test_an_entry_is_tuned_the_same_alone_and_among_others():
    peaks = {"zpg": (5, 1), "zspo": (1, 1), "dpo-online": (-2, 4)}
    together = tune([entry(method) for method in peaks], 3, Landscape(peaks, noise=0.5))
    for method in peaks:
        alone = tune([entry(method)], 3, Landscape(peaks, noise=0.5))
        mine = together[together["method"] == method].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone, check_exact=True)


def test_an_entry_with_a_larger_budget_is_another():
    peaks = {"zpg": (1, 1)}
    found = tune([entry("zpg", 2), entry("zpg", 4)], 0, Landscape(peaks))
    assert found.groupby("n_pairs")["chosen"].sum().to_dict() == {2: 1, 4: 1}


def test_who_was_lucky_on_few_seeds_gives_way():
    """Three settings are best on the first 4 seeds and collapse on all others: the next best get their second look."""
    lucky = {(3, 0), (3, 1), (3, 2)}

    class Collapsing(Landscape):
        def __call__(self, cells, *, extra=0):
            rows = super().__call__(cells, extra=extra)
            at = [index in lucky for index in zip(rows["step_index"], rows["knob_index"], strict=True)]
            return rows.assign(score=rows["score"].mask(at, np.where(rows["seed"] < 4, 1.0, -100.0)))

    land = Collapsing({"zpg": (1, 1)})
    found = tune([entry("zpg")], 0, land)
    kept = chosen(found, "zpg")
    assert (kept["step_index"], kept["knob_index"]) == (1, 1)
    assert kept["seeds"] == 24
    twice = [c for c in land.cells if c.first_seed > 0]
    assert len(twice) == 2
    assert set(twice[0].indices) == lucky
    assert len({c.spawn_key for c in twice}) == 2
    assert not set(twice[1].indices) & lucky


def test_who_wins_the_second_look_at_an_edge_makes_the_grid_grow_again(monkeypatch):
    """The peak lies outside, behind a index that looks third best on the first seeds."""
    monkeypatch.setattr(tuning, "LOOKS", 3)

    class Late(Landscape):
        def __call__(self, cells, *, extra=0):
            rows = super().__call__(cells, extra=extra)
            inside = [index in {(1, 1), (2, 1)} for index in zip(rows["step_index"], rows["knob_index"], strict=True)]
            return rows.assign(score=rows["score"] + np.where(np.array(inside) & (rows["seed"] < 4), 20.0, 0.0))

    land = Late({"zpg": (5, 1)})
    found = tune([entry("zpg")], 0, land)
    kept = chosen(found, "zpg")
    assert (kept["step_index"], kept["knob_index"]) == (5, 1)
    assert not kept["at_edge"]
    order = [(c.first_seed > 0, len(c.indices)) for c in land.cells]
    assert order[:3] == [(False, N_SETTINGS), (True, 3), (False, 1)]
    # No two rounds share a stream, whatever their order.
    assert len({c.spawn_key for c in land.cells}) == len(land.cells)


def test_who_had_no_second_look_is_never_chosen(monkeypatch):
    """Looks run out while a setting seen on the first seeds alone has the best score."""
    monkeypatch.setattr(tuning, "LOOKS", 1)

    class Falling(Landscape):
        def __call__(self, cells, *, extra=0):
            rows = super().__call__(cells, extra=extra)
            return rows.assign(score=rows["score"] - np.where(rows["seed"] < 4, 0.0, 50.0))

    found = tune([entry("zpg")], 0, Falling({"zpg": (1, 1)}))
    assert chosen(found, "zpg")["seeds"] == 24
    assert found.loc[~found["chosen"], "score"].max() > chosen(found, "zpg")["score"]


def test_the_rule_is_told_with_its_numbers():
    words = tuning.rule_in_words()
    for number in ("12 settings on 4 seeds", "5 times the untried", "2 times the best 3 on 20 seeds", "last 10%"):
        assert number in words


def splits_of(method: str, *n_pairs: int) -> tuple[Entry, ...]:
    return tuple(entry(method, n) for n in n_pairs)


class Splits(Landscape):
    """Scores as in `Landscape`, more or less by the number of pairs."""

    def __init__(self, peaks: dict[str, GridIndex], worth: dict[int, float]) -> None:
        super().__init__(peaks)
        self.worth = worth

    def __call__(self, cells, *, extra=0):
        rows = super().__call__(cells, extra=extra)
        return rows.assign(score=rows["score"] + rows["n_pairs"].map(self.worth))


def test_the_best_two_splits_go_on_and_the_best_setting_of_both_is_chosen():
    land = Splits({"zpg": (1, 1)}, {2: 0.0, 8: 3.0, 32: 4.0, 128: -1.0})
    found = tuning.tune([splits_of("zpg", 2, 8, 32, 128)], 0, land)
    kept = chosen(found, "zpg")
    assert (kept["n_pairs"], kept["step_index"], kept["knob_index"]) == (32, 1, 1)
    seeds = found.groupby("n_pairs")["seeds"].max()
    assert seeds.to_dict() == {2: 4, 8: 24, 32: 24, 128: 4}
    entry_of, index = tuning.chosen_setting(found, splits_of("zpg", 2, 8, 32, 128))
    assert (entry_of.budget.n_pairs, index) == (32, (1, 1))


def test_a_split_with_one_lucky_setting_does_not_go_on():
    """One setting of the first split towers over all on the first seeds; its others are poor."""

    class Lucky(Splits):
        def __call__(self, cells, *, extra=0):
            rows = super().__call__(cells, extra=extra)
            lucky = (rows["n_pairs"] == 2) & (rows["step_index"] == 3) & (rows["knob_index"] == 0)
            return rows.assign(score=rows["score"] + 20.0 * lucky)

    found = tuning.tune([splits_of("zpg", 2, 8, 32)], 0, Lucky({"zpg": (1, 1)}, {2: -30.0, 8: 0.0, 32: 1.0}))
    assert chosen(found, "zpg")["n_pairs"] == 32
    assert found.groupby("n_pairs")["seeds"].max().to_dict() == {2: 4, 8: 24, 32: 24}


def test_the_runner_up_on_few_seeds_wins_on_more():
    class Turning(Splits):
        def __call__(self, cells, *, extra=0):
            rows = super().__call__(cells, extra=extra)
            return rows.assign(score=rows["score"] - 5.0 * ((rows["n_pairs"] == 2) & (rows["seed"] >= 4)))

    land = Turning({"zpg": (1, 1), "zspo": (1, 1)}, {2: 1.0, 8: 0.0, 32: -1.0})
    groups = [splits_of("zpg", 2, 8, 32), splits_of("zspo", 2, 8, 32)]
    found = tuning.tune(groups, 0, land)
    for name in ("zpg", "zspo"):
        assert chosen(found, name)["n_pairs"] == 8
    # No two rounds of an entry share a stream.
    for one in {cell.entry for cell in land.cells}:
        keys = [cell.spawn_key for cell in land.cells if cell.entry == one]
        assert len(set(keys)) == len(keys)
