"""Cells of claims on constants: blocks of replicates, each with a random stream of its own."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from experiments.catalogue.claims import Point
from experiments.rates.cells import Cell
from experiments.rates.floor_claim import FloorClaim

# Replicates per cell. Large batches share the work of an iteration.
BLOCK = 128


def cells_at(
    claim: FloorClaim, points: Sequence[Point], seed: int, first: int, last: int, block: int = BLOCK
) -> list[Cell]:
    """Cells of replicates ``first <= r < last`` of a claim at some points, in blocks."""
    method = claim.run_as or claim.method
    instance = claim.instance if claim.link is None else claim.where
    return [
        Cell(
            claim=claim.name,
            method=method,
            instance=instance,
            points=tuple(points),
            first_point=0,
            replicates=tuple(range(begin, min(begin + block, last))),
            entropy=seed,
            spawn_key=(zlib.crc32(claim.name.encode()), 0, begin),
        )
        for begin in range(first, last, block)
    ]
