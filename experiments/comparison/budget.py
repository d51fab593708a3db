"""The budget of a run: iterations, trajectory pairs and votes."""

from __future__ import annotations

from dataclasses import dataclass

from theory.errors import InputError, require_integer
from theory.votes import require_count

# Memory bounds the number of iterations: the value of every iteration, setting and seed is kept.
MOST_ITERATIONS = 1_000_000

# Splits of one budget, as (N, M). With 5 votes a pair both the votes and the pairs are spent, with 25 the votes alone.
# Fewer than 5 would leave votes over, at the same number of pairs.
SPLITS = ((2, 5), (4, 5), (16, 5), (64, 5), (16, 25))
VOTES_A_PAIR = 5


@dataclass(frozen=True)
class Budget:
    """Iterations, trajectory pairs an iteration and votes a pair.

    Parameters
    ----------
    n_iterations : int, default 300
        T.
    n_pairs : int, default 32
        N; methods that see returns get 2 N trajectories.
    n_queries : int or inf, default 5
        M.

    Raises
    ------
    InputError
        If a number is below 1 or not whole, or there are too many iterations.
    """

    n_iterations: int = 300
    n_pairs: int = 32
    n_queries: float = 5

    def __post_init__(self) -> None:
        for name in ("n_iterations", "n_pairs"):
            require_integer(name, getattr(self, name), 1)
        require_count("n_queries", self.n_queries)
        if self.n_iterations > MOST_ITERATIONS:
            raise InputError(
                f"n_iterations must be at most {MOST_ITERATIONS:,}, got {self.n_iterations:,}; "
                "spend the votes on more pairs or more votes a pair"
            )

    @property
    def votes(self) -> int:
        """Votes of a run."""
        return int(self.n_iterations * self.n_pairs * self.n_queries)

    @classmethod
    def of_votes(cls, votes: int, n_pairs: int = n_pairs, n_queries: int = int(n_queries)) -> Budget:
        """The budget with as many iterations as this number of votes allows.

        Raises
        ------
        InputError
            If the votes are not enough for one iteration.
        """
        if votes < n_pairs * n_queries:
            raise InputError(
                f"{votes} votes do not pay for one iteration of {n_pairs} pairs x {n_queries} votes = "
                f"{n_pairs * n_queries}; raise the budget or lower pairs or votes a pair"
            )
        return cls(votes // (n_pairs * n_queries), n_pairs, n_queries)


def splits(votes: int) -> tuple[Budget, ...]:
    """Splits T x N x M that spend at most this number of votes, and at most one pair of trajectories for five votes.

    Splits that do not pay for one iteration, or ask for too many, are left out.

    Raises
    ------
    InputError
        If none is left.
    """
    lengths = [(min(votes // (n * m), votes // VOTES_A_PAIR // n), n, m) for n, m in SPLITS]
    possible = tuple(Budget(t, n, m) for t, n, m in lengths if 1 <= t <= MOST_ITERATIONS)
    if not possible:
        raise InputError(
            f"votes must pay for an iteration of one of the splits (N, M) = {', '.join(map(str, SPLITS))}, at most "
            f"{MOST_ITERATIONS:,} times, got {votes:,}; choose another budget, or set pairs and votes a pair"
        )
    return possible


# Budget of a run at one split, and number of seeds.
PRESETS: dict[str, tuple[Budget, int]] = {
    "quick": (Budget.of_votes(48_000), 20),
    "paper": (Budget.of_votes(160_000), 100),
}

# Seeds of the final runs where every method has a split of its own.
COMPARED_SEEDS = {"quick": 50, "paper": 200}
