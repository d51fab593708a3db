"""Learning curves of one method under a few settings: cells that are pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.random import SeedSequence
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimators import Ascent, PreferenceFeedback, ascend
from experiments.catalogue.instances import get_instance
from experiments.catalogue.methods import get_method
from experiments.catalogue.setting_grid import Lattice, Place
from theory import InputError, Link, VoteModel, policy_value

FloatArray = NDArray[np.float64]

# Settings are scored by the mean value over this share of the iterations, the last.
SCORED = 0.1
# Values are kept of every iteration, setting and seed.
LARGEST_T = 1_000_000
# Points of a curve.
N_POINTS = 60


@dataclass(frozen=True)
class Entry:
    """One method with one budget, on one instance.

    Attributes
    ----------
    method, instance : str
    n_iterations : int
        T.
    n_pairs : int
        Trajectory pairs an iteration, N; methods that see returns get 2 N trajectories.
    n_queries : int or inf
        Votes a pair, M.
    link : Link
        Assumed by the methods, and used by the raters unless `rater_link` is given.
    rater_link : Link, optional
        Used by the raters. Settings are tuned without it: who assumes a wrong link does not know.
    """

    method: str
    instance: str
    n_iterations: int
    n_pairs: int
    n_queries: float
    link: Link
    rater_link: Link | None = None

    FIELDS: ClassVar[tuple[str, ...]] = (
        "method",
        "instance",
        "n_iterations",
        "n_pairs",
        "n_queries",
        "assumed",
        "raters",
    )

    @property
    def fields(self) -> dict[str, Any]:
        """What tells entries apart in frames; links are in words."""
        numbers = {name: getattr(self, name) for name in self.FIELDS[:-2]}
        return numbers | {"assumed": _words(self.link), "raters": _words(self.rater_link or self.link)}

    def __post_init__(self) -> None:
        get_method(self.method)
        if self.rater_link == self.link:
            object.__setattr__(self, "rater_link", None)
        for name in ("n_iterations", "n_pairs", "n_queries"):
            if not getattr(self, name) >= 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.n_iterations > LARGEST_T:
            raise InputError(
                f"n_iterations must be at most {LARGEST_T:,}, got {self.n_iterations:,}; "
                "spend the votes on more pairs or more votes a pair"
            )


@dataclass(frozen=True)
class LearningCell:
    """Settings of an entry, each run on the same number of seeds.

    Attributes
    ----------
    entry : Entry
    places : tuple of Place
        Where the settings stand on the entry's lattice.
    first_seed, n_seeds : int
        Seeds ``first_seed <= s < first_seed + n_seeds``.
    entropy : int
    spawn_key : tuple of int
        The same for every method: those that draw the same things draw the same numbers, which pairs them.
    """

    entry: Entry
    places: tuple[Place, ...]
    first_seed: int
    n_seeds: int
    entropy: int
    spawn_key: tuple[int, ...]

    @property
    def instance(self) -> str:
        """Name of the instance."""
        return self.entry.instance


def run_learning(cell: LearningCell, fingerprint: str = "") -> pd.DataFrame:  # noqa: ARG001  (part of the cache's key)
    """Run a cell.

    Returns
    -------
    DataFrame
        Columns ``step_place`` and ``knob_place`` (on the lattice), ``step_size``, ``knob``, ``seed``, ``iteration``,
        ``trajectories``, ``votes`` (spent so far) and ``value`` (exact), at 60 iterations from 0 to T, and ``score``
        (mean value over the last tenth of the iterations).
    """
    entry, instance = cell.entry, get_instance(cell.entry.instance)
    rng = np.random.default_rng(SeedSequence(cell.entropy, spawn_key=cell.spawn_key))
    step, knob = _settings(cell).T[..., None]
    start = np.broadcast_to(instance.start, (len(cell.places), cell.n_seeds, instance.policy.dim))
    learner = get_method(entry.method).build(instance.policy.dim, oracle(entry), knob)
    # Sums inside a matrix product depend on the number of threads; one makes the bytes the same everywhere.
    with threadpool_limits(limits=1):
        try:
            runs = ascend(instance.mdp, instance.policy, learner, start, entry.n_iterations, step, rng)
        except FloatingPointError as error:
            raise InputError(
                f"{entry.method} on {entry.instance} with {_words(entry.link)}: {error}; "
                "or leave this method out, or assume another link"
            ) from error
        values = np.concatenate([runs.values, policy_value(instance.mdp, instance.policy, runs.theta)[..., None]], -1)
    return _curves(cell, runs, values)


def oracle(entry: Entry) -> PreferenceFeedback:
    """The preference oracle of an entry: every pair is simulated and every vote drawn, whatever the method."""
    votes = VoteModel(entry.link, entry.n_queries, rater_link=entry.rater_link)
    return PreferenceFeedback(np.asarray(entry.n_pairs), "rollout", votes)


def _curves(cell: LearningCell, runs: Ascent, values: FloatArray) -> pd.DataFrame:
    last = cell.entry.n_iterations
    shown = np.unique(np.rint(np.linspace(0, last, min(N_POINTS, last + 1))).astype(int))
    scores = values[..., -max(1, round(SCORED * last)) :].mean(axis=-1)
    seeds = cell.first_seed + np.arange(cell.n_seeds)
    setting, seed, iteration = (
        axis.ravel() for axis in np.meshgrid(np.arange(len(cell.places)), seeds, shown, indexing="ij")
    )
    step, knob = _settings(cell)[setting].T
    step_place, knob_place = np.array(cell.places)[setting].T
    return pd.DataFrame(
        cell.entry.fields
        | {
            "step_place": step_place,
            "knob_place": knob_place,
            "step_size": step,
            "knob": knob,
            "seed": seed,
            "iteration": iteration,
            "trajectories": _spent(runs.n_trajectories, iteration / last),
            "votes": _spent(runs.n_votes, iteration / last),
            "value": values[..., shown].ravel(),
            "score": np.repeat(scores.ravel(), len(shown)),
        }
    )


def _settings(cell: LearningCell) -> FloatArray:
    """Step sizes and knobs of a cell, (settings, 2)."""
    lattice = lattice_of(cell.entry)
    return np.array([lattice.setting(place) for place in cell.places])


def _spent(total: FloatArray, share: FloatArray) -> FloatArray:
    """Share of a total that may be infinite: nothing of it at the start."""
    return np.multiply(float(total), share, where=share > 0, out=np.zeros_like(share))


def _words(link: Link) -> str:
    """Name of a link that is the same in every process, which the address in a plain object's is not."""
    return type(link).__qualname__ if type(link).__repr__ is object.__repr__ else str(link)


def lattice_of(entry: Entry) -> Lattice:
    """Settings that an entry may be tuned over."""
    return get_method(entry.method).lattice(replace(get_instance(entry.instance), link=entry.link))


def learning_cell(
    entry: Entry, places: tuple[Place, ...], first_seed: int, n_seeds: int, seed: int, stage: tuple[int, int]
) -> LearningCell:
    """Cell whose random stream depends on the instance, the stage and the seed, and so not on the method."""
    spawn_key = (zlib.crc32(entry.instance.encode()), *stage)
    return LearningCell(entry, places, first_seed, n_seeds, seed, spawn_key)


def learning_work(cell: LearningCell) -> float:
    """About how long a cell takes; methods that keep all pairs and look at them again take longest."""
    weight = {"ppo": 4.0, "dpo": 3.0, "exact": 0.2}.get(cell.entry.method.partition("-")[0], 1.0)
    return weight * cell.n_seeds * len(cell.places) * cell.entry.n_iterations
