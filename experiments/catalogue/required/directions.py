"""What a law of directions must be: unit vectors, listed where they are few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import default_rng

from experiments.catalogue.required.outcome import CheckOutcome, judged, members, run_checks, shape_outcome

# Numbers of parameters that are tried: large blocks need many.
DIMS = (2, 3, 5, 8, 16, 64, 256)
LENGTH_ERROR = 1e-12


def directions_outcomes(directions: Any) -> Iterator[CheckOutcome]:
    """Check a law of directions: unit vectors, and E[v v'] = I / d where they are listed."""
    yield from run_checks((_directions_members, _sample, _support), directions, gates=2)


def _directions_members(directions: Any) -> Iterator[CheckOutcome]:
    yield members(directions, (), ("sample", "support"))


def _sample(directions: Any) -> Iterator[CheckOutcome]:
    """Shapes for no batch and batches of one and two axes; lengths."""
    worst = 0.0
    for dim in dims_of(directions):
        for batch in ((), (7,), (2, 3)):
            drawn = directions.sample(dim, batch, default_rng(3))
            outcome = shape_outcome("shape of sample", "directions", (*batch, dim), drawn)
            if not outcome.passed:
                yield outcome
                return
            worst = max(worst, float(np.abs(np.linalg.norm(drawn, axis=-1) - 1).max()))
    yield outcome
    yield _unit("length", worst)


def _support(directions: Any) -> Iterator[CheckOutcome]:
    for dim in dims_of(directions):
        listed = directions.support(dim)
        if listed is None:
            continue
        found = np.asarray(listed)
        if found.ndim != 2 or found.shape[1] != dim or not len(found):
            required = f"list its directions in an array (n, {dim}), or give None"
            yield judged("shape of support", False, required, f"shape {found.shape}", "one direction a row")
            return
        yield _unit("length in support", float(np.abs(np.linalg.norm(found, axis=1) - 1).max()))
        error = float(np.abs(found.T @ found / len(found) - np.eye(dim) / dim).max())
        required = f"have E[v v'] = I / {dim} over its support"
        remedy = "list every direction once for each of its equal chances"
        yield judged("second moment of support", error <= 1e-9, required, f"errors up to {error:.3g}", remedy, error)
        drawn = directions.sample(dim, (16,), default_rng(4))
        far = float(max(np.abs(found - one).max(axis=1).min() for one in drawn))
        came = f"one at a distance of {far:.3g}"
        yield judged("drawn from support", far <= 1e-9, "draw from its support", came, "mend sample or support", far)
        return
    yield judged("support", True, "list its directions, or give None", "None", "")


def _unit(name: str, worst: float) -> CheckOutcome:
    came = f"lengths that are up to {worst:.3g} off"
    return judged(name, worst <= LENGTH_ERROR, "give directions of length 1", came, "divide by their norms", worst)


def dims_of(directions: Any, n: int = 2) -> list[int]:
    """Numbers of parameters for which directions can be had, the smallest of those tried."""
    fits, raised = [], None
    for dim in DIMS:
        try:
            directions.sample(dim, (1,), default_rng(0))
        except Exception as error:
            raised = raised or error
        else:
            fits.append(dim)
        if len(fits) == n:
            break
    if not fits and raised is not None:
        raise raised
    return fits
