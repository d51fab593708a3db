"""The algorithms under test: a name and a law of directions. Everything else they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from estimators import Blocks, Directions, Sphere
from theory.errors import InputError


@dataclass(frozen=True)
class Algorithm:
    """One algorithm.

    Attributes
    ----------
    name : str
        Short name, as used in tables and on the command line.
    title : str
        Name in figures.
    directions : function of the number of parameters -> Directions
    """

    name: str
    title: str
    directions: Callable[[int], Directions]


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("zpg", "ZPG", lambda dim: Sphere()),  # noqa: ARG005
        Algorithm("zbcpg-1", "ZBCPG, K = 1", lambda dim: Blocks(1)),  # noqa: ARG005
        Algorithm("zbcpg-3", "ZBCPG, K = 3", lambda dim: Blocks(3)),  # noqa: ARG005
        Algorithm("zbcpg-d", "ZBCPG, K = d", Blocks),
    )
}


def get_algorithm(name: str) -> Algorithm:
    """Algorithm of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in ALGORITHMS:
        raise InputError(f"algorithm must be one of {', '.join(ALGORITHMS)}, got {name!r}")
    return ALGORITHMS[name]
