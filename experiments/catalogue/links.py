"""Links as the exact claims and figures on inversion bias use them."""

from __future__ import annotations

from theory import LINKS, Trimmed, VoteModel
from theory.links import ScaledLink, largest_trim

HORIZON = 5


def scaled_link(name: str, horizon: int = HORIZON) -> ScaledLink:
    """Link scaled to H / 2; the linear one to 2 H, which it needs to be invertible."""
    return LINKS[name](scale=2.0 * horizon if name == "linear" else horizon / 2)


def boundary_model(name: str, n_queries: int, horizon: int = HORIZON) -> tuple[VoteModel, float]:
    """Votes read with the trim on its boundary, and the difference where it then acts at the mean."""
    link = scaled_link(name, horizon)
    low, high = float(link.probability(-horizon)), float(link.probability(horizon))
    model = VoteModel(link, n_queries, Trimmed(largest_trim(link, horizon)))
    return model, float(-horizon if low <= 1 - high else horizon)
