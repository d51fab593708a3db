"""What a plan may use and what it pays: prices, limits, and how votes are asked and read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.catalogue.instance import Instance
from theory.errors import InputError, require_integer, require_kind, require_number
from theory.inversions import HaldaneAnscombe, Trimmed
from theory.links import Link
from theory.until_disagreement import AgreementLink, UntilDisagreement
from theory.votes import VoteModel

# Votes a pair that are tried, and numbers from which on the two ways of reading them differ.
QUERIES = (1, 3, 5, 9, 25, 100)
# Above this dimension every candidate takes longer: fewer numbers of votes are tried, and no blocks of 3.
LARGEST_DIM_OF_ALL, FEW_QUERIES = 32, (1, 5, 25)
# Raters who agree almost surely are asked so many times at most.
CAP = 100
# Share of the largest stable step that a plan may use.
STEP_MARGIN = 0.2


@dataclass(frozen=True)
class Prices:
    """Costs of a trajectory and of a vote, in any unit.

    Raises
    ------
    InputError
        If a cost is not finite or negative, or both are 0.
    """

    trajectory: float = 1.0
    vote: float = 1.0

    def __post_init__(self) -> None:
        for name in ("trajectory", "vote"):
            required, cost = "be a finite number of at least 0", getattr(self, name)
            require_number(f"cost of a {name}", cost, required, lambda number: 0 <= number < math.inf)
        if self.trajectory == self.vote == 0:
            raise InputError(
                "cost of a trajectory or of a vote must be above 0, got 0 for both: then every run is free"
            )

    def of_pair(self, votes: float) -> float:
        """Cost of two trajectories and this many votes."""
        return 2 * self.trajectory + votes * self.vote


@dataclass(frozen=True)
class Limits:
    """Largest settings of a plan.

    Parameters
    ----------
    iterations : int, default 10000
        T. Iterations cost nothing by themselves, so without a limit a plan has one pair in each.
    pairs : int, optional
        N; by default as many as the budget pays for.
    queries : int, default 100
        M.
    block_sizes : tuple of int or None, optional
        K of ZBCPG; None is ZPG. By default ZPG, K = 1 and d, and K = 3 up to 32 parameters.
    until_disagreement : bool, default True
        Whether raters may be asked one by one until one disagrees with the first.

    Raises
    ------
    InputError
        If a limit is not an integer of at least 1, or no block size is left.
    """

    iterations: int = 10_000
    pairs: int | None = None
    queries: int = 100
    block_sizes: tuple[int | None, ...] | None = None
    until_disagreement: bool = True

    def __post_init__(self) -> None:
        for name in ("iterations", "pairs", "queries"):
            if getattr(self, name) is not None:
                require_integer(f"the limit of {name}", getattr(self, name), 1)
        if self.block_sizes is not None:
            require_kind("block_sizes", self.block_sizes, tuple, "(None, 1)")
            if not self.block_sizes:
                raise InputError("block_sizes must hold at least one K, or None for ZPG, got none")
            for size in self.block_sizes:
                if size is not None:
                    require_integer("block_sizes", size, 1)
        require_kind("until_disagreement", self.until_disagreement, bool, "True")

    def sizes(self, dim: int) -> tuple[int | None, ...]:
        """Block sizes to try in this dimension; None is ZPG.

        Raises
        ------
        InputError
            If all are larger than the dimension.
        """
        usual = (None, 1, 3, dim) if dim <= LARGEST_DIM_OF_ALL else (None, 1, dim)
        asked = usual if self.block_sizes is None else self.block_sizes
        kept = tuple(dict.fromkeys(size for size in asked if size is None or size <= dim))
        if not kept:
            raise InputError(f"block_sizes must hold a K of at most the number of parameters {dim}, got {asked}")
        return kept


def chosen_terms(prices: Prices | None, limits: Limits | None, usual: Limits) -> tuple[Prices, Limits]:
    """Prices and limits as given, by default 1 for a trajectory and a vote each, and the usual limits.

    Raises
    ------
    InputError
        If one of them is of another class.
    """
    if prices is not None:
        require_kind("prices", prices, Prices, "Prices(1.0, 2.0)")
    if limits is not None:
        require_kind("limits", limits, Limits, "Limits(iterations=1000)")
    return prices or Prices(), limits or usual


@dataclass(frozen=True)
class Panel:
    """How the votes on a pair are asked and read.

    Attributes
    ----------
    name : str
    votes : VoteModel or UntilDisagreement
    """

    name: str
    votes: VoteModel | UntilDisagreement


def panels(link: Link, limits: Limits, dim: int) -> list[Panel]:
    """Panels of M raters, with the usual trim or read as by Haldane and Anscombe, and one that stops early."""
    numbers = [m for m in (QUERIES if dim <= LARGEST_DIM_OF_ALL else FEW_QUERIES) if m <= limits.queries]
    found = [Panel(f"M = {m}", VoteModel(link, m, Trimmed())) for m in numbers]
    found += [Panel(f"M = {m}, Haldane-Anscombe", VoteModel(link, m, HaldaneAnscombe())) for m in numbers if m > 1]
    if limits.until_disagreement and isinstance(link, AgreementLink):
        found.append(Panel("until the first disagreement", UntilDisagreement(link, CAP)))
    return found


def usable_panels(instance: Instance, limits: Limits) -> list[Panel]:
    """Those whose votes can be read on an instance.

    Raises
    ------
    InputError
        If there is none, as the MDP has no reward lattice.
    """
    found, reason = [], ""
    for panel in panels(instance.link, limits, instance.policy.dim):
        try:
            panel.votes.table(instance.mdp)
        except (InputError, NotImplementedError) as error:
            reason = reason or str(error)
        else:
            found.append(panel)
    if not found:
        raise InputError(f"instance {instance.name} must have votes with an exact law for a plan: {reason}")
    return found
