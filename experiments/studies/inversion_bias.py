"""Exact link-inversion bias against the number of votes: c/M with a known c, or of order 1/sqrt(M) at the boundary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.catalogue.links import HORIZON, boundary_model, scaled_link
from theory import LINKS, Link, VoteModel
from theory.links import inverse_curvature
from theory.votes import bias_at

VOTES = tuple(int(m) for m in 2 ** np.arange(2, 15))
# Difference at which the interior bias is computed, as a share of H. At 0 it vanishes for symmetric links.
INTERIOR = 0.5


def bias_constant(link: Link, difference: float) -> float:
    """Constant c of the delta method, b_M = c / M + O(M^-2): (sigma^{-1})''(p) p (1 - p) / 2, p = sigma(difference)."""
    p = float(link.probability(difference))
    return float(inverse_curvature(link, difference)) * p * (1 - p) / 2


def inversion_bias(horizon: int = HORIZON, n_queries: Sequence[int] = VOTES) -> pd.DataFrame:
    """Bias of the inverted vote share for every link, inside the range and with the trim on its boundary.

    Parameters
    ----------
    horizon : int
        H. Links have scale H / 2; the linear link has 2 H, since it must be invertible on [-H, H].
    n_queries : sequence of int
        M.

    Returns
    -------
    DataFrame
        Columns ``link``, ``n_queries``, ``case`` (``interior``: at H / 2 with the default trim; ``boundary``: at -H
        with the trim at exactly sigma(-H), or at H where 1 - sigma(H) is smaller), ``bias`` (absolute) and
        ``delta_method`` (absolute constant over M; nan at the boundary).
    """
    rows = []
    for name in LINKS:
        link, inside = scaled_link(name, horizon), INTERIOR * horizon
        for m in n_queries:
            model, edge = boundary_model(name, m, horizon)
            cases = (
                ("interior", bias_at(VoteModel(link, m), inside, horizon), abs(bias_constant(link, inside)) / m),
                ("boundary", bias_at(model, edge, horizon), np.nan),
            )
            for case, bias, delta in cases:
                rows.append(
                    {"link": name, "n_queries": m, "case": case, "bias": float(np.abs(bias)), "delta_method": delta}
                )
    return pd.DataFrame(rows)
